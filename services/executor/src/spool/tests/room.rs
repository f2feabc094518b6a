use std::process::Command;

use super::super::options::{Error, Options};
use super::{Boot, at, end_of, quarantined, start_of, sums};

#[test]
fn above_the_high_water_mark_starts_are_refused_and_ends_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 8 << 10,
        high_water_bytes: 64 << 10,
        ..Options::new(dir.path().to_owned())
    };
    let mut boot = Boot::of(&options);
    let start = start_of("f", 128);
    let mut running = Vec::new();
    let refused = loop {
        match boot.journal.start(&start, at(100)) {
            Ok((event, _)) => running.push(event),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Full { .. }), "{refused}");
    assert!(running.len() > 50);
    let count = running.len() as i128;
    for event in running {
        boot.journal
            .end(event, &end_of(&start, 1, at(100)), 1)
            .unwrap();
    }
    // Ends had room put aside for them.
    assert!(boot.journal.bytes() <= 80 << 10);
    boot.journal.roll(None, at(101)).unwrap();
    assert_eq!(sums(&boot.batches()), (count, 128 * count));
    boot.acknowledge_all();
    boot.run("f", 128, 1);
}

/// On a disk of 1 MiB: when it is full, starts are refused, every running execution still ends, and nothing is lost.
#[test]
fn a_full_disk_refuses_starts_and_takes_every_end() {
    const CHILD: &str = "TOLLGATE_TEST_TINY_DISK";
    let test = "spool::tests::room::a_full_disk_refuses_starts_and_takes_every_end";
    if let Ok(dir) = std::env::var(CHILD) {
        return on_a_tiny_disk(&dir);
    }
    // The disk is a tmpfs in a mount namespace of the child's own.
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {0} && exec {1} --exact {test} --nocapture",
        dir.path().display(),
        std::env::current_exe().unwrap().display(),
    );
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn on_a_tiny_disk(dir: &str) {
    let options = Options {
        segment_bytes: 64 << 10,
        ..Options::new(dir.into())
    };
    let mut boot = Boot::of(&options);
    let start = start_of("f", 128);
    let mut running = Vec::new();
    let refused = loop {
        match boot.journal.start(&start, at(100)) {
            Ok((event, _)) => running.push(event),
            Err(error) => break error,
        }
        assert!(running.len() < 100_000, "a disk of 1 MiB does not fill");
    };
    assert!(matches!(refused, Error::Io { .. }), "{refused}");
    assert!(running.len() > 500, "{} starts", running.len());
    let count = running.len() as i128;
    for event in running {
        boot.journal
            .end(event, &end_of(&start, 1, at(100)), 1)
            .unwrap();
    }
    boot.journal.seal(at(101)).unwrap();
    assert_eq!(sums(&boot.batches()), (count, 128 * count));
    // Ends take less than was put aside for them; the rest is used up too.
    while let Ok((event, _)) = boot.journal.start(&start, at(101)) {
        boot.journal
            .end(event, &end_of(&start, 1, at(101)), 1)
            .unwrap();
    }
    // The database has taken the older segments: there is room again.
    boot.acknowledge_all();
    boot.run("f", 128, 1);
    assert_eq!(quarantined(&options.dir), 0);
}
