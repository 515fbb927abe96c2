//! The steps of a drill.

use std::time::Duration;

use lifeboat_engine::{Params, ProbeSettings, Step};
use lifeboat_model::PlanFile;

/// The ids of the steps of a plan's only drill, in their order, as the drill itself gives them.
pub fn steps_of(plan: &str) -> Vec<&'static str> {
    let raw = PlanFile::raw(plan).expect("TOML");
    let plan = PlanFile::resolve(&raw, &|name| Some(format!("${{{name}}}"))).expect("a plan");
    let [entry] = plan.drills.as_slice() else { panic!("one drill, and not {}", plan.drills.len()) };
    let second = Duration::from_secs(1);
    let probe = ProbeSettings { interval: second, deadline: second, notice: second, api_interval: second };
    let params = Params::of("run", &plan, entry, plan.targets[&entry.target].clone(), probe);
    let drill = lifeboat_drills::find(&entry.scenario).expect("a drill of the catalogue");
    drill.plan(&params).expect("its steps").steps().iter().map(Step::id).collect()
}
