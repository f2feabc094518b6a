//! The price books that there are, and which account has which.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::price::Book;

use crate::accounts::account_id;
use crate::{Error, Store};

/// A book, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookSummary {
    pub name: String,
    pub versions: i64,
    pub regions: i64,
    /// In the order of their codes.
    pub currencies: Vec<String>,
    /// When the first of its prices begins to hold, and the last.
    pub first_valid_from: DateTime<Utc>,
    pub last_valid_from: DateTime<Utc>,
    /// Accounts whose terms name it. The default book also has all those without terms.
    pub accounts: i64,
}

impl Store {
    /// Every price book, by name.
    pub async fn price_book_summaries(&self) -> Result<Vec<BookSummary>, Error> {
        let books = sqlx::query_as!(
            BookSummary,
            r#"SELECT book AS name, count(*) AS "versions!", count(DISTINCT region) AS "regions!",
                   array_agg(DISTINCT currency::text ORDER BY currency::text) AS "currencies!",
                   min(valid_from) AS "first_valid_from!", max(valid_from) AS "last_valid_from!",
                   (SELECT count(*) FROM billing.account_terms WHERE account_terms.book = price_version.book) AS "accounts!"
               FROM billing.price_version GROUP BY book ORDER BY book"#
        );
        Ok(books.fetch_all(&self.pool).await?)
    }

    /// A book that there is; `None` where nobody has added to it.
    pub async fn find_price_book(&self, name: &str) -> Result<Option<Book>, Error> {
        let book = self.price_book(name).await?;
        Ok(Some(book).filter(|book| !book.is_empty()))
    }

    /// All books, by name.
    pub async fn price_books(&self) -> Result<BTreeMap<String, Book>, Error> {
        let names = sqlx::query_scalar!("SELECT DISTINCT book FROM billing.price_version");
        let mut books = BTreeMap::new();
        for name in names.fetch_all(&self.pool).await? {
            let book = self.price_book(&name).await?;
            books.insert(name, book);
        }
        Ok(books)
    }

    /// Names of the books of all accounts that have terms of their own.
    pub async fn account_books(&self) -> Result<HashMap<AccountId, String>, Error> {
        let rows = sqlx::query!("SELECT account_id, book FROM billing.account_terms");
        let rows = rows.fetch_all(&self.pool).await?;
        rows.into_iter()
            .map(|row| {
                let account = account_id(row.account_id, "account_terms.account_id")?;
                Ok((account, row.book))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
