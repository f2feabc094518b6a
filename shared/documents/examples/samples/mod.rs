//! Bills that look like real ones, rated from made-up usage by the shipped price book: for the examples and the tests.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use documents::export::{Bill, Tags};
use domain::bill::document::{Document, DocumentDay, DocumentLine, Kind, Party, Section};
use domain::bill::money::fixed;
use domain::bill::statement::lines;
use domain::bill::{
    Charge, Line, Money, Month, Statement, TaxLevel, TaxRate, Totals, UsageRow, rate,
};
use domain::price::{Book, Currency, FreeTier, Sku};
use domain::{Architecture, Region};

const GB_SECOND: i128 = 1_024_000;
const X86: Sku = Sku::Duration(Architecture::X86_64);
const ARM: Sku = Sku::Duration(Architecture::Arm64);

/// A month with all that belongs to it.
pub(crate) struct Sample {
    pub(crate) month: Month,
    pub(crate) usage: Vec<Charge>,
    pub(crate) corrections: Vec<Charge>,
    pub(crate) totals: Totals,
    pub(crate) document: Document,
    pub(crate) tags: Tags,
}

impl Sample {
    pub(crate) fn bill(&self) -> Bill<'_> {
        Bill {
            account_id: &self.document.account_id,
            account_name: &self.document.customer.name,
            issuer: &self.document.issuer.name,
            month: self.month,
            invoice_id: self.document.number.as_deref(),
            usage: &self.usage,
            corrections: &self.corrections,
            totals: &self.totals,
            tags: &self.tags,
        }
    }
}

fn book() -> Book {
    Book::parse(include_str!("../../../../data/price-book.csv")).expect("the shipped book is sound")
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date")
}

fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

/// Two functions in each region, some use every day, more on weekdays.
fn usage(month: Month, places: &[(&str, i128)]) -> Vec<UsageRow> {
    let mut rows = Vec::new();
    for (place, scale) in places {
        let region: Region = place.parse().expect("a region");
        for day in 0..month.days() {
            let hour = month.start() + TimeDelta::days(i64::from(day)) + TimeDelta::hours(9);
            let weekday = i128::from(hour.weekday().num_days_from_monday());
            let busy = if weekday < 5 { 7 } else { 3 } + i128::from(day * 7 % 5);
            for (name, sku, quantity) in [
                ("checkout", X86, 41_237 * GB_SECOND + 517),
                ("checkout", Sku::Requests, 312_403),
                ("thumbnails", ARM, 29_011 * GB_SECOND + 77_011),
                ("thumbnails", Sku::Requests, 90_177),
                ("thumbnails", Sku::EphemeralStorage, 88_123 * GB_SECOND + 9),
                ("checkout", Sku::StreamingResponse, (3 << 30) + 12_345_678),
            ] {
                rows.push(UsageRow {
                    hour,
                    region: region.clone(),
                    sku,
                    resource: format!("arn:aws:lambda:{place}:000000000000:function:{name}"),
                    coverable: true,
                    quantity: quantity * busy * scale / 10,
                });
            }
        }
    }
    rows
}

fn statement(month: Month, places: &[(&str, i128)]) -> Statement {
    let rated = rate(&book(), FreeTier::month(), usage(month, places)).expect("in range");
    rated.statements.into_iter().next().expect("in dollars")
}

fn issuer() -> Party {
    Party {
        name: "Nordlicht Compute GmbH".to_owned(),
        address: vec!["Speicherstraße 12".to_owned(), "20457 Hamburg".to_owned()],
        country: "DE".to_owned(),
        tax_id: "DE123456788".to_owned(),
        email: "billing@nordlicht.example".to_owned(),
    }
}

fn customer() -> Party {
    Party {
        name: "Bäckerei Müller & Søn Ltd".to_owned(),
        address: vec!["17 Harbour Road".to_owned(), "Dublin D02 XY45".to_owned()],
        country: "IE".to_owned(),
        tax_id: "IE6388047V".to_owned(),
        email: "accounts@mueller.example".to_owned(),
    }
}

fn tags() -> Tags {
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    ["us-east-1", "eu-central-1"]
        .iter()
        .map(|place| {
            let arn = format!("arn:aws:lambda:{place}:000000000000:function:checkout");
            (
                arn,
                BTreeMap::from([tag("team", "shop"), tag("cost \"center\"", "=4711")]),
            )
        })
        .collect()
}

fn days(month: Month, charges: &[Charge]) -> Vec<DocumentDay> {
    let mut sums: BTreeMap<NaiveDate, i128> = (0..month.days())
        .map(|at| {
            (
                (month.start() + TimeDelta::days(i64::from(at))).date_naive(),
                0,
            )
        })
        .collect();
    for charge in charges {
        *sums.entry(charge.hour.date_naive()).or_default() += charge.amount_e10;
    }
    sums.into_iter()
        .map(|(day, amount)| DocumentDay {
            day,
            amount: fixed(amount, 10),
        })
        .collect()
}

fn document_lines(section: Section, lines: &[Line], after: u32) -> Vec<DocumentLine> {
    lines
        .iter()
        .zip(after + 1..)
        .map(|(line, number)| DocumentLine::of(number, section, line))
        .collect()
}

/// An invoice of a month, with late usage of the month before if asked for.
fn sample(
    month: Month,
    places: &[(&str, i128)],
    late: &[(&str, i128)],
    rates: &[TaxRate],
) -> Sample {
    let this = statement(month, places);
    let currency: Currency = this.currency;
    let corrections = if late.is_empty() {
        Vec::new()
    } else {
        statement(month.previous(), late)
            .charges
            .into_iter()
            .take(9)
            .collect()
    };
    let late_lines = lines(&corrections, currency).expect("in range");
    let mut all = this.lines.clone();
    all.extend(late_lines.iter().cloned());
    let credit = Money::new(2_500, currency);
    let zero = Money::new(0, currency);
    let totals = Totals::of(&all, zero, rates, TaxLevel::Invoice, credit);
    let accrued: i128 = this.accrued_e10()
        + corrections
            .iter()
            .map(|charge| charge.amount_e10)
            .sum::<i128>();
    let end: DateTime<Utc> = month.end();
    let mut shown = document_lines(Section::Usage, &this.lines, 0);
    let after = u32::try_from(shown.len()).expect("few lines");
    shown.extend(document_lines(Section::Correction, &late_lines, after));
    let mut document = Document {
        kind: Kind::Invoice,
        number: Some("INV-2026-000042".to_owned()),
        corrects: None,
        reason: None,
        issuer: issuer(),
        customer: customer(),
        account_id: "000000000000".to_owned(),
        period_start: month.start().date_naive(),
        period_end: (end - TimeDelta::days(1)).date_naive(),
        issued_on: (end + TimeDelta::days(1)).date_naive(),
        due_on: (end + TimeDelta::days(15)).date_naive(),
        currency: currency.to_string(),
        lines: shown,
        subtotal: String::new(),
        tax_level: String::new(),
        taxes: Vec::new(),
        total: String::new(),
        credit: String::new(),
        due: String::new(),
        rounding: fixed(totals.subtotal.e10() - accrued, 10),
        days: days(month, &this.charges),
        notes: vec![
            "Executor 7 of eu-central-1 never reported after 14 Sep 2026, 03:00 UTC; at most 212 executions are missing \
             and are not charged."
                .to_owned(),
        ],
    };
    document.set_totals(&totals, TaxLevel::Invoice);
    Sample {
        month,
        usage: this.charges,
        corrections,
        totals,
        document,
        tags: tags(),
    }
}

fn vat() -> TaxRate {
    TaxRate::new("VAT", 23.into()).expect("a rate")
}

/// Three regions, the free tier, tax, credit, a correction.
pub(crate) fn invoice() -> Sample {
    let places = [("eu-central-1", 9), ("us-east-1", 14), ("us-west-2", 2)];
    sample(month("2026-09"), &places, &[("eu-central-1", 1)], &[vat()])
}

/// A month that is not over.
pub(crate) fn draft() -> Sample {
    let mut sample = sample(month("2026-10"), &[("eu-central-1", 5)], &[], &[vat()]);
    sample.document.number = None;
    sample.document.issued_on = day(2026, 10, 31);
    sample.document.notes.clear();
    sample
}

/// A large account: tiers, and lines over several pages.
pub(crate) fn long() -> Sample {
    let places = [
        "af-south-1",
        "ap-east-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "me-south-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ];
    let places: Vec<(&str, i128)> = places.iter().map(|place| (*place, 4_100)).collect();
    let city = TaxRate::new("City tax", 2.into()).expect("a rate");
    sample(month("2026-07"), &places, &[], &[vat(), city])
}

/// Takes two lines of the invoice back.
pub(crate) fn credit_note() -> Document {
    let invoice = invoice().document;
    let currency: Currency = "USD".parse().expect("a currency");
    let mut lines: Vec<DocumentLine> = invoice.lines[2..4].to_vec();
    for (line, number) in lines.iter_mut().zip(1..) {
        line.line_no = number;
    }
    let cents = |text: &str| text.replace('.', "").parse::<i128>().expect("an amount");
    let subtotal = lines.iter().map(|line| cents(&line.amount)).sum();
    let subtotal = Money::new(subtotal, currency);
    let tax = Money::new((subtotal.minor * 23 + 50) / 100, currency);
    let total = Money::new(subtotal.minor + tax.minor, currency);
    let totals = Totals {
        subtotal,
        taxes: vec![(vat(), tax)],
        total,
        credit: Money::new(0, currency),
        due: total,
    };
    let mut document = Document {
        kind: Kind::CreditNote,
        number: Some("INV-2026-000043".to_owned()),
        corrects: invoice.number.clone(),
        reason: Some(
            "The price of 1 Sep 2026 for compute in eu-central-1 was published by mistake."
                .to_owned(),
        ),
        issued_on: day(2026, 10, 9),
        lines,
        rounding: "0.0000000000".to_owned(),
        days: Vec::new(),
        notes: Vec::new(),
        ..invoice
    };
    document.set_totals(&totals, TaxLevel::Invoice);
    document
}
