//! What the database says of the bill: how far it is, whether it adds up, and what it looks like to the byte.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, Utc};
use domain::bill::Month;
use tokio_postgres::Client;

/// Everything that is made of usage and prices, by table.
const DERIVED: [&str; 9] = [
    "charge",
    "posting",
    "sealed_journal",
    "ledger_seal",
    "journal",
    "ledger_account",
    "invoice",
    "invoice_counter",
    "period",
];

/// The bill in the database.
pub(super) struct Bill {
    pub(super) client: Client,
    pub(super) month: Month,
}

/// How much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) charges: i64,
    pub(super) journals: i64,
    pub(super) invoices: i64,
}

/// The bill to the byte, by what it consists of; without what says only when a row was written and which row it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digest(Vec<(&'static str, i64, String)>);

impl Digest {
    /// How many rows it is of.
    pub(super) fn rows(&self) -> i64 {
        self.0.iter().map(|(_, rows, _)| rows).sum()
    }

    /// What is not the same in both.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let both = self.0.iter().zip(&other.0);
        let differ = both.filter(|(one, other)| one != other);
        differ
            .map(|(one, other)| {
                format!(
                    "{}: {} rows {}, then {} rows {}",
                    one.0, one.1, one.2, other.1, other.2
                )
            })
            .collect()
    }
}

impl Bill {
    /// Waits until a count of what is still to do says 0.
    async fn until_none(&self, query: &str, time_max: Duration) -> Result<()> {
        let deadline = Instant::now() + time_max;
        loop {
            let left: i64 = self.client.query_one(query, &[]).await?.get(0);
            if left == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("after {time_max:?} there are {left} left of: {query}");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    fn first_day(&self) -> String {
        format!("date '{}'", self.month.first_day())
    }

    /// Waits until the charges of all days of the month are kept, of so many accounts.
    pub(super) async fn until_charged(&self, accounts: i64, time_max: Duration) -> Result<()> {
        let (first, end) = (self.first_day(), self.month.next().first_day());
        let query = format!(
            "SELECT {accounts} - count(*) FROM billing.period WHERE month = {first} AND accrued_until = '{end}Z'"
        );
        self.until_none(&query, time_max).await
    }

    /// Waits until the month is closed, for so many accounts.
    pub(super) async fn until_closed(&self, accounts: i64, time_max: Duration) -> Result<()> {
        let first = self.first_day();
        let query = format!(
            "SELECT {accounts} - count(*) FROM billing.period WHERE month = {first} AND state = 'closed'"
        );
        self.until_none(&query, time_max).await
    }

    /// Waits until seals cover all journals.
    pub(super) async fn until_sealed(&self, time_max: Duration) -> Result<()> {
        let query = "SELECT (SELECT count(*) FROM billing.journal) - (SELECT count(*) FROM billing.sealed_journal)";
        self.until_none(query, time_max).await
    }

    pub(super) async fn counts(&self) -> Result<Counts> {
        let query =
            "SELECT (SELECT count(*) FROM billing.charge), (SELECT count(*) FROM billing.journal),
                         (SELECT count(*) FROM billing.invoice)";
        let row = self.client.query_one(query, &[]).await?;
        Ok(Counts {
            charges: row.get(0),
            journals: row.get(1),
            invoices: row.get(2),
        })
    }

    /// At what time the invoices were issued: at one, if the service went through all accounts in one go.
    pub(super) async fn issued_at(&self) -> Result<DateTime<Utc>> {
        let query = "SELECT min(at), max(at) FROM (SELECT (extract(epoch FROM issued_at) * 1000000)::bigint AS at
                                                    FROM billing.invoice) AS issued";
        let row = self.client.query_one(query, &[]).await?;
        let (first, last): (i64, i64) = (row.get(0), row.get(1));
        ensure!(
            first == last,
            "the service needed more than one attempt to close the month: see its log"
        );
        DateTime::from_timestamp_micros(first).context("a time")
    }

    /// How many numbers of invoices are missing, doubled or beyond what the counter gave.
    pub(super) async fn numbers_wrong(&self) -> Result<i64> {
        let query = "SELECT coalesce(sum(abs(given - used) + abs(last - used)), 0)::bigint FROM (
                         SELECT next_no - 1 AS given, count(DISTINCT number_in_series) AS used,
                             coalesce(max(number_in_series), 0) AS last
                         FROM billing.invoice_counter AS c LEFT JOIN billing.invoice USING (series)
                         GROUP BY c.series, next_no) AS series";
        Ok(self.client.query_one(query, &[]).await?.get(0))
    }

    /// By currency: what the invoices say was rated, and what the charges amount to, at ten digits.
    pub(super) async fn sums(&self) -> Result<Vec<(String, String, String)>> {
        let query = "SELECT currency, invoiced::text, charged::text FROM (
                         SELECT currency, sum((said ->> 'subtotal')::numeric - (said ->> 'rounding')::numeric) AS invoiced
                         FROM (SELECT currency, document::jsonb AS said FROM billing.invoice) AS one GROUP BY currency
                     ) AS invoices
                     FULL JOIN (SELECT currency, sum(amount) AS charged FROM billing.charge GROUP BY currency) AS charges
                         USING (currency)
                     ORDER BY currency";
        let rows = self.client.query(query, &[]).await?;
        let text =
            |row: &tokio_postgres::Row, at| row.get::<_, Option<String>>(at).unwrap_or_default();
        Ok(rows
            .iter()
            .map(|row| (text(row, 0), text(row, 1), text(row, 2)))
            .collect())
    }

    /// Numbers of so many invoices, from the first to the last.
    pub(super) async fn some_numbers(&self, count: i64) -> Result<Vec<String>> {
        let query = "SELECT (array_agg(number ORDER BY id))[1] FROM (
                         SELECT number, id, ntile($1::integer) OVER (ORDER BY id) AS part FROM billing.invoice) AS one
                     GROUP BY part ORDER BY part";
        let rows = self.client.query(query, &[&i32::try_from(count)?]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Reads all of the bill.
    pub(super) async fn digest(&self) -> Result<Digest> {
        let mut parts = Vec::new();
        for (what, query) in PARTS {
            let row = self.client.query_one(query, &[]).await?;
            parts.push((
                what,
                row.get(0),
                row.get::<_, Option<String>>(1).unwrap_or_default(),
            ));
        }
        Ok(Digest(parts))
    }

    /// Drops everything that is made of usage and prices, as nobody but the owner of the database can.
    pub(super) async fn drop_derived(&self) -> Result<()> {
        let triggers = |state: &str| {
            DERIVED
                .map(|table| format!("ALTER TABLE billing.{table} {state} TRIGGER USER;"))
                .concat()
        };
        let tables = DERIVED.map(|table| format!("billing.{table}")).join(", ");
        let (disable, enable) = (triggers("DISABLE"), triggers("ENABLE"));
        let all = format!("{disable} TRUNCATE {tables}; {enable}");
        self.client.batch_execute(&all).await?;
        self.client.batch_execute("CHECKPOINT").await?;
        let counts = self.counts().await?;
        ensure!(
            (counts.charges, counts.journals, counts.invoices) == (0, 0, 0),
            "{counts:?} are left"
        );
        Ok(())
    }
}

/// Each answers a count and a fingerprint. Charges are many: theirs is a sum, which needs no order.
const PARTS: [(&str, &str); 6] = [
    (
        "documents",
        "SELECT count(*), encode(sha256(string_agg(sha256(convert_to(document, 'UTF8')), ''::bytea ORDER BY number)), 'hex')
         FROM billing.invoice",
    ),
    (
        "invoices",
        "SELECT count(*), encode(sha256(string_agg(sha256(convert_to(concat_ws('|', series, number_in_series, number,
             i.account_id, month, currency, kind, total, encode(document_sha256, 'hex'), encode(logo_sha256, 'hex'), issued_at),
             'UTF8')), ''::bytea ORDER BY number)), 'hex')
         FROM billing.invoice AS i JOIN billing.period USING (period_id)",
    ),
    (
        "journals",
        "SELECT count(*), encode(sha256(string_agg(sha256(convert_to(concat_ws('|', idem_key, j.account_id,
             encode(request_sha256, 'hex'), j.kind, month, number, effective_at), 'UTF8')), ''::bytea ORDER BY idem_key)), 'hex')
         FROM billing.journal AS j JOIN billing.period USING (period_id) LEFT JOIN billing.invoice AS i ON i.id = j.invoice_id",
    ),
    (
        "postings",
        "SELECT count(*), encode(sha256(string_agg(sha256(convert_to(concat_ws('|', idem_key, line_no, a.account_id, a.code,
             a.kind, a.currency, p.currency, amount), 'UTF8')), ''::bytea ORDER BY idem_key, line_no)), 'hex')
         FROM billing.posting AS p JOIN billing.journal AS j ON j.id = p.journal_id
         JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id",
    ),
    (
        "charges",
        "SELECT count(*), sum(hashtextextended(concat_ws('|', account_id, extract(epoch FROM hour), revision, region, sku,
             resource, currency, extract(epoch FROM price_from), unit_price, price_per, coalesce(tier, -1), qty, amount,
             written_off), 0)::numeric)::text
         FROM billing.charge",
    ),
    (
        "periods",
        "SELECT count(*), sum(hashtextextended(concat_ws('|', account_id, month, state, accrued_until, book, free_tier,
             price_stamp, closed_at), 0)::numeric)::text FROM billing.period WHERE state = 'closed'",
    ),
];
