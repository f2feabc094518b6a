use chrono::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::bill::document::{Party, Section};

fn line(line_no: u32, amount: &str) -> DocumentLine {
    DocumentLine {
        line_no,
        section: Section::Usage,
        region: "us-east-1".to_owned(),
        sku: format!("sku-{line_no}"),
        tier: "1".to_owned(),
        price_from: "2026-01-01".parse().unwrap(),
        description: "Requests".to_owned(),
        quantity: "1".to_owned(),
        unit: "Requests".to_owned(),
        unit_price: amount.to_owned(),
        amount: amount.to_owned(),
    }
}

fn invoice() -> Document {
    let day = "2026-09-30".parse().unwrap();
    Document {
        kind: Kind::Invoice,
        number: Some("INV-000007".to_owned()),
        corrects: None,
        reason: None,
        issuer: Party::default(),
        customer: Party::default(),
        account_id: "000000000001".to_owned(),
        period_start: "2026-09-01".parse().unwrap(),
        period_end: day,
        issued_on: day,
        due_on: day,
        currency: "EUR".to_owned(),
        lines: vec![line(1, "10.00"), line(2, "4.29")],
        subtotal: "14.29".to_owned(),
        tax_level: "invoice".to_owned(),
        taxes: vec![DocumentTax {
            name: "VAT".to_owned(),
            percent: "24".to_owned(),
            amount: "3.43".to_owned(),
        }],
        total: "17.72".to_owned(),
        credit: "0.00".to_owned(),
        due: "17.72".to_owned(),
        rounding: "0.0000000000".to_owned(),
        days: Vec::new(),
        notes: Vec::new(),
    }
}

fn make(earlier: &[Document], part: &Part) -> Result<CreditNote, String> {
    let now = Utc.with_ymd_and_hms(2026, 10, 9, 1, 0, 0).unwrap();
    compose(&invoice(), earlier, part, "Overcharged", now).map_err(|error| error.0)
}

#[test]
fn parts_of_an_invoice_are_taken_back_with_their_tax() {
    let first = make(&[], &Part::Line(2)).unwrap();
    assert_eq!(
        (first.net.amount(), first.tax.amount()),
        ("4.29".into(), "1.03".into())
    );
    assert_eq!(first.document.corrects.as_deref(), Some("INV-000007"));
    assert_eq!(
        crate::bill::compose::contradictions(&first.document),
        Vec::<String>::new()
    );
    let earlier = [first.document];
    let rest = make(&earlier, &Part::Rest).unwrap();
    assert_eq!(
        (rest.net.amount(), rest.tax.amount()),
        ("10.00".into(), "2.40".into())
    );
    let refused = |earlier: &[Document], part: Part, why: &str| {
        assert_eq!(make(earlier, &part).unwrap_err(), why);
    };
    refused(
        &earlier,
        Part::Line(2),
        "line 2 of INV-000007 was taken back by ",
    );
    refused(
        &earlier,
        Part::Line(3),
        "there is no line 3: lines are 1 to 2",
    );
    refused(
        &earlier,
        Part::Amount("10.01".to_owned()),
        "INV-000007 has 10.00 EUR left to take back, not 10.01 EUR",
    );
    refused(
        &earlier,
        Part::Amount("0.001".to_owned()),
        "\"0.001\" is not an amount in EUR: a number with at most 2 digits behind the point",
    );
    refused(
        &[],
        Part::Amount("-1".to_owned()),
        "there is nothing to take back",
    );
    let both = [earlier[0].clone(), rest.document];
    refused(&both, Part::Rest, "there is nothing to take back");
}

proptest! {
    /// However an invoice is taken back, in the end its net and its tax are, to the cent.
    #[test]
    fn parts_add_up_to_the_whole(parts in proptest::collection::vec(1_i128..700, 0..6)) {
        let mut notes: Vec<Document> = Vec::new();
        let mut tax = 0;
        for part in parts {
            if let Ok(note) = make(&notes, &Part::Amount(fixed(part, 2))) {
                tax += note.tax.minor;
                notes.push(note.document);
            }
        }
        if let Ok(note) = make(&notes, &Part::Rest) {
            tax += note.tax.minor;
            notes.push(note.document);
        }
        prop_assert_eq!(tax, 343);
        prop_assert!(make(&notes, &Part::Rest).is_err());
    }
}
