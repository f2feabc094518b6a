//! All replicas of the scheduler stop for some minutes and one comes back: what the policies for missed runs make of it.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use http::Method;
use serde_json::json;

use super::schedules::{make, now, start, until, window_after};
use crate::bench::Bench;
use crate::figures::per;
use crate::installation::{Part, SCHEDULERS_MAX};
use crate::report::{Measured, Row};

/// Schedules of each policy.
const OF_A_POLICY: usize = 50;

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let down_minutes: i64 = bench.sized(10, 2);
    let (mut rig, facts) = start(bench).await?;
    let door = rig.installation.door.clone();
    let mut measured = Measured::default();
    let (from, to) = window_after(now() + TimeDelta::seconds(10), down_minutes + 4);
    for policy in ["all", "last", "skip"] {
        make(&door, policy, 0..OF_A_POLICY, (from, to)).await?;
        for number in 0..OF_A_POLICY {
            let path = format!("/tollgate/v1/schedules/{policy}/s{number}/policy");
            let body = json!({ "missed": policy, "catch_up_s": 86_400, "overlap": "allow" });
            door.call(Method::PUT, &path, &body, 200).await?;
        }
    }
    // The first minute is fired, then nobody is there for the next ones.
    until(from + TimeDelta::seconds(20)).await;
    for number in 0..SCHEDULERS_MAX {
        rig.installation.kill(Part::Scheduler(number))?;
    }
    let back = from + TimeDelta::minutes(down_minutes) + TimeDelta::seconds(75);
    until(back).await;
    rig.installation.start_service(Part::Scheduler(0)).await?;
    until(to + TimeDelta::seconds(20)).await;
    let each = OF_A_POLICY as u64;
    let minutes = (down_minutes + 4).unsigned_abs();
    // Later than a minute is missed: of the down time, all but the last one, which began less than a minute before the end.
    let missed = down_minutes.unsigned_abs();
    for (policy, want) in [
        ("all", minutes * each),
        ("last", (minutes - missed) * each),
        ("skip", (minutes - missed) * each),
    ] {
        let fired = facts.fired(policy, from, to).await?;
        measured.rows.push(Row::at_most(
            &format!("{each} schedules, all replicas down for {down_minutes} min"),
            &format!("fires too many or too few, policy \"{policy}\""),
            per(fired.count.abs_diff(want), 1.0),
            0.0,
            format!("{} fires of {} minutes each", fired.count, minutes),
        ));
    }
    let events = facts.events().await?;
    measured.rows.push(Row::at_most(
        "after the restart",
        "fires doubled",
        per(events.doubled, 1.0),
        0.0,
        format!("{} events of {} fires", events.events, events.fires),
    ));
    let open = facts.until_ended(Duration::from_mins(2)).await?;
    ensure!(open == 0, "{open} events have no end");
    rig.installation.sound();
    Ok(measured)
}
