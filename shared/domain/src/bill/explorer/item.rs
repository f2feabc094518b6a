//! Charges with all that can be asked of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::bill::statement::Rated;
use crate::price::{Currency, Sku};
use crate::{AccountId, Region};

/// Tags of functions, by their ARN without a qualifier. They are those of now: usage of the past is shown under them too.
pub type FunctionTags = BTreeMap<String, BTreeMap<String, String>>;

/// A usage row's part at one rate, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub account: AccountId,
    pub hour: DateTime<Utc>,
    pub region: &'a Region,
    pub sku: Sku,
    /// A function's ARN without a qualifier.
    pub resource: &'a str,
    /// `None` where the function has none, or is gone.
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// In quanta of the SKU.
    pub quantity: i128,
    /// At ten digits; 0 for what the free tier covers and for what has no price.
    pub amount_e10: i128,
    /// `None`: the price book has no price for it.
    pub currency: Option<Currency>,
}

/// All charges of a rated month, and the usage that has no price.
pub fn items<'a>(
    account: AccountId,
    rated: &'a Rated,
    tags: &'a FunctionTags,
) -> impl Iterator<Item = Item<'a>> {
    let charges = rated.statements.iter().flat_map(move |statement| {
        statement.charges.iter().map(move |charge| Item {
            account,
            hour: charge.hour,
            region: &charge.rate.region,
            sku: charge.rate.sku,
            resource: &charge.resource,
            tags: tags.get(&charge.resource),
            quantity: charge.quantity,
            amount_e10: charge.amount_e10,
            currency: Some(statement.currency),
        })
    });
    let unpriced = rated.unpriced.iter().map(move |row| Item {
        account,
        hour: row.hour,
        region: &row.region,
        sku: row.sku,
        resource: &row.resource,
        tags: tags.get(&row.resource),
        quantity: row.quantity,
        amount_e10: 0,
        currency: None,
    });
    charges.chain(unpriced)
}

impl Item<'_> {
    /// A tag's value; empty where the function does not have it.
    pub fn tag(&self, key: &str) -> &str {
        let value = self.tags.and_then(|tags| tags.get(key));
        value.map(String::as_str).unwrap_or_default()
    }
}
