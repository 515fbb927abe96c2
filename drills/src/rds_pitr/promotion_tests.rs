//! What the steps of a promotion would take back, and what is believed of servers at addresses of the plan's own.

use std::time::Duration;

use lifeboat_engine::{Params, ProbeSettings};
use lifeboat_model::{PlanFile, TargetEntry, UndoAction, WriteState};
use lifeboat_targets::rds::InstanceView;
use rstest::rstest;
use serde_json::json;

use super::swap::undo_guard;
use crate::access::instance_server;
use crate::restore::scene::Scene;

fn scene(address: &str) -> Scene {
    let plan = format!(
        r#"
        [environment]
        name = "e"
        provider = "sandbox"
        [targets.t]
        kind = "rds-instance"
        identifier = "orders"
        database = "d"
        user = "u"
        password = "${{P}}"
        {address}
        [[drills]]
        name = "d"
        scenario = "rds-pitr"
        target = "t"
        "#
    );
    let plan = PlanFile::resolve(&PlanFile::raw(&plan).unwrap(), &|_| Some("secret".into())).unwrap();
    let TargetEntry::RdsInstance(target) = plan.targets["t"].clone() else { panic!("another kind") };
    let ms = Duration::from_millis;
    let probe = ProbeSettings { interval: ms(10), deadline: ms(100), notice: ms(10), api_interval: ms(10) };
    let params = Params::of("r", &plan, &plan.drills[0], plan.targets["t"].clone(), probe);
    Scene::new(&params, &target, Default::default()).renaming(true)
}

fn instance() -> InstanceView {
    let view = json!({
        "identifier": "orders", "resource_id": "db-A", "arn": "", "engine": "", "class": "", "status": "available",
        "zone": "a", "secondary_zone": null, "multi_az": false, "endpoint": ["endpoint", 5432],
        "pending_changes": false, "parameter_groups": [], "tags": [], "restorable_until": null,
    });
    serde_json::from_value(view).unwrap()
}

#[rstest]
#[case::endpoint("", Some("db-A"))]
#[case::host("host = \"127.0.0.1\"", None)]
#[case::port("port = 6432", None)]
fn what_the_control_plane_knows_counts_at_its_own_address_only(
    #[case] address: &str,
    #[case] known_as: Option<&str>,
) {
    let scene = scene(address);
    let server = instance_server(&scene.params, &scene.target, &instance()).unwrap();
    assert_eq!(server.reference().instance.as_deref(), known_as);
}

#[test]
fn a_copy_that_is_promoted_is_never_deleted_unseen() {
    let scene = scene("");
    let server = instance_server(&scene.params, &scene.target, &instance()).unwrap();
    scene.known(|known| (known.source, known.server) = (Some(instance()), Some(server.clone())));
    let action = undo_guard(&scene).unwrap();
    assert!(matches!(action, UndoAction::EndSessions { .. }), "nothing is promoted: {action:?}");
    scene.known(|known| known.promoting = true);
    assert!(undo_guard(&scene).unwrap_err().contains("the copy's server is not known"));
    scene.known(|known| known.copy_server = Some(server));
    assert!(undo_guard(&scene).unwrap_err().contains("writing had come is not known"));
    let state = WriteState {
        next_transaction: 7,
        open: Vec::new(),
        elsewhere: Vec::new(),
        tables: String::new(),
        others: String::new(),
        epoch: None,
    };
    scene.known(|known| known.untouched = Some(state.clone()));
    let action = undo_guard(&scene).unwrap();
    let UndoAction::DeleteInstanceUnlessWritten { instance, never, unwritten, .. } = &action else {
        panic!("{action:?}");
    };
    assert_eq!((instance, never.as_str(), &unwritten.since), (&scene.copy_name(), "db-A", &state));
    // An older version does not know it, and does nothing.
    assert_eq!(serde_json::to_value(&action).unwrap()["action"], "delete-instance-unless-written");
}
