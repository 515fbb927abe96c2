//! `lifeboat schema`.

use lifeboat_drills::options_schemas;
use lifeboat_model::{ExitCode, events_schema, plan_schema, record_schema};

use crate::args::{SchemaArg, SchemaArgs};
use crate::failure::Failure;
use crate::out_file;

/// Writes a JSON Schema, made of the types that this version reads and writes.
pub fn schema(args: &SchemaArgs) -> Result<ExitCode, Failure> {
    let schema = match args.of {
        SchemaArg::Plan => plan_schema(options_schemas),
        SchemaArg::Record => record_schema(),
        SchemaArg::Events => events_schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(Failure::internal)?;
    out_file::write(&args.out, format!("{text}\n").as_bytes())?;
    Ok(ExitCode::Met)
}
