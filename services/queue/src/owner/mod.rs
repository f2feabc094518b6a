//! The owner loop: all that a replica knows of the lanes in its shards, and what it does about them.
//!
//! One task owns the state and never waits for anything but the next event: reads, runs and settlements are tasks of their own
//! that report back. See [`crate::lane`] for how events reach a lane.

mod background;
mod done;
mod figures;
mod start;
mod take;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chassis::Lifecycle;
use chrono::{DateTime, Utc};
use dispatch::hints::Hints;
use dispatch::leases::Held;
use redis::aio::ConnectionManager;
use store::events::{Lane as LaneRow, LaneDepth};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::attempt::{Done, Shared};
use crate::fair::Fair;
use crate::lane::{Item, Lane};
use crate::measures::Measures;
use crate::read::{Page, Retries, Taken};
use crate::reader::Read;
use crate::timers::Timers;

/// How often lanes are looked over while something goes on, and while nothing does.
const TICK: Duration = Duration::from_millis(50);
const TICK_IDLE: Duration = Duration::from_millis(500);

/// Reports that may wait for the loop.
const REPORTS_MAX: usize = 4_096;

/// What the loop is told.
pub(crate) enum Report {
    /// The function of an attempt in this lane has ended; its outcome is being committed.
    Ran(i64),
    /// An attempt has come to its end; whether `Ran` was told of it.
    Done(Box<Item>, Done, bool),
    Page {
        lane: i64,
        hour: i64,
        page: Result<Page, store::Error>,
    },
    Taken(Vec<i16>, Result<Taken, store::Error>),
    Lanes(Vec<i64>, Result<Vec<LaneRow>, store::Error>),
    Swept {
        until: DateTime<Utc>,
        deep: bool,
        found: Result<Vec<Item>, store::Error>,
    },
    Retries(Result<Retries, store::Error>),
    /// Lanes that may have events nobody hinted at, accepted at this time or later.
    Behind(
        DateTime<Utc>,
        Vec<i16>,
        Result<Vec<(LaneRow, Vec<i64>)>, store::Error>,
    ),
    Running(HashSet<(Uuid, u16)>),
    Depth {
        lane: i64,
        depth: Result<Vec<LaneDepth>, store::Error>,
    },
}

/// Work in the background of which there is one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Chore {
    Sweep,
    Retries,
    Behind,
    Running,
    Depth,
}

pub(crate) struct Owner {
    me: Uuid,
    shared: Shared,
    life: Lifecycle,
    hints: Hints,
    redis: ConnectionManager,
    reports: mpsc::Sender<Report>,
    measures: Measures,
    in_flight_max: usize,

    held: Held,
    /// Epochs of the shards that are worked on.
    epochs: HashMap<i16, i64>,
    /// Shards whose events are still to be found.
    to_take: HashSet<i16>,
    taking: HashSet<i16>,
    /// Shards with events that nobody hinted at.
    behind: HashSet<i16>,
    lanes: HashMap<i64, Lane>,
    fair: Fair,
    timers: Timers,
    /// Events that are ready, run or wait.
    known: HashSet<Uuid>,
    /// Events that were here lately: what was read while one ended may still name it.
    lately: [HashSet<Uuid>; 2],
    /// Attempts that run on executors for an owner before us.
    elsewhere: HashSet<(Uuid, u16)>,
    /// What came for lanes that are not known yet.
    orphans: HashMap<i64, Vec<Item>>,
    /// Events that run for us.
    running: HashSet<Uuid>,
    in_flight: usize,

    busy: HashSet<Chore>,
    /// Nothing goes on that a quicker tick would help.
    idle: bool,
    next_look: Instant,
    swept_until: DateTime<Utc>,
    next_sweep: Instant,
    next_deep_sweep: Instant,
    next_retries: DateTime<Utc>,
    next_figures: Instant,
    next_forget: Instant,
    /// Events without an end of lanes that are fed, as last counted.
    depths: HashMap<i64, (u64, Option<i64>)>,
    /// Counts so far: the lanes take turns.
    counted: usize,
}

/// What an owner is made of.
pub(crate) struct Setup {
    pub(crate) me: Uuid,
    pub(crate) shared: Shared,
    pub(crate) hints: Hints,
    pub(crate) redis: ConnectionManager,
    pub(crate) in_flight_max: usize,
}

/// Works until the drain, then waits for what runs.
pub(crate) async fn run(
    setup: Setup,
    mut held: watch::Receiver<Held>,
    mut reads: mpsc::Receiver<Read>,
    life: Lifecycle,
) {
    let (reports, mut reported) = mpsc::channel(REPORTS_MAX);
    let mut owner = Owner::new(setup, reports, life.clone());
    let clock = owner.shared.0.clock.clone();
    let mut reading = true;
    while !(life.drain().is_cancelled() && owner.in_flight == 0) {
        let now = clock.now();
        let tick = if owner.idle { TICK_IDLE } else { TICK };
        let due = owner
            .timers
            .next_at()
            .unwrap_or(now + chrono::TimeDelta::minutes(1));
        tokio::select! {
            biased;
            () = life.cut().cancelled() => return,
            Some(report) = reported.recv() => owner.reported(report),
            changed = held.changed() => if changed.is_ok() {
                let now_held = held.borrow_and_update().clone();
                owner.hold(now_held);
            },
            read = reads.recv(), if reading => match read {
                Some(read) => owner.read(read),
                None => reading = false,
            },
            () = clock.sleep_until(due) => {}
            () = tokio::time::sleep(tick) => {}
            () = life.drain().cancelled(), if owner.in_flight == 0 => {}
        }
        // What else has come is taken before anything is started: reports make room.
        while let Ok(report) = reported.try_recv() {
            owner.reported(report);
        }
        owner.tick();
    }
}

impl Owner {
    fn new(setup: Setup, reports: mpsc::Sender<Report>, life: Lifecycle) -> Self {
        let now = setup.shared.0.clock.now();
        let soon = Instant::now();
        Self {
            me: setup.me,
            shared: setup.shared,
            life,
            hints: setup.hints,
            redis: setup.redis,
            reports,
            measures: Measures::new(),
            in_flight_max: setup.in_flight_max,
            held: Held::default(),
            epochs: HashMap::new(),
            to_take: HashSet::new(),
            taking: HashSet::new(),
            behind: HashSet::new(),
            lanes: HashMap::new(),
            fair: Fair::default(),
            timers: Timers::default(),
            known: HashSet::new(),
            lately: Default::default(),
            elsewhere: HashSet::new(),
            orphans: HashMap::new(),
            running: HashSet::new(),
            in_flight: 0,
            busy: HashSet::new(),
            idle: false,
            next_look: soon,
            swept_until: now,
            next_sweep: soon,
            next_deep_sweep: soon,
            next_retries: now,
            next_figures: soon,
            next_forget: soon,
            depths: HashMap::new(),
            counted: 0,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.shared.0.clock.now()
    }

    /// The shards that are worked on.
    fn shards(&self) -> Vec<i16> {
        self.epochs.keys().copied().collect()
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Ran(lane) => self.ran(lane),
            Report::Done(item, done, ran) => self.ended(*item, done, ran),
            Report::Page { lane, hour, page } => self.paged(lane, hour, page),
            Report::Taken(shards, taken) => self.taken(&shards, taken),
            Report::Lanes(asked, rows) => self.lanes_found(&asked, rows),
            Report::Swept { until, deep, found } => self.swept(until, deep, found),
            Report::Retries(found) => self.retries_found(found),
            Report::Behind(since, shards, lanes) => self.behind_found(since, shards, lanes),
            Report::Running(running) => {
                self.busy.remove(&Chore::Running);
                self.elsewhere.retain(|attempt| running.contains(attempt));
            }
            Report::Depth { lane, depth } => {
                self.busy.remove(&Chore::Depth);
                if let Ok(counted) = depth {
                    let counted = counted.first();
                    let oldest = counted.map(|counted| counted.oldest.accepted_at_ms());
                    let depth = counted.map_or(0, |counted| counted.depth);
                    self.depths.insert(lane, (depth, oldest));
                }
            }
        }
    }

    /// The leases have changed, or were renewed.
    fn hold(&mut self, held: Held) {
        let mut lost: Vec<i16> = self.shards();
        lost.retain(|shard| {
            let lease = held.shards.iter().find(|lease| lease.shard == *shard);
            lease.map(|lease| lease.epoch) != self.epochs.get(shard).copied()
        });
        for shard in lost {
            self.let_go(shard);
        }
        for lease in &held.shards {
            if self.epochs.insert(lease.shard, lease.epoch).is_none() {
                self.to_take.insert(lease.shard);
            }
        }
        self.held = held;
    }

    /// Forgets all that belongs to a shard; what runs goes on, and its end is nobody's business here any more.
    fn let_go(&mut self, shard: i16) {
        tracing::debug!(shard, "shard let go");
        self.epochs.remove(&shard);
        self.to_take.remove(&shard);
        self.behind.remove(&shard);
        let of_shard = |lane: i64| domain::event::shard(lane) == shard;
        let lanes: Vec<i64> = self
            .lanes
            .keys()
            .copied()
            .filter(|lane| of_shard(*lane))
            .collect();
        for id in lanes {
            self.fair.remove(id);
            self.depths.remove(&id);
            self.lanes.remove(&id);
        }
        self.timers.retain(|item| !of_shard(item.event.lane));
        self.orphans.retain(|lane, _| !of_shard(*lane));
        // What waited in timers or for its lane is found again by whoever owns it; here it is not known any more.
        self.known_anew();
    }

    /// Counts again what is known: after a shard was let go.
    fn known_anew(&mut self) {
        let mut known: HashSet<Uuid> = self.timers.ids().collect();
        for lane in self.lanes.values() {
            known.extend(lane.ready.iter().map(|item| item.event.id.uuid()));
        }
        for items in self.orphans.values() {
            known.extend(items.iter().map(|item| item.event.id.uuid()));
        }
        known.extend(self.running.iter().copied());
        self.known = known;
    }

    /// What is due, what is to be read, what may start; and now and then everything.
    fn tick(&mut self) {
        let now = self.now();
        while let Some(item) = self.timers.due(now) {
            self.due(item, now);
        }
        let at = Instant::now();
        if at >= self.next_look {
            self.next_look = at + TICK;
            self.look_over(now);
        }
        self.background(now);
        self.start(now);
    }
}
