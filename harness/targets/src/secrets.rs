//! Passwords that AWS Secrets Manager keeps.
//!
//! Asked when the run begins, and again only where a server refuses what is known. Nothing that is said of a secret holds a
//! part of its value.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use lifeboat_model::{Keeper, Kept, NoPassword, Secret, Stage, TargetEntry};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::tokens::Tokens;
use crate::{Aws, AwsError};

/// Tells the kept passwords of targets where they are asked for, and their roles with tokens who makes those; nothing is asked
/// yet.
pub fn bind_passwords(targets: &BTreeMap<String, TargetEntry>, aws: &Aws) {
    for (target, entry) in targets {
        for (user, kept) in entry.kept_passwords() {
            kept.bind(|| Arc::new(SecretKeeper::new(aws, target, user, kept.secret())));
        }
        for (_, token) in entry.token_passwords() {
            token.bind(|| Arc::new(Tokens::new(aws, target)));
        }
    }
}

/// The same, and asks for each of them.
///
/// # Errors
/// A sentence for each that cannot be had.
pub async fn fetch_passwords(targets: &BTreeMap<String, TargetEntry>, aws: &Aws) -> Result<(), Vec<String>> {
    bind_passwords(targets, aws);
    let kept = targets.values().flat_map(TargetEntry::kept_passwords);
    let asked = join_all(kept.map(|(_, kept)| kept.password(Stage::Current, None))).await;
    let wrong: Vec<String> = asked.into_iter().filter_map(|asked| Some(asked.err()?.why)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The secret of one role.
struct SecretKeeper {
    secret: Arc<KeptSecret>,
    known: Arc<Lock<Known>>,
    /// Whoever asks has it. What is known is told meanwhile.
    turn: Arc<Mutex<()>>,
}

struct KeptSecret {
    aws: Aws,
    client: Client,
    id: String,
    target: String,
    user: String,
}

/// What was answered for the stages.
#[derive(Default)]
struct Known {
    current: Answered,
    previous: Answered,
}

#[derive(Default)]
struct Answered {
    /// Stays where a later question was not answered.
    value: Option<Secret>,
    last: Option<(Instant, Result<(), NoPassword>)>,
}

impl Answered {
    /// What is answered without asking.
    fn without_asking(
        &self,
        refused: Option<&Secret>,
        aws: &Aws,
    ) -> Option<Result<Option<Secret>, NoPassword>> {
        let (asked, ended) = self.last.as_ref()?;
        if self.value.is_some() && (refused.is_none() || self.value.as_ref() != refused) {
            return Some(Ok(self.value.clone()));
        }
        // Whoever probes a server is refused many times a second.
        (asked.elapsed() < aws.pace()).then(|| ended.clone().map(|()| self.value.clone()))
    }
}

impl SecretKeeper {
    fn new(aws: &Aws, target: &str, user: &str, id: &str) -> Self {
        let secret = KeptSecret {
            aws: aws.clone(),
            client: aws.secretsmanager(),
            id: id.into(),
            target: target.into(),
            user: user.into(),
        };
        Self { secret: Arc::new(secret), known: Arc::default(), turn: Arc::default() }
    }

    /// What is answered without asking.
    fn known(&self, stage: Stage, refused: Option<&Secret>) -> Option<Result<Option<Secret>, NoPassword>> {
        locked(&self.known).of(stage).without_asking(refused, &self.secret.aws)
    }
}

impl Keeper for SecretKeeper {
    fn password<'a>(&'a self, stage: Stage, refused: Option<&'a Secret>) -> Kept<'a> {
        async move {
            if let Some(answer) = self.known(stage, refused) {
                return answer;
            }
            let turn = Arc::clone(&self.turn).lock_owned().await;
            // Another may have asked meanwhile.
            if let Some(answer) = self.known(stage, refused) {
                return answer;
            }
            let (secret, known) = (Arc::clone(&self.secret), Arc::clone(&self.known));
            // To its end, also where who asked gives up at a deadline: the next one would begin anew.
            let asking = tokio::spawn(async move {
                let answer = secret.ask(stage).await;
                locked(&known).keep(stage, &answer);
                drop(turn);
                answer
            });
            asking.await.unwrap_or_else(|error| Err(NoPassword { why: error.to_string(), passing: false }))
        }
        .boxed()
    }
}

fn locked(known: &Lock<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn of(&self, stage: Stage) -> &Answered {
        match stage {
            Stage::Current => &self.current,
            Stage::Previous => &self.previous,
        }
    }

    fn keep(&mut self, stage: Stage, answer: &Result<Option<Secret>, NoPassword>) {
        if stage == Stage::Current && answer.as_ref().is_ok_and(|value| *value != self.current.value) {
            // Rotated: another one is the previous now.
            self.previous = Answered::default();
        }
        let answered = match stage {
            Stage::Current => &mut self.current,
            Stage::Previous => &mut self.previous,
        };
        if let Ok(value) = answer {
            answered.value.clone_from(value);
        }
        answered.last = Some((Instant::now(), answer.clone().map(drop)));
    }
}

impl KeptSecret {
    async fn ask(&self, stage: Stage) -> Result<Option<Secret>, NoPassword> {
        let call = || async {
            let call = self.client.get_secret_value().secret_id(&self.id).version_stage(stage.label());
            call.send().await.map_err(|error| AwsError::of("GetSecretValue", &error))
        };
        match self.aws.read(call).await {
            Ok(answer) => self.password_in(&answer).map(Some).map_err(|why| self.cannot(&why, false)),
            // Before its first rotation a secret has no other version.
            Err(error) if stage == Stage::Previous && error.code == NOT_FOUND => Ok(None),
            Err(error) => Err(self.cannot(&format!("{error}{}", advice(&error)), error.is_passing())),
        }
    }

    fn cannot(&self, why: &str, passing: bool) -> NoPassword {
        let Self { id, target, user, .. } = self;
        let why =
            format!("the password of `{user}` for target `{target}` cannot be had from secret `{id}`: {why}");
        NoPassword { why, passing }
    }

    fn password_in(&self, answer: &GetSecretValueOutput) -> Result<Secret, String> {
        let Some(text) = answer.secret_string() else {
            return Err("it is binary; keep the password as text, or as the JSON that RDS keeps".into());
        };
        password_in(text, &self.user)
    }
}

const NOT_FOUND: &str = "ResourceNotFoundException";

/// The password in a secret's text: the member `password` of a JSON object, which has to be of the role, or all of it.
fn password_in(text: &str, user: &str) -> Result<Secret, String> {
    let password = match serde_json::from_str(text) {
        Ok(Value::Object(members)) => {
            match members.get("username") {
                None => {}
                Some(Value::String(of)) if of == user => {}
                Some(Value::String(_)) => {
                    return Err(format!(
                        "it is of another role than the plan's `{user}`; name the role of the secret in the plan, or a \
                         secret of this one"
                    ));
                }
                Some(_) => return Err("its member `username` is no text; see who writes the secret".into()),
            }
            match members.get("password") {
                Some(Value::String(password)) => password.clone(),
                _ => return Err("its JSON has no text `password`; see who writes the secret".into()),
            }
        }
        _ => text.to_owned(),
    };
    if password.is_empty() {
        return Err("the password in it is empty; see who writes the secret".into());
    }
    Ok(Secret::new(password))
}

/// What a person can do, as the end of a sentence.
fn advice(error: &AwsError) -> &'static str {
    // AWS says by the message alone that it is the key that is denied.
    let of_key = error.message.contains("KMS");
    match error.code.as_str() {
        NOT_FOUND => {
            "; check the ARN or name of the secret in the plan, the region and the account, and that it has a value"
        }
        "InvalidRequestException" => {
            "; a secret that is scheduled for deletion has to be restored (RestoreSecret) before anybody can read it, or \
             name another in the plan"
        }
        "DecryptionFailure" => {
            "; see that the secret's KMS key is enabled and that its policy and the caller's allow kms:Decrypt"
        }
        "AccessDeniedException" | "AccessDenied" if of_key => {
            "; allow the caller kms:Decrypt on the secret's key, in the key's policy as well (docs/iam.md)"
        }
        "AccessDeniedException" | "AccessDenied" => {
            "; allow the caller secretsmanager:GetSecretValue on it (`lifeboat iam-policy` prints the statement)"
        }
        _ if error.is_unsupported() => {
            "; this environment has no Secrets Manager: give the target a password"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use lifeboat_model::Secret;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::of_rds(r#"{"engine":"postgres","username":"drill","password":"p\"w"}"#, "p\"w")]
    #[case::without_a_role(r#"{"password":"pw"}"#, "pw")]
    #[case::plain("pw", "pw")]
    #[case::plain_and_json("12345678", "12345678")]
    #[case::plain_and_odd("{pw", "{pw")]
    fn a_password_is_found(#[case] text: &str, #[case] password: &str) {
        assert_eq!(password_in(text, "drill").as_ref().map(Secret::expose), Ok(password));
    }

    async fn aws(endpoint: Option<String>) -> Aws {
        let environment = lifeboat_model::Environment {
            endpoint,
            ..lifeboat_model::Environment::new("test", lifeboat_model::Provider::Sandbox, "us-east-1")
        };
        Aws::connect(&environment).await
    }

    /// Sessions with a password that serves do not wait for what others ask.
    #[tokio::test]
    async fn what_is_known_is_told_while_somebody_asks() {
        // It takes connections and never answers.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = aws(Some(format!("http://{}", silent.local_addr().unwrap()))).await;
        let keeper = SecretKeeper::new(&aws, "orders", "app", "s");
        let (old, new) = (Secret::new("old".into()), Secret::new("new".into()));
        locked(&keeper.known).keep(Stage::Current, &Ok(Some(new.clone())));
        assert!(keeper.password(Stage::Previous, None).now_or_never().is_none(), "it is asked for");
        assert!(keeper.turn.try_lock().is_err(), "the question goes on");
        for refused in [None, Some(&old)] {
            let answer = keeper.password(Stage::Current, refused).now_or_never();
            assert_eq!(answer, Some(Ok(Some(new.clone()))), "{refused:?}");
        }
        let asked_long_ago = |known: &mut Known| {
            known.current.last = known.current.last.take().map(|(at, ended)| (at - aws.pace(), ended));
        };
        asked_long_ago(&mut locked(&keeper.known));
        let answer = keeper.password(Stage::Current, Some(&new)).now_or_never();
        assert_eq!(answer, None, "who was refused waits");
    }

    /// Whoever probes a server that refuses the password is refused many times a second.
    #[tokio::test]
    async fn what_is_refused_is_asked_for_at_a_pace() {
        let aws = aws(None).await;
        let down = || Err(NoPassword { why: "down".into(), passing: true });
        let (one, other) = (Secret::new("one".into()), Secret::new("other".into()));
        let mut known = Known::default();
        assert_eq!(known.current.without_asking(None, &aws), None, "nobody was asked yet");
        known.keep(Stage::Current, &Ok(Some(one.clone())));
        let answer = |known: &Known, refused| known.current.without_asking(refused, &aws);
        assert_eq!(answer(&known, None), Some(Ok(Some(one.clone()))));
        assert_eq!(answer(&known, Some(&other)), Some(Ok(Some(one.clone()))), "another one is refused");
        assert_eq!(answer(&known, Some(&one)), Some(Ok(Some(one.clone()))), "just asked");
        known.keep(Stage::Current, &down());
        assert_eq!(answer(&known, Some(&one)), Some(down()), "just asked");
        assert_eq!(answer(&known, None), Some(Ok(Some(one.clone()))), "what is known stays");
        known.current.last = known.current.last.take().map(|(at, ended)| (at - aws.pace(), ended));
        assert_eq!(answer(&known, Some(&one)), None, "asked long ago");
        known.keep(Stage::Previous, &Ok(Some(other.clone())));
        known.keep(Stage::Current, &Ok(Some(Secret::new("new".into()))));
        assert_eq!(known.previous.without_asking(None, &aws), None, "another one is the previous now");
    }

    #[rstest]
    #[case::of_another(r#"{"username":"other","password":"hunter2"}"#, &["another role", "`drill`"])]
    #[case::no_text(r#"{"username":5,"password":"hunter2"}"#, &["username"])]
    #[case::none(r#"{"passwort":"hunter2"}"#, &["password"])]
    #[case::a_list(r#"{"password":["hunter2"]}"#, &["password"])]
    #[case::empty("", &["empty"])]
    fn what_is_no_password_is_told_without_it(#[case] text: &str, #[case] said: &[&str]) {
        let error = password_in(text, "drill").expect_err(text);
        assert!(said.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
