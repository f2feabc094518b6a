use proptest::prelude::*;

use super::super::record::{End, Found, Frames, Header, Record, Seal, decode, scan};
use super::{at, end_of, start_of};

fn records() -> Vec<Record> {
    let start = start_of("f", 128);
    vec![
        Record::Header(Header {
            executor: uuid::Uuid::from_u128(9),
            epoch: 3,
            segment: 2,
            next_event: 5,
            next_batch: 4,
            covers_until: at(1),
        }),
        Record::Carried {
            event: 2,
            start: start.clone(),
        },
        Record::Start {
            event: 5,
            start: start.clone(),
        },
        Record::End {
            event: 6,
            end: End {
                start: 5,
                booked_at: at(4),
                billed_ms: 12,
                execution: end_of(&start, 12, at(3)),
            },
        },
        Record::Seal(Seal {
            batch: 4,
            first_event: 5,
            last_event: 6,
            covers_until: at(5),
            closes_epoch: true,
        }),
    ]
}

/// All records as frames, and where each frame ends.
fn frames(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for record in records {
        let mut frames = Frames(&mut bytes);
        match record {
            Record::Header(header) => frames.header(header),
            Record::Carried { event, start } => {
                let mut frame = Vec::new();
                Frames(&mut frame).start(1, start).unwrap();
                frames.carried(*event, super::super::record::start_bytes(&frame))
            }
            Record::Start { event, start } => frames.start(*event, start),
            Record::End { event, end } => {
                let end = End {
                    start: end.start,
                    booked_at: end.booked_at,
                    billed_ms: end.billed_ms,
                    execution: &end.execution,
                };
                frames.end(*event, &end)
            }
            Record::Seal(seal) => frames.seal(seal),
        }
        .unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// The records that a scan finds, and whether it met anything else.
fn read(bytes: &[u8]) -> (Vec<Record>, bool) {
    let mut damaged = false;
    let records = scan(bytes).filter_map(|found| match found {
        Found::Frame { payload, .. } => Some(decode(payload).unwrap()),
        Found::Damage { .. } => {
            damaged = true;
            None
        }
    });
    let records = records.collect();
    (records, damaged)
}

#[test]
fn what_is_written_is_read() {
    let records = records();
    let (bytes, _) = frames(&records);
    assert_eq!(read(&bytes), (records, false));
}

#[test]
fn cut_anywhere_the_whole_frames_before_it_are_read() {
    let records = records();
    let (bytes, ends) = frames(&records);
    for cut in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let on_a_border = cut == 0 || ends.contains(&cut);
        assert_eq!(
            read(&bytes[..cut]),
            (records[..whole].to_vec(), !on_a_border),
            "cut at {cut}"
        );
    }
}

#[test]
fn one_wrong_bit_costs_one_record() {
    let records = records();
    let (bytes, ends) = frames(&records);
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let hit = ends.iter().filter(|end| **end <= bit / 8).count();
        let mut left = records.clone();
        left.remove(hit);
        assert_eq!(read(&bytes), (left, true), "bit {bit}");
    }
}

#[test]
fn a_field_too_long_for_a_frame_is_refused_and_leaves_nothing() {
    let mut start = start_of("f", 128);
    start.version = "x".repeat(100_000);
    let mut bytes = vec![1, 2, 3];
    assert!(Frames(&mut bytes).start(1, &start).is_err());
    assert_eq!(bytes, [1, 2, 3]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_scan_stop_or_panic(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (frames, _) = frames(&records());
        let bytes = [noise.as_slice(), frames.as_slice(), noise.as_slice()].concat();
        let (found, damaged) = read(&bytes);
        // Noise may by chance swallow what follows it only if it is a frame, which its checksum rules out.
        prop_assert_eq!(found, records());
        prop_assert_eq!(damaged, !noise.is_empty());
    }
}
