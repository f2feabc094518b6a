//! `tollgate billing report`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use domain::bill::money::fixed;
use domain::bill::report::{Dimension, Group, Key, Span, check_dimensions};
use domain::bill::statement::{quantity_text, unit_text};
use domain::bill::{Money, Month, Report};
use domain::price::rating::ROW_DIGITS;
use domain::price::sku::Unit;
use domain::price::{Currency, Sku};
use gateway::api::types::BillingReport;

use super::billing::Installation;
use super::chart;
use crate::args::{Report as Args, ReportFormat};
use crate::client::{print, table};

pub(super) async fn run(args: Args) -> Result<()> {
    let by = if args.by.is_empty() {
        vec![Dimension::Day]
    } else {
        args.by.clone()
    };
    check_dimensions(&by)?;
    if args.format == ReportFormat::Chart && by != [Dimension::Day] {
        bail!("The chart has a bar per day: leave --by out.");
    }
    let given = args.from.zip(args.to);
    let given = given.map(|(from, to)| Span::new(from, to)).transpose()?;
    let installation = Installation::open(&args.operator).await?;
    installation.check_account(args.account).await?;
    let month = args.month.unwrap_or_else(|| Month::of(installation.now));
    let span = given.unwrap_or_else(|| Span::of_month(month));
    let store = &installation.store;
    let report = store.cost_report(args.account, span, by).await?;
    match args.format {
        ReportFormat::Table => print(table_text(&report).as_bytes()),
        ReportFormat::Csv => print(csv_text(&report).as_bytes()),
        ReportFormat::Json => {
            let report = BillingReport::of(&report, span);
            print(&serde_json::to_vec_pretty(&report)?)
        }
        ReportFormat::Chart => print(chart::text(&report, span).as_bytes()),
    }
}

/// The quantity of one SKU, or dashes; or, over several SKUs, requests and GB-seconds of compute.
fn usage(group: &Group, by_sku: bool) -> [String; 2] {
    if by_sku {
        let one = group.usage.iter().next();
        return one.map_or_else(Default::default, |(sku, quantity)| {
            [quantity_text(*sku, *quantity), unit_text(*sku).to_owned()]
        });
    }
    let requests = group.usage.get(&Sku::Requests).copied().unwrap_or(0);
    [requests.to_string(), quantity_text(COMPUTE, compute(group))]
}

/// All architectures have its unit.
const COMPUTE: Sku = Sku::Duration(domain::Architecture::X86_64);

fn compute(group: &Group) -> i128 {
    let of = group.usage.iter().filter(|(sku, _)| {
        matches!(sku, Sku::Duration(_) | Sku::ProvisionedDuration(_))
            && sku.unit() == Unit::GbSecond
    });
    of.map(|(_, quantity)| quantity).sum()
}

fn header(report: &Report) -> (Vec<String>, bool) {
    let by_sku = report.by.contains(&Dimension::Sku);
    let header = report.by.iter().map(ToString::to_string).collect();
    (header, by_sku)
}

fn table_text(report: &Report) -> String {
    let (mut header, by_sku) = header(report);
    let short = short_names(report);
    for name in &mut header {
        *name = name.to_uppercase();
    }
    let usage_header = if by_sku {
        ["QUANTITY", "UNIT"]
    } else {
        ["REQUESTS", "GB-SECONDS"]
    };
    let width = header.len();
    header.extend(usage_header.map(str::to_owned));
    header.extend(["COST", "", "EXACT"].map(str::to_owned));
    let line = |values: Vec<String>, usage: [String; 2], currency: Currency, amount_e10: i128| {
        let mut cells = values;
        cells.extend(usage);
        cells.extend(amounts(currency, amount_e10));
        cells
    };
    let mut rows = Vec::new();
    for (key, group) in &report.groups {
        let values = report.by.iter().zip(&key.values);
        let values = values.map(|(by, value)| value_text(by, value, &short));
        rows.push(line(
            values.collect(),
            usage(group, by_sku),
            key.currency,
            group.amount_e10,
        ));
    }
    for (currency, total) in report.totals() {
        let mut values = vec![String::new(); width];
        if let Some(first) = values.first_mut() {
            "TOTAL".clone_into(first);
        }
        let used = if by_sku {
            Default::default()
        } else {
            usage(&total, false)
        };
        rows.push(line(values, used, currency, total.amount_e10));
    }
    if report.groups.is_empty() {
        return format!("Nothing was charged.{}", unpriced_text(report));
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut right = vec![width, width + 2, width + 4];
    if !by_sku {
        right.push(width + 1);
    }
    table(&header, rows, &right) + &unpriced_text(report)
}

fn amounts(currency: Currency, amount_e10: i128) -> [String; 3] {
    [
        Money::round_e10(amount_e10, currency).amount(),
        currency.to_string(),
        fixed(amount_e10, ROW_DIGITS),
    ]
}

fn value_text(by: &Dimension, value: &str, short: &BTreeMap<&str, &str>) -> String {
    match by {
        Dimension::Tag(_) if value.is_empty() => "-".to_owned(),
        _ => short.get(value).copied().unwrap_or(value).to_owned(),
    }
}

/// Names of functions instead of their ARNs, where no two have the same.
fn short_names(report: &Report) -> BTreeMap<&str, &str> {
    let Some(at) = report.by.iter().position(|by| *by == Dimension::Function) else {
        return BTreeMap::new();
    };
    let arns = report
        .groups
        .keys()
        .filter_map(|key: &Key| key.values.get(at));
    let short: BTreeMap<&str, &str> = arns
        .filter_map(|arn| Some((arn.as_str(), arn.rsplit(':').next()?)))
        .collect();
    let names: std::collections::BTreeSet<_> = short.values().collect();
    if names.len() == short.len() {
        short
    } else {
        BTreeMap::new()
    }
}

fn unpriced_text(report: &Report) -> String {
    let line = |((region, sku), quantity): (&(domain::Region, Sku), &i128)| {
        format!(
            "\nWithout a price, not charged: {} {} of {sku} in {region}.",
            quantity_text(*sku, *quantity),
            unit_text(*sku)
        )
    };
    report.unpriced.iter().map(line).collect()
}

fn csv_text(report: &Report) -> String {
    let (mut header, by_sku) = header(report);
    header.extend(["currency", "amount"].map(str::to_owned));
    let usage_header = if by_sku {
        ["quantity", "unit"]
    } else {
        ["requests", "gb_seconds"]
    };
    header.extend(usage_header.map(str::to_owned));
    let mut text = csv_line(header);
    for (key, group) in &report.groups {
        let mut fields = key.values.clone();
        fields.push(key.currency.to_string());
        fields.push(fixed(group.amount_e10, ROW_DIGITS));
        fields.extend(usage(group, by_sku));
        text += &csv_line(fields);
    }
    text
}

fn csv_line(fields: Vec<String>) -> String {
    let quoted = |field: String| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    };
    let fields: Vec<String> = fields.into_iter().map(quoted).collect();
    fields.join(",") + "\n"
}
