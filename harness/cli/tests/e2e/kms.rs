//! Runs that a key of AWS KMS signs: verified as others are; what is no such key refuses the run, and what KMS spoils or does
//! not sign is told, and kept from nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

use crate::crash::Scene;
use crate::credentials::MINUTE;
use crate::evidence::{lifeboat, verified_by_hand};
use crate::history_in_s3::{kept_run, stored};
use crate::support::{
    Ended, Lab, Moto, ORDERS_SEED, Process, Run, Signal, failover_plan, verified_by_python,
};

const ID: &str = "20261122-011126-000001";

/// A new key, by its ARN.
pub fn make_key(moto: &Moto, spec: &str, usage: &str) -> String {
    let made = moto.told(&["kms", "create-key", "--key-spec", spec, "--key-usage", usage]);
    made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
}

fn good_key(moto: &Moto) -> String {
    make_key(moto, "ECC_NIST_P256", "SIGN_VERIFY")
}

/// The public key as docs/evidence.md has it from KMS, in the file `drill.pub`.
fn public_key(lab: &Lab, moto: &Moto, arn: &str) {
    let told = moto.told(&["kms", "get-public-key", "--key-id", arn]);
    let der = lab.write("drill.b64", told["PublicKey"].as_str().expect("the key"));
    let script = "base64 -d \"$1\" | openssl pkey -pubin -inform DER -out \"$2\"";
    let made = Command::new("bash").args(["-c", script, "-"]).arg(der).arg(lab.path("drill.pub")).status();
    assert!(made.expect("bash").success());
}

fn ended(lab: &Lab, moto: &Moto, arguments: &[&str]) -> Ended {
    stored(lab, moto, arguments).wait(MINUTE * 2)
}

fn verify(lab: &Lab, dir: &str) -> Ended {
    lifeboat(lab, "verify", &[dir, "--key", "drill.pub"])
}

fn with_key(plan: &str, arn: &str) -> String {
    plan.replace("[[drills]]", &format!("[evidence]\nkms_key = \"{arn}\"\n[[drills]]"))
}

fn failover(scene: &Scene, moto: &Moto, arn: &str) -> Run {
    failover_with(scene, moto, arn, &[])
}

fn failover_with(scene: &Scene, moto: &Moto, arn: &str, more: &[&str]) -> Run {
    let plan = scene.lab.write("plan.toml", &with_key(&failover_plan("stable_for = '500ms'"), arn));
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).envs(moto.stores()).arg("run").arg(plan).args(more);
    Run::of(&scene.lab, command, "run")
}

#[test]
fn a_run_that_kms_signed_is_verified() {
    let scene = Scene::new(ORDERS_SEED);
    let lab = &scene.lab;
    let moto = Moto::like_aws(lab);
    let arn = good_key(&moto);
    failover(&scene, &moto, &arn).finish(MINUTE * 4).0.expect_code(0);
    scene.sandbox.stop(lab);
    public_key(lab, &moto, &arn);
    drop(moto);
    verify(lab, "run").expect_code(0);
    let by_hand = verified_by_hand(lab, &lab.path("run")).expect("verified");
    assert!(by_hand.contains("Verified OK") && by_hand.contains("ledger.jsonl: OK"), "{by_hand}");
    let bundle = lab.path("run/record.sigstore.json");
    assert_eq!(verified_by_python(&bundle, &lab.path("drill.pub")), Ok(()));
    let record = lab.path("run/record.json");
    let changed = fs::read_to_string(&record).expect("the record").replacen("passed", "failed", 1);
    fs::write(&record, changed).expect("changed");
    verify(lab, "run").expect_code(101).expect_stderr(&["NOT VERIFIED", "record.json"]);
}

/// The key behind an alias signs; another one is not taken for it.
#[test]
fn an_alias_stands_for_its_key() {
    let lab = Lab::new();
    let moto = Moto::like_aws(&lab);
    let arn = good_key(&moto);
    moto.aws(&["kms", "create-alias", "--alias-name", "alias/drills/evidence", "--target-key-id", &arn]);
    let alias = format!("{}alias/drills/evidence", arn.split_once("key/").expect("a key").0);
    kept_run(&lab, "run", ID, &[("evidence", json!({ "kms_key": alias }))]);
    let judged = ended(&lab, &moto, &["judge", "run"]);
    judged.expect_code(0);
    assert!(judged.stdout.ends_with("signed\n"), "{judged}");
    public_key(&lab, &moto, &arn);
    verify(&lab, "run").expect_code(0);
    public_key(&lab, &moto, &good_key(&moto));
    verify(&lab, "run").expect_code(101).expect_stderr(&["NOT VERIFIED", "another key"]);
    // It is signed: nobody is asked for another look at it.
    drop(moto);
    lifeboat(&lab, "judge", &["run"]).expect_code(0);
}

/// Before anything is begun.
#[rstest]
#[case::rsa("RSA_2048", "SIGN_VERIFY")]
#[case::another_curve("ECC_NIST_P384", "SIGN_VERIFY")]
#[case::a_curve_of_that_size("ECC_SECG_P256K1", "SIGN_VERIFY")]
#[case::one_that_encrypts("RSA_2048", "ENCRYPT_DECRYPT")]
fn a_key_of_another_kind_refuses_the_run(#[case] spec: &str, #[case] usage: &str) {
    let lab = Lab::new();
    let moto = Moto::like_aws(&lab);
    let arn = make_key(&moto, spec, usage);
    refused(&lab, &moto, &arn, &[]).expect_stderr(&[&arn, "ECC_NIST_P256", "SIGN_VERIFY"]);
    assert!(!moto.said().contains("TrentService.Sign"), "{}", moto.said());
}

/// A run of this plan that is refused before its sandbox is started.
fn refused(lab: &Lab, moto: &Moto, arn: &str, more: &[&str]) -> Ended {
    let plan = failover_plan("").replace("endpoint = \"${AWS_ENDPOINT_URL}\"", "");
    let plan = lab.write("plan.toml", &with_key(&plan, arn));
    let plan = plan.to_str().expect("UTF-8");
    let run = ended(lab, moto, &[&["run", plan, "--out", "run"], more].concat());
    run.expect_code(2);
    assert!(!lab.path("run").exists() && !run.stderr.contains("ready"), "{run}");
    run
}

#[test]
fn a_key_that_is_not_there_refuses_the_run_and_so_do_two() {
    let lab = Lab::new();
    let moto = Moto::like_aws(&lab);
    let arn = good_key(&moto);
    let (place, _) = arn.split_once("key/").expect("a key");
    let nobodys = format!("{place}key/00000000-0000-0000-0000-000000000000");
    refused(&lab, &moto, &nobodys, &[]).expect_stderr(&[&nobodys, "NotFoundException", "[evidence]"]);
    refused(&lab, &moto, "drills", &[]).expect_stderr(&["[evidence]", "kms_key", "alias/NAME"]);
    refused(&lab, &moto, "${NO_KEY}", &[]).expect_stderr(&["evidence", "NO_KEY", "not set"]);
    lifeboat(&lab, "keygen", &["--out", "drill.key"]).expect_code(0);
    let two = refused(&lab, &moto, &arn, &["--sign-key", "drill.key"]);
    two.expect_stderr(&["--sign-key", "kms_key", "drop one"]);
    let run = kept_run(&lab, "kept", ID, &[("evidence", json!({ "kms_key": arn }))]);
    let judged = ended(&lab, &moto, &["judge", "kept", "--sign-key", "drill.key"]);
    judged.expect_code(2).expect_stderr(&["--sign-key", "kms_key", "drop one"]);
    assert!(!run.join("record.sigstore.json").exists());
}

/// A moto that is not corrected signs the digest of the digest: what comes back is no signature of what was sent. Nothing of it is
/// written; the record is, and can be signed later.
#[test]
fn a_signature_that_is_none_is_noticed_and_made_up_for() {
    let lab = Lab::new();
    let run = kept_run(&lab, "run", ID, &[("evidence", json!({ "kms_key": "${DRILL_KEY}" }))]);
    let judge = |moto: &Moto, arn: &str| {
        let mut command = lab.lifeboat();
        command.envs(moto.stores()).env("DRILL_KEY", arn);
        command.args(["judge", "run", "--history", "history.jsonl"]);
        Process::start(&lab, &mut command).wait(MINUTE)
    };
    let spoils = Moto::start(&lab);
    let judged = judge(&spoils, &good_key(&spoils));
    judged.expect_code(1).expect_stderr(&["the run is not signed", "spoilt on its way", "lifeboat judge"]);
    assert!(run.join("record.json").exists() && run.join("report.html").exists(), "{judged}");
    assert!(!run.join("record.sigstore.json").exists(), "{judged}");
    assert_eq!(fs::read_to_string(lab.path("history.jsonl")).expect("a history"), "", "{judged}");
    let moto = Moto::like_aws(&lab);
    let arn = good_key(&moto);
    judge(&moto, &arn).expect_code(0);
    public_key(&lab, &moto, &arn);
    let verified = lifeboat(&lab, "verify", &["run", "--key", "drill.pub", "--history", "history.jsonl"]);
    verified.expect_code(0);
}

/// The run is what it is without a signature.
#[test]
fn a_run_that_kms_does_not_sign_keeps_its_record() {
    let scene = Scene::new(ORDERS_SEED);
    let lab = &scene.lab;
    let spoils = Moto::start(lab);
    let (ended, dir) = {
        let run = failover_with(&scene, &spoils, &good_key(&spoils), &["--history", "h.jsonl"]);
        (run.process.wait(MINUTE * 4), run.dir)
    };
    scene.sandbox.stop(lab);
    ended.expect_code(1).expect_stderr(&["the run is not signed", "lifeboat judge", "--history h.jsonl"]);
    assert_eq!(fs::read_to_string(lab.path("h.jsonl")).expect("a history"), "", "{ended}");
    let record = fs::read_to_string(dir.join("record.json")).expect("the record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!((&record["verdict"], &record["exit_code"]), (&json!("passed"), &json!(0)), "{ended}");
    assert!(dir.join("report.html").exists() && !dir.join("record.sigstore.json").exists(), "{ended}");
}

/// KMS is asked once all is undone: that it does not answer keeps nothing from being taken back.
#[rstest]
#[case::kms_signs(true)]
#[case::kms_is_gone(false)]
fn what_a_killed_run_left_is_taken_back_and_signed(#[case] answers: bool) {
    let scene = Scene::new(ORDERS_SEED);
    let lab = &scene.lab;
    let moto = Moto::like_aws(lab);
    let arn = good_key(&moto);
    let mut run = failover(&scene, &moto, &arn);
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    public_key(lab, &moto, &arn);
    ended(lab, &moto, &["judge", "run"]).expect_code(102);
    verify(lab, "run").expect_code(0);
    let stores = moto.stores();
    let moto = answers.then_some(moto);
    let mut command = lab.lifeboat();
    command.envs(&scene.sandbox.exports).envs(stores).args(["undo", "run"]);
    let undone = Process::start(lab, &mut command).wait(MINUTE * 2);
    scene.is_as_before();
    scene.sandbox.stop(lab);
    let bundle = lab.path("run/undo-1.sigstore.json");
    if answers {
        undone.expect_code(0);
        assert!(undone.stdout.contains("signed: undo-1.sigstore.json"), "{undone}");
        verify(lab, "run").expect_code(0);
    } else {
        undone.expect_code(1).expect_stderr(&["all is done, and not signed", &arn]);
        assert!(undone.stdout.contains("done: ") && !bundle.exists(), "{undone}");
    }
    drop(moto);
}

/// Of a run that was not signed, the undo is not either: that is said and fails nothing.
#[test]
fn an_undo_of_what_was_not_signed_is_not_signed() {
    let scene = Scene::new(ORDERS_SEED);
    let lab = &scene.lab;
    let moto = Moto::like_aws(lab);
    let mut run = failover(&scene, &moto, &good_key(&moto));
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    let mut command = lab.lifeboat();
    command.envs(&scene.sandbox.exports).envs(moto.stores()).args(["undo", "run"]);
    let undone = Process::start(lab, &mut command).wait(MINUTE * 2);
    undone.expect_code(0).expect_stderr(&["the undo is not signed", "lifeboat judge"]);
    scene.is_as_before();
    scene.sandbox.stop(lab);
    assert!(!Path::new(&lab.path("run/undo-1.sigstore.json")).exists(), "{undone}");
}

/// The policy names the key, and an alias by its name.
#[test]
fn the_policy_of_an_alias_names_no_other_key() {
    let lab = Lab::new();
    let arn = "arn:aws:kms:eu-west-1:123456789012:alias/drills";
    let plan = lab.write("plan.toml", &with_key(&failover_plan(""), arn));
    let plan = plan.to_str().expect("UTF-8");
    let printed = lifeboat(&lab, "iam-policy", &[plan, "--account", "123456789012"]);
    printed.expect_code(0);
    let policy: Value = serde_json::from_str(&printed.stdout).expect("a policy");
    let of = |action: &str| {
        let all = policy["Statement"].as_array().expect("statements").iter();
        let found: Vec<&Value> = all.filter(|one| one["Action"] == json!([action])).collect();
        assert_eq!(found.len(), 1, "{action}: {policy:#}");
        assert_eq!(found[0]["Resource"], json!(["arn:aws:kms:eu-west-1:123456789012:key/*"]));
        found[0]["Condition"].clone()
    };
    let alias = json!({ "kms:ResourceAliases": ["alias/drills"] });
    assert_eq!(of("kms:GetPublicKey"), json!({ "ForAnyValue:StringEquals": alias }));
    let sign = of("kms:Sign");
    assert_eq!(sign["ForAnyValue:StringEquals"], alias);
    assert_eq!(sign["StringEquals"]["kms:MessageType"], json!(["DIGEST"]));
    let file = lifeboat(&lab, "iam-policy", &[plan, "--account", "123456789012", "--history", "h.jsonl"]);
    file.expect_code(2).expect_stderr(&["h.jsonl", "s3://BUCKET/PREFIX"]);
}
