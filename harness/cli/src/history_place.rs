//! Where a history is, as the command line says it: a file, or objects below a prefix of an S3 bucket.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

/// A place for a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryPlace {
    /// A file, or the folder that it is in.
    File(PathBuf),
    /// `s3://BUCKET/PREFIX`.
    Bucket(BucketPlace),
}

/// Objects below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPlace {
    /// The bucket's name.
    pub bucket: String,
    /// What the keys of all objects of the history begin with.
    pub prefix: String,
}

const SCHEME: &str = "s3://";

/// The folder of the history's objects, below the prefix that was given: reports may be kept beside it.
const FOLDER: &str = "history/";

/// The longest prefix: S3's keys have 1,024 bytes at most.
const LONGEST: usize = 900;

impl HistoryPlace {
    /// What reads it from the command line.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(Self::of)
    }

    /// As the command line has it.
    pub fn argument(&self) -> String {
        let text = self.to_string();
        match self {
            Self::File(_) => text,
            Self::Bucket(_) => text.strip_suffix(FOLDER).unwrap_or(&text).trim_end_matches('/').to_owned(),
        }
    }

    fn of(text: OsString) -> Result<Self, String> {
        match text.to_str().and_then(|text| text.strip_prefix(SCHEME)) {
            Some(rest) => BucketPlace::of(rest).map(Self::Bucket),
            None => Ok(Self::File(text.into())),
        }
    }
}

impl BucketPlace {
    fn of(text: &str) -> Result<Self, String> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let good = (3..=63).contains(&bucket.len())
            && bucket.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
            && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
            && bucket.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !good {
            return Err(format!("`{bucket}` is no name of an S3 bucket; write s3://BUCKET/PREFIX"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let plain = |c: char| c.is_ascii_alphanumeric() || "!-_.'()=/".contains(c);
        let parts = prefix.is_empty() || prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if prefix.len() > LONGEST || !parts || !prefix.chars().all(plain) {
            return Err(format!(
                "`{prefix}` is no prefix for a history; take letters, digits and !-_.'()= in parts between single slashes"
            ));
        }
        let between = if prefix.is_empty() { "" } else { "/" };
        Ok(Self { bucket: bucket.into(), prefix: format!("{prefix}{between}{FOLDER}") })
    }
}

impl fmt::Display for HistoryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Bucket(place) => place.fmt(f),
        }
    }
}

/// With the folder of the objects, where a person finds them.
impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<HistoryPlace, String> {
        HistoryPlace::of(text.into())
    }

    #[test]
    fn a_bucket_is_told_from_a_file() {
        for (text, shown) in [
            ("s3://drills/a/b", "s3://drills/a/b/history/"),
            ("s3://drills/a/b/", "s3://drills/a/b/history/"),
            ("s3://drills", "s3://drills/history/"),
            ("s3://drills/", "s3://drills/history/"),
            ("runs/history.jsonl", "runs/history.jsonl"),
            ("s3:/drills", "s3:/drills"),
        ] {
            assert_eq!(place(text).unwrap().to_string(), shown);
            assert_eq!(place(text).unwrap().argument(), text.trim_end_matches('/'));
        }
        for wrong in [
            "s3://",
            "s3://Drills/a",
            "s3://ab",
            "s3://-drills/a",
            "s3://drills/a//b",
            "s3://drills//a",
            "s3://drills/../a",
            "s3://drills/a b",
            "s3://drills/a\u{1b}[31m",
            "s3://dri_lls",
        ] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
