//! What another program reads in a PDF.

use documents::pdf;
use domain::bill::document::Document;
use lopdf::Document as Pdf;

use crate::samples;

fn read(document: &Document) -> Pdf {
    let bytes = pdf::render(document, None).expect("rendered");
    Pdf::load_mem(&bytes).expect("a PDF")
}

fn page_text(pdf: &Pdf, page: u32) -> String {
    pdf.extract_text(&[page]).expect("text")
}

fn text(pdf: &Pdf) -> String {
    let pages = pdf.get_pages();
    pages.keys().map(|page| page_text(pdf, *page)).collect()
}

/// As it is printed: grouped, with a real minus.
fn printed(amount: &str) -> String {
    let digits = amount.trim_start_matches('-');
    let (whole, rest) = digits.split_once('.').expect("cents");
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount.starts_with('-') {
        "\u{2212}"
    } else {
        ""
    };
    format!("{sign}{grouped}.{rest}")
}

#[test]
fn every_amount_is_printed() {
    for document in [
        samples::invoice().document,
        samples::draft().document,
        samples::long().document,
        samples::credit_note(),
    ] {
        let text = text(&read(&document));
        let taxes = document.taxes.iter().map(|tax| &tax.amount);
        let lines = document.lines.iter().map(|line| &line.amount);
        let totals = [&document.subtotal, &document.due];
        for amount in totals.into_iter().chain(taxes).chain(lines) {
            assert!(text.contains(&printed(amount)), "{amount} in {text}");
        }
        for line in &document.lines {
            assert!(text.contains(&line.description), "{}", line.description);
        }
        for party in [&document.issuer, &document.customer] {
            assert!(text.contains(&party.name), "{} in {text}", party.name);
            assert!(text.contains(&party.tax_id));
        }
    }
}

#[test]
fn long_tables_go_on_over_pages() {
    let pdf = read(&samples::long().document);
    let pages = pdf.get_pages();
    assert!(pages.len() >= 3, "{}", pages.len());
    for page in pages.keys() {
        let text = page_text(&pdf, *page);
        assert!(
            text.contains(&format!("Page {page} of {}", pages.len())),
            "{text}"
        );
        assert!(text.contains("Unit price"), "the head of the table: {text}");
        assert_eq!(text.contains("Brought forward"), *page > 1);
        assert_eq!(
            text.contains("Carried forward"),
            (*page as usize) < pages.len()
        );
    }
}

/// The sum that a page ends with is that of the lines so far.
#[test]
fn what_is_carried_forward_is_the_sum_so_far() {
    let document = samples::long().document;
    let pdf = read(&document);
    let first = page_text(&pdf, 1);
    let carried = first
        .split("Carried forward")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("a sum")
        .to_owned();
    let cents = |text: &str| text.replace(['.', ','], "").parse::<i128>().expect("cents");
    let mut sums = document.lines.iter().scan(0, |sum, line| {
        *sum += cents(&line.amount);
        Some(*sum)
    });
    assert!(sums.any(|sum| sum == cents(&carried)), "{carried}");
    assert!(page_text(&pdf, 2).contains(&carried));
}

#[test]
fn drafts_and_credit_notes_say_so() {
    let draft = text(&read(&samples::draft().document));
    assert!(draft.contains("DRAFT") && draft.contains("Draft invoice"));
    assert!(!draft.contains("Due date"));
    let invoice = text(&read(&samples::invoice().document));
    assert!(!invoice.contains("DRAFT") && invoice.contains("Due date"));

    let note = samples::credit_note();
    let text = text(&read(&note));
    assert!(text.contains("Credit note"));
    assert!(text.contains(note.corrects.as_deref().expect("a number")));
    assert!(text.contains("published by"), "{text}");
}

#[test]
fn dates_and_ids_come_from_the_document() {
    let document = samples::invoice().document;
    let bytes = pdf::render(&document, None).expect("rendered");
    assert_eq!(pdf::render(&document, None).expect("rendered"), bytes);
    let contains = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(contains(&bytes, "D:20261002000000"));
    assert!(contains(&bytes, "<pdfaid:part>2</pdfaid:part>"));
    let mut later = document.clone();
    later.issued_on = later.issued_on + chrono::Days::new(1);
    let later = pdf::render(&later, None).expect("rendered");
    assert!(contains(&later, "D:20261003000000"));
    assert!(!contains(&later, "D:20261002000000"));
}

#[test]
fn characters_without_a_glyph_are_marked() {
    let mut document = samples::invoice().document;
    document.customer.name = "株式会社 Łódź Ελλάς Київ €".to_owned();
    let text = text(&read(&document));
    assert!(text.contains("□□□□ Łódź Ελλάς Київ €"), "{text}");
}

/// As many lines of notes as fill pages of their own, and a word that is longer than a line.
#[test]
fn long_notes_go_on_over_pages() {
    let mut document = samples::invoice().document;
    document.notes = (0..90).map(|at| format!("Note {at}.")).collect();
    document.notes.push("#".repeat(400));
    let pdf = read(&document);
    let text = text(&pdf);
    assert!(text.contains("Note 0.") && text.contains("Note 89."));
    assert_eq!(text.matches('#').count(), 400);
}
