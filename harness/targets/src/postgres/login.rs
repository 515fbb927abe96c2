//! With which password a session is opened.
//!
//! A password that Secrets Manager keeps may have been rotated since it was fetched: where the server refuses it, it is
//! fetched once more and tried once more. A copy has the passwords of the time that it is of, so the one before the last
//! rotation is tried as well there. While a rotation has changed the password and not yet said so, nobody is let in. While
//! Secrets Manager does not answer, what is known is tried, and nobody can say then whether it is the current one still.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifeboat_model::{KeptPassword, NoPassword, Password, Secret, ServerRef, Stage};
use tokio::time::{Instant, timeout_at};

use super::{PgError, token_login};

/// The SQLSTATE of a password that is not the role's.
const WRONG_PASSWORD: &str = "28P01";

/// A password, and which version it is, where that is known.
type Tried = (Option<Stage>, Secret);

/// The password of a role, and which of its versions the server took. Clones are of one.
#[derive(Clone)]
pub struct Login {
    password: Password,
    worked: Arc<Mutex<Option<Tried>>>,
}

impl Login {
    /// With a password that was not tried yet.
    pub fn new(password: Password) -> Self {
        Self { password, worked: Arc::default() }
    }

    /// Opens a session on this server by `open`, within `limit`. Gives the stage of the password that the server took, where it
    /// is a kept one and that is known.
    ///
    /// # Errors
    /// The server's, or that the password cannot be had.
    pub async fn open<T, F, Fut>(
        &self,
        reference: &ServerRef,
        limit: Duration,
        open: F,
    ) -> Result<(T, Option<Stage>), PgError>
    where
        F: Fn(Secret) -> Fut,
        Fut: Future<Output = Result<T, PgError>>,
    {
        let end = Instant::now() + limit;
        let kept = match &self.password {
            Password::Given(secret) => {
                let opened = timeout_at(end, open(secret.clone())).await;
                return Ok((opened.unwrap_or_else(|_| Err(PgError::timeout(limit)))?, None));
            }
            Password::Kept(kept) => kept,
            Password::Token(token) => {
                let at = || format!("{}:{}", reference.host, reference.port);
                let endpoint = reference.endpoint.clone().unwrap_or_else(at);
                let opened =
                    timeout_at(end, token_login::open(token, &endpoint, &reference.user, open)).await;
                return Ok((opened.unwrap_or_else(|_| Err(PgError::timeout(limit)))?, None));
            }
        };
        let open = async |secret| {
            let opened = timeout_at(end, open(secret)).await;
            opened.unwrap_or_else(|_| Err(PgError::timeout(limit)))
        };
        let copy = reference.copy;
        let worked = self.worked();
        let fetched = worked.is_none();
        let (stage, first) = match worked {
            Some(worked) => worked,
            None => current(kept, copy, end).await?,
        };
        let others = match copy {
            false => vec![Stage::Current],
            true if fetched && stage.is_some() => vec![Stage::Previous],
            true => vec![Stage::Current, Stage::Previous],
        };
        let refused = match open(first.clone()).await {
            Err(error) if error.code.as_deref() == Some(WRONG_PASSWORD) => error,
            Err(error) => return Err(error),
            Ok(session) => {
                self.set_worked(copy.then_some((stage, first)));
                return Ok((session, stage));
            }
        };
        self.set_worked(None);
        let mut tried = vec![first];
        for stage in others {
            let secret = match ask(kept, stage, tried.last(), end).await {
                Ok(Some(secret)) if !tried.contains(&secret) => secret,
                Ok(_) => continue,
                Err(error) => {
                    let text = format!("{}; {error}", refused.text);
                    return Err(PgError { text, password_later: error.passing, ..refused });
                }
            };
            match open(secret.clone()).await {
                Err(error) if error.code.as_deref() == Some(WRONG_PASSWORD) => tried.push(secret),
                Err(error) => return Err(error),
                Ok(session) => {
                    self.set_worked(copy.then_some((Some(stage), secret)));
                    return Ok((session, Some(stage)));
                }
            }
        }
        Err(refused)
    }

    fn worked(&self) -> Option<Tried> {
        self.worked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Of the source it is not kept here: it is the keeper's to know.
    fn set_worked(&self, worked: Option<Tried>) {
        *self.worked.lock().unwrap_or_else(PoisonError::into_inner) = worked;
    }
}

/// The current password. For a copy it is fetched anew: what is known may be the previous one by now without anybody having
/// been refused, and a copy of that time takes it. Where nobody answers, what is known is as good as any.
async fn current(kept: &KeptPassword, anew: bool, end: Instant) -> Result<Tried, PgError> {
    let (mut found, mut stage) = (ask(kept, Stage::Current, None, end).await, Some(Stage::Current));
    if anew && let Ok(known) = &found {
        // What is known has to be tried in time as well.
        let half = end - end.saturating_duration_since(Instant::now()) / 2;
        match ask(kept, Stage::Current, known.as_ref(), half).await {
            Err(error) if error.passing => stage = None,
            answered => found = answered,
        }
    }
    match found {
        Ok(Some(secret)) => Ok((stage, secret)),
        Ok(None) => {
            let why = format!("secret `{}` has no value", kept.secret());
            Err(PgError::no_password(NoPassword { why, passing: false }))
        }
        Err(error) => Err(PgError::no_password(error)),
    }
}

/// Asks until then.
async fn ask(
    kept: &KeptPassword,
    stage: Stage,
    refused: Option<&Secret>,
    end: Instant,
) -> Result<Option<Secret>, NoPassword> {
    timeout_at(end, kept.password(stage, refused)).await.unwrap_or_else(|_| {
        let why = format!("Secrets Manager was asked for secret `{}` and does not answer", kept.secret());
        Err(NoPassword { why, passing: true })
    })
}

#[cfg(test)]
mod tests {
    use lifeboat_model::{Keeper, Kept};
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// A question that is not answered takes half of it.
    const LIMIT: Duration = Duration::from_secs(2);

    /// Who keeps the password.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    enum Answers {
        #[default]
        All,
        /// No question: they end.
        None,
        /// No question: they do not end.
        Silent,
    }

    /// Knows `old` until it is told that it is refused, and is asked for `current` then.
    #[derive(Default)]
    struct Rotated {
        asked: Mutex<Vec<(Stage, Option<String>)>>,
        answers: Answers,
    }

    impl Keeper for Rotated {
        fn password<'a>(&'a self, stage: Stage, refused: Option<&'a Secret>) -> Kept<'a> {
            let refused = refused.map(|secret| secret.expose().to_owned());
            let answer = match (stage, &refused) {
                (Stage::Current, None) => "old",
                (Stage::Current, Some(_)) => "current",
                (Stage::Previous, _) => "previous",
            };
            let known = stage == Stage::Current && refused.is_none();
            self.asked.lock().unwrap().push((stage, refused));
            match self.answers {
                Answers::None if !known => {
                    let why = "secret `s` cannot be had".into();
                    return Box::pin(std::future::ready(Err(NoPassword { why, passing: true })));
                }
                Answers::Silent if !known => return Box::pin(std::future::pending()),
                _ => {}
            }
            Box::pin(std::future::ready(Ok(Some(Secret::new(answer.into())))))
        }
    }

    /// A login against a server that takes this one; what it took, the passwords that it was told, and what was asked.
    async fn logged_in(
        copy: bool,
        taken: &str,
    ) -> (Result<Option<Stage>, PgError>, Vec<String>, usize, Login) {
        let (keeper, kept) = (Arc::new(Rotated::default()), KeptPassword::of("s".into()));
        kept.bind(|| Arc::clone(&keeper) as Arc<dyn Keeper>);
        let login = Login::new(Password::Kept(kept));
        let (ended, tried) = once_more(&login, copy, taken).await;
        let asked = keeper.asked.lock().unwrap().len();
        (ended, tried, asked, login)
    }

    async fn once_more(
        login: &Login,
        copy: bool,
        taken: &str,
    ) -> (Result<Option<Stage>, PgError>, Vec<String>) {
        let tried = Mutex::new(Vec::new());
        let reference =
            json!({"target": "t", "host": "h", "port": 1, "database": "d", "user": "u", "copy": copy});
        let reference = serde_json::from_value(reference).unwrap();
        let opened = login.open(&reference, LIMIT, |secret| {
            tried.lock().unwrap().push(secret.expose().to_owned());
            let refused = PgError { code: Some(WRONG_PASSWORD.into()), ..PgError::no_answer("refused") };
            std::future::ready(if secret.expose() == taken { Ok(()) } else { Err(refused) })
        });
        let ended = opened.await.map(|((), stage)| stage);
        (ended, tried.into_inner().unwrap())
    }

    #[rstest]
    #[case::not_rotated(false, "old", Some(Stage::Current), &["old"], 1)]
    #[case::rotated(false, "current", Some(Stage::Current), &["old", "current"], 2)]
    #[case::of_the_copy(true, "previous", Some(Stage::Previous), &["current", "previous"], 3)]
    #[case::not_of_the_source(false, "previous", None, &["old", "current"], 2)]
    #[case::current_of_the_copy(true, "current", Some(Stage::Current), &["current"], 2)]
    #[case::none_of_them(true, "another", None, &["current", "previous"], 3)]
    #[tokio::test]
    async fn each_password_is_tried_once(
        #[case] copy: bool,
        #[case] taken: &str,
        #[case] stage: Option<Stage>,
        #[case] expected: &[&str],
        #[case] questions: usize,
    ) {
        let (ended, tried, asked, _) = logged_in(copy, taken).await;
        assert_eq!(tried, expected);
        assert_eq!(asked, questions);
        match stage {
            Some(stage) => assert_eq!(ended.unwrap(), Some(stage)),
            None => assert_eq!(ended.unwrap_err().code.as_deref(), Some(WRONG_PASSWORD)),
        }
    }

    /// As while Secrets Manager is down: nobody can say whether what is known is the current one.
    #[rstest]
    #[case::it_serves(Answers::None, "old", true)]
    #[case::it_serves_in_time(Answers::Silent, "old", true)]
    #[case::another_is_needed(Answers::None, "previous", false)]
    #[case::another_is_needed_in_time(Answers::Silent, "previous", false)]
    #[tokio::test]
    async fn what_is_known_is_tried_where_nobody_can_be_asked(
        #[case] answers: Answers,
        #[case] taken: &str,
        #[case] serves: bool,
    ) {
        let keeper: Arc<dyn Keeper> = Arc::new(Rotated { answers, ..Rotated::default() });
        let kept = KeptPassword::of("s".into());
        kept.bind(|| keeper);
        let login = Login::new(Password::Kept(kept));
        for _ in 0..2 {
            let (ended, tried) = once_more(&login, true, taken).await;
            assert_eq!(tried, ["old"]);
            match ended {
                Ok(stage) => assert!(serves && stage.is_none(), "{stage:?}"),
                Err(error) => {
                    assert!(!serves && error.is_passing(), "{error:?}");
                    assert!(error.text.contains("secret `s`"), "{error}");
                    assert_eq!(error.code.as_deref(), Some(WRONG_PASSWORD));
                }
            }
        }
    }

    /// Hundreds of sessions on a copy do not each begin with two that are refused.
    #[tokio::test]
    async fn what_a_copy_took_is_tried_first() {
        let (_, _, _, login) = logged_in(true, "previous").await;
        let (ended, tried) = once_more(&login.clone(), true, "previous").await;
        assert_eq!((ended.unwrap(), tried), (Some(Stage::Previous), vec!["previous".to_owned()]));
    }
}
