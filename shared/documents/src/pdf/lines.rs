//! The table of lines: by region, over as many pages as it takes.

use super::canvas::{ACCENT, Align, HAIR, INK, LEFT, MUTED, RIGHT, Style};
use super::flow::Flow;
use super::fonts::{self, Weight};
use crate::Error;
use crate::figures::{amount, currency, grouped, typeset};
use crate::sheet::{Block, Row, Sheet};

const QUANTITY_RIGHT: f32 = 346.0;
const UNIT_LEFT: f32 = 354.0;
const PRICE_RIGHT: f32 = 480.0;
const DESCRIPTION_WIDTH: f32 = 186.0;

const HEADING: Style = Style::new(Weight::Regular, 7.5, MUTED);
const REGION: Style = Style::new(Weight::Bold, 8.6, INK);
const CELL: Style = Style::new(Weight::Regular, 8.4, INK);
const QUIET: Style = Style::new(Weight::Regular, 8.4, MUTED);

const ROW: f32 = 16.0;
/// Of each further line of a description.
const MORE: f32 = 10.6;

pub(crate) fn lay_out(flow: &mut Flow, sheet: &Sheet<'_>) -> Result<(), Error> {
    let currency = currency(&sheet.document.currency)?;
    if sheet.blocks.is_empty() {
        let y = flow.y;
        flow.leaf().text(
            LEFT,
            y + 8.0,
            Align::Left,
            "Nothing was charged in this period.",
            QUIET,
        );
        flow.y += 26.0;
        return Ok(());
    }
    flow.need(ROW * 5.0);
    table_head(flow);
    let mut so_far = 0;
    for block in &sheet.blocks {
        // A heading never stands alone at the foot of a page.
        if !flow.fits(ROW * 3.0 + 8.0) {
            turn(flow, &amount(so_far, currency));
        }
        region(flow, &block.title(), Some(&block.subtotal));
        for row in &block.lines {
            let runs = fonts::wrap(&row.description, CELL.weight, DESCRIPTION_WIDTH / CELL.size);
            let height = height(&runs);
            // Room for the line and for what is carried forward below it.
            if !flow.fits(height + ROW) {
                turn(flow, &amount(so_far, currency));
                region(flow, &continued(block), None);
            }
            line(flow, row, runs, height);
            so_far += row.amount_e10;
        }
        flow.y += 8.0;
    }
    Ok(())
}

fn continued(block: &Block<'_>) -> String {
    format!("{} (continued)", block.title())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a description has a handful of lines"
)]
fn height(runs: &[fonts::Run]) -> f32 {
    ROW + MORE * runs.len().saturating_sub(1) as f32
}

fn table_head(flow: &mut Flow) {
    let y = flow.y + 8.0;
    let leaf = flow.leaf();
    leaf.text(LEFT, y, Align::Left, "Description", HEADING);
    leaf.text(QUANTITY_RIGHT, y, Align::Right, "Quantity", HEADING);
    leaf.text(UNIT_LEFT, y, Align::Left, "Unit", HEADING);
    leaf.text(PRICE_RIGHT, y, Align::Right, "Unit price", HEADING);
    leaf.text(RIGHT, y, Align::Right, "Amount", HEADING);
    leaf.rule(y + 6.0, LEFT, RIGHT, 0.9, ACCENT);
    flow.y = y + 8.0;
}

/// Ends a page with what has been summed up so far, and begins the next one with it.
fn turn(flow: &mut Flow, so_far: &str) {
    carried(flow, "Carried forward", so_far);
    flow.next_page();
    table_head(flow);
    carried(flow, "Brought forward", so_far);
}

fn carried(flow: &mut Flow, label: &str, sum: &str) {
    let y = flow.y + 11.0;
    let leaf = flow.leaf();
    leaf.text(PRICE_RIGHT, y, Align::Right, label, QUIET);
    leaf.text(RIGHT, y, Align::Right, &typeset(&grouped(sum)), QUIET);
    flow.y += ROW;
}

fn region(flow: &mut Flow, title: &str, subtotal: Option<&str>) {
    let y = flow.y + 13.0;
    let leaf = flow.leaf();
    leaf.fitted((LEFT, y), Align::Left, title, REGION, PRICE_RIGHT - LEFT);
    if let Some(subtotal) = subtotal {
        leaf.text(RIGHT, y, Align::Right, &typeset(subtotal), REGION);
    }
    leaf.rule(y + 5.5, LEFT, RIGHT, 0.5, HAIR);
    flow.y = y + 6.0;
}

fn line(flow: &mut Flow, row: &Row<'_>, runs: Vec<fonts::Run>, height: f32) {
    let y = flow.y + 11.2;
    let bottom = flow.y + height;
    let leaf = flow.leaf();
    let mut below = y;
    for run in runs {
        leaf.run(LEFT + 8.0, below, Align::Left, run, CELL);
        below += MORE;
    }
    let quantity_width = QUANTITY_RIGHT - LEFT - DESCRIPTION_WIDTH - 14.0;
    let quantity = typeset(&row.quantity);
    leaf.fitted(
        (QUANTITY_RIGHT, y),
        Align::Right,
        &quantity,
        CELL,
        quantity_width,
    );
    leaf.fitted((UNIT_LEFT, y), Align::Left, row.unit, QUIET, 52.0);
    let price_width = PRICE_RIGHT - UNIT_LEFT - 56.0;
    leaf.fitted(
        (PRICE_RIGHT, y),
        Align::Right,
        &typeset(&row.unit_price),
        QUIET,
        price_width,
    );
    leaf.fitted(
        (RIGHT, y),
        Align::Right,
        &typeset(&row.amount),
        CELL,
        RIGHT - PRICE_RIGHT - 6.0,
    );
    leaf.rule(bottom - 0.4, LEFT + 8.0, RIGHT, 0.4, HAIR);
    flow.y = bottom;
}
