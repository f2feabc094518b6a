//! An invoice for a terminal: plain text in columns of 100 characters, without colors.

use domain::bill::document::Document;

use crate::Error;
use crate::sheet::{Block, Chart, Row, Sheet, party_lines};

/// Columns of a page.
const WIDTH: usize = 100;
const DESCRIPTION: usize = 38;
const QUANTITY: usize = 24;
const UNIT: usize = 10;
const PRICE: usize = 14;
const AMOUNT: usize = 10;
/// Longest bar of the chart.
const BAR: usize = 60;

/// Lines end without spaces; the text ends with a newline. Control characters are shown as `�`.
pub fn render(document: &Document) -> Result<String, Error> {
    let sheet = Sheet::of(document)?;
    let mut page = Page::default();
    page.ends(&sheet.name(), &document.issuer.name);
    page.rule('=');
    page.gap();
    head(&mut page, &sheet);
    if let Some(reason) = &sheet.reason {
        page.paragraph(reason);
        page.gap();
    }
    lines(&mut page, &sheet);
    totals(&mut page, &sheet);
    if let Some(chart) = &sheet.chart {
        bars(&mut page, chart);
    }
    if !sheet.notes.is_empty() {
        page.gap();
        page.line("Notes");
        for note in &sheet.notes {
            page.paragraph(note);
        }
    }
    Ok(page.text)
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        let line: String = line
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn rule(&mut self, with: char) {
        self.line(&with.to_string().repeat(WIDTH));
    }

    /// One text at the left end and one at the right.
    fn ends(&mut self, left: &str, right: &str) {
        let room = WIDTH.saturating_sub(width(left) + width(right)).max(2);
        self.line(&format!("{left}{}{right}", " ".repeat(room)));
    }

    fn paragraph(&mut self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && width(&line) + 1 + width(word) > WIDTH {
                self.line(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.line(&line);
        }
    }
}

/// Characters, which is what terminals count in the scripts that names here are mostly in.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Facts on the left, the customer on the right.
fn head(page: &mut Page, sheet: &Sheet<'_>) {
    let facts: Vec<String> = sheet
        .facts
        .iter()
        .map(|(label, value)| format!("{label:<17} {value}"))
        .collect();
    let mut customer = party_lines(&sheet.document.customer);
    if !customer.is_empty() {
        customer.insert(0, "Billed to".to_owned());
    }
    for at in 0..facts.len().max(customer.len()) {
        let left = facts.get(at).map_or("", String::as_str);
        let right = customer.get(at).map_or("", String::as_str);
        page.line(&format!("{left:<60}{right}"));
    }
    page.gap();
}

fn lines(page: &mut Page, sheet: &Sheet<'_>) {
    if sheet.blocks.is_empty() {
        page.line("Nothing was charged in this period.");
        page.gap();
        return;
    }
    let headings = ["Description", "Quantity", "Unit", "Unit price", "Amount"];
    page.line(&columns(headings));
    page.rule('-');
    for block in &sheet.blocks {
        block_lines(page, block);
        page.gap();
    }
}

fn block_lines(page: &mut Page, block: &Block<'_>) {
    page.ends(&block.title(), &block.subtotal);
    for Row {
        description,
        quantity,
        unit,
        unit_price,
        amount,
        ..
    } in &block.lines
    {
        let description = format!("  {description}");
        // What is too long for its column gets a line of its own.
        if width(&description) > DESCRIPTION {
            page.line(&description);
            page.line(&columns(["", quantity, unit, unit_price, amount]));
        } else {
            page.line(&columns([&description, quantity, unit, unit_price, amount]));
        }
    }
}

fn columns([description, quantity, unit, price, amount]: [&str; 5]) -> String {
    format!(
        "{description:<DESCRIPTION$}{quantity:>QUANTITY$}  {unit:<UNIT$}  {price:>PRICE$}{amount:>AMOUNT$}"
    )
}

fn totals(page: &mut Page, sheet: &Sheet<'_>) {
    let currency = &sheet.document.currency;
    let last = sheet.totals.len().saturating_sub(1);
    let indent = " ".repeat(WIDTH / 2);
    for (at, total) in sheet.totals.iter().enumerate() {
        let amount = format!("{} {currency}", total.amount);
        if at == last {
            page.line(&format!("{indent}{}", "-".repeat(WIDTH / 2)));
        }
        let room = (WIDTH / 2)
            .saturating_sub(width(&total.label) + width(&amount))
            .max(2);
        page.line(&format!(
            "{indent}{}{}{amount}",
            total.label,
            " ".repeat(room)
        ));
    }
    page.gap();
}

fn bars(page: &mut Page, chart: &Chart) {
    page.line(&chart.title);
    for bar in &chart.bars {
        // Eighths of a character, the finest that block elements show.
        let eighths = usize::try_from(bar.height_ppm).unwrap_or(0) * BAR * 8 / 1_000_000;
        let rest = [
            "", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}",
        ];
        let drawn = format!("{}{}", "\u{2588}".repeat(eighths / 8), rest[eighths % 8]);
        page.line(&format!(
            "{} {drawn:<BAR$} {:>32}",
            bar.day.format("%d"),
            bar.amount
        ));
    }
}
