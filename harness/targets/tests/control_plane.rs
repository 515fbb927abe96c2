//! What the harness asks of the control plane and takes back there, against the sandbox.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::{Interpreter as _, wait_for};
use lifeboat_model::{ItemKey, PendingUndo, Secret, ServerRef, UndoAction, UndoEnd, Unwritten};
use lifeboat_sandbox::{Config, RuntimeChoice, Sandbox, Seed};
use lifeboat_targets::dynamodb::{Dynamo, Texts};
use lifeboat_targets::postgres::{Server, write_state};
use lifeboat_targets::rds::Rds;
use lifeboat_targets::{WorldInterpreter, give_name};
use serde_json::json;
use support::{calls_of, create, dynamo, sandbox, sdk};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(60);

async fn with_instances(names: &[&str]) -> Sandbox {
    let instance = |name: &&str| {
        format!(
            "[[instances]]\nidentifier = '{name}'\nbackup_retention = 1\nmaster_user = 'drill'\ndatabase = 'app'\n"
        )
    };
    let seed = names.iter().map(instance).collect::<String>();
    let config = Config {
        runtime: RuntimeChoice::Native,
        seed: Some(Seed::parse(&seed).unwrap()),
        ..Config::default()
    };
    Sandbox::start(config).await.unwrap()
}

/// The client of a sandbox, and what takes back there.
async fn clients(sandbox: &Sandbox) -> (Dynamo, WorldInterpreter) {
    let dynamo = dynamo(&sandbox.endpoint()).await;
    let passwords = BTreeMap::from([(("t".into(), "drill".into()), Secret::new("none".into()).into())]);
    let interpreter = WorldInterpreter::new(passwords, Ok(dynamo.aws().clone()));
    (dynamo, interpreter)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_snapshot_is_of_the_instance_and_not_of_its_name() {
    let sandbox = with_instances(&["orders", "others"]).await;
    let rds = Rds::new(clients(&sandbox).await.0.aws());
    let ids = [rds.describe("orders").await.unwrap(), rds.describe("others").await.unwrap()]
        .map(|instance| instance.resource_id);
    give_name(&rds, &ids[0], "aside", LIMIT).await.unwrap();
    give_name(&rds, &ids[1], "orders", LIMIT).await.unwrap();
    for id in &ids {
        let found = rds.latest_automated_snapshot(id).await.unwrap().unwrap();
        assert_eq!(found.source_resource_id, *id, "{found:?}");
    }
    // The one whose snapshots still say the name is not the one that has it.
    let of_name = rds.latest_automated_snapshot(&ids[0]).await.unwrap().unwrap();
    assert_eq!(of_name.source, "orders");
    assert_eq!(rds.latest_automated_snapshot("db-NONE").await.unwrap(), None);
    sandbox.shutdown().await.unwrap();
}

/// A run that began long ago.
const RUN: &str = "20200101-000000-0a1b2c";

/// An undo whose act's making nobody knows.
fn pending(action: &UndoAction) -> PendingUndo {
    PendingUndo { drill: "d".into(), undo: 1, action: action.clone(), made: None }
}

/// A schema on a server at an address that leads nowhere.
fn out_of_reach(instance: Option<String>, patience_s: u64) -> UndoAction {
    let server = ServerRef {
        target: "t".into(),
        host: "127.0.0.1".into(),
        port: 1,
        database: "app".into(),
        user: "drill".into(),
        own_sandbox: false,
        instance,
        patience_s,
        copy: false,
        tls: None,
        endpoint: None,
    };
    let text = String::new;
    UndoAction::DropSchema {
        server,
        schema: "lifeboat_x".into(),
        comment: text(),
        application_name: "x".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_an_instance_that_is_gone_is_not_waited_for_any_longer() {
    let sandbox = with_instances(&["orders"]).await;
    let (dynamo, interpreter) = clients(&sandbox).await;
    let began = Instant::now();
    // Whatever the patience.
    let (end, how) = interpreter.undo(&pending(&out_of_reach(Some("db-GONE".into()), 900))).await.unwrap();
    assert_eq!(end, UndoEnd::NotNeeded);
    assert!(how.contains("db-GONE is gone"), "{how}");
    // A control plane may not know of it for a while.
    assert!(began.elapsed() >= Duration::from_secs(40), "{:?}", began.elapsed());
    let began = Instant::now();
    interpreter.undo(&pending(&out_of_reach(Some("db-GONE".into()), 900))).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "it is known by now: {:?}", began.elapsed());
    // One of which the control plane knows nothing is waited for.
    let unknown = pending(&out_of_reach(None, 900));
    let waiting = timeout(Duration::from_secs(3), interpreter.undo(&unknown)).await;
    assert!(waiting.is_err(), "{waiting:?}");
    // One that is there is looked for where it is now, and neither waited for nor believed gone.
    let there = Rds::new(dynamo.aws()).describe("orders").await.unwrap();
    let why = interpreter.undo(&pending(&out_of_reach(Some(there.resource_id), 900))).await.unwrap_err();
    assert!(why.contains("cannot connect") && why.contains("28P01"), "{why}");
    sandbox.shutdown().await.unwrap();
}

/// Waits until there was another call of this action.
async fn another(endpoint: &str, action: &str, before: usize) {
    let look = || async {
        let calls = calls_of(endpoint, action);
        if calls > before { Ok(()) } else { Err(calls) }
    };
    wait_for("a look", Duration::from_millis(5), LIMIT, look).await.unwrap();
}

/// A copy under another name, and a server on which clients may have written to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_deleted_only_if_nobody_has_written_to_it() {
    let seed = format!(
        "[[instances]]\nidentifier = 'aside'\nmaster_user = 'drill'\ndatabase = 'app'\n\
         tags = {{ 'lifeboat:run' = '{RUN}' }}\n\
         [[servers]]\nname = 'a'\ndatabase = 'app'\nuser = 'drill'\n"
    );
    let config = Config {
        runtime: RuntimeChoice::Native,
        seed: Some(Seed::parse(&seed).unwrap()),
        ..Config::default()
    };
    let sandbox = Sandbox::start(config).await.unwrap();
    let (endpoint, exports) = (sandbox.endpoint(), BTreeMap::from_iter(sandbox.exports()));
    let password = Secret::new(exports["LIFEBOAT_SANDBOX_PASSWORD"].clone());
    let aws = dynamo(&endpoint).await.aws().clone();
    let rds = Rds::new(&aws);
    let passwords = BTreeMap::from([(("t".into(), "drill".into()), password.clone().into())]);
    let interpreter = WorldInterpreter::new(passwords, Ok(aws));
    let reference = ServerRef {
        target: "t".into(),
        host: exports["LIFEBOAT_SANDBOX_A_HOST"].clone(),
        port: exports["LIFEBOAT_SANDBOX_A_PORT"].parse().unwrap(),
        database: "app".into(),
        user: "drill".into(),
        own_sandbox: false,
        instance: None,
        patience_s: 0,
        copy: false,
        tls: None,
        endpoint: None,
    };
    let server = Server::new(reference.clone(), password);
    let client = server.connect("client", LIMIT).await.unwrap();
    let look = server.connect("look", LIMIT).await.unwrap();
    let delete = |since| UndoAction::DeleteInstanceUnlessWritten {
        instance: "copy".into(),
        run: RUN.into(),
        never: "db-TARGET".into(),
        patience_s: 60,
        unwritten: Unwritten { server: reference.clone(), since },
    };
    // The copy has its name only after the first look has missed it.
    let action = delete(write_state(&look).await.unwrap());
    client.client().batch_execute("CREATE TABLE t (id int)").await.unwrap();
    let first = calls_of(&endpoint, "DescribeDBInstances");
    let planned = pending(&action);
    let (undone, ()) = tokio::join!(interpreter.undo(&planned), async {
        another(&endpoint, "DescribeDBInstances", first).await;
        rds.rename("aside", "copy").await.unwrap();
    });
    let why = undone.unwrap_err();
    assert!(why.contains("`copy` is kept: others have written to it"), "{why}");
    // A client that came back may still commit.
    client.client().batch_execute("BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    let action = delete(write_state(&look).await.unwrap());
    let why = interpreter.undo(&pending(&action)).await.unwrap_err();
    assert!(why.contains("1 transactions are open"), "{why}");
    assert!(rds.find("copy").await.unwrap().is_some());
    client.client().batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(interpreter.undo(&pending(&action)).await.unwrap().0, UndoEnd::Undone);
    assert_eq!(rds.find("copy").await.unwrap(), None);
    sandbox.shutdown().await.unwrap();
}

fn canary(number: u32) -> ItemKey {
    [("pk".to_owned(), json!({ "S": "canary" })), ("sk".to_owned(), json!({ "N": number.to_string() }))]
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_only_after_the_first_look_is_taken_back_as_well() {
    let sandbox = sandbox().await;
    let (client, endpoint) = (sdk(&sandbox.endpoint()), sandbox.endpoint());
    let (dynamo, interpreter) = clients(&sandbox).await;
    create(&client, "orders").await;
    let orders = dynamo.find("orders").await.unwrap().unwrap();
    let delete_items = UndoAction::DeleteItems {
        table: "orders".into(),
        table_id: orders.id.clone(),
        marker: "lifeboat_run".into(),
        run: RUN.into(),
        keys: vec![canary(1), canary(2)],
    };
    let delete_table = UndoAction::DeleteTable {
        table: format!("lifeboat-{RUN}-0000000a-copy"),
        run: RUN.into(),
        never: orders.id,
        since: OffsetDateTime::now_utc() - Duration::from_secs(60),
        tagged: false,
        patience_s: 60,
    };
    let delete_backup = UndoAction::DeleteBackup {
        table: "orders".into(),
        backup: format!("lifeboat-{RUN}-0000000a-backup"),
        patience_s: 60,
    };
    // A call of the run whose answer was lost has its effect while the undo is at its looks.
    let marked = |run: &str| Texts::from([("lifeboat_run".to_owned(), run.to_owned())]);
    let first = calls_of(&endpoint, "GetItem");
    let planned = pending(&delete_items);
    let (undone, ()) = tokio::join!(interpreter.undo(&planned), async {
        another(&endpoint, "GetItem", first).await;
        dynamo.put_new("orders", &canary(1), &marked(RUN)).await.unwrap();
        dynamo.put_new("orders", &canary(2), &marked("another")).await.unwrap();
    });
    assert_eq!(undone.unwrap().0, UndoEnd::Undone);
    assert_eq!(dynamo.get("orders", &canary(1)).await.unwrap(), None);
    assert!(dynamo.get("orders", &canary(2)).await.unwrap().is_some(), "it is not the run's");
    let first = calls_of(&endpoint, "ListBackups");
    let planned = pending(&delete_backup);
    let (undone, ()) = tokio::join!(interpreter.undo(&planned), async {
        another(&endpoint, "ListBackups", first).await;
        dynamo.create_backup("orders", &format!("lifeboat-{RUN}-0000000a-backup")).await.unwrap();
    });
    assert_eq!(undone.unwrap().0, UndoEnd::Undone);
    assert!(dynamo.backups("orders", &format!("lifeboat-{RUN}-0000000a-backup")).await.unwrap().is_empty());
    let first = calls_of(&endpoint, "DescribeTable");
    let planned = pending(&delete_table);
    let (undone, ()) = tokio::join!(interpreter.undo(&planned), async {
        another(&endpoint, "DescribeTable", first).await;
        create(&client, &format!("lifeboat-{RUN}-0000000a-copy")).await;
    });
    assert_eq!(undone.unwrap().0, UndoEnd::Undone);
    assert_eq!(dynamo.find(&format!("lifeboat-{RUN}-0000000a-copy")).await.unwrap(), None);
    // Nothing comes any more, and that is said after a while.
    for action in [delete_items, delete_table, delete_backup] {
        assert_eq!(
            interpreter.undo(&pending(&action)).await.unwrap().0,
            UndoEnd::NotNeeded,
            "{}",
            action.describe()
        );
    }
    sandbox.shutdown().await.unwrap();
}
