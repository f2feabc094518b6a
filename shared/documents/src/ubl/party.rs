//! Seller and buyer (BG-4, BG-7).

use domain::bill::document::Party;

use super::xml::Xml;
use crate::Error;

/// What a party is called in messages, and which of them it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Seller,
    Buyer,
}

/// The tax number, if it is a VAT number: it begins with its country's two letters then (BR-CO-9). Greece writes `EL`, Northern
/// Ireland
/// `XI`. Any other number, one of a foreign country too, is a registration.
pub(crate) fn vat_number(party: &Party) -> Option<&str> {
    let number = party.tax_id.trim();
    let prefixes = match party.country.as_str() {
        "GR" => ["EL", "GR"],
        "GB" => ["GB", "XI"],
        country => [country, country],
    };
    let digits = prefixes
        .iter()
        .find_map(|prefix| number.strip_prefix(prefix))?;
    let is_number = digits.len() > 1 && digits.bytes().any(|b| b.is_ascii_digit());
    is_number.then_some(number)
}

/// What EN 16931 requires of a party: BR-06 to BR-11, BR-CO-26.
pub(crate) fn check(side: Side, party: &Party) -> Result<(), Error> {
    let is_country = |code: &str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    let missing = match side {
        _ if !party.name.trim().is_empty() && is_country(&party.country) => {
            if side == Side::Seller && party.tax_id.trim().is_empty() {
                "the issuer's tax number (setting billing.issuer_tax_id)"
            } else {
                return Ok(());
            }
        }
        Side::Seller if party.name.trim().is_empty() => {
            "the issuer's name (setting billing.issuer_name)"
        }
        Side::Seller => "the issuer's country (setting billing.issuer_country)",
        Side::Buyer if party.name.trim().is_empty() => {
            "the customer's name (tollgate customers set --name)"
        }
        Side::Buyer => "the customer's country (tollgate customers set --country)",
    };
    Err(Error::Incomplete(missing))
}

/// `is_outside_vat`: in the category O VAT numbers are forbidden (BR-O-02), so a buyer's is its registration then.
pub(crate) fn write(xml: &mut Xml, side: Side, party: &Party, id: &str, is_outside_vat: bool) {
    let group = match side {
        Side::Seller => "cac:AccountingSupplierParty",
        Side::Buyer => "cac:AccountingCustomerParty",
    };
    let vat = vat_number(party).filter(|_| !is_outside_vat);
    let other = if vat.is_some() {
        ""
    } else {
        party.tax_id.trim()
    };
    xml.group(group, |xml| {
        xml.group("cac:Party", |xml| {
            xml.optional("cbc:EndpointID schemeID=\"EM\"", &party.email);
            if !id.trim().is_empty() {
                xml.group("cac:PartyIdentification", |xml| xml.text("cbc:ID", id));
            }
            address(xml, party);
            if let Some(vat) = vat {
                tax_scheme(xml, vat, "VAT");
            } else if side == Side::Seller && !other.is_empty() {
                tax_scheme(xml, other, "TAX");
            }
            xml.group("cac:PartyLegalEntity", |xml| {
                xml.text("cbc:RegistrationName", party.name.trim());
                xml.optional("cbc:CompanyID", other);
            });
            if !party.email.trim().is_empty() {
                xml.group("cac:Contact", |xml| {
                    xml.optional("cbc:ElectronicMail", &party.email);
                });
            }
        });
    });
}

/// An address has three lines at most (BT-35, BT-36, BT-162): further ones are joined.
fn address(xml: &mut Xml, party: &Party) {
    let lines: Vec<&str> = party
        .address
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let (first, rest) = lines.split_at(lines.len().min(2));
    xml.group("cac:PostalAddress", |xml| {
        if let Some(street) = first.first() {
            xml.text("cbc:StreetName", street);
        }
        if let Some(more) = first.get(1) {
            xml.text("cbc:AdditionalStreetName", more);
        }
        if !rest.is_empty() {
            xml.group("cac:AddressLine", |xml| {
                xml.text("cbc:Line", &rest.join(", "));
            });
        }
        xml.group("cac:Country", |xml| {
            xml.text("cbc:IdentificationCode", &party.country);
        });
    });
}

fn tax_scheme(xml: &mut Xml, number: &str, scheme: &str) {
    xml.group("cac:PartyTaxScheme", |xml| {
        xml.text("cbc:CompanyID", number);
        xml.group("cac:TaxScheme", |xml| xml.text("cbc:ID", scheme));
    });
}
