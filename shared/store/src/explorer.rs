//! What the billing APIs are answered from: rated months and the tags of functions.

use domain::AccountId;
use domain::bill::Rated;
use domain::bill::explorer::{FunctionTags, Item, Period, items};
use domain::price::Currency;

use crate::billing_terms::Books;
use crate::rated_months::RatedMonths;
use crate::{Error, Store};

/// The usage of some months, priced, and whose it is.
#[derive(Debug, Clone)]
pub struct Explored {
    account: AccountId,
    months: Vec<Rated>,
    tags: FunctionTags,
}

impl Explored {
    /// All charges of these months.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let months = self.months.iter();
        months.flat_map(|month| items(self.account, month, &self.tags))
    }
}

impl Store {
    /// Usage and charges of every month that a span touches.
    pub async fn explore(&self, account: AccountId, span: Period) -> Result<Explored, Error> {
        let books = Books::default();
        let mut rated = RatedMonths::of(self, account, &books).await?;
        let mut months = Vec::new();
        for month in span.months() {
            months.push(rated.rated(month, &[]).await?);
        }
        drop(rated);
        Ok(Explored {
            account,
            months,
            tags: self.function_tags(account).await?,
        })
    }

    /// Tags of all functions of an account that have some.
    pub async fn function_tags(&self, account: AccountId) -> Result<FunctionTags, Error> {
        let rows = sqlx::query!(
            "SELECT region, function_name, key, value FROM function_tag WHERE account_id = $1",
            account.number(),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut tags = FunctionTags::new();
        for row in rows {
            let arn = format!(
                "arn:aws:lambda:{}:{account}:function:{}",
                row.region, row.function_name
            );
            tags.entry(arn).or_default().insert(row.key, row.value);
        }
        Ok(tags)
    }

    /// The currencies that an account's price book charges in, in the order of their codes.
    pub async fn currencies(&self, account: AccountId) -> Result<Vec<Currency>, Error> {
        let codes = sqlx::query_scalar!(
            r#"SELECT DISTINCT currency::text AS "currency!" FROM billing.price_version
               WHERE book = coalesce((SELECT book FROM billing.account_terms WHERE account_id = $1), $2)
               ORDER BY 1"#,
            account.number(),
            crate::prices::DEFAULT_BOOK,
        )
        .fetch_all(&self.pool)
        .await?;
        let currency = |code: String| {
            code.parse()
                .map_err(|_| Error::Inconsistent("price_version.currency"))
        };
        codes.into_iter().map(currency).collect()
    }
}

#[cfg(test)]
mod tests;
