//! The options that only this drill has, and what it refuses.

use lifeboat_engine::{OptionsError, Params};
use lifeboat_model::RdsInstanceTarget;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use crate::restore::options::{self, CopyOptions};

/// What the catalogue says about all options, as (key, meaning).
pub const MEANINGS: [(&str, &str); 13] = {
    let [a, b, c, d, e, f, g, h, i, j] = options::MEANINGS;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        j,
        ("keep", "whether the copy stays, without any tag of the drill (default false)"),
        ("promote", "whether the copy takes the source's name for a while; not in production"),
        ("writes_stopped", "that nobody writes to the source, which promote needs and checks"),
    ]
};

/// The options that only this drill has.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Own {
    pub keep: bool,
    pub promote: bool,
    pub writes_stopped: bool,
}

/// The schema of all options.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    options::schema::<Own>(generator)
}

pub fn read(params: &Params, target: &RdsInstanceTarget) -> Result<(Own, CopyOptions), OptionsError> {
    let (own, common): (Own, CopyOptions) = options::read(params, &["keep", "promote", "writes_stopped"])?;
    if own.promote && params.environment.production {
        let text =
            "promote = true is refused in production: clients would meet the copy under the source's name";
        return Err(params.wrong(text));
    }
    if own.promote && (target.host.is_some() || target.port.is_some()) {
        let text = "promote = true needs the instance's own endpoint, which goes with the name: drop host and port of the target";
        return Err(params.wrong(text));
    }
    if own.promote && !common.fallback_classes.is_empty() {
        let text = "promote = true does not go with fallback_classes: clients would meet another class under the source's name";
        return Err(params.wrong(text));
    }
    if own.promote && !own.writes_stopped {
        let text = "promote = true gives the source's name to a copy of an earlier moment: stop all writers and say so \
                    with writes_stopped = true";
        return Err(params.wrong(text));
    }
    Ok((own, common))
}
