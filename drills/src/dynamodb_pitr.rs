//! The drill `dynamodb-pitr`: a table restored to a moment, proved on both sides of it.
//!
//! Canary items are put before and after a moment on the server's clock, some of them are destroyed, the table is restored
//! to that moment under another name, and the copy has to hold the ones and not the others, and every other item as the
//! source has it. Not looked for: Kinesis streams of the table, whose consumers would see the canary items.

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan};
use lifeboat_model::{DrillFacts, Measurements, Permission};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};

use crate::dynamodb_restore::state::Way;
use crate::dynamodb_restore::{checks, measure, options, permissions, plan};

/// The drill.
pub struct DynamodbPitr;

impl Drill for DynamodbPitr {
    fn name(&self) -> &'static str {
        "dynamodb-pitr"
    }

    fn about(&self) -> About {
        About {
            summary: "restores a DynamoDB table to a moment and proves that the copy is of that moment",
            targets: &["dynamodb-table"],
            needs: "a table that is ACTIVE, with point-in-time recovery and without a stream; the tag lifeboat:drill = \
                    allowed or --confirm; or canary_table = true",
            proves: "that the table can be restored to a chosen moment: what was written before it is there as it was, \
                     what was written after it is not, the other items, keys and indexes are the source's; how long it \
                     takes (RTO) and what would be lost (RPO)",
            options: options::MEANINGS,
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        options::Options::json_schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        plan(self.name(), params, Way::PointInTime)
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        permissions(self.name(), params, Way::PointInTime)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        measure::point_in_time(facts)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks()
    }
}
