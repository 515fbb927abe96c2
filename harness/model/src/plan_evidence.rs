//! `[evidence]` of a plan file: with which key of AWS KMS its runs are signed.
//!
//! Only the form is looked at here. Whether the key is there, and of the kind that signs, shows when it is asked.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// `[evidence]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceSection {
    /// The key that signs, in place of one in a file.
    pub kms_key: Option<KmsKeyArn>,
}

/// The ARN of a KMS key or of an alias of one, `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KmsKeyArn(String);

impl KmsKeyArn {
    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region in which the key is asked.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The alias that it names, as `alias/NAME`, if it names no key.
    pub fn alias(&self) -> Option<&str> {
        self.0.splitn(6, ':').nth(5).filter(|resource| resource.starts_with("alias/"))
    }

    /// The same in its partition, region and account, with another resource.
    pub fn beside(&self, resource: &str) -> String {
        let place: Vec<&str> = self.0.splitn(6, ':').take(5).collect();
        format!("{}:{resource}", place.join(":"))
    }

    /// The name of a variable that is still to be replaced, as `${NAME}`.
    pub fn open(&self) -> Option<&str> {
        self.0.contains("${").then_some(self.as_str())
    }
}

/// What [`is_key_arn`] takes.
impl JsonSchema for KmsKeyArn {
    fn schema_name() -> Cow<'static, str> {
        "KmsKeyArn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The ARN of a KMS key or of an alias of one.",
            "type": "string",
            "pattern": concat!(
                r"^arn:aws(-[A-Za-z0-9-]+)?:kms:[A-Za-z0-9-]+:[0-9]{12}:",
                r"(key/[A-Za-z0-9-]{1,256}|alias/[A-Za-z0-9_/-]{0,255}[A-Za-z0-9_-])$",
            ),
        })
    }
}

impl TryFrom<String> for KmsKeyArn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A variable stands for itself in a plan that is only printed.
        if text.contains("${") || is_key_arn(&text) {
            return Ok(Self(text));
        }
        Err(format!(
            "kms_key: `{text}` is not the ARN of a KMS key; write arn:aws:kms:REGION:ACCOUNT:key/ID, or :alias/NAME, with the \
             account's twelve digits"
        ))
    }
}

fn is_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "kms", region, account, resource] = parts[..] else { return false };
    let word =
        |text: &str, others: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c));
    let partition = partition == "aws" || partition.strip_prefix("aws-").is_some_and(|rest| !rest.is_empty());
    let region = !region.is_empty() && word(region, "-");
    let account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let name = resource
        .strip_prefix("key/")
        .map(|id| (id, "-"))
        .or_else(|| resource.strip_prefix("alias/").map(|name| (name, "-_/")));
    let name = name.is_some_and(|(name, others)| {
        (1..=256).contains(&name.len()) && word(name, others) && !name.ends_with('/')
    });
    partition && region && account && name && word(parts[1], "-")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn section(key: &str) -> Result<EvidenceSection, String> {
        toml::from_str(&format!("kms_key = '{key}'")).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case("arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", true)]
    #[case("arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab", true)]
    #[case("arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/drills/evidence", true)]
    #[case("${LIFEBOAT_KEY}", true)]
    #[case("alias/drills", false)]
    #[case("1234abcd-12ab-34cd-56ef-1234567890ab", false)]
    #[case("arn:aws:kms:eu-west-1:12345678901:key/1", false)]
    #[case("arn:aws:kms::123456789012:key/1", false)]
    #[case("arn:aws:s3:eu-west-1:123456789012:key/1", false)]
    #[case("arn:aws:kms:eu-west-1:123456789012:key/", false)]
    #[case("arn:aws:kms:eu-west-1:123456789012:key/a b", false)]
    #[case("", false)]
    fn a_key_is_named_by_its_arn(#[case] arn: &str, #[case] good: bool) {
        let read = section(arn);
        assert_eq!(read.is_ok(), good, "{read:?}");
        if let Err(error) = read {
            assert!(error.contains("kms_key") && error.contains("alias/NAME"), "{error}");
        }
    }

    #[test]
    fn the_parts_of_an_arn_are_told() {
        let key = KmsKeyArn::try_from("arn:aws:kms:eu-west-1:123456789012:alias/a/b".to_owned()).unwrap();
        assert_eq!((key.region(), key.alias()), ("eu-west-1", Some("alias/a/b")));
        assert_eq!(key.beside("key/*"), "arn:aws:kms:eu-west-1:123456789012:key/*");
        let key = KmsKeyArn::try_from("arn:aws:kms:eu-west-1:123456789012:key/1".to_owned()).unwrap();
        assert_eq!((key.alias(), key.open()), (None, None));
        assert_eq!(KmsKeyArn::try_from("${KEY}".to_owned()).unwrap().open(), Some("${KEY}"));
    }
}
