//! Hard caps: a million admissions and more under one limit, by processes that are killed in the middle of it.
//!
//! Three parts, each with a limit of its own, and each until nothing more is let run:
//!
//! - Processes of the product's own `dispatch::caps` ([`process`]) spend a limit, and are killed at seeded shares of it, half of
//!   them in its last tenth. What they let run is on record before it runs ([`record`]).
//! - The same with ten dollars and nobody killed: how much of them can be used.
//! - Two gateways, an executor and clients ([`door`]), with a gateway killed twice: what was metered is rated.
//!
//! All along, what ran costs no more than what is held and settled in the table, and that no more than the limit: looked at every
//! few milliseconds, and the program fails where it is not so.

mod call;
mod crowd;
mod door;
mod process;
mod record;
mod watch;

use anyhow::{Context as _, Result, ensure};
use chassis::Clock;
use domain::bill::Month;
use store::{Role, Store, Vault};
use tempfile::TempDir;

use crate::bench::Bench;
use crate::databases::Postgres;
use crate::figures::per;
use crate::platform::free_port;
use crate::report::{Measured, Row};
use crowd::{Load, Spent};

pub(crate) use process::run as cap_process;

/// 10⁻¹⁰ of a dollar in a dollar.
const USD: i64 = 10_000_000_000;

/// Of a limit, in percent, what calls can use where nobody is killed.
const USABLE_PERCENT: f64 = 99.0;

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    crowds(bench, &mut measured).await?;
    measured.rows.extend(door::measure(bench).await?);
    Ok(measured)
}

async fn crowds(bench: &Bench, measured: &mut Measured) -> Result<()> {
    let dir = TempDir::with_prefix("tollgate-load-")?;
    let address = format!("127.0.0.1:{}", free_port()?).parse()?;
    let postgres = Postgres::start(dir.path(), address, None).await?;
    let store = Store::connect(&postgres.url(), Role::Owner, 2, Vault::new(&[0; 32])).await?;
    store.migrate().await?;
    store.seed_prices().await?;
    // Far from the borders of a month: a run near one is held in both.
    let at = Month::of(Clock::system().now()).start() + chrono::TimeDelta::days(14);
    let killed = Load {
        account: domain::AccountId::new(1).context("an account")?,
        limit_e10: bench.sized(2 * USD, USD / 20),
        processes: 4,
        tasks: bench.sized(64, 8),
        kills: bench.sized(40, 8),
        at,
    };
    let quiet = Load {
        account: domain::AccountId::new(2).context("an account")?,
        limit_e10: bench.sized(10 * USD, USD / 8),
        tasks: bench.sized(256, 16),
        kills: 0,
        ..killed
    };
    let chance = bench.chance("caps");
    let spent = crowd::spend(&killed, &postgres, &store, dir.path(), chance.clone()).await?;
    spent.check(&killed)?;
    measured.rows.extend(rows_of_killed(bench, &killed, &spent));
    let spent = crowd::spend(&quiet, &postgres, &store, dir.path(), chance).await?;
    spent.check(&quiet)?;
    measured.rows.extend(rows_of_quiet(&quiet, &spent));
    let usable = spent.usable_percent(&quiet);
    ensure!(
        usable >= USABLE_PERCENT,
        "{usable} % of the limit could be used: {spent:?}"
    );
    store.close().await;
    Ok(())
}

/// Dollars, for people.
fn usd(e10: i64) -> f64 {
    let size = per(e10.unsigned_abs(), per(USD.unsigned_abs(), 1.0));
    if e10 < 0 { -size } else { size }
}

fn percent(part_e10: i64, of_e10: i64) -> f64 {
    100.0 * usd(part_e10) / usd(of_e10)
}

fn subject(load: &Load, spent: &Spent) -> String {
    format!(
        "{} USD, {} processes of {} tasks, {} kills",
        usd(load.limit_e10),
        load.processes,
        load.tasks,
        spent.kills
    )
}

/// What both parts show.
fn rows(load: &Load, spent: &Spent) -> (String, Row, Row) {
    let subject = subject(load, spent);
    let overshoot = Row::at_most(
        &subject,
        "overshoot, USD",
        usd((spent.ran_e10 - load.limit_e10).max(0)),
        0.0,
        format!(
            "{} USD ran, at list price; looked at {} times, {} of them with nothing left to draw",
            usd(spent.ran_e10),
            spent.looks,
            spent.looks_at_end
        ),
    );
    let rate = Row::noted(
        &subject,
        "admissions per second",
        spent.per_second,
        format!("{} in all", spent.runs),
    );
    (subject, overshoot, rate)
}

fn rows_of_killed(bench: &Bench, load: &Load, spent: &Spent) -> Vec<Row> {
    let (subject, overshoot, rate) = rows(load, spent);
    let goal = bench.sized(1_000_000.0, 50_000.0);
    let beside = format!("kill -9, and started again at once: {} times", spent.kills);
    let admissions = Row::at_least(
        &subject,
        "admissions",
        per(spent.runs, 1.0),
        goal,
        beside.clone(),
    );
    let kills = Row::noted(&subject, "kills", f64::from(spent.kills), beside);
    let lost = spent.lost_e10 / i64::from(spent.kills.max(1));
    let bound = load.lost_e10_max(spent.ceiling_e10);
    let lost = Row::at_most(
        &subject,
        "lost with a killed process, % of the limit",
        percent(lost, load.limit_e10),
        (percent(bound, load.limit_e10) * 1e3).ceil() / 1e3,
        format!(
            "{} USD; {} holds of {} USD at once and a chunk are {} USD",
            usd(lost),
            load.tasks,
            usd(spent.ceiling_e10),
            usd(bound)
        ),
    );
    let usable = Row::noted(
        &subject,
        "used by calls, % of the limit",
        spent.usable_percent(load),
        format!("{} USD were lost with those killed", usd(spent.lost_e10)),
    );
    vec![admissions, overshoot, rate, kills, lost, usable]
}

fn rows_of_quiet(load: &Load, spent: &Spent) -> Vec<Row> {
    let (subject, overshoot, rate) = rows(load, spent);
    let usable = Row::at_least(
        &subject,
        "used by calls of 128 MB and 100 ms, % of the limit",
        spent.usable_percent(load),
        USABLE_PERCENT,
        format!(
            "{} USD; {} USD were never held or given back in the end",
            usd(spent.ran_e10),
            usd(load.limit_e10 - spent.settled_e10)
        ),
    );
    let warm = |measure: &str, us: f64| {
        Row::noted(
            &subject,
            measure,
            us,
            format!(
                "of a median process; {:.3} % of holds waited for a draw",
                spent.waited_percent
            ),
        )
    };
    let p50 = warm("a hold on the warm path, p50 µs", spent.hold_us.0);
    let p99 = warm("a hold on the warm path, p99 µs", spent.hold_us.1);
    vec![overshoot, rate, usable, p50, p99]
}
