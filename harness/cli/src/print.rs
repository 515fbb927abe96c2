//! What the command says. Whatever was read from a plan, a server or a file may be in it, so every text is made harmless
//! here; and a reader that has gone is no error: `lifeboat list | head` ends quietly, and a run goes on to its end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use lifeboat_reports::{clean_text, steers_a_terminal};

/// Why [`out`] could not write, the first time.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Writes to standard output. Where it cannot, as on a full disk, the command goes on, and [`unwritten`] says so at its end.
pub fn out(text: Arguments<'_>) {
    if let Err(error) = bytes(clean_text(&text.to_string()).as_bytes()) {
        UNWRITTEN.get_or_init(|| error.to_string());
    }
}

/// Why not all of what was given to [`out`] is written, if so.
pub fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Writes to standard error.
pub fn err(text: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_all(clean_text(&text.to_string()).as_bytes());
}

/// Writes a line of JSON to standard output. What steers a terminal is escaped, which changes nothing for a reader of
/// JSON.
///
/// # Errors
/// As [`bytes`].
pub fn json(line: &str) -> io::Result<()> {
    let mut text = String::with_capacity(line.len() + 1);
    for c in line.chars() {
        if steers_a_terminal(c) {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    bytes(text.as_bytes())
}

/// Writes what is harmless already to standard output, all of it.
///
/// # Errors
/// If it cannot be written; that the reader has gone is none.
pub fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// `println!` for text from anywhere and a reader that may have gone.
macro_rules! outln {
    () => { crate::print::out(format_args!("\n")) };
    ($($text:tt)*) => { crate::print::out(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use outln;

/// `eprintln!` for text from anywhere and a reader that may have gone.
macro_rules! errln {
    ($($text:tt)*) => { crate::print::err(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use errln;
