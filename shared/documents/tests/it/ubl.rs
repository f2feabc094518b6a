//! The XML by the rules of EN 16931, as far as they can be told in a few lines each.
//!
//! The whole rule set was checked by hand with CEN's Schematron (compiled, `EN16931-UBL-validation.xsl`): no rule failed.

use documents::{Error, ubl};
use domain::bill::document::{Document, DocumentTax};
use roxmltree::{Document as Xml, Node};

use crate::samples;

fn render(document: &Document) -> String {
    ubl::render(document).expect("rendered")
}

/// The elements at a path of local names.
fn all<'a, 'i>(node: Node<'a, 'i>, path: &str) -> Vec<Node<'a, 'i>> {
    path.split('/').fold(vec![node], |nodes, name| {
        nodes
            .into_iter()
            .flat_map(|node| node.children())
            .filter(|child| child.tag_name().name() == name)
            .collect()
    })
}

fn text<'a>(node: Node<'a, '_>, path: &str) -> &'a str {
    let nodes = all(node, path);
    assert_eq!(nodes.len(), 1, "{path}");
    nodes[0].text().unwrap_or_default()
}

fn number(text: &str, digits: u32) -> i128 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    assert!(rest.len() <= digits as usize, "{text}");
    let padded = format!("{whole}{rest:0<width$}", width = digits as usize);
    padded.parse().expect("a number")
}

fn cents(node: Node<'_, '_>, path: &str) -> i128 {
    let nodes: Vec<i128> = node_texts(node, path)
        .iter()
        .map(|text| number(text, 2))
        .collect();
    assert_eq!(nodes.len(), 1, "{path}");
    nodes[0]
}

fn node_texts(node: Node<'_, '_>, path: &str) -> Vec<String> {
    let texts = all(node, path).into_iter().map(|node| node.text());
    texts
        .map(|text| text.unwrap_or_default().to_owned())
        .collect()
}

/// Documents of all kinds: with tax, with two taxes, without, free of tax, credit notes of either sign.
fn documents() -> Vec<Document> {
    let invoice = samples::invoice().document;
    let untaxed = |tax_id: &str| {
        let mut document = invoice.clone();
        document.taxes.clear();
        tax_id.clone_into(&mut document.issuer.tax_id);
        document.total = document.subtotal.clone();
        "0.00".clone_into(&mut document.credit);
        document.due = document.subtotal.clone();
        document
    };
    let mut zero_rated = untaxed("DE123456788");
    zero_rated.taxes = vec![DocumentTax {
        name: "VAT".to_owned(),
        percent: "0".to_owned(),
        amount: "0.00".to_owned(),
    }];
    let note = samples::credit_note();
    vec![
        invoice.clone(),
        samples::long().document,
        untaxed("DE123456788"),
        untaxed("HRB 4711"),
        zero_rated,
        negated(&note),
        note,
    ]
}

/// The same credit note with all its amounts below zero.
fn negated(note: &Document) -> Document {
    let mut document = note.clone();
    let flip = |text: &mut String| {
        if text.bytes().any(|b| matches!(b, b'1'..=b'9')) {
            *text = format!("-{text}");
        }
    };
    for line in &mut document.lines {
        flip(&mut line.amount);
        flip(&mut line.quantity);
    }
    for tax in &mut document.taxes {
        flip(&mut tax.amount);
    }
    for amount in [
        &mut document.subtotal,
        &mut document.total,
        &mut document.due,
    ] {
        flip(amount);
    }
    document
}

#[test]
fn required_elements_are_there() {
    for document in documents() {
        let xml = render(&document);
        let xml = Xml::parse(&xml).expect("well-formed");
        let root = xml.root_element();
        assert_eq!(text(root, "CustomizationID"), "urn:cen.eu:en16931:2017");
        assert_eq!(Some(text(root, "ID")), document.number.as_deref());
        assert_eq!(text(root, "IssueDate"), document.issued_on.to_string());
        assert_eq!(text(root, "DocumentCurrencyCode"), "USD");
        assert_eq!(
            text(root, "InvoicePeriod/StartDate"),
            document.period_start.to_string()
        );
        for side in ["AccountingSupplierParty", "AccountingCustomerParty"] {
            let party = all(root, side)[0];
            assert!(!text(party, "Party/PartyLegalEntity/RegistrationName").is_empty());
            assert_eq!(
                text(party, "Party/PostalAddress/Country/IdentificationCode").len(),
                2
            );
        }
        let empty = root
            .descendants()
            .filter(|node| node.is_element() && !node.has_children());
        assert_eq!(empty.count(), 0, "PEPPOL and the XSD: no empty elements");
        for node in root
            .descendants()
            .filter(|node| node.has_attribute("currencyID"))
        {
            assert_eq!(node.attribute("currencyID"), Some("USD"));
        }
    }
}

#[test]
fn sums_hold() {
    for document in documents() {
        let xml = render(&document);
        let xml = Xml::parse(&xml).expect("well-formed");
        let root = xml.root_element();
        let line = if root.tag_name().name() == "Invoice" {
            "InvoiceLine"
        } else {
            "CreditNoteLine"
        };
        let lines: i128 = node_texts(root, &format!("{line}/LineExtensionAmount"))
            .iter()
            .map(|amount| number(amount, 2))
            .sum();
        let of = |name: &str| cents(root, &format!("LegalMonetaryTotal/{name}"));
        assert_eq!(lines, of("LineExtensionAmount"), "BR-CO-10");
        assert_eq!(
            of("LineExtensionAmount"),
            of("TaxExclusiveAmount"),
            "BR-CO-13"
        );
        let tax = cents(root, "TaxTotal/TaxAmount");
        assert_eq!(
            tax,
            cents(root, "TaxTotal/TaxSubtotal/TaxAmount"),
            "BR-CO-14"
        );
        assert_eq!(
            of("TaxExclusiveAmount") + tax,
            of("TaxInclusiveAmount"),
            "BR-CO-15"
        );
        assert_eq!(
            of("TaxInclusiveAmount") - of("PrepaidAmount"),
            of("PayableAmount"),
            "BR-CO-16"
        );
        assert!(of("PayableAmount") >= 0);
        let base = cents(root, "TaxTotal/TaxSubtotal/TaxableAmount");
        assert_eq!(base, of("TaxExclusiveAmount"));
        let percent = node_texts(root, "TaxTotal/TaxSubtotal/TaxCategory/Percent");
        let percent = percent.first().map_or(0, |percent| number(percent, 4));
        let computed = (base * percent + 500_000) / 1_000_000;
        // Two taxes are rounded apart from one another.
        assert!(
            (computed - tax).abs() < document.taxes.len().max(1) as i128,
            "BR-CO-17"
        );
    }
}

/// Quantity × net price is the line's amount to the cent.
#[test]
fn lines_are_quantity_times_price() {
    for document in documents() {
        let xml = render(&document);
        let xml = Xml::parse(&xml).expect("well-formed");
        let root = xml.root_element();
        let (line, quantity) = match root.tag_name().name() {
            "Invoice" => ("InvoiceLine", "InvoicedQuantity"),
            _ => ("CreditNoteLine", "CreditedQuantity"),
        };
        let mut free = 0;
        for line in all(root, line) {
            let amount = cents(line, "LineExtensionAmount");
            let price = text(line, "Price/PriceAmount");
            assert!(!price.starts_with('-'), "BR-27");
            // Cut to what fits in 128 bits: no cent depends on the rest.
            let cut = |text: &str| match text.split_once('.') {
                Some((whole, rest)) => {
                    number(&format!("{whole}.{}", &rest[..rest.len().min(10)]), 10)
                }
                None => number(text, 10),
            };
            let product = cut(text(line, quantity)) * cut(price);
            let exact = amount * 10_i128.pow(18);
            assert!(
                (product - exact).abs() <= 10_i128.pow(18) / 2 + 10_i128.pow(13),
                "{amount}"
            );
            let list = node_texts(line, "Price/AllowanceCharge/BaseAmount");
            if let [list] = list.as_slice() {
                assert_eq!(list, text(line, "Price/AllowanceCharge/Amount"));
                assert_eq!((amount, price), (0, "0"));
                free += 1;
            }
            let unit = all(line, quantity)[0].attribute("unitCode");
            let named = text(line, "Item/Description");
            assert_eq!(
                unit,
                Some(if named.starts_with("GB in") {
                    "E62"
                } else {
                    "C62"
                })
            );
        }
        assert!(free > 0);
    }
}

#[test]
fn categories_follow_the_tax() {
    let categories: Vec<(String, Vec<String>)> = documents()
        .iter()
        .map(|document| {
            let xml = render(document);
            let xml = Xml::parse(&xml).expect("well-formed");
            let subtotal = "TaxTotal/TaxSubtotal/TaxCategory";
            let id = node_texts(xml.root_element(), &format!("{subtotal}/ID")).remove(0);
            (
                id,
                node_texts(xml.root_element(), &format!("{subtotal}/Percent")),
            )
        })
        .collect();
    let want = |id: &str, percent: &[&str]| {
        (
            id.to_owned(),
            percent
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        categories,
        [
            want("S", &["23"]),
            want("S", &["25"]),
            want("E", &["0"]),
            want("O", &[]),
            want("Z", &["0"]),
            want("S", &["23"]),
            want("S", &["23"]),
        ]
    );
}

/// Outside the scope of VAT no VAT number may be named, of either side (BR-O-02).
#[test]
fn outside_vat_there_are_no_vat_numbers() {
    let document = &documents()[3];
    let xml = render(document);
    let xml = Xml::parse(&xml).expect("well-formed");
    let root = xml.root_element();
    let schemes = node_texts(
        root,
        "AccountingSupplierParty/Party/PartyTaxScheme/TaxScheme/ID",
    );
    assert_eq!(schemes, ["TAX"]);
    assert!(all(root, "AccountingCustomerParty/Party/PartyTaxScheme").is_empty());
    let id = text(
        root,
        "AccountingCustomerParty/Party/PartyLegalEntity/CompanyID",
    );
    assert_eq!(id, document.customer.tax_id);
}

#[test]
fn several_taxes_are_named_in_the_note() {
    let xml = render(&samples::long().document);
    let xml = Xml::parse(&xml).expect("well-formed");
    let note = text(xml.root_element(), "Note");
    assert!(note.starts_with("Taxes: VAT 23 %: "), "{note}");
    assert!(note.contains("; City tax 2 %: "), "{note}");
}

#[test]
fn a_credit_note_says_what_it_corrects() {
    let note = samples::credit_note();
    let xml = render(&note);
    assert_eq!(
        xml,
        render(&negated(&note)),
        "whatever sign its amounts have"
    );
    let xml = Xml::parse(&xml).expect("well-formed");
    let root = xml.root_element();
    assert_eq!(root.tag_name().name(), "CreditNote");
    assert_eq!(text(root, "CreditNoteTypeCode"), "381");
    let corrects = text(root, "BillingReference/InvoiceDocumentReference/ID");
    assert_eq!(Some(corrects), note.corrects.as_deref());
    assert_eq!(Some(text(root, "Note")), note.reason.as_deref());
}

#[test]
fn what_en_16931_does_not_allow_is_refused() {
    let check = |change: fn(&mut Document), want: Error| {
        let mut document = samples::invoice().document;
        change(&mut document);
        assert_eq!(ubl::render(&document), Err(want));
    };
    check(|document| document.number = None, Error::Draft);
    check(
        |document| document.issuer.name.clear(),
        Error::Incomplete("the issuer's name (setting billing.issuer_name)"),
    );
    check(
        |document| document.issuer.country = "Germany".to_owned(),
        Error::Incomplete("the issuer's country (setting billing.issuer_country)"),
    );
    check(
        |document| document.issuer.tax_id.clear(),
        Error::Incomplete("the issuer's tax number (setting billing.issuer_tax_id)"),
    );
    check(
        |document| document.customer.name = "  ".to_owned(),
        Error::Incomplete("the customer's name (tollgate customers set --name)"),
    );
    check(
        |document| document.customer.country.clear(),
        Error::Incomplete("the customer's country (tollgate customers set --country)"),
    );
    check(
        |document| document.lines[0].amount = "0.001".to_owned(),
        Error::TooManyDigits("0.001".to_owned()),
    );
    check(
        |document| document.currency = "dollars".to_owned(),
        Error::NotACurrency {
            text: "dollars".to_owned(),
        },
    );
}
