//! Where a copy is made when RDS has no room for it: the plan's other zones and classes, one after the other.
//!
//! Only a refusal of the call counts: RDS may also accept a restore and find no room later (status
//! `insufficient-capacity`), which ends the drill.

use lifeboat_engine::{OptionsError, Params};
use lifeboat_model::InstanceSize;
use lifeboat_targets::{AwsError, Effect};

const NO_ROOM: &str = "InsufficientDBInstanceCapacity";

/// A class, and a zone unless RDS is to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub class: String,
    pub zone: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "class {} in {zone}", self.class),
            None => write!(f, "class {}", self.class),
        }
    }
}

/// The places in their order: the source's class wherever there is room and then in each zone, then so each other class.
pub fn of(source_class: &str, fallback_classes: &[String], fallback_zones: &[String]) -> Vec<Place> {
    let zones = || std::iter::once(None).chain(fallback_zones.iter().cloned().map(Some));
    let classes = std::iter::once(source_class).chain(fallback_classes.iter().map(String::as_str));
    classes.flat_map(|class| zones().map(|zone| Place { class: class.to_owned(), zone })).collect()
}

/// Whether nothing was made because there is no room for it.
pub fn has_no_room(error: &AwsError) -> bool {
    error.effect == Effect::None && error.code.starts_with(NO_ROOM)
}

/// Refuses other places that would not be tried, or that the budget does not allow.
///
/// # Errors
/// [`OptionsError`].
pub fn check(
    params: &Params,
    multi_az: bool,
    fallback_classes: &[String],
    fallback_zones: &[String],
) -> Result<(), OptionsError> {
    if multi_az && !fallback_zones.is_empty() {
        let text = "fallback_zones does not go with multi_az = true, for which RDS chooses the zones: drop one of the two";
        return Err(params.wrong(text));
    }
    let Some(largest) = &params.safety.largest_class else { return Ok(()) };
    for class in fallback_classes {
        let why = match InstanceSize::of(class) {
            Ok(size) if size.exceeds(largest) => "it is larger: drop it or raise the limit".to_owned(),
            Ok(_) => continue,
            Err(error) => error,
        };
        let text = format!("fallback_classes has {class}, and [safety] largest_class = \"{largest}\": {why}");
        return Err(params.wrong(text));
    }
    Ok(())
}
