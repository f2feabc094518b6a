//! An invoice as XML: UBL 2.1, `Invoice` or `CreditNote`, by EN 16931.
//!
//! | document | EN 16931 |
//! |---|---|
//! | number, dates, period | BT-1, BT-2, BT-9, BG-14 |
//! | what a credit note corrects | BG-3; why: BT-22 |
//! | issuer, customer | BG-4, BG-7; the account is the buyer's identifier (BT-46) |
//! | line | BG-25: quantity BT-129, amount BT-131, unit price BT-146 |
//! | free tier | the list price (BT-148) with a discount of all of it (BT-147), so that nothing is due |
//! | subtotal, taxes, total | BT-106 = BT-109, BT-110, BT-112 |
//! | prepaid credit, due | BT-113, BT-115 |
//!
//! Rec 20 has no code for GB-seconds, so all quantities are in `C62` (one of the unit that the line names), except GB of data.
//! There are no allowances or charges, and no payment means: the document knows none.
//!
//! A draft has no XML. Amounts of a credit note are positive whether the document has them positive or negative: the kind of
//! the XML document says that they are in the customer's favour.

mod party;
mod tax;
mod xml;

use domain::bill::document::{Document, DocumentLine, Kind, Section};

use self::party::Side;
use self::tax::Tax;
use self::xml::Xml;
use crate::Error;
use crate::figures::{e10, scaled};

/// What EN 16931 calls itself in a document (BT-24).
const CUSTOMIZATION: &str = "urn:cen.eu:en16931:2017";
const AGGREGATES: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2";
const BASICS: &str = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2";

/// Names that differ between the two documents.
struct Names {
    root: &'static str,
    type_tag: &'static str,
    /// UNCL 1001.
    type_code: &'static str,
    line: &'static str,
    quantity: &'static str,
}

const INVOICE: Names = Names {
    root: "Invoice",
    type_tag: "cbc:InvoiceTypeCode",
    type_code: "380",
    line: "cac:InvoiceLine",
    quantity: "cbc:InvoicedQuantity",
};

const CREDIT_NOTE: Names = Names {
    root: "CreditNote",
    type_tag: "cbc:CreditNoteTypeCode",
    type_code: "381",
    line: "cac:CreditNoteLine",
    quantity: "cbc:CreditedQuantity",
};

struct Writer<'a> {
    document: &'a Document,
    number: &'a str,
    names: &'static Names,
    tax: Tax,
    /// Whether amounts change their sign.
    is_negated: bool,
}

/// Refuses what EN 16931 does: drafts, parties without a name or country, currencies with more than two digits.
pub fn render(document: &Document) -> Result<String, Error> {
    let number = document.number.as_deref().ok_or(Error::Draft)?;
    party::check(Side::Seller, &document.issuer)?;
    party::check(Side::Buyer, &document.customer)?;
    check_digits(document)?;
    let (names, is_negated) = match document.kind {
        Kind::Invoice => (&INVOICE, false),
        Kind::CreditNote => (&CREDIT_NOTE, e10(&document.total)? < 0),
    };
    let writer = Writer {
        document,
        number,
        names,
        tax: Tax::of(document)?,
        is_negated,
    };
    Ok(writer.write())
}

/// BR-DEC-*: no amount has more than two digits behind the point.
fn check_digits(document: &Document) -> Result<(), Error> {
    let totals = [
        &document.subtotal,
        &document.total,
        &document.credit,
        &document.due,
    ];
    let taxes = document.taxes.iter().map(|tax| &tax.amount);
    let lines = document.lines.iter().map(|line| &line.amount);
    for amount in totals.into_iter().chain(taxes).chain(lines) {
        e10(amount)?;
        if scaled(amount, 2).is_none() {
            return Err(Error::TooManyDigits(amount.clone()));
        }
    }
    Ok(())
}

impl Writer<'_> {
    fn write(&self) -> String {
        let mut xml = Xml::new();
        let root = self.names.root;
        let namespace = format!("urn:oasis:names:specification:ubl:schema:xsd:{root}-2");
        let tag = format!(
            "{root} xmlns=\"{namespace}\" xmlns:cac=\"{AGGREGATES}\" xmlns:cbc=\"{BASICS}\""
        );
        xml.group(&tag, |xml| {
            self.head(xml);
            let is_outside = self.tax.category == "O";
            let document = self.document;
            party::write(xml, Side::Seller, &document.issuer, "", is_outside);
            let account = &document.account_id;
            party::write(xml, Side::Buyer, &document.customer, account, is_outside);
            if document.kind == Kind::CreditNote {
                // A credit note has no due date in UBL; BR-CO-25 wants terms instead.
                xml.group("cac:PaymentTerms", |xml| {
                    xml.text(
                        "cbc:Note",
                        "Credited to the account; nothing has to be paid.",
                    );
                });
            }
            self.tax_total(xml);
            self.monetary_total(xml);
            for line in &document.lines {
                self.line(xml, line);
            }
            if document.lines.is_empty() {
                self.empty_line(xml);
            }
        });
        xml.finish()
    }

    fn head(&self, xml: &mut Xml) {
        let document = self.document;
        xml.text("cbc:CustomizationID", CUSTOMIZATION);
        xml.text("cbc:ID", self.number);
        xml.text("cbc:IssueDate", &document.issued_on.to_string());
        if document.kind == Kind::Invoice {
            xml.text("cbc:DueDate", &document.due_on.to_string());
        }
        xml.text(self.names.type_tag, self.names.type_code);
        xml.optional("cbc:Note", &self.note());
        xml.text("cbc:DocumentCurrencyCode", &document.currency);
        xml.group("cac:InvoicePeriod", |xml| {
            xml.text("cbc:StartDate", &document.period_start.to_string());
            xml.text("cbc:EndDate", &document.period_end.to_string());
        });
        if let Some(corrects) = &document.corrects {
            xml.group("cac:BillingReference", |xml| {
                xml.group("cac:InvoiceDocumentReference", |xml| {
                    xml.text("cbc:ID", corrects);
                });
            });
        }
    }

    fn note(&self) -> String {
        let notes = self.document.notes.iter().map(String::as_str);
        self.document
            .reason
            .as_deref()
            .into_iter()
            .chain(self.tax.note.as_deref())
            .chain(notes)
            .map(str::trim)
            .filter(|note| !note.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn amount(&self, xml: &mut Xml, tag: &str, amount: &str) {
        // A currency is three capital letters by now: `Tax::of` has read it.
        let tag = format!("{tag} currencyID=\"{}\"", self.document.currency);
        xml.text(&tag, &self.signed(amount));
    }

    fn signed(&self, number: &str) -> String {
        if !self.is_negated || number.bytes().all(|b| matches!(b, b'0' | b'.')) {
            return number.to_owned();
        }
        match number.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None => format!("-{number}"),
        }
    }

    fn tax_total(&self, xml: &mut Xml) {
        xml.group("cac:TaxTotal", |xml| {
            self.amount(xml, "cbc:TaxAmount", &self.tax.amount);
            xml.group("cac:TaxSubtotal", |xml| {
                self.amount(xml, "cbc:TaxableAmount", &self.document.subtotal);
                self.amount(xml, "cbc:TaxAmount", &self.tax.amount);
                self.category(xml, "cac:TaxCategory", self.tax.reason);
            });
        });
    }

    fn category(&self, xml: &mut Xml, tag: &str, reason: Option<&str>) {
        xml.group(tag, |xml| {
            xml.text("cbc:ID", self.tax.category);
            if let Some(percent) = &self.tax.percent {
                xml.text("cbc:Percent", percent);
            }
            if let Some(reason) = reason {
                xml.text("cbc:TaxExemptionReason", reason);
            }
            xml.group("cac:TaxScheme", |xml| xml.text("cbc:ID", "VAT"));
        });
    }

    fn monetary_total(&self, xml: &mut Xml) {
        let document = self.document;
        xml.group("cac:LegalMonetaryTotal", |xml| {
            self.amount(xml, "cbc:LineExtensionAmount", &document.subtotal);
            self.amount(xml, "cbc:TaxExclusiveAmount", &document.subtotal);
            self.amount(xml, "cbc:TaxInclusiveAmount", &document.total);
            self.amount(xml, "cbc:PrepaidAmount", &document.credit);
            self.amount(xml, "cbc:PayableAmount", &document.due);
        });
    }

    fn line(&self, xml: &mut Xml, line: &DocumentLine) {
        xml.group(self.names.line, |xml| {
            xml.text("cbc:ID", &line.line_no.to_string());
            if line.section == Section::Correction {
                xml.text("cbc:Note", "Usage of an earlier month");
            }
            let unit = unit_code(&line.unit);
            let tag = format!("{} unitCode=\"{unit}\"", self.names.quantity);
            xml.text(&tag, &self.signed(&line.quantity));
            self.amount(xml, "cbc:LineExtensionAmount", &line.amount);
            self.item(xml, line);
            self.price(xml, line);
        });
    }

    fn item(&self, xml: &mut Xml, line: &DocumentLine) {
        xml.group("cac:Item", |xml| {
            xml.text(
                "cbc:Description",
                &format!("{} in {}", line.unit, line.region),
            );
            xml.text("cbc:Name", &line.description);
            xml.group("cac:SellersItemIdentification", |xml| {
                xml.text("cbc:ID", &line.sku);
            });
            self.category(xml, "cac:ClassifiedTaxCategory", None);
            let properties = [
                ("Region", line.region.clone()),
                ("Tier", line.tier.clone()),
                ("Unit", line.unit.clone()),
                ("Price valid from", line.price_from.to_string()),
            ];
            for (name, value) in properties {
                xml.group("cac:AdditionalItemProperty", |xml| {
                    xml.text("cbc:Name", name);
                    xml.text("cbc:Value", &value);
                });
            }
        });
    }

    /// A price is never negative (BR-27), so it takes no part in the change of signs.
    fn price(&self, xml: &mut Xml, line: &DocumentLine) {
        let currency = &self.document.currency;
        let money = |tag: &str| format!("{tag} currencyID=\"{currency}\"");
        xml.group("cac:Price", |xml| {
            if line.tier != "free" {
                xml.text(&money("cbc:PriceAmount"), &line.unit_price);
                return;
            }
            xml.text(&money("cbc:PriceAmount"), "0");
            xml.group("cac:AllowanceCharge", |xml| {
                xml.text("cbc:ChargeIndicator", "false");
                xml.text(&money("cbc:Amount"), &line.unit_price);
                xml.text(&money("cbc:BaseAmount"), &line.unit_price);
            });
        });
    }

    /// A month without usage: an invoice has at least one line (BR-16).
    fn empty_line(&self, xml: &mut Xml) {
        xml.group(self.names.line, |xml| {
            xml.text("cbc:ID", "1");
            xml.text(&format!("{} unitCode=\"C62\"", self.names.quantity), "0");
            self.amount(xml, "cbc:LineExtensionAmount", "0");
            xml.group("cac:Item", |xml| {
                xml.text("cbc:Name", "No usage in this period");
                self.category(xml, "cac:ClassifiedTaxCategory", None);
            });
            let tag = format!("cbc:PriceAmount currencyID=\"{}\"", self.document.currency);
            xml.group("cac:Price", |xml| xml.text(&tag, "0"));
        });
    }
}

/// UN/ECE Recommendation 20. A GB is 1,024³ bytes: a gibibyte.
fn unit_code(unit: &str) -> &'static str {
    match unit {
        "GB" => "E62",
        _ => "C62",
    }
}
