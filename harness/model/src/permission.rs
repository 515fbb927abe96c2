//! What a drill has to be allowed at the control plane, in the words of an IAM policy.
//!
//! A permission says what the drill's steps and undos may call, on which resources, under which conditions. That AWS
//! evaluates it as it is meant here was not tried: the sandbox does not evaluate policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Condition operators, each with its keys and their values.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One purpose, and what it needs: a statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    /// What it is for, letters only.
    #[serde(rename = "Sid")]
    pub purpose: String,
    effect: &'static str,
    /// The actions, with their service.
    #[serde(rename = "Action")]
    pub actions: BTreeSet<String>,
    /// ARNs, with `*` where a part of them is not known before the run.
    #[serde(rename = "Resource")]
    pub resources: BTreeSet<String>,
    /// When it holds.
    #[serde(rename = "Condition", skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: Conditions,
}

impl Permission {
    /// Allows these actions on these resources.
    pub fn new<A: Into<String>, R: Into<String>>(
        purpose: &str,
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            purpose: purpose.into(),
            effect: "Allow",
            actions: actions.into_iter().map(Into::into).collect(),
            resources: resources.into_iter().map(Into::into).collect(),
            conditions: Conditions::new(),
        }
    }

    /// The same where this condition holds as well.
    #[must_use]
    pub fn only_if<V: Into<String>>(
        mut self,
        operator: &str,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.conditions.entry(operator.into()).or_default().insert(key.into(), values);
        self
    }
}

/// An IAM policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Permission>,
}

impl Policy {
    /// A document of these permissions. What differs only in its resources becomes one statement.
    pub fn of(permissions: impl IntoIterator<Item = Permission>) -> Self {
        let mut statement: Vec<Permission> = Vec::new();
        for permission in permissions {
            let same = statement.iter_mut().find(|known| {
                (&known.actions, &known.conditions) == (&permission.actions, &permission.conditions)
            });
            match same {
                Some(known) => known.resources.extend(permission.resources),
                None => statement.push(permission),
            }
        }
        // A statement's id is its own.
        for at in 1..statement.len() {
            let purpose = statement[at].purpose.clone();
            let before = statement[..at]
                .iter()
                .filter(|known| known.purpose.trim_end_matches(|c: char| c.is_ascii_digit()) == purpose);
            let before = before.count();
            if before > 0 {
                statement[at].purpose = format!("{purpose}{}", before + 1);
            }
        }
        Self { version: "2012-10-17", statement }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_joined_by_what_they_allow_and_have_ids_of_their_own() {
        let one = Permission::new("Read", ["rds:DescribeDBInstances"], ["a"]);
        let two = Permission::new("Read", ["rds:DescribeDBInstances"], ["b"]);
        let three = two.clone().only_if("StringEquals", "k", ["v"]);
        let policy = serde_json::to_value(Policy::of([one, two, three])).unwrap();
        let expected = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Sid": "Read", "Effect": "Allow", "Action": ["rds:DescribeDBInstances"], "Resource": ["a", "b"] },
                {
                    "Sid": "Read2", "Effect": "Allow", "Action": ["rds:DescribeDBInstances"], "Resource": ["b"],
                    "Condition": { "StringEquals": { "k": ["v"] } },
                },
            ],
        });
        assert_eq!(policy, expected);
    }
}
