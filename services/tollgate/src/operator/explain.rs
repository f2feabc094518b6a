//! `tollgate billing explain`: from a line over hours and functions to executions.

use std::fmt::Write as _;

use anyhow::Result;
use chrono::TimeDelta;
use domain::FunctionArn;
use domain::bill::money::fixed;
use domain::bill::statement::quantity_text;
use domain::log::Report;
use domain::price::Sku;
use serde_json::{Value, json};
use store::Store;
use store::invoices::{Explained, Share};
use store::logs::{Position, Selection, Window};

use crate::args::Explain;
use crate::client::print;

/// Events that are read from a log at once.
const WINDOW: Window = Window {
    events_max: 10_000,
    bytes_max: 1 << 20,
};

/// Executions of a function in an hour, as far as its log still holds them.
struct Executions {
    /// Each function's log group is there.
    group: String,
    found: bool,
    reports: Vec<Report>,
}

pub(super) async fn run(store: &Store, args: &Explain) -> Result<()> {
    let explained = store.explain_line(&args.invoice, args.line).await?;
    let mut shares = Vec::with_capacity(explained.shares.len());
    for share in &explained.shares {
        shares.push((share, executions(store, share).await?));
    }
    if args.json {
        return print(serde_json::to_string_pretty(&as_json(&explained, &shares))?.as_bytes());
    }
    print(as_text(&explained, &shares, args.executions).as_bytes())
}

async fn executions(store: &Store, share: &Share) -> Result<Executions> {
    let mut executions = Executions {
        group: String::new(),
        found: false,
        reports: Vec::new(),
    };
    let Ok(arn) = share.resource.parse::<FunctionArn>() else {
        return Ok(executions);
    };
    executions.group = format!("/aws/lambda/{}", arn.name);
    let group = store
        .log_group(arn.account, &arn.region, &executions.group)
        .await?;
    let Some(group) = group else {
        return Ok(executions);
    };
    executions.found = true;
    let (mut after, end) = (Position::at(share.hour), share.hour + TimeDelta::hours(1));
    loop {
        let all = Selection::Prefix("");
        let page = store
            .log_group_events_after(arn.account, group, all, after, Some(end), WINDOW)
            .await?;
        let lines = page.events.iter().map(|event| event.message.as_str());
        executions.reports.extend(lines.filter_map(Report::parse));
        match page.events.last() {
            Some(last) if page.more => after = last.position,
            _ => return Ok(executions),
        }
    }
}

/// What an execution adds to a SKU, where its REPORT line says that.
fn quantity(sku: Sku, report: &Report) -> Option<i128> {
    match sku {
        Sku::Requests => Some(1),
        Sku::Duration(_) => Some(i128::from(report.billed_ms) * i128::from(report.memory_mb)),
        _ => None,
    }
}

fn sum(sku: Sku, executions: &Executions) -> Option<i128> {
    let quantities = executions
        .reports
        .iter()
        .map(|report| quantity(sku, report));
    quantities.sum()
}

fn as_text(explained: &Explained, shares: &[(&Share, Executions)], shown_max: usize) -> String {
    let (line, sku) = (&explained.line, explained.sku);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "Line {}: {}, {}: {} {} at {} = {}",
        line.line_no,
        line.description,
        line.region,
        line.quantity,
        line.unit,
        line.unit_price,
        line.amount
    );
    for (share, executions) in shares {
        let _ = writeln!(
            text,
            "\n{}  {}  {} {}  {}",
            share.hour.format("%Y-%m-%d %H:%M"),
            share.resource,
            quantity_text(sku, share.quantity),
            line.unit,
            fixed(share.amount_e10, 10),
        );
        if share.metered != share.quantity {
            let all = quantity_text(sku, share.metered);
            let _ = writeln!(
                text,
                "  of {all} {} in this hour, at several prices",
                line.unit
            );
        }
        for report in executions.reports.iter().take(shown_max) {
            let _ = writeln!(
                text,
                "  {}  {} ms  {} MB",
                report.request_id, report.billed_ms, report.memory_mb
            );
        }
        let _ = writeln!(text, "  {}", told(sku, share, executions, shown_max));
    }
    let _ = write!(
        text,
        "\nSum of the hours: {} {}, {}",
        quantity_text(sku, explained.quantity),
        line.unit,
        fixed(explained.amount_e10, 10)
    );
    text
}

/// How far the log accounts for what was metered.
fn told(sku: Sku, share: &Share, executions: &Executions, shown_max: usize) -> String {
    let group = &executions.group;
    if !executions.found {
        return format!("No log holds its executions any more: there is no log group {group:?}.");
    }
    let count = executions.reports.len();
    let left_out = if count > shown_max {
        format!(" ({} more are not shown: --executions)", count - shown_max)
    } else {
        String::new()
    };
    match sum(sku, executions) {
        Some(sum) if sum == share.metered => {
            format!(
                "The log {group} holds {count} executions, which add up to what was metered{left_out}."
            )
        }
        Some(sum) => format!(
            "The log {group} holds {count} executions, which add up to {} of {}: it does not hold the others any more{left_out}.",
            quantity_text(sku, sum),
            quantity_text(sku, share.metered)
        ),
        None => format!(
            "The log {group} holds {count} executions; how much each used of this is not in their REPORT lines{left_out}."
        ),
    }
}

fn as_json(explained: &Explained, shares: &[(&Share, Executions)]) -> Value {
    let sku = explained.sku;
    let hours: Vec<Value> = shares
        .iter()
        .map(|(share, executions)| {
            let all: Vec<Value> = executions
                .reports
                .iter()
                .map(|one| json!({"request_id": one.request_id, "billed_ms": one.billed_ms, "memory_mb": one.memory_mb}))
                .collect();
            json!({
                "hour": share.hour, "resource": share.resource, "quantity": quantity_text(sku, share.quantity),
                "amount": fixed(share.amount_e10, 10), "metered": quantity_text(sku, share.metered), "executions": all,
                "log_found": executions.found,
                "log_quantity": sum(sku, executions).filter(|_| executions.found).map(|sum| quantity_text(sku, sum)),
            })
        })
        .collect();
    json!({
        "line": explained.line, "hours": hours, "quantity": quantity_text(sku, explained.quantity),
        "amount": fixed(explained.amount_e10, 10),
    })
}
