//! Answers that come in pages.

use std::collections::BTreeSet;

use crate::{AwsError, Effect};

/// The pages of one list that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeSet<String>);

impl Pages {
    /// The marker of the next page; none after the last. One that was asked for before would be followed for ever.
    pub(crate) fn next(
        &mut self,
        call: &'static str,
        next: Option<&str>,
    ) -> Result<Option<String>, AwsError> {
        let Some(next) = next.filter(|next| !next.is_empty()) else { return Ok(None) };
        if !self.0.insert(next.to_owned()) {
            let message =
                "the answer gives a page as the next one that was there before, so its pages have no end";
            return Err(AwsError {
                call,
                code: "no-answer".into(),
                message: message.into(),
                effect: Effect::None,
            });
        }
        Ok(Some(next.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_lead_in_a_circle_are_refused() {
        let mut pages = Pages::default();
        let mut next = |marker| pages.next("DescribeDBInstances", marker).map_err(|error| error.to_string());
        assert_eq!(next(Some("a")), Ok(Some("a".into())));
        assert_eq!(next(Some("b")), Ok(Some("b".into())));
        assert!(next(Some("a")).unwrap_err().contains("DescribeDBInstances"));
        assert_eq!(next(Some("")), Ok(None));
        assert_eq!(next(None), Ok(None));
    }
}
