//! The command as a user meets it: started as a process, against sandboxes of the tests' own.
//!
//! One program for all subjects, so that they are linked once. Each test has its own folder, ports and servers.

mod budget;
mod clock_steps;
mod crash;
mod credential_services;
mod credentials;
mod credentials_outage;
mod database_auth;
mod disk;
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
mod iam_policy;
mod identity;
mod identity_of_tables;
mod journals;
mod kept;
mod kept_passwords;
mod lies;
mod lock;
mod matrix;
mod network;
mod other_account;
mod plan_mistakes;
mod promotions;
mod refusals;
mod resources;
mod restore_lies;
mod restores;
mod runbook;
mod runtimes;
mod secrets;
mod signals;
mod stand_ins;
mod stops;
mod support;
mod tls;
mod vanish;
