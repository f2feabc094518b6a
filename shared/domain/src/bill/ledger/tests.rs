use super::*;
use crate::bill::TaxRate;

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn money(minor: i128) -> Money {
    Money::new(minor, usd())
}

fn at() -> DateTime<Utc> {
    "2026-10-02T00:00:00Z".parse().unwrap()
}

fn shown(entry: &Entry) -> Vec<(&'static str, i128)> {
    let sum: i128 = entry.postings.iter().map(|one| one.amount_e10).sum();
    assert_eq!(sum, 0, "{entry:?}");
    entry
        .postings
        .iter()
        .map(|one| (one.code.as_str(), one.amount_e10))
        .collect()
}

#[test]
fn an_invoice_moves_what_was_accrued_and_its_rounding() {
    let vat = TaxRate::new("VAT", "10".parse().unwrap()).unwrap();
    let totals = Totals {
        subtotal: money(100),
        taxes: vec![(vat, money(10))],
        total: money(110),
        credit: money(0),
        due: money(110),
    };
    let entry = Entry::invoice("INV-1", &totals, 9_960_000_000, at());
    assert_eq!(
        shown(&entry),
        [
            ("receivable", 11_000_000_000),
            ("unbilled", -9_960_000_000),
            ("rounding", -40_000_000),
            ("tax-payable", -1_000_000_000)
        ]
    );
    // A month that was free moves nothing.
    let free = Totals {
        subtotal: money(0),
        taxes: Vec::new(),
        total: money(0),
        credit: money(0),
        due: money(0),
    };
    assert!(Entry::invoice("INV-2", &free, 0, at()).is_empty());
}

#[test]
fn a_credit_note_lowers_what_is_open_and_gives_the_rest_to_the_customer() {
    let of = |open| Entry::credit_note("INV-2", (money(500), money(95)), money(open), at());
    assert_eq!(
        shown(&of(200)),
        [
            ("revenue", 50_000_000_000),
            ("tax-payable", 9_500_000_000),
            ("receivable", -20_000_000_000),
            ("customer-credit", -39_500_000_000)
        ]
    );
    assert_eq!(shown(&of(-5)).len(), 3);
    assert_eq!(shown(&of(900)).len(), 3);
}

#[test]
fn a_key_with_other_postings_is_another_request() {
    let pay = |minor, now| Entry::payment("INV-1", "wire 7", money(minor), now);
    let later = at() + chrono::TimeDelta::days(1);
    assert_eq!(
        pay(5, at()).request_sha256(),
        pay(5, later).request_sha256()
    );
    assert_ne!(pay(5, at()).request_sha256(), pay(6, at()).request_sha256());
    assert_eq!(pay(5, at()).key, "payment:INV-1:wire 7");
}

#[test]
fn codes_are_read_back() {
    for code in Code::ALL {
        assert_eq!(code.as_str().parse::<Code>(), Ok(code));
    }
    assert!("petty-cash".parse::<Code>().is_err());
}
