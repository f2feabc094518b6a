//! Rating a month of one account.
//!
//! The free tier is consumed in the order of the rows (hour, region, SKU, resource); what it covers costs nothing and does not move the
//! position in the volume tiers. That position is a quantity: it is counted per region and SKU from the start of the month and
//! carries over from one price version to the next. A row is charged at the version in force in its hour.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::Region;
use crate::price::book::PRICE_DIGITS;
use crate::price::rating::{Overflow, ROW_DIGITS, TierLine};
use crate::price::sku::{Sku, Unit};
use crate::price::{Book, Currency, Exact, FreeTier, Price};

use super::money::Money;

/// What a resource used of one SKU in one hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageRow {
    pub hour: DateTime<Utc>,
    pub region: Region,
    pub sku: Sku,
    /// A function's ARN without a qualifier.
    pub resource: String,
    /// Whether the free tier may cover it: nothing that was served under provisioned concurrency.
    pub coverable: bool,
    /// In quanta of the SKU.
    pub quantity: i128,
}

/// Which price a quantity was charged at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate {
    pub region: Region,
    pub sku: Sku,
    /// Of the price version.
    pub valid_from: DateTime<Utc>,
    /// Index of the tier from 0; `None`: covered by the free tier.
    pub tier: Option<u16>,
}

impl Rate {
    /// `free`, or the tier counted from 1.
    pub fn tier_name(&self) -> String {
        self.tier
            .map_or_else(|| "free".to_owned(), |tier| (tier + 1).to_string())
    }
}

/// A usage row's part at one rate: what cost reports and exports are made of (R2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub hour: DateTime<Utc>,
    pub resource: String,
    pub rate: Rate,
    pub quantity: i128,
    /// List price of one unit at 10⁻¹⁴, of free quantities too.
    pub price_e14: i128,
    pub quanta_per_unit: i128,
    /// 0 for what is free.
    pub amount_e10: i128,
}

/// An invoice line (R3): the month's exact quantity at one rate, rounded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub rate: Rate,
    pub quantity: i128,
    /// List price of one unit at 10⁻¹⁴.
    pub price_e14: i128,
    pub quanta_per_unit: i128,
    pub amount: Money,
}

impl Line {
    /// The quantity in the unit that people read ([`unit_text`]), exactly.
    pub fn quantity_text(&self) -> String {
        quantity_text(self.rate.sku, self.quantity)
    }

    /// The price of one such unit, exactly.
    pub fn unit_price_text(&self) -> String {
        unit_price_text(self.rate.sku, self.price_e14, self.quanta_per_unit)
    }
}

/// The unit that people read quantities of a SKU in: a request, though prices are per million.
pub fn unit_text(sku: Sku) -> &'static str {
    match sku.unit() {
        Unit::MillionRequests => "Requests",
        Unit::GbSecond => "GB-Seconds",
        Unit::Gb | Unit::GbMemory => "GB",
    }
}

/// Quanta in [`unit_text`]'s unit.
pub(super) fn shown_quanta(sku: Sku) -> i128 {
    match sku.unit() {
        Unit::MillionRequests => 1,
        unit => unit.quanta(),
    }
}

/// A quantity in [`unit_text`]'s unit, exactly.
pub fn quantity_text(sku: Sku, quantity: i128) -> String {
    super::money::exact(quantity, shown_quanta(sku))
}

/// A price per [`unit_text`]'s unit, exactly.
pub fn unit_price_text(sku: Sku, price_e14: i128, quanta_per_unit: i128) -> String {
    let scale = 10_i128.pow(PRICE_DIGITS);
    super::money::exact(price_e14 * shown_quanta(sku), quanta_per_unit * scale)
}

/// All that was charged in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub currency: Currency,
    /// In the order of hour, region, SKU, resource.
    pub charges: Vec<Charge>,
    /// In the order of region, SKU, price version, tier; free ones first.
    pub lines: Vec<Line>,
}

impl Statement {
    /// Sum of the rounded lines (R4).
    pub fn subtotal(&self) -> Money {
        let minor = self.lines.iter().map(|line| line.amount.minor).sum();
        Money::new(minor, self.currency)
    }

    /// Sum of the charges at ten digits: what was accrued.
    pub fn accrued_e10(&self) -> i128 {
        self.charges.iter().map(|charge| charge.amount_e10).sum()
    }

    /// What rounding the lines added to the charges, at ten digits (R6).
    pub fn residue_e10(&self) -> i128 {
        self.subtotal().e10() - self.accrued_e10()
    }
}

/// A month, rated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    /// One per currency, in the order of their codes.
    pub statements: Vec<Statement>,
    /// Usage that the book has no price for: shown, not charged.
    pub unpriced: Vec<UsageRow>,
    /// What is left of the free tier.
    pub free: FreeTier,
}

impl Rated {
    /// Charges, each currency's in the order of hour, region, SKU, resource, and their lines.
    pub(super) fn of(
        charges: BTreeMap<Currency, Vec<Charge>>,
        unpriced: Vec<UsageRow>,
        free: FreeTier,
    ) -> Result<Self, Overflow> {
        let mut statements = Vec::with_capacity(charges.len());
        for (currency, charges) in charges {
            let lines = lines(&charges, currency)?;
            statements.push(Statement {
                currency,
                charges,
                lines,
            });
        }
        Ok(Self {
            statements,
            unpriced,
            free,
        })
    }
}

/// How far a month is rated: what of the same month comes later goes on from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What is left of the free tier.
    pub free: FreeTier,
    /// Paid quantities by region and SKU.
    pub paid: BTreeMap<(Region, Sku), i128>,
}

impl Position {
    /// The start of a month.
    pub fn start(allowance: FreeTier) -> Self {
        Self {
            free: allowance,
            paid: BTreeMap::new(),
        }
    }

    /// Behind these charges of the month.
    #[must_use]
    pub fn after<'a>(mut self, charges: impl IntoIterator<Item = &'a Charge>) -> Self {
        for charge in charges {
            let rate = &charge.rate;
            match (rate.tier, rate.sku) {
                (Some(_), _) => {
                    let paid = self.paid.entry((rate.region.clone(), rate.sku));
                    *paid.or_default() += charge.quantity;
                }
                (None, Sku::Requests) => self.free.requests -= charge.quantity,
                (None, Sku::Duration(_)) => self.free.duration -= charge.quantity,
                // The free tier covers nothing else.
                (None, _) => {}
            }
        }
        self
    }
}

/// Rates a month's usage of one account, in whatever order it comes.
pub fn rate(book: &Book, free: FreeTier, rows: Vec<UsageRow>) -> Result<Rated, Overflow> {
    rate_from(book, Position::start(free), rows)
}

/// As [`rate`], behind what was rated before.
pub fn rate_from(
    book: &Book,
    position: Position,
    mut rows: Vec<UsageRow>,
) -> Result<Rated, Overflow> {
    rows.sort();
    let mut free = position.free;
    let mut rater = Rater {
        positions: position.paid,
        ..Rater::default()
    };
    for row in rows {
        let Some(price) = book.in_force(&row.region, row.sku, row.hour) else {
            rater.unpriced.push(row);
            continue;
        };
        let covered = if row.coverable {
            free.take(row.sku, row.quantity)
        } else {
            0
        };
        rater.add(price, &row, covered)?;
    }
    Rated::of(rater.charges, rater.unpriced, free)
}

#[derive(Default)]
struct Rater {
    /// Paid quantity so far, by region and SKU: the position in the tiers.
    positions: BTreeMap<(Region, Sku), i128>,
    charges: BTreeMap<Currency, Vec<Charge>>,
    unpriced: Vec<UsageRow>,
}

impl Rater {
    fn add(&mut self, price: &Price, row: &UsageRow, covered: i128) -> Result<(), Overflow> {
        let charge = |tier: Option<u16>, quantity, price_e14, amount_e10| Charge {
            hour: row.hour,
            resource: row.resource.clone(),
            rate: Rate {
                region: row.region.clone(),
                sku: row.sku,
                valid_from: price.valid_from,
                tier,
            },
            quantity,
            price_e14,
            quanta_per_unit: price.quanta_per_unit,
            amount_e10,
        };
        let charges = self.charges.entry(price.currency).or_default();
        if covered > 0 {
            let list_e14 = price.tiers.first().map_or(0, |tier| tier.price_e14);
            charges.push(charge(None, covered, list_e14, 0));
        }
        let position = self
            .positions
            .entry((row.region.clone(), row.sku))
            .or_default();
        let end = *position + row.quantity - covered;
        for TierLine {
            tier,
            quantity,
            price_e14,
            exact,
        } in price.tier_lines(*position, end)?
        {
            let tier = u16::try_from(tier).map_err(|_| Overflow)?;
            charges.push(charge(
                Some(tier),
                quantity,
                price_e14,
                exact.round(ROW_DIGITS),
            ));
        }
        *position = end;
        Ok(())
    }
}

/// Invoice lines of charges, whatever hours and resources these are of.
pub fn lines(charges: &[Charge], currency: Currency) -> Result<Vec<Line>, Overflow> {
    let mut sums: BTreeMap<&Rate, (i128, &Charge)> = BTreeMap::new();
    for charge in charges {
        sums.entry(&charge.rate).or_insert((0, charge)).0 += charge.quantity;
    }
    sums.into_iter()
        .map(|(rate, (quantity, first))| {
            let numerator = match rate.tier {
                Some(_) => quantity.checked_mul(first.price_e14).ok_or(Overflow)?,
                None => 0,
            };
            let exact = Exact {
                numerator,
                quanta_per_unit: first.quanta_per_unit,
            };
            Ok(Line {
                rate: rate.clone(),
                quantity,
                price_e14: first.price_e14,
                quanta_per_unit: first.quanta_per_unit,
                amount: Money::new(exact.round(currency.digits()), currency),
            })
        })
        .collect()
}
