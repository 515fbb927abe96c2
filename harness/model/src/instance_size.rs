//! The class of a DB instance, compared by the size in its name.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A class whose size is known: `db.<family>.<size>`. Families are not compared: `db.t4g.large` and `db.r6g.large` are
/// of one size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct InstanceSize {
    class: String,
    rank: u32,
}

/// The sizes below `xlarge`, the smallest first; `Nxlarge` follows by its number.
const SMALL: [&str; 5] = ["nano", "micro", "small", "medium", "large"];

impl InstanceSize {
    /// The size of a class.
    ///
    /// # Errors
    /// A sentence, where the name does not say it: `db.serverless`, a size such as `metal` or `tpc2.mem4x`.
    pub fn of(class: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "the size of class `{class}` cannot be compared: only db.FAMILY.SIZE can be, with SIZE from micro to \
                 large, xlarge, or 2xlarge and so on"
            )
        };
        let mut parts = class.split('.');
        let (Some("db"), Some(family), Some(size), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unknown());
        };
        let base = SMALL.len() as u32;
        let rank = match (SMALL.iter().position(|small| *small == size), size.strip_suffix("xlarge")) {
            (Some(place), _) => place as u32,
            (None, Some("")) => base,
            (None, Some(times)) => {
                let times = times.parse::<u32>().ok().filter(|times| (2..=1000).contains(times));
                base + times.ok_or_else(unknown)? - 1
            }
            (None, None) => return Err(unknown()),
        };
        if family.is_empty() { Err(unknown()) } else { Ok(Self { class: class.into(), rank }) }
    }

    /// Whether this is larger than another.
    pub fn exceeds(&self, limit: &Self) -> bool {
        self.rank.cmp(&limit.rank) == Ordering::Greater
    }
}

impl JsonSchema for InstanceSize {
    fn schema_name() -> Cow<'static, str> {
        "InstanceClass".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A class whose size is known, as in \"db.r6g.large\".",
            "type": "string",
            "pattern": r"^db\.[^.]+\.(nano|micro|small|medium|large|([2-9]|[1-9][0-9]{1,2}|1000)?xlarge)$",
        })
    }
}

impl TryFrom<String> for InstanceSize {
    type Error = String;

    fn try_from(class: String) -> Result<Self, String> {
        Self::of(&class)
    }
}

impl fmt::Display for InstanceSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_their_order_whatever_the_family() {
        let classes = [
            "db.t4g.micro",
            "db.t3.small",
            "db.t3.medium",
            "db.r6g.large",
            "db.m5.xlarge",
            "db.m5.2xlarge",
            "db.r5.4xlarge",
            "db.r5b.12xlarge",
            "db.x2g.24xlarge",
        ];
        let sizes: Vec<InstanceSize> = classes.map(|class| InstanceSize::of(class).unwrap()).into();
        for (place, size) in sizes.iter().enumerate() {
            assert!(!size.exceeds(size), "{size}");
            for larger in &sizes[place + 1..] {
                assert!(larger.exceeds(size) && !size.exceeds(larger), "{larger} against {size}");
            }
        }
        assert!(
            !InstanceSize::of("db.r6g.large").unwrap().exceeds(&InstanceSize::of("db.t3.large").unwrap())
        );
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        for class in [
            "db.serverless",
            "db.m5.metal",
            "db.r5.2xlarge.tpc2.mem4x",
            "m5.large",
            "db..large",
            "db.m5.0xlarge",
            "db.m5.99999999999xlarge",
            "db.m5.Large",
            "${CLASS}",
            "",
        ] {
            let error = InstanceSize::of(class).expect_err(class);
            assert!(error.contains(class) && error.contains("cannot be compared"), "{error}");
        }
    }
}
