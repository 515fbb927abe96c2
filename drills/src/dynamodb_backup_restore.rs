//! The drill `dynamodb-backup-restore`: a table backed up on demand and restored from that, proved as a restore to a
//! moment is. Its recovery point is not measured: the backup is the drill's own.

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan};
use lifeboat_model::{DrillFacts, Measurements, Permission};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};

use crate::dynamodb_restore::state::Way;
use crate::dynamodb_restore::{checks, measure, options, permissions, plan};

/// The drill.
pub struct DynamodbBackupRestore;

impl Drill for DynamodbBackupRestore {
    fn name(&self) -> &'static str {
        "dynamodb-backup-restore"
    }

    fn about(&self) -> About {
        About {
            summary: "backs a DynamoDB table up on demand, restores it and proves the copy",
            targets: &["dynamodb-table"],
            needs: "a table that is ACTIVE, without a stream; the tag lifeboat:drill = allowed or --confirm; or \
                    canary_table = true",
            proves: "that an on-demand backup holds what was written before it and nothing later, and that the other \
                     items, keys and indexes are the source's; how long the restore takes (RTO)",
            options: options::MEANINGS,
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        options::Options::json_schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        plan(self.name(), params, Way::Backup)
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        permissions(self.name(), params, Way::Backup)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        measure::backup(facts)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks()
    }
}
