//! Posting: entries become journals, each key once.

use std::collections::{BTreeMap, BTreeSet};

use domain::AccountId;
use domain::bill::ledger::{Code, Entry};
use domain::price::Currency;
use domain::price::rating::ROW_DIGITS;
use sqlx::PgConnection;

use super::BillingError;
use crate::Error;
use crate::numeric::decimal;

/// Whose journals, in which period, about which invoice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) period: i64,
    pub(crate) invoice: Option<i64>,
}

/// Posts entries of one customer; one that moves nothing is left out. An entry whose key was posted before counts as posted if it
/// asks for the same, and is refused if it does not. Says how many were new.
pub(crate) async fn post(
    tx: &mut PgConnection,
    place: Place,
    entries: &[Entry],
) -> Result<usize, BillingError> {
    let entries: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_empty()).collect();
    if entries.is_empty() {
        return Ok(0);
    }
    let accounts = ledger_accounts(tx, place.account, &entries).await?;
    let posted = journals(tx, place, &entries).await?;
    let new = entries
        .iter()
        .filter_map(|entry| posted.get(&entry.key).map(|id| (*id, *entry)));
    let mut columns = Columns::default();
    for (journal, entry) in new {
        columns.add(journal, entry, &accounts)?;
    }
    sqlx::query!(
        "INSERT INTO billing.posting (journal_id, line_no, ledger_account_id, amount, currency)
         SELECT * FROM UNNEST($1::bigint[], $2::smallint[], $3::bigint[], $4::numeric[], $5::text[])",
        &columns.journals,
        &columns.lines,
        &columns.accounts,
        &columns.amounts,
        &columns.currencies,
    )
    .execute(&mut *tx)
    .await?;
    if posted.len() < entries.len() {
        let known: Vec<&Entry> = entries
            .into_iter()
            .filter(|entry| !posted.contains_key(&entry.key))
            .collect();
        same_request(tx, &known).await?;
    }
    Ok(posted.len())
}

#[derive(Default)]
struct Columns {
    journals: Vec<i64>,
    lines: Vec<i16>,
    accounts: Vec<i64>,
    amounts: Vec<rust_decimal::Decimal>,
    currencies: Vec<String>,
}

impl Columns {
    fn add(
        &mut self,
        journal: i64,
        entry: &Entry,
        accounts: &BTreeMap<(Code, Currency), i64>,
    ) -> Result<(), Error> {
        for (line_no, posting) in (1_i16..).zip(&entry.postings) {
            let account = accounts.get(&(posting.code, posting.currency));
            self.journals.push(journal);
            self.lines.push(line_no);
            self.accounts
                .push(*account.ok_or(Error::Inconsistent("ledger_account"))?);
            self.amounts
                .push(decimal(posting.amount_e10, ROW_DIGITS, "posting.amount")?);
            self.currencies.push(posting.currency.to_string());
        }
        Ok(())
    }
}

/// Inserts the journals of the keys that are new, and answers their ids.
async fn journals(
    tx: &mut PgConnection,
    place: Place,
    entries: &[&Entry],
) -> Result<BTreeMap<String, i64>, Error> {
    let keys: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    let hashes: Vec<Vec<u8>> = entries
        .iter()
        .map(|entry| entry.request_sha256().to_vec())
        .collect();
    let kinds: Vec<String> = entries
        .iter()
        .map(|entry| entry.kind.as_str().to_owned())
        .collect();
    let times: Vec<_> = entries.iter().map(|entry| entry.effective_at).collect();
    let rows = sqlx::query!(
        "INSERT INTO billing.journal (account_id, period_id, invoice_id, idem_key, request_sha256, kind, effective_at)
         SELECT $1, $2, $3, entry.key, entry.hash, entry.kind, entry.at
         FROM UNNEST($4::text[], $5::bytea[], $6::text[], $7::timestamptz[]) AS entry (key, hash, kind, at)
         ON CONFLICT (idem_key) DO NOTHING
         RETURNING id, idem_key",
        place.account.number(),
        place.period,
        place.invoice,
        &keys,
        &hashes,
        &kinds,
        &times,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.idem_key, row.id)).collect())
}

/// The ids of the ledger accounts that entries move, made where they are missing.
async fn ledger_accounts(
    tx: &mut PgConnection,
    account: AccountId,
    entries: &[&Entry],
) -> Result<BTreeMap<(Code, Currency), i64>, Error> {
    let wanted: BTreeSet<(Code, Currency)> = entries
        .iter()
        .flat_map(|entry| &entry.postings)
        .map(|posting| (posting.code, posting.currency))
        .collect();
    let mut found = present(tx, account).await?;
    let missing: Vec<(Code, Currency)> = wanted
        .into_iter()
        .filter(|one| !found.contains_key(one))
        .collect();
    if missing.is_empty() {
        return Ok(found);
    }
    let column = |of: fn(&(Code, Currency)) -> String| missing.iter().map(of).collect::<Vec<_>>();
    sqlx::query!(
        "INSERT INTO billing.ledger_account (account_id, code, currency, kind)
         SELECT $1, * FROM UNNEST($2::text[], $3::text[], $4::text[])
         ON CONFLICT DO NOTHING",
        account.number(),
        &column(|(code, _)| code.to_string()),
        &column(|(_, currency)| currency.to_string()),
        &column(|(code, _)| code.class().as_str().to_owned()),
    )
    .execute(&mut *tx)
    .await?;
    found = present(tx, account).await?;
    Ok(found)
}

async fn present(
    tx: &mut PgConnection,
    account: AccountId,
) -> Result<BTreeMap<(Code, Currency), i64>, Error> {
    let rows = sqlx::query!(
        "SELECT id, code, currency FROM billing.ledger_account WHERE account_id = $1",
        account.number(),
    )
    .fetch_all(tx)
    .await?;
    let wrong = |column| move |_| Error::Inconsistent(column);
    rows.into_iter()
        .map(|row| {
            let code = row.code.parse().map_err(wrong("ledger_account.code"))?;
            let currency = row.currency.parse();
            let currency = currency.map_err(wrong("ledger_account.currency"))?;
            Ok(((code, currency), row.id))
        })
        .collect()
}

/// Refuses keys that were posted with another content.
async fn same_request(tx: &mut PgConnection, entries: &[&Entry]) -> Result<(), BillingError> {
    for entry in entries {
        let known = sqlx::query_scalar!(
            "SELECT request_sha256 FROM billing.journal WHERE idem_key = $1",
            entry.key
        )
        .fetch_one(&mut *tx)
        .await?;
        if known != entry.request_sha256() {
            return Err(BillingError::refused(format!(
                "{} was posted before, with other amounts.",
                entry.key
            )));
        }
    }
    Ok(())
}
