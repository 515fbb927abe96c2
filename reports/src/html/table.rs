//! A table of a page, as data: one template draws them all.

use askama::Template;

use crate::words::Status;

/// What stands in a cell.
pub enum Cell {
    Text(String),
    /// An identifier, a digest: shown as it is, letter by letter.
    Code(String),
    /// A figure, at the right.
    Number(String),
    Status(Status),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    pub fn number(text: impl ToString) -> Self {
        Self::Number(text.to_string())
    }
}

/// A table with its caption. The first cell of a row is its heading.
#[derive(Template)]
#[template(path = "table.html")]
pub struct Table {
    pub caption: String,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
    /// What is not in it, where rows were left out.
    pub left_out: Option<String>,
}

impl Table {
    pub fn new(caption: impl Into<String>, head: &[&'static str], rows: Vec<Vec<Cell>>) -> Self {
        Self { caption: caption.into(), head: head.to_vec(), rows, left_out: None }
    }

    /// With no more than so many rows, and a word on the others.
    #[must_use]
    pub fn at_most(mut self, rows: usize) -> Self {
        let all = self.rows.len();
        if all > rows {
            self.rows.truncate(rows);
            self.left_out = Some(format!("{rows} of {all} rows; record.json has all of them"));
        }
        self
    }

    /// The table, if there is anything in it.
    pub fn unless_empty(self) -> Option<Self> {
        (!self.rows.is_empty()).then_some(self)
    }
}
