//! A sandbox that many cases go through, one after the other: each has to leave it as it found it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sets::Ground;
use crate::support::{External, Lab, Table, eventually, everything, request_with, snapshot};

/// What goes on by itself after a run (a failover that was asked for, a standby that is built anew) takes so long at most.
const SETTLES_WITHIN: Duration = Duration::from_secs(45);

/// A sandbox and its folder.
pub struct Scene {
    pub lab: Lab,
    pub sandbox: External,
    pub ground: Ground,
}

impl Scene {
    pub fn new(ground: Ground) -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, ground.seed());
        if ground == Ground::Tables {
            Table { stream: true, ..Table::default() }.make(&sandbox);
        }
        let scene = Self { lab, sandbox, ground };
        if ground == Ground::MultiAz {
            eventually("a whole standby", SETTLES_WITHIN, || {
                scene.has_a_whole_standby().then_some(()).ok_or("none")
            });
        }
        scene
    }

    /// All that a drill could leave behind or change, zones and automated snapshots apart.
    pub fn state(&self) -> Result<Value, String> {
        let mut state = snapshot(&self.sandbox)?;
        // The control plane takes those of its own accord, the first soon after an instance is there and more later on.
        if let Some(snapshots) = state["inventory"]["snapshots"].as_object_mut() {
            snapshots.retain(|_, snapshot| snapshot["automated"] != true);
        }
        if self.ground == Ground::MultiAz {
            state["whole standby"] = self.has_a_whole_standby().into();
        }
        if self.ground == Ground::Tables {
            state["everything"] = everything(&self.sandbox);
        }
        Ok(state)
    }

    /// Waits until it is as it was before.
    pub fn settles(&self, before: &Value) {
        eventually("the state before", SETTLES_WITHIN, || {
            let more = self.more_instances(before);
            if !more.is_empty() {
                return Err(format!("there are also {more:?}"));
            }
            let now = self.state()?;
            if now == *before { Ok(()) } else { Err(difference("", before, &now)) }
        });
    }

    /// The instances that there are and were not before, with their tags.
    pub fn more_instances(&self, before: &Value) -> Vec<(String, Value)> {
        let now = self.sandbox.inventory();
        let instances = now["instances"].as_object().expect("a map");
        let new = instances.iter().filter(|(name, _)| before["inventory"]["instances"][*name].is_null());
        new.map(|(name, entry)| (name.clone(), entry["tags"].clone())).collect()
    }

    /// Deletes an instance that a drill left on purpose.
    pub fn delete_instance(&self, name: &str) {
        self.call(&format!("Action=DeleteDBInstance&DBInstanceIdentifier={name}&SkipFinalSnapshot=true"));
    }

    /// Without one no failover is drilled: after a run that was ended in its failover, it is built anew first.
    fn has_a_whole_standby(&self) -> bool {
        self.call("Action=DescribeDBInstances").contains("<SecondaryAvailabilityZone>")
    }

    /// A call of RDS; the answer must be success.
    fn call(&self, form: &str) -> String {
        let form = format!("{form}&Version=2014-10-31");
        let form_type = "Content-Type: application/x-www-form-urlencoded";
        let (status, answer) = request_with(self.sandbox.endpoint(), "POST", "/", form_type, &form);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Cleans up; the sandbox has to leave nothing behind.
    pub fn end(self) {
        self.sandbox.stop(&self.lab);
    }
}

/// Where two states differ.
fn difference(path: &str, before: &Value, now: &Value) -> String {
    match (before, now) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            let null = json!(null);
            let of = |map: &serde_json::Map<String, Value>, key: &str| map.get(key).unwrap_or(&null).clone();
            let differ = keys.into_iter().filter(|key| of(one, key) != of(other, key));
            let each = differ.map(|key| difference(&format!("{path}/{key}"), &of(one, key), &of(other, key)));
            each.collect::<Vec<_>>().join("; ")
        }
        _ => format!("{path} was {before} and is {now}"),
    }
}
