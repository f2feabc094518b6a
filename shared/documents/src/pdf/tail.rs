//! Totals and notes.

use super::canvas::{ACCENT, Align, HAIR, INK, LEFT, MUTED, RIGHT, Style};
use super::flow::Flow;
use super::fonts::{self, Weight};
use crate::figures::typeset;
use crate::sheet::Sheet;

const LABEL_LEFT: f32 = 330.0;
const ROW: f32 = 16.5;

const CELL: Style = Style::new(Weight::Regular, 8.8, INK);
const STRONG: Style = Style::new(Weight::Bold, 10.6, INK);
const NOTES: Style = Style::new(Weight::Bold, 8.4, INK);
const NOTE: Style = Style::new(Weight::Regular, 7.8, MUTED);
const NOTE_LINE: f32 = 11.0;

pub(crate) fn lay_out(flow: &mut Flow, sheet: &Sheet<'_>) {
    totals(flow, sheet);
    notes(flow, sheet);
}

fn totals(flow: &mut Flow, sheet: &Sheet<'_>) {
    let Some((due, parts)) = sheet.totals.split_last() else {
        return;
    };
    // The whole block stays together.
    let height = parts.iter().fold(46.0, |height, _| height + ROW);
    flow.need(height);
    flow.y += 4.0;
    for total in parts {
        let y = flow.y + 12.0;
        let leaf = flow.leaf();
        let width = RIGHT - LABEL_LEFT - 90.0;
        leaf.fitted((LABEL_LEFT, y), Align::Left, &total.label, CELL, width);
        leaf.fitted(
            (RIGHT, y),
            Align::Right,
            &typeset(&total.amount),
            CELL,
            86.0,
        );
        leaf.rule(y + 5.0, LABEL_LEFT, RIGHT, 0.5, HAIR);
        flow.y += ROW;
    }
    let y = flow.y + 17.0;
    let leaf = flow.leaf();
    leaf.rule(y - 14.0, LABEL_LEFT, RIGHT, 1.2, ACCENT);
    leaf.text(LABEL_LEFT, y + 2.0, Align::Left, &due.label, STRONG);
    let amount = format!("{} {}", typeset(&due.amount), sheet.document.currency);
    leaf.fitted((RIGHT, y + 2.0), Align::Right, &amount, STRONG, 124.0);
    flow.y = y + 26.0;
}

fn notes(flow: &mut Flow, sheet: &Sheet<'_>) {
    if sheet.notes.is_empty() {
        return;
    }
    flow.need(34.0);
    let y = flow.y + 8.0;
    flow.leaf().text(LEFT, y, Align::Left, "Notes", NOTES);
    flow.y = y + 5.0;
    for note in &sheet.notes {
        for run in fonts::wrap(note, NOTE.weight, (RIGHT - LEFT - 40.0) / NOTE.size) {
            flow.need(NOTE_LINE);
            let y = flow.y + 9.0;
            flow.leaf().run(LEFT, y, Align::Left, run, NOTE);
            flow.y += NOTE_LINE;
        }
        flow.y += 3.0;
    }
}
