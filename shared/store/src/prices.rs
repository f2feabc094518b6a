//! The price book in Postgres: immutable versions, loaded whole.

use chrono::{DateTime, Utc};
use domain::price::text::{parse_price, time_text};
use domain::price::{Book, Price, Tier};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::catalog::touch_catalog;
use crate::{Error, Store};

/// The list that Tollgate ships and seeds.
pub const DEFAULT_BOOK: &str = "default";

/// That list as text.
pub const SHIPPED: &str = include_str!("../../../data/price-book.csv");

/// A price list that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The text is no sound book: says line and reason.
    #[error(transparent)]
    Book(#[from] domain::price::BookError),
    /// A price is there already with another content. Prices are immutable: a change needs a new `valid_from`.
    #[error(
        "{region} {sku} from {} is already there with another price: a change needs a new valid_from",
        time_text(*valid_from)
    )]
    Changed {
        region: String,
        sku: String,
        valid_from: DateTime<Utc>,
    },
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for SeedError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Adds the shipped price list. What is there already stays; says how many price versions were new.
    pub async fn seed_prices(&self) -> Result<usize, SeedError> {
        self.add_prices(DEFAULT_BOOK, SHIPPED).await
    }

    /// Adds a price list, given as text, to a book: all of it or nothing. Says how many price versions were new.
    pub async fn add_prices(&self, book: &str, text: &str) -> Result<usize, SeedError> {
        let prices = Book::parse(text)?;
        let version = format!("{:x}", Sha256::digest(text));
        let mut tx = self.pool.begin().await?;
        // Two writers would both find a price missing; readers are not held up.
        sqlx::query!("LOCK TABLE billing.price_version IN SHARE ROW EXCLUSIVE MODE")
            .execute(&mut *tx)
            .await?;
        let present = load(&mut tx, book, i64::MAX).await?;
        let mut added = 0;
        for price in prices.iter() {
            let known = present.in_force(&price.region, price.sku, price.valid_from);
            match known.filter(|known| known.valid_from == price.valid_from) {
                None => {
                    insert(&mut tx, book, &version, price).await?;
                    added += 1;
                }
                Some(known) if known.charges_as(price) => {}
                Some(_) => {
                    return Err(SeedError::Changed {
                        region: price.region.to_string(),
                        sku: price.sku.to_string(),
                        valid_from: price.valid_from,
                    });
                }
            }
        }
        if added > 0 {
            // Spend caps hold what a run can cost at these prices.
            touch_catalog(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(added)
    }

    /// A whole book; empty where nobody has added to it.
    pub async fn price_book(&self, book: &str) -> Result<Book, Error> {
        load(&mut *self.pool.acquire().await?, book, i64::MAX).await
    }

    /// Moves whenever a price is added: a cheap question before loading a book again.
    pub async fn price_stamp(&self) -> Result<i64, Error> {
        let stamp = sqlx::query_scalar!(
            r#"SELECT coalesce(max(price_id), 0) AS "stamp!" FROM billing.price_version"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(stamp)
    }
}

async fn insert(
    tx: &mut PgConnection,
    book: &str,
    version: &str,
    price: &Price,
) -> Result<(), SeedError> {
    let id = sqlx::query_scalar!(
        "INSERT INTO billing.price_version
             (book, region, sku, currency, valid_from, price_per, duration_step_ms, source, source_version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING price_id",
        book,
        price.region.as_str(),
        price.sku.as_str(),
        price.currency.as_str(),
        price.valid_from,
        decimal(price.quanta_per_unit, 0)?,
        i32::try_from(price.duration_step_ms).unwrap_or(i32::MAX),
        price.source,
        version,
    )
    .fetch_one(&mut *tx)
    .await?;
    for tier in &price.tiers {
        sqlx::query!(
            "INSERT INTO billing.price_tier (price_id, qty_from, qty_to, unit_price) VALUES ($1, $2, $3, $4)",
            id,
            decimal(tier.from, 0)?,
            tier.to.map(|to| decimal(to, 0)).transpose()?,
            decimal(tier.price_e14, 14)?,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

fn decimal(number: i128, scale: u32) -> Result<Decimal, Error> {
    Decimal::try_from_i128_with_scale(number, scale).map_err(|_| Error::Inconsistent("price_tier"))
}

struct TierRow {
    price_id: i64,
    region: String,
    sku: String,
    currency: String,
    valid_from: DateTime<Utc>,
    price_per: String,
    duration_step_ms: i32,
    source: String,
    qty_from: String,
    qty_to: Option<String>,
    unit_price: String,
}

/// A whole book as it was at a price stamp ([`Store::price_stamp`]).
pub(crate) async fn load(
    connection: &mut PgConnection,
    book: &str,
    stamp: i64,
) -> Result<Book, Error> {
    let rows = sqlx::query_as!(
        TierRow,
        r#"SELECT price_id, region, sku, currency, valid_from, price_per::text AS "price_per!", duration_step_ms,
               source, qty_from::text AS "qty_from!", qty_to::text, unit_price::text AS "unit_price!"
           FROM billing.price_version JOIN billing.price_tier USING (price_id)
           WHERE book = $1 AND price_id <= $2 ORDER BY price_id, qty_from"#,
        book,
        stamp,
    )
    .fetch_all(connection)
    .await?;
    let mut prices = Vec::new();
    for tiers in rows.chunk_by(|a, b| a.price_id == b.price_id) {
        prices.push(price_of(tiers)?);
    }
    Book::new(prices).map_err(|_| Error::Inconsistent("price_version"))
}

fn price_of(rows: &[TierRow]) -> Result<Price, Error> {
    let number = |text: &str, column| text.parse().map_err(|_| Error::Inconsistent(column));
    let mut tiers = Vec::with_capacity(rows.len());
    for row in rows {
        let to = row.qty_to.as_deref();
        tiers.push(Tier {
            from: number(&row.qty_from, "price_tier.qty_from")?,
            to: to.map(|to| number(to, "price_tier.qty_to")).transpose()?,
            price_e14: parse_price(&row.unit_price)
                .map_err(|_| Error::Inconsistent("price_tier.unit_price"))?,
        });
    }
    let head = rows.first().ok_or(Error::Inconsistent("price_tier"))?;
    let wrong = |column| move |_| Error::Inconsistent(column);
    Ok(Price {
        region: head.region.parse().map_err(wrong("price_version.region"))?,
        sku: head.sku.parse().map_err(wrong("price_version.sku"))?,
        currency: head
            .currency
            .parse()
            .map_err(wrong("price_version.currency"))?,
        valid_from: head.valid_from,
        quanta_per_unit: number(&head.price_per, "price_version.price_per")?,
        duration_step_ms: u32::try_from(head.duration_step_ms)
            .map_err(|_| Error::Inconsistent("price_version.duration_step_ms"))?,
        source: head.source.clone(),
        tiers,
    })
}

#[cfg(test)]
mod tests;
