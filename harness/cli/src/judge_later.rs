//! The command that a person is told to run later, for a run that is not signed or not in its history.

use std::path::Path;

use crate::history_file::HISTORY;
use crate::history_place::HistoryPlace;
use crate::out_folder::RUNS;

/// What signs a run later.
#[derive(Debug, Clone, Copy)]
pub enum With<'a> {
    /// Nothing: it is only added to its history.
    Nothing,
    /// A key in a file.
    File(&'a Path),
    /// The key that the run's plan names: it is asked with a history only.
    Plan,
}

/// `lifeboat judge` on a run's folder, with its history and its key. A history that was not given is the one beside the folder, if
/// runs have theirs there.
pub fn judge_later(dir: &Path, history: Option<&HistoryPlace>, with: With<'_>) -> String {
    let mut command = format!("lifeboat judge {}", dir.display());
    let beside = dir.parent().map(|runs| (runs.join(HISTORY), runs.ends_with(RUNS)));
    let beside = beside.filter(|(path, is_usual)| *is_usual || path.is_file());
    let place = match (history, beside, with) {
        (Some(place), _, _) => Some(place.argument()),
        (None, Some((path, _)), _) => Some(path.display().to_string()),
        (None, None, With::Plan) => Some("PLACE".into()),
        (None, None, _) => None,
    };
    if let Some(place) = place {
        command += &format!(" --history {place}");
    }
    if let With::File(key) = with {
        command += &format!(" --sign-key {}", key.display());
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_history_and_key() {
        let place = HistoryPlace::File("h.jsonl".into());
        let key = With::File(Path::new("drill.key"));
        let of = |dir: &str, history, with| judge_later(Path::new(dir), history, with);
        assert_eq!(of("run", Some(&place), key), "lifeboat judge run --history h.jsonl --sign-key drill.key");
        assert_eq!(of("run", Some(&place), With::Plan), "lifeboat judge run --history h.jsonl");
        assert_eq!(of("no/run", None, key), "lifeboat judge no/run --sign-key drill.key");
        assert_eq!(of("no/run", None, With::Plan), "lifeboat judge no/run --history PLACE");
        let usual = "lifeboat judge lifeboat-runs/1 --history lifeboat-runs/history.jsonl";
        assert_eq!(of("lifeboat-runs/1", None, With::Nothing), usual);
        assert_eq!(of("lifeboat-runs/1", None, key), format!("{usual} --sign-key drill.key"));
    }
}
