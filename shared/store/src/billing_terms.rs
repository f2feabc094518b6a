//! On which terms an account is billed: which price book, and whether with the free tier.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::price::{Book, FreeTier};
use sqlx::PgConnection;

use crate::catalog::touch_catalog;
use crate::periods::Basis;
use crate::prices::DEFAULT_BOOK;
use crate::{Error, Store};

/// An account's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Name of the price book.
    pub book: String,
    /// Whether the account has the monthly free tier.
    pub free_tier: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            book: DEFAULT_BOOK.to_owned(),
            free_tier: true,
        }
    }
}

impl Terms {
    /// A whole month's allowance.
    pub fn allowance(&self) -> FreeTier {
        if self.free_tier {
            FreeTier::month()
        } else {
            FreeTier::none()
        }
    }
}

/// Price books by name and stamp: loaded once for many accounts.
#[derive(Debug, Default)]
pub struct Books(Mutex<BTreeMap<(String, i64), Arc<Book>>>);

impl Books {
    pub(crate) async fn of(
        &self,
        connection: &mut PgConnection,
        basis: &Basis,
    ) -> Result<Arc<Book>, Error> {
        let key = (basis.terms.book.clone(), basis.price_stamp);
        if let Some(book) = self.loaded().get(&key) {
            return Ok(Arc::clone(book));
        }
        let book = crate::prices::load(connection, &basis.terms.book, basis.price_stamp).await?;
        let book = Arc::new(book);
        self.loaded().insert(key, Arc::clone(&book));
        Ok(book)
    }

    fn loaded(&self) -> MutexGuard<'_, BTreeMap<(String, i64), Arc<Book>>> {
        // What a panic left is whole: books are put in at once.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// An account's terms; the default ones where none were set.
    pub async fn billing_terms(&self, account: AccountId) -> Result<Terms, Error> {
        let terms = sqlx::query_as!(
            Terms,
            "SELECT book, free_tier FROM billing.account_terms WHERE account_id = $1",
            account.number(),
        );
        Ok(terms.fetch_optional(&self.pool).await?.unwrap_or_default())
    }

    /// Sets an account's terms, from now on and for all that is not on a final invoice yet.
    pub async fn set_billing_terms(
        &self,
        account: AccountId,
        terms: &Terms,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "INSERT INTO billing.account_terms (account_id, book, free_tier, changed_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id) DO UPDATE
                 SET book = excluded.book, free_tier = excluded.free_tier, changed_at = excluded.changed_at",
            account.number(),
            terms.book,
            terms.free_tier,
            now,
        )
        .execute(&mut *tx)
        .await?;
        // Spend caps hold what a run can cost at these prices.
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// An account's terms, and the book that they name as it is now. `books` keeps what was loaded.
    pub async fn account_book(
        &self,
        account: AccountId,
        books: &Books,
    ) -> Result<(Terms, Arc<Book>), Error> {
        let mut connection = self.pool.acquire().await?;
        let basis = current_basis(&mut connection, account).await?;
        let book = books.of(&mut connection, &basis).await?;
        Ok((basis.terms, book))
    }
}

/// What an account is rated by now.
pub(crate) async fn current_basis(
    connection: &mut PgConnection,
    account: AccountId,
) -> Result<Basis, Error> {
    let row = sqlx::query!(
        r#"SELECT (SELECT coalesce(max(price_id), 0) FROM billing.price_version) AS "price_stamp!", terms.book AS "book?",
               terms.free_tier AS "free_tier?"
           FROM (SELECT) AS one LEFT JOIN billing.account_terms AS terms ON terms.account_id = $1"#,
        account.number(),
    )
    .fetch_one(connection)
    .await?;
    let terms = match (row.book, row.free_tier) {
        (Some(book), Some(free_tier)) => Terms { book, free_tier },
        _ => Terms::default(),
    };
    Ok(Basis {
        terms,
        price_stamp: row.price_stamp,
    })
}
