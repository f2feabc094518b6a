//! The top of the first page: who, to whom, what, how much, and the cost per day.

use super::canvas::{ACCENT, Align, HAIR, INK, LEFT, Leaf, MUTED, RIGHT, Style, TINT};
use super::flow::Flow;
use super::fonts::{self, Weight};
use crate::figures::{date, typeset};
use crate::logo::Logo;
use crate::sheet::{Chart, Sheet, party_lines};

const LOGO_HEIGHT: f32 = 34.0;
const LOGO_WIDTH: f32 = 190.0;
/// Left edges of the second and third column under the title.
const ISSUER: f32 = 214.0;
const FACTS: f32 = 374.0;
const PARTY_WIDTH: f32 = 146.0;

const TITLE: Style = Style::new(Weight::Bold, 22.0, INK);
const WORDMARK: Style = Style::new(Weight::Bold, 17.0, INK);
const LABEL: Style = Style::new(Weight::Regular, 8.0, MUTED);
const VALUE: Style = Style::new(Weight::Regular, 8.8, INK);
const STRONG: Style = Style::new(Weight::Bold, 8.8, INK);
const AXIS: Style = Style::new(Weight::Regular, 6.8, MUTED);
const LINE: f32 = 12.6;

pub(crate) fn lay_out(flow: &mut Flow, sheet: &Sheet<'_>, logo: Option<&Logo>) {
    let top = flow.y;
    masthead(flow.leaf(), sheet, logo, top);
    let parties = top + 62.0;
    let left = parties_block(flow.leaf(), sheet, parties);
    let right = facts_block(flow.leaf(), sheet, parties);
    flow.y = left.max(right) + 24.0;
    if let Some(reason) = &sheet.reason {
        callout(flow, reason);
    }
    summary(flow, sheet);
    if let Some(chart) = &sheet.chart {
        bars(flow, chart);
    }
}

fn masthead(leaf: &mut Leaf, sheet: &Sheet<'_>, logo: Option<&Logo>, top: f32) {
    let height = logo.map(|logo| logo.height_within(LOGO_WIDTH, LOGO_HEIGHT));
    if let Some(height) = height {
        leaf.logo(LEFT, top, height);
    } else {
        let name = &sheet.document.issuer.name;
        leaf.fitted(
            (LEFT, top + 24.0),
            Align::Left,
            name,
            WORDMARK,
            FACTS - LEFT - 60.0,
        );
    }
    leaf.text(RIGHT, top + 24.0, Align::Right, sheet.title, TITLE);
    leaf.rule(top + 46.0, LEFT, RIGHT, 1.2, ACCENT);
}

/// The customer, the issuer beside it. Returns where the longer of the two ends.
fn parties_block(leaf: &mut Leaf, sheet: &Sheet<'_>, top: f32) -> f32 {
    let parties = [
        (LEFT, "Billed to", &sheet.document.customer),
        (ISSUER, "From", &sheet.document.issuer),
    ];
    let mut end = top;
    for (x, label, party) in parties {
        let lines = party_lines(party);
        if lines.is_empty() {
            continue;
        }
        let mut y = top + 8.0;
        leaf.text(x, y, Align::Left, label, LABEL);
        y += 2.0;
        for (at, text) in lines.iter().enumerate() {
            let style = if at == 0 { STRONG } else { VALUE };
            for run in fonts::wrap(text, style.weight, PARTY_WIDTH / style.size) {
                y += LINE;
                leaf.run(x, y, Align::Left, run, style);
            }
        }
        end = end.max(y);
    }
    end
}

fn facts_block(leaf: &mut Leaf, sheet: &Sheet<'_>, top: f32) -> f32 {
    let mut y = top + 8.0;
    for (label, value) in &sheet.facts {
        leaf.text(FACTS, y, Align::Left, label, LABEL);
        let width = RIGHT - FACTS - 68.0;
        leaf.fitted((RIGHT, y), Align::Right, value, VALUE, width);
        leaf.rule(y + 5.0, FACTS, RIGHT, 0.5, HAIR);
        y += LINE + 4.0;
    }
    y - LINE
}

/// What a credit note corrects and why.
fn callout(flow: &mut Flow, reason: &str) {
    let runs = fonts::wrap(reason, VALUE.weight, (RIGHT - LEFT - 28.0) / VALUE.size);
    let mut height = 14.0;
    for _ in &runs {
        height += LINE;
    }
    let top = flow.y;
    let leaf = flow.leaf();
    leaf.rect(LEFT, top, RIGHT - LEFT, height, TINT);
    leaf.rect(LEFT, top, 2.5, height, ACCENT);
    let mut y = top + 5.0;
    for run in runs {
        y += LINE;
        leaf.run(LEFT + 14.0, y, Align::Left, run, VALUE);
    }
    flow.y = top + height + 12.0;
}

/// The amount that matters, and until when.
fn summary(flow: &mut Flow, sheet: &Sheet<'_>) {
    let (top, height) = (flow.y, 46.0);
    let leaf = flow.leaf();
    leaf.rect(LEFT, top, RIGHT - LEFT, height, TINT);
    leaf.text(
        LEFT + 14.0,
        top + 16.0,
        Align::Left,
        sheet.due_label(),
        LABEL,
    );
    let large = Style::new(Weight::Bold, 16.0, INK);
    leaf.text(
        LEFT + 14.0,
        top + 35.0,
        Align::Left,
        &typeset(&sheet.due()),
        large,
    );
    let document = sheet.document;
    if document.kind == domain::bill::document::Kind::Invoice && !document.is_draft() {
        let middle = Style::new(Weight::Bold, 11.0, INK);
        leaf.text(RIGHT - 14.0, top + 16.0, Align::Right, "Due date", LABEL);
        leaf.text(
            RIGHT - 14.0,
            top + 34.0,
            Align::Right,
            &date(document.due_on),
            middle,
        );
    }
    flow.y = top + height + 22.0;
}

#[expect(
    clippy::cast_precision_loss,
    reason = "heights are millionths and counts are days: both exact in f32"
)]
fn bars(flow: &mut Flow, chart: &Chart) {
    let height = 62.0;
    let top = flow.y;
    let leaf = flow.leaf();
    leaf.text(LEFT, top, Align::Left, &chart.title, STRONG);
    let (left, base) = (LEFT + 34.0, top + 16.0 + height);
    let y_of = |ppm: u32| base - height * ppm as f32 / 1e6;
    for tick in &chart.ticks {
        let y = y_of(tick.height_ppm);
        leaf.rule(y, left, RIGHT, 0.5, HAIR);
        leaf.fitted((left - 6.0, y + 2.4), Align::Right, &tick.label, AXIS, 34.0);
    }
    let step = (RIGHT - left) / chart.bars.len().max(1) as f32;
    for (at, bar) in chart.bars.iter().enumerate() {
        let x = left + step * at as f32;
        let y = y_of(bar.height_ppm);
        leaf.rect(x + step * 0.16, y, step * 0.68, base - y, ACCENT);
        if let Some(label) = bar.label() {
            leaf.text(x + step / 2.0, base + 10.0, Align::Center, &label, AXIS);
        }
    }
    flow.y = base + 30.0;
}
