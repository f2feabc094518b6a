//! What executors have written down of their runs, read from their spools' files with eyes of the load tests' own.
//!
//! An executor writes a start before it lets a handler run, and an end before it answers. Its file stays until the next boot, for a
//! segment is left at 16 MiB only; so whoever looks into the directory of an executor that was just killed sees every run of that
//! boot, and which of them the executor lived to write the end of. The layout is described in `services/executor/src/spool/mod.rs`:
//! frames of a length, a checksum and a payload. Nothing of the executor's code is used to read them, and checksums are not looked
//! at: a kill leaves whole frames and at most one that is cut off.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use uuid::Uuid;

/// Length and checksum.
const FRAME_BYTES: usize = 8;

/// A run with its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) executor: Uuid,
    pub(crate) request: Uuid,
    pub(crate) attempt: u32,
    pub(crate) account: i64,
    pub(crate) region: String,
    pub(crate) function_arn: String,
    /// Both in 1970's microseconds.
    pub(crate) booked_us: i64,
    pub(crate) ended_us: i64,
    pub(crate) arm: bool,
    pub(crate) memory_mb: u32,
    pub(crate) billed_ms: u64,
}

impl Run {
    pub(crate) fn mb_ms(&self) -> i128 {
        i128::from(self.memory_mb) * i128::from(self.billed_ms)
    }

    /// Whether it ran an event: these have ids that carry a time.
    pub(crate) fn is_event(&self) -> bool {
        self.request.get_version_num() == 7
    }
}

/// A record's place: the executor, its boot, and the record's number in it.
type Place = (Uuid, i64, i64);

/// All that was read so far; the same file may be read any number of times.
#[derive(Debug, Default)]
pub(crate) struct Spools {
    starts: HashSet<Place>,
    runs: BTreeMap<Place, Run>,
    /// Records of each boot that were read, of whatever kind, and the highest number among them.
    boots: BTreeMap<(Uuid, i64), (HashSet<i64>, i64)>,
}

impl Spools {
    /// Reads the spool of an executor that does not run.
    pub(crate) fn read(&mut self, dir: &Path) -> Result<()> {
        let listed = std::fs::read_dir(dir).with_context(|| dir.display().to_string())?;
        for entry in listed {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(executor) = name.and_then(|name| name.parse().ok()) {
                self.read_segments(executor, &path)?;
            }
        }
        Ok(())
    }

    fn read_segments(&mut self, executor: Uuid, dir: &Path) -> Result<()> {
        let listed = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
        let mut paths = listed.collect::<Result<Vec<PathBuf>>>()?;
        paths.sort();
        for path in paths {
            let name = path.file_stem().and_then(|name| name.to_str());
            let epoch = name.and_then(|name| name.split_once('-')?.0.parse().ok());
            if path.extension().is_some_and(|end| end == "seg")
                && let Some(epoch) = epoch
            {
                let bytes = std::fs::read(&path)?;
                self.read_frames((executor, epoch), &bytes)
                    .with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    fn read_frames(&mut self, (executor, epoch): (Uuid, i64), mut bytes: &[u8]) -> Result<()> {
        while let Some(payload) = next_frame(&mut bytes) {
            let (kind, fields) = payload.split_first().context("an empty frame")?;
            let mut fields = Fields(fields);
            if !matches!(kind, b'S' | b'E') {
                continue;
            }
            let event = fields.i64().context("a torn record")?;
            let place = (executor, epoch, event);
            let (seen, last) = self.boots.entry((executor, epoch)).or_default();
            seen.insert(event);
            *last = event.max(*last);
            if *kind == b'S' {
                self.starts.insert(place);
                continue;
            }
            let end = fields.end(executor).context("a torn record")?;
            let started = (executor, epoch, end.start);
            ensure!(
                self.starts.contains(&started),
                "an end without its start: {place:?}"
            );
            if let Some(run) = end.run {
                self.runs.insert(place, run);
            }
        }
        Ok(())
    }

    /// The boots that were read.
    pub(crate) fn boots(&self) -> impl Iterator<Item = (Uuid, i64)> {
        self.boots.keys().copied()
    }

    /// Runs that began.
    pub(crate) fn begun(&self) -> usize {
        self.starts.len()
    }

    /// Runs whose end was written. An error where a record of any boot was not read.
    pub(crate) fn ended(&self) -> Result<Vec<&Run>> {
        for ((executor, epoch), (seen, last)) in &self.boots {
            ensure!(
                i64::try_from(seen.len())? == *last,
                "of boot {epoch} of executor {executor} {} of {last} records were read",
                seen.len()
            );
        }
        Ok(self.runs.values().collect())
    }
}

/// Takes the next whole frame off; what is cut off is none.
fn next_frame<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(FRAME_BYTES)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?);
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(payload)
}

struct End {
    start: i64,
    /// `None`: it was lost, by the executor's own account.
    run: Option<Run>,
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u32()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn end(&mut self, executor: Uuid) -> Option<End> {
        let (start, booked_us, billed_ms) = (self.i64()?, self.i64()?, self.u64()?);
        let (request, attempt) = (Uuid::from_bytes(self.array()?), self.u32()?);
        let (account, region, function_arn) = (self.i64()?, self.text()?, self.text()?);
        let (_version, arm) = (self.text()?, self.byte()? == 1);
        let (memory_mb, _ephemeral_mb) = (self.u32()?, self.u32()?);
        // How long INIT and handler took, and bytes in and out.
        self.take(4 * 8)?;
        let (outcome, _started_us, ended_us) = (self.byte()?, self.i64()?, self.i64()?);
        let run = Run {
            executor,
            request,
            attempt,
            account,
            region,
            function_arn,
            booked_us,
            ended_us,
            arm,
            memory_mb,
            billed_ms,
        };
        Some(End {
            start,
            run: (outcome < 2).then_some(run),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        [&length.to_le_bytes(), &[0; 4][..], payload].concat()
    }

    fn start(event: i64) -> Vec<u8> {
        frame(&[&b"S"[..], &event.to_le_bytes(), b"the rest"].concat())
    }

    fn end(event: i64, of: i64, billed_ms: u64, outcome: u8) -> Vec<u8> {
        let text = |text: &str| {
            let length = u32::try_from(text.len()).unwrap();
            [&length.to_le_bytes(), text.as_bytes()].concat()
        };
        let mut payload = b"E".to_vec();
        for number in [event, of, 1_000] {
            payload.extend(number.to_le_bytes());
        }
        payload.extend(billed_ms.to_le_bytes());
        payload.extend(Uuid::from_u128(7).as_bytes());
        payload.extend(1_u32.to_le_bytes());
        payload.extend(42_i64.to_le_bytes());
        payload.extend([text("us-east-1"), text("arn"), text("$LATEST")].concat());
        payload.push(1);
        for mb in [1_024_u32, 512] {
            payload.extend(mb.to_le_bytes());
        }
        payload.extend([0; 32]);
        payload.push(outcome);
        for at in [900_i64, 1_100] {
            payload.extend(at.to_le_bytes());
        }
        frame(&payload)
    }

    fn read(bytes: &[u8]) -> Result<Spools> {
        let mut spools = Spools::default();
        spools.read_frames((Uuid::nil(), 1), bytes)?;
        spools.read_frames((Uuid::nil(), 1), bytes)?;
        Ok(spools)
    }

    #[test]
    fn what_was_read_twice_is_there_once_and_what_is_cut_off_is_not_there() {
        let whole = [start(1), start(2), end(3, 1, 5, 0), end(4, 2, 7, 2)].concat();
        let spools = read(&whole).unwrap();
        assert_eq!(spools.begun(), 2);
        let ended = spools.ended().unwrap();
        let [run] = ended.as_slice() else {
            panic!("{ended:?}")
        };
        assert_eq!(
            (run.mb_ms(), run.ended_us, run.arm),
            (5 * 1_024, 1_100, true)
        );
        let torn = read(&whole[..whole.len() - 1]).unwrap();
        assert_eq!((torn.begun(), torn.ended().unwrap().len()), (2, 1));
    }

    #[test]
    fn a_gap_is_told_and_an_end_has_a_start() {
        let spools = read(&[start(1), start(3)].concat()).unwrap();
        assert!(spools.ended().is_err());
        assert!(read(&end(2, 1, 5, 0)).is_err());
    }
}
