//! Standard output and standard error whose reader may have gone: `lifeboat list | head` ends quietly, and a run goes on
//! to its end and unwinds on a signal though nobody reads what it says.

use std::io::Write as _;

/// Writes to standard output; a reader that is gone is no error.
pub fn out(text: std::fmt::Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(text);
}

/// Writes to standard error; a reader that is gone is no error.
pub fn err(text: std::fmt::Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(text);
}

/// `eprintln!` for a reader that may have gone.
macro_rules! errln {
    ($($text:tt)*) => { crate::print::err(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use errln;

/// `println!` for a reader that may have gone.
macro_rules! outln {
    () => { crate::print::out(format_args!("\n")) };
    ($($text:tt)*) => { crate::print::out(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use outln;
