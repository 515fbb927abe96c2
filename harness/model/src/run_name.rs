//! The names of what a run makes in the world. Each holds the run's id, so that a name says when it was made and by whom
//! even where nothing else does; it proves nothing, since anybody may give a name.

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::short_hash;

/// So much of a source's name is in that of what is made beside it: AWS allows 63 letters.
const STEM: usize = 27;

/// What stands between the source's name and the run's id.
const BESIDE: [&str; 2] = ["lb", "sn"];

/// What stands at the end of the names of what is made for itself.
const OWN: [&str; 3] = ["canary", "copy", "backup"];

/// The length of `YYYYMMDD-HHMMSS-xxxxxx`.
const RUN_ID: usize = 22;

/// The name of something that a drill makes beside its source: at most 63 letters, digits and single hyphens. `what` is
/// `lb` for a copy, `sn` for a snapshot; a name with another is not found again by [`run_of_name`].
pub fn name_beside(source: &str, what: &str, run: &str, drill: &str) -> String {
    format!("{}-{what}-{run}-{:08x}", stem(source), short_hash(drill))
}

/// A pattern of all names that runs give beside a source, with `*` for what only the run knows.
pub fn names_beside(source: &str, what: &str) -> String {
    format!("{}-{what}-*", stem(source))
}

fn stem(source: &str) -> String {
    let stem: String = source.to_lowercase().chars().take(STEM).collect();
    stem.trim_end_matches('-').to_owned()
}

/// The name of something that a drill makes for itself: `canary`, `copy` or `backup`.
pub fn own_name(what: &str, run: &str, drill: &str) -> String {
    format!("lifeboat-{run}-{:08x}-{what}", short_hash(drill))
}

/// A pattern of all such names, with `*` for what only the run knows.
pub fn own_names(what: &str) -> String {
    format!("lifeboat-*-{what}")
}

/// The id of the run whose drill gives such a name; none for any other name.
pub fn run_of_name(name: &str) -> Option<&str> {
    let of_own = || {
        let rest = name.strip_prefix("lifeboat-")?;
        let (middle, what) = rest.rsplit_once('-')?;
        OWN.contains(&what).then_some(middle)
    };
    let beside = || {
        // The run's id, the drill's hash and the hyphen between them.
        let at = name.len().checked_sub(RUN_ID + 9)?;
        let (stem, what) = name.get(..at)?.strip_suffix('-')?.rsplit_once('-')?;
        (BESIDE.contains(&what) && !stem.is_empty()).then_some(name.get(at..)?)
    };
    let (run, drill) = of_own().or_else(beside)?.split_at_checked(RUN_ID)?;
    let hash = drill.strip_prefix('-')?;
    (hash.len() == 8 && is_hex(hash) && run_began(run).is_some()).then_some(run)
}

/// When the run of that id began, to the second; none where it is no run's id.
pub fn run_began(run: &str) -> Option<OffsetDateTime> {
    let (at, random) = run.split_at_checked(15)?;
    let random = random.strip_prefix('-')?;
    if run.len() != RUN_ID || !is_hex(random) {
        return None;
    }
    let format = format_description!("[year][month][day]-[hour][minute][second]");
    PrimitiveDateTime::parse(at, format).ok().map(PrimitiveDateTime::assume_utc)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const RUN: &str = "20261121-143954-0a1b2c";

    #[test]
    fn a_name_tells_its_run() {
        assert_eq!(run_began(RUN), Some(datetime!(2026-11-21 14:39:54 UTC)));
        let long = "a-very-long-name-of-a-database-that-somebody-gave-it-once";
        for source in ["orders", "Orders-2", long, "x"] {
            for what in BESIDE {
                let name = name_beside(source, what, RUN, "monthly");
                assert!(name.len() <= 63, "{name}");
                assert_eq!(run_of_name(&name), Some(RUN), "{name}");
            }
        }
        for what in OWN {
            let name = own_name(what, RUN, "monthly");
            assert_eq!(run_of_name(&name), Some(RUN), "{name}");
        }
    }

    #[test]
    fn what_only_resembles_such_a_name_is_nobodys() {
        let copy = name_beside("orders", "lb", RUN, "monthly");
        let own = own_name("copy", RUN, "monthly");
        for name in [
            // The source of a promotion has its name back in the end; meanwhile it is still the source.
            name_beside("orders", "old", RUN, "monthly"),
            format!("{copy}-snapshot"),
            format!("rds:{copy}-2026-11-21-14-40"),
            format!("x{own}"),
            format!("{own}-2"),
            own.replace("copy", "orders"),
            copy.replace("-lb-", "-"),
            copy.replace("20261121", "20261321"),
            copy.replace("0a1b2c", "0A1B2C"),
            RUN.to_owned(),
            format!("-lb-{RUN}-00000000"),
            format!("ö-{RUN}-0000000ä"),
            "lifeboat-".to_owned(),
            String::new(),
        ] {
            assert_eq!(run_of_name(&name), None, "{name}");
        }
    }
}
