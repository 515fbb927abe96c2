//! Verdicts: what a drill or a run came to, and how it follows from its findings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Proof;

/// What a drill or a run came to. The order is that of weight: of several, the greatest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A precondition was not met; nothing was done.
    Skipped,
    /// Every objective and check was met, and the fault and the recovery are proved.
    Passed,
    /// A check could not tell.
    Inconclusive,
    /// The fault or the recovery is not proved.
    Invalid,
    /// A stop condition or a person ended it.
    Aborted,
    /// It could not run.
    Errored,
    /// An objective or a check was missed.
    Failed,
}

impl Verdict {
    /// The verdict as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Inconclusive => "inconclusive",
            Self::Invalid => "invalid",
            Self::Aborted => "aborted",
            Self::Errored => "errored",
            Self::Failed => "failed",
        }
    }

    /// The verdict of a run from those of its drills. A run without a drill is skipped.
    pub fn of_run(drills: impl IntoIterator<Item = Verdict>) -> Verdict {
        drills.into_iter().max().unwrap_or(Verdict::Skipped)
    }
}

/// Whether everything was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Restoration {
    /// Nothing was left behind.
    Clean,
    /// Something was: the record says what.
    Residue,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Met.
    Passed,
    /// Missed.
    Failed,
    /// The fault or the recovery is not proved.
    Invalid,
    /// It cannot tell.
    Inconclusive,
    /// The plan asks nothing of it.
    Unasked,
}

/// A check's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What was found.
    pub judgement: Judgement,
    /// Why, as a sentence for a tired reader.
    pub message: String,
    /// The witness, where the check is one.
    pub proof: Option<Proof>,
}

impl Finding {
    /// A finding without a witness.
    pub fn new(judgement: Judgement, message: impl Into<String>) -> Self {
        Self { judgement, message: message.into(), proof: None }
    }

    /// The same finding with its witness.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }
}

/// The verdict of a drill from its findings and from how it ended: `ended` is `Some` for a drill that did not go
/// through all its steps.
pub fn drill_verdict(findings: impl IntoIterator<Item = Judgement>, ended: Option<Verdict>) -> Verdict {
    if ended == Some(Verdict::Skipped) {
        return Verdict::Skipped;
    }
    let worst = findings.into_iter().map(|judgement| match judgement {
        Judgement::Passed | Judgement::Unasked => Verdict::Passed,
        Judgement::Failed => Verdict::Failed,
        Judgement::Invalid => Verdict::Invalid,
        Judgement::Inconclusive => Verdict::Inconclusive,
    });
    // A drill without a single finding proved nothing.
    let worst = worst.max().unwrap_or(Verdict::Inconclusive);
    ended.map_or(worst, |ended| ended.max(worst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_weight() {
        use Verdict::{Aborted, Errored, Failed, Inconclusive, Invalid, Passed, Skipped};
        let mut all = [Passed, Skipped, Failed, Invalid, Errored, Inconclusive, Aborted];
        all.sort_unstable();
        assert_eq!(all, [Skipped, Passed, Inconclusive, Invalid, Aborted, Errored, Failed]);
        assert_eq!(Verdict::of_run([Skipped, Passed]), Passed);
        assert_eq!(Verdict::of_run([Skipped, Skipped]), Skipped);
        assert_eq!(Verdict::of_run([]), Skipped);
    }

    #[test]
    fn nothing_found_is_not_passed() {
        assert_eq!(drill_verdict([], None), Verdict::Inconclusive);
        assert_eq!(drill_verdict([Judgement::Passed], None), Verdict::Passed);
        assert_eq!(drill_verdict([Judgement::Passed, Judgement::Invalid], None), Verdict::Invalid);
        assert_eq!(drill_verdict([Judgement::Passed], Some(Verdict::Errored)), Verdict::Errored);
        assert_eq!(drill_verdict([Judgement::Failed], Some(Verdict::Aborted)), Verdict::Failed);
        assert_eq!(drill_verdict([Judgement::Failed], Some(Verdict::Skipped)), Verdict::Skipped);
    }
}
