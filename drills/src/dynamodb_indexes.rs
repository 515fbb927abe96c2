//! The drill `dynamodb-indexes`: a table has the indexes that the plan declares, and each answers a query. It only reads.
//!
//! It does not guarantee that an index holds every item that it should.

mod checks;
mod steps;

use std::time::Duration;

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan, Step};
use lifeboat_model::{DrillFacts, Figure, Measured, Measurements, Permission, Phase};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};

use crate::access::{act, table_target};
use crate::permissions;
use steps::{Answers, Options, Shared};

/// The drill.
pub struct DynamodbIndexes;

impl Drill for DynamodbIndexes {
    fn name(&self) -> &'static str {
        "dynamodb-indexes"
    }

    fn about(&self) -> About {
        About {
            summary: "checks that a DynamoDB table has its indexes and that each answers",
            targets: &["dynamodb-table"],
            needs: "leave to describe, scan and query the table",
            proves: "that every declared index is there, with its keys and projection, ACTIVE, and answers a query",
            options: &[(
                "indexes",
                "a list of { name, partition_key, sort_key, projection = \"ALL\", \"KEYS_ONLY\" or [\"attribute\", ..] }; \
                 the last two may be left out",
            )],
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        Options::json_schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        let target = table_target(params, self.name())?;
        let shared = Shared::new(params, target, Options::read(params)?);
        let minute = Duration::from_secs(60);
        Ok(Plan::new()
            .then(
                Step::build(
                    "identify-target",
                    Phase::Guard,
                    format!("look up table `{}` and its indexes", target.table),
                    minute,
                    act(&shared, steps::identify_target),
                )
                .no_undo("it only reads"),
            )
            .then(
                Step::build(
                    "query-indexes",
                    Phase::Verify,
                    "ask each declared index for the key of one of its items",
                    minute * 5,
                    act(&shared, steps::query_indexes),
                )
                .no_undo("it only reads"),
            ))
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        permissions::reads_indexes(params, &table_target(params, self.name())?.table)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        let why = "dynamodb-indexes takes nothing down and writes nothing";
        let answers = facts.observed::<Answers>("answers").unwrap_or_default();
        Measurements {
            rto: Measured::not(why),
            rpo: Measured::not(why),
            fault_to_recovery_s: Measured::not(why),
            figures: vec![Figure::new("indexes that answered", answers.answered.len(), "")],
            ..Measurements::default()
        }
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks()
    }
}
