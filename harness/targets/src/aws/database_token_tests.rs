//! Tokens of fixed credentials and a fixed time, against those that boto3's `generate_db_auth_token` makes of the same.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::{Region, SdkConfig};
use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
use lifeboat_model::{Environment, Provider, TokenMaker as _};
use rstest::rstest;

use super::super::kept::Source;
use super::super::kept::tests::Issuer;
use super::*;
use crate::tokens::Tokens;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "orders.abc.eu-west-1.rds.amazonaws.com";
/// 2026-03-04T05:06:07Z.
const AT: u64 = 1_772_600_767;

async fn made(session: Option<&str>, user: &str) -> Secret {
    let time = StaticTimeSource::new(UNIX_EPOCH + Duration::from_secs(AT));
    let config = SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .time_source(SharedTimeSource::new(time))
        .build();
    let credentials = Credentials::new("AKIDEXAMPLE", SECRET, session.map(Into::into), None, "test");
    sign(&config, credentials, (HOST, 5432), user).await.unwrap()
}

/// As boto3 1.43 made it, but for the signature.
fn parameters(session: Option<&str>, user: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from(
        [
            ("Action", "connect"),
            ("DBUser", user),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIDEXAMPLE%2F20260304%2Feu-west-1%2Frds-db%2Faws4_request"),
            ("X-Amz-Date", "20260304T050607Z"),
            ("X-Amz-Expires", "900"),
            ("X-Amz-SignedHeaders", "host"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    all.extend(session.map(|token| ("X-Amz-Security-Token".to_owned(), token.to_owned())));
    all
}

#[rstest]
#[case::of_a_key(
    None,
    "drill",
    "drill",
    None,
    "b10c85eaab3609400a300a9a7c53356e34572e1722a488531c490131d11a1641"
)]
#[case::of_a_session(
    Some("FwoG/+tok=en"),
    "drill",
    "drill",
    Some("FwoG%2F%2Btok%3Den"),
    "ebcf50961fd0a46e61ef977371fccc27bb0705c9aa0bac45d69d432586995343"
)]
#[case::of_an_odd_user(
    None,
    "o'neil & co",
    "o%27neil%20%26%20co",
    None,
    "0c094588c4b57847becd0558c49133ea3f72a8abe1ca26d454ee5494faf84826"
)]
#[tokio::test]
async fn a_token_is_the_one_that_boto3_makes(
    #[case] session: Option<&str>,
    #[case] user: &str,
    #[case] encoded: &str,
    #[case] encoded_session: Option<&str>,
    #[case] signature: &str,
) {
    let token = made(session, user).await;
    let (place, query) = token.expose().split_once("/?").unwrap();
    assert_eq!(place, format!("{HOST}:5432"));
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    let found: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut expected = parameters(encoded_session, encoded);
    expected.insert("X-Amz-Signature".into(), signature.into());
    assert_eq!(found, expected);
    assert_eq!(key_of(&token), Some("AKIDEXAMPLE"));
    assert_eq!(format!("{token:?}"), "***");
}

fn environment() -> Environment {
    Environment::new("test", Provider::Sandbox, "us-east-1")
}

#[tokio::test]
async fn no_token_is_made_for_what_is_no_endpoint() {
    let aws = Aws::connect(&environment()).await;
    for endpoint in ["", "orders", ":5432", "orders:0x", "orders:70000", "a b:5432", "a/b:5432", "a@b:5432"] {
        let Err(error) = aws.database_token(endpoint, "drill").await else { panic!("{endpoint}") };
        assert!(error.why.contains("endpoint") && error.why.contains(endpoint), "{error}");
    }
    let made = aws.database_token("127.0.0.1:5432", "drill").await.map(|made| (made.key, made.passing));
    assert_eq!(made, Ok(("sandbox".to_owned(), false)));
}

/// With credentials that last an hour, and so many of them.
async fn tokens(most: u64) -> Tokens {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let source = Source::Test(Issuer::of(Duration::from_secs(3600), most));
    Tokens::new(&Aws::with(&environment(), http, source, &Default::default()).await, "orders")
}

async fn key(tokens: &Tokens, refused: Option<&Secret>) -> Result<Option<(String, Secret)>, NoPassword> {
    let made = tokens.token("h:1", "drill", refused).await?;
    Ok(made.map(|token| (key_of(&token).unwrap().to_owned(), token)))
}

/// The credentials may have ended before their time; they are not asked for again and again.
#[tokio::test]
async fn a_refused_token_is_followed_by_one_of_newer_credentials() {
    let tokens = tokens(3).await;
    let (of, first) = key(&tokens, None).await.unwrap().unwrap();
    assert_eq!(of, "KEY0");
    let (of, second) = key(&tokens, Some(&first)).await.unwrap().unwrap();
    assert_eq!(of, "KEY1", "newer ones are asked for");
    assert_eq!(key(&tokens, Some(&first)).await.unwrap().unwrap().0, "KEY1", "and known to all");
    assert_eq!(key(&tokens, Some(&second)).await, Ok(None), "and kept, though theirs are refused as well");
    assert_eq!(key(&tokens, Some(&Secret::new("a password".into()))).await, Ok(None));
}

/// It may be the role in the database: what else is asked with the credentials goes on with them.
#[tokio::test]
async fn where_there_are_no_newer_credentials_the_old_ones_stay() {
    let tokens = tokens(1).await;
    let (_, first) = key(&tokens, None).await.unwrap().unwrap();
    assert_eq!(key(&tokens, Some(&first)).await, Ok(None));
    assert_eq!(key(&tokens, None).await.unwrap().unwrap().0, "KEY0");
}

#[tokio::test]
async fn without_credentials_the_error_says_so() {
    let error = key(&tokens(0).await, None).await.unwrap_err();
    assert!(error.passing, "{error}");
    for said in ["`drill`", "`orders`", "credentials cannot be had", "none any more"] {
        assert!(error.why.contains(said), "{error}");
    }
}
