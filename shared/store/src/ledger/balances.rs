//! What the ledger says: balances and journals. A balance is the sum of its postings, always.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::Money;
use domain::bill::ledger::Code;
use domain::price::Currency;
use sqlx::PgConnection;

use crate::numeric::e10;
use crate::{Error, Store};

/// A ledger account and what is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    pub account: AccountId,
    pub code: String,
    pub kind: String,
    pub currency: String,
    pub journals: i64,
    /// Debits are positive.
    pub amount_e10: i128,
}

/// A journal with its postings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    pub id: i64,
    pub key: String,
    pub kind: String,
    pub effective_at: DateTime<Utc>,
    pub posted_at: DateTime<Utc>,
    /// The seal that covers it.
    pub seal_no: Option<i64>,
    pub postings: Vec<PostingRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingRow {
    pub code: String,
    pub currency: String,
    pub amount_e10: i128,
}

impl Store {
    /// All ledger accounts of a customer, or of all customers.
    pub async fn ledger_balances(&self, account: Option<AccountId>) -> Result<Vec<Balance>, Error> {
        let rows = sqlx::query!(
            r#"SELECT a.account_id, a.code, a.kind, a.currency, count(DISTINCT p.journal_id) AS "journals!",
                   coalesce(sum(p.amount), 0)::text AS "amount!"
               FROM billing.ledger_account AS a LEFT JOIN billing.posting AS p ON p.ledger_account_id = a.id
               WHERE $1::bigint IS NULL OR a.account_id = $1
               GROUP BY a.id ORDER BY a.account_id, a.currency, a.id"#,
            account.map(AccountId::number),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(Balance {
                    account: crate::accounts::account_id(
                        row.account_id,
                        "ledger_account.account_id",
                    )?,
                    code: row.code,
                    kind: row.kind,
                    currency: row.currency,
                    journals: row.journals,
                    amount_e10: e10(&row.amount, "posting.amount")?,
                })
            })
            .collect()
    }

    /// A customer's journals, the latest first, at most `limit`.
    pub async fn journals(&self, account: AccountId, limit: i64) -> Result<Vec<JournalRow>, Error> {
        let rows = sqlx::query!(
            r#"SELECT j.id, j.idem_key, j.kind, j.effective_at, j.posted_at, s.seal_no AS "seal_no?",
                   a.code, p.currency, p.amount::text AS "amount!"
               FROM (SELECT * FROM billing.journal WHERE account_id = $1 ORDER BY id DESC LIMIT $2) AS j
               JOIN billing.posting AS p ON p.journal_id = j.id
               JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id
               LEFT JOIN billing.sealed_journal AS s ON s.journal_id = j.id
               ORDER BY j.id DESC, p.line_no"#,
            account.number(),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut journals: Vec<JournalRow> = Vec::new();
        for row in rows {
            let posting = PostingRow {
                code: row.code,
                currency: row.currency,
                amount_e10: e10(&row.amount, "posting.amount")?,
            };
            match journals.last_mut().filter(|last| last.id == row.id) {
                Some(last) => last.postings.push(posting),
                None => journals.push(JournalRow {
                    id: row.id,
                    key: row.idem_key,
                    kind: row.kind,
                    effective_at: row.effective_at,
                    posted_at: row.posted_at,
                    seal_no: row.seal_no,
                    postings: vec![posting],
                }),
            }
        }
        Ok(journals)
    }

    /// What a customer has to their credit.
    pub async fn customer_credit(
        &self,
        account: AccountId,
        currency: Currency,
    ) -> Result<Money, Error> {
        credit_of(&mut *self.pool.acquire().await?, account, currency).await
    }
}

/// What a customer has to their credit: whole minor units, as only such are posted there.
pub(crate) async fn credit_of(
    connection: &mut PgConnection,
    account: AccountId,
    currency: Currency,
) -> Result<Money, Error> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(p.amount), 0)::text AS "amount!"
           FROM billing.posting AS p JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id
           WHERE a.account_id = $1 AND a.code = $2 AND a.currency = $3"#,
        account.number(),
        Code::CustomerCredit.as_str(),
        currency.as_str(),
    )
    .fetch_one(connection)
    .await?;
    Ok(Money::round_e10(-e10(&sum, "posting.amount")?, currency))
}

/// What is still open of an invoice.
pub(crate) async fn open_of(
    connection: &mut PgConnection,
    invoice: i64,
    currency: Currency,
) -> Result<Money, Error> {
    let sum = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(p.amount), 0)::text AS "amount!"
           FROM billing.journal AS j
           JOIN billing.posting AS p ON p.journal_id = j.id
           JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id
           WHERE j.invoice_id = $1 AND a.code = $2"#,
        invoice,
        Code::Receivable.as_str(),
    )
    .fetch_one(connection)
    .await?;
    Ok(Money::round_e10(e10(&sum, "posting.amount")?, currency))
}
