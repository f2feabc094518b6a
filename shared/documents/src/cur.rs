//! The columns of AWS's Cost and Usage Report 2.0 (`COST_AND_USAGE_REPORT`), as far as they mean something here.
//!
//! As AWS has them: rates are texts, costs and usage amounts are doubles. They are converted from exact decimals here and
//! nowhere else; who wants to add up exactly takes [`crate::focus`]. The usage type does not tell tiers apart,
//! `pricing_rate_code` does. Hours are UTC. What rounding the invoice's lines added is a row of its own, a `Fee`, so that costs
//! add up to what is due as far as doubles do; AWS has no such row.

use std::collections::BTreeMap;
use std::io::Write;

use domain::Architecture;
use domain::bill::money::fixed;
use domain::price::Sku;
use domain::price::rating::ROW_DIGITS;

use crate::Error;
use crate::export::{
    Bill, Entry, Item, PRICE_DIGITS, QUANTITY_DIGITS, quantity, sku_id, sku_price_id, unit_price,
};
use crate::figures::trimmed;
use crate::regions;
use crate::table::{self, Column, Encoding, Kind, Value};

/// Writes bills as one table, in their order.
pub fn write<'a>(
    encoding: Encoding,
    bills: impl IntoIterator<Item = &'a Bill<'a>>,
    out: impl Write + Send,
) -> Result<(), Error> {
    table::write(&COLUMNS, encoding, bills, out)
}

const fn column(
    name: &'static str,
    kind: Kind,
    value: for<'a> fn(&Entry<'a>) -> Value<'a>,
) -> Column {
    Column { name, kind, value }
}

static COLUMNS: [Column; 39] = [
    column("bill_bill_type", Kind::Text, |_| Value::text("Anniversary")),
    column("bill_billing_entity", Kind::Name, issuer),
    column("bill_billing_period_end_date", Kind::Time, |e| {
        Value::Time(e.bill.month.end())
    }),
    column("bill_billing_period_start_date", Kind::Time, |e| {
        Value::Time(e.bill.month.start())
    }),
    column("bill_invoice_id", Kind::Name, |e| {
        Value::text_or_null(e.bill.invoice_id)
    }),
    column("bill_invoicing_entity", Kind::Name, issuer),
    column("bill_payer_account_id", Kind::Text, account_id),
    column("bill_payer_account_name", Kind::Name, account_name),
    column("identity_line_item_id", Kind::Text, |e| {
        let bill = e.bill;
        Value::text(format!("{}-{}-{}", bill.account_id, bill.month, e.number))
    }),
    column("identity_time_interval", Kind::Text, |e| {
        let (start, end) = e.period();
        let format = "%Y-%m-%dT%H:%M:%SZ";
        Value::text(format!("{}/{}", start.format(format), end.format(format)))
    }),
    column("line_item_currency_code", Kind::Text, currency),
    column("line_item_legal_entity", Kind::Name, issuer),
    column("line_item_line_item_description", Kind::Name, |e| {
        Value::text(description(e))
    }),
    column("line_item_line_item_type", Kind::Text, |e| {
        Value::text(match e.item {
            Item::Usage(_) | Item::Correction(_) => "Usage",
            Item::Rounding { .. } => "Fee",
            Item::Tax { .. } => "Tax",
            Item::Credit { .. } => "Credit",
        })
    }),
    column("line_item_operation", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|_| "Invoke"))
    }),
    column("line_item_product_code", Kind::Text, |_| {
        Value::text("AWSLambda")
    }),
    column("line_item_resource_id", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| charge.resource.as_str()))
    }),
    column("line_item_tax_type", Kind::Name, |e| match e.item {
        Item::Tax { rate, .. } => Value::text(rate.name.as_str()),
        _ => Value::Null,
    }),
    column("line_item_unblended_cost", Kind::Double, |e| {
        double(e.billed_e10(), ROW_DIGITS)
    }),
    column("line_item_unblended_rate", Kind::Text, rate),
    column("line_item_usage_account_id", Kind::Text, account_id),
    column("line_item_usage_account_name", Kind::Name, account_name),
    column("line_item_usage_amount", Kind::Double, |e| {
        match e.charge().and_then(quantity) {
            Some(quantity) => double(quantity, QUANTITY_DIGITS),
            None => Value::Null,
        }
    }),
    column("line_item_usage_end_date", Kind::Time, |e| {
        Value::Time(e.period().1)
    }),
    column("line_item_usage_start_date", Kind::Time, |e| {
        Value::Time(e.period().0)
    }),
    column("line_item_usage_type", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| {
            let prefix = regions::usage_prefix(charge.rate.region.as_str());
            format!("{prefix}{}", usage_type(charge.rate.sku))
        }))
    }),
    column("pricing_currency", Kind::Text, currency),
    column("pricing_public_on_demand_cost", Kind::Double, |e| {
        match e.charge() {
            Some(charge) => double(charge.amount_e10, ROW_DIGITS),
            None => Value::Null,
        }
    }),
    column("pricing_public_on_demand_rate", Kind::Text, rate),
    column("pricing_rate_code", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(sku_price_id))
    }),
    column("pricing_term", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|_| "OnDemand"))
    }),
    column("pricing_unit", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| pricing_unit(charge.rate.sku)))
    }),
    column("product", Kind::Map, product),
    column("product_product_family", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|_| "Serverless"))
    }),
    column("product_region_code", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| charge.rate.region.as_str()))
    }),
    column("product_servicecode", Kind::Text, |_| {
        Value::text("AWSLambda")
    }),
    column("product_sku", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(sku_id))
    }),
    column("product_usagetype", Kind::Text, |e| {
        Value::text_or_null(e.charge().map(|charge| {
            let prefix = regions::usage_prefix(charge.rate.region.as_str());
            format!("{prefix}{}", usage_type(charge.rate.sku))
        }))
    }),
    column("resource_tags", Kind::Map, resource_tags),
];

fn issuer<'a>(entry: &Entry<'a>) -> Value<'a> {
    Value::text(entry.bill.issuer)
}

fn account_id<'a>(entry: &Entry<'a>) -> Value<'a> {
    Value::text(entry.bill.account_id)
}

fn account_name<'a>(entry: &Entry<'a>) -> Value<'a> {
    Value::text(entry.bill.account_name)
}

fn currency<'a>(entry: &Entry<'a>) -> Value<'a> {
    Value::text(entry.bill.totals.subtotal.currency.to_string())
}

/// The double that is nearest to a decimal. `str::parse` rounds correctly, a division of floats would not.
fn double<'a>(number: i128, digits: u32) -> Value<'a> {
    fixed(number, digits)
        .parse()
        .map_or(Value::Null, Value::Double)
}

/// What a unit costs in this row: nothing in the free tier, whose rate code is its own.
fn rate<'a>(entry: &Entry<'a>) -> Value<'a> {
    Value::text_or_null(entry.charge().map(|charge| match charge.rate.tier {
        Some(_) => {
            unit_price(charge).map_or_else(String::new, |price| trimmed(price, PRICE_DIGITS))
        }
        None => "0".to_owned(),
    }))
}

/// AWS's names of Lambda's usage types, without the region.
fn usage_type(sku: Sku) -> &'static str {
    match sku {
        Sku::Requests => "Request",
        Sku::Duration(Architecture::X86_64) => "Lambda-GB-Second",
        Sku::Duration(Architecture::Arm64) => "Lambda-GB-Second-ARM",
        Sku::EphemeralStorage => "Lambda-Storage-GB-Second",
        Sku::Provisioned(Architecture::X86_64) => "Lambda-Provisioned-Concurrency",
        Sku::Provisioned(Architecture::Arm64) => "Lambda-Provisioned-Concurrency-ARM",
        Sku::ProvisionedDuration(Architecture::X86_64) => "Lambda-Provisioned-GB-Second",
        Sku::ProvisionedDuration(Architecture::Arm64) => "Lambda-Provisioned-GB-Second-ARM",
        Sku::SnapstartCache => "Lambda-SnapStart-Cached-GB-S",
        Sku::SnapstartRestore => "Lambda-SnapStart-Restored-GB",
        Sku::StreamingResponse => "Lambda-Streaming-Response-Processed-Bytes",
        Sku::DataTransferOut => "DataTransfer-Out-Bytes",
    }
}

fn pricing_unit(sku: Sku) -> &'static str {
    match sku {
        Sku::Requests => "Requests",
        Sku::SnapstartRestore | Sku::StreamingResponse | Sku::DataTransferOut => "GB",
        _ => "Lambda-GB-Second",
    }
}

/// As AWS's bills word it: `AWS Lambda - Total Compute - US West (Oregon)-Tier-1`.
fn description(entry: &Entry<'_>) -> String {
    let charge = match entry.item {
        Item::Usage(charge) | Item::Correction(charge) => charge,
        Item::Rounding { .. } => return "Rounding of the invoice's lines".to_owned(),
        Item::Tax { rate, .. } => return format!("{} {} %", rate.name, rate.percent()),
        Item::Credit { .. } => return "Prepaid credit".to_owned(),
    };
    let location = regions::name(charge.rate.region.as_str());
    let what = match charge.rate.sku {
        Sku::Requests => "Requests",
        Sku::Duration(Architecture::X86_64) => "Compute",
        Sku::Duration(Architecture::Arm64) => "Compute (ARM)",
        sku => domain::bill::document::sku_title(sku),
    };
    match (charge.rate.tier, charge.rate.sku) {
        (None, Sku::Requests) => {
            format!("AWS Lambda - Requests Free Tier - 1,000,000 Requests - {location}")
        }
        (None, _) => format!("AWS Lambda - Compute Free Tier - 400,000 GB-Seconds - {location}"),
        (Some(_), Sku::Requests) => format!("AWS Lambda - Total {what} - {location}"),
        (Some(tier), _) => format!("AWS Lambda - Total {what} - {location}-Tier-{}", tier + 1),
    }
}

fn product<'a>(entry: &Entry<'a>) -> Value<'a> {
    let Some(charge) = entry.charge() else {
        return Value::Map(BTreeMap::new());
    };
    let region = charge.rate.region.as_str();
    Value::Map(BTreeMap::from([
        ("product_name".into(), "AWS Lambda".into()),
        ("region".into(), region.into()),
        ("location".into(), regions::name(region).into()),
        (
            "group".into(),
            domain::bill::document::sku_title(charge.rate.sku).into(),
        ),
    ]))
}

/// With AWS's prefix of tags that users set.
fn resource_tags<'a>(entry: &Entry<'a>) -> Value<'a> {
    let tags = entry.tags().into_iter().flatten();
    Value::Map(
        tags.map(|(key, value)| (format!("user_{key}").into(), value.as_str().into()))
            .collect(),
    )
}
