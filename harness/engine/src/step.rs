//! A step: an act, its time limit, and what takes it back.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_model::{Phase, UndoAction};
use thiserror::Error;

use crate::{Context, Makes};

/// How an act did not succeed.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum StepError {
    /// It failed, provably without effect.
    #[error("{0}")]
    Failed(String),
    /// It may have had its effect.
    #[error("{0}")]
    Indeterminate(String),
    /// A precondition of the drill is not met, and nothing was done.
    #[error("{0}")]
    Unmet(String),
    /// The environment does not have what the step needs: nothing was done, and nothing can be proved there.
    #[error("{0}")]
    Unsupported(String),
}

impl StepError {
    /// An error without effect.
    pub fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// An error with perhaps an effect.
    pub fn indeterminate(error: impl Display) -> Self {
        Self::Indeterminate(error.to_string())
    }
}

pub(crate) type Act = Box<dyn FnOnce(Context) -> BoxFuture<'static, Result<(), StepError>> + Send>;
pub(crate) type Bind = Box<dyn FnOnce() -> Result<UndoAction, String> + Send>;

/// What takes a step's act back.
pub(crate) enum Undo {
    /// An action, bound to concrete values just before the act.
    Bound {
        /// What it will do, for the printed plan.
        what: String,
        bind: Bind,
    },
    /// Nothing, and why.
    None { why: String },
}

/// One step of a plan.
pub struct Step {
    pub(crate) id: &'static str,
    pub(crate) phase: Phase,
    pub(crate) what: String,
    pub(crate) limit: Duration,
    pub(crate) act: Act,
    pub(crate) undo: Undo,
    pub(crate) makes: Option<Makes>,
    pub(crate) keeps_copies: bool,
}

/// A step of which it is not yet said what takes it back.
#[must_use = "a step is made by saying what takes it back"]
pub struct StepBuilder {
    id: &'static str,
    phase: Phase,
    what: String,
    limit: Duration,
    act: Act,
}

impl Step {
    /// Begins a step: its id (kebab-case, verb and object), its phase, what it does in words, its time limit, its act.
    pub fn build<F, Fut>(
        id: &'static str,
        phase: Phase,
        what: impl Into<String>,
        limit: Duration,
        act: F,
    ) -> StepBuilder
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), StepError>> + Send + 'static,
    {
        StepBuilder { id, phase, what: what.into(), limit, act: Box::new(|context| act(context).boxed()) }
    }

    /// Says that it makes something that is billed until it is deleted.
    #[must_use]
    pub fn makes(self, made: Makes) -> Self {
        Self { makes: Some(made), ..self }
    }

    /// Says that the restored copies stay.
    #[must_use]
    pub fn keeps_copies(self) -> Self {
        Self { keeps_copies: true, ..self }
    }

    /// The step's id.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// The step's phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What it does.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Its time limit.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The step with another limit and something around its act, as tests of what follows when a step goes wrong need it.
    /// `around` gets the act, of which nothing has been done. What takes it back stays, and so does everything else.
    #[must_use]
    pub fn around<F, Fut>(self, limit: Duration, around: F) -> Step
    where
        F: FnOnce(BoxFuture<'static, Result<(), StepError>>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), StepError>> + Send + 'static,
    {
        let act = self.act;
        Step { limit, act: Box::new(move |context| around(act(context)).boxed()), ..self }
    }

    /// What takes it back, or why nothing does.
    pub fn undo_text(&self) -> Result<&str, &str> {
        match &self.undo {
            Undo::Bound { what, .. } => Ok(what),
            Undo::None { why } => Err(why),
        }
    }
}

impl StepBuilder {
    /// What takes the act back: in words, and as an action that is bound to concrete values just before the act and
    /// journalled with it.
    pub fn undo(
        self,
        what: impl Into<String>,
        bind: impl FnOnce() -> Result<UndoAction, String> + Send + 'static,
    ) -> Step {
        self.finish(Undo::Bound { what: what.into(), bind: Box::new(bind) })
    }

    /// Nothing takes it back, and why that is right.
    pub fn no_undo(self, why: impl Into<String>) -> Step {
        self.finish(Undo::None { why: why.into() })
    }

    fn finish(self, undo: Undo) -> Step {
        Step {
            id: self.id,
            phase: self.phase,
            what: self.what,
            limit: self.limit,
            act: self.act,
            undo,
            makes: None,
            keeps_copies: false,
        }
    }
}
