//! What a kill and what a power failure leave of a machine's files.
//!
//! A kill leaves every write that was done, and of the one that it fell into any number of first bytes. A power failure leaves what
//! was synced, and of the log behind that any number of first bytes, with some rubbish behind them now and then.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::super::super::segment::{self, Segment};
use super::chance::Chance;
use super::truth::{Line, Truth};

/// A record that was written: it counts once nothing can take it from the disk any more.
#[derive(Debug)]
struct Written {
    inode: u64,
    /// Offset behind its frame.
    to: u64,
    record: Wrote,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Wrote {
    Start,
    /// An end, and whether its caller has heard of it.
    End(Line, bool),
}

/// Executions of whose ends a power failure has left nothing, and whether their callers had been answered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) answered: u64,
    pub(super) unanswered: u64,
}

#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Bytes of a file that are on disk, by inode.
    synced: HashMap<u64, u64>,
    written: Vec<Written>,
    /// The inode of the segment that was asked about last.
    last: Option<(i64, u64, u64)>,
}

impl Disk {
    fn inode(&mut self, segment: &Segment) -> u64 {
        if let Some((epoch, number, inode)) = self.last
            && (epoch, number) == (segment.epoch, segment.number)
        {
            return inode;
        }
        let inode = segment.file.metadata().unwrap().ino();
        self.last = Some((segment.epoch, segment.number, inode));
        inode
    }

    /// A record was written at the end of `segment`, which is `to` bytes long with it.
    pub(super) fn wrote(&mut self, segment: &Segment, to: u64, record: Wrote) {
        let inode = self.inode(segment);
        self.written.push(Written { inode, to, record });
    }

    /// The spool has synced these files.
    pub(super) fn sync(&mut self, files: &[std::sync::Arc<File>], truth: &mut Truth) {
        for file in files {
            file.sync_data().unwrap();
            let file = file.metadata().unwrap();
            self.synced.insert(file.ino(), file.len());
        }
        self.settle(truth);
    }

    /// All that is in `dir` is synced.
    pub(super) fn sync_all(&mut self, dir: &Path, truth: &mut Truth) {
        for name in segment::list(dir).unwrap() {
            let file = std::fs::metadata(&name.path).unwrap();
            self.synced.insert(file.ino(), file.len());
        }
        self.settle(truth);
    }

    /// Hands over what is on disk for good.
    fn settle(&mut self, truth: &mut Truth) {
        let synced = &self.synced;
        self.written.retain(|written| {
            let safe = synced
                .get(&written.inode)
                .is_some_and(|to| written.to <= *to);
            if safe {
                written.record.stays(truth);
            }
            !safe
        });
    }

    /// Deletes a segment: its inode may be another file's soon.
    pub(super) fn retire(&mut self, segment: &Segment) {
        self.synced.remove(&segment.file.metadata().unwrap().ino());
        segment.retire().unwrap();
    }

    /// A power failure; answers what it took.
    pub(super) fn power_failure(
        &mut self,
        dir: &Path,
        chance: &mut Chance,
        truth: &mut Truth,
    ) -> Taken {
        let mut tails = Vec::new();
        for name in segment::list(dir).unwrap() {
            let file = File::options().write(true).open(&name.path).unwrap();
            let (inode, length) = file
                .metadata()
                .map(|file| (file.ino(), file.len()))
                .unwrap();
            // A recovery that was killed may have cut a torn tail that an earlier failure had left for good.
            let synced = self.synced.get(&inode).copied().unwrap_or_default();
            let synced = synced.min(length);
            tails.push((file, inode, synced, length));
        }
        let unsynced = tails.iter().map(|(_, _, synced, length)| length - synced);
        let unsynced: u64 = unsynced.sum();
        let mut left = chance.below(unsynced + 1);
        for (file, inode, synced, length) in tails {
            let kept = synced + left.min(length - synced);
            left -= kept - synced;
            file.set_len(kept).unwrap();
            if synced < kept && kept < length && chance.one_in(3) {
                let rubbish = vec![0xFF; usize::try_from((length - kept).min(64)).unwrap()];
                file.write_all_at(&rubbish, kept).unwrap();
            }
            self.synced.insert(inode, kept);
        }
        self.settle(truth);
        let mut taken = Taken::default();
        for written in self.written.drain(..) {
            match written.record {
                Wrote::End(_, true) => taken.answered += 1,
                Wrote::End(_, false) => taken.unanswered += 1,
                Wrote::Start => {}
            }
        }
        taken
    }
}

impl Wrote {
    fn stays(self, truth: &mut Truth) {
        match self {
            Self::Start => truth.started += 1,
            Self::End(line, _) => truth.count(line),
        }
    }
}

/// A kill fell into the write that led from `before` to `after`: answers how many bytes of `after` it has left.
pub(super) fn tear(chance: &mut Chance, before: &Segment, after: &Segment) -> u64 {
    // All of the write, nothing of it, or some.
    let some = |chance: &mut Chance, from: u64, to: u64| match chance.below(4) {
        0 => to,
        1 => from,
        _ => from + chance.below(to - from + 1),
    };
    if before.number == after.number {
        let kept = some(chance, before.bytes, after.bytes);
        after.file.set_len(kept).unwrap();
        return kept;
    }
    // A roll: the new file is made, the old one gets its seal, then the new one its head.
    if chance.one_in(2) {
        let sealed = before.file.metadata().unwrap().len();
        let kept = some(chance, before.bytes, sealed);
        before.file.set_len(kept).unwrap();
        after.file.set_len(0).unwrap();
        return 0;
    }
    let kept = some(chance, 0, after.bytes);
    after.file.set_len(kept).unwrap();
    kept
}
