//! "Exactly once" for the bill, with real kills: a real installation under load, services killed with `kill -9` again and again, and at
//! the end the bill of what ran.
//!
//! What must be counted is decided by four witnesses, none of which is the platform's word on usage:
//! - callers, who write down every answer, each with the function's own proof that it ran for this very request;
//! - the ledger of events (`crate::ledger`): every event's outcomes;
//! - the executors' spool files, read by eyes of our own (`crate::spools`) after every kill and before the restart: which
//!   runs began on an executor, and which it lived to write the end of;
//! - the clients' count of requests that were sent and not answered.
//!
//! The rule: **a synchronous run counts if its executor lived to write its end; an event's run counts if its outcome is
//! the one that was written of its attempt.** So
//! `answered <= counted <= begun`: every answered call has one end and only one; ends beyond the answered ones are no more than the
//! calls without an answer (the executor was killed behind the write); no end is without its start.
//!
//! Then, to the unit: the hours in Postgres hold as many requests and MB·ms of each function as these runs; the draft of the invoice is
//! what the rater makes of these runs alone; and `tollgate ledger verify` finds every invariant to hold, with every boot's books
//! closed.

mod account;
mod kill;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use domain::price::Book;
use http::Method;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::bench::Bench;
use crate::calls::{Caller, Calls};
use crate::events::{EventSender, Works};
use crate::figures::per;
use crate::installation::{FUNCTION, Installation, Part};
use crate::ledger::Ledger;
use crate::open_loop::{self, Schedule};
use crate::report::{Measured, Row};
use crate::rig::Rig;
use crate::spools::Spools;
use crate::witness::Work;
use account::Counted;
use kill::{EXECUTORS, Kill};

/// Large, so that the bill is worth comparing.
const MEMORY_MB: u32 = 3_008;
const ENVIRONMENTS: u32 = 48;
const CONNECTIONS: usize = 48;
/// Until every event has its end, and until all usage has arrived.
const ENDS_TIME_MAX: Duration = Duration::from_mins(6);
const USAGE_TIME_MAX: Duration = Duration::from_mins(2);

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let rounds = bench.sized(50, 4);
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    for part in [EXECUTORS[0], EXECUTORS[1], Part::Queue(0), Part::Billing] {
        rig.installation.add(part).await?;
    }
    let account = account_without_free_tier(&rig.installation).await?;
    retry(&rig.installation, bench.sized(1, 0)).await?;
    let ledger = rig.ledger("events between kills")?;
    let mut spools = Spools::default();
    let calls = load_and_kills(bench, &mut rig.installation, &ledger, &mut spools, rounds).await?;
    rig.installation.must_run()?;
    let mut measured = Measured::default();
    for checked in rig.check(&[ledger], ENDS_TIME_MAX).await? {
        measured.ledgers.push(checked.verdict);
    }
    close_books(&mut rig.installation, &mut spools).await?;
    let subject = format!("{rounds} kills, seed {}", bench.seed);
    let rows = compare(bench, &rig, (&account, &subject), &spools, &calls).await?;
    measured.rows.extend(rows);
    Ok(measured)
}

/// The number of the load's account. What is free would not show on its bill.
async fn account_without_free_tier(installation: &Installation) -> Result<String> {
    let path = format!("/2015-03-31/functions/{FUNCTION}/configuration");
    let function = installation
        .door
        .call(Method::GET, &path, &Value::Null, 200)
        .await?;
    let arn = function["FunctionArn"].as_str().context("no ARN")?;
    let account = arn.split(':').nth(4).context("no account in an ARN")?;
    let words = ["accounts", "terms", account, "--no-free-tier"];
    installation.command(&words).await?;
    Ok(account.to_owned())
}

/// How often an event is run again whose function failed: a minute later, for the first time.
async fn retry(installation: &Installation, times: u32) -> Result<()> {
    let path = format!("/2019-09-25/functions/{FUNCTION}/event-invoke-config");
    let config = json!({ "MaximumRetryAttempts": times });
    let door = &installation.door;
    door.call(Method::PUT, &path, &config, 200).await?;
    Ok(())
}

/// Mostly short; some run long enough to be met by a kill; a few fail, which is charged too.
fn works(seed: u64) -> Works {
    Arc::new(move |number| {
        let draw = (seed ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let (kind, size) = (draw % 20, draw / 20 % 1_000);
        Work {
            number,
            ms: if kind < 8 { size } else { size / 50 },
            fail: kind == 19,
            say: false,
        }
    })
}

async fn load_and_kills(
    bench: &Bench,
    installation: &mut Installation,
    ledger: &Ledger,
    spools: &mut Spools,
    rounds: u32,
) -> Result<Calls> {
    let (door, stop) = (installation.door.clone(), Arc::<AtomicBool>::default());
    let schedule = Schedule {
        per_second: bench.sized(50.0, 15.0),
        time: Duration::from_hours(1),
    };
    let senders = EventSender::several(CONNECTIONS, &door, ledger, &works(bench.seed))?;
    let (callers, calls) = Caller::several(CONNECTIONS, &door, &works(!bench.seed));
    let events = open_loop::run(schedule, bench.chance("events"), senders, Arc::clone(&stop));
    let called = open_loop::run(schedule, bench.chance("calls"), callers, Arc::clone(&stop));
    let kills = async {
        let result = kill_often(bench, installation, spools, rounds).await;
        stop.store(true, Ordering::Relaxed);
        result
    };
    let (events, called, kills) = tokio::join!(events, called, kills);
    kills?;
    events?;
    called?;
    let calls = std::mem::take(&mut *calls.lock());
    Ok(calls)
}

async fn kill_often(
    bench: &Bench,
    installation: &mut Installation,
    spools: &mut Spools,
    rounds: u32,
) -> Result<()> {
    let mut chance = bench.chance("kills");
    for round in 1..=rounds {
        let kill = Kill::draw(&mut chance);
        announce(&format!("{round}/{rounds}: {kill}"));
        tokio::time::sleep(kill.after).await;
        let made = kill.make(installation, spools).await;
        made.with_context(|| format!("round {round} ({kill}), seed {}", bench.seed))?;
        installation.must_run()?;
    }
    Ok(())
}

/// Stops the executors in order, reads their files for the last time, and starts them again, so that the books of all boots before are
/// closed; waits until Postgres has them all.
async fn close_books(installation: &mut Installation, spools: &mut Spools) -> Result<()> {
    for executor in EXECUTORS {
        installation.stop(executor)?;
        spools.read(&installation.data_dir(executor).join("spool"))?;
        installation.start_service(executor).await?;
    }
    let boots: HashSet<(Uuid, i64)> = spools.boots().collect();
    let postgres = installation.postgres.connect().await?;
    let deadline = Instant::now() + USAGE_TIME_MAX;
    loop {
        let closed = closed_boots(&postgres).await?;
        let open = boots.difference(&closed).count();
        if open == 0 {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "the books of {open} of {} boots are not closed after {USAGE_TIME_MAX:?}",
            boots.len()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn closed_boots(postgres: &Client) -> Result<HashSet<(Uuid, i64)>> {
    let query = "SELECT executor_id, boot_epoch FROM billing.usage_batch WHERE closes_epoch";
    let rows = postgres.query(query, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

async fn compare(
    bench: &Bench,
    rig: &Rig,
    (account, subject): (&str, &str),
    spools: &Spools,
    calls: &Calls,
) -> Result<Vec<Row>> {
    let installation = &rig.installation;
    let (facts, ended) = (installation.facts().await?, spools.ended()?);
    let counted = Counted::of(&ended, calls, &rig.witness, &facts).await?;
    ensure!(ended.len() <= spools.begun(), "more ends than begins");
    ensure!(counted.calls > 0 && counted.events > 0, "nothing ran");
    let postgres = installation.postgres.connect().await?;
    let (requests, mb_ms) = counted.usage_difference(&postgres).await?;
    let book = std::fs::read_to_string(bench.repository.join("data/price-book.csv"))?;
    let book = Book::parse(&book)?;
    let bill = counted.bill_difference(installation, account, &book);
    let (cents, billed_cents) = bill.await?;
    // Ends with a failure where an invariant does not hold.
    installation.command(&["ledger", "verify"]).await?;
    ensure!(
        (requests, mb_ms, cents) == (0, 0, 0),
        "the hours are off by {requests} requests and {mb_ms} MB·ms, the bill by {cents} cents"
    );
    let answered = calls.answered.len();
    let beside = format!(
        "{} runs of events and {} of calls: {answered} answered, {} written and killed before the answer; {} begun in all; {} calls \
         without an answer",
        counted.events,
        counted.calls,
        counted.cut_off,
        spools.begun(),
        calls.unanswered
    );
    let executions = per(counted.calls + counted.events, 1.0);
    let zero = |difference: i128| per(u64::try_from(difference).unwrap_or(u64::MAX), 1.0);
    Ok(vec![
        Row::at_most(
            subject,
            "difference between hours and runs, MB·ms",
            zero(mb_ms),
            0.0,
            format!("{} MB·ms, {requests} requests off", counted.mb_ms()),
        ),
        Row::at_most(
            subject,
            "difference between bill and runs, cents",
            zero(cents),
            0.0,
            format!(
                "{billed_cents} cents on the draft; `tollgate ledger verify`: all invariants hold"
            ),
        ),
        Row::noted(subject, "executions counted", executions, beside),
    ])
}

#[expect(clippy::print_stderr, reason = "for the person at the terminal")]
fn announce(line: &str) {
    eprintln!("{line}");
}
