//! How a session is opened with a token of RDS IAM authentication: one that is made for it, and one more of newer credentials
//! where that is refused.

use lifeboat_model::{NoPassword, Secret, TokenPassword};

use super::PgError;

/// The SQLSTATEs with which a server refuses a token: RDS says the first, and the second for a role without IAM authentication.
const REFUSED: [&str; 2] = ["28000", "28P01"];

/// Opens a session of `user` on the DB instance with this endpoint, `HOST:PORT`.
///
/// # Errors
/// The server's, or that there is no token.
pub(super) async fn open<T, F, Fut>(
    token: &TokenPassword,
    endpoint: &str,
    user: &str,
    open: F,
) -> Result<T, PgError>
where
    F: Fn(Secret) -> Fut,
    Fut: Future<Output = Result<T, PgError>>,
{
    let made = token.token(endpoint, user, None).await.map_err(PgError::no_password)?;
    let none = || NoPassword { why: format!("no token for `{user}` was made"), passing: false };
    let first = made.ok_or_else(|| PgError::no_password(none()))?;
    let refused = match open(first.clone()).await {
        Err(error) if is_refused(&error) => PgError { by_token: true, ..error },
        settled => return settled,
    };
    match token.token(endpoint, user, Some(&first)).await {
        Ok(Some(other)) => match open(other).await {
            Err(error) if is_refused(&error) => Err(PgError { by_token: true, ..error }),
            settled => settled,
        },
        Ok(None) => Err(refused),
        Err(error) => {
            let text = format!("{}; {error}", refused.text);
            Err(PgError { text, password_later: error.passing, ..refused })
        }
    }
}

fn is_refused(error: &PgError) -> bool {
    // Without TLS nobody was asked for a token.
    error.code.as_deref().is_some_and(|code| REFUSED.contains(&code)) && !error.wants_tls()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use lifeboat_model::{Kept, TokenMaker};
    use rstest::rstest;

    use super::*;

    /// Makes `new` where `old` was refused and there is one, and says what it was asked.
    struct Maker {
        newer: bool,
        asked: Mutex<Vec<String>>,
    }

    impl TokenMaker for Maker {
        fn token<'a>(&'a self, endpoint: &'a str, user: &'a str, refused: Option<&'a Secret>) -> Kept<'a> {
            let refused = refused.map(Secret::expose);
            self.asked.lock().unwrap().push(format!("{user}@{endpoint} {}", refused.unwrap_or("-")));
            let made = match refused {
                None => Some("old"),
                Some(_) => self.newer.then_some("new"),
            };
            Box::pin(std::future::ready(Ok(made.map(|text| Secret::new(text.into())))))
        }
    }

    #[rstest]
    #[case::taken(true, "28000", "old", &["old"], 1, true)]
    #[case::newer_credentials(true, "28000", "new", &["old", "new"], 2, true)]
    #[case::none_newer(false, "28000", "new", &["old"], 2, false)]
    #[case::none_taken(true, "28P01", "another", &["old", "new"], 2, false)]
    #[case::full(true, "53300", "new", &["old"], 1, false)]
    #[tokio::test]
    async fn a_refused_token_is_replaced_once(
        #[case] newer: bool,
        #[case] code: &str,
        #[case] taken: &str,
        #[case] expected: &[&str],
        #[case] questions: usize,
        #[case] good: bool,
    ) {
        let (token, maker) = (TokenPassword::default(), Arc::new(Maker { newer, asked: Mutex::default() }));
        token.bind(|| Arc::clone(&maker) as Arc<dyn TokenMaker>);
        let tried = Mutex::new(Vec::new());
        let opened = open(&token, "h:1", "drill", |secret| {
            tried.lock().unwrap().push(secret.expose().to_owned());
            let refused = PgError { code: Some(code.into()), ..PgError::no_answer("refused") };
            std::future::ready(if secret.expose() == taken { Ok(()) } else { Err(refused) })
        });
        let ended = opened.await;
        assert_eq!(tried.into_inner().unwrap(), expected);
        let asked = maker.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), questions);
        assert!(asked[0] == "drill@h:1 -" && asked.get(1).is_none_or(|second| second == "drill@h:1 old"));
        assert_eq!(ended.is_ok(), good);
        if let Err(error) = ended {
            let of_token = code.starts_with("28");
            assert_eq!(error.advice().contains("rds-db:connect"), of_token, "{}", error.advice());
        }
    }

    #[tokio::test]
    async fn without_a_maker_nobody_logs_in() {
        let token = TokenPassword::default();
        let opened = open(&token, "h:1", "drill", |_| std::future::ready(Ok(()))).await;
        let error = opened.unwrap_err();
        assert!(error.no_password && error.text.contains("control plane"), "{error}");
    }
}
