//! Which journals this version reads.
//!
//! A format is `lifeboat.journal/MAJOR` or `lifeboat.journal/MAJOR.MINOR`. A minor version may bring new fields, new
//! events and new kinds of undo. A reader that does not know a field or an event leaves it out, so that neither may change
//! what is to be taken back; a kind of undo that it does not know it names, and leaves to a version that does. All else
//! needs a new major version, which older readers refuse.

use thiserror::Error;

/// The journal format that this version writes. 1.1 brought `notice-sent` behind `run-ended`: to a reader
/// of 1.0 a run with notices is one that did not come to its end, and proves nothing.
pub const JOURNAL_FORMAT: &str = "lifeboat.journal/1.1";

const NAME: &str = "lifeboat.journal/";
const MAJOR: u64 = 1;

/// Why a journal's format cannot be read.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum FormatError {
    /// A newer major version.
    #[error(
        "the journal's format is `{format}`, and this version reads those of `lifeboat.journal/1`; use the \
         lifeboat that wrote it ({tool_version}) or a newer one"
    )]
    Newer {
        /// As the journal says.
        format: String,
        /// The version of the tool that wrote it, as the journal says.
        tool_version: String,
    },
    /// No format of this tool.
    #[error(
        "the journal's format is `{0}`, which is none of lifeboat; the file was changed or is of another tool"
    )]
    Foreign(String),
}

/// Whether this version reads journals of a format that a version of the tool wrote.
///
/// # Errors
/// [`FormatError`].
pub fn check_journal_format(format: &str, tool_version: &str) -> Result<(), FormatError> {
    let foreign = || FormatError::Foreign(format.into());
    let version = format.strip_prefix(NAME).ok_or_else(foreign)?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().ok()).flatten().ok_or_else(foreign)
    };
    match (number(major)?, number(minor)?) {
        (MAJOR, _) => Ok(()),
        (newer, _) if newer > MAJOR => {
            Err(FormatError::Newer { format: format.into(), tool_version: tool_version.into() })
        }
        _ => Err(foreign()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("lifeboat.journal/1")]
    #[case("lifeboat.journal/1.0")]
    #[case("lifeboat.journal/1.1")]
    #[case("lifeboat.journal/1.4096")]
    #[case(JOURNAL_FORMAT)]
    fn every_version_of_this_major_is_read(#[case] format: &str) {
        assert_eq!(check_journal_format(format, "9.9.9"), Ok(()));
    }

    #[rstest]
    #[case("lifeboat.journal/2")]
    #[case("lifeboat.journal/2.0")]
    #[case("lifeboat.journal/10.1")]
    fn a_newer_major_is_refused_by_name(#[case] format: &str) {
        let error = check_journal_format(format, "9.9.9").expect_err(format).to_string();
        assert!(
            error.contains(format) && error.contains("use the lifeboat that wrote it (9.9.9)"),
            "{error}"
        );
    }

    #[rstest]
    #[case("")]
    #[case("lifeboat.journal/")]
    #[case("lifeboat.journal/0")]
    #[case("lifeboat.journal/1.")]
    #[case("lifeboat.journal/+1")]
    #[case("lifeboat.journal/1.x")]
    #[case("lifeboat.journal/1.0.0")]
    #[case("lifeboat.journal/99999999999999999999999")]
    #[case("other.journal/1")]
    fn what_is_no_format_is_refused(#[case] format: &str) {
        let error = check_journal_format(format, "9.9.9").expect_err(format);
        assert_eq!(error, FormatError::Foreign(format.into()));
    }
}
