//! I4 and I5: charges cover the usage, and are what rating makes of it.

use std::collections::BTreeMap;

use domain::AccountId;
use domain::bill::accrual::{charges as charges_of, differences, late, sum, uncovered};
use domain::bill::{Charge, Position, Priced, UsageRow, rate};
use sqlx::PgConnection;

use super::Check;
use crate::billing_terms::Books;
use crate::charges::{self, Kept};
use crate::ledger::BillingError;
use crate::periods::{Basis, Period};

/// What was found over all periods.
#[derive(Default)]
struct Found {
    charges: usize,
    /// Usage that arrived late and waits for the next accrual.
    pending: usize,
    quantities: Vec<String>,
    amounts: Vec<String>,
}

pub(super) async fn check(
    tx: &mut PgConnection,
    periods: &[(AccountId, Period)],
) -> Result<[Check; 2], BillingError> {
    let (mut found, books) = (Found::default(), Books::default());
    for (account, period) in periods {
        if let Some(basis) = &period.basis {
            one(tx, *account, period, basis, &books, &mut found).await?;
        }
    }
    let looked_at = |what: &str| format!("{} charges{what}", found.charges);
    let pending = if found.pending == 0 {
        String::new()
    } else {
        format!(", {} quantities wait for the next accrual", found.pending)
    };
    Ok([
        Check::of(
            "I4 quantities of the tiers = usage - free",
            looked_at(&pending),
            &found.quantities,
        ),
        Check::of(
            "I5 charges = usage rated again",
            looked_at(""),
            &found.amounts,
        ),
    ])
}

async fn one(
    tx: &mut PgConnection,
    account: AccountId,
    period: &Period,
    basis: &Basis,
    books: &Books,
    found: &mut Found,
) -> Result<(), BillingError> {
    let (start, until) = (period.month.start(), period.accrued_until);
    let book = books.of(tx, basis).await?;
    let usage = charges::usage(tx, account, start, until).await?;
    let kept = charges::of_hours(tx, account, start, period.month.end()).await?;
    found.charges += kept.len();
    let all: Vec<Charge> = kept.iter().map(|one| one.priced.charge.clone()).collect();
    let place = |row: &UsageRow| {
        format!(
            "{account} {} {} {} {}",
            row.hour, row.region, row.sku, row.resource
        )
    };
    let difference = uncovered(usage, &all);
    for row in &difference.charged {
        let much = format!("{}: {} charged beyond the usage", place(row), row.quantity);
        found.quantities.push(much);
    }
    let priced = |row: &&UsageRow| book.in_force(&row.region, row.sku, row.hour).is_some();
    found.pending += difference.usage.iter().filter(priced).count();
    let start = Position::start(basis.terms.allowance());
    let end = start.clone().after(&all);
    if end.free.requests < 0 || end.free.duration < 0 {
        let much = format!(
            "{account} {}: more is free than the free tier",
            period.month
        );
        found.quantities.push(much);
    }
    for ((region, sku), paid) in end.paid {
        if paid < 0 {
            let much = format!("{account} {}: {paid} of {sku} in {region}", period.month);
            found.quantities.push(much);
        }
    }
    // In the order in which they were charged: the month itself, then the rounds of late usage.
    let mut rounds: BTreeMap<(bool, i32), Vec<Priced>> = BTreeMap::new();
    for Kept {
        period: with,
        revision,
        priced,
        ..
    } in kept
    {
        let is_late = with != period.id;
        let round = rounds.entry((is_late, if is_late { revision } else { 0 }));
        round.or_default().push(priced);
    }
    let mut position = start;
    for ((is_late, _), kept) in rounds {
        let kept = sum(kept);
        let charges: Vec<Charge> = kept.iter().map(|one| one.charge.clone()).collect();
        let usage = uncovered(rows_of(&charges), &[]).usage;
        let wanted = if is_late {
            late(&book, position.clone(), usage)?
        } else {
            charges_of(rate(&book, basis.terms.allowance(), usage)?)
        };
        position = position.after(&charges);
        for (day, wrong) in differences(kept, wanted) {
            found
                .amounts
                .push(format!("{account} {day}: {} charges differ", wrong.len()));
        }
    }
    Ok(())
}

/// The usage that charges were made of.
fn rows_of(charges: &[Charge]) -> Vec<UsageRow> {
    let row = |charge: &Charge| UsageRow {
        hour: charge.hour,
        region: charge.rate.region.clone(),
        sku: charge.rate.sku,
        resource: charge.resource.clone(),
        coverable: true,
        quantity: charge.quantity,
    };
    charges.iter().map(row).collect()
}
