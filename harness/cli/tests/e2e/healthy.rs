//! Healthy runs raise no alarm: fifty of two drills against one sandbox, thirty of all with a sandbox each.

use std::time::Duration;

use crate::support::{
    External, Lab, ORDERS_SEED, PLAIN_SEED, Run, exhaustion_plan, failover_plan, repository,
};

const RUNS: usize = 50;

#[test]
#[ignore = "takes minutes; run it alone with `cargo nextest run -p lifeboat --run-ignored only healthy`"]
fn fifty_runs_in_a_row() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, &format!("{ORDERS_SEED}{PLAIN_SEED}"));
    let exhaustion = exhaustion_plan("hold = '500ms'\nstable_for = '500ms'");
    let of_exhaustion = &exhaustion[exhaustion.find("[targets.").expect("a target")..];
    let plan = format!("{}{of_exhaustion}", failover_plan("stable_for = '1s'"));
    let address = sandbox.plain_address();
    let mut bounds: Vec<(String, [Vec<f64>; 2])> = Vec::new();
    for number in 1..=RUNS {
        let dir = format!("run-{number}");
        let run = Run::start_in(&lab, &sandbox, &plan, &dir, &["--confirm", &address]);
        let (ended, record) = run.finish(Duration::from_secs(120));
        ended.expect_code(0);
        assert_eq!(record.value["verdict"], "passed", "run {number}: {ended}");
        for drill in record.value["drills"].as_array().expect("drills") {
            let name = drill["name"].as_str().expect("a name");
            let rto = &drill["measurements"]["rto"];
            let place = bounds.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                bounds.push((name.to_owned(), [Vec::new(), Vec::new()]));
                bounds.len() - 1
            });
            for (bound, key) in bounds[place].1.iter_mut().zip(["lower_s", "upper_s"]) {
                bound.push(rto[key].as_f64().unwrap_or_else(|| panic!("run {number}: {key} of {rto}")));
            }
        }
    }
    sandbox.stop(&lab);
    for (name, mut values) in bounds {
        let [lower, upper] = values.each_mut().map(|values| {
            assert_eq!(values.len(), RUNS, "{name}");
            values.sort_by(f64::total_cmp);
            (values[RUNS / 2] * 1e3, values[RUNS - 1] * 1e3)
        });
        println!(
            "{name}: RTO of {RUNS} runs, median {:.1} … {:.1} ms, worst upper bound {:.1} ms",
            lower.0, upper.0, upper.1
        );
    }
}

#[test]
#[ignore = "takes minutes; run it alone with `cargo nextest run -p lifeboat --run-ignored only healthy`"]
fn thirty_runs_of_the_ready_plan() {
    let lab = Lab::new();
    let mut took = Vec::new();
    for number in 1..=30 {
        let mut command = lab.lifeboat();
        command.arg("run").arg(repository().join("drills/plans/sandbox.toml")).args(["--runtime", "native"]);
        let run = Run::of(&lab, command, &format!("ready-{number}"));
        let (ended, record) = run.finish(Duration::from_secs(120));
        ended.expect_code(0);
        assert_eq!(record.value["verdict"], "passed", "run {number}: {ended}");
        assert_eq!(record.value["drills"].as_array().map(Vec::len), Some(7));
        took.push(record.value["duration_s"].as_f64().expect("a duration"));
    }
    took.sort_by(f64::total_cmp);
    println!("30 runs of all drills: median {:.1} s, longest {:.1} s", took[15], took[29]);
}
