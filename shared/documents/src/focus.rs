//! FOCUS 1.2, the open cost and usage specification.
//!
//! A row is what a function used of a SKU in an hour at one price. Then come a row for what rounding the invoice's lines added
//! (`Adjustment`), one per tax and one for prepaid credit, so that the sum of `BilledCost` by `InvoiceId` is what is due,
//! exactly.
//!
//! - `ListUnitPrice` × `PricingQuantity`, rounded half up at ten digits, is `ListCost`; likewise contracted. What the free tier
//!   covers keeps its list price; its contracted price and all its other costs are 0.
//! - `SkuId` is the same in all tiers, `SkuPriceId` is one tier of one price version.
//! - Late usage of a closed month has `ChargeClass` `Correction`, its own charge period and the billing period of the invoice
//!   that it is on.
//! - A tax's `ListCost` is the tax on the list costs, as FOCUS wants it.

use std::collections::BTreeMap;
use std::io::Write;

use domain::bill::document::sku_title;
use domain::price::rating::{ROW_DIGITS, round_half_up};

use crate::Error;
use crate::export::{
    Bill, Entry, Item, PRICE_DIGITS, QUANTITY_DIGITS, description, list_cost_e10, quantity,
    resource_name, sku_id, sku_price_id, unit, unit_price,
};
use crate::regions;
use crate::table::{self, Column, Encoding, Kind, Value};

/// As it stands in `ServiceName`.
const SERVICE: &str = "Tollgate Functions";

/// Writes bills as one table, in their order.
pub fn write<'a>(
    encoding: Encoding,
    bills: impl IntoIterator<Item = &'a Bill<'a>>,
    out: impl Write + Send,
) -> Result<(), Error> {
    table::write(&COLUMNS, encoding, bills, out)
}

const COST: Kind = Kind::Decimal(ROW_DIGITS);
const QUANTITY: Kind = Kind::Decimal(QUANTITY_DIGITS);
const PRICE: Kind = Kind::Decimal(PRICE_DIGITS);

const fn column(
    name: &'static str,
    kind: Kind,
    value: for<'a> fn(&Entry<'a>) -> Value<'a>,
) -> Column {
    Column { name, kind, value }
}

/// In the order of their names: the 21 mandatory ones, the conditional ones that apply, and the recommended ones but
/// availability zones.
static COLUMNS: [Column; 41] = [
    column("BilledCost", COST, |e| Value::Decimal(e.billed_e10())),
    column("BillingAccountId", Kind::Text, |e| {
        Value::text(e.bill.account_id)
    }),
    column("BillingAccountName", Kind::Name, |e| {
        Value::text(e.bill.account_name)
    }),
    column("BillingCurrency", Kind::Text, |e| {
        Value::text(e.bill.totals.subtotal.currency.to_string())
    }),
    column("BillingPeriodEnd", Kind::Time, |e| {
        Value::Time(e.bill.month.end())
    }),
    column("BillingPeriodStart", Kind::Time, |e| {
        Value::Time(e.bill.month.start())
    }),
    column("ChargeCategory", Kind::Text, |e| Value::text(category(e))),
    column("ChargeClass", Kind::Text, charge_class),
    column("ChargeDescription", Kind::Name, |e| {
        Value::text(charge_description(e))
    }),
    column("ChargeFrequency", Kind::Text, |e| Value::text(frequency(e))),
    column("ChargePeriodEnd", Kind::Time, |e| Value::Time(e.period().1)),
    column("ChargePeriodStart", Kind::Time, |e| {
        Value::Time(e.period().0)
    }),
    column("ConsumedQuantity", QUANTITY, |e| {
        Value::decimal_or_null(e.charge().and_then(quantity))
    }),
    column("ConsumedUnit", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(unit))
    }),
    column("ContractedCost", COST, |e| Value::Decimal(e.billed_e10())),
    column("ContractedUnitPrice", PRICE, |e| {
        Value::decimal_or_null(contracted_unit_price(e))
    }),
    column("EffectiveCost", COST, |e| Value::Decimal(e.billed_e10())),
    column("InvoiceId", Kind::Name, |e| {
        Value::text_or_null(e.bill.invoice_id)
    }),
    column("InvoiceIssuerName", Kind::Name, |e| {
        Value::text(e.bill.issuer)
    }),
    column("ListCost", COST, |e| Value::Decimal(list_cost(e))),
    column("ListUnitPrice", PRICE, |e| {
        Value::decimal_or_null(e.charge().and_then(unit_price))
    }),
    column("PricingCategory", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|_| "Standard"))
    }),
    column("PricingQuantity", QUANTITY, |e| {
        Value::decimal_or_null(e.charge().and_then(quantity))
    }),
    column("PricingUnit", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(unit))
    }),
    column("ProviderName", Kind::Name, |e| Value::text(e.bill.issuer)),
    column("PublisherName", Kind::Name, |e| Value::text(e.bill.issuer)),
    column("RegionId", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| charge.rate.region.as_str()))
    }),
    column("RegionName", Kind::Text, |e| {
        Value::text_or_null(
            e.charge()
                .map(|charge| regions::name(charge.rate.region.as_str())),
        )
    }),
    column("ResourceId", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| charge.resource.as_str()))
    }),
    column("ResourceName", Kind::Name, |e| {
        Value::text_or_null(e.charge().map(|charge| resource_name(&charge.resource)))
    }),
    column("ResourceType", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|_| "Function"))
    }),
    column("ServiceCategory", Kind::Text, |_| Value::text("Compute")),
    column("ServiceName", Kind::Text, |_| Value::text(SERVICE)),
    column("ServiceSubcategory", Kind::Text, |_| {
        Value::text("Serverless Compute")
    }),
    column("SkuId", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(sku_id))
    }),
    column("SkuMeter", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| sku_title(charge.rate.sku)))
    }),
    column("SkuPriceDetails", Kind::Map, price_details),
    column("SkuPriceId", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(sku_price_id))
    }),
    column("SubAccountId", Kind::Text, |e| {
        Value::text(e.bill.account_id)
    }),
    column("SubAccountName", Kind::Name, |e| {
        Value::text(e.bill.account_name)
    }),
    column("Tags", Kind::Map, tags),
];

fn category(entry: &Entry<'_>) -> &'static str {
    match entry.item {
        Item::Usage(_) | Item::Correction(_) => "Usage",
        Item::Rounding { .. } => "Adjustment",
        Item::Tax { .. } => "Tax",
        Item::Credit { .. } => "Credit",
    }
}

fn charge_class<'a>(entry: &Entry<'a>) -> Value<'a> {
    match entry.item {
        Item::Correction(_) => Value::text("Correction"),
        _ => Value::Null,
    }
}

fn charge_description(entry: &Entry<'_>) -> String {
    match entry.item {
        Item::Usage(charge) => format!("{} in {}", description(charge), charge.rate.region),
        Item::Correction(charge) => format!(
            "{} in {}, usage of an earlier month",
            description(charge),
            charge.rate.region
        ),
        Item::Rounding { .. } => "Rounding of the invoice's lines".to_owned(),
        Item::Tax { rate, .. } => format!("{} {} %", rate.name, rate.percent()),
        Item::Credit { .. } => "Prepaid credit".to_owned(),
    }
}

fn frequency(entry: &Entry<'_>) -> &'static str {
    match entry.item {
        Item::Credit { .. } => "One-Time",
        _ => "Usage-Based",
    }
}

fn contracted_unit_price(entry: &Entry<'_>) -> Option<i128> {
    let charge = entry.charge()?;
    match charge.rate.tier {
        Some(_) => unit_price(charge),
        None => Some(0),
    }
}

fn list_cost(entry: &Entry<'_>) -> i128 {
    match entry.item {
        Item::Usage(charge) | Item::Correction(charge) => list_cost_e10(charge),
        // 10⁻⁴ percent are 10⁻⁶ of the whole.
        Item::Tax { rate, .. } => round_half_up(
            entry.bill.list_e10() * i128::from(rate.percent_e4),
            1_000_000,
        ),
        Item::Rounding { .. } | Item::Credit { .. } => entry.billed_e10(),
    }
}

fn price_details<'a>(entry: &Entry<'a>) -> Value<'a> {
    let Some(charge) = entry.charge() else {
        return Value::Null;
    };
    let rate = &charge.rate;
    Value::Map(BTreeMap::from([
        (
            "x_PriceFrom".into(),
            rate.valid_from.date_naive().to_string().into(),
        ),
        ("x_Sku".into(), rate.sku.as_str().into()),
        ("x_Tier".into(), rate.tier_name().into()),
    ]))
}

fn tags<'a>(entry: &Entry<'a>) -> Value<'a> {
    if entry.charge().is_none() {
        return Value::Null;
    }
    let tags = entry.tags().into_iter().flatten();
    Value::Map(
        tags.map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect(),
    )
}
