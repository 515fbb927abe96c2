//! Notices of a run's end: what arrives, what comes of those that do not, and that neither changes what the run came to.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Answer, External, Lab, ORDERS_SEED, Process, Received, Receiver, Run, Signal, eventually, failover_plan,
    python,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What a notice may take, and not much more.
const ONE_TRY: Duration = Duration::from_secs(10);

const DRILL: &str = "stable_for = '500ms'";

/// A sandbox with one instance, and a plan's notices with their variables.
struct Scene {
    lab: Lab,
    sandbox: External,
    notices: String,
    variables: Vec<(String, String)>,
}

impl Scene {
    fn new() -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, ORDERS_SEED);
        Self { lab, sandbox, notices: String::new(), variables: Vec::new() }
    }

    /// Adds a notice whose address is in a variable.
    fn notice(&mut self, name: &str, kind: &str, url: &str, more: &str) {
        let variable = format!("URL_{}", name.to_uppercase());
        self.notices +=
            &format!("\n[[notices]]\nname = '{name}'\nkind = '{kind}'\nurl = '${{{variable}}}'\n{more}\n");
        self.variables.push((variable, url.into()));
    }

    fn plan(&self, drill: &str) -> String {
        failover_plan(drill) + &self.notices
    }

    fn command(&self, subcommand: &str, plan: &str) -> Command {
        let plan = self.lab.write("run.toml", plan);
        let mut command = self.lab.lifeboat();
        command.envs(&self.sandbox.exports).envs(self.variables.iter().cloned()).arg(subcommand).arg(plan);
        command
    }

    fn run(&self, plan: &str) -> Run {
        Run::of(&self.lab, self.command("run", plan), "run")
    }

    fn judge(&self) -> crate::support::Ended {
        let mut command = self.lab.lifeboat();
        Process::start(&self.lab, command.arg("judge").arg(self.lab.path("run"))).wait(MINUTE)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.lab.path("run").join(name)).expect(name)
    }
}

/// How each notice of a record went.
fn told(record: &Value) -> Vec<(&str, Option<&str>)> {
    let all = record["notices"].as_array().map_or(&[][..], Vec::as_slice).iter();
    all.map(|one| (one["name"].as_str().expect("a name"), one["error"].as_str())).collect()
}

fn json(received: &Received) -> Value {
    assert_eq!(received.method, "POST");
    assert!(received.head.to_lowercase().contains("content-type: application/json"), "{received:?}");
    serde_json::from_str(&received.body).expect("JSON")
}

/// One of each kind that is no matter of AWS, and each of them told what the record says.
#[test]
fn a_run_that_failed_is_told_once_by_each() {
    let mut scene = Scene::new();
    let [slack, hook, push] = [(); 3].map(|()| Receiver::start(Answer::Status("200 OK")));
    scene.notice("chat", "slack", &slack.url("/services/T0/B0/x"), "only = 'failures'");
    scene.notice("hook", "webhook", &hook.url("/in?key=a"), "bearer = '${BEARER}'");
    scene.notice("metrics", "pushgateway", &push.url("/push/"), "");
    scene.variables.push(("BEARER".into(), "token-of-the-test".into()));
    let plan = scene.plan(DRILL).replace("rto = \"60s\"", "rto = \"1ms\"");
    let (ended, record) = scene.run(&plan).finish(MINUTE * 2);
    ended.expect_code(100);
    record.expect("failed", "clean", &[]);
    assert_eq!(told(&record.value), [("chat", None), ("hook", None), ("metrics", None)], "{ended}");
    let run_id = record.value["run_id"].as_str().expect("an id");

    let message = slack.only();
    assert_eq!(message.path, "/services/T0/B0/x");
    let message = json(&message);
    let text = message["text"].as_str().expect("a text");
    for part in
        ["FAILED on test", "simulated: no evidence", "✗ failover (rds-failover on orders): failed", run_id]
    {
        assert!(text.contains(part), "{part}: {text}");
    }

    let document = hook.only();
    assert_eq!(document.path, "/in?key=a");
    assert!(document.head.to_lowercase().contains("authorization: bearer token-of-the-test"), "{document:?}");
    let document = json(&document);
    assert_eq!(document["schema"], "lifeboat.notice/1");
    for key in ["run_id", "verdict", "restoration", "complete", "exit_code", "started_at", "ended_at"] {
        assert_eq!(document[key], record.value[key], "{key}");
    }
    let (drill, measured) = (&document["drills"][0], &record.drill()["measurements"]["rto"]);
    assert_eq!(drill["rto"]["upper_s"].as_f64(), measured["upper_s"].as_f64(), "{drill} {measured}");
    assert_eq!(drill["rto"]["objective_s"], 0.001);
    assert_eq!(drill["reason"], record.drill()["reason"]);
    let folder = std::path::Path::new(document["folder"].as_str().expect("a folder"));
    assert!(folder.is_absolute() && folder.join("record.json").exists(), "{document}");

    let metrics = push.only();
    assert_eq!(metrics.method, "PUT");
    assert_eq!(metrics.path, "/push/metrics/job/lifeboat/environment@base64/dGVzdA/plan@base64/cnVuLnRvbWw");
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{metrics:?}");
    assert_eq!(metrics.body, scene.read("metrics.prom"), "what the textfile says");
    let verdicts = parsed(&scene, &metrics.body);
    assert_eq!(verdicts, "failover failed 1", "as Prometheus' own library reads it");
    scene.sandbox.stop(&scene.lab);
}

const PARSE: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
text = open(sys.argv[1]).read()
families = list(text_string_to_metric_families(text))
assert all(family.type == 'gauge' and family.documentation for family in families), families
assert all(sample.timestamp is None for family in families for sample in family.samples), 'a Pushgateway takes none'
samples = [sample for family in families for sample in family.samples if sample.name == 'lifeboat_drill_verdict']
print(*(f\"{s.labels['drill']} {s.labels['verdict']} {s.value}\" for s in samples if s.value))
";

fn parsed(scene: &Scene, metrics: &str) -> String {
    let file = scene.lab.write("metrics.txt", metrics);
    let output = Command::new(python()).args(["-c", PARSE]).arg(file).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// Each way in which one can fail: a warning in the record and in the reports, never anything else. What may have arrived is
/// not sent again.
#[test]
fn a_notice_that_fails_changes_nothing() {
    let mut scene = Scene::new();
    let answers = [
        ("fault", Answer::Status("500 Internal Server Error"), 1, "it answers 500 Internal Server Error"),
        ("gone", Answer::Status("410 Gone"), 1, "it answers 410 Gone"),
        ("busy", Answer::Status("429 Too Many Requests"), 2, "it answers 429 Too Many Requests"),
        ("moved", Answer::Redirect, 1, "redirects are not followed"),
        ("closes", Answer::Close, 1, "no answer"),
        ("hangs", Answer::Nothing, 1, "no answer within 10 s"),
    ];
    let receivers = answers.map(|(name, answer, ..)| (name, Receiver::start(answer)));
    for (name, receiver) in &receivers {
        scene.notice(name, "webhook", &receiver.url("/hook"), "");
    }
    let nobody = Receiver::start(Answer::Close);
    // Nobody listens there.
    scene.notice("refuses", "slack", "http://127.0.0.1:1/hook", "");
    scene.notice("no_tls", "slack", &nobody.url("/hook").replace("http:", "https:"), "");
    let well = Receiver::start(Answer::Status("204 No Content"));
    scene.notice("well", "webhook", &well.url("/"), "");
    let quiet = Receiver::start(Answer::Status("200 OK"));
    scene.notice("quiet", "slack", &quiet.url("/"), "only = 'failures'");

    let (ended, record) = scene.run(&scene.plan(DRILL)).finish(MINUTE * 2);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(record.value["complete"], true);
    let told = told(&record.value);
    assert_eq!(told.len(), 9, "the one for failures is not among them: {told:?}");
    let why = |name: &str| told.iter().find(|(known, _)| *known == name).expect(name).1;
    for (name, _, _, words) in answers {
        let why = why(name).unwrap_or_else(|| panic!("{name} arrived"));
        assert!(why.contains(words), "{name}: {why}");
        assert!(!why.contains("nobody is to repeat") && !why.contains("/hook"), "{name}: {why}");
    }
    assert!(why("refuses").is_some_and(|why| why.contains("Connection refused")), "{told:?}");
    assert!(why("no_tls").is_some_and(|why| why.contains("no connection")), "{told:?}");
    assert_eq!(why("well"), None);
    for ((name, receiver), (_, _, times, _)) in receivers.iter().zip(answers) {
        assert_eq!(receiver.received().len(), times, "{name}");
    }
    assert_eq!((well.received().len(), quiet.received().len()), (1, 0));

    // A line for each, in every report that people read, and on the terminal.
    for (name, error) in told.iter().filter_map(|(name, error)| Some((name, (*error)?))) {
        ended.expect_stderr(&[&format!("lifeboat: the notice `{name}` ("), error]);
        for report in ["report.html", "report.md"] {
            let report_text = scene.read(report).replace(['\\', '`'], "");
            assert!(report_text.contains(&format!("the notice {name} (")), "{name} in {report}");
        }
    }
    // They come after the run and are no part of it; whoever judges again finds the same.
    let journal = scene.read("journal.jsonl");
    let events: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let end = events.iter().position(|event| event["event"] == "run-ended").expect("the end");
    assert_eq!(events.len() - end - 1, 9);
    assert!(events[end + 1..].iter().all(|event| event["event"] == "notice-sent"), "{journal}");
    assert_eq!(record.value["ended_at"], events[end]["at"]);
    let judged = scene.judge();
    judged.expect_code(0);
    assert!(judged.stdout.contains("the same as record.json"), "{judged}");
    assert!(judged.stdout.contains("the notice `hangs` (webhook) was not sent"), "{judged}");
    assert_eq!(well.received().len(), 1, "to judge again tells nobody");
    scene.sandbox.stop(&scene.lab);
}

/// Somebody who waits for a run that was over gets it back at once.
#[test]
fn a_signal_ends_a_notice_that_hangs() {
    let mut scene = Scene::new();
    let hangs = Receiver::start(Answer::Nothing);
    scene.notice("hangs", "webhook", &hangs.url("/"), "");
    let run = scene.run(&scene.plan(DRILL));
    eventually("the notice", MINUTE * 2, || match hangs.received().len() {
        0 => Err(run.process.said()),
        _ => Ok(()),
    });
    run.process.signal(Signal::SIGINT);
    let (ended, record) = run.finish(ONE_TRY * 3);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(record.value["interrupted_by"], Value::Null, "the run was over");
    let [("hangs", Some(why))] = told(&record.value)[..] else { panic!("{:?}", record.value["notices"]) };
    assert!(why.contains("a signal ended it"), "before its limit did: {why}");
    scene.judge().expect_code(0);
    scene.sandbox.stop(&scene.lab);
}

/// A run that somebody ended is told; one that was killed cannot tell, and judging it tells nobody.
#[test]
fn a_run_that_was_interrupted_is_told_and_one_that_was_killed_is_not() {
    let mut scene = Scene::new();
    let hook = Receiver::start(Answer::Status("200 OK"));
    scene.notice("hook", "webhook", &hook.url("/"), "only = 'failures'");
    let plan = scene.plan("stable_for = '40s'");
    let mut run = scene.run(&plan);
    run.await_step("await-recovery");
    run.process.signal(Signal::SIGTERM);
    let (ended, record) = run.finish(MINUTE * 2);
    ended.expect_code(130);
    assert_eq!(told(&record.value), [("hook", None)], "{ended}");
    let document = json(&hook.only());
    assert_eq!((&document["verdict"], &document["exit_code"]), (&Value::from("aborted"), &Value::from(130)));
    let said = document["text"].to_string();
    assert!(said.contains("SIGTERM interrupted the run"), "{document}");

    std::fs::remove_dir_all(scene.lab.path("run")).expect("removed");
    eventually("the standby to be there again", MINUTE, || {
        let plan = scene.command("plan", &plan).arg("--check").output().expect("the command");
        if plan.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&plan.stdout).into_owned()) }
    });
    let mut run = scene.run(&plan);
    run.await_step("await-recovery");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    let judged = scene.judge();
    judged.expect_code(102);
    assert_eq!(hook.received().len(), 1, "nobody was told: {judged}");
    let mut undo = scene.lab.lifeboat();
    let undo = undo.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    Process::start(&scene.lab, undo).wait(MINUTE).expect_code(0);
    assert_eq!(hook.received().len(), 1, "nor by undo");
    scene.sandbox.stop(&scene.lab);
}

/// Addresses and tokens are in nothing that is said or written, whatever becomes of the notice, and with every log at its most
/// talkative.
#[test]
fn an_address_is_in_no_output() {
    const PATH: &str = "T0SECRETpathOfTheTest4711";
    const QUERY: &str = "SECRETqueryOfTheTest4712";
    const BEARER: &str = "SECRETbearerOfTheTest4713";
    const USER: &str = "SECRETuserOfTheTest4714";
    let mut scene = Scene::new();
    let well = Receiver::start(Answer::Status("200 OK"));
    let fault = Receiver::start(Answer::Status("500 Internal Server Error"));
    let closes = Receiver::start(Answer::Close);
    let secret = |receiver: &Receiver| receiver.url(&format!("/{PATH}?key={QUERY}"));
    scene.notice("chat", "slack", &secret(&well), "");
    scene.notice("hook", "webhook", &secret(&well), "bearer = '${BEARER}'");
    scene.notice(
        "metrics",
        "pushgateway",
        &well.url(&format!("/{PATH}")).replacen("//", &format!("//{USER}:{USER}@"), 1),
        "",
    );
    scene.notice("fault", "slack", &secret(&fault), "");
    scene.notice("closes", "webhook", &secret(&closes), "bearer = '${BEARER}'");
    scene.notice("no_tls", "slack", &secret(&closes).replace("http:", "https:"), "");
    scene.notice("refuses", "slack", &format!("http://127.0.0.1:1/{PATH}"), "");
    scene.notice("nowhere", "slack", &format!("https://nowhere.invalid/{PATH}"), "");
    scene.variables.push(("BEARER".into(), BEARER.into()));
    let plan = scene.plan(DRILL);

    let mut command = scene.command("run", &plan);
    command.args(["--json"]).env("LIFEBOAT_LOG", "trace").env("RUST_LOG", "trace");
    let (ended, record) = Run::of(&scene.lab, command, "run").finish(MINUTE * 2);
    ended.expect_code(0);
    assert!(ended.stderr.contains("TRACE") && ended.stderr.contains("hyper"), "the logs were not talkative");
    let arrived = well.received();
    assert_eq!(arrived.len(), 3, "{arrived:?}");
    assert!(arrived.iter().any(|one| one.head.contains(BEARER)), "the token was sent");
    assert!(arrived.iter().any(|one| one.path.contains(QUERY)), "and the query");
    assert_eq!(told(&record.value).iter().filter(|(_, error)| error.is_some()).count(), 5);

    let nowhere = told(&record.value).into_iter().find_map(|(name, why)| why.filter(|_| name == "nowhere"));
    assert!(
        nowhere.is_some_and(|why| why.contains("no connection") && !why.contains(".invalid")),
        "{nowhere:?}"
    );

    let planned = scene.command("plan", &plan).env("LIFEBOAT_LOG", "trace").output().expect("the command");
    let planned = [planned.stdout, planned.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert!(planned[0].contains("notice chat: slack\n"), "{}", planned[0]);
    let mut outputs = vec![ended.stdout.clone(), ended.stderr.clone()];
    outputs.extend(planned);
    for entry in std::fs::read_dir(scene.lab.path("run")).expect("the folder") {
        outputs.push(std::fs::read_to_string(entry.expect("an entry").path()).expect("a text"));
    }
    let run_id = record.value["run_id"].as_str().expect("an id");
    assert!(outputs.iter().filter(|text| text.contains(run_id)).count() > 5, "what is there is found");
    // The user as a header for basic authentication has it, without the letters that hold a part of what is beside it.
    let in_base64 = ["U0VDUkVUdXNlck9mVGhlVGVzdDQ3MT", "NFQ1JFVHVzZXJPZlRoZVRlc3Q0NzE0"];
    for needle in [PATH, QUERY, BEARER, USER].into_iter().chain(in_base64) {
        for text in &outputs {
            if let Some(at) = text.find(needle) {
                let from = text.floor_char_boundary(at.saturating_sub(200));
                panic!("{needle} is told after: {}", &text[from..at]);
            }
        }
    }
    scene.sandbox.stop(&scene.lab);
}

/// A server whose certificate is its own, which answers 200.
const TLS_SERVER: &str = "
import datetime, ipaddress, http.server, ssl, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, 'test')])
now = datetime.datetime.now(datetime.timezone.utc)
hour = datetime.timedelta(hours=1)
cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    .not_valid_before(now - hour).not_valid_after(now + hour)
    .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]), False)
    .sign(key, hashes.SHA256()))
pem = cert.public_bytes(s.Encoding.PEM)
private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
open(sys.argv[1], 'wb').write(pem)
open(sys.argv[1] + '.key', 'wb').write(private + pem)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print('posted', self.rfile.read(int(self.headers['Content-Length'])).decode()[:20], flush=True)
        self.send_response(200)
        self.end_headers()
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
print('port', server.server_port, flush=True)
server.serve_forever()
";

/// The same server is told where its certificate is trusted, and not where it is not.
#[test]
fn a_certificate_that_nobody_vouches_for_or_of_another_is_not_told() {
    let mut scene = Scene::new();
    let certificate = scene.lab.path("server.pem");
    let server =
        Process::start(&scene.lab, Command::new(python()).args(["-c", TLS_SERVER]).arg(&certificate));
    let port = eventually("the server", MINUTE, || {
        let said = server.said();
        let port = said.split("\nport ").nth(1).and_then(|rest| rest.lines().next()).map(str::to_owned);
        port.ok_or(said)
    });
    scene.notice("chat", "slack", &format!("https://127.0.0.1:{port}/"), "");
    let plan = scene.plan(DRILL);
    let trusting = |dir: &str, trust: bool, host: &str| {
        let mut command = scene.command("run", &plan);
        if trust {
            command.env("SSL_CERT_FILE", &certificate);
        }
        command.env("URL_CHAT", format!("https://{host}:{port}/"));
        let (ended, record) = Run::of(&scene.lab, command, dir).finish(MINUTE * 2);
        ended.expect_code(0);
        eventually("the standby to be there again", MINUTE, || {
            let plan = scene.command("plan", &plan).arg("--check").output().expect("the command");
            if plan.status.success() {
                Ok(())
            } else {
                Err(String::from_utf8_lossy(&plan.stdout).into_owned())
            }
        });
        record.value["notices"][0]["error"].as_str().map(str::to_owned)
    };
    let error = trusting("wary", false, "127.0.0.1").expect("nobody vouches for it");
    assert!(error.contains("no connection") && error.contains("certificate"), "{error}");
    let error = trusting("other", true, "localhost").expect("it is of another name");
    assert!(error.contains("certificate") && error.contains("its host"), "{error}");
    assert!(!error.contains("localhost"), "the host may be a secret as well: {error}");
    assert!(!server.said().contains("\nposted"), "{}", server.said());
    assert_eq!(trusting("trusting", true, "127.0.0.1"), None);
    assert!(server.said().contains("\nposted {\"mrkdwn\""), "{}", server.said());
    drop(server);
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn an_address_that_leads_nowhere_is_refused_before_the_run() {
    let scene = || {
        let lab = Lab::new();
        let plan = failover_plan("");
        (lab, plan)
    };
    for (url, words) in [
        ("http://hooks.example.com/hunter2", ["http to another machine", "https"]),
        ("hunter2", ["notice `chat`", "url"]),
    ] {
        let (lab, plan) = scene();
        let notice = "\n[[notices]]\nname = 'chat'\nkind = 'slack'\nurl = '${HOOK}'\n";
        let plan = lab.write(
            "run.toml",
            &format!("{plan}{notice}").replace("${AWS_ENDPOINT_URL}", "http://127.0.0.1:1"),
        );
        for subcommand in ["run", "plan"] {
            let mut command = lab.lifeboat();
            command.arg(subcommand).arg(&plan).env("HOOK", url).env("LIFEBOAT_SANDBOX_PASSWORD", "x");
            let ended = Process::start(&lab, &mut command).wait(MINUTE);
            ended.expect_code(2).expect_stderr(&words);
            let told = ended.stdout.contains("hunter2") || ended.stderr.contains("hunter2");
            assert!(!told, "{subcommand}: a secret is told");
            assert!(!lab.path("lifeboat-runs").exists(), "there is no run");
        }
    }
}
