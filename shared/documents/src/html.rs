//! An invoice as one page of HTML: styles and chart inside it, nothing loaded from anywhere, and a style for paper.

use std::fmt::Write as _;

use domain::bill::document::{Document, Kind};

use crate::Error;
use crate::figures::{date, typeset};
use crate::logo::Logo;
use crate::sheet::{Block, Chart, Sheet, party_lines};

const STYLE: &str = include_str!("invoice.css");

/// Size of the chart's drawing, in its own units.
const CHART_WIDTH: u32 = 720;
const CHART_HEIGHT: u32 = 130;
/// Left of the bars, for the axis; below them, for the days.
const AXIS_WIDTH: u32 = 56;
const DAYS_HEIGHT: u32 = 20;
const CHART_TOP: u32 = 8;

/// Without a logo the issuer's name stands in its place. Text of whatever origin is escaped.
pub fn render(document: &Document, logo: Option<&Logo>) -> Result<String, Error> {
    let sheet = Sheet::of(document)?;
    let mut page = String::with_capacity(16 * 1024);
    push(
        &mut page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
    );
    push(
        &mut page,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    );
    push(
        &mut page,
        &format!(
            "<title>{} \u{b7} {}</title>\n",
            escape(&sheet.name()),
            escape(&document.issuer.name)
        ),
    );
    push(&mut page, &format!("<style>\n{STYLE}</style>\n</head>\n"));
    let class = if document.is_draft() {
        " class=\"draft\""
    } else {
        ""
    };
    push(&mut page, &format!("<body{class}>\n<main>\n"));
    masthead(&mut page, &sheet, logo);
    parties(&mut page, &sheet);
    if let Some(reason) = &sheet.reason {
        push(
            &mut page,
            &format!("<p class=\"reason\">{}</p>\n", escape(reason)),
        );
    }
    summary(&mut page, &sheet);
    if let Some(chart) = &sheet.chart {
        bars(&mut page, chart);
    }
    table(&mut page, &sheet);
    totals(&mut page, &sheet);
    notes(&mut page, &sheet);
    footer(&mut page, &sheet);
    push(&mut page, "</main>\n</body>\n</html>\n");
    Ok(page)
}

fn push(page: &mut String, text: &str) {
    page.push_str(text);
}

/// Text that stays text, between tags and within quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A page may not have them.
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn masthead(page: &mut String, sheet: &Sheet<'_>, logo: Option<&Logo>) {
    let name = escape(&sheet.document.issuer.name);
    let mark = logo.map_or_else(
        || format!("<span class=\"wordmark\">{name}</span>"),
        |logo| format!("<img src=\"{}\" alt=\"{name}\">", logo.data_uri()),
    );
    push(
        page,
        &format!("<header>\n{mark}\n<h1>{}</h1>\n</header>\n", sheet.title),
    );
}

fn parties(page: &mut String, sheet: &Sheet<'_>) {
    push(page, "<section class=\"parties\">\n<div>\n");
    let parties = [
        ("Billed to", &sheet.document.customer),
        ("From", &sheet.document.issuer),
    ];
    for (label, party) in parties {
        let lines: Vec<String> = party_lines(party).iter().map(|line| escape(line)).collect();
        if let Some((name, rest)) = lines.split_first() {
            let rest: String = rest.iter().fold(String::new(), |mut rest, line| {
                let _ = write!(rest, "<br>{line}");
                rest
            });
            push(
                page,
                &format!("<h2>{label}</h2>\n<address><b>{name}</b>{rest}</address>\n"),
            );
        }
    }
    push(page, "</div>\n<dl>\n");
    for (label, value) in &sheet.facts {
        push(
            page,
            &format!("<div><dt>{label}</dt><dd>{}</dd></div>\n", escape(value)),
        );
    }
    push(page, "</dl>\n</section>\n");
}

fn summary(page: &mut String, sheet: &Sheet<'_>) {
    let document = sheet.document;
    let until = if document.kind == Kind::Invoice && !document.is_draft() {
        format!(
            "<p><span>Due date</span><strong>{}</strong></p>\n",
            date(document.due_on)
        )
    } else {
        String::new()
    };
    push(
        page,
        &format!(
            "<section class=\"summary\">\n<p><span>{}</span><strong class=\"large\">{}</strong></p>\n{until}</section>\n",
            sheet.due_label(),
            escape(&typeset(&sheet.due())),
        ),
    );
}

fn bars(page: &mut String, chart: &Chart) {
    let title = escape(&chart.title);
    push(
        page,
        &format!(
            "<figure>\n<figcaption>{title}</figcaption>\n\
             <svg viewBox=\"0 0 {CHART_WIDTH} {CHART_HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n"
        ),
    );
    let inner = u64::from(CHART_HEIGHT - DAYS_HEIGHT - CHART_TOP);
    // Hundredths of the drawing's unit, so that no float is needed to write them.
    let height = |ppm: u32| u64::from(ppm) * inner / 10_000;
    let base = u64::from(CHART_HEIGHT - DAYS_HEIGHT) * 100;
    let hundredths = |number: u64| format!("{}.{:02}", number / 100, number % 100);
    for tick in &chart.ticks {
        let y = hundredths(base - height(tick.height_ppm));
        push(
            page,
            &format!(
                "<line x1=\"{AXIS_WIDTH}\" x2=\"{CHART_WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text class=\"axis\" x=\"{}\" y=\"{y}\" dy=\"3.5\">{}</text>\n",
                AXIS_WIDTH - 8,
                escape(&tick.label)
            ),
        );
    }
    let step = u64::from(CHART_WIDTH - AXIS_WIDTH) * 100 / (chart.bars.len().max(1) as u64);
    for (at, bar) in (0_u64..).zip(&chart.bars) {
        let x = u64::from(AXIS_WIDTH) * 100 + step * at;
        let tall = height(bar.height_ppm);
        push(
            page,
            &format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}: {}</title></rect>\n",
                hundredths(x + step * 16 / 100),
                hundredths(base - tall),
                hundredths(step * 68 / 100),
                hundredths(tall),
                date(bar.day),
                escape(&bar.amount),
            ),
        );
        if let Some(label) = bar.label() {
            push(
                page,
                &format!(
                    "<text class=\"day\" x=\"{}\" y=\"{}\">{label}</text>\n",
                    hundredths(x + step / 2),
                    CHART_HEIGHT - 5
                ),
            );
        }
    }
    push(page, "</svg>\n</figure>\n");
}

fn table(page: &mut String, sheet: &Sheet<'_>) {
    if sheet.blocks.is_empty() {
        push(page, "<p>Nothing was charged in this period.</p>\n");
        return;
    }
    push(
        page,
        "<table class=\"lines\">\n<thead><tr><th>Description</th><th class=\"number\">Quantity</th><th>Unit</th>\
         <th class=\"number\">Unit price</th><th class=\"number\">Amount</th></tr></thead>\n",
    );
    for block in &sheet.blocks {
        table_block(page, block);
    }
    push(page, "</table>\n");
}

fn table_block(page: &mut String, block: &Block<'_>) {
    push(
        page,
        &format!(
            "<tbody>\n<tr class=\"region\"><th colspan=\"4\">{}</th><td class=\"number\">{}</td></tr>\n",
            escape(&block.title()),
            typeset(&block.subtotal)
        ),
    );
    for line in &block.lines {
        push(
            page,
            &format!(
                "<tr><td>{}</td><td class=\"number\">{}</td><td>{}</td><td class=\"number\">{}</td>\
                 <td class=\"number\">{}</td></tr>\n",
                escape(&line.description),
                escape(&typeset(&line.quantity)),
                escape(line.unit),
                escape(&typeset(&line.unit_price)),
                escape(&typeset(&line.amount)),
            ),
        );
    }
    push(page, "</tbody>\n");
}

fn totals(page: &mut String, sheet: &Sheet<'_>) {
    push(page, "<table class=\"totals\">\n");
    let last = sheet.totals.len().saturating_sub(1);
    for (at, total) in sheet.totals.iter().enumerate() {
        let (class, currency) = if at == last {
            (
                " class=\"due\"",
                format!(" {}", escape(&sheet.document.currency)),
            )
        } else {
            ("", String::new())
        };
        push(
            page,
            &format!(
                "<tr{class}><th>{}</th><td class=\"number\">{}{currency}</td></tr>\n",
                escape(&total.label),
                escape(&typeset(&total.amount))
            ),
        );
    }
    push(page, "</table>\n");
}

fn notes(page: &mut String, sheet: &Sheet<'_>) {
    if sheet.notes.is_empty() {
        return;
    }
    push(page, "<section class=\"notes\">\n<h2>Notes</h2>\n");
    for note in &sheet.notes {
        push(page, &format!("<p>{}</p>\n", escape(note)));
    }
    push(page, "</section>\n");
}

fn footer(page: &mut String, sheet: &Sheet<'_>) {
    let issuer = &sheet.document.issuer;
    let parts = [&issuer.name, &issuer.email, &issuer.tax_id];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .map(|part| escape(part))
        .collect();
    push(
        page,
        &format!("<footer>{}</footer>\n", parts.join(" \u{b7} ")),
    );
}
