//! Stop conditions: each kind ends a run in the middle, and what was done is taken back; none does so in a healthy run,
//! and one that trips already, or cannot be read, keeps a run from beginning.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Aws, BACKED_UP_SEED, Ended, External, Lab, ORDERS_SEED, PLAIN_SEED, Process, Record, Run, eventually,
    exhaustion_plan, failover_plan, restore_plan, rows, snapshot,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The target `plain` for plans that have none.
const PLAIN: &str = r#"
[targets.plain]
kind = "postgres"
host = "${LIFEBOAT_SANDBOX_PLAIN_HOST}"
port = "${LIFEBOAT_SANDBOX_PLAIN_PORT}"
database = "app"
user = "drill"
password = "${LIFEBOAT_SANDBOX_PASSWORD}"
"#;

struct Scene {
    lab: Lab,
    sandbox: External,
    /// An address that answers 204 while this is set, and 503 else.
    healthy: Arc<AtomicBool>,
    address: String,
}

impl Scene {
    /// A sandbox with this and the server `plain`, and the alarms `errors` and `all`, both OK.
    fn new(seed: &str) -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, &format!("{seed}{PLAIN_SEED}"));
        rows(&sandbox.database("plain"), "CREATE TABLE flags AS SELECT false AS stop")
            .expect("a table of flags");
        let (healthy, address) = health();
        let scene = Self { lab, sandbox, healthy, address };
        scene.aws(
            "put-metric-alarm --alarm-name errors --metric-name Errors --namespace Shop --statistic Sum --period 60 \
             --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold",
        );
        scene.aws("put-composite-alarm --alarm-name all --alarm-rule ALARM(errors)");
        for alarm in ["errors", "all"] {
            scene.set(alarm, "OK");
        }
        scene
    }

    fn aws(&self, words: &str) {
        Aws::new(&self.lab, &self.sandbox).does(&format!("cloudwatch {words}"));
    }

    fn set(&self, alarm: &str, state: &str) {
        self.aws(&format!(
            "set-alarm-state --alarm-name {alarm} --state-value {state} --state-reason by-the-test"
        ));
    }

    fn raise_flag(&self) {
        rows(&self.sandbox.database("plain"), "UPDATE flags SET stop = true").expect("a flag");
    }

    /// Runs a plan, makes a condition trip in a step, and holds what came of it against what was there before.
    fn stops(
        &self,
        plan: &str,
        confirmed: &[&str],
        step: &str,
        trip: impl FnOnce(&Self),
        why: &[&str],
    ) -> Record {
        let before = snapshot(&self.sandbox).expect("a snapshot");
        let mut run = Run::start(&self.lab, &self.sandbox, plan, confirmed);
        run.await_step(step);
        trip(self);
        let dir = run.dir.clone();
        let (ended, record) = run.finish(MINUTE * 2);
        ended.expect_code(101);
        record.expect("aborted", "clean", why);
        assert!(ended.stderr.contains("stop condition `"), "it is said at once: {ended}");
        assert_eq!(record.value["verdict"], "aborted");
        assert_eq!(record.value["interrupted_by"], serde_json::Value::Null, "by no person");
        let junit = std::fs::read_to_string(dir.join("junit.xml")).expect("the report");
        assert!(junit.contains("type=\"aborted\"") && junit.contains("stop condition"), "{junit}");
        let mut judge = self.lab.lifeboat();
        let judged = Process::start(&self.lab, judge.arg("judge").arg(&dir)).wait(MINUTE);
        judged.expect_code(101);
        assert!(judged.stdout.contains("the same as record.json"), "{judged}");
        // A standby that a failover has used up is made anew after the run.
        eventually("all to be as before", MINUTE, || match snapshot(&self.sandbox) {
            Ok(after) if after == before => Ok(()),
            Ok(after) => Err(after.to_string()),
            Err(error) => Err(error),
        });
        record
    }

    /// A plan that is refused before it begins.
    fn refused(&self, plan: &str, words: &[&str]) -> Ended {
        let before = snapshot(&self.sandbox).expect("a snapshot");
        let plan = self.lab.write("refused.toml", plan);
        let mut command = self.lab.lifeboat();
        command.envs(&self.sandbox.exports).arg("run").arg(plan).arg("--out").arg(self.lab.path("refused"));
        command.arg("--confirm").arg(self.sandbox.plain_address());
        let ended = Process::start(&self.lab, &mut command).wait(MINUTE);
        ended.expect_code(101).expect_stderr(words).expect_stderr(&["nothing was done"]);
        assert!(!self.lab.path("refused").exists(), "there is no run: {ended}");
        assert_eq!(snapshot(&self.sandbox).expect("a snapshot"), before);
        ended
    }
}

/// A server of this process's own, which ends with it.
fn health() -> (Arc<AtomicBool>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/health", listener.local_addr().expect("an address"));
    let healthy = Arc::new(AtomicBool::new(true));
    let says = healthy.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let status =
                if says.load(Ordering::SeqCst) { "204 No Content" } else { "503 Service Unavailable" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
        }
    });
    (healthy, address)
}

fn condition(lines: &str) -> String {
    format!("\n[[stop_conditions]]\nname = \"x\"\n{lines}\n")
}

const FLAG: &str = "sql = 'select stop from flags'\ntarget = 'plain'\nevery = '100ms'";

#[test]
fn an_alarm_stops_a_failover() {
    let scene = Scene::new(ORDERS_SEED);
    let plan = failover_plan("stable_for = '40s'") + &condition("alarm = 'errors'\nevery = '100ms'");
    let why = ["stop condition `x`", "alarm `errors` is in ALARM", "by-the-test"];
    let record = scene.stops(&plan, &[], "await-recovery", |scene| scene.set("errors", "ALARM"), &why);
    assert_eq!(record.value["stopped_by"]["condition"], "x");
    let calls = scene.sandbox.calls();
    assert!(calls.iter().any(|(action, _)| action == "DescribeAlarms"), "the calls are in the log");
    scene.sandbox.stop(&scene.lab);
}

#[rstest]
#[case::composite_alarm("alarm = 'all'\nevery = '100ms'", |s: &Scene| s.set("all", "ALARM"), &["`all` is in ALARM"])]
#[case::query(FLAG, |s: &Scene| s.raise_flag(), &["its query answers true"])]
#[case::address(
    "http = 'ADDRESS'\nevery = '100ms'",
    |s: &Scene| s.healthy.store(false, Ordering::SeqCst),
    &["3 times in a row", "503"]
)]
#[case::alarm_that_is_gone(
    "alarm = 'errors'\nevery = '100ms'\nunreadable_for = '10s'",
    |s: &Scene| s.aws("delete-alarms --alarm-names errors"),
    &["could not be read for 10 s", "no CloudWatch alarm `errors`"]
)]
#[case::alarm_without_data(
    "alarm = 'errors'\nevery = '100ms'\nunreadable_for = '10s'",
    |s: &Scene| s.set("errors", "INSUFFICIENT_DATA"),
    &["could not be read for 10 s", "INSUFFICIENT_DATA"]
)]
#[case::time_budget("time_budget = '20s'", |_: &Scene| {}, &["20 s, its time budget"])]
fn a_restore_is_stopped(#[case] lines: &str, #[case] trip: fn(&Scene), #[case] why: &[&str]) {
    let scene = Scene::new(BACKED_UP_SEED);
    scene.sandbox.tell(r#"{"lie":"restore-stuck","instance":"orders"}"#);
    let lines = lines.replace("ADDRESS", &scene.address);
    let plan = restore_plan("rds-pitr", "give_up = '100s'") + PLAIN + &condition(&lines);
    // The one that nobody makes trip may do so before the copy is asked for, on a machine that is slow.
    let step = if lines.contains("time_budget") { "identify-target" } else { "await-copy" };
    scene.stops(&plan, &[], step, trip, why);
    scene.sandbox.stop(&scene.lab);
}

/// When no server lets anybody in any more, the query is asked all the same.
#[test]
fn the_session_of_a_query_is_open_before_the_fault() {
    let scene = Scene::new("");
    let full = "select count(*) >= current_setting('max_connections')::int - \
                current_setting('superuser_reserved_connections')::int \
                from pg_stat_activity where backend_type = 'client backend'";
    let lines = format!("sql = \"{full}\"\ntarget = 'plain'\nevery = '50ms'\nunreadable_for = '10s'");
    let plan = exhaustion_plan("hold = '30s'\nstable_for = '300ms'") + &condition(&lines);
    let address = scene.sandbox.plain_address();
    let confirmed = ["--confirm", address.as_str()];
    scene.stops(&plan, &confirmed, "identify-target", |_| {}, &["its query answers true"]);
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_healthy_run_is_not_stopped() {
    let scene = Scene::new(ORDERS_SEED);
    let each = [
        "name = 'a'\nalarm = 'errors'\nevery = '100ms'".to_owned(),
        "name = 'b'\nalarm = 'all'\nevery = '100ms'".to_owned(),
        format!("name = 'c'\n{FLAG}"),
        // The session of this one ends with the server that fails, and is opened anew.
        "name = 'd'\nsql = 'select false'\ntarget = 'orders'\nevery = '100ms'".to_owned(),
        format!("name = 'e'\nhttp = '{}'\nevery = '100ms'", scene.address),
        "name = 'f'\ntime_budget = '5m'".to_owned(),
    ];
    let conditions = each.map(|lines| format!("\n[[stop_conditions]]\n{lines}\n")).concat();
    let safety = "\n[safety]\nchange_ticket = 'CHG-7'\nrequire_change_ticket = true\n";
    let plan = failover_plan("stable_for = '1s'") + PLAIN + &conditions + safety;
    let before = snapshot(&scene.sandbox).expect("a snapshot");
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(MINUTE * 2);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(record.value["stopped_by"], serde_json::Value::Null);
    assert_eq!(record.value["environment"]["change_ticket"], "CHG-7");
    assert_eq!(snapshot(&scene.sandbox).expect("a snapshot"), before);
    scene.sandbox.stop(&scene.lab);
}

/// One sandbox for all: nothing is done to it.
#[test]
fn a_run_does_not_begin_unless_each_is_well() {
    let scene = Scene::new("");
    let drill = exhaustion_plan("hold = '300ms'\nstable_for = '300ms'");
    let refused = |lines: &str, words: &[&str]| scene.refused(&(drill.clone() + &condition(lines)), words);
    let sql = |query: &str| format!("sql = \"{query}\"\ntarget = 'plain'");
    scene.set("errors", "ALARM");
    refused("alarm = 'errors'", &["`x` trips already", "is in ALARM"]);
    refused("alarm = 'error'", &["`x` cannot be read", "no CloudWatch alarm `error`"]);
    scene.healthy.store(false, Ordering::SeqCst);
    refused(&format!("http = '{}'", scene.address), &["`x` trips already", "503"]);
    refused("http = 'http://127.0.0.1:1/'", &["`x` trips already", "does not answer"]);
    refused(&sql("select true"), &["`x` trips already", "answers true"]);
    let deletes = "with gone as (delete from orders returning id) select count(*) = 0 from gone";
    refused(&sql(deletes), &["`x` cannot be read", "25006", "read-only transaction"]);
    refused(&sql("delete from orders"), &["`x` cannot be read", "0 columns", "write a SELECT"]);
    refused(&sql("select false; commit; delete from orders"), &["`x` cannot be read", "42601"]);
    refused(&sql("select 1"), &["type int4", "boolean"]);
    refused(&sql("select null::boolean"), &["NULL"]);
    refused(&sql("select false from orders"), &["more than one row"]);
    refused(&sql("select pg_sleep(50) is null"), &["57014", "statement timeout"]);
    let calls = scene.sandbox.calls();
    let others: Vec<_> = calls
        .iter()
        .filter(|(action, _)| {
            !["DescribeAlarms", "GetCallerIdentity", "SetAlarmState", "PutMetricAlarm", "PutCompositeAlarm"]
                .contains(&action.as_str())
        })
        .collect();
    assert!(others.is_empty(), "{others:?}");
    scene.sandbox.stop(&scene.lab);
}
