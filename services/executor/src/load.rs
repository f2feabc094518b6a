//! How busy the host's processors are: owners of the queue give a function more environments only while there is room to run them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chassis::Lifecycle;

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Share of the processors' time that is used, in thousandths. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load(Arc<AtomicU32>);

impl Load {
    /// Starts looking. On a host without `/proc/stat` it stays 0: never too busy.
    pub(crate) fn start(life: &Lifecycle) -> Self {
        let load = Self::default();
        let (seen, drain) = (load.clone(), life.drain().clone());
        life.spawn("watch load", async move {
            let mut before = None;
            let mut ticks = tokio::time::interval(PERIOD);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = drain.cancelled() => return,
                }
                let Ok(text) = tokio::fs::read_to_string("/proc/stat").await else {
                    return;
                };
                let now = read(&text);
                if let (Some(before), Some(now)) = (before, now) {
                    seen.0.store(busy(before, now), Ordering::Relaxed);
                }
                before = now.or(before);
            }
        });
        load
    }

    pub(crate) fn busy_permille(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ticks of all processors since boot: used and in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    used: u64,
    all: u64,
}

fn read(stat: &str) -> Option<Ticks> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        // What follows (guest time) is counted in the first fields already.
        .take(8)
        .collect();
    let all: u64 = ticks.iter().sum();
    // Idle, and idle while a disk works.
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(Ticks {
        used: all - idle,
        all,
    })
}

fn busy(before: Ticks, now: Ticks) -> u32 {
    let all = now.all.saturating_sub(before.all);
    if all == 0 {
        return 0;
    }
    let used = now.used.saturating_sub(before.used);
    u32::try_from(used * 1000 / all).unwrap_or(1000).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_ticks() {
        let before = read("cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 1 1 1 1").unwrap();
        assert_eq!(
            before,
            Ticks {
                used: 150,
                all: 1000
            }
        );
        let now = read("cpu  160 0 60 820 60 0 0 0 9 9\n").unwrap();
        assert_eq!(busy(before, now), 700);
        assert_eq!(busy(now, now), 0);
        assert_eq!(read("intr 5"), None);
    }
}
