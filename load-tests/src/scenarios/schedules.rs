//! Schedules that are all due in one instant, every minute, with three replicas of the scheduler of which one is killed each
//! minute.
//!
//! What counts lies in the database: a fire for each schedule and minute, an event for each fire, one end for each event.

pub(super) mod facts;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use chassis::Clock;
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use futures::future::try_join_all;
use http::Method;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use self::facts::Facts;
use crate::api::Door;
use crate::bench::Bench;
use crate::client::Connection;
use crate::figures::per;
use crate::installation::{Part, SCHEDULERS_MAX};
use crate::processes;
use crate::report::{Measured, Row};
use crate::rig::{ENVIRONMENTS, MEMORY_MB, Rig};
use crate::witness::Work;

/// Clients that make schedules.
const CONNECTIONS: usize = 16;
/// At which moment of its minute a replica is killed at the latest; the first one dies in the middle of firing.
const KILL_MAX_MS: i64 = 40_000;
const KILL_FIRST_MS: i64 = 300;
/// A killed replica comes back so long after the start of its minute.
const BACK_AFTER: Duration = Duration::from_secs(50);

/// How much of everything.
struct Size {
    few: usize,
    few_minutes: i64,
    many: usize,
    many_minutes: i64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let size = bench.sized(
        Size {
            few: 1_000,
            few_minutes: 3,
            many: 100_000,
            many_minutes: 10,
        },
        Size {
            few: 100,
            few_minutes: 1,
            many: 2_000,
            many_minutes: 2,
        },
    );
    let (mut rig, facts) = start(bench).await?;
    let mut measured = Measured::default();
    few(&rig, &facts, &size, &mut measured).await?;
    let mut chance = bench.chance("kills");
    many(&mut rig, (&facts, &mut chance), &size, &mut measured).await?;
    memory(&mut rig, size.many, &mut measured).await?;
    rig.installation.sound();
    Ok(measured)
}

/// An installation with all replicas of the scheduler.
pub(super) async fn start(bench: &Bench) -> Result<(Rig, Facts)> {
    let mut rig = Rig::start(bench, None, MEMORY_MB, Some(ENVIRONMENTS)).await?;
    rig.executor(ENVIRONMENTS as usize).await?;
    rig.installation.add(Part::Queue(0)).await?;
    for number in 0..SCHEDULERS_MAX {
        rig.installation.add(Part::Scheduler(number)).await?;
    }
    let facts = Facts::new(rig.installation.postgres.connect().await?);
    Ok((rig, facts))
}

/// A moderate number, nothing broken.
async fn few(rig: &Rig, facts: &Facts, size: &Size, measured: &mut Measured) -> Result<()> {
    let door = &rig.installation.door;
    let (from, to) = window(size.few_minutes);
    make(door, "few", 0..size.few, (from, to)).await?;
    until(to + TimeDelta::seconds(20)).await;
    let fired = facts.fired("few", from, to).await?;
    let want = size.few as u64 * size.few_minutes.unsigned_abs();
    measured.rows.push(Row::at_most(
        &format!("{} schedules due in one instant", size.few),
        "lateness p99, ms",
        fired.late_p99_ms,
        250.0,
        format!(
            "p50 {:.0} ms, max {:.0} ms over {} fires",
            fired.late_p50_ms, fired.late_max_ms, fired.count
        ),
    ));
    ensure!(
        fired.count == want,
        "{} fires instead of {want}",
        fired.count
    );
    delete(door, "few").await
}

/// The crowd, with a replica killed every minute.
async fn many(
    rig: &mut Rig,
    (facts, chance): (&Facts, &mut StdRng),
    size: &Size,
    measured: &mut Measured,
) -> Result<()> {
    let door = rig.installation.door.clone();
    // Made first: it takes its time.
    let began = std::time::Instant::now();
    let making = TimeDelta::seconds(i64::try_from(size.many / 600)? + 30);
    let (from, to) = window_after(now() + making, size.many_minutes);
    make(&door, "many", 0..size.many, (from, to)).await?;
    let took = began.elapsed().as_secs_f64();
    measured.rows.push(Row::noted(
        &format!("CreateSchedule, {CONNECTIONS} connections"),
        "schedules made per second",
        per(size.many as u64, took),
        format!("{} in {took:.0} s", size.many),
    ));
    ensure!(now() < from, "the schedules were not made in time");
    kill_each_minute(rig, chance, from, size.many_minutes).await?;
    until(to + TimeDelta::seconds(30)).await;
    let fired = facts.fired("many", from, to).await?;
    let want = size.many as u64 * size.many_minutes.unsigned_abs();
    let subject = format!(
        "{} schedules a minute for {} min, a replica killed each minute",
        size.many, size.many_minutes
    );
    let exact = |measure: &str, value: u64, beside: String| {
        Row::at_most(&subject, measure, per(value, 1.0), 0.0, beside)
    };
    let events = facts.events().await?;
    let by_minute = facts.late_by_minute(from, to).await?;
    let by_minute: Vec<String> = by_minute
        .iter()
        .map(|ms| format!("{:.2}", ms / 1e3))
        .collect();
    measured.rows.extend([
        exact(
            "fires missed",
            want.saturating_sub(fired.count),
            format!("{} fired of {want}", fired.count),
        ),
        exact(
            "fires doubled",
            events.doubled,
            format!("{} events of {} fires", events.events, events.fires),
        ),
        Row::at_most(
            &subject,
            "lateness p99, s",
            fired.late_p99_ms / 1e3,
            2.0,
            format!(
                "p50 {:.2} s, lost replicas included",
                fired.late_p50_ms / 1e3
            ),
        ),
        Row::at_most(
            &subject,
            "lateness at most, s",
            fired.late_max_ms / 1e3,
            10.0,
            format!("by minute {}", by_minute.join(", ")),
        ),
    ]);
    let open = facts.until_ended(Duration::from_mins(20)).await?;
    measured
        .rows
        .push(exact("events without an end", open, String::new()));
    Ok(())
}

/// Kills one replica a minute, and starts it again.
async fn kill_each_minute(
    rig: &mut Rig,
    chance: &mut StdRng,
    from: DateTime<Utc>,
    minutes: i64,
) -> Result<()> {
    for minute in 0..minutes {
        let part = Part::Scheduler(u8::try_from(minute.rem_euclid(SCHEDULERS_MAX.into()))?);
        let start = from + TimeDelta::minutes(minute);
        let moment_ms = if minute == 0 {
            KILL_FIRST_MS
        } else {
            chance.random_range(0..KILL_MAX_MS)
        };
        until(start + TimeDelta::milliseconds(moment_ms)).await;
        rig.installation.kill(part)?;
        until(start + TimeDelta::from_std(BACK_AFTER)?).await;
        rig.installation.start_service(part).await?;
        rig.installation.must_run()?;
    }
    Ok(())
}

/// What one replica holds that has all schedules to itself.
async fn memory(rig: &mut Rig, schedules: usize, measured: &mut Measured) -> Result<()> {
    for number in 1..SCHEDULERS_MAX {
        rig.installation.stop(Part::Scheduler(number))?;
    }
    // They give their shards back; it takes and reads them.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let alone = rig.installation.processes(Part::Scheduler(0));
    let resident_kib: u64 = alone.into_iter().map(processes::resident_kib).sum();
    ensure!(resident_kib > 0, "no scheduler runs");
    measured.rows.push(Row::at_most(
        &format!("one replica of the scheduler with {schedules} schedules"),
        "resident, MB",
        per(resident_kib, 1024.0),
        100.0,
        String::new(),
    ));
    for number in 1..SCHEDULERS_MAX {
        rig.installation
            .start_service(Part::Scheduler(number))
            .await?;
    }
    Ok(())
}

pub(super) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// So many whole minutes that begin soon.
fn window(minutes: i64) -> (DateTime<Utc>, DateTime<Utc>) {
    window_after(now() + TimeDelta::seconds(20), minutes)
}

pub(super) fn window_after(at: DateTime<Utc>, minutes: i64) -> (DateTime<Utc>, DateTime<Utc>) {
    let minute = TimeDelta::minutes(1);
    let from = at.duration_trunc(minute).unwrap_or(at) + minute;
    (from, from + TimeDelta::minutes(minutes))
}

pub(super) async fn until(at: DateTime<Utc>) {
    let left = (at - now()).to_std().unwrap_or_default();
    tokio::time::sleep(left).await;
}

/// Makes a group of schedules that are due at every minute of a window.
pub(super) async fn make(
    door: &Door,
    group: &str,
    numbers: std::ops::Range<usize>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<()> {
    let path = format!("/schedule-groups/{group}");
    door.call(Method::POST, &path, &json!({}), 200).await?;
    let function = "/2015-03-31/functions/witness/configuration";
    let function = door.call(Method::GET, function, &Value::Null, 200).await?;
    let input = String::from_utf8(Work::default().payload().to_vec())?;
    let body = json!({
        "GroupName": group,
        "ScheduleExpression": "cron(* * * * ? *)",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "StartDate": from.timestamp(),
        // A bound belongs to the window, so it ends a second before the minute that is not wanted.
        "EndDate": to.timestamp() - 1,
        "Target": {
            "Arn": function["FunctionArn"],
            "RoleArn": "arn:aws:iam::000000000000:role/bench",
            "Input": input,
        },
    });
    let body: Bytes = body.to_string().into();
    let work = (0..CONNECTIONS).map(|client| {
        let mine = numbers.clone().skip(client).step_by(CONNECTIONS);
        let body = body.clone();
        async move {
            let mut connection = Connection::open(&door.address).await?;
            for number in mine {
                let path = format!("/schedules/s{number}");
                let shot = door.shot(Method::POST, &path, body.clone())?;
                let answer = connection.send(&shot).await?;
                let text = String::from_utf8_lossy(&answer.body);
                ensure!(answer.status == 200, "{path}: {} {text}", answer.status);
            }
            Ok(())
        }
    });
    try_join_all(work).await.context("making schedules")?;
    Ok(())
}

async fn delete(door: &Door, group: &str) -> Result<()> {
    let path = format!("/schedule-groups/{group}");
    door.call(Method::DELETE, &path, &Value::Null, 200).await?;
    Ok(())
}
