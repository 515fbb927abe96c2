//! What a run says while it goes on: a spinner on a terminal, a line for each step elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lifeboat_engine::Journal;
use lifeboat_model::{Event, EventKind, StepEnd};
use lifeboat_reports::clean_line;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::print::errln;

/// Says on stderr what a journal does, until its last line.
pub fn follow(journal: &Journal) -> JoinHandle<()> {
    let mut events = journal.watch();
    tokio::spawn(async move {
        let bar = std::io::stderr().is_terminal().then(spinner);
        loop {
            match events.recv().await {
                Ok(event) => {
                    say(&event, bar.as_ref());
                    if matches!(event.kind, EventKind::RunEnded { .. }) {
                        break;
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    errln!("lifeboat: {missed} events were too quick to be shown")
                }
                Err(RecvError::Closed) => break,
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    })
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn say(event: &Event, bar: Option<&ProgressBar>) {
    let line = match &event.kind {
        EventKind::StepStarted { drill, phase, what, .. } => {
            let line = format!("{}: {}: {}", clean_line(drill), phase.name(), clean_line(what));
            if let Some(bar) = bar {
                bar.set_message(line);
                return;
            }
            line
        }
        EventKind::StepEnded { drill, step, outcome, message } if *outcome != StepEnd::Done => {
            let why = message.as_deref().unwrap_or("no reason was given");
            format!("{}: {step} was not done: {}", clean_line(drill), clean_line(why))
        }
        EventKind::Stopped { condition, why } => {
            format!(
                "stop condition `{}`: {}; the run ends, what was done is taken back",
                clean_line(condition),
                clean_line(why)
            )
        }
        EventKind::UndoStarted { drill, undo } => format!("{}: undo {undo} begins", clean_line(drill)),
        EventKind::UndoEnded { drill, message: Some(message), .. } => {
            format!("{}: undo: {}", clean_line(drill), clean_line(message))
        }
        _ => return,
    };
    match bar {
        Some(bar) => bar.println(line),
        None => errln!("{:7.2} s  {line}", event.elapsed.0 as f64 / 1e6),
    }
}
