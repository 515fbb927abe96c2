//! The list of drills. A new drill is a file beside this one and a line here.

use lifeboat_engine::Drill;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::connection_exhaustion::ConnectionExhaustion;
use crate::dynamodb_backup_restore::DynamodbBackupRestore;
use crate::dynamodb_indexes::DynamodbIndexes;
use crate::dynamodb_pitr::DynamodbPitr;
use crate::rds_failover::RdsFailover;
use crate::rds_pitr::RdsPitr;
use crate::rds_snapshot_restore::RdsSnapshotRestore;

/// Every drill.
pub fn catalogue() -> &'static [&'static dyn Drill] {
    &[
        &RdsFailover,
        &ConnectionExhaustion,
        &RdsPitr,
        &RdsSnapshotRestore,
        &DynamodbPitr,
        &DynamodbBackupRestore,
        &DynamodbIndexes,
    ]
}

/// The drill of that name.
pub fn find(name: &str) -> Option<&'static dyn Drill> {
    catalogue().iter().copied().find(|drill| drill.name() == name)
}

/// The schemas of every drill's options by the drill's name, with what the catalogue says of them.
pub fn options_schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
    let with_meanings = |drill: &'static dyn Drill| {
        let about = drill.about();
        let mut schema = drill.options_schema(generator);
        schema.insert("description".into(), about.summary.into());
        for (key, meaning) in about.options {
            if let Some(Value::Object(option)) = schema.pointer_mut(&format!("/properties/{key}")) {
                option.insert("description".into(), (*meaning).into());
            }
        }
        (drill.name(), schema)
    };
    catalogue().iter().copied().map(with_meanings).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalogue_and_the_schema_know_the_same_options() {
        for (drill, (name, schema)) in
            catalogue().iter().zip(options_schemas(&mut SchemaGenerator::default()))
        {
            let listed: BTreeSet<&str> = drill.about().options.iter().map(|(key, _)| *key).collect();
            let properties = schema.get("properties").and_then(Value::as_object).expect("an object's schema");
            assert_eq!(listed, properties.keys().map(String::as_str).collect(), "{name}");
            assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)), "{name}");
        }
    }
}
