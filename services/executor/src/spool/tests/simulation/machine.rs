//! A machine with an executor on it: runs executions, syncs, seals, sends and recovers as the spool's background does, and is killed
//! in the middle of any of it.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use chassis::Ids;
use chrono::{DateTime, TimeDelta, Utc};
use domain::event::EventId;
use domain::execution::{Execution, Outcome};
use domain::usage::{Batch, BatchId};
use uuid::Uuid;

use super::super::super::directory::Directory;
use super::super::super::journal::{Journal, Legacy};
use super::super::super::options::{Error, Options};
use super::super::super::record::{Found, StartRecord, scan};
use super::super::super::segment::{self, Segment};
use super::super::super::{batch, recovery};
use super::chance::Chance;
use super::disk::{Disk, Wrote, tear};
use super::truth::Line;
use super::{Flaw, World};

/// As in the journal: an end stamped so shortly before what is covered is booked at what is covered.
const STAMP_SLACK_S: i64 = 60;

/// Batches that are sent at once.
const SENT_AT_ONCE: usize = 6;

pub(super) struct Machine {
    options: Options,
    executor: Uuid,
    /// Wall clock of this machine, which others need not share.
    pub(super) now: DateTime<Utc>,
    disk: Disk,
    boot: Option<Boot>,
    boots: u64,
    /// Attempts of events that the kill before has left without an end, where the next boot must find just these.
    left_open: Option<Vec<(Uuid, u16)>>,
}

/// An executor that runs.
struct Boot {
    journal: Journal,
    directory: Directory,
    running: Vec<Running>,
    /// Batches that were sent and are neither acknowledged nor given up.
    sent: HashSet<BatchId>,
}

struct Running {
    event: i64,
    function: usize,
    start: StartRecord,
}

/// A batch on its way.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) machine: usize,
    /// Which boot sent it: no other hears the answer.
    pub(super) boot: u64,
    pub(super) batch: Batch,
}

impl Machine {
    pub(super) fn new(options: Options, executor: Uuid, now: DateTime<Utc>) -> Self {
        // So that nothing of a schedule depends on anything but its seed.
        let segments = options.dir.join(executor.to_string());
        std::fs::create_dir_all(segments.join("quarantine")).unwrap();
        let identity = format!("{executor} 1\n");
        std::fs::write(options.dir.join("executor"), identity).unwrap();
        Self {
            options,
            executor,
            now,
            disk: Disk::default(),
            boot: None,
            boots: 0,
            left_open: None,
        }
    }

    fn segments(&self) -> PathBuf {
        self.options.dir.join(self.executor.to_string())
    }

    pub(super) fn runs(&self) -> bool {
        self.boot.is_some()
    }

    pub(super) fn running(&self) -> usize {
        self.boot.as_ref().map_or(0, |boot| boot.running.len())
    }

    pub(super) fn batch_is_full(&self) -> bool {
        let events_max = self.options.batch_events_max.into();
        let boot = self.boot.as_ref();
        boot.is_some_and(|boot| boot.journal.unsealed() >= events_max)
    }

    /// As the spool's background: an empty batch is a sign of life, and only queues up while others wait.
    pub(super) fn wants_seal(&self) -> bool {
        let boot = self.boot.as_ref();
        boot.is_some_and(|boot| boot.journal.unsealed() > 0 || boot.journal.backlog() == 0)
    }

    pub(super) fn backlog(&self) -> usize {
        self.boot.as_ref().map_or(0, |boot| boot.journal.backlog())
    }

    /// `kill -9`, or a power failure.
    pub(super) fn crash(&mut self, world: &mut World) {
        if world.chance.percent(world.knobs.power_percent) {
            self.power_failure(world);
        } else {
            self.kill(world);
        }
    }

    /// `kill -9`: the files stay as they are.
    fn kill(&mut self, world: &mut World) {
        let Some(boot) = self.boot.take() else { return };
        world.seen.kills += 1;
        world.seen.lost += boot.running.len() as u64;
        self.left_open = Some(events(boot.running.iter().map(|running| &running.start)));
    }

    /// Whatever runs, or nothing any more, the machine has no power for a moment.
    pub(super) fn power_failure(&mut self, world: &mut World) {
        if let Some(boot) = self.boot.take() {
            world.seen.lost += boot.running.len() as u64;
        }
        world.seen.power_failures += 1;
        self.left_open = None;
        let (dir, chance) = (self.segments(), &mut world.chance);
        let taken = self.disk.power_failure(&dir, chance, &mut world.truth);
        world.seen.taken += taken.answered;
        world.seen.cut_off -= taken.unanswered;
    }

    /// An execution is about to run.
    pub(super) fn start(&mut self, world: &mut World) {
        self.now += TimeDelta::milliseconds(world.chance.below(20).cast_signed());
        let Some(boot) = &mut self.boot else { return };
        let fault = world.fault(1);
        let before = fault.then(|| boot.journal.active().clone());
        let (function, start) = draw(world, self.now);
        let event = match boot.journal.start(&start, self.now) {
            Ok((event, _)) => event,
            Err(Error::Full { .. } | Error::Io { .. }) => {
                world.seen.refused += 1;
                return;
            }
            Err(error) => panic!("{error}"),
        };
        world.seen.executions += 1;
        let after = boot.journal.active();
        let (to, torn) = (
            after.bytes,
            before.map(|before| tear(&mut world.chance, &before, after)),
        );
        if torn.is_some_and(|kept| kept < to) {
            world.seen.lost += 1;
            return self.kill(world);
        }
        self.disk.wrote(after, to, Wrote::Start);
        boot.running.push(Running {
            event,
            function,
            start,
        });
        if torn.is_some() {
            self.kill(world);
        }
    }

    /// One of the executions that run ends, and its caller is answered.
    pub(super) fn end(&mut self, world: &mut World) {
        self.now += TimeDelta::milliseconds(world.chance.below(20).cast_signed());
        let Some(boot) = &mut self.boot else { return };
        if boot.running.is_empty() {
            return;
        }
        let running = boot
            .running
            .swap_remove(world.chance.index(boot.running.len()));
        let covers_until = boot.journal.covers_until();
        let (line, execution) = ended(&running, covers_until, self.now, &mut world.chance);
        // The moment that matters most: between the write and the answer.
        let fault = world.fault(4);
        let before = fault.then(|| boot.journal.active().clone());
        boot.journal
            .end(running.event, &execution, line.billed_ms)
            .unwrap();
        let after = boot.journal.active();
        let to = after.bytes;
        let Some(before) = before else {
            world.seen.answered += 1;
            self.disk.wrote(after, to, Wrote::End(line, true));
            return;
        };
        // Killed in the middle of the write, or behind it and before the answer.
        if tear(&mut world.chance, &before, after) == to {
            world.seen.cut_off += 1;
            self.disk.wrote(after, to, Wrote::End(line, false));
        } else {
            if world.flaw == Flaw::AnswersBeforeEnd {
                world.seen.answered += 1;
                world.truth.count(line);
            }
            // Its start is still there without an end.
            boot.running.push(running);
        }
        self.kill(world);
    }

    /// The sandbox of one of the executions is gone, and the executor is not.
    pub(super) fn lose(&mut self, world: &mut World) {
        let Some(boot) = &mut self.boot else { return };
        if let Some(running) = boot.running.pop() {
            boot.journal.lose(running.event, self.now).unwrap();
            world.seen.lost += 1;
        }
    }

    /// What `spool::keeper` does every 20 ms while something is written, and before it sends a batch.
    pub(super) fn sync(&mut self, world: &mut World) {
        let Some(boot) = &mut self.boot else { return };
        let files = boot.journal.take_unsynced();
        if world.fault(16) {
            let done = world.chance.index(files.len() + 1);
            self.disk.sync(&files[..done], &mut world.truth);
            return self.crash(world);
        }
        self.disk.sync(&files, &mut world.truth);
    }

    /// As `spool::keeper::seal_and_roll`.
    pub(super) fn seal(&mut self, world: &mut World) {
        let Some(boot) = &mut self.boot else { return };
        let (torn, stopped) = (world.fault(32), world.fault(32));
        let before = boot.journal.active().clone();
        boot.journal.seal(self.now).unwrap();
        if torn {
            tear(&mut world.chance, &before, boot.journal.active());
            return self.kill(world);
        }
        if !boot.journal.wants_roll() {
            return;
        }
        let (dir, number, capacity) = boot.journal.allot_segment();
        let Ok(segment) = Segment::create(&dir, boot.journal.epoch, number, capacity) else {
            return;
        };
        if stopped {
            return self.crash(world);
        }
        let before = boot.journal.active().clone();
        boot.journal
            .roll(Some((segment, capacity)), self.now)
            .unwrap();
        world.seen.rolls += 1;
        if world.fault(32) {
            tear(&mut world.chance, &before, boot.journal.active());
            self.kill(world);
        }
    }

    /// Puts batches on their way, some of them twice.
    pub(super) fn send(
        &mut self,
        number: usize,
        world: &mut World,
        network: &mut VecDeque<Message>,
    ) {
        if world.flaw != Flaw::SendsUnsynced {
            self.sync(world);
        }
        let Some(boot) = &mut self.boot else { return };
        let mut sent = 0;
        for pending in boot.journal.all_pending() {
            if boot.sent.contains(&pending.id) && !world.chance.one_in(8) {
                continue;
            }
            let loaded = batch::load(&pending).unwrap();
            assert!(
                !loaded.damaged,
                "a batch cannot be read in full: {pending:?}"
            );
            boot.sent.insert(pending.id);
            let message = Message {
                machine: number,
                boot: self.boots,
                batch: loaded.batch,
            };
            if world.chance.percent(world.knobs.twice_percent) {
                network.push_back(message.clone());
            }
            network.push_back(message);
            sent += 1;
            if sent == SENT_AT_ONCE {
                break;
            }
        }
    }

    /// The database has the batch, or whoever waited for its answer has given up.
    pub(super) fn answered(
        &mut self,
        (boot_number, id): (u64, BatchId),
        has: bool,
        world: &mut World,
    ) {
        let Some(boot) = self.boot.as_mut().filter(|_| self.boots == boot_number) else {
            return;
        };
        boot.sent.remove(&id);
        if !has {
            return;
        }
        let retired = boot.journal.acknowledge(id);
        let fault = !retired.is_empty() && world.fault(32);
        let done = if fault {
            world.chance.index(retired.len() + 1)
        } else {
            retired.len()
        };
        for segment in &retired[..done] {
            self.disk.retire(segment);
        }
        if fault {
            self.crash(world);
        }
    }

    /// The disk makes no new file for a while: calls are refused, and no end fails.
    pub(super) fn fill_up(&mut self, world: &mut World) {
        let Some(boot) = &self.boot else { return };
        let (dir, away) = (
            boot.directory.segments.clone(),
            self.options.dir.join("away"),
        );
        std::fs::rename(&dir, &away).unwrap();
        let calm = std::mem::replace(&mut world.calm, true);
        for _ in 0..world.chance.below(60) {
            if world.chance.one_in(2) {
                self.start(world);
            } else {
                self.end(world);
            }
        }
        world.calm = calm;
        std::fs::rename(&away, &dir).unwrap();
    }

    /// As `Spool::open`; killed on the way now and then, at each of its steps.
    pub(super) fn start_up(&mut self, world: &mut World) -> Result<(), String> {
        self.boots += 1;
        let stopped = if world.fault(1 << 20) {
            world.chance.below(6)
        } else {
            u64::MAX
        };
        if stopped == 0 {
            // The identity's new text is not in its place yet.
            std::fs::write(self.options.dir.join("executor.new"), "torn").unwrap();
            return Ok(());
        }
        let directory = Directory::take(&self.options.dir, Ids).unwrap();
        if stopped == 1 {
            return Ok(());
        }
        let (executor, epoch, dir) = (
            directory.executor,
            directory.epoch,
            directory.segments.clone(),
        );
        let found = (stopped == 2).then(|| sound_lengths(&dir));
        let legacy = recovery::recover(&dir, executor, epoch, self.now).unwrap();
        if let Some(found) = found {
            world.seen.kills += 1;
            self.left_open = None;
            unfinish(&found, &mut world.chance);
            return Ok(());
        }
        if world.flaw != Flaw::RecoversUnsynced {
            self.disk.sync_all(&dir, &mut world.truth);
        }
        self.check_left_open(&legacy)?;
        let journal =
            Journal::begin(&self.options, (executor, epoch, dir), legacy, self.now).unwrap();
        if stopped == 3 {
            world.seen.kills += 1;
            let active = journal.active();
            active
                .file
                .set_len(world.chance.below(active.bytes + 1))
                .unwrap();
            return Ok(());
        }
        self.boot = Some(Boot {
            journal,
            directory,
            running: Vec::new(),
            sent: HashSet::new(),
        });
        Ok(())
    }

    fn check_left_open(&mut self, legacy: &Legacy) -> Result<(), String> {
        let Some(mut must_be) = self.left_open.take() else {
            return Ok(());
        };
        let told = legacy.lost_events.iter().flat_map(|(_, attempts)| attempts);
        let mut told: Vec<_> = told.copied().collect();
        told.sort_unstable();
        must_be.sort_unstable();
        if told == must_be {
            return Ok(());
        }
        Err(format!(
            "{must_be:?} were running, and {told:?} are told to be lost"
        ))
    }

    /// Ends all that runs and stops in order.
    pub(super) fn finish(&mut self, world: &mut World) -> Result<(), String> {
        while self.boot.is_none() {
            self.start_up(world)?;
        }
        while self.running() > 0 {
            self.end(world);
        }
        self.seal(world);
        if let Some(boot) = &mut self.boot {
            boot.sent.clear();
        }
        Ok(())
    }

    /// Stops where nothing runs, and starts again: the epoch is closed.
    pub(super) fn close(&mut self, world: &mut World) -> Result<(), String> {
        self.boot = None;
        self.disk.sync_all(&self.segments(), &mut world.truth);
        self.start_up(world)
    }

    /// Segments that were set aside: none, for nothing was damaged.
    pub(super) fn quarantined(&self) -> usize {
        let dir = self.segments().join("quarantine");
        std::fs::read_dir(dir).unwrap().count()
    }
}

fn events<'a>(starts: impl Iterator<Item = &'a StartRecord>) -> Vec<(Uuid, u16)> {
    let events = starts.filter(|start| EventId::new(start.request_id).is_some());
    events
        .map(|start| (start.request_id, u16::try_from(start.attempt).unwrap()))
        .collect()
}

/// One of the functions, called or handed an event.
fn draw(world: &mut World, now: DateTime<Utc>) -> (usize, StartRecord) {
    let chance = &mut world.chance;
    let function = chance.index(world.functions.len());
    let event = chance.one_in(8);
    let version: u128 = if event { 7 } else { 4 };
    let id = (u128::from(chance.number()) << 64) | u128::from(chance.number());
    let id = (id & !(0xF << 76)) | (version << 76);
    let start = StartRecord {
        request_id: Uuid::from_u128(id),
        attempt: if event {
            1 + u32::try_from(chance.below(3)).unwrap()
        } else {
            1
        },
        started_at: now,
        ..world.functions[function].clone()
    };
    (function, start)
}

/// How an execution ended, and where that must be booked.
fn ended(
    running: &Running,
    covers_until: DateTime<Utc>,
    now: DateTime<Utc>,
    chance: &mut Chance,
) -> (Line, Execution) {
    // The stamp may be older than the record.
    let age_s = if chance.one_in(16) {
        chance.below(90).cast_signed()
    } else {
        0
    };
    let ended_at = now - TimeDelta::seconds(age_s);
    let late = covers_until - ended_at;
    let moved = late > TimeDelta::zero() && late <= TimeDelta::seconds(STAMP_SLACK_S);
    let booked_at = if moved { covers_until } else { ended_at };
    let billed_ms = chance.spread(1, 900_000);
    let start = running.start.clone();
    let line = Line {
        function: running.function,
        hour: booked_at.timestamp().div_euclid(3_600),
        billed_ms,
        event: EventId::new(start.request_id).is_some(),
    };
    let failed = chance.one_in(10);
    let execution = Execution {
        outcome: if failed {
            Outcome::FunctionError
        } else {
            Outcome::Success
        },
        invoke_ns: billed_ms * 1_000_000,
        response_bytes: chance.below(1 << 20),
        ..start.lost(ended_at)
    };
    (line, execution)
}

/// The segments before a recovery, and how many of their bytes are sound.
fn sound_lengths(dir: &Path) -> Vec<(PathBuf, u64)> {
    let names = segment::list(dir).unwrap().into_iter();
    let sound = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        let ends = scan(&bytes).filter_map(|found| match found {
            Found::Frame { end, .. } => Some(end as u64),
            Found::Damage { .. } => None,
        });
        ends.last().unwrap_or_default()
    };
    names
        .map(|name| (name.path.clone(), sound(&name.path)))
        .collect()
}

/// Takes a part of what a recovery has written away again: it was killed on the way, and had not come to what it does last.
fn unfinish(found: &[(PathBuf, u64)], chance: &mut Chance) {
    let open = |path: &Path| std::fs::File::options().write(true).open(path).ok();
    let written: Vec<_> = found
        .iter()
        .filter_map(|(path, sound)| {
            let file = open(path)?;
            let length = file.metadata().unwrap().len();
            (length > *sound).then_some((file, *sound, length))
        })
        .collect();
    if written.is_empty() {
        return;
    }
    let reached = chance.index(written.len());
    for (index, (file, sound, length)) in written.iter().enumerate().skip(reached) {
        let more = if index == reached {
            chance.below(length - sound + 1)
        } else {
            0
        };
        file.set_len(sound + more).unwrap();
    }
}
