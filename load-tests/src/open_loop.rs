//! Load by schedule: requests arrive when they are due, whether or not earlier ones were answered.
//!
//! Latency counts from the moment a request was due, so one that waited for a free connection, or for a generator that was
//! held up, shows that wait: nothing is omitted in step with the server's stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::figures::Latencies;

/// When requests are due: a Poisson process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) per_second: f64,
    pub(crate) time: Duration,
}

/// One request that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) due: Instant,
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Of those that succeeded.
    pub(crate) latencies: Latencies,
    pub(crate) failed: u64,
}

impl Schedule {
    /// The moments, from 0.
    fn moments(self, mut chance: StdRng) -> Vec<Duration> {
        let mut moments = Vec::new();
        let mut at = 0.0;
        loop {
            // Exponential gaps; 1 - x is never 0.
            at -= (1.0 - chance.random::<f64>()).ln() / self.per_second;
            if at >= self.time.as_secs_f64() {
                return moments;
            }
            moments.push(Duration::from_secs_f64(at));
        }
    }
}

/// What sends one connection's requests.
pub(crate) trait Sender: Send + 'static {
    /// Sends one; `Ok(false)` is an answer that is no success.
    fn send(&mut self, arrival: Arrival) -> impl Future<Output = Result<bool>> + Send;
}

/// Sends by `schedule` over the given connections. `stop` ends it early.
pub(crate) async fn run<S: Sender>(
    schedule: Schedule,
    chance: StdRng,
    senders: Vec<S>,
    stop: Arc<AtomicBool>,
) -> Result<Load> {
    let moments = Arc::new(schedule.moments(chance));
    let due = Arc::new(Semaphore::new(0));
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let ends = senders.len();
    let ticking = ticker(Arc::clone(&moments), Arc::clone(&due), ends, started, stop);
    let mut connections = JoinSet::new();
    for sender in senders {
        let (moments, due, next) = (Arc::clone(&moments), Arc::clone(&due), Arc::clone(&next));
        connections.spawn(connection(sender, moments, due, next, started));
    }
    let mut load = Load::default();
    while let Some(part) = connections.join_next().await {
        let part = part??;
        load.latencies.add(&part.latencies);
        load.failed += part.failed;
    }
    let _ = ticking.join();
    Ok(load)
}

/// A thread, for it sleeps to some hundredths of a millisecond where a timer of the runtime rounds to whole ones.
fn ticker(
    moments: Arc<Vec<Duration>>,
    due: Arc<Semaphore>,
    ends: usize,
    started: Instant,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for moment in moments.iter() {
            while !stop.load(Ordering::Relaxed) {
                let wait = (started + *moment).saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                std::thread::sleep(wait.min(Duration::from_millis(100)));
            }
            if stop.load(Ordering::Relaxed) {
                // What is due and waits for a connection is dropped.
                due.close();
                return;
            }
            due.add_permits(1);
        }
        // One more for each connection, which finds nothing that is due: all that was, has been sent by then.
        due.add_permits(ends);
    })
}

async fn connection<S: Sender>(
    mut sender: S,
    moments: Arc<Vec<Duration>>,
    due: Arc<Semaphore>,
    next: Arc<AtomicU64>,
    started: Instant,
) -> Result<Load> {
    let mut load = Load::default();
    loop {
        match due.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_) => return Ok(load),
        }
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(moment) = usize::try_from(number).ok().and_then(|n| moments.get(n)) else {
            return Ok(load);
        };
        let due_at = started + *moment;
        let arrival = Arrival {
            number,
            due: due_at,
        };
        if sender.send(arrival).await? {
            load.latencies.record(due_at.elapsed());
        } else {
            load.failed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn the_same_seed_gives_the_same_moments_at_the_asked_rate() {
        let schedule = Schedule {
            per_second: 1_000.0,
            time: Duration::from_secs(10),
        };
        let moments = schedule.moments(StdRng::seed_from_u64(7));
        assert_eq!(moments, schedule.moments(StdRng::seed_from_u64(7)));
        assert!(
            (9_000..11_000).contains(&moments.len()),
            "{}",
            moments.len()
        );
        assert!(moments.is_sorted());
    }
}
