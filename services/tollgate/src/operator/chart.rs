//! Cost per day as bars in a terminal.

use chrono::{NaiveDate, TimeDelta};
use domain::bill::report::Span;
use domain::bill::{Money, Report};
use domain::price::Currency;

/// Cells of the longest bar.
const WIDTH: i128 = 50;
/// A cell in eighths, from the left.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar per day of a report by day, days without cost among them; a chart per currency.
pub(super) fn text(report: &Report, span: Span) -> String {
    let totals = report.totals();
    if totals.is_empty() {
        return "Nothing was charged.".to_owned();
    }
    let charts = totals.keys().map(|currency| chart(report, span, *currency));
    charts.collect::<Vec<_>>().join("\n\n")
}

fn chart(report: &Report, span: Span, currency: Currency) -> String {
    let of_day = |day: NaiveDate| {
        let day = day.to_string();
        let mut of = report.groups.iter();
        let found = of.find(|(key, _)| {
            key.currency == currency && key.values.first().is_some_and(|value| *value == day)
        });
        found.map_or(0, |(_, group)| group.amount_e10)
    };
    let last = (span.to - TimeDelta::hours(1)).date_naive();
    let days = span.from.date_naive().iter_days();
    let days: Vec<(NaiveDate, i128)> = days
        .take_while(|day| *day <= last)
        .map(|day| (day, of_day(day)))
        .collect();
    let most = days.iter().map(|(_, amount)| *amount).max().unwrap_or(0);
    let amounts = days.iter().map(|(_, amount)| money(*amount, currency));
    let digits = amounts.map(|text| text.len()).max().unwrap_or(0);
    let mut lines = vec![format!("Cost per day ({currency})")];
    for (day, amount) in &days {
        let line = format!(
            "{day}  {:>digits$}  {}",
            money(*amount, currency),
            bar(*amount, most)
        );
        lines.push(line.trim_end().to_owned());
    }
    let total: i128 = days.iter().map(|(_, amount)| *amount).sum();
    lines.push(format!("Total       {:>digits$}", money(total, currency)));
    lines.join("\n")
}

fn money(amount_e10: i128, currency: Currency) -> String {
    Money::round_e10(amount_e10, currency).amount()
}

/// As long as its part of the most, to an eighth of a cell; what costs anything has an eighth at least.
fn bar(amount: i128, most: i128) -> String {
    if amount <= 0 || most <= 0 {
        return String::new();
    }
    let eighths = (amount.saturating_mul(WIDTH * 8) / most).max(1);
    let whole = usize::try_from(eighths / 8).unwrap_or(0);
    let rest = usize::try_from(eighths % 8).unwrap_or(0);
    "█".repeat(whole) + EIGHTHS[rest]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_exact_to_an_eighth() {
        assert_eq!(bar(0, 10), "");
        assert_eq!(bar(10, 10), "█".repeat(50));
        assert_eq!(bar(1, 8), "██████▎");
        // A cent beside a thousand can still be seen.
        assert_eq!(bar(1, 100_000), "▏");
    }
}
