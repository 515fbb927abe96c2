//! What a run's record keeps of earlier ones: the lines of its history that say something of the same drills, as they were when
//! it began.

use lifeboat_engine::{EARLIER_RUNS, RunFiles};
use lifeboat_model::{EARLIER, EnvironmentRecord, HistoryLine};

use crate::failure::Failure;
use crate::prepare::Ready;

/// Writes the last lines of the history with one of these drills in the same environment into the run's folder. There is no file
/// where there is no such line.
pub fn keep(
    files: &RunFiles,
    history: &[HistoryLine],
    environment: &EnvironmentRecord,
    drills: &[Ready],
) -> Result<(), Failure> {
    let like = |line: &&HistoryLine| {
        line.is_in(&environment.name, environment.simulated)
            && line.drills.iter().any(|earlier| {
                drills.iter().any(|now| {
                    (now.params.drill.as_str(), now.drill.name(), now.params.target_name.as_str())
                        == (earlier.name.as_str(), earlier.scenario.as_str(), earlier.target.as_str())
                })
            })
    };
    let mut lines: Vec<&HistoryLine> = history.iter().rev().filter(like).take(EARLIER).collect();
    lines.reverse();
    if lines.is_empty() {
        return Ok(());
    }
    files.write_json(EARLIER_RUNS, &lines).map_err(Failure::internal)
}
