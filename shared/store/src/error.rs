//! What can go wrong with the database, as callers need to tell it apart.

/// A store operation that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// A row holds what the types do not allow: `table.column`.
    #[error("inconsistent data in {0}")]
    Inconsistent(&'static str),
    /// What is encrypted at rest does not open with this key.
    #[error("secret in {0} does not open with this master key")]
    Sealed(&'static str),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Error {
    /// The violated constraint's name, where that is the reason.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.constraint(),
            _ => None,
        }
    }

    /// A row of the same key was there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}
