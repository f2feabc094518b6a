//! A schedule: what happens, step by step, and what must be true in the end.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use domain::{AccountId, Architecture};
use store::usage::Ingested;
use tempfile::TempDir;
use uuid::Uuid;

use super::super::super::options::Options;
use super::super::super::record::StartRecord;
use super::super::{scratch, start_of};
use super::chance::Chance;
use super::database::{Crash, Database};
use super::machine::{Machine, Message};
use super::truth::{Difference, Truth};
use super::{Flaw, Seen, World};

const MACHINES: u64 = 3;

/// Steps of a sound schedule for each execution, many times over: where it takes more, it does not come to an end.
const STEPS_PER_EXECUTION_MAX: u64 = 1_000;

/// Batches on their way with which nobody sends more.
const ON_THEIR_WAY_MAX: usize = 40;

/// What a schedule is like; every seed has another mixture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knobs {
    /// Steps between crashes.
    pub(super) crash_every: u64,
    /// How many of the crashes are power failures, the others being kills.
    pub(super) power_percent: u64,
    /// Executions at once on a machine.
    running_max: u64,
    /// How many batches are sent twice, and how many get lost.
    pub(super) twice_percent: u64,
    lost_percent: u64,
}

impl Knobs {
    fn draw(chance: &mut Chance, executions: u64) -> Self {
        let crashes = chance.spread(4, 800);
        Self {
            crash_every: (2 * executions / crashes).max(150),
            power_percent: if chance.one_in(2) {
                chance.below(60)
            } else {
                0
            },
            running_max: chance.spread(1, 40),
            twice_percent: chance.below(40),
            lost_percent: chance.below(30),
        }
    }
}

pub(super) struct Schedule {
    world: World,
    executions: u64,
    machines: Vec<Machine>,
    network: VecDeque<Message>,
    database: Database,
    /// Steps until the database is back.
    away: u64,
    _dir: TempDir,
}

/// Small files, so that a schedule sees many of them.
fn options(chance: &mut Chance, dir: &TempDir) -> Options {
    let segment_bytes = chance.spread(2 << 10, 128 << 10);
    Options {
        segment_bytes,
        high_water_bytes: segment_bytes * 4 + chance.spread(16 << 10, 1 << 20),
        batch_events_max: u32::try_from(chance.spread(8, 600)).unwrap(),
        ..Options::new(dir.path().to_owned())
    }
}

/// A few minutes before a month ends.
fn begin() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 31, 23, 50, 0).unwrap()
}

/// Three accounts with four functions each, no two alike.
fn functions() -> Vec<StartRecord> {
    let sizes = [(128, 512), (1_769, 512), (3_008, 2_048), (10_240, 10_240)];
    let mut all = Vec::new();
    for account in 42..45_u32 {
        for (index, (memory_mb, ephemeral_mb)) in (0_u32..).zip(sizes) {
            let arm = (account + index) % 2 == 0;
            let region = if index < 2 {
                "us-east-1"
            } else {
                "eu-central-1"
            };
            all.push(StartRecord {
                account: AccountId::new(account.into()).unwrap(),
                region: region.parse().unwrap(),
                function_arn: format!("arn:aws:lambda:{region}:{account:012}:function:f{index}"),
                architecture: if arm {
                    Architecture::Arm64
                } else {
                    Architecture::X86_64
                },
                ephemeral_mb,
                ..start_of("f", memory_mb + account)
            });
        }
    }
    all
}

impl Schedule {
    pub(super) fn new(seed: u64, executions: u64, flaw: Flaw) -> Self {
        let mut chance = Chance::new(seed);
        let dir = scratch();
        let common = options(&mut chance, &dir);
        let machines = (0..MACHINES).map(|number| {
            let options = Options {
                dir: dir.path().join(number.to_string()),
                ..common.clone()
            };
            let executor = Uuid::from_u128(u128::from(chance.number()) << 64 | u128::from(number));
            let skew_ms = chance.below(5_000).cast_signed();
            Machine::new(
                options,
                executor,
                begin() + TimeDelta::milliseconds(skew_ms),
            )
        });
        let machines = machines.collect();
        let knobs = Knobs::draw(&mut chance, executions);
        Self {
            world: World {
                chance,
                knobs,
                flaw,
                functions: functions(),
                truth: Truth::default(),
                seen: Seen::default(),
                calm: false,
            },
            executions,
            machines,
            network: VecDeque::new(),
            database: Database::new(flaw),
            away: 0,
            _dir: dir,
        }
    }

    pub(super) fn run(mut self) -> Result<Seen, String> {
        let mut steps = 0;
        while self.world.seen.executions < self.executions {
            self.step()?;
            steps += 1;
            if steps > self.executions * STEPS_PER_EXECUTION_MAX {
                return Err("it does not come to an end".to_owned());
            }
        }
        self.finish()?;
        self.verify()
    }

    fn step(&mut self) -> Result<(), String> {
        self.away = self.away.saturating_sub(1);
        let world = &mut self.world;
        let number = world.chance.index(self.machines.len());
        let machine = &mut self.machines[number];
        if !machine.runs() {
            if world.chance.one_in(30) {
                return machine.start_up(world);
            }
            if world.chance.one_in(900) && world.chance.percent(world.knobs.power_percent) {
                machine.power_failure(world);
            }
            return Ok(());
        }
        if world.fault(1) {
            machine.crash(world);
            return Ok(());
        }
        if machine.batch_is_full() && world.chance.one_in(2) {
            machine.seal(world);
            return Ok(());
        }
        match world.chance.below(1_000) {
            0..430 if (machine.running() as u64) < world.knobs.running_max => machine.start(world),
            0..860 => machine.end(world),
            860..890 => machine.sync(world),
            890..910 if machine.wants_seal() => machine.seal(world),
            910..960 if self.network.len() < ON_THEIR_WAY_MAX => {
                machine.send(number, world, &mut self.network);
            }
            960..994 => return self.deliver(),
            994..996 => jump(machine, world),
            996..997 => machine.fill_up(world),
            997..999 => machine.lose(world),
            999.. if world.chance.one_in(4) => self.away = world.chance.spread(200, 4_000),
            _ => {}
        }
        Ok(())
    }

    /// Some batches come to the database, mostly in the order in which they were sent.
    fn deliver(&mut self) -> Result<(), String> {
        if self.away > 0 {
            return Ok(());
        }
        for _ in 0..=self.world.chance.below(20) {
            let world = &mut self.world;
            let first = world.chance.percent(70);
            let index = if first {
                0
            } else {
                world.chance.index(self.network.len())
            };
            let Some(message) = self.network.remove(index) else {
                return Ok(());
            };
            if world.chance.percent(world.knobs.lost_percent) {
                self.answer(&message, None);
                continue;
            }
            let crash = match world.chance.below(30) {
                0 => Some(Crash::BeforeCommit),
                1 => Some(Crash::AfterCommit),
                _ => None,
            };
            self.ingest(&message, crash)?;
        }
        Ok(())
    }

    fn ingest(&mut self, message: &Message, crash: Option<Crash>) -> Result<(), String> {
        let answer = self.database.ingest(&message.batch, crash);
        match answer {
            Some(Ingested::Counted) => self.world.seen.counted += 1,
            Some(Ingested::Known) => self.world.seen.known += 1,
            Some(Ingested::Gap { .. }) => self.world.seen.held += 1,
            None => {}
            Some(Ingested::Equivocation) => {
                let id = message.batch.id;
                return Err(format!(
                    "{id:?} is known to the database with other content"
                ));
            }
        }
        // The answer may get lost like the batch.
        let lost = !self.world.calm && self.world.chance.percent(self.world.knobs.lost_percent);
        self.answer(message, answer.filter(|_| !lost));
        Ok(())
    }

    fn answer(&mut self, message: &Message, answer: Option<Ingested>) {
        if answer.is_none() {
            self.world.seen.dropped += 1;
        }
        let has = matches!(answer, Some(Ingested::Counted | Ingested::Known));
        let sent = (message.boot, message.batch.id);
        self.machines[message.machine].answered(sent, has, &mut self.world);
    }

    /// No more crashes: all executions end, everything is sent, and every epoch is closed.
    fn finish(&mut self) -> Result<(), String> {
        self.world.calm = true;
        self.network.clear();
        for machine in &mut self.machines {
            machine.finish(&mut self.world)?;
        }
        self.flush()?;
        for machine in &mut self.machines {
            machine.close(&mut self.world)?;
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<(), String> {
        let backlog = |machines: &[Machine]| machines.iter().map(Machine::backlog).sum::<usize>();
        loop {
            let before = backlog(&self.machines);
            if before == 0 {
                return Ok(());
            }
            for number in 0..self.machines.len() {
                self.machines[number].send(number, &mut self.world, &mut self.network);
                while let Some(message) = self.network.pop_front() {
                    self.ingest(&message, None)?;
                }
            }
            if backlog(&self.machines) == before {
                return Err(format!("{before} batches are stuck"));
            }
        }
    }

    fn verify(mut self) -> Result<Seen, String> {
        let (world, database) = (&mut self.world, &self.database);
        let quarantined: usize = self.machines.iter().map(Machine::quarantined).sum();
        check("segments set aside", quarantined, 0)?;
        let (mut started, mut ended, mut events, mut open) = (0, 0, 0, 0);
        for ((executor, number), epoch) in &database.epochs {
            let (counts, name) = (epoch.counts, format!("{executor}, epoch {number}"));
            let numbered = counts.started + counts.ended + counts.platform_lost;
            check(
                &format!("{name}: events by their numbers"),
                epoch.last_event,
                numbered,
            )?;
            check(&format!("{name}: events missing"), counts.missing, 0)?;
            let over = counts.ended + counts.platform_lost;
            check(&format!("{name}: started"), counts.started, over)?;
            started += counts.started;
            ended += counts.ended;
            events += counts.settled_apart;
            open += u64::from(!epoch.closed);
        }
        // The epoch of the last start may have told of itself, and cannot be closed.
        if open > MACHINES {
            return Err(format!("{open} epochs are not closed"));
        }
        let (truth, seen) = (&world.truth, &mut world.seen);
        check("executions that are counted", ended, truth.ended)?;
        check("events that are counted", events, truth.events)?;
        check("starts that are counted", started, truth.started)?;
        let answered = seen.answered + seen.cut_off - seen.taken;
        check(
            "executions that are counted by the callers' list",
            ended.cast_unsigned(),
            answered,
        )?;
        let (are, must_be) = (database.sums(), truth.sums(&world.functions));
        seen.difference = Difference::between(&are, &must_be);
        if seen.difference != Difference::default() {
            let Difference {
                requests,
                mb_ms,
                cents,
            } = seen.difference;
            return Err(format!(
                "the database is off by {requests} requests, {mb_ms} MB·ms, {cents} cents"
            ));
        }
        let (requests, mb_ms, cents) = super::truth::totals(&are);
        (seen.schedules, seen.requests, seen.mb_ms, seen.cents) = (1, requests, mb_ms, cents);
        Ok(*seen)
    }
}

fn check<T: PartialEq + Copy + std::fmt::Display>(
    what: &str,
    is: T,
    must_be: T,
) -> Result<(), String> {
    if is == must_be {
        return Ok(());
    }
    Err(format!("{what}: {is}, and there must be {must_be}"))
}

/// The machine's clock jumps, to and fro, over hours and the end of the month.
fn jump(machine: &mut Machine, world: &mut World) {
    world.seen.jumps += 1;
    let most_s = if world.chance.one_in(20) {
        26 * 3_600
    } else {
        2 * 3_600
    };
    let by = TimeDelta::seconds(world.chance.spread(1, most_s).cast_signed());
    machine.now = if world.chance.one_in(2) {
        machine.now + by
    } else {
        machine.now - by
    };
}
