//! A price as a product of AWS's price list.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::bill::document::sku_title;
use domain::bill::explorer::usage_type::{
    OPERATION, SERVICE, SERVICE_CODE, group, location, unit, usage_type,
};
use domain::bill::statement::{quantity_text, unit_price_text};
use domain::price::{Book, FreeTier, Price, Sku};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Attributes that products have, in the order of their names.
pub(super) const ATTRIBUTES: &[&str] = &[
    "group",
    "groupDescription",
    "location",
    "locationType",
    "operation",
    "productFamily",
    "regionCode",
    "servicecode",
    "servicename",
    "termType",
    "usagetype",
];

/// AWS's code of an on-demand offer.
const TERM: &str = "JRTCKXETXF";
/// Prices have ten digits behind the point at least.
const DIGITS: usize = 10;

/// A product: something that has a price in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    /// Of what it is and where: the same whatever it costs.
    pub(super) sku: String,
    pub(super) attributes: BTreeMap<&'static str, String>,
    unit: &'static str,
    currency: String,
    valid_from: DateTime<Utc>,
    tiers: Vec<Tier>,
}

/// A stretch of the month's quantity and its price, as texts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tier {
    from: String,
    to: Option<String>,
    price: String,
}

/// Everything that a book prices at a moment, in the order of SKUs. The free tier is a product of no region.
pub(super) fn all(book: &Book, free_tier: bool, now: DateTime<Utc>) -> Vec<Product> {
    let in_force = book.iter().filter(|price| {
        book.in_force(&price.region, price.sku, now)
            .is_some_and(|current| current == *price)
    });
    let mut products: Vec<Product> = in_force.map(of).collect();
    if free_tier && let Some(currency) = products.first().map(|one| one.currency.clone()) {
        products.extend(offers(&currency));
    }
    products.sort_by(|a, b| a.sku.cmp(&b.sku));
    products
}

fn of(price: &Price) -> Product {
    let usage_type = usage_type(&price.region, price.sku);
    let place = location(&price.region).to_owned();
    let text = |quantity| quantity_text(price.sku, quantity);
    let tiers = price.tiers.iter().map(|tier| Tier {
        from: text(tier.from),
        to: tier.to.map(text),
        price: unit_price_text(price.sku, tier.price_e14, price.quanta_per_unit),
    });
    Product {
        sku: code(&["product", price.region.as_str(), price.sku.as_str()], 16),
        attributes: attributes(price.sku, usage_type, place, price.region.to_string()),
        unit: unit(price.sku),
        currency: price.currency.to_string(),
        valid_from: price.valid_from,
        tiers: tiers.collect(),
    }
}

/// What is free of everything that is used anywhere.
fn offers(currency: &str) -> [Product; 2] {
    let month = FreeTier::month();
    let x86 = Sku::Duration(domain::Architecture::X86_64);
    let offer = |sku: Sku, usage_type: &str, quantity| Product {
        sku: code(&["free tier", usage_type], 16),
        attributes: attributes(sku, usage_type.to_owned(), "Any".to_owned(), String::new()),
        unit: unit(sku),
        currency: currency.to_owned(),
        valid_from: DateTime::UNIX_EPOCH,
        tiers: vec![Tier {
            from: "0".to_owned(),
            to: Some(quantity_text(sku, quantity)),
            price: "0".to_owned(),
        }],
    };
    [
        offer(Sku::Requests, "Global-Request", month.requests),
        offer(x86, "Global-Lambda-GB-Second", month.duration),
    ]
}

fn attributes(
    sku: Sku,
    usage_type: String,
    location: String,
    region: String,
) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("group", group(sku).to_owned()),
        ("groupDescription", sku_title(sku).to_owned()),
        ("location", location),
        ("locationType", "AWS Region".to_owned()),
        ("operation", OPERATION.to_owned()),
        ("productFamily", "Serverless".to_owned()),
        ("regionCode", region),
        ("servicecode", SERVICE_CODE.to_owned()),
        ("servicename", SERVICE.to_owned()),
        ("termType", "OnDemand".to_owned()),
        ("usagetype", usage_type),
    ])
}

/// Letters and digits that stand for these words for ever.
fn code(words: &[&str], length: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(words.join("\0"));
    let letters = digest.iter().cycle().take(length);
    letters
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

impl Product {
    /// As the price list has it.
    pub(super) fn to_json(&self) -> Value {
        let Self { sku, .. } = self;
        let attributes: BTreeMap<_, _> = self
            .attributes
            .iter()
            .filter(|(name, _)| !matches!(**name, "productFamily" | "termType"))
            .collect();
        let since = self.valid_from.to_rfc3339_opts(SecondsFormat::Secs, true);
        let offer = format!("{sku}.{TERM}");
        let dimensions: BTreeMap<String, Value> = self
            .tiers
            .iter()
            .enumerate()
            .map(|(index, tier)| {
                let rate = format!("{offer}.{}", code(&["tier", &index.to_string()], 10));
                let dimension = self.dimension(&rate, tier);
                (rate, dimension)
            })
            .collect();
        json!({
            "product": {"productFamily": self.attributes["productFamily"], "attributes": attributes, "sku": sku},
            "serviceCode": SERVICE_CODE,
            "terms": {"OnDemand": {&offer: {
                "priceDimensions": dimensions,
                "sku": sku,
                "effectiveDate": since,
                "offerTermCode": TERM,
                "termAttributes": {},
            }}},
            "version": self.valid_from.format("%Y%m%d%H%M%S").to_string(),
            "publicationDate": since,
        })
    }

    fn dimension(&self, rate: &str, tier: &Tier) -> Value {
        let place = &self.attributes["location"];
        let title = &self.attributes["groupDescription"];
        json!({
            "unit": self.unit,
            "beginRange": tier.from,
            "endRange": tier.to.as_deref().unwrap_or("Inf"),
            "description": format!("{SERVICE} - {title} - {place}"),
            "appliesTo": [],
            "rateCode": rate,
            "pricePerUnit": {&self.currency: padded(&tier.price)},
        })
    }
}

fn padded(price: &str) -> String {
    let (whole, rest) = price.split_once('.').unwrap_or((price, ""));
    format!("{whole}.{rest:0<DIGITS$}")
}
