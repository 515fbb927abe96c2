//! The crash matrix: every drill is killed, told to end and let down at every line, step and call of it, and each time
//! everything has to be as it was before.
//!
//! It is a program of its own and no part of the quick suite: `ci/matrix.sh` starts it, with a part of a case's name to
//! try only such. Without the word `run` it does nothing.

mod calls;
mod case;
mod healthy;
mod inside;
mod kills;
mod scene;
mod sets;
#[path = "../e2e/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the rest is for the tests of the quick suite")]
mod support;
mod work;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kills::Struck;
use work::{Tried, Work};

/// They mostly wait: for servers, for limits, for looks in a row.
const WORKERS: usize = 5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_none_or(|word| word != "run") {
        // A test runner that lists or runs everything finds no test here.
        return ExitCode::SUCCESS;
    }
    let workers = std::env::var("LIFEBOAT_MATRIX_WORKERS").ok().and_then(|text| text.parse().ok());
    let (sets, began) = (sets::all(), Instant::now());
    let missing = sets::missing(&sets);
    if !missing.is_empty() {
        println!("not in the matrix: {}; give each a set in sets.rs", missing.join(", "));
        return ExitCode::FAILURE;
    }
    let limit = std::env::var("LIFEBOAT_MATRIX_SECONDS").ok().map(|text| text.parse().expect("seconds"));
    let until = limit.map(|seconds| began + Duration::from_secs(seconds));
    let work = Work::new(&sets, arguments.get(1).cloned(), until);
    let (tried, left_out) = work.go(workers.unwrap_or(WORKERS));
    if left_out > 0 {
        println!(
            "NOT TRIED: {left_out} cases and those after them, since the time was up: run ci/matrix.sh without a limit"
        );
    }
    report(&tried, began.elapsed())
}

/// Prints what was tried, by drill and kind.
fn report(tried: &[Tried], took: Duration) -> ExitCode {
    let mut counts: BTreeMap<(&str, String), (usize, Duration)> = BTreeMap::new();
    for case in tried.iter().filter(|case| case.ended != Ok(Struck::PastTheEnd)) {
        let (count, spent) = counts.entry((case.set, case.what.kind())).or_default();
        (*count, *spent) = (*count + 1, *spent + case.took);
    }
    for ((set, kind), (count, spent)) in &counts {
        println!("{set:<22} {kind:<20} {count:>5} cases {:>7.1} s each", spent.as_secs_f64() / *count as f64);
    }
    let failed: Vec<&Tried> = tried.iter().filter(|case| case.ended.is_err()).collect();
    for case in &failed {
        println!("FAILED: ci/matrix.sh {}/{}", case.set, case.what);
    }
    let total: usize = counts.values().map(|(count, _)| count).sum();
    println!("{total} cases, {} failed, {:.0} s", failed.len(), took.as_secs_f64());
    match (total, failed.len()) {
        (1.., 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
