//! Runs that were killed between their record, their bundle and their line in the history, and what `lifeboat judge` makes of each.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use rstest::rstest;
use serde_json::json;

use crate::credentials::MINUTE;
use crate::evidence::lifeboat;
use crate::history_in_s3::kept_run;
use crate::support::{Ended, External, Lab, PLAIN_SEED, Process, Run, exhaustion_plan};

const BUNDLE: &str = "record.sigstore.json";

fn lab(names: &[&str]) -> Lab {
    let lab = Lab::new();
    lifeboat(&lab, "keygen", &["--out", "drill.key"]).expect_code(0);
    for (number, name) in names.iter().enumerate() {
        kept_run(&lab, name, &format!("20261122-011126-00000{number}"), &[]);
    }
    lab
}

fn judge(lab: &Lab, dir: &str, more: &[&str]) -> Ended {
    lifeboat(lab, "judge", &[&[dir, "--history", "h.jsonl"], more].concat())
}

const KEY: [&str; 2] = ["--sign-key", "drill.key"];

fn verify(lab: &Lab, dir: &str) -> Ended {
    lifeboat(lab, "verify", &[dir, "--key", "drill.pub", "--history", "h.jsonl"])
}

fn says(ended: &Ended, what: &str) {
    ended.expect_code(0);
    assert!(ended.stdout.contains(what), "{ended}");
}

fn lines(lab: &Lab) -> usize {
    fs::read_to_string(lab.path("h.jsonl")).map_or(0, |text| text.lines().count())
}

/// As after a kill behind the record, behind the bundle, and behind nothing.
#[test]
fn what_a_kill_left_out_is_made_up_for_once() {
    let lab = lab(&["one", "two", "three"]);
    says(&judge(&lab, "one", &KEY), "signed\nadded to h.jsonl");
    // The record is there, and no bundle.
    lifeboat(&lab, "judge", &["two"]).expect_code(0);
    says(&judge(&lab, "two", &KEY), "signed\nadded to h.jsonl");
    // Record and bundle are there, and no line: the statement fits its place, and no key is needed.
    let text = fs::read_to_string(lab.path("h.jsonl")).expect("it");
    let (first, _) = text.split_once('\n').expect("two lines");
    fs::write(lab.path("h.jsonl"), format!("{first}\n")).expect("cut");
    let bundle = fs::read(lab.path("two").join(BUNDLE)).expect("it");
    says(&judge(&lab, "two", &[]), "added to h.jsonl");
    assert_eq!(fs::read(lab.path("two").join(BUNDLE)).expect("it"), bundle);
    assert_eq!(fs::read_to_string(lab.path("h.jsonl")).expect("it"), text);
    says(&judge(&lab, "two", &[]), "already in h.jsonl");
    // Signed outside the chain: it is signed anew, and not without the key.
    lifeboat(&lab, "judge", &[&["three"], &KEY[..]].concat()).expect_code(0);
    let refused = judge(&lab, "three", &[]);
    refused.expect_code(2).expect_stderr(&["h.jsonl", "--sign-key", "anew"]);
    assert_eq!(lines(&lab), 2);
    says(&judge(&lab, "three", &KEY), "signed\nadded to h.jsonl");
    says(&judge(&lab, "three", &KEY), "already in h.jsonl");
    assert_eq!(lines(&lab), 3);
    for dir in ["one", "two", "three"] {
        verify(&lab, dir).expect_code(0);
    }
}

/// No statement is made outside the chain of the history that a run is in.
#[test]
fn a_run_that_is_in_its_history_gets_no_other_statement() {
    let lab = lab(&["one", "two"]);
    says(&judge(&lab, "one", &[]), "added to h.jsonl");
    let refused = judge(&lab, "one", &KEY);
    refused.expect_code(2).expect_stderr(&["already, unsigned", "not signed"]);
    assert!(!lab.path("one").join(BUNDLE).exists(), "{refused}");
    says(&judge(&lab, "two", &KEY), "signed\nadded to h.jsonl");
    fs::remove_file(lab.path("two").join(BUNDLE)).expect("removed");
    judge(&lab, "two", &[]).expect_code(2).expect_stderr(&["--sign-key"]);
    says(&judge(&lab, "two", &KEY), "signed\nalready in h.jsonl");
    verify(&lab, "two").expect_code(0);
    // Another statement about the same run.
    fs::remove_file(lab.path("two").join(BUNDLE)).expect("removed");
    let text = fs::read_to_string(lab.path("h.jsonl")).expect("it");
    let (unsigned, signed) = text.split_once('\n').expect("two lines");
    let at = signed.find("statement_sha256\":\"").expect("a digest") + 19;
    let other = format!("{unsigned}\n{}{}{}", &signed[..at], "0".repeat(64), &signed[at + 64..]);
    fs::write(lab.path("h.jsonl"), other).expect("changed");
    judge(&lab, "two", &KEY).expect_code(2).expect_stderr(&["cannot be made again"]);
    assert!(!lab.path("two").join(BUNDLE).exists());
}

/// A statement that was made outside the chain is not taken for that of the run's line, and the line stays what it is.
#[test]
fn a_statement_beside_the_chain_is_refused() {
    let lab = lab(&["unsigned", "one", "two"]);
    says(&judge(&lab, "unsigned", &[]), "added to h.jsonl");
    for dir in ["one", "two"] {
        says(&judge(&lab, dir, &KEY), "signed\nadded to h.jsonl");
    }
    let text = fs::read_to_string(lab.path("h.jsonl")).expect("it");
    fs::remove_file(lab.path("two").join(BUNDLE)).expect("removed");
    for dir in ["unsigned", "two"] {
        // Without the history: it names no run before it.
        says(&lifeboat(&lab, "judge", &[&[dir], &KEY[..]].concat()), "signed");
        let bundle = fs::read(lab.path(dir).join(BUNDLE)).expect("it");
        for key in [&KEY[..], &[]] {
            let refused = judge(&lab, dir, key);
            refused.expect_code(2).expect_stderr(&["outside its chain", "nothing was changed"]);
        }
        assert_eq!(fs::read(lab.path(dir).join(BUNDLE)).expect("it"), bundle);
        assert_eq!(fs::read_to_string(lab.path("h.jsonl")).expect("it"), text);
    }
    fs::remove_file(lab.path("two").join(BUNDLE)).expect("removed");
    says(&judge(&lab, "two", &KEY), "signed\nalready in h.jsonl");
    verify(&lab, "two").expect_code(0);
}

/// The statement stands by then, and fits the place that the run still gets.
#[test]
fn a_line_that_cannot_be_written_is_added_later() {
    let lab = lab(&["one", "two"]);
    says(&judge(&lab, "one", &KEY), "signed\nadded to h.jsonl");
    let full = memfd_create("history", MFdFlags::MFD_ALLOW_SEALING).expect("a file without a disk");
    let mut full = fs::File::from(full);
    full.write_all(&fs::read(lab.path("h.jsonl")).expect("it")).expect("the same");
    fcntl(&full, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW)).expect("full from here on");
    let place = format!("/proc/{}/fd/{}", std::process::id(), full.as_raw_fd());
    let judged = lifeboat(&lab, "judge", &[&["two", "--history", &place], &KEY[..]].concat());
    judged.expect_code(1).expect_stderr(&["cannot add to", "the run is not in the history", "adds it"]);
    assert!(judged.stdout.ends_with("signed\n"), "{judged}");
    says(&judge(&lab, "two", &[]), "added to h.jsonl");
    verify(&lab, "two").expect_code(0);
    assert_eq!(lines(&lab), 2);
}

/// A bundle is not written over for another history, nor where something signed names it.
#[test]
fn a_statement_that_something_follows_stays() {
    let lab = lab(&["one", "two"]);
    for dir in ["one", "two"] {
        says(&judge(&lab, dir, &KEY), "signed\nadded to h.jsonl");
    }
    let bundle = fs::read(lab.path("two").join(BUNDLE)).expect("it");
    let other = lifeboat(&lab, "judge", &[&["two", "--history", "other.jsonl"], &KEY[..]].concat());
    other.expect_code(2).expect_stderr(&["a run that is not in other.jsonl"]);
    assert_eq!(fs::read(lab.path("two").join(BUNDLE)).expect("it"), bundle);
    assert_eq!(fs::read_to_string(lab.path("other.jsonl")).unwrap_or_default(), "");
    verify(&lab, "two").expect_code(0);
    fs::rename(lab.path("two").join(BUNDLE), lab.path("two/undo-1.sigstore.json")).expect("moved");
    for more in [&["two"][..], &["two", "--history", "other.jsonl"]] {
        let refused = lifeboat(&lab, "judge", &[more, &KEY[..]].concat());
        refused.expect_code(2).expect_stderr(&["not signed anew", "1 of its undos"]);
    }
    assert!(!lab.path("two").join(BUNDLE).exists());
}

/// A kill or a full disk came between the record and what is made of it.
#[test]
fn reports_that_are_missing_are_made_again() {
    let lab = lab(&["run"]);
    lifeboat(&lab, "judge", &["run"]).expect_code(0);
    let of = |name: &str| fs::read(lab.path("run").join(name)).expect("it");
    let (record, page) = (of("record.json"), of("report.html"));
    fs::remove_file(lab.path("run/report.html")).expect("removed");
    fs::write(lab.path("run/record.json"), [&record[..], b"\n"].concat()).expect("the same in other bytes");
    says(&lifeboat(&lab, "judge", &["run"]), "reports that were missing have been written");
    assert_eq!((of("record.json"), of("report.html")), ([&record[..], b"\n"].concat(), page));
    assert!(!lifeboat(&lab, "judge", &["run"]).stdout.contains("missing"));
}

/// Where the history cannot be had, nothing is signed outside it.
#[test]
fn without_its_history_a_run_is_not_signed() {
    let lab = lab(&["run"]);
    fs::create_dir(lab.path("h.jsonl")).expect("a folder in its place");
    let judged = judge(&lab, "run", &KEY);
    judged.expect_code(1);
    judged.expect_stderr(&[
        "not signed and not in",
        "lifeboat judge run --history h.jsonl --sign-key drill.key",
    ]);
    assert!(judged.stdout.contains("record.json was not there") && !lab.path("run").join(BUNDLE).exists());
    judge(&lab, "run", &[]).expect_code(1).expect_stderr(&["not in the history"]);
    fs::remove_dir(lab.path("h.jsonl")).expect("removed");
    says(&judge(&lab, "run", &KEY), "signed\nadded to h.jsonl");
    verify(&lab, "run").expect_code(0);
}

/// KMS is asked where there is something to sign, after the verdict was said.
#[test]
fn a_look_at_a_record_asks_nobody() {
    let lab = Lab::new();
    let arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    kept_run(&lab, "run", "20261122-011126-000001", &[("evidence", json!({ "kms_key": arn }))]);
    let judge = |more: &[&str]| {
        let mut command = lab.lifeboat();
        command.env("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1").args(["judge", "run"]).args(more);
        Process::start(&lab, &mut command).wait(MINUTE * 2)
    };
    let first = judge(&[]);
    first.expect_code(1).expect_stderr(&["the run is not signed", "lifeboat judge run --history"]);
    assert!(first.stdout.contains("PASSED") || first.stdout.contains("passed"), "{first}");
    let look = judge(&[]);
    look.expect_code(0);
    assert!(look.stdout.contains("not signed") && look.stderr.is_empty(), "{look}");
    judge(&["--history", "h.jsonl"]).expect_code(1).expect_stderr(&["the run is not signed", "h.jsonl"]);
    assert_eq!(lines(&lab), 0);
}

/// A history that is gone at a run's end costs neither the record nor the verdict's code: only 0 becomes 1.
#[rstest]
#[case::passed("", &KEY, 1)]
#[case::missed("1ms", &KEY, 100)]
#[case::unsigned("", &[], 0)]
fn a_run_whose_history_is_gone_is_not_signed(#[case] rto: &str, #[case] key: &[&str], #[case] code: i32) {
    let lab = lab(&[]);
    let sandbox = External::start(&lab, PLAIN_SEED);
    let plan = exhaustion_plan("hold = '3s'\nstable_for = '500ms'");
    let plan = if rto.is_empty() { plan } else { plan.replace("rto = \"60s\"", &format!("rto = \"{rto}\"")) };
    let address = sandbox.plain_address();
    let options = [&["--confirm", &address, "--history", "h.jsonl"], key].concat();
    let mut run = Run::start(&lab, &sandbox, &plan, &options);
    run.await_step("hold");
    fs::create_dir(lab.path("h.jsonl")).expect("a folder in its place");
    let ended = run.process.wait(MINUTE);
    sandbox.stop(&lab);
    let says =
        if key.is_empty() { "the run is not in the history" } else { "not signed and not in the history" };
    ended.expect_code(code).expect_stderr(&[says, "--history h.jsonl"]);
    assert!(lab.path("run/report.html").exists() && !lab.path("run").join(BUNDLE).exists(), "{ended}");
    fs::remove_dir(lab.path("h.jsonl")).expect("removed");
    // The verdict's own code, since nothing is missing by then.
    let verdict = if code == 100 { 100 } else { 0 };
    let judged = judge(&lab, "run", key);
    judged.expect_code(verdict);
    assert!(judged.stdout.contains("added to h.jsonl"), "{judged}");
    if !key.is_empty() {
        verify(&lab, "run").expect_code(0);
    }
}
