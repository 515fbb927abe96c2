//! Whose credentials a plan asks with: a profile of the AWS tools, a role to assume.
//!
//! Only forms are looked at here. Whether the profile is there and the role lets itself be assumed is known when asked.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Environment, Provider};

/// `[environment.assume_role]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssumeRole {
    /// The role's ARN.
    #[schemars(regex(pattern = ROLE_ARN))]
    pub role_arn: String,
    /// What the role's trust policy asks for, where it does.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$"))]
    pub external_id: Option<String>,
    /// The name of the session in CloudTrail; by default it has the run's id.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_+=,.@-]{2,64}$"))]
    pub session_name: Option<String>,
}

/// What [`is_role_arn`] takes, for the plan's schema.
const ROLE_ARN: &str = concat!(
    r"^arn:aws(-[^:]+)?:iam::[0-9]{12}:role/",
    r"[A-Za-z0-9_+=,.@-]([A-Za-z0-9_+=,.@/-]{0,575}[A-Za-z0-9_+=,.@-])?$",
);

/// The characters that STS takes in names of sessions, beside letters and digits.
const IN_SESSION_NAMES: &str = "_+=,.@-";

/// The same for external ids.
const IN_EXTERNAL_IDS: &str = "_+=,.@:/-";

/// The same for the path and name of a role.
const IN_ROLES: &str = "_+=,.@-/";

fn is_made_of(text: &str, lengths: std::ops::RangeInclusive<usize>, others: &str) -> bool {
    lengths.contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// A variable that stands for itself, in a plan that is only printed.
fn is_open(text: &str) -> bool {
    text.contains("${")
}

impl AssumeRole {
    fn check(&self) -> Result<(), String> {
        if !is_open(&self.role_arn) && !is_role_arn(&self.role_arn) {
            return Err(format!(
                "role_arn: `{}` is not the ARN of a role; write arn:aws:iam::ACCOUNT:role/NAME, with the account's twelve \
                 digits",
                self.role_arn
            ));
        }
        if let Some(id) = &self.external_id
            && !is_open(id)
            && !is_made_of(id, 2..=1224, IN_EXTERNAL_IDS)
        {
            return Err(format!(
                "external_id: STS takes 2 to 1224 letters, digits and {IN_EXTERNAL_IDS}; this one has others, or {} of them",
                id.len()
            ));
        }
        if let Some(name) = &self.session_name
            && !is_open(name)
            && !is_made_of(name, 2..=64, IN_SESSION_NAMES)
        {
            return Err(format!(
                "session_name: STS takes 2 to 64 letters, digits and {IN_SESSION_NAMES}, and not `{name}`"
            ));
        }
        Ok(())
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts[..] else { return false };
    let partition = partition == "aws" || partition.strip_prefix("aws-").is_some_and(|rest| !rest.is_empty());
    let account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let role = resource.strip_prefix("role/").is_some_and(|name| {
        is_made_of(name, 1..=577, IN_ROLES) && !name.ends_with('/') && !name.starts_with('/')
    });
    partition && account && role
}

impl Environment {
    /// Names the session of the role, where the plan does not. What does not belong there is left out.
    pub fn name_session(&mut self, name: &str) {
        if let Some(role) = &mut self.assume_role
            && role.session_name.is_none()
        {
            let fits = |c: &char| c.is_ascii_alphanumeric() || IN_SESSION_NAMES.contains(*c);
            role.session_name = Some(name.chars().filter(fits).take(64).collect());
        }
    }

    /// The name of a variable that is still to be replaced in profile or role, as `${NAME}`.
    pub fn open_credentials(&self) -> Option<&str> {
        let of_role = self
            .assume_role
            .iter()
            .flat_map(|role| [Some(&role.role_arn), role.external_id.as_ref(), role.session_name.as_ref()]);
        let mut all = of_role.chain([self.profile.as_ref()]).flatten().map(String::as_str);
        all.find(|text| is_open(text))
    }

    /// Whether `profile` and `assume_role` make sense.
    ///
    /// # Errors
    /// What does not, with its place and what to write.
    pub fn check_credentials(&self) -> Result<(), String> {
        if self.provider != Provider::Aws {
            let given = [("profile", self.profile.is_some()), ("assume_role", self.assume_role.is_some())];
            if let Some((key, _)) = given.into_iter().find(|(_, given)| *given) {
                return Err(format!(
                    "[environment] {key} is for provider \"aws\"; drop it: provider \"{}\" knows no credentials",
                    self.provider.name()
                ));
            }
        }
        if self.profile.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err("[environment] profile is empty; name a profile of ~/.aws/config, or drop it".into());
        }
        let Some(role) = &self.assume_role else { return Ok(()) };
        role.check().map_err(|error| format!("[environment.assume_role] {error}"))?;
        match (&self.account, role.role_arn.split(':').nth(4)) {
            // Before anything is called in either.
            (Some(account), Some(of_role))
                if !is_open(account) && !is_open(&role.role_arn) && account != of_role =>
            {
                Err(format!(
                    "[environment.assume_role] role_arn: the role is of account {of_role} and the plan is for {account}; \
                     correct one of the two"
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn environment(more: &str) -> Result<(), String> {
        let text = format!("name = 'x'\nprovider = 'aws'\n{more}");
        toml::from_str::<Environment>(&text).expect("an environment").check_credentials()
    }

    fn role(more: &str) -> Result<(), String> {
        environment(&format!("[assume_role]\nrole_arn = 'arn:aws:iam::123456789012:role/drill'\n{more}"))
    }

    #[rstest]
    #[case("arn:aws:iam::123456789012:role/drill", true)]
    #[case("arn:aws-cn:iam::123456789012:role/teams/db/drill", true)]
    #[case("arn:aws-us-gov:iam::123456789012:role/a", true)]
    #[case("arn:aws:iam::123456789012:user/drill", false)]
    #[case("arn:aws:iam::12345678901:role/drill", false)]
    #[case("arn:aws:iam:us-east-1:123456789012:role/drill", false)]
    #[case("arn:aws:sts::123456789012:assumed-role/drill/x", false)]
    #[case("arn:azure:iam::123456789012:role/drill", false)]
    #[case("arn:aws:iam::123456789012:role/", false)]
    #[case("arn:aws:iam::123456789012:role/a/", false)]
    #[case("arn:aws:iam::123456789012:role/a b", false)]
    #[case("drill", false)]
    #[case("", false)]
    fn a_role_has_the_form_of_one(#[case] arn: &str, #[case] good: bool) {
        let checked = environment(&format!("[assume_role]\nrole_arn = '{arn}'"));
        assert_eq!(checked.is_ok(), good, "{checked:?}");
        if let Err(error) = checked {
            assert!(error.starts_with("[environment.assume_role] role_arn: "), "{error}");
        }
    }

    #[test]
    fn what_sts_would_refuse_is_refused_with_its_place() {
        assert_eq!(role("external_id = 'a:b/c=d'\nsession_name = 'drill@x'"), Ok(()));
        assert_eq!(role("external_id = '${ID}'"), Ok(()), "a plan that is only printed");
        for (wrong, place) in [
            ("external_id = 'x'", "[environment.assume_role] external_id: "),
            ("external_id = 'a b'", "[environment.assume_role] external_id: "),
            ("session_name = 'x'", "[environment.assume_role] session_name: "),
            ("session_name = 'a/b'", "[environment.assume_role] session_name: "),
        ] {
            let error = role(wrong).expect_err(wrong);
            assert!(error.starts_with(place), "{error}");
        }
        let role = "[assume_role]\nrole_arn = 'arn:aws:iam::123456789012:role/drill'";
        let error = environment(&format!("account = '123456789013'\n{role}")).expect_err("another account");
        assert!(error.contains("account 123456789012 and the plan is for 123456789013"), "{error}");
        assert_eq!(environment(&format!("account = '123456789012'\n{role}")), Ok(()));
        assert!(environment("profile = ' '").is_err());
        assert_eq!(environment("profile = 'dr'"), Ok(()));
    }

    #[test]
    fn what_stands_in_for_aws_knows_no_credentials() {
        for provider in ["sandbox", "localstack"] {
            for more in ["profile = 'x'", "[assume_role]\nrole_arn = 'arn:aws:iam::123456789012:role/drill'"]
            {
                let text = format!("name = 'x'\nprovider = '{provider}'\n{more}");
                let environment = toml::from_str::<Environment>(&text).expect("an environment");
                let error = environment.check_credentials().expect_err(more);
                assert!(error.contains(provider) && error.contains("drop it"), "{error}");
            }
        }
    }
}
