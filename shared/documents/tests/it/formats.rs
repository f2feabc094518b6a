//! JSON, CSV, HTML and text, byte by byte, and what all formats have in common.

use documents::{Error, Format, render};
use domain::bill::document::Document;

use crate::samples;

fn bytes(format: Format, document: &Document) -> Vec<u8> {
    render(format, document, None).expect("rendered").bytes
}

/// The kept files are written by `cargo run -p documents --example render -- DIRECTORY`; what changes in them changes for every
/// invoice that is rendered again, so a change must be meant.
#[test]
fn bytes_are_those_that_were_kept() {
    let invoice = samples::invoice().document;
    let credit_note = samples::credit_note();
    for (document, format, kept) in [
        (&invoice, Format::Json, include_str!("golden/invoice.json")),
        (&invoice, Format::Csv, include_str!("golden/invoice.csv")),
        (&invoice, Format::Html, include_str!("golden/invoice.html")),
        (&invoice, Format::Text, include_str!("golden/invoice.txt")),
        (
            &credit_note,
            Format::Ubl,
            include_str!("golden/credit-note.xml"),
        ),
    ] {
        let text = String::from_utf8(bytes(format, document)).expect("UTF-8");
        for (number, (now, then)) in (1..).zip(text.lines().zip(kept.lines())) {
            assert_eq!(now, then, "line {number} of the {format}");
        }
        assert_eq!(text, kept, "{format}");
    }
}

#[test]
fn a_document_is_rendered_the_same_again() {
    let documents = [
        samples::invoice().document,
        samples::long().document,
        samples::credit_note(),
    ];
    for document in &documents {
        // What is kept is JSON: a document that was read again is the same one.
        let kept: Document = serde_json::from_slice(&bytes(Format::Json, document)).expect("JSON");
        assert_eq!(&kept, document);
        for format in Format::ALL {
            assert_eq!(bytes(format, document), bytes(format, &kept), "{format}");
        }
    }
}

#[test]
fn formats_have_names_and_types() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
        let rendered = render(format, &samples::invoice().document, None).expect("rendered");
        assert_eq!(rendered.extension, format.to_string());
        assert!(rendered.media_type.contains('/'));
    }
    let error = "docx".parse::<Format>().expect_err("unknown");
    assert_eq!(error, Error::UnknownFormat("docx".to_owned()));
    assert!(error.to_string().starts_with("a document is json, csv"));
}

#[test]
fn csv_has_each_line_exactly() {
    let document = samples::invoice().document;
    let csv = bytes(Format::Csv, &document);
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let at = |name: &str| {
        let headers = csv::Reader::from_reader(csv.as_slice()).headers().cloned();
        headers
            .expect("a header")
            .iter()
            .position(|header| header == name)
            .expect("a column")
    };
    let records: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a record")).collect();
    assert_eq!(records.len(), document.lines.len());
    for (record, line) in records.iter().zip(&document.lines) {
        assert_eq!(record[at("line")], line.line_no.to_string());
        assert_eq!(record[at("quantity")], line.quantity);
        assert_eq!(record[at("unit_price")], line.unit_price);
        assert_eq!(record[at("amount")], line.amount);
        assert_eq!(record[at("description")], line.description);
        assert_eq!(&record[at("currency")], "USD");
    }
}

#[test]
fn text_fits_a_terminal() {
    for document in [samples::invoice().document, samples::long().document] {
        let text = String::from_utf8(bytes(Format::Text, &document)).expect("UTF-8");
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line:?}");
            assert_eq!(line.trim_end(), line);
        }
    }
}

#[test]
fn a_month_without_usage_is_a_document() {
    let mut document = samples::invoice().document;
    document.lines.clear();
    document.days.clear();
    document.taxes.clear();
    for amount in [
        &mut document.subtotal,
        &mut document.total,
        &mut document.credit,
        &mut document.due,
    ] {
        "0.00".clone_into(amount);
    }
    for format in Format::ALL {
        let rendered = render(format, &document, None).expect("rendered");
        assert!(!rendered.bytes.is_empty());
    }
    let text = String::from_utf8(bytes(Format::Text, &document)).expect("UTF-8");
    assert!(text.contains("Nothing was charged in this period."));
    assert!(!text.contains("Cost per day"));
}

#[test]
fn what_is_no_number_is_refused() {
    let mut document = samples::invoice().document;
    document.due = "12.3.4".to_owned();
    document.lines[0].amount = "1e3".to_owned();
    for format in [Format::Pdf, Format::Html, Format::Text] {
        let error = render(format, &document, None).expect_err("not a number");
        let text = "1e3".to_owned();
        assert_eq!(error, Error::NotANumber { text }, "{format}");
    }
}

/// Both versions of a price are on the invoice, and can be told apart.
#[test]
fn lines_of_two_price_versions_say_which() {
    let mut document = samples::invoice().document;
    let mut other = document.lines[1].clone();
    other.price_from = other.price_from + chrono::Days::new(2_100);
    let date = other.price_from.format("%-d %b %Y").to_string();
    document.lines.insert(2, other);
    let text = String::from_utf8(bytes(Format::Text, &document)).expect("UTF-8");
    assert!(text.contains("Requests, price of 1 Dec 2020"), "{text}");
    assert!(
        text.contains(&format!("Requests, price of {date}")),
        "{text}"
    );
}
