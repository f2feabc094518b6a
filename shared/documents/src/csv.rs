//! The lines of an invoice as CSV (RFC 4180): one header, one record per line, CRLF.
//!
//! Spreadsheets run what begins with `= + - @`, a tab or a carriage return as a formula. Cells of text that does not come from
//! us are written with a leading apostrophe then; numbers are never touched, so a negative amount stays one.

use std::borrow::Cow;

use domain::bill::document::{Document, Section};

use crate::Error;

const HEADER: [&str; 13] = [
    "invoice",
    "line",
    "section",
    "region",
    "sku",
    "tier",
    "price_from",
    "description",
    "quantity",
    "unit",
    "unit_price",
    "amount",
    "currency",
];

/// Lines only: totals and taxes are in the other formats. A draft's `invoice` is empty.
pub fn render(document: &Document) -> Result<String, Error> {
    let mut writer = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let failed = |error: ::csv::Error| Error::Export(error.to_string());
    writer.write_record(HEADER).map_err(failed)?;
    let number = guard(document.number.as_deref().unwrap_or_default());
    for line in &document.lines {
        let record: [&str; 13] = [
            &number,
            &line.line_no.to_string(),
            section(line.section),
            &guard(&line.region),
            &guard(&line.sku),
            &line.tier,
            &line.price_from.to_string(),
            &guard(&line.description),
            &line.quantity,
            &line.unit,
            &line.unit_price,
            &line.amount,
            &document.currency,
        ];
        writer.write_record(record).map_err(failed)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Error::Export(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::Export(error.to_string()))
}

fn section(section: Section) -> &'static str {
    match section {
        Section::Usage => "usage",
        Section::Correction => "correction",
    }
}

/// Text that no spreadsheet takes for a formula.
pub(crate) fn guard(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}
