//! The command as a user meets it: started as a process, against sandboxes of the tests' own.
//!
//! One program for all subjects, so that they are linked once. Each test has its own folder, ports and servers.

mod crash;
mod dynamodb;
mod dynamodb_crash;
mod dynamodb_lies;
mod dynamodb_refusals;
mod embedded;
mod exhaustion_rate;
mod failovers;
mod gc;
mod healthy;
mod hostile;
mod lies;
mod matrix;
mod plan_mistakes;
mod promotions;
mod refusals;
mod resources;
mod restore_lies;
mod restores;
mod runbook;
mod runtimes;
mod stand_ins;
mod support;
mod vanish;
