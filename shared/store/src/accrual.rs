//! Accrual: charges of complete days are kept and posted; late usage of closed months too.
//!
//! Each step is a transaction that holds the customer's periods, works out what is missing, and adds it: done twice, or by two at once, it
//! adds nothing the second time. The keys of the journals would refuse a second time, too.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::accrual::{
    amounts, charges as charges_of, differences, late, may_bill_late, sum, uncovered,
};
use domain::bill::ledger::Entry;
use domain::bill::{Month, Position, Priced, UsageRow, rate};
use domain::price::Book;
use sqlx::PgConnection;

use crate::Store;
use crate::billing_terms::{Books, current_basis};
use crate::charges::{self, Kept};
use crate::ledger::{BillingError, Place, post};
use crate::periods::{self, Basis, Period};

/// What accrual added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accrued {
    pub charges: usize,
    pub journals: usize,
}

impl Accrued {
    pub(crate) fn add(&mut self, other: Self) {
        self.charges += other.charges;
        self.journals += other.journals;
    }
}

/// What accrual looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// All days before are complete: a midnight.
    pub complete_until: DateTime<Utc>,
    /// Open months before this one are left to their close, which keeps their charges itself.
    pub open_since: Month,
    /// Late usage is looked for in closed months from this one on.
    pub late_since: Month,
    pub now: DateTime<Utc>,
}

impl Store {
    /// Keeps what a customer was charged for all complete days in months that are open, and for late usage of closed months.
    pub async fn accrue(
        &self,
        account: AccountId,
        look: &Look,
        books: &Books,
    ) -> Result<Accrued, BillingError> {
        let mut tx = self.pool.begin().await?;
        let held = periods::hold(&mut tx, account).await?;
        let mut accrued = Accrued::default();
        let basis = current_basis(&mut tx, account).await?;
        let open = |period: &&Period| !period.closed && period.month >= look.open_since;
        for period in held.iter().filter(open) {
            let until = look.complete_until.min(period.month.end());
            if is_kept(&mut tx, account, period, &basis, until).await? {
                continue;
            }
            let charged = accrue_period(&mut tx, account, period, &basis, until, books).await?;
            accrued.add(charged.added);
        }
        let late = accrue_late(&mut tx, account, &held, look.late_since, look.now, books);
        accrued.add(late.await?);
        tx.commit().await?;
        Ok(accrued)
    }
}

/// An open month's charges, all of which are kept now.
#[derive(Default)]
pub(crate) struct Charges {
    pub(crate) added: Accrued,
    /// In the order of hour, region, SKU, resource.
    pub(crate) all: Vec<Priced>,
    /// Usage that has no price.
    pub(crate) unpriced: Vec<UsageRow>,
}

/// Whether all charges of the hours before `until` are kept already, as this basis makes them: nearly always, when an hour has passed
/// but no day has become complete, and when a month is closed. Then no usage need come here to be rated.
async fn is_kept(
    tx: &mut PgConnection,
    account: AccountId,
    period: &Period,
    basis: &Basis,
    until: DateTime<Utc>,
) -> Result<bool, BillingError> {
    let (start, kept_until) = (period.month.start(), period.accrued_until);
    let rated = until <= kept_until && period.basis.as_ref() == Some(basis);
    Ok(rated && charges::cover(tx, account, start, kept_until).await?)
}

/// All charges of an open month, none of which is missing among those that are kept when this is over.
pub(crate) async fn accrue_month(
    tx: &mut PgConnection,
    account: AccountId,
    period: &Period,
    basis: &Basis,
    books: &Books,
) -> Result<Charges, BillingError> {
    let (start, end) = (period.month.start(), period.month.end());
    if !is_kept(tx, account, period, basis, end).await? {
        return accrue_period(tx, account, period, basis, end, books).await;
    }
    let kept = charges::of_hours(tx, account, start, end).await?;
    Ok(Charges {
        all: sum(kept.into_iter().map(|one| one.priced)),
        ..Charges::default()
    })
}

/// Keeps an open month's charges of the hours before `until`, and of those that were kept before.
async fn accrue_period(
    tx: &mut PgConnection,
    account: AccountId,
    period: &Period,
    basis: &Basis,
    until: DateTime<Utc>,
    books: &Books,
) -> Result<Charges, BillingError> {
    let (start, until) = (period.month.start(), until.max(period.accrued_until));
    if until <= start {
        return Ok(Charges::default());
    }
    let usage = charges::usage(tx, account, start, until).await?;
    let kept = charges::of_hours(tx, account, start, until).await?;
    let revisions = revisions(&kept, |one| one.priced.charge.hour.date_naive());
    let book = books.of(tx, basis).await?;
    let mut rated = rate(&book, basis.terms.allowance(), usage)?;
    let unpriced = std::mem::take(&mut rated.unpriced);
    let all = charges_of(rated);
    let days = differences(kept.into_iter().map(|one| one.priced), all.clone());
    let (mut added, mut entries) = (Vec::new(), Vec::new());
    for (day, charges) in days {
        let revision = revisions.get(&day).map_or(0, |last| last + 1);
        let number = u32::try_from(revision).unwrap_or_default();
        entries.push(Entry::accrual(account, day, number, &amounts(&charges)));
        added.extend(charges.into_iter().map(|priced| Kept {
            period: period.id,
            revision,
            written_off: false,
            priced,
        }));
    }
    let place = Place {
        account,
        period: period.id,
        invoice: None,
    };
    charges::keep(tx, account, &added).await?;
    let journals = post(tx, place, &entries).await?;
    periods::accrued(tx, period.id, until, basis).await?;
    Ok(Charges {
        added: Accrued {
            charges: added.len(),
            journals,
        },
        all,
        unpriced,
    })
}

/// The last revision of each day, or month.
fn revisions<K: Ord>(kept: &[Kept], key: impl Fn(&Kept) -> K) -> BTreeMap<K, i32> {
    let mut last = BTreeMap::new();
    for one in kept {
        let revision = last.entry(key(one)).or_insert(one.revision);
        *revision = one.revision.max(*revision);
    }
    last
}

/// Keeps what late usage of closed months costs, those from `since` on: each in the first open month behind it.
pub(crate) async fn accrue_late(
    tx: &mut PgConnection,
    account: AccountId,
    held: &[Period],
    since: Month,
    now: DateTime<Utc>,
    books: &Books,
) -> Result<Accrued, BillingError> {
    let mut accrued = Accrued::default();
    for period in held.iter().filter(|period| period.month >= since) {
        let open = |other: &&Period| !other.closed && other.month > period.month;
        let basis = period.basis.as_ref().filter(|_| period.closed);
        if let (Some(basis), Some(into)) = (basis, held.iter().find(open)) {
            let (start, end) = (period.month.start(), period.month.end());
            // Nearly always: and then rows need not come here to be rated.
            if charges::cover(tx, account, start, end).await? {
                continue;
            }
            let book = books.of(tx, basis).await?;
            let found = late_charges(tx, account, period, basis, &book).await?;
            accrued.add(keep_late(tx, account, period, into, found, now).await?);
        }
    }
    Ok(accrued)
}

/// Late usage of a closed month, charged behind all that was charged of it, and its revision.
struct Late {
    charges: Vec<Priced>,
    revision: i32,
}

async fn late_charges(
    tx: &mut PgConnection,
    account: AccountId,
    period: &Period,
    basis: &Basis,
    book: &Book,
) -> Result<Late, BillingError> {
    let (from, to) = (period.month.start(), period.month.end());
    let usage = charges::usage(tx, account, from, to).await?;
    let kept = charges::of_hours(tx, account, from, to).await?;
    let late_rounds: Vec<Kept> = kept
        .iter()
        .filter(|one| one.period != period.id)
        .cloned()
        .collect();
    let revision = revisions(&late_rounds, |_| ())
        .get(&())
        .map_or(0, |last| last + 1);
    let of = |one: &'_ Kept| one.priced.charge.clone();
    let kept: Vec<_> = kept.iter().map(of).collect();
    let position = Position::start(basis.terms.allowance()).after(&kept);
    let pending: Vec<UsageRow> = uncovered(usage, &kept).usage;
    Ok(Late {
        charges: late(book, position, pending)?,
        revision,
    })
}

async fn keep_late(
    tx: &mut PgConnection,
    account: AccountId,
    of: &Period,
    into: &Period,
    late: Late,
    now: DateTime<Utc>,
) -> Result<Accrued, BillingError> {
    if late.charges.is_empty() {
        return Ok(Accrued::default());
    }
    let customer = crate::parties::customer(tx, account).await?;
    let all = customer.unwrap_or_default().bill_all_late;
    let (billed, given_up): (Vec<Priced>, Vec<Priced>) = late
        .charges
        .into_iter()
        .partition(|one| all || may_bill_late(one.charge.hour, now));
    let revision = u32::try_from(late.revision).unwrap_or_default();
    let effective_at = into.month.nearest(now);
    let entry = |charges: &[Priced], written_off| {
        let amounts = amounts(charges);
        Entry::late(
            account,
            of.month,
            revision,
            &amounts,
            written_off,
            effective_at,
        )
    };
    let entries = [entry(&billed, false), entry(&given_up, true)];
    let kept = |priced, written_off| Kept {
        period: into.id,
        revision: late.revision,
        written_off,
        priced,
    };
    let mut added: Vec<Kept> = billed.into_iter().map(|one| kept(one, false)).collect();
    added.extend(given_up.into_iter().map(|one| kept(one, true)));
    charges::keep(tx, account, &added).await?;
    let place = Place {
        account,
        period: into.id,
        invoice: None,
    };
    let journals = post(tx, place, &entries).await?;
    Ok(Accrued {
        charges: added.len(),
        journals,
    })
}

#[cfg(test)]
mod tests;
