//! Where tokens of IAM authentication may be sent: whoever reads one is let in with it, for a quarter of an hour.

use std::net::IpAddr;

use crate::{Provider, TargetEntry};

/// Refuses tokens where the sessions are not encrypted. Only the sandbox's own servers, which are on this machine, get them
/// all the same.
///
/// # Errors
/// The sentence that says what to write.
pub fn check_tokens(target: &TargetEntry, provider: Provider) -> Result<(), String> {
    let TargetEntry::RdsInstance(instance) = target else { return Ok(()) };
    if target.token_passwords().next().is_none() || target.server_tls(provider).is_some() {
        return Ok(());
    }
    if provider == Provider::Sandbox && instance.host.as_deref().is_none_or(is_here) {
        return Ok(());
    }
    Err("auth = \"iam\": a token goes over the wire as it is, so the sessions have to be encrypted; give tls = \
         \"verify-full\", and tls_ca with the CA's certificates"
        .into())
}

fn is_here(host: &str) -> bool {
    // In a plan that is printed, variables may have no value.
    host == "localhost"
        || host.contains("${")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::PlanFile;

    fn resolve(provider: &str, target: &str) -> Result<PlanFile, String> {
        let text = format!(
            "[environment]\nname = 'x'\nprovider = '{provider}'\nregion = 'eu-west-1'\naccount = '123456789012'\n[targets.orders]\nidentifier = 'o'\nhost = 'h'\ndatabase = \
             'd'\nuser = 'drill'\n{target}\n[[drills]]\nname = 'd'\nscenario = 'rds-failover'\ntarget = 'orders'\n"
        );
        let raw = PlanFile::raw(&text).map_err(|error| error.to_string())?;
        PlanFile::resolve(&raw, &|_| Some("hunter2".into())).map_err(|error| error.to_string())
    }

    fn roles(target: &str) -> Result<Vec<String>, String> {
        let plan = resolve("aws", &format!("kind = 'rds-instance'\n{target}"))?;
        let tokens = plan.targets["orders"].token_passwords().map(|(user, _)| user.to_owned());
        Ok(tokens.collect())
    }

    #[rstest]
    #[case::of_the_role("auth = 'iam'", &["drill"])]
    #[case::of_both("auth = 'iam'\nadmin_user = 'root'", &["drill", "root"])]
    #[case::of_one("auth = 'iam'\nadmin_user = 'root'\nadmin_password = '${P}'", &["drill"])]
    #[case::of_the_other("password = '${P}'\nadmin_user = 'root'\nadmin_auth = 'iam'", &["root"])]
    #[case::of_none("password = '${P}'\nadmin_user = 'root'", &[])]
    fn a_role_has_tokens_where_the_plan_says_so(#[case] target: &str, #[case] expected: &[&str]) {
        assert_eq!(roles(target).unwrap(), expected);
    }

    #[rstest]
    #[case("auth = 'kerberos'", &["[targets.orders]: auth", "kerberos", "\"iam\""])]
    #[case("auth = true", &["auth", "true", "\"iam\""])]
    #[case("auth = 'iam'\npassword = '${P}'", &["password and auth", "drop one"])]
    #[case("auth = 'iam'\npassword_secret = 's'", &["password_secret and auth", "drop one"])]
    #[case("auth = 'iam'\nadmin_user = 'a'\nadmin_auth = 'iam'\nadmin_password = '${P}'", &["admin_password and admin_auth"])]
    #[case("auth = 'iam'\nadmin_user = 'a'\nadmin_auth = 'x'", &["admin_auth", "x"])]
    #[case("", &["`password`", "auth = \"iam\""])]
    fn each_mistake_is_named(#[case] target: &str, #[case] says: &[&str]) {
        let error = roles(target).unwrap_err();
        assert!(says.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_plain_server_knows_no_tokens() {
        let error = resolve("aws", "kind = 'postgres'\nauth = 'iam'").unwrap_err();
        assert!(error.contains("rds-instance") && error.contains("password"), "{error}");
    }

    #[rstest]
    #[case("aws", "", true)]
    #[case("aws", "tls = 'off'", false)]
    #[case("localstack", "", false)]
    #[case("localstack", "tls = 'verify-full'", true)]
    #[case("sandbox", "", false)]
    #[case("sandbox", "tls_ca = 'ca.pem'", true)]
    fn a_token_is_not_sent_in_clear(#[case] provider: &str, #[case] more: &str, #[case] good: bool) {
        let with = |auth: &str| resolve(provider, &format!("kind = 'rds-instance'\n{auth}\n{more}"));
        let found = with("auth = 'iam'");
        assert_eq!(found.is_ok(), good, "{found:?}");
        if let Err(error) = found {
            assert!(error.contains("verify-full"), "{error}");
        }
        assert!(with("password = '${P}'").is_ok(), "a password is not sent at all");
    }

    #[test]
    fn the_sandboxs_own_servers_are_on_this_machine() {
        let text = "[environment]\nname = 'x'\nprovider = 'sandbox'\n[targets.o]\nkind = 'rds-instance'\nidentifier = 'o'\n\
                    database = 'd'\nuser = 'u'\nauth = 'iam'\n[[drills]]\nname = 'd'\nscenario = 'rds-failover'\ntarget = 'o'\n";
        for more in ["", "host = '127.0.0.1'\n", "host = 'localhost'\n"] {
            let text = text.replace("auth =", &format!("{more}auth ="));
            let raw = PlanFile::raw(&text).unwrap();
            assert!(PlanFile::resolve(&raw, &|_| None).is_ok(), "{more}");
        }
    }
}
