//! What must be in the database in the end, kept by those who know it from outside: the callers, and the chance that decided what
//! each crash left of the files. Nothing of the spool or of the metering code is used to add it up.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use chrono::DateTime;
use domain::bill::{Month, UsageRow, rate};
use domain::price::{Book, Currency, FreeTier, Sku};
use domain::usage::Place;
use domain::{AccountId, Architecture};

use super::super::StartRecord;

static BOOK: LazyLock<Book> = LazyLock::new(|| Book::parse(store::prices::SHIPPED).unwrap());

/// What an execution adds to the hours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Index of its function.
    pub(super) function: usize,
    /// Hours since 1970.
    pub(super) hour: i64,
    pub(super) billed_ms: u64,
    /// An event's: charged with its outcome, and so by nothing here.
    pub(super) event: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    requests: i128,
    billed_ms: i128,
}

/// Which executions must be counted, and what became of the others.
#[derive(Debug, Default)]
pub(super) struct Truth {
    used: HashMap<(usize, i64), Used>,
    /// Starts that are in the files for good.
    pub(super) started: i64,
    /// Ends that are in the files for good, and those of them that are an event's.
    pub(super) ended: i64,
    pub(super) events: i64,
}

impl Truth {
    /// An execution that must be counted.
    pub(super) fn count(&mut self, line: Line) {
        self.ended += 1;
        if line.event {
            self.events += 1;
            return;
        }
        let used = self.used.entry((line.function, line.hour)).or_default();
        used.requests += 1;
        used.billed_ms += i128::from(line.billed_ms);
    }

    /// The hours, as they must be.
    pub(super) fn sums(&self, functions: &[StartRecord]) -> BTreeMap<Place, i128> {
        let mut sums = BTreeMap::new();
        for ((function, hour), used) in &self.used {
            let function = &functions[*function];
            let duration = match function.architecture {
                Architecture::X86_64 => Sku::Duration(Architecture::X86_64),
                Architecture::Arm64 => Sku::Duration(Architecture::Arm64),
            };
            let ephemeral_mb = i128::from(function.ephemeral_mb) - 512;
            let parts = [
                (Sku::Requests, used.requests),
                (duration, used.billed_ms * i128::from(function.memory_mb)),
                (Sku::EphemeralStorage, used.billed_ms * ephemeral_mb.max(0)),
            ];
            for (sku, quantity) in parts.into_iter().filter(|(_, quantity)| *quantity > 0) {
                let place = Place {
                    account: function.account,
                    hour: DateTime::from_timestamp(hour * 3_600, 0).unwrap(),
                    region: function.region.clone(),
                    sku,
                    resource: function.function_arn.clone(),
                };
                *sums.entry(place).or_default() += quantity;
            }
        }
        sums
    }
}

/// How far apart two sides are: the sum of all differences, none of which makes up for another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) requests: i128,
    pub(super) mb_ms: i128,
    pub(super) cents: i128,
}

impl Difference {
    /// Place by place, and month by month of each account's bill.
    pub(super) fn between(are: &BTreeMap<Place, i128>, must_be: &BTreeMap<Place, i128>) -> Self {
        let mut found = Self::default();
        for (place, apart) in apart(are, must_be) {
            match place.sku {
                Sku::Requests => found.requests += apart,
                _ => found.mb_ms += apart,
            }
        }
        found.cents = apart(&bills(are), &bills(must_be))
            .map(|(_, apart)| apart)
            .sum();
        found
    }
}

/// Requests, MB·ms and cents.
pub(super) fn totals(sums: &BTreeMap<Place, i128>) -> (i128, i128, i128) {
    let requests = |place: &Place| place.sku == Sku::Requests;
    let of = |wanted: bool| {
        let all = sums.iter().filter(|(place, _)| requests(place) == wanted);
        all.map(|(_, quantity)| quantity).sum()
    };
    (of(true), of(false), bills(sums).values().sum())
}

fn apart<'a, K: Ord>(
    one: &'a BTreeMap<K, i128>,
    other: &'a BTreeMap<K, i128>,
) -> impl Iterator<Item = (&'a K, i128)> {
    let of = |side: &BTreeMap<K, i128>, key: &K| side.get(key).copied().unwrap_or_default();
    let here = one
        .keys()
        .map(move |key| (key, of(one, key) - of(other, key)));
    let there = other.keys().filter(|key| !one.contains_key(key));
    let all = here.chain(there.map(move |key| (key, of(other, key))));
    all.map(|(key, apart)| (key, apart.abs()))
}

/// What each account has to pay for each month, in minor units, by the real rater and the shipped price book.
fn bills(sums: &BTreeMap<Place, i128>) -> BTreeMap<(AccountId, Month, Currency), i128> {
    let mut months: BTreeMap<(AccountId, Month), Vec<UsageRow>> = BTreeMap::new();
    for (place, quantity) in sums {
        let month = months.entry((place.account, Month::of(place.hour)));
        month.or_default().push(UsageRow {
            hour: place.hour,
            region: place.region.clone(),
            sku: place.sku,
            resource: place.resource.clone(),
            coverable: true,
            quantity: *quantity,
        });
    }
    let mut bills = BTreeMap::new();
    for ((account, month), rows) in months {
        // Every second account has the free tier.
        let free = if account.number() % 2 == 0 {
            FreeTier::month()
        } else {
            FreeTier::none()
        };
        let rated = rate(&BOOK, free, rows).unwrap();
        assert_eq!(rated.unpriced, [], "the shipped book prices all of it");
        for statement in rated.statements {
            let subtotal = statement.subtotal().minor;
            bills.insert((account, month, statement.currency), subtotal);
        }
    }
    bills
}
