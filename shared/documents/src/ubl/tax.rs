//! The one tax of an invoice, as EN 16931 sees it.
//!
//! In EN 16931 a line has one tax category and rate, and taxes are summed up by these. Tollgate's taxes all apply to the whole
//! subtotal, so there is one category, and several taxes become one rate: the sum of theirs (their names and amounts are in the
//! note). Where there is no tax at all, a seller with a VAT number supplies exempt (E), any other is outside the scope of VAT
//! (O). With taxes rounded by line (`tax_level` is `line`) the tax may differ by a few cents from base × rate (BR-CO-17); it is
//! what was charged.

use domain::bill::document::Document;
use domain::bill::money::exact;

use super::party::vat_number;
use crate::Error;
use crate::figures::{amount, currency, e10, scaled};

/// Digits of a rate in percent.
const RATE_DIGITS: u32 = 4;

pub(crate) struct Tax {
    /// UNCL 5305: `S` standard, `Z` zero rated, `E` exempt, `O` outside the scope.
    pub(crate) category: &'static str,
    /// `None` outside the scope, where a rate is forbidden.
    pub(crate) percent: Option<String>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) amount: String,
    /// What the taxes are called, if they are several.
    pub(crate) note: Option<String>,
}

impl Tax {
    pub(crate) fn of(document: &Document) -> Result<Self, Error> {
        let currency = currency(&document.currency)?;
        let mut percent_e4 = 0;
        let mut sum_e10 = 0;
        for tax in &document.taxes {
            percent_e4 += scaled(&tax.percent, RATE_DIGITS).ok_or_else(|| Error::NotANumber {
                text: tax.percent.clone(),
            })?;
            sum_e10 += e10(&tax.amount)?;
        }
        let percent = exact(percent_e4, 10_i128.pow(RATE_DIGITS));
        let (category, percent, reason) = match document.taxes.len() {
            0 if vat_number(&document.issuer).is_some() => {
                ("E", Some("0".to_owned()), Some("No tax is charged"))
            }
            0 => ("O", None, Some("Not subject to VAT")),
            _ if percent_e4 == 0 => ("Z", Some("0".to_owned()), None),
            _ => ("S", Some(percent), None),
        };
        Ok(Self {
            category,
            percent,
            reason,
            amount: amount(sum_e10, currency),
            note: note(document),
        })
    }
}

fn note(document: &Document) -> Option<String> {
    let parts: Vec<String> = document
        .taxes
        .iter()
        .map(|tax| format!("{} {} %: {}", tax.name, tax.percent, tax.amount))
        .collect();
    (parts.len() > 1).then(|| format!("Taxes: {}.", parts.join("; ")))
}
