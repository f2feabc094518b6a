use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::Architecture;
use crate::bill::{Statement, rate};
use crate::price::FreeTier;

const X86: Sku = Sku::Duration(Architecture::X86_64);
const GB_S: i128 = 1_024_000;

fn book() -> Book {
    Book::parse(include_str!("../../../../../data/price-book.csv")).unwrap()
}

fn hour(day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 9, day, hour, 0, 0).unwrap()
}

fn row(at: DateTime<Utc>, sku: Sku, resource: &str, quantity: i128) -> UsageRow {
    UsageRow {
        hour: at,
        region: "us-east-1".parse().unwrap(),
        sku,
        resource: resource.to_owned(),
        coverable: true,
        quantity,
    }
}

fn priced(rows: &[UsageRow]) -> Vec<Priced> {
    charges(rate(&book(), FreeTier::month(), rows.to_vec()).unwrap())
}

fn total(charges: &[Priced]) -> i128 {
    charges.iter().map(|one| one.charge.amount_e10).sum()
}

/// Late usage of an open month takes the free tier from what came after it: both days change.
#[test]
fn a_late_arrival_moves_the_days_after_it() {
    let first = [row(hour(2, 0), Sku::Requests, "f", 1_500_000)];
    let kept = priced(&first);
    assert_eq!(total(&kept), 1_000_000_000);
    let mut more = first.to_vec();
    more.push(row(hour(1, 0), Sku::Requests, "f", 400_000));
    let days = differences(kept.clone(), priced(&more));
    let amounts: Vec<_> = days
        .iter()
        .map(|(day, charges)| (day.to_string(), total(charges)))
        .collect();
    assert_eq!(
        amounts,
        [
            ("2026-09-01".to_owned(), 0),
            ("2026-09-02".to_owned(), 800_000_000)
        ]
    );
    let after: Vec<Priced> = kept
        .into_iter()
        .chain(days.into_values().flatten())
        .collect();
    assert_eq!(sum(after), priced(&more));
}

#[test]
fn late_usage_of_a_closed_month_is_charged_behind_it() {
    let original = [row(hour(3, 0), X86, "f", 5_999_999_999 * GB_S)];
    let kept = rate(&book(), FreeTier::none(), original.to_vec()).unwrap();
    let charges: Vec<Charge> = kept
        .statements
        .iter()
        .flat_map(|s| s.charges.clone())
        .collect();
    let position = Position::start(FreeTier::none()).after(&charges);
    // An hour earlier than the original: still behind it in the tiers.
    let late = late(&book(), position, vec![row(hour(2, 0), X86, "f", 2 * GB_S)]).unwrap();
    let shown: Vec<_> = late
        .iter()
        .map(|one| (one.charge.rate.tier, one.charge.amount_e10))
        .collect();
    assert_eq!(shown, [(Some(0), 166_667), (Some(1), 150_000)]);
}

#[test]
fn what_no_charge_covers_is_found_and_the_other_way_round() {
    let rows = vec![
        row(hour(1, 0), Sku::Requests, "f", 10),
        row(hour(1, 1), Sku::Requests, "f", 5),
    ];
    let kept: Vec<Charge> = priced(&rows).into_iter().map(|one| one.charge).collect();
    assert_eq!(uncovered(rows.clone(), &kept), Uncovered::default());
    let changed = vec![
        row(hour(1, 0), Sku::Requests, "f", 12),
        row(hour(1, 1), Sku::Requests, "f", 4),
    ];
    let found = uncovered(changed, &kept);
    assert_eq!(found.usage, [row(hour(1, 0), Sku::Requests, "f", 2)]);
    assert_eq!(found.charged, [row(hour(1, 1), Sku::Requests, "f", 1)]);
}

#[test]
fn what_is_too_old_is_not_billed() {
    let now = hour(1, 0) + TimeDelta::days(34);
    assert!(may_bill_late(hour(1, 0), now));
    assert!(!may_bill_late(hour(1, 0), now + TimeDelta::seconds(1)));
}

fn any_rows() -> impl Strategy<Value = Vec<UsageRow>> {
    let one = (0_u32..72, 0_usize..3, 0_i128..3_000_000_000, 0_u8..2);
    let row = one.prop_map(|(at, sku, quantity, resource)| {
        let sku = [Sku::Requests, X86, Sku::EphemeralStorage][sku];
        let scale = if sku == Sku::Requests { 1 } else { GB_S };
        row(
            hour(1 + at / 24, at % 24),
            sku,
            &format!("f{resource}"),
            quantity * scale,
        )
    });
    proptest::collection::vec(row, 0..16)
}

proptest! {
    /// However usage trickles in, what is kept ends up as if it had all been there at once, and the journals with it.
    #[test]
    fn revisions_add_up_to_the_whole(rounds in proptest::collection::vec(any_rows(), 1..4)) {
        let (mut usage, mut kept): (Vec<UsageRow>, Vec<Priced>) = (Vec::new(), Vec::new());
        for round in rounds {
            usage.extend(round);
            let before = amounts(&kept);
            let days = differences(kept.clone(), priced(&merged(&usage)));
            let added: Vec<Priced> = days.into_values().flatten().collect();
            let mut journals = before;
            for (currency, amount) in amounts(&added) {
                *journals.entry(currency).or_default() += amount;
            }
            kept.extend(added);
            journals.retain(|_, amount| *amount != 0);
            prop_assert_eq!(journals, amounts(&kept));
            prop_assert_eq!(sum(kept.clone()), sum(priced(&merged(&usage))));
            // Nothing new: nothing to add.
            prop_assert!(differences(kept.clone(), priced(&merged(&usage))).is_empty());
        }
    }

    /// A closed month is what was charged, and what has come since is there before it is charged as it is afterwards.
    #[test]
    fn a_closed_month_is_what_was_charged(original in any_rows(), more in any_rows()) {
        let (book, allowance) = (book(), FreeTier::month());
        let kept = priced(&merged(&original));
        let same = charged(&book, allowance, kept.clone(), original.clone()).unwrap();
        prop_assert_eq!(charges(same), sum(kept.clone()));
        let usage: Vec<UsageRow> = original.into_iter().chain(more.clone()).collect();
        let before = charged(&book, allowance, kept.clone(), usage.clone()).unwrap();
        let position = Position::start(allowance).after(kept.iter().map(|one| &one.charge));
        let late = late(&book, position, merged(&more)).unwrap();
        let kept: Vec<Priced> = kept.into_iter().chain(late).collect();
        let after = charged(&book, allowance, kept, usage).unwrap();
        prop_assert_eq!(charges(before), charges(after));
    }

    /// `P(Q + late) − P(Q)`: late usage costs what the month would have cost more, whatever the rounds.
    #[test]
    fn late_rounds_cost_what_one_would(original in any_rows(), rounds in proptest::collection::vec(any_rows(), 1..4)) {
        let book = book();
        let rated = rate(&book, FreeTier::month(), original.clone()).unwrap();
        let of = |statements: &[Statement]| -> Vec<Charge> { statements.iter().flat_map(|s| s.charges.clone()).collect() };
        let first = of(&rated.statements);
        let start = Position::start(FreeTier::month()).after(&first);
        prop_assert_eq!(start.free, rated.free);
        let (mut position, mut quantities) = (start.clone(), Position::start(FreeTier::month()).after(&first));
        for round in rounds.clone() {
            let charged = late(&book, position.clone(), round).unwrap();
            position = position.after(charged.iter().map(|one| &one.charge));
            quantities = quantities.after(charged.iter().map(|one| &one.charge));
        }
        let at_once = late(&book, start.clone(), rounds.concat()).unwrap();
        let whole = start.after(at_once.iter().map(|one| &one.charge));
        prop_assert_eq!(&position.free, &whole.free);
        let paid = |position: &Position| -> Vec<_> { position.paid.iter().filter(|(_, q)| **q != 0).map(|(k, q)| (k.clone(), *q)).collect() };
        prop_assert_eq!(paid(&position), paid(&whole));
        prop_assert_eq!(quantities, position);
    }
}

/// As the database adds usage up: one row per place.
fn merged(rows: &[UsageRow]) -> Vec<UsageRow> {
    uncovered(rows.to_vec(), &[]).usage
}
