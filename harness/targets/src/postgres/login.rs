//! With which password a session is opened.
//!
//! A password that Secrets Manager keeps may have been rotated since it was fetched: where the server refuses it, it is
//! fetched once more and tried once more. A copy has the passwords of the time that it is of, so the one before the last
//! rotation is tried as well there. While a rotation has changed the password and not yet said so, nobody is let in.

use std::sync::{Arc, Mutex, PoisonError};

use lifeboat_model::{KeptPassword, Password, Secret, Stage};

use super::PgError;

/// The SQLSTATE of a password that is not the role's.
const WRONG_PASSWORD: &str = "28P01";

/// The password of a role, and which of its versions the server took. Clones are of one.
#[derive(Clone)]
pub struct Login {
    password: Password,
    worked: Arc<Mutex<Option<(Stage, Secret)>>>,
}

impl Login {
    /// With a password that was not tried yet.
    pub fn new(password: Password) -> Self {
        Self { password, worked: Arc::default() }
    }

    /// Opens a session by `open`. Gives the stage of the password that the server took, where it is a kept one.
    ///
    /// # Errors
    /// The server's, or that the password cannot be had.
    pub async fn open<T, F, Fut>(&self, copy: bool, open: F) -> Result<(T, Option<Stage>), PgError>
    where
        F: Fn(Secret) -> Fut,
        Fut: Future<Output = Result<T, PgError>>,
    {
        let kept = match &self.password {
            Password::Given(secret) => return Ok((open(secret.clone()).await?, None)),
            Password::Kept(kept) => kept,
        };
        let worked = self.worked();
        let others = match (copy, &worked) {
            (false, _) => vec![Stage::Current],
            (true, None) => vec![Stage::Previous],
            (true, Some(_)) => vec![Stage::Current, Stage::Previous],
        };
        let (stage, first) = match worked {
            Some(worked) => worked,
            None => (Stage::Current, current(kept, copy).await?),
        };
        let refused = match open(first.clone()).await {
            Err(error) if error.code.as_deref() == Some(WRONG_PASSWORD) => error,
            Err(error) => return Err(error),
            Ok(session) => {
                self.set_worked(copy.then_some((stage, first)));
                return Ok((session, Some(stage)));
            }
        };
        self.set_worked(None);
        let mut tried = vec![first];
        for stage in others {
            let secret = match kept.password(stage, tried.last()).await {
                Ok(Some(secret)) if !tried.contains(&secret) => secret,
                Ok(_) => continue,
                Err(why) => return Err(PgError { text: format!("{}; {why}", refused.text), ..refused }),
            };
            match open(secret.clone()).await {
                Err(error) if error.code.as_deref() == Some(WRONG_PASSWORD) => tried.push(secret),
                Err(error) => return Err(error),
                Ok(session) => {
                    self.set_worked(copy.then_some((stage, secret)));
                    return Ok((session, Some(stage)));
                }
            }
        }
        Err(refused)
    }

    fn worked(&self) -> Option<(Stage, Secret)> {
        self.worked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Of the source it is not kept here: it is the keeper's to know.
    fn set_worked(&self, worked: Option<(Stage, Secret)>) {
        *self.worked.lock().unwrap_or_else(PoisonError::into_inner) = worked;
    }
}

/// The current password. For a copy it is fetched anew: what is known may be the previous one by now without anybody having
/// been refused, and a copy of that time takes it.
async fn current(kept: &KeptPassword, anew: bool) -> Result<Secret, PgError> {
    let mut found = kept.password(Stage::Current, None).await;
    if anew && let Ok(known) = &found {
        found = kept.password(Stage::Current, known.as_ref()).await;
    }
    match found {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(PgError::no_password(format!("secret `{}` has no value", kept.secret()))),
        Err(why) => Err(PgError::no_password(why)),
    }
}

#[cfg(test)]
mod tests {
    use lifeboat_model::{Keeper, Kept};
    use rstest::rstest;

    use super::*;

    /// Knows `old` until it is told that it is refused, and is asked for `current` then.
    #[derive(Default)]
    struct Rotated {
        asked: Mutex<Vec<(Stage, Option<String>)>>,
    }

    impl Keeper for Rotated {
        fn password<'a>(&'a self, stage: Stage, refused: Option<&'a Secret>) -> Kept<'a> {
            let refused = refused.map(|secret| secret.expose().to_owned());
            let answer = match (stage, &refused) {
                (Stage::Current, None) => "old",
                (Stage::Current, Some(_)) => "current",
                (Stage::Previous, _) => "previous",
            };
            self.asked.lock().unwrap().push((stage, refused));
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
        let opened = login.open(copy, |secret| {
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

    /// Hundreds of sessions on a copy do not each begin with two that are refused.
    #[tokio::test]
    async fn what_a_copy_took_is_tried_first() {
        let (_, _, _, login) = logged_in(true, "previous").await;
        let (ended, tried) = once_more(&login.clone(), true, "previous").await;
        assert_eq!((ended.unwrap(), tried), (Some(Stage::Previous), vec!["previous".to_owned()]));
    }
}
