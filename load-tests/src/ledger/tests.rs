use sha2::{Digest, Sha256};

use super::check::Book;
use super::facts::{Kind, Outcome};
use super::*;
use crate::witness::Witness;

fn witness() -> Witness {
    Witness {
        zip: Vec::new(),
        secret: "s".to_owned(),
    }
}

fn id(number: u64) -> Uuid {
    Uuid::from_u64_pair(1, number)
}

fn entry(number: u64, expected: Expected) -> Accepted {
    Accepted {
        id: id(number),
        number,
        expected,
        due_us: 1_000,
    }
}

fn outcome(number: u64, attempt: i16, kind: Kind) -> Outcome {
    let digest = Sha256::new().chain_update(format!("s{}", id(number)));
    let proof = hex::encode(digest.chain_update(number.to_le_bytes()).finalize());
    Outcome {
        id: id(number),
        attempt,
        kind,
        ran: true,
        ended_us: 2_000,
        response: format!("{{\"proof\":\"{proof}\",\"started_us\":1500}}").into_bytes(),
    }
}

fn check(entries: &[Accepted], outcomes: Vec<Outcome>, dead: &[u64]) -> Verdict {
    let stored: Vec<Uuid> = (1..=3).map(id).collect();
    let dead: Vec<Uuid> = dead.iter().copied().map(id).collect();
    let book = Book::of(&stored, outcomes, &dead);
    book.compare("test", entries, &witness(), Totals::Alone)
        .verdict
}

#[test]
fn a_sound_book_passes() {
    use Expected::{Dead, Success};
    let verdict = check(
        &[entry(1, Success), entry(2, Dead)],
        vec![
            outcome(1, 1, Kind::Success),
            outcome(2, 1, Kind::Retry),
            outcome(2, 2, Kind::Dead),
            outcome(3, 1, Kind::Success),
        ],
        &[2],
    );
    assert!(verdict.passed(), "{verdict}");
    assert_eq!(
        (verdict.succeeded, verdict.dead, verdict.unanswered),
        (1, 1, 1)
    );
}

/// Each way to break a promise is seen, and nothing else with it.
#[test]
fn each_fault_is_found() {
    use Expected::{Dead, Success};
    let finds = |entries: &[Accepted], outcomes: Vec<Outcome>, name: &str| {
        assert_eq!(check(entries, outcomes, &[]).faults.to_string(), name);
    };
    let one = [entry(1, Success)];
    let success = || vec![outcome(1, 1, Kind::Success)];
    finds(&[entry(9, Success)], Vec::new(), "1 lost");
    finds(&one, Vec::new(), "1 without an end");
    finds(&[one[0], one[0]], success(), "1 accepted twice");
    let twice = vec![outcome(1, 1, Kind::Success), outcome(1, 2, Kind::Dead)];
    finds(&one, twice, "1 ended twice");
    let mut unproven = success();
    unproven[0].response = outcome(2, 1, Kind::Success).response;
    finds(&one, unproven, "1 without proof of a run");
    let dead = || vec![outcome(1, 1, Kind::Dead)];
    finds(&[entry(1, Dead)], dead(), "1 dead and not kept");
    finds(
        &[entry(1, Dead)],
        success(),
        "1 ended otherwise than asked for",
    );
    let gap = vec![outcome(1, 1, Kind::Retry), outcome(1, 3, Kind::Success)];
    finds(&one, gap, "1 with torn attempts");
    let after = vec![outcome(1, 1, Kind::Success), outcome(1, 2, Kind::Retry)];
    finds(&one, after, "1 with torn attempts");
}

#[test]
fn the_book_is_read_back_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let door = Door {
        address: String::new(),
        key_id: String::new(),
        secret: String::new(),
    };
    let ledger = Ledger::new(dir.path(), "a load", &door).unwrap();
    let entries = [
        entry(1, Expected::Success),
        entry(2, Expected::Dead),
        entry(3, Expected::Either),
    ];
    let pen = ledger.pen().unwrap();
    for entry in entries {
        pen.accepted(entry).unwrap();
    }
    drop(pen);
    assert_eq!(ledger.close().unwrap(), entries);
    assert_eq!(ledger.synced(), 3);
    assert!(ledger.pen().is_err(), "closed");
}
