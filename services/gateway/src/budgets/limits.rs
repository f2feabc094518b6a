//! Limits of budgets as clients write them: one, or one for each period to come (API reference, `Budget`).

use std::collections::BTreeMap;

use aws_model::budgets::Spend;
use chrono::{DateTime, Utc};
use domain::bill::budget::{PlannedLimits, TimeUnit, parse_amount};
use domain::bill::explorer::Period;
use wire::Fault;

use super::faults;

/// What a budget may cost.
pub(super) struct Limits {
    pub(super) unit: String,
    pub(super) limit_e10: i128,
    pub(super) planned_e10: PlannedLimits,
}

/// Reads what was given of either.
pub(super) fn read(
    one: Option<Spend>,
    planned: Option<BTreeMap<String, Spend>>,
    of: (TimeUnit, Period),
    now: DateTime<Utc>,
) -> Result<Limits, Fault> {
    match (one, planned.filter(|planned| !planned.is_empty())) {
        (Some(limit), None) => Ok(Limits {
            limit_e10: amount(&limit)?,
            planned_e10: PlannedLimits::new(),
            unit: limit.unit,
        }),
        (None, Some(planned)) => read_planned(&planned, of, now),
        _ => Err(faults::no_limit()),
    }
}

fn amount(limit: &Spend) -> Result<i128, Fault> {
    parse_amount(&limit.amount).map_err(|error| faults::invalid(error.0))
}

fn read_planned(
    planned: &BTreeMap<String, Spend>,
    (time_unit, life): (TimeUnit, Period),
    now: DateTime<Utc>,
) -> Result<Limits, Fault> {
    let wanted = wanted(time_unit, life, now)?;
    let mut limits = PlannedLimits::new();
    for (key, limit) in planned {
        let seconds = key.parse().ok();
        let start = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let start = start.filter(|start| wanted.contains(start));
        let text = || {
            let wanted: Vec<String> = wanted.iter().map(|at| at.timestamp().to_string()).collect();
            format!(
                "have a limit for the start of each period, in seconds of the epoch: {}; {key:?} is none of them",
                wanted.join(", ")
            )
        };
        limits.insert(
            start.ok_or_else(|| faults::planned_limits(&text()))?,
            amount(limit)?,
        );
    }
    if limits.len() < wanted.len() {
        let text = format!(
            "have a limit for each of {} periods, got {}",
            wanted.len(),
            limits.len()
        );
        return Err(faults::planned_limits(&text));
    }
    let mut units: Vec<&str> = planned.values().map(|limit| limit.unit.as_str()).collect();
    units.dedup();
    let (&[unit], Some(&limit_e10)) = (&units[..], limits.values().next()) else {
        return Err(faults::planned_limits("are all in one unit"));
    };
    Ok(Limits {
        unit: unit.to_owned(),
        limit_e10,
        planned_e10: limits,
    })
}

/// The starts of the periods that need a limit: of a year from the one that runs, or of the budget's first; fewer where it ends before.
fn wanted(
    time_unit: TimeUnit,
    life: Period,
    now: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, Fault> {
    let count = match time_unit {
        TimeUnit::Monthly => 12,
        TimeUnit::Quarterly => 4,
        _ => {
            return Err(faults::planned_limits(
                "go with the TimeUnit MONTHLY or QUARTERLY",
            ));
        }
    };
    let first = time_unit.period(life, now.max(life.start));
    let starts = std::iter::successors(Some(first), |period| {
        Some(time_unit.period(life, period.end))
    });
    let lives = |period: &Period| period.start < life.end;
    Ok(starts
        .take_while(lives)
        .take(count)
        .map(|period| period.start)
        .collect())
}
