use std::fs;
use std::path::Path;

use super::super::options::{Error, Options};
use super::super::record::{Found, Record, decode, scan};
use super::{Boot, at, copy_dir, counts, end_of, quarantined, scratch, segments, start_of, sums};

/// Small segments: room for them is reserved at every boot, and these tests boot often.
fn options(dir: &Path) -> Options {
    Options {
        segment_bytes: 64 << 10,
        ..Options::new(dir.to_owned())
    }
}

/// Offsets at which the frames of a segment begin, and what they are.
fn frames(path: &Path) -> Vec<(usize, Record)> {
    let bytes = fs::read(path).unwrap();
    let mut at = 0;
    let mut frames = Vec::new();
    for found in scan(&bytes) {
        let Found::Frame { payload, end } = found else {
            panic!("damage in a fresh segment");
        };
        frames.push((at, decode(payload).unwrap()));
        at = end;
    }
    frames
}

/// A spool that was killed: two executions ended and sealed, one ended and not sealed, one running.
fn killed(dir: &Path) {
    let mut boot = Boot::of(&options(dir));
    boot.run("a", 128, 3);
    boot.run("b", 256, 5);
    boot.journal.seal(at(101)).unwrap();
    boot.run("c", 512, 7);
    boot.journal.start(&start_of("d", 1_024), at(102)).unwrap();
}

const ALL: (i128, i128) = (3, 128 * 3 + 256 * 5 + 512 * 7);

#[test]
fn a_start_without_an_end_is_lost_and_costs_nothing() {
    let dir = scratch();
    killed(dir.path());
    let batches = Boot::of(&options(dir.path())).batches();
    assert_eq!(sums(&batches), ALL);
    assert_eq!(counts(&batches, 1), (4, 3, 1, 0));
    // Ids follow each other, and the last batch says that nothing follows.
    let ids: Vec<_> = batches
        .iter()
        .map(|batch| (batch.id.batch_seq, batch.first_event, batch.last_event))
        .collect();
    assert_eq!(ids, [(1, 1, 4), (2, 5, 8)]);
    let closes: Vec<_> = batches.iter().map(|batch| batch.closes_epoch).collect();
    assert_eq!(closes, [false, true]);
    assert!(batches.iter().all(|batch| batch.id.boot_epoch == 1));
}

#[test]
fn what_was_not_acknowledged_is_sent_again_just_the_same() {
    let dir = scratch();
    killed(dir.path());
    let first = Boot::of(&options(dir.path())).batches();
    let again = Boot::of(&options(dir.path())).batches();
    assert_eq!(again[..first.len()], first);
    // The boot in between did nothing but close.
    assert_eq!(counts(&again, 2), (0, 0, 0, 0));
    assert!(again[first.len()..].iter().all(|batch| batch.closes_epoch));
}

#[test]
fn cut_anywhere_in_the_last_record_it_is_as_if_it_had_not_been_written() {
    let dir = scratch();
    let mut boot = Boot::of(&options(dir.path()));
    boot.run("a", 128, 3);
    boot.run("b", 256, 5);
    boot.journal.seal(at(101)).unwrap();
    drop(boot);
    let path = &segments(dir.path())[0];
    let frames = frames(path);
    let bytes = fs::read(path).unwrap().len();
    // The last record is in turn the seal, an end, a start.
    for (index, (from, record)) in frames.iter().enumerate().skip(1) {
        let to = frames.get(index + 1).map_or(bytes, |next| next.0);
        let (started, ended) =
            frames[..index]
                .iter()
                .fold((0, 0), |(started, ended), (_, record)| match record {
                    Record::Start { .. } => (started + 1, ended),
                    Record::End { .. } => (started, ended + 1),
                    _ => (started, ended),
                });
        for cut in *from..to {
            let copy = scratch();
            copy_dir(dir.path(), copy.path());
            let path = &segments(copy.path())[0];
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(cut as u64)
                .unwrap();
            let batches = Boot::of(&options(copy.path())).batches();
            let got = counts(&batches, 1);
            assert_eq!(
                got,
                (started, ended, started - ended, 0),
                "{record:?} cut at {cut}"
            );
            assert_eq!(sums(&batches).0, i128::from(ended));
        }
    }
}

#[test]
fn killed_while_closing_an_epoch_the_next_start_closes_it() {
    let dir = scratch();
    killed(dir.path());
    let before = fs::metadata(&segments(dir.path())[0]).unwrap().len();
    let want = Boot::of(&options(dir.path())).batches();
    let after = fs::metadata(&segments(dir.path())[0]).unwrap().len();
    assert!(after > before);
    for cut in before..after {
        let copy = scratch();
        copy_dir(dir.path(), copy.path());
        let path = &segments(copy.path())[0];
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let got = Boot::of(&options(copy.path())).batches();
        let got: Vec<_> = got
            .into_iter()
            .filter(|batch| batch.id.boot_epoch == 1)
            .collect();
        assert_eq!(got, want, "cut at {cut}");
    }
}

#[test]
fn a_damaged_record_is_missing_and_its_segment_kept_for_a_look() {
    let dir = scratch();
    killed(dir.path());
    let frames = frames(&segments(dir.path())[0]);
    for (index, (from, record)) in frames.iter().enumerate() {
        let copy = scratch();
        copy_dir(dir.path(), copy.path());
        let path = segments(copy.path())[0].clone();
        let mut bytes = fs::read(&path).unwrap();
        bytes[from + 9] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let mut boot = Boot::of(&options(copy.path()));
        let batches = boot.batches();
        let last = index + 1 == frames.len();
        // What is torn off at the end was never answered for; everywhere else an event is missing.
        let want = match record {
            Record::Header(_) | Record::Seal(_) => (4, 3, 1, 0),
            Record::Start { .. } if last => (3, 3, 0, 0),
            Record::Start { .. } => (3, 3, 1, 1),
            Record::End { .. } => (4, 2, 2, 1),
            Record::Carried { .. } => unreachable!("nothing was carried"),
        };
        assert_eq!(counts(&batches, 1), want, "{record:?}");
        assert_eq!(batches[0].first_event, 1);
        for pair in batches
            .windows(2)
            .filter(|pair| pair[0].id.boot_epoch == pair[1].id.boot_epoch)
        {
            assert_eq!(pair[0].id.batch_seq + 1, pair[1].id.batch_seq, "{record:?}");
            assert_eq!(pair[0].last_event + 1, pair[1].first_event, "{record:?}");
        }
        boot.acknowledge_all();
        assert_eq!(quarantined(copy.path()), usize::from(!last), "{record:?}");
    }
}

/// The database knows the batches before the damage: with the seal gone, the same batches must come out.
#[test]
fn a_damaged_seal_does_not_change_the_batches() {
    let dir = scratch();
    let mut boot = Boot::of(&options(dir.path()));
    for seconds in 101..104 {
        boot.run("a", 128, 3);
        boot.journal.seal(at(seconds)).unwrap();
    }
    let hashes = |boot: &mut Boot| {
        boot.batches()
            .iter()
            .map(|batch| batch.sha256)
            .collect::<Vec<_>>()
    };
    let want = hashes(&mut boot);
    drop(boot);
    let path = segments(dir.path())[0].clone();
    let seals = frames(&path)
        .into_iter()
        .filter(|(_, record)| matches!(record, Record::Seal(_)));
    let (first_seal, _) = seals.into_iter().next().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[first_seal + 10] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(hashes(&mut Boot::of(&options(dir.path())))[..3], want);
}

#[test]
fn a_long_execution_does_not_keep_old_segments() {
    let dir = scratch();
    let options = Options {
        segment_bytes: 4_096,
        ..options(dir.path())
    };
    let mut boot = Boot::of(&options);
    let long = start_of("long", 1_024);
    let (event, _) = boot.journal.start(&long, at(100)).unwrap();
    for _ in 0..100 {
        boot.run("short", 128, 1);
        if boot.journal.wants_roll() {
            boot.journal.roll(None, at(101)).unwrap();
            boot.acknowledge_all();
        }
    }
    assert_eq!(segments(dir.path()).len(), 1);
    let ended = {
        let copy = scratch();
        copy_dir(dir.path(), copy.path());
        let lost = Boot::of(&Options {
            dir: copy.path().to_owned(),
            ..options.clone()
        })
        .batches();
        assert_eq!(counts(&lost, 1).2, 1, "killed here, the long one is lost");
        boot.journal
            .end(event, &end_of(&long, 900_000, at(102)), 900_000)
            .unwrap();
        boot.journal.seal(at(103)).unwrap();
        boot.batches()
    };
    // What is left waiting are the last short ones and the long one.
    let (requests, mb_ms) = sums(&ended);
    assert_eq!(mb_ms, 128 * (requests - 1) + 1_024 * 900_000);
    drop(boot);
    let closed = Boot::of(&options).batches();
    assert_eq!(counts(&closed, 1).2, 0);
}

#[test]
fn a_spool_of_many_segments_is_read_back_whole() {
    let dir = scratch();
    let options = Options {
        segment_bytes: 2_048,
        ..options(dir.path())
    };
    let mut boot = Boot::of(&options);
    for n in 0..200_u64 {
        boot.run("f", 128, n);
        // Rolls by itself when a start finds no room.
        if n % 7 == 0 {
            boot.journal.seal(at(101)).unwrap();
        }
    }
    drop(boot);
    assert!(segments(dir.path()).len() > 10);
    let mut boot = Boot::of(&options);
    let batches = boot.batches();
    assert_eq!(sums(&batches), (200, 128 * (0..200).sum::<i128>()));
    assert_eq!(counts(&batches, 1), (200, 200, 0, 0));
    boot.acknowledge_all();
    assert_eq!(segments(dir.path()).len(), 1);
}

/// A roll whose new segment got no header, or a part of it: the log ends in the segment before.
#[test]
fn killed_while_rolling_the_log_ends_before_the_roll() {
    let dir = scratch();
    let mut boot = Boot::of(&options(dir.path()));
    boot.run("a", 128, 3);
    boot.journal.start(&start_of("b", 256), at(100)).unwrap();
    boot.journal.roll(None, at(101)).unwrap();
    drop(boot);
    let newest = segments(dir.path())[1].clone();
    for cut in 0..=fs::metadata(&newest).unwrap().len() {
        let copy = scratch();
        copy_dir(dir.path(), copy.path());
        let path = segments(copy.path())[1].clone();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let mut boot = Boot::of(&options(copy.path()));
        let batches = boot.batches();
        assert_eq!(counts(&batches, 1), (2, 1, 1, 0), "cut at {cut}");
        boot.acknowledge_all();
        assert_eq!(quarantined(copy.path()), 0, "cut at {cut}");
    }
}

/// The seal that ends a segment is damaged: its batch comes out the same, because the next segment's header numbers it.
#[test]
fn a_damaged_seal_at_the_end_of_a_segment_does_not_change_the_batches() {
    let dir = scratch();
    let mut boot = Boot::of(&options(dir.path()));
    boot.run("a", 128, 3);
    boot.journal.roll(None, at(101)).unwrap();
    boot.run("b", 256, 5);
    boot.journal.roll(None, at(102)).unwrap();
    let hashes = |boot: &mut Boot| {
        boot.batches()
            .iter()
            .map(|batch| batch.sha256)
            .collect::<Vec<_>>()
    };
    let want = hashes(&mut boot);
    drop(boot);
    for index in 0..2 {
        let copy = scratch();
        copy_dir(dir.path(), copy.path());
        let path = segments(copy.path())[index].clone();
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(hashes(&mut Boot::of(&options(copy.path())))[..2], want);
    }
    // The header of any segment may be damaged too.
    for index in 0..3 {
        let copy = scratch();
        copy_dir(dir.path(), copy.path());
        let path = segments(copy.path())[index].clone();
        let mut bytes = fs::read(&path).unwrap();
        bytes[12] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(hashes(&mut Boot::of(&options(copy.path())))[..2], want);
    }
}

#[test]
fn an_epoch_is_never_used_twice() {
    let dir = scratch();
    let epoch = || Boot::of(&options(dir.path())).journal.epoch;
    assert_eq!([epoch(), epoch(), epoch()], [1, 2, 3]);
    // The identity file comes back from a backup that is older than the segments.
    let identity = dir.path().join("executor");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, text.replace(" 3\n", " 1\n")).unwrap();
    assert_eq!(epoch(), 4);
    fs::write(&identity, "nonsense\n").unwrap();
    let refused = super::Directory::take(dir.path(), chassis::Ids).unwrap_err();
    assert!(matches!(refused, Error::Identity(_)), "{refused}");
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let dir = scratch();
    let boot = Boot::of(&options(dir.path()));
    let refused = super::Directory::take(dir.path(), chassis::Ids).unwrap_err();
    assert!(matches!(refused, Error::Locked(_)), "{refused}");
    drop(boot);
    Boot::of(&options(dir.path()));
}

#[test]
fn usage_is_booked_after_what_is_covered_unless_the_clock_jumped() {
    let dir = scratch();
    let mut boot = Boot::of(&options(dir.path()));
    let hour = |second: i64| domain::price::book::hour_of(at(second));
    let boundary = (0..3_600)
        .find(|second| hour(*second) != hour(*second - 1))
        .unwrap();
    let start = start_of("f", 128);
    let mut run = |ended: i64| {
        let (event, _) = boot.journal.start(&start, at(boundary)).unwrap();
        boot.journal
            .end(event, &end_of(&start, 1, at(ended)), 1)
            .unwrap();
        boot.journal.seal(at(boundary.max(ended))).unwrap();
        let batches = boot.batches();
        let (place, _) = batches.last().unwrap().sums.iter().next().unwrap();
        place.hour
    };
    assert_eq!(run(boundary - 1), hour(boundary - 1));
    // Stamped a second before the hour was covered, written after.
    assert_eq!(run(boundary - 1), hour(boundary));
    // An hour before: the stamp is believed, and it is late usage.
    assert_eq!(run(boundary - 1_800), hour(boundary - 1_800));
}
