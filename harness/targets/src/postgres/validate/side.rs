//! The two sides of a comparison.

use futures_util::future::join;

use crate::postgres::{PgError, Session};

/// One side of a comparison: a session whose settings are pinned.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The session.
    pub session: &'a Session,
    /// The server's `server_version_num`.
    pub version: u32,
}

/// Two sides that are read at the same time.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// The source.
    pub left: Side<'a>,
    /// The copy.
    pub right: Side<'a>,
}

impl<'a> Pair<'a> {
    /// The older server's version: its form of a hash is one that both have.
    pub(super) fn version(self) -> u32 {
        self.left.version.min(self.right.version)
    }

    pub(super) fn sessions(self) -> [&'a Session; 2] {
        [self.left.session, self.right.session]
    }

    /// Does something on both at the same time. Both are waited for, so that no query is left behind on a session that is
    /// used again; an error says on which side it was.
    pub(super) async fn both<T>(
        self,
        work: impl AsyncFn(Side<'a>) -> Result<T, PgError>,
    ) -> Result<(T, T), PgError> {
        let (left, right) = join(work(self.left), work(self.right)).await;
        Ok((left.map_err(on("source"))?, right.map_err(on("copy"))?))
    }
}

/// The same error, with where it was.
pub(super) fn on(side: &'static str) -> impl Fn(PgError) -> PgError {
    move |error| PgError { text: format!("on the {side}: {}", error.text), ..error }
}
