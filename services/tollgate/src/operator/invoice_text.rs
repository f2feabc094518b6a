//! An invoice on a terminal.

use std::fmt::Write as _;

use domain::bill::document::{Document, DocumentLine, Kind, Party, Section};

use super::table;

/// All that is on a document, in lines.
pub(super) fn text(document: &Document) -> String {
    let mut text = String::new();
    let title = match document.kind {
        Kind::Invoice if document.is_draft() => "DRAFT of an invoice".to_owned(),
        Kind::Invoice => format!("Invoice {}", document.number.as_deref().unwrap_or_default()),
        Kind::CreditNote => format!(
            "Credit note {} for {}: {}",
            document.number.as_deref().unwrap_or_default(),
            document.corrects.as_deref().unwrap_or_default(),
            document.reason.as_deref().unwrap_or_default()
        ),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{title}\n\nFrom:    {}\nTo:      {}\nAccount: {}\nPeriod:  {} to {} (UTC)\nIssued:  {}, due {}\n",
        name_and_address(&document.issuer),
        name_and_address(&document.customer),
        document.account_id,
        document.period_start,
        document.period_end,
        document.issued_on,
        document.due_on,
    );
    for (section, heading) in [
        (Section::Usage, None),
        (Section::Correction, Some("Corrections")),
    ] {
        let lines: Vec<&DocumentLine> = document
            .lines
            .iter()
            .filter(|line| line.section == section)
            .collect();
        if lines.is_empty() {
            continue;
        }
        if let Some(heading) = heading {
            let _ = writeln!(text, "{heading}");
        }
        let _ = writeln!(text, "{}\n", lines_text(&lines));
    }
    let _ = write!(text, "{}", bottom(document));
    for note in &document.notes {
        let _ = write!(text, "\n{note}");
    }
    text
}

fn name_and_address(party: &Party) -> String {
    let mut parts = vec![party.name.as_str()];
    parts.extend(party.address.iter().map(String::as_str));
    parts.extend([party.country.as_str(), party.tax_id.as_str()]);
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn lines_text(lines: &[&DocumentLine]) -> String {
    let header = [
        "#",
        "REGION",
        "WHAT",
        "QUANTITY",
        "UNIT",
        "UNIT PRICE",
        "AMOUNT",
    ];
    let rows = lines.iter().map(|line| {
        [
            line.line_no.to_string(),
            line.region.clone(),
            line.description.clone(),
            line.quantity.clone(),
            line.unit.clone(),
            line.unit_price.clone(),
            line.amount.clone(),
        ]
    });
    table(header, rows)
}

fn bottom(document: &Document) -> String {
    let mut rows = vec![("Subtotal".to_owned(), document.subtotal.clone())];
    for tax in &document.taxes {
        rows.push((
            format!("{} {} %", tax.name, tax.percent),
            tax.amount.clone(),
        ));
    }
    rows.push(("Total".to_owned(), document.total.clone()));
    if document
        .credit
        .bytes()
        .any(|byte| (b'1'..=b'9').contains(&byte))
    {
        rows.push(("Prepaid credit".to_owned(), format!("-{}", document.credit)));
    }
    let due = format!("{} {}", document.due, document.currency);
    let last = match document.kind {
        Kind::Invoice => "Due",
        Kind::CreditNote => "Credited",
    };
    rows.push((last.to_owned(), due));
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    rows.iter().fold(String::new(), |mut text, (name, amount)| {
        let _ = writeln!(text, "{name:width$}  {amount}");
        text
    })
}
