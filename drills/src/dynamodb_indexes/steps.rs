//! What is declared, what is there, and what it answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::{Context, OptionsError, Params, StepError, wait_for};
use lifeboat_model::DynamodbTableTarget;
use lifeboat_targets::Aws;
use lifeboat_targets::dynamodb::{Dynamo, IndexAnswer, IndexView, TableView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::is_of_the_run;

/// How long an index is asked again for an item that it has just shown: its reads are not consistent.
const CONSISTENT_WITHIN: Duration = Duration::from_secs(10);

/// What an index carries of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Projection {
    /// `ALL` or `KEYS_ONLY`.
    #[schemars(extend("enum" = ["ALL", "KEYS_ONLY"]))]
    Kind(String),
    /// The keys and these attributes.
    Include(Vec<String>),
}

/// An index as the plan declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub partition_key: String,
    /// Its sort key; left out where it has none.
    pub sort_key: Option<String>,
    /// What it carries, where that matters.
    pub projection: Option<Projection>,
}

/// The drill's options in the plan.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    #[schemars(length(min = 1))]
    indexes: Vec<Declared>,
}

impl Options {
    pub fn read(params: &Params) -> Result<Self, OptionsError> {
        let options: Self = params.options()?;
        if options.indexes.is_empty() {
            return Err(params.wrong("indexes is empty: declare at least one, or drop the drill"));
        }
        for (place, index) in options.indexes.iter().enumerate() {
            if options.indexes[..place].iter().any(|other| other.name == index.name) {
                return Err(params.wrong(format!("indexes: `{}` is declared twice", index.name)));
            }
            if let Some(Projection::Kind(kind)) = &index.projection
                && !["ALL", "KEYS_ONLY"].contains(&kind.as_str())
            {
                return Err(params.wrong(format!(
                    "indexes: projection `{kind}` of `{}`: write \"ALL\", \"KEYS_ONLY\" or a list of attributes",
                    index.name
                )));
            }
        }
        Ok(options)
    }
}

/// What the indexes answered, by their names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answers {
    /// The answers.
    pub answered: BTreeMap<String, IndexAnswer>,
    /// The errors.
    pub failed: BTreeMap<String, String>,
}

/// What the steps share.
#[derive(Clone)]
pub struct Shared {
    params: Params,
    target: DynamodbTableTarget,
    declared: Vec<Declared>,
    table: Arc<Mutex<Option<(Dynamo, TableView)>>>,
}

impl Shared {
    pub fn new(params: &Params, target: &DynamodbTableTarget, options: Options) -> Self {
        Self {
            params: params.clone(),
            target: target.clone(),
            declared: options.indexes,
            table: Arc::default(),
        }
    }
}

pub async fn identify_target(s: Shared, context: Context) -> Result<(), StepError> {
    let dynamo = Dynamo::new(&Aws::connect(&s.params.environment).await);
    let name = &s.target.table;
    let table = dynamo.describe(name).await.map_err(|error| {
        error
            .ends_step(format!("cannot look up table `{name}` (check table, region and account of the plan)"))
    })?;
    is_of_the_run(&s.params.environment, &table.arn)?;
    context.identified(table.identity()).await?;
    context.observe("declared", &s.declared);
    context.observe("table", &table);
    *s.table.lock().unwrap_or_else(PoisonError::into_inner) = Some((dynamo, table));
    Ok(())
}

pub async fn query_indexes(s: Shared, context: Context) -> Result<(), StepError> {
    let known = s.table.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (dynamo, table) = known.ok_or_else(|| StepError::Failed("the table is not known".into()))?;
    let mut answers = Answers::default();
    for declared in &s.declared {
        // One that is not there cannot be asked: that is a finding of its own.
        let Some(index) = table.indexes.iter().find(|index| index.name == declared.name) else { continue };
        match ask(&s, &dynamo, &table, index).await {
            Ok(answer) => drop(answers.answered.insert(index.name.clone(), answer)),
            Err(error) => drop(answers.failed.insert(index.name.clone(), error)),
        }
    }
    context.observe("answers", &answers);
    context.observe("control-plane-retries", dynamo.aws().retries());
    Ok(())
}

async fn ask(
    s: &Shared,
    dynamo: &Dynamo,
    table: &TableView,
    index: &IndexView,
) -> Result<IndexAnswer, String> {
    let kind = table.attributes.get(&index.key.partition).map_or("S", String::as_str);
    wait_for(
        "the index to answer with an item that it holds",
        s.params.probe.api_interval,
        CONSISTENT_WITHIN,
        || {
            let asked = dynamo.ask_index(&table.name, index, kind);
            async move {
                match asked.await {
                    Ok(answer) if answer.found && answer.items == 0 => {
                        Err(format!("no item for {}", answer.asked.unwrap_or_default()))
                    }
                    settled => Ok(settled.map_err(|error| error.to_string())),
                }
            }
        },
    )
    .await
    .map_err(|error| error.to_string())?
}
