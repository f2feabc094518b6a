//! The charges of an account's month, as cost exports are made of them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::bill::document::sku_title;
use domain::bill::statement::{quantity_text, unit_price_text, unit_text};
use domain::bill::{Charge, Money, Month, TaxRate, Totals};
use domain::price::Exact;
use domain::price::rating::ROW_DIGITS;

use crate::figures::rounded;

/// Digits of quantities in exports: exact for all but bytes in GB, of which the 19th digit is rounded away.
pub(crate) const QUANTITY_DIGITS: u32 = 18;
/// Digits of unit prices in exports: exact for all prices per million requests.
pub(crate) const PRICE_DIGITS: u32 = 20;

/// Tags of functions, by ARN without a qualifier.
pub type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// A month of one account in one currency, final or not.
#[derive(Debug, Clone, Copy)]
pub struct Bill<'a> {
    pub account_id: &'a str,
    pub account_name: &'a str,
    /// Who sends the invoice.
    pub issuer: &'a str,
    /// The billing period.
    pub month: Month,
    /// The invoice's number; `None` as long as there is none.
    pub invoice_id: Option<&'a str>,
    /// What was used in this month.
    pub usage: &'a [Charge],
    /// What was used in earlier months, whose invoices were closed, and is on this one.
    pub corrections: &'a [Charge],
    /// The bottom of the invoice: of the lines of both. Its currency is that of the charges.
    pub totals: &'a Totals,
    pub tags: &'a Tags,
}

/// One row of an export.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) bill: &'a Bill<'a>,
    pub(crate) item: Item<'a>,
    /// From 1 within the bill.
    pub(crate) number: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    Usage(&'a Charge),
    Correction(&'a Charge),
    /// What rounding the lines added to the charges (R6).
    Rounding {
        amount_e10: i128,
    },
    Tax {
        rate: &'a TaxRate,
        amount: Money,
    },
    /// Prepaid credit that was used.
    Credit {
        amount: Money,
    },
}

impl<'a> Bill<'a> {
    /// Its rows. Their billed costs add up to what is due, exactly.
    pub(crate) fn entries(&'a self) -> impl Iterator<Item = Entry<'a>> {
        let usage = self.usage.iter().map(Item::Usage);
        let corrections = self.corrections.iter().map(Item::Correction);
        let residue = self.residue_e10();
        let rounding = (residue != 0).then_some(Item::Rounding {
            amount_e10: residue,
        });
        let taxes = self.totals.taxes.iter().map(|(rate, amount)| Item::Tax {
            rate,
            amount: *amount,
        });
        let credit = (self.totals.credit.minor != 0).then_some(Item::Credit {
            amount: self.totals.credit,
        });
        usage
            .chain(corrections)
            .chain(rounding)
            .chain(taxes)
            .chain(credit)
            .zip(1..)
            .map(|(item, number)| Entry {
                bill: self,
                item,
                number,
            })
    }

    fn residue_e10(&self) -> i128 {
        let charges = self.usage.iter().chain(self.corrections);
        let accrued: i128 = charges.map(|charge| charge.amount_e10).sum();
        self.totals.subtotal.e10() - accrued
    }

    /// At list prices, without taxes and rounding.
    pub(crate) fn list_e10(&self) -> i128 {
        let charges = self.usage.iter().chain(self.corrections);
        charges.map(list_cost_e10).sum()
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn charge(&self) -> Option<&'a Charge> {
        match self.item {
            Item::Usage(charge) | Item::Correction(charge) => Some(charge),
            _ => None,
        }
    }

    /// What it adds to the invoice, at ten digits.
    pub(crate) fn billed_e10(&self) -> i128 {
        match self.item {
            Item::Usage(charge) | Item::Correction(charge) => charge.amount_e10,
            Item::Rounding { amount_e10 } => amount_e10,
            Item::Tax { amount, .. } => amount.e10(),
            Item::Credit { amount } => -amount.e10(),
        }
    }

    /// The hour of usage; the whole month of what is computed from it.
    pub(crate) fn period(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        match self.charge() {
            Some(charge) => (charge.hour, charge.hour + TimeDelta::hours(1)),
            None => (self.bill.month.start(), self.bill.month.end()),
        }
    }

    pub(crate) fn tags(&self) -> Option<&'a BTreeMap<String, String>> {
        self.bill.tags.get(&self.charge()?.resource)
    }
}

/// Quantity × list price, of free quantities too, at ten digits (R2).
pub(crate) fn list_cost_e10(charge: &Charge) -> i128 {
    // A product out of range was refused when the month was rated.
    let numerator = charge.quantity.saturating_mul(charge.price_e14);
    let quanta_per_unit = charge.quanta_per_unit;
    Exact {
        numerator,
        quanta_per_unit,
    }
    .round(ROW_DIGITS)
}

/// In the unit that people read, at [`QUANTITY_DIGITS`].
pub(crate) fn quantity(charge: &Charge) -> Option<i128> {
    rounded(
        &quantity_text(charge.rate.sku, charge.quantity),
        QUANTITY_DIGITS,
    )
}

/// List price of one such unit, at [`PRICE_DIGITS`].
pub(crate) fn unit_price(charge: &Charge) -> Option<i128> {
    let text = unit_price_text(charge.rate.sku, charge.price_e14, charge.quanta_per_unit);
    rounded(&text, PRICE_DIGITS)
}

pub(crate) fn unit(charge: &Charge) -> &'static str {
    unit_text(charge.rate.sku)
}

/// `eu-central-1.duration-arm64`: the same in all tiers.
pub(crate) fn sku_id(charge: &Charge) -> String {
    format!("{}.{}", charge.rate.region, charge.rate.sku)
}

/// `eu-central-1.duration-arm64.20201201.t1`: one price of one version.
pub(crate) fn sku_price_id(charge: &Charge) -> String {
    let tier = match charge.rate.tier {
        Some(tier) => format!("t{}", tier + 1),
        None => "free".to_owned(),
    };
    format!(
        "{}.{}.{tier}",
        sku_id(charge),
        charge.rate.valid_from.format("%Y%m%d")
    )
}

/// `Compute, Arm, tier 2`.
pub(crate) fn description(charge: &Charge) -> String {
    let title = sku_title(charge.rate.sku);
    match charge.rate.tier {
        None => format!("{title}, free tier"),
        Some(0) => title.to_owned(),
        Some(tier) => format!("{title}, tier {}", tier + 1),
    }
}

/// The function's name in its ARN.
pub(crate) fn resource_name(arn: &str) -> &str {
    arn.rsplit_once(":function:").map_or(arn, |(_, name)| name)
}
