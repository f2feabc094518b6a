use proptest::prelude::*;

use super::*;

fn journal(id: i64) -> Journal {
    let at = "2026-10-02T00:00:00Z".parse().unwrap();
    Journal {
        id,
        account: 7,
        key: format!("accrual:{id}"),
        request_sha256: vec![1; 32],
        kind: "accrual".to_owned(),
        period: 3,
        invoice: None,
        effective_at: at,
        posted_at: at,
        postings: vec![Line {
            line_no: 1,
            ledger_account: 5,
            code: "unbilled".to_owned(),
            currency: "USD".to_owned(),
            amount_e10: 12,
        }],
    }
}

/// Whatever is changed, the root is another.
#[test]
fn every_part_of_a_journal_is_under_the_seal() {
    let whole = [journal(1), journal(2), journal(3)];
    let before = root(&whole);
    let edits: [fn(&mut Journal); 11] = [
        |j| j.id = 9,
        |j| j.account = 9,
        |j| j.key.push('x'),
        |j| j.request_sha256[0] = 2,
        |j| j.kind.push('x'),
        |j| j.period = 9,
        |j| j.invoice = Some(1),
        |j| j.effective_at += chrono::TimeDelta::microseconds(1),
        |j| j.posted_at += chrono::TimeDelta::microseconds(1),
        |j| j.postings[0].amount_e10 = 13,
        |j| j.postings.clear(),
    ];
    for edit in edits {
        let mut changed = whole.clone();
        edit(&mut changed[1]);
        assert_ne!(root(&changed), before, "{:?}", changed[1]);
    }
    assert_ne!(root(&whole[..2]), before);
    let at = "2026-10-02T00:00:00Z".parse().unwrap();
    let first = seal(1, 3, &before, None, at);
    assert_ne!(first, seal(1, 3, &before, Some(&first), at));
    assert_ne!(first, seal(2, 3, &before, None, at));
}

/// RFC 6962's own example of seven leaves: the left tree has four.
#[test]
fn the_tree_splits_at_a_power_of_two() {
    let leaf = |n: u8| [n; 32];
    let node = |left: Hash, right: Hash| -> Hash {
        Sha256::new_with_prefix([1])
            .chain_update(left)
            .chain_update(right)
            .finalize()
            .into()
    };
    let leaves: Vec<Hash> = (0..7).map(leaf).collect();
    let left = node(node(leaf(0), leaf(1)), node(leaf(2), leaf(3)));
    let right = node(node(leaf(4), leaf(5)), leaf(6));
    assert_eq!(merkle(&leaves), node(left, right));
}

proptest! {
    #[test]
    fn canonical_bytes_say_one_thing_only(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
        let of = |x: &str, y: &str| {
            let mut bytes = Canonical::new("test");
            bytes.text(x).text(y);
            bytes.finish().to_vec()
        };
        prop_assert_eq!(of(&a, &b) == of(&c, &d), (&a, &b) == (&c, &d));
    }
}
