//! One look at what is due.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use chassis::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use domain::AccountId;
use domain::bill::Month;
use domain::bill::close::{CLOSED_AFTER, Reporters};
use futures::StreamExt;
use store::Store;
use store::accrual::{Accrued, Look};
use store::billing_terms::Books;
use store::invoices::NotClosed;
use store::lead::Lead;
use store::ledger::BillingError;
use store::periods::OpenMonth;
use tokio_util::sync::CancellationToken;

use crate::measures::Measures;
use crate::turns::{Turn, Turns};

/// Charges are looked through this often even when no day has become complete: usage may have come late.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(1);

/// How often what was posted is sealed.
const SEAL_EVERY: TimeDelta = TimeDelta::minutes(10);

/// Late usage is looked for in months that began this long ago at most; in older ones when the next month is closed.
const LATE_WITHIN: TimeDelta = TimeDelta::days(100);

/// Customers that are worked on at once.
const AT_ONCE: usize = 8;

/// The platform's clock went further than the host's by more than this: somebody moved it, or the host slept.
const JUMP: TimeDelta = TimeDelta::minutes(1);

/// What the last look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) leads: bool,
    /// Charges of all days before are kept.
    pub(crate) accrued_until: Option<DateTime<Utc>>,
    /// Months that wait for executors to report.
    pub(crate) waiting: usize,
    pub(crate) failed: bool,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.leads {
            return f.write_str("stands by");
        }
        match self.accrued_until {
            Some(until) => write!(f, "charged until {}", until.format("%Y-%m-%d"))?,
            None => f.write_str("nothing charged yet")?,
        }
        if self.waiting > 0 {
            write!(f, ", {} months wait for executors to report", self.waiting)?;
        }
        if self.failed {
            f.write_str(", the last look failed")?;
        }
        Ok(())
    }
}

/// What became of a month that may be due.
enum Step {
    Done,
    Waits,
    Failed(AccountId),
}

/// What is remembered from look to look: all of it can be forgotten.
pub(crate) struct Rounds {
    store: Store,
    clock: Clock,
    drain: CancellationToken,
    measures: Measures,
    lead: Option<Lead>,
    /// The last look through all charges: at what time, and up to when days were complete.
    looked: Option<(DateTime<Utc>, DateTime<Utc>)>,
    sealed_at: Option<DateTime<Utc>>,
    /// No month is closed for so long after the start and after a jump of the clock: executors that were away as well say first what
    /// they have.
    settling: Duration,
    settling_since: Instant,
    last_look: (Instant, DateTime<Utc>),
}

impl Rounds {
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        settling: Duration,
        drain: CancellationToken,
    ) -> Self {
        let last_look = (Instant::now(), clock.now());
        Self {
            store,
            clock,
            drain,
            measures: Measures::new(),
            lead: None,
            looked: None,
            sealed_at: None,
            settling,
            settling_since: Instant::now(),
            last_look,
        }
    }

    /// Does what is due. What fails is logged and tried again at the next look.
    pub(crate) async fn round(&mut self) -> Status {
        match self.work().await {
            Ok(status) => status,
            Err(error) => {
                self.measures.failures.increment(1);
                tracing::warn!(%error, "billing: not done, and tried again");
                Status {
                    leads: self.lead.is_some(),
                    accrued_until: self.looked.map(|(_, until)| until),
                    failed: true,
                    ..Status::default()
                }
            }
        }
    }

    async fn work(&mut self) -> Result<Status, BillingError> {
        if !self.leads().await? {
            self.looked = None;
            return Ok(Status::default());
        }
        let (now, reporters) = (self.clock.now(), self.store.reporters().await?);
        if let Some(watermark) = reporters.watermark() {
            let behind = (now - watermark).num_seconds().max(0);
            self.measures
                .watermark_age
                .set(f64::from(u32::try_from(behind).unwrap_or(u32::MAX)));
        }
        let failed = self.accrue(&reporters, now).await?;
        let (waiting, also_failed) = if self.is_settled(now) {
            self.close(now).await?
        } else {
            (0, false)
        };
        self.seal(now).await?;
        Ok(Status {
            leads: true,
            accrued_until: self.looked.map(|(_, until)| until),
            waiting,
            failed: failed || also_failed,
        })
    }

    /// Whether executors have had the time to report, since the start and since the clock last jumped.
    fn is_settled(&mut self, now: DateTime<Utc>) -> bool {
        let (then, at) = std::mem::replace(&mut self.last_look, (Instant::now(), now));
        let passed = TimeDelta::from_std(then.elapsed()).unwrap_or(TimeDelta::MAX);
        if now - at - passed > JUMP {
            self.settling_since = Instant::now();
        }
        self.settling_since.elapsed() >= self.settling
    }

    async fn leads(&mut self) -> Result<bool, BillingError> {
        let holds = match &mut self.lead {
            Some(lead) => lead.holds().await,
            None => false,
        };
        if !holds {
            // An old lead is given up before a new one is asked for.
            self.lead = None;
            self.lead = self.store.lead_billing().await?;
        }
        Ok(self.lead.is_some())
    }

    /// Keeps charges where a day has become complete, or where it was not looked for an hour. Says whether any customer's failed.
    async fn accrue(
        &mut self,
        reporters: &Reporters,
        now: DateTime<Utc>,
    ) -> Result<bool, BillingError> {
        let complete = reporters.complete_until(now);
        let look = Look {
            complete_until: complete,
            // The others are closed in this round or one of the next ones: all at once then, instead of a first time now.
            open_since: reporters.due(now).next(),
            late_since: Month::of(now - LATE_WITHIN),
            now,
        };
        let due = self
            .looked
            .is_none_or(|(at, until)| complete > until || now - at >= LOOK_EVERY || now < at);
        if !due {
            return Ok(false);
        }
        self.store.ensure_periods(now).await?;
        let open = self.store.open_months(Month::of(now)).await?;
        let accounts: BTreeSet<AccountId> = open.iter().map(|one| one.account).collect();
        let books = Books::default();
        let steps =
            futures::stream::iter(accounts).map(|account| self.accrue_one(account, &look, &books));
        let done: Vec<_> = steps.buffer_unordered(AT_ONCE).collect().await;
        let mut failed = false;
        for (account, accrued) in done.into_iter().flatten() {
            match accrued {
                Ok(accrued) => {
                    self.measures.charges.increment(accrued.charges as u64);
                    self.measures.journals.increment(accrued.journals as u64);
                }
                Err(error) => {
                    failed = true;
                    self.measures.failures.increment(1);
                    tracing::error!(%account, %error, "billing: charges not kept");
                }
            }
        }
        if !failed && !self.drain.is_cancelled() {
            self.looked = Some((now, complete));
        }
        Ok(failed)
    }

    async fn accrue_one(
        &self,
        account: AccountId,
        look: &Look,
        books: &Books,
    ) -> Option<(AccountId, Result<Accrued, BillingError>)> {
        if self.drain.is_cancelled() {
            return None;
        }
        let accrued = self.store.accrue(account, look, books);
        Some((account, accrued.await))
    }

    /// Closes what may be closed. Says how many months wait for executors, and whether any failed.
    ///
    /// Month by month, and in each the customers in the order of their ids, side by side but for the numbers of their invoices:
    /// whoever bills all of it again gives the same ones.
    async fn close(&self, now: DateTime<Utc>) -> Result<(usize, bool), BillingError> {
        let last = Month::of(now - CLOSED_AFTER).previous();
        let open = self.store.open_months(last).await?;
        let books = &Books::default();
        let (mut waiting, mut failed) = (0, BTreeSet::new());
        for month in open.chunk_by(|one, other| one.month == other.month) {
            let month: Vec<OpenMonth> = month
                .iter()
                .filter(|one| !failed.contains(&one.account))
                .copied()
                .collect();
            let turns = &Turns::default();
            let steps = futures::stream::iter(month.into_iter().enumerate())
                .map(|(place, one)| self.close_one(one, now, books, turns.at(place)));
            let done: Vec<Step> = steps.buffer_unordered(AT_ONCE).collect().await;
            for step in done {
                match step {
                    Step::Done => {}
                    Step::Waits => waiting += 1,
                    Step::Failed(account) => {
                        failed.insert(account);
                    }
                }
            }
        }
        Ok((waiting, !failed.is_empty()))
    }

    async fn close_one(
        &self,
        one: OpenMonth,
        now: DateTime<Utc>,
        books: &Books,
        turn: Turn<'_>,
    ) -> Step {
        let OpenMonth { account, month } = one;
        if self.drain.is_cancelled() {
            return Step::Done;
        }
        let (store, comes) = (&self.store, turn.comes());
        let closed = store.close_month_in_turn(account, month, now, books, comes);
        match closed.await {
            Ok(Ok(closed)) => {
                self.measures.months.increment(1);
                self.measures
                    .invoices
                    .increment(closed.invoices.len() as u64);
                let invoices = closed.invoices.join(", ");
                tracing::info!(%account, %month, invoices, "month closed");
                for missing in closed.missing {
                    tracing::warn!(%account, %month, executor = %missing.executor, "closed without all of its usage");
                }
                Step::Done
            }
            // Another was faster.
            Ok(Err(NotClosed::Already)) => Step::Done,
            Ok(Err(_)) => Step::Waits,
            Err(error) => {
                self.measures.failures.increment(1);
                tracing::error!(%account, %month, %error, "billing: month not closed");
                Step::Failed(account)
            }
        }
    }

    /// Seals what was posted since, and says the new head where others keep it: in the log.
    async fn seal(&mut self, now: DateTime<Utc>) -> Result<(), BillingError> {
        let due = self
            .sealed_at
            .is_none_or(|at| now - at >= SEAL_EVERY || now < at);
        if !due {
            return Ok(());
        }
        while let Some(sealed) = self.store.seal_ledger(now).await? {
            self.measures.seals.increment(1);
            let hash = hex::encode(&sealed.head.hash);
            tracing::info!(
                seal = sealed.head.seal_no,
                hash,
                journals = sealed.journals,
                "ledger sealed"
            );
            if !sealed.more {
                break;
            }
        }
        self.sealed_at = Some(now);
        Ok(())
    }
}
