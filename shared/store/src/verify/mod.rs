//! The bill's invariants, each checked from the rows themselves. What is violated was changed by hand, or is a mistake of ours.

mod caps;
mod charges;
mod invoices;
mod ledger;
#[cfg(test)]
mod tests;
mod usage;

use domain::AccountId;
use sqlx::PgConnection;

use crate::accounts::account_id;
use crate::ledger::BillingError;
use crate::periods::{self, Period};
use crate::{Error, Store};

/// An invariant and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its number and what it says.
    pub name: &'static str,
    pub holds: bool,
    /// What was looked at; where it does not hold, what is wrong.
    pub detail: String,
}

impl Check {
    /// Holds if nothing was found; shows the first few of what was.
    fn of(name: &'static str, looked_at: String, found: &[String]) -> Self {
        const SHOWN: usize = 5;
        let mut parts = vec![looked_at];
        parts.extend(found.iter().take(SHOWN).cloned());
        if found.len() > SHOWN {
            parts.push(format!("and {} more", found.len() - SHOWN));
        }
        Self {
            name,
            holds: found.is_empty(),
            detail: parts.join("; "),
        }
    }
}

impl Store {
    /// Checks all invariants over everything there is, in one snapshot.
    pub async fn verify_ledger(&self) -> Result<Vec<Check>, BillingError> {
        let mut tx = self.snapshot().await?;
        let mut checks = vec![
            usage::epochs(&mut tx).await?,
            self.usage_adds_up().await?,
            usage::witnessed(&mut tx).await?,
        ];
        let periods = all_periods(&mut tx).await?;
        checks.extend(charges::check(&mut tx, &periods).await?);
        checks.push(ledger::journals_are_charges(&mut tx).await?);
        checks.push(ledger::journals_balance(&mut tx).await?);
        let on_invoices = invoices::check(&mut tx, &periods).await?;
        checks.push(on_invoices.add_up);
        checks.push(ledger::nothing_unbilled(&mut tx).await?);
        checks.push(caps::held(&mut tx).await?);
        checks.push(ledger::seals(&mut tx).await?);
        checks.push(on_invoices.days);
        checks.push(on_invoices.reproduce);
        checks.push(invoices::numbers(&mut tx).await?);
        Ok(checks)
    }
}

/// All periods with their customers.
async fn all_periods(tx: &mut PgConnection) -> Result<Vec<(AccountId, Period)>, Error> {
    let accounts =
        sqlx::query_scalar!("SELECT DISTINCT account_id FROM billing.period ORDER BY account_id")
            .fetch_all(&mut *tx)
            .await?;
    let mut all = Vec::new();
    for account in accounts {
        let account = account_id(account, "period.account_id")?;
        let periods = periods::all(tx, account).await?;
        all.extend(periods.into_iter().map(|period| (account, period)));
    }
    Ok(all)
}
