//! What an invoice shows to people, in the order in which they read it: the same for PDF, HTML and terminals.

use chrono::{Datelike, NaiveDate};
use domain::bill::document::{Document, DocumentLine, Kind, Party, Section};
use domain::bill::money::fixed;
use domain::price::Currency;
use domain::price::rating::{ROW_DIGITS, round_half_up};

use crate::figures::{amount, currency, date, e10, grouped, period, rounded, trimmed};
use crate::{Error, regions};

/// An invoice, arranged.
pub(crate) struct Sheet<'a> {
    pub(crate) document: &'a Document,
    /// `Invoice`.
    pub(crate) title: &'static str,
    /// Label and value, as beside the customer's address.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What a credit note corrects and why.
    pub(crate) reason: Option<String>,
    pub(crate) blocks: Vec<Block<'a>>,
    /// From the subtotal to what is due, which is the last.
    pub(crate) totals: Vec<Total>,
    pub(crate) chart: Option<Chart>,
    /// What a reader must know, and how the numbers come about.
    pub(crate) notes: Vec<String>,
}

/// Lines of one region in one section.
pub(crate) struct Block<'a> {
    pub(crate) heading: String,
    /// Usage of an earlier month.
    pub(crate) is_correction: bool,
    pub(crate) lines: Vec<Row<'a>>,
    pub(crate) subtotal: String,
}

pub(crate) struct Row<'a> {
    pub(crate) description: String,
    pub(crate) quantity: String,
    pub(crate) unit: &'a str,
    pub(crate) unit_price: String,
    pub(crate) amount: String,
    pub(crate) amount_e10: i128,
}

pub(crate) struct Total {
    pub(crate) label: String,
    /// With its sign and grouped, without the currency.
    pub(crate) amount: String,
}

/// Daily cost as bars.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
    /// Lines of the grid from 0 upwards; the last one is the top.
    pub(crate) ticks: Vec<Tick>,
}

pub(crate) struct Bar {
    pub(crate) day: NaiveDate,
    /// Of the chart's height, in millionths.
    pub(crate) height_ppm: u32,
    /// With two digits more than the currency has.
    pub(crate) amount: String,
}

pub(crate) struct Tick {
    pub(crate) label: String,
    pub(crate) height_ppm: u32,
}

const FULL_PPM: i128 = 1_000_000;

/// Digits behind the point that quantities are shown with. They have up to thirty, which no reader wants.
const SHOWN_DIGITS: u32 = 6;

impl<'a> Sheet<'a> {
    pub(crate) fn of(document: &'a Document) -> Result<Self, Error> {
        let currency = currency(&document.currency)?;
        Ok(Self {
            document,
            title: title(document),
            facts: facts(document),
            reason: reason(document),
            blocks: blocks(document, currency)?,
            totals: totals(document)?,
            chart: chart(document, currency)?,
            notes: notes(document)?,
        })
    }

    /// `1,234.56 USD`.
    pub(crate) fn due(&self) -> String {
        format!("{} {}", grouped(&self.document.due), self.document.currency)
    }

    pub(crate) fn due_label(&self) -> &'static str {
        due_label(self.document)
    }

    /// Of a reader's bookmark or window.
    pub(crate) fn name(&self) -> String {
        let document = self.document;
        match &document.number {
            Some(number) => format!("{} {number}", self.title),
            None => format!("{} {}", self.title, document.period_start.format("%B %Y")),
        }
    }
}

impl Block<'_> {
    /// With a word on what corrections are.
    pub(crate) fn title(&self) -> String {
        if self.is_correction && self.heading.trim_matches([' ', '\u{b7}']).is_empty() {
            "Taken back".to_owned()
        } else if self.is_correction {
            format!("Earlier months \u{b7} {}", self.heading)
        } else {
            self.heading.clone()
        }
    }
}

/// Name, address with the country, tax number and e-mail address of a party, a line each; the name first.
pub(crate) fn party_lines(party: &Party) -> Vec<String> {
    let mut lines = vec![party.name.clone()];
    lines.extend(party.address.iter().cloned());
    if !party.country.trim().is_empty() {
        match lines.last_mut().filter(|_| !party.address.is_empty()) {
            Some(last) => *last = format!("{last}, {}", party.country),
            None => lines.push(party.country.clone()),
        }
    }
    if !party.tax_id.trim().is_empty() {
        lines.push(format!("Tax number {}", party.tax_id));
    }
    lines.push(party.email.clone());
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn title(document: &Document) -> &'static str {
    match (document.kind, document.is_draft()) {
        (Kind::Invoice, false) => "Invoice",
        (Kind::Invoice, true) => "Draft invoice",
        (Kind::CreditNote, false) => "Credit note",
        (Kind::CreditNote, true) => "Draft credit note",
    }
}

fn facts(document: &Document) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    match &document.number {
        Some(number) => {
            facts.push(("Number", number.clone()));
            facts.push(("Date", date(document.issued_on)));
        }
        None => facts.push(("As of", date(document.issued_on))),
    }
    if let Some(corrects) = &document.corrects {
        facts.push(("Corrects invoice", corrects.clone()));
    }
    let (start, end) = (document.period_start, document.period_end);
    facts.push(("Billing period", period(start, end)));
    if document.kind == Kind::Invoice && !document.is_draft() {
        facts.push(("Due date", date(document.due_on)));
    }
    facts.push(("Account", document.account_id.clone()));
    facts.push(("Currency", document.currency.clone()));
    facts
}

fn reason(document: &Document) -> Option<String> {
    let why = document.reason.as_deref().filter(|why| !why.is_empty());
    match (&document.corrects, why) {
        (Some(number), Some(why)) => Some(format!("Corrects invoice {number}: {why}")),
        (Some(number), None) => Some(format!("Corrects invoice {number}.")),
        (None, why) => why.map(str::to_owned),
    }
}

fn blocks(document: &Document, currency: Currency) -> Result<Vec<Block<'_>>, Error> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut place: Option<(Section, &str)> = None;
    for line in &document.lines {
        let here = (line.section, line.region.as_str());
        if place != Some(here) {
            place = Some(here);
            blocks.push(Block {
                heading: regions::title(&line.region),
                is_correction: line.section == Section::Correction,
                lines: Vec::new(),
                subtotal: String::new(),
            });
        }
        if let Some(block) = blocks.last_mut() {
            block.lines.push(row(document, line)?);
        }
    }
    for block in &mut blocks {
        let sum = block.lines.iter().map(|line| line.amount_e10).sum();
        block.subtotal = grouped(&amount(sum, currency));
    }
    Ok(blocks)
}

fn row<'a>(document: &'a Document, line: &'a DocumentLine) -> Result<Row<'a>, Error> {
    // The price's date tells lines apart that would read the same: a price changed within the month.
    let same = |other: &&DocumentLine| {
        other.price_from != line.price_from
            && (other.section, &other.region, &other.sku, &other.tier)
                == (line.section, &line.region, &line.sku, &line.tier)
    };
    let description = if document.lines.iter().any(|other| same(&other)) {
        format!("{}, price of {}", line.description, date(line.price_from))
    } else {
        line.description.clone()
    };
    let unit_price = if line.tier == "free" {
        "free".to_owned()
    } else {
        grouped(&line.unit_price)
    };
    Ok(Row {
        description,
        quantity: quantity(&line.quantity),
        unit: &line.unit,
        unit_price,
        amount: grouped(&line.amount),
        amount_e10: e10(&line.amount)?,
    })
}

/// The quantity as it is shown: to six digits.
fn quantity(text: &str) -> String {
    let shown = rounded(text, SHOWN_DIGITS).map(|number| trimmed(number, SHOWN_DIGITS));
    grouped(shown.as_deref().unwrap_or(text))
}

fn due_label(document: &Document) -> &'static str {
    match (document.kind, document.is_draft()) {
        (Kind::CreditNote, _) => "Amount credited",
        (Kind::Invoice, false) => "Amount due",
        (Kind::Invoice, true) => "Amount so far",
    }
}

fn totals(document: &Document) -> Result<Vec<Total>, Error> {
    let total = |label: String, amount: &str| Total {
        label,
        amount: grouped(amount),
    };
    let has_credit = e10(&document.credit)? != 0;
    let mut totals = vec![total("Subtotal".to_owned(), &document.subtotal)];
    for tax in &document.taxes {
        totals.push(total(
            format!("{} {}\u{a0}%", tax.name, tax.percent),
            &tax.amount,
        ));
    }
    if has_credit {
        totals.push(total("Total".to_owned(), &document.total));
        let used = match document.credit.strip_prefix('-') {
            Some(credit) => credit.to_owned(),
            None => format!("-{}", document.credit),
        };
        totals.push(total("Prepaid credit".to_owned(), &used));
    }
    totals.push(total(due_label(document).to_owned(), &document.due));
    Ok(totals)
}

fn notes(document: &Document) -> Result<Vec<String>, Error> {
    let mut notes = document.notes.clone();
    if document.is_draft() {
        notes.push(
            "This is a draft. Its amounts change with every execution until the month is closed."
                .to_owned(),
        );
    }
    if document
        .lines
        .iter()
        .any(|line| has_more_digits(&line.quantity))
    {
        notes.push(format!(
            "Quantities are shown to {SHOWN_DIGITS} digits behind the point. The JSON and CSV of this document have all of them."
        ));
    }
    let rounding = e10(&document.rounding)?;
    if rounding != 0 {
        notes.push(format!(
            "Each line is rounded once, from its exact quantity. The charges of the hours add up to {} {}; rounding the lines \
             made {} {} of it.",
            grouped(&trimmed(e10(&document.subtotal)? - rounding, 10)),
            document.currency,
            grouped(&document.subtotal),
            document.currency,
        ));
    }
    Ok(notes)
}

fn has_more_digits(quantity: &str) -> bool {
    let (_, rest) = quantity.split_once('.').unwrap_or_default();
    rest.len() > SHOWN_DIGITS as usize
}

fn chart(document: &Document, currency: Currency) -> Result<Option<Chart>, Error> {
    let mut days = Vec::with_capacity(document.days.len());
    for day in &document.days {
        days.push((day, e10(&day.amount)?));
    }
    let Some(most) = days.iter().map(|(_, amount)| *amount).max() else {
        return Ok(None);
    };
    if most <= 0 {
        return Ok(None);
    }
    let step = step(most);
    let count = (most + step - 1) / step;
    let top = step * count;
    let ppm = |amount: i128| u32::try_from(amount.clamp(0, top) * FULL_PPM / top).unwrap_or(0);
    let bars = days
        .iter()
        .map(|(day, amount)| Bar {
            day: day.day,
            height_ppm: ppm(*amount),
            amount: format!(
                "{} {}",
                grouped(&finer(*amount, currency)),
                document.currency
            ),
        })
        .collect();
    let ticks = (0..=count)
        .map(|at| Tick {
            label: tick_label(step * at, step, currency),
            height_ppm: ppm(step * at),
        })
        .collect();
    Ok(Some(Chart {
        title: format!("Cost per day in {}, before taxes", document.currency),
        bars,
        ticks,
    }))
}

/// With two digits more than the currency has.
fn finer(amount_e10: i128, currency: Currency) -> String {
    let digits = currency.digits() + 2;
    let step = 10_i128.pow(ROW_DIGITS.saturating_sub(digits));
    fixed(round_half_up(amount_e10, step), digits)
}

/// The smallest of 1, 2, 5 times a power of ten of which four reach the top.
fn step(most: i128) -> i128 {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            if power * factor * 4 >= most {
                return power * factor;
            }
        }
        power *= 10;
    }
}

/// With as many digits as the step needs, and not more than the currency has unless it needs them.
fn tick_label(at_e10: i128, step_e10: i128, currency: Currency) -> String {
    let whole = 10_i128.pow(10);
    let text = if step_e10 % whole == 0 {
        (at_e10 / whole).to_string()
    } else {
        let cents = amount(at_e10, currency);
        let exact = trimmed(at_e10, 10);
        if e10(&cents).is_ok_and(|cents| cents == at_e10) {
            cents
        } else {
            exact
        }
    };
    grouped(&text)
}

impl Bar {
    /// What the axis says under it: the first day and every fifth.
    pub(crate) fn label(&self) -> Option<String> {
        let day = self.day.day();
        (day == 1 || (day.is_multiple_of(5) && day < 31)).then(|| day.to_string())
    }
}
