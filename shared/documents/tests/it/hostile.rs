//! Names that try to be something else.

use documents::{Format, render};
use domain::bill::document::Document;
use proptest::prelude::*;

use crate::samples;

/// Puts a text wherever an account holder or an operator may write one.
fn with_text(text: &str) -> Document {
    let mut document = samples::draft().document;
    for party in [&mut document.issuer, &mut document.customer] {
        party.name = format!("N{text}");
        party.address = vec![text.to_owned(), text.to_owned(), text.to_owned()];
        text.clone_into(&mut party.email);
    }
    document.notes = vec![text.to_owned()];
    document.number = Some(format!("1{text}"));
    text.clone_into(&mut document.lines[0].description);
    text.clone_into(&mut document.taxes[0].name);
    document
}

fn html(document: &Document) -> String {
    let bytes = render(Format::Html, document, None)
        .expect("rendered")
        .bytes;
    String::from_utf8(bytes).expect("UTF-8")
}

/// The tags of a page, without what is between them.
fn tags(page: &str) -> Vec<&str> {
    page.split('<')
        .skip(1)
        .map(|part| part.split('>').next().unwrap_or_default())
        .collect()
}

#[test]
fn no_text_becomes_a_tag() {
    let plain = html(&with_text("plain"));
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "]]><!-- -->",
        "&lt;b&gt;",
        "</title></style><svg onload=alert(1)>",
    ] {
        let page = html(&with_text(text));
        assert_eq!(tags(&page), tags(&plain), "{text}");
        assert!(!page.contains(text), "{text}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = html(&samples::invoice().document);
    for word in [
        "http:", "https:", "url(", "@import", "<script", "<link", "src=",
    ] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn spreadsheets_find_no_formula_in_names() {
    for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
        let mut document = with_text(text);
        document.number = Some(text.to_owned());
        let bytes = render(Format::Csv, &document, None)
            .expect("rendered")
            .bytes;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let record = reader.records().next().expect("a line").expect("CSV");
        assert_eq!(record[0], format!("'{text}"));
        assert_eq!(record[7], format!("'{text}"));
    }
}

#[test]
fn negative_amounts_stay_numbers_in_csv() {
    let mut document = samples::invoice().document;
    document.lines[1].amount = "-17.05".to_owned();
    let bytes = render(Format::Csv, &document, None)
        .expect("rendered")
        .bytes;
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.contains(",-17.05,USD"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever a name holds, there is a document, and it is well-formed.
    #[test]
    fn any_text_can_be_printed(text in "\\PC{0,40}|[\\x00-\\x20<>&\"'\u{fffe}\u{202e}\u{1f980}漢שלוم]{0,20}") {
        let document = with_text(&format!("a{text}"));
        let page = html(&document);
        prop_assert_eq!(tags(&page).len(), tags(&html(&with_text("plain"))).len());
        let xml = render(Format::Ubl, &document, None).expect("rendered").bytes;
        let xml = String::from_utf8(xml).expect("UTF-8");
        roxmltree::Document::parse(&xml).expect("well-formed");
        for format in [Format::Pdf, Format::Text] {
            let rendered = render(format, &document, None);
            prop_assert!(rendered.is_ok(), "{}: {:?}", format, rendered.err());
        }
    }
}
