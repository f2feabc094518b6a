use chrono::TimeZone;

use super::*;
use crate::bill::accrual::charges;
use crate::bill::{UsageRow, rate};
use crate::price::{Book, FreeTier, Sku};

fn terms() -> Terms {
    Terms {
        issuer: Party {
            name: "Issuer".to_owned(),
            ..Party::default()
        },
        customer: Party::default(),
        payment_days: 14,
        taxes: vec![TaxRate::new("VAT", "19".parse().unwrap()).unwrap()],
        tax_level: TaxLevel::Invoice,
    }
}

fn charged(month: u32, millions: i128) -> Vec<Priced> {
    let book = Book::parse(include_str!("../../../../../data/price-book.csv")).unwrap();
    let row = UsageRow {
        hour: Utc.with_ymd_and_hms(2026, month, 7, 5, 0, 0).unwrap(),
        region: "us-east-1".parse().unwrap(),
        sku: Sku::Requests,
        resource: "f".to_owned(),
        coverable: true,
        quantity: millions * 1_000_000 + 1,
    };
    charges(rate(&book, FreeTier::none(), vec![row]).unwrap())
}

fn composed() -> Composed {
    let all = Charged::by_currency(charged(9, 10), charged(8, 3));
    assert_eq!(all.len(), 1);
    let now = Utc.with_ymd_and_hms(2026, 10, 2, 0, 0, 0).unwrap();
    let credit = Money::new(50, all[0].currency);
    compose(
        AccountId::new(7).unwrap(),
        "2026-09".parse().unwrap(),
        &all[0],
        &terms(),
        credit,
        vec!["A note.".to_owned()],
        now,
    )
    .unwrap()
}

#[test]
fn late_usage_has_a_section_of_its_own_and_all_adds_up() {
    let made = composed();
    let document = &made.document;
    let lines: Vec<_> = document
        .lines
        .iter()
        .map(|line| {
            (
                line.line_no,
                line.section,
                line.description.as_str(),
                line.amount.as_str(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            (1, Section::Usage, "Requests", "2.00"),
            (
                2,
                Section::Correction,
                "Requests, late usage of 2026-08",
                "0.60"
            ),
        ]
    );
    let bottom = (
        document.subtotal.as_str(),
        document.total.as_str(),
        document.due.as_str(),
    );
    assert_eq!(bottom, ("2.60", "3.09", "2.59"));
    assert_eq!(document.rounding, "-0.0000004000");
    assert_eq!(made.accrued_e10, 26_000_004_000);
    let dates = (
        document.period_end.to_string(),
        document.due_on.to_string(),
        document.days.len(),
    );
    assert_eq!(dates, ("2026-09-30".into(), "2026-10-16".into(), 1));
    assert_eq!(contradictions(document), Vec::<String>::new());
}

#[test]
fn a_document_that_does_not_add_up_is_found() {
    let mut document = composed().document;
    document.lines[0].amount = "2.01".to_owned();
    document.credit = "x".to_owned();
    let found = contradictions(&document);
    assert_eq!(
        found,
        [
            "credit \"x\" is not an amount",
            "sum of the lines: 2.61, and the document says 2.60",
            "total less credit: 3.09, and the document says 2.59"
        ]
    );
}
