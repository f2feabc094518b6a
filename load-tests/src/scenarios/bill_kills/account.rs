//! The account of the runs: what must be in the hours and on the bill by the executors' own files, and what is there.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use domain::bill::{Money, Month, UsageRow, rate};
use domain::price::book::hour_of;
use domain::price::{Book, Currency, FreeTier, Sku};
use domain::{Architecture, Region};
use serde::Deserialize;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::calls::Calls;
use crate::installation::Installation;
use crate::ledger::Facts;
use crate::spools::Run;
use crate::witness::Witness;

/// Where a quantity is booked: function and SKU.
type Place = (String, &'static str);

/// The runs that must be counted.
pub(super) struct Counted<'a> {
    runs: Vec<(&'a Run, i64)>,
    pub(super) calls: u64,
    pub(super) events: u64,
    /// Of the calls, those that nobody was answered for: their executor was killed behind the end.
    pub(super) cut_off: u64,
}

impl<'a> Counted<'a> {
    /// Every call whose end was written, and of the events' runs those that an outcome was written of. An error where a caller was
    /// answered for a run that is not among them, where a call is twice, or where more have run than were sent.
    pub(super) async fn of(
        ended: &[&'a Run],
        calls: &Calls,
        witness: &Witness,
        facts: &Facts,
    ) -> Result<Self> {
        let mut runs = Vec::new();
        let mut by_id: HashMap<Uuid, &Run> = HashMap::new();
        for run in ended.iter().filter(|run| !run.is_event()) {
            let before = by_id.insert(run.request, run);
            ensure!(before.is_none(), "the call {} was run twice", run.request);
            runs.push((*run, run.booked_us));
        }
        let mut answered = HashSet::new();
        for call in &calls.answered {
            ensure!(
                by_id.contains_key(&call.id),
                "the call {} was answered, and no executor has written its end",
                call.id
            );
            ensure!(
                call.failed || witness.verify(call.id, call.number, &call.body).is_some(),
                "the call {} was answered by no run of its own",
                call.id
            );
            ensure!(answered.insert(call.id), "{} was answered twice", call.id);
        }
        let (calls_ended, answered) = (by_id.len() as u64, answered.len() as u64);
        let cut_off = calls_ended - answered;
        ensure!(
            cut_off <= calls.unanswered,
            "{cut_off} calls ran and were not answered, of {} that were not answered",
            calls.unanswered
        );
        let events = settled(ended, facts).await?;
        let count = events.len() as u64;
        runs.extend(events);
        Ok(Self {
            runs,
            calls: calls_ended,
            events: count,
            cut_off,
        })
    }

    fn parts(&self) -> impl Iterator<Item = (&'a Run, i64, Sku, i128)> {
        self.runs.iter().flat_map(|(run, at_us)| {
            let architecture = if run.arm {
                Architecture::Arm64
            } else {
                Architecture::X86_64
            };
            [
                (*run, *at_us, Sku::Requests, 1),
                (*run, *at_us, Sku::Duration(architecture), run.mb_ms()),
            ]
        })
    }

    /// MB·ms of all together.
    pub(super) fn mb_ms(&self) -> i128 {
        self.runs.iter().map(|(run, _)| run.mb_ms()).sum()
    }

    /// How far the hours are off, function by function: requests and MB·ms.
    pub(super) async fn usage_difference(&self, postgres: &Client) -> Result<(i128, i128)> {
        let mut apart: BTreeMap<Place, i128> = BTreeMap::new();
        for (run, _, sku, quantity) in self.parts() {
            *apart
                .entry((run.function_arn.clone(), sku.as_str()))
                .or_default() += quantity;
        }
        let query = "SELECT resource, sku, sum(qty)::text FROM billing.usage_hour GROUP BY 1, 2";
        for row in postgres.query(query, &[]).await? {
            let sku: Sku = row.get::<_, &str>(1).parse()?;
            let quantity: i128 = row.get::<_, &str>(2).parse()?;
            *apart.entry((row.get(0), sku.as_str())).or_default() -= quantity;
        }
        let of = |requests: bool| {
            let all = apart
                .iter()
                .filter(|((_, sku), _)| (*sku == Sku::Requests.as_str()) == requests);
            all.map(|(_, apart)| apart.abs()).sum()
        };
        Ok((of(true), of(false)))
    }

    /// The bill of each month by the real rater, from nothing but the runs. The account must have no free tier.
    fn bills(&self, book: &Book) -> Result<BTreeMap<(Month, Currency), i128>> {
        let mut hours: BTreeMap<(DateTime<Utc>, Region, Sku, String), i128> = BTreeMap::new();
        for (run, at_us, sku, quantity) in self.parts() {
            let at = DateTime::from_timestamp_micros(at_us).context("a time")?;
            let region = run.region.parse()?;
            let place = (hour_of(at), region, sku, run.function_arn.clone());
            *hours.entry(place).or_default() += quantity;
        }
        let mut months: BTreeMap<Month, Vec<UsageRow>> = BTreeMap::new();
        for ((hour, region, sku, resource), quantity) in hours {
            months.entry(Month::of(hour)).or_default().push(UsageRow {
                hour,
                region,
                sku,
                resource,
                coverable: true,
                quantity,
            });
        }
        let mut bills = BTreeMap::new();
        for (month, rows) in months {
            for statement in rate(book, FreeTier::none(), rows)?.statements {
                bills.insert((month, statement.currency), statement.subtotal().minor);
            }
        }
        Ok(bills)
    }

    /// How far the drafts of the account's invoices are off, and what they come to: both in cents.
    pub(super) async fn bill_difference(
        &self,
        installation: &Installation,
        account: &str,
        book: &Book,
    ) -> Result<(i128, i128)> {
        let mut apart = self.bills(book)?;
        let months: HashSet<Month> = apart.keys().map(|(month, _)| *month).collect();
        let mut total = 0;
        for month in months {
            let name = month.to_string();
            let words = [
                "billing",
                "draft",
                "--account",
                account,
                "--month",
                &name,
                "--json",
            ];
            let text = installation.command(&words).await?;
            for draft in serde_json::from_str::<Vec<Draft>>(&text)? {
                let currency: Currency = draft.currency.parse()?;
                let subtotal = Money::parse(&draft.subtotal, currency)?.minor;
                *apart.entry((month, currency)).or_default() -= subtotal;
                total += subtotal;
            }
        }
        Ok((apart.values().map(|apart| apart.abs()).sum(), total))
    }
}

/// What is read of the draft of an invoice.
#[derive(Debug, Deserialize)]
struct Draft {
    currency: String,
    subtotal: String,
}

/// The runs of events that an outcome was written of, with the time of their end. Another run of the same attempt, whose executor was
/// killed or which came too late, is charged nothing.
async fn settled<'a>(ended: &[&'a Run], facts: &Facts) -> Result<Vec<(&'a Run, i64)>> {
    let runs = ended.iter().filter(|run| run.is_event());
    let runs: HashMap<(Uuid, u32, i64), &Run> = runs
        .map(|run| ((run.request, run.attempt, run.ended_us), *run))
        .collect();
    let outcomes = facts.outcomes().await?;
    let ran = outcomes.iter().filter(|outcome| outcome.ran);
    ran.map(|outcome| {
        let attempt = u32::try_from(outcome.attempt)?;
        let run = runs.get(&(outcome.id, attempt, outcome.ended_us));
        let run = run.with_context(|| {
            format!(
                "attempt {attempt} of event {} has an outcome, and no executor has written its end",
                outcome.id
            )
        })?;
        Ok((*run, outcome.ended_us))
    })
    .collect()
}
