//! Rated usage that is kept (R2), and the usage that it is made of, account by account.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::statement::Rate;
use domain::bill::{Charge, Month, Priced, UsageRow};
use domain::price::book::PRICE_DIGITS;
use domain::price::rating::ROW_DIGITS;
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::Error;
use crate::numeric::{decimal, e10, e14, whole};

/// A kept charge, or a difference to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// That it is billed with.
    pub(crate) period: i64,
    pub(crate) revision: i32,
    /// Late usage that was too old to be billed.
    pub(crate) written_off: bool,
    pub(crate) priced: Priced,
}

struct Row {
    hour: DateTime<Utc>,
    period_id: i64,
    revision: i32,
    region: String,
    sku: String,
    resource: String,
    currency: String,
    price_from: DateTime<Utc>,
    unit_price: String,
    price_per: String,
    tier: Option<i16>,
    qty: String,
    amount: String,
    written_off: bool,
}

impl TryFrom<Row> for Kept {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let wrong = |column| move |_| Error::Inconsistent(column);
        let tier = row.tier.map(u16::try_from).transpose();
        Ok(Self {
            period: row.period_id,
            revision: row.revision,
            written_off: row.written_off,
            priced: Priced {
                currency: row.currency.parse().map_err(wrong("charge.currency"))?,
                charge: Charge {
                    hour: row.hour,
                    resource: row.resource,
                    rate: Rate {
                        region: row.region.parse().map_err(wrong("charge.region"))?,
                        sku: row.sku.parse().map_err(wrong("charge.sku"))?,
                        valid_from: row.price_from,
                        tier: tier.map_err(|_| Error::Inconsistent("charge.tier"))?,
                    },
                    quantity: whole(&row.qty, "charge.qty")?,
                    price_e14: e14(&row.unit_price, "charge.unit_price")?,
                    quanta_per_unit: whole(&row.price_per, "charge.price_per")?,
                    amount_e10: e10(&row.amount, "charge.amount")?,
                },
            },
        })
    }
}

/// An account's charges for usage of the hours `from..to`, whatever they are billed with.
pub(crate) async fn of_hours(
    connection: &mut PgConnection,
    account: AccountId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Kept>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT hour, period_id, revision, region, sku, resource, currency, price_from, unit_price::text AS "unit_price!",
               price_per::text AS "price_per!", tier, qty::text AS "qty!", amount::text AS "amount!", written_off
           FROM billing.charge WHERE account_id = $1 AND hour >= $2 AND hour < $3"#,
        account.number(),
        from,
        to,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// The charges that are billed with a period, whenever their usage was; all of them, or those of usage outside a month.
pub(crate) async fn of_period(
    connection: &mut PgConnection,
    period: i64,
    outside: Option<Month>,
) -> Result<Vec<Kept>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT hour, period_id, revision, region, sku, resource, currency, price_from, unit_price::text AS "unit_price!",
               price_per::text AS "price_per!", tier, qty::text AS "qty!", amount::text AS "amount!", written_off
           FROM billing.charge WHERE period_id = $1 AND NOT coalesce(hour >= $2 AND hour < $3, false)"#,
        period,
        outside.map(Month::start),
        outside.map(Month::end),
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// Whether all usage of the hours `from..to` is charged.
///
/// One sum over all of it tells: usage only grows, and no charge is beyond it (I4), so what is equal in sum is equal everywhere. Usage
/// without a price is never charged, and never equal.
pub(crate) async fn cover(
    connection: &mut PgConnection,
    account: AccountId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<bool, Error> {
    let covered = sqlx::query_scalar!(
        r#"SELECT coalesce((SELECT sum(qty) FROM billing.usage_hour WHERE account_id = $1 AND hour >= $2 AND hour < $3), 0)
               = coalesce((SELECT sum(qty) FROM billing.charge WHERE account_id = $1 AND hour >= $2 AND hour < $3), 0) AS "covered!""#,
        account.number(),
        from,
        to,
    );
    Ok(covered.fetch_one(connection).await?)
}

/// Keeps charges.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    account: AccountId,
    kept: &[Kept],
) -> Result<(), Error> {
    if kept.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(kept)?;
    sqlx::query!(
        "INSERT INTO billing.charge (account_id, hour, period_id, revision, region, sku, resource, currency, price_from, unit_price,
             price_per, tier, qty, amount, written_off)
         SELECT $1, * FROM UNNEST($2::timestamptz[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
             $9::timestamptz[], $10::numeric[], $11::numeric[], $12::smallint[], $13::numeric[], $14::numeric[], $15::boolean[])",
        account.number(),
        &columns.hours,
        &columns.periods,
        &columns.revisions,
        &columns.regions as &[&str],
        &columns.skus as &[&str],
        &columns.resources as &[&str],
        &columns.currencies as &[&str],
        &columns.prices_from,
        &columns.unit_prices,
        &columns.prices_per,
        &columns.tiers as &[Option<i16>],
        &columns.quantities,
        &columns.amounts,
        &columns.written_off,
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Columns<'a> {
    hours: Vec<DateTime<Utc>>,
    periods: Vec<i64>,
    revisions: Vec<i32>,
    regions: Vec<&'a str>,
    skus: Vec<&'a str>,
    resources: Vec<&'a str>,
    currencies: Vec<&'a str>,
    prices_from: Vec<DateTime<Utc>>,
    unit_prices: Vec<Decimal>,
    prices_per: Vec<Decimal>,
    tiers: Vec<Option<i16>>,
    quantities: Vec<Decimal>,
    amounts: Vec<Decimal>,
    written_off: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(kept: &'a [Kept]) -> Result<Self, Error> {
        let charges = || kept.iter().map(|one| &one.priced.charge);
        let tier = |tier: u16| i16::try_from(tier).map_err(|_| Error::Inconsistent("charge.tier"));
        Ok(Self {
            hours: charges().map(|charge| charge.hour).collect(),
            periods: kept.iter().map(|one| one.period).collect(),
            revisions: kept.iter().map(|one| one.revision).collect(),
            regions: charges()
                .map(|charge| charge.rate.region.as_str())
                .collect(),
            skus: charges().map(|charge| charge.rate.sku.as_str()).collect(),
            resources: charges().map(|charge| charge.resource.as_str()).collect(),
            currencies: kept
                .iter()
                .map(|one| one.priced.currency.as_str())
                .collect(),
            prices_from: charges().map(|charge| charge.rate.valid_from).collect(),
            unit_prices: charges()
                .map(|charge| decimal(charge.price_e14, PRICE_DIGITS, "charge.unit_price"))
                .collect::<Result<_, _>>()?,
            prices_per: charges()
                .map(|charge| decimal(charge.quanta_per_unit, 0, "charge.price_per"))
                .collect::<Result<_, _>>()?,
            tiers: charges()
                .map(|charge| charge.rate.tier.map(tier).transpose())
                .collect::<Result<_, _>>()?,
            quantities: charges()
                .map(|charge| decimal(charge.quantity, 0, "charge.qty"))
                .collect::<Result<_, _>>()?,
            amounts: charges()
                .map(|charge| decimal(charge.amount_e10, ROW_DIGITS, "charge.amount"))
                .collect::<Result<_, _>>()?,
            written_off: kept.iter().map(|one| one.written_off).collect(),
        })
    }
}

/// An account's usage of the hours `from..to`, as far as it has arrived.
pub(crate) async fn usage(
    connection: &mut PgConnection,
    account: AccountId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<UsageRow>, Error> {
    let rows = sqlx::query!(
        r#"SELECT hour, region, sku, resource, sum(qty)::text AS "quantity!" FROM billing.usage_hour
           WHERE account_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour, region, sku, resource"#,
        account.number(),
        from,
        to,
    )
    .fetch_all(connection)
    .await?;
    let wrong = |column| move |_| Error::Inconsistent(column);
    rows.into_iter()
        .map(|row| {
            Ok(UsageRow {
                hour: row.hour,
                region: row.region.parse().map_err(wrong("usage_hour.region"))?,
                sku: row.sku.parse().map_err(wrong("usage_hour.sku"))?,
                resource: row.resource,
                coverable: true,
                quantity: whole(&row.quantity, "usage_hour.qty")?,
            })
        })
        .collect()
}
