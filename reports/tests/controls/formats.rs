//! The forms of three months, as they are read.

use lifeboat_reports::{controls_csv, controls_markdown, controls_oscal, matrix};

use crate::runs::{UNTIL, quarter};

#[test]
fn markdown_of_every_verdict() {
    insta::assert_snapshot!(controls_markdown(&matrix(&quarter(), UNTIL)));
}

#[test]
fn csv_of_every_verdict() {
    insta::assert_snapshot!(controls_csv(&matrix(&quarter(), UNTIL)));
}

#[test]
fn oscal_of_every_verdict() {
    insta::assert_snapshot!(controls_oscal(&matrix(&quarter(), UNTIL), UNTIL).expect("a document"));
}
