//! What is measured and broken, one file a subject.

mod accepts;
mod caps;
mod drain;
mod executor_loss;
mod faults;
mod flood;
mod held_transaction;
mod invoke;
mod missed_runs;
mod redis_memory;
mod schedules;
mod start_delay;
mod wipe;

use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::installation::SPACES;
use crate::network::Network;
use crate::report::Measured;

pub(crate) use caps::cap_process;

/// A scenario's running.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<Measured>> + 'a>>;

/// One of the program's scenarios.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What it does, in a sentence.
    pub(crate) about: &'static str,
    /// It is cut off after so long: in full, and in short.
    pub(crate) time_max: (Duration, Duration),
    /// How many network namespaces of its own it needs around the one that it runs in, if any.
    pub(crate) network: Option<u8>,
    pub(crate) run: for<'a> fn(&'a Bench, Option<Network>) -> Running<'a>,
}

macro_rules! scenario {
    ($module:ident, $name:literal, $full_mins:literal, $quick_mins:literal, $about:literal) => {
        Scenario {
            name: $name,
            about: $about,
            time_max: (
                Duration::from_mins($full_mins),
                Duration::from_mins($quick_mins),
            ),
            network: None,
            run: |bench, _| Box::pin($module::measure(bench)),
        }
    };
}

/// All of them, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    scenario!(
        invoke,
        "invoke",
        20,
        5,
        "Synchronous invocations against bare floors, an idle platform, and emulators beside it."
    ),
    scenario!(
        accepts,
        "accepts",
        20,
        5,
        "Events are handed over while nothing works them off: rate and latency of the durable 202."
    ),
    scenario!(
        drain,
        "drain",
        30,
        5,
        "Events that were handed over while no queue ran are worked off."
    ),
    scenario!(
        start_delay,
        "start-delay",
        10,
        5,
        "Events arrive at a fifth of the rate at which they can be worked off."
    ),
    scenario!(
        executor_loss,
        "executor-loss",
        5,
        3,
        "One of two executors is killed with all the work on it."
    ),
    scenario!(
        wipe,
        "wipe",
        10,
        5,
        "Redis is emptied while many events wait and more arrive."
    ),
    scenario!(
        flood,
        "flood",
        10,
        5,
        "One tenant hands over far more than can be run; another one goes on as before."
    ),
    scenario!(
        held_transaction,
        "held-transaction",
        25,
        5,
        "The queue runs at its limit, and a transaction is left open in its database."
    ),
    scenario!(
        redis_memory,
        "redis-memory",
        25,
        5,
        "Many events wait for a function that may run in one environment."
    ),
    scenario!(
        schedules,
        "schedules",
        60,
        10,
        "Many schedules are due in one instant, every minute, while replicas of the scheduler are killed."
    ),
    scenario!(
        missed_runs,
        "missed-runs",
        30,
        12,
        "All replicas of the scheduler are down for ten minutes."
    ),
    scenario!(
        caps,
        "caps",
        20,
        5,
        "Processes spend one limit at once, with a million admissions and more, and are killed in the middle of it."
    ),
    Scenario {
        name: "faults",
        about: "Services apart, each in a network namespace, are killed, stopped, wiped and cut off under load.",
        time_max: (Duration::from_hours(4), Duration::from_mins(30)),
        network: Some(SPACES),
        run: |bench, network| Box::pin(faults::measure(bench, network)),
    },
];
