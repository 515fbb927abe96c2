//! A call of the API goes wrong under the real command: the sandbox refuses it with a server error, or does it and says
//! nothing.

use serde_json::json;

use crate::case::CallFault;
use crate::kills::{LIMIT, put_back, start};
use crate::scene::Scene;
use crate::sets::Set;

/// What the names of actions begin with that only read.
const READS: [&str; 7] = ["Describe", "List", "Get", "Scan", "Query", "BatchGet", "TransactGet"];

/// The actions among these calls that change something, each once.
pub fn changing(calls: &[(String, Option<String>)]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (action, _) in calls {
        if !READS.iter().any(|read| action.starts_with(read)) && !found.contains(action) {
            found.push(action.clone());
        }
    }
    found
}

/// Runs a set while the first call of this action goes wrong. It has to pass: what was not answered is looked at, and then
/// done again or not.
pub fn go(scene: &Scene, set: &Set, dir: &str, action: &str, fault: CallFault) {
    let before = scene.state().expect("a state");
    let lie = match fault {
        CallFault::ServerError => json!({ "lie": "http-5xx", "count": 1, "action": action }),
        CallFault::LostResponse => json!({ "lie": "lose-response", "action": action }),
    };
    scene.sandbox.tell(&lie.to_string());
    let (ended, record) = start(scene, set, dir, None).finish(LIMIT);
    let left = scene.sandbox.admin("GET", "lies", "");
    scene.sandbox.admin("DELETE", "lies", "");
    assert_eq!(left, json!([]), "the call was not made: {ended}");
    assert_eq!(record.value["restoration"], "clean", "{ended}");
    record.expect("passed", "clean", &[]);
    put_back(scene, set, dir, &before, None);
}
