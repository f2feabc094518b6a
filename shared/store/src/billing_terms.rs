//! On which terms an account is billed: which price book, and whether with the free tier.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::{Month, Rated, UsageRow, rate};
use domain::price::FreeTier;

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
        sqlx::query!(
            "INSERT INTO billing.account_terms (account_id, book, free_tier, changed_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id) DO UPDATE
                 SET book = excluded.book, free_tier = excluded.free_tier, changed_at = excluded.changed_at",
            account.number(),
            terms.book,
            terms.free_tier,
            now,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A month's usage of an account, as far as it has arrived, in all regions.
    pub async fn month_usage(
        &self,
        account: AccountId,
        month: Month,
    ) -> Result<Vec<UsageRow>, Error> {
        self.usage_rows(account, month.start(), month.end()).await
    }

    /// An account's usage over the hours `from..to`, in all regions.
    pub(crate) async fn usage_rows(
        &self,
        account: AccountId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<UsageRow>, Error> {
        let rows = self.usage_by_hour(account, None, from, to).await?;
        let rows = rows.into_iter().map(|row| UsageRow {
            hour: row.hour,
            region: row.usage.region,
            sku: row.usage.sku,
            resource: row.usage.resource,
            coverable: true,
            quantity: row.usage.quantity,
        });
        Ok(rows.collect())
    }

    /// A month of an account, rated on its terms: what every report and the draft of its invoice are made of.
    pub async fn rated_month(&self, account: AccountId, month: Month) -> Result<Rated, Error> {
        let terms = self.billing_terms(account).await?;
        let book = self.price_book(&terms.book).await?;
        let usage = self.month_usage(account, month).await?;
        rate(&book, terms.allowance(), usage).map_err(|_| Error::Inconsistent("usage_hour.qty"))
    }
}
