//! What a process let run, in a file: a counter for each task, written before its call runs. A kill takes nothing of what was
//! written with it, for the kernel has it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};

/// Bytes of a counter.
const SIZE: usize = 8;

/// A task's counter.
pub(super) struct Pen {
    file: Arc<File>,
    at: u64,
    count: u64,
}

impl Pen {
    /// The counters of a file, which go on where an earlier process was killed.
    pub(super) fn all(path: &Path, tasks: u32) -> Result<Vec<Self>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| path.display().to_string())?;
        let (file, counts) = (Arc::new(file), counts(path)?);
        let mut pens = Vec::new();
        for (at, task) in (0..).step_by(SIZE).zip(0..tasks as usize) {
            let count = counts.get(task).copied().unwrap_or(0);
            let file = Arc::clone(&file);
            pens.push(Self { file, at, count });
        }
        Ok(pens)
    }

    /// One more runs.
    pub(super) fn ran(&mut self) -> std::io::Result<()> {
        self.count += 1;
        self.file.write_all_at(&self.count.to_le_bytes(), self.at)
    }
}

fn counts(path: &Path) -> Result<Vec<u64>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let (counters, _) = bytes.as_chunks::<SIZE>();
    Ok(counters
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes))
        .collect())
}

/// How many calls ran at the least, by a file that is written meanwhile: read twice, for one reading may see half of a write.
pub(super) fn runs(path: &Path) -> Result<u64> {
    if !path.exists() {
        return Ok(0);
    }
    let (first, second) = (counts(path)?, counts(path)?);
    Ok(first
        .iter()
        .zip(&second)
        .map(|(one, two)| one.min(two))
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_after_a_kill() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("record");
        assert_eq!(runs(&path).expect("none yet"), 0);
        for life in 1..=3 {
            let mut pens = Pen::all(&path, 3).expect("a record");
            for (pen, times) in pens.iter_mut().zip([0, 1, 300]) {
                for _ in 0..times {
                    pen.ran().expect("written");
                }
            }
            assert_eq!(runs(&path).expect("a record"), life * 301);
        }
    }
}
