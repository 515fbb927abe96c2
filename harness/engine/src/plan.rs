//! A drill's plan: its steps in order.

use crate::Step;

/// The steps of one drill. Making a plan does no I/O.
#[derive(Default)]
pub struct Plan {
    steps: Vec<Step>,
}

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plan with one more step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a restored copy stays.
    pub(crate) fn keeps_copies(&self) -> bool {
        self.steps.iter().any(|step| step.keeps_copies)
    }

    /// Its steps, to be run or to be put into another plan.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}
