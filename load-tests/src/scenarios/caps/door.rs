//! The same through the front door: two gateways, an executor, a function under a cap, and clients that call as fast as they are
//! answered until they are refused. Gateways are killed meanwhile. What the executor metered is then rated by the shipped price
//! list.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use chassis::Clock;
use domain::bill::cap::spent_e10;
use domain::bill::{Month, UsageRow};
use domain::price::{Book, Sku};
use domain::{AccountId, FunctionArn};
use http::Method;
use rand::Rng as _;
use serde_json::Value;
use store::caps::CapMonth;
use store::{Role, Store, Vault};
use tokio::task::JoinSet;

use super::{USD, percent, usd};
use crate::api::{Door, Function};
use crate::bench::Bench;
use crate::client::{Answer, Connection};
use crate::figures::per;
use crate::installation::{FUNCTION, Installation, Part};
use crate::report::Row;
use crate::witness::{Witness, Work};

const RUNS_MS: u64 = 20;
const GATEWAYS: [Part; 2] = [Part::Gateway, Part::SecondGateway];
/// Shares of the limit at which a gateway is killed, in percent.
const KILLS_AT_PERCENT: [i64; 2] = [30, 60];
const LOOKS_EVERY: Duration = Duration::from_millis(50);
/// A client that found nobody, or was refused, tries again after so long.
const TRIES_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// So long after it was refused for the first time, a client that is refused goes.
const GIVES_UP_AFTER: Duration = Duration::from_secs(5);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// A signature is good for five minutes.
const SIGNED_FOR: Duration = Duration::from_mins(2);
const TIME_MAX: Duration = Duration::from_mins(8);
/// Nothing more is metered when nothing was for so long.
const METERED_AFTER: Duration = Duration::from_secs(4);

/// What clients were answered.
#[derive(Debug, Default)]
struct Tally {
    answered: u64,
    /// For want of what is left under the cap.
    refused: u64,
    /// Calls whose gateway or executor was gone.
    gone: u64,
}

/// The function and its cap.
struct Capped {
    account: AccountId,
    arn: String,
    limit_e10: i64,
    month: Month,
    store: Store,
}

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let (limit_e10, clients) = bench.sized((USD / 100, 32), (USD / 800, 6));
    let witness = Witness::build(&bench.repository, &bench.work).await?;
    let mut installation = Installation::start(bench, None).await?;
    let capped = deploy(&installation, &witness, limit_e10).await?;
    installation.add(Part::SecondGateway).await?;
    installation.add(Part::Executor(0)).await?;
    installation.settled().await;
    let second = installation.second_door.clone();
    let doors = [
        installation.door.clone(),
        second.context("a second gateway")?,
    ];
    let mut calling = JoinSet::new();
    for (_, door) in (0..clients).zip(doors.iter().cycle()) {
        calling.spawn(client(door.clone()));
    }
    let started = Instant::now();
    let victims = kill_gateways(bench, &mut installation, &capped).await?;
    let mut tally = Tally::default();
    while let Some(one) = calling.join_next().await {
        let one = one??;
        tally.answered += one.answered;
        tally.refused += one.refused;
        tally.gone += one.gone;
    }
    let took = started.elapsed();
    installation.must_run()?;
    let usage = metered(&capped, tally.answered).await?;
    let taken = cap_month(&capped).await?;
    let row = check(&capped, &tally, &usage, &taken)?;
    ensure!(
        Month::of(Clock::system().now()) == capped.month,
        "the month came to its end meanwhile: run it again"
    );
    capped.store.close().await;
    installation.sound();
    Ok(rows(&capped, &tally, row, &victims, took))
}

/// Creates the function, and its cap before it is called for the first time.
async fn deploy(installation: &Installation, witness: &Witness, limit_e10: i64) -> Result<Capped> {
    let door = &installation.door;
    let function = Function {
        name: FUNCTION,
        runtime: "provided.al2023",
        handler: "bootstrap",
        zip: &witness.zip,
        memory_mb: 128,
        timeout_s: 3,
    };
    door.create(&function, &[("SECRET", witness.secret.as_str())])
        .await?;
    let path = format!("/2015-03-31/functions/{FUNCTION}/configuration");
    let told = door.call(Method::GET, &path, &Value::Null, 200).await?;
    let arn = told["FunctionArn"].as_str().context("no ARN")?.to_owned();
    let account = arn.parse::<FunctionArn>()?.account;
    let limit = format!("{}.{:010}", limit_e10 / USD, limit_e10 % USD);
    let of = ["--account", &account.to_string(), "--function", FUNCTION];
    let words = [&["caps", "set", "--limit", &limit][..], &of[..]].concat();
    installation.command(&words).await?;
    let url = installation.postgres.url();
    let store = Store::connect(&url, Role::Owner, 2, Vault::new(&[1; 32])).await?;
    let month = Month::of(Clock::system().now());
    Ok(Capped {
        account,
        arn,
        limit_e10,
        month,
        store,
    })
}

async fn cap_month(capped: &Capped) -> Result<CapMonth> {
    let months = capped.store.cap_months(Some(capped.account), capped.month);
    let (_, month) = months.await?.pop().context("no cap")?;
    let taken_e10 = month.held_e10 + month.settled_e10;
    ensure!(
        taken_e10 <= capped.limit_e10,
        "more is held and settled than the limit: {month:?}"
    );
    Ok(month)
}

/// Kills a gateway, by chance, at each of the shares of the limit, and starts it again.
async fn kill_gateways(
    bench: &Bench,
    installation: &mut Installation,
    capped: &Capped,
) -> Result<Vec<Part>> {
    let mut chance = bench.chance("caps door");
    let deadline = Instant::now() + TIME_MAX;
    let mut victims = Vec::new();
    for share in KILLS_AT_PERCENT {
        loop {
            let month = cap_month(capped).await?;
            if (month.held_e10 + month.settled_e10) * 100 >= capped.limit_e10 * share {
                break;
            }
            ensure!(Instant::now() < deadline, "{share} % not spent: {month:?}");
            tokio::time::sleep(LOOKS_EVERY).await;
        }
        let victim = GATEWAYS[chance.random_range(0..GATEWAYS.len())];
        installation.kill(victim)?;
        installation.start_service(victim).await?;
        victims.push(victim);
    }
    Ok(victims)
}

/// Calls until it gives up.
async fn client(door: Door) -> Result<Tally> {
    let work = Work {
        ms: RUNS_MS,
        ..Work::default()
    };
    let payload: Bytes = work.payload();
    let deadline = Instant::now() + TIME_MAX;
    let mut shot = door.invoke(FUNCTION, &payload)?;
    let mut signed_at = Instant::now();
    let mut connection = None;
    let mut tally = Tally::default();
    let mut refused_at = None;
    while Instant::now() < deadline {
        if signed_at.elapsed() > SIGNED_FOR {
            (shot, signed_at) = (door.invoke(FUNCTION, &payload)?, Instant::now());
        }
        if connection.is_none() {
            connection = Connection::open(&door.address).await.ok();
        }
        let Some(mut open) = connection.take() else {
            tokio::time::sleep(TRIES_AGAIN_AFTER).await;
            continue;
        };
        let Ok(answer) = tokio::time::timeout(ANSWER_TIME_MAX, open.send(&shot)).await? else {
            tally.gone += 1;
            continue;
        };
        connection = Some(open);
        match answer.status {
            200 => tally.answered += 1,
            429 => {
                must_be_the_caps(&answer)?;
                tally.refused += 1;
                let since = *refused_at.get_or_insert_with(Instant::now);
                if since.elapsed() > GIVES_UP_AFTER {
                    return Ok(tally);
                }
                tokio::time::sleep(TRIES_AGAIN_AFTER).await;
            }
            500.. => tally.gone += 1,
            status => bail!("answered {status}: {:?}", answer.body),
        }
    }
    bail!("not refused within {TIME_MAX:?}: {tally:?}")
}

fn must_be_the_caps(answer: &Answer) -> Result<()> {
    let body: Value = serde_json::from_slice(&answer.body)?;
    ensure!(
        body["Reason"] == "SpendCapExceeded",
        "refused for another reason: {body}"
    );
    Ok(())
}

/// The function's usage, when all of it has arrived.
async fn metered(capped: &Capped, answered: u64) -> Result<Vec<UsageRow>> {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut usage: Vec<UsageRow> = Vec::new();
    let mut since = Instant::now();
    loop {
        let now = capped.store.month_usage(capped.account, capped.month);
        let mut now = now.await?;
        now.retain(|row| row.resource == capped.arn);
        if now != usage {
            (usage, since) = (now, Instant::now());
        }
        if requests(&usage) >= i128::from(answered) && since.elapsed() > METERED_AFTER {
            return Ok(usage);
        }
        ensure!(
            Instant::now() < deadline,
            "{answered} calls were answered and this was metered: {usage:?}"
        );
        tokio::time::sleep(LOOKS_EVERY).await;
    }
}

fn requests(usage: &[UsageRow]) -> i128 {
    let requests = usage.iter().filter(|row| row.sku == Sku::Requests);
    requests.map(|row| row.quantity).sum()
}

/// What was metered costs, rounded up; it must be within what the cap knows of.
fn check(capped: &Capped, tally: &Tally, usage: &[UsageRow], taken: &CapMonth) -> Result<i64> {
    let book = Book::parse(store::prices::SHIPPED)?;
    let bill_e10 = spent_e10(&book, usage, taken.cap.currency).context("out of range")?;
    ensure!(
        bill_e10 <= capped.limit_e10,
        "overshoot: {bill_e10} were metered of {}",
        capped.limit_e10
    );
    ensure!(
        bill_e10 <= taken.held_e10 + taken.settled_e10,
        "{bill_e10} were metered, more than the cap knows of: {taken:?}"
    );
    ensure!(tally.refused > 0, "nobody was refused: {tally:?}");
    Ok(bill_e10)
}

fn rows(
    capped: &Capped,
    tally: &Tally,
    bill_e10: i64,
    victims: &[Part],
    took: Duration,
) -> Vec<Row> {
    let subject = format!(
        "{} USD through two gateways, {} kills",
        usd(capped.limit_e10),
        victims.len()
    );
    let overshoot = Row::at_most(
        &subject,
        "what was metered over the limit, USD",
        usd((bill_e10 - capped.limit_e10).max(0)),
        0.0,
        format!("{} USD by the shipped price list", usd(bill_e10)),
    );
    let used = Row::noted(
        &subject,
        "metered, % of the limit",
        percent(bill_e10, capped.limit_e10),
        format!("killed: {victims:?}"),
    );
    let calls = Row::noted(
        &subject,
        "calls answered",
        per(tally.answered, 1.0),
        format!(
            "in {:.0} s; {} refused, each for SpendCapExceeded; {} found their gateway gone",
            took.as_secs_f64(),
            tally.refused,
            tally.gone
        ),
    );
    vec![overshoot, used, calls]
}
