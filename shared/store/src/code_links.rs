//! Links that download a function's code without credentials, for a short time.
//!
//! The link's token is its end, sealed by the vault for the code it opens: whoever holds the master key can check it, nobody
//! else can make one, and a token of one zip does not open another. Nothing is stored.

use chrono::{DateTime, Utc};

use crate::Store;

impl Store {
    /// A token that opens the code of this hash until `end`.
    pub fn code_token(&self, sha256: &str, end: DateTime<Utc>) -> Vec<u8> {
        self.vault.seal(&place(sha256), &end.timestamp().to_be_bytes())
    }

    /// Whether [`Self::code_token`] made this token for this hash, and its end has not come.
    pub fn code_token_valid(&self, sha256: &str, token: &[u8], now: DateTime<Utc>) -> bool {
        let opened = self.vault.open(&place(sha256), "code link", token).ok();
        let end = opened.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?)));
        end.is_some_and(|end| now.timestamp() < end)
    }
}

fn place(sha256: &str) -> String {
    format!("code_link/{sha256}")
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::samples::{at, store};

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_token_opens_its_code_until_its_end(pool: PgPool) {
        let store = store(pool).await;
        let token = store.code_token("abc", at(600));
        assert!(store.code_token_valid("abc", &token, at(599)));
        assert!(!store.code_token_valid("abc", &token, at(600)));
        assert!(!store.code_token_valid("abd", &token, at(0)));
        assert!(!store.code_token_valid("abc", &token[1..], at(0)));
        assert!(!store.code_token_valid("abc", &[], at(0)));
    }
}
