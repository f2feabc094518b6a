//! Seals over the ledger: made now and then, verified from the first on.

use chrono::{DateTime, SubsecRound, Utc};
use domain::bill::seal::{self, Journal, Line};
use sqlx::PgConnection;

use crate::numeric::e10;
use crate::{Error, Store};

/// Journals that one seal covers at most: they are held in memory.
const JOURNALS_MAX: i64 = 10_000;

/// Advisory lock of the sealer.
const SEALER: i64 = 0x746f_6c6c_7365_616c;

/// The latest seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub seal_no: i64,
    pub hash: Vec<u8>,
    pub sealed_at: DateTime<Utc>,
}

/// What sealing did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub head: Head,
    /// How many journals the new seal covers.
    pub journals: i64,
    /// Whether there are more to seal.
    pub more: bool,
}

/// A seal that does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadSeal {
    pub(crate) seal_no: i64,
    pub(crate) why: &'static str,
}

impl Store {
    /// Seals the journals that no seal covers yet; `None` where there is none. Writers never wait for it.
    pub async fn seal_ledger(&self, now: DateTime<Utc>) -> Result<Option<Sealed>, Error> {
        let mut tx = self.pool.begin().await?;
        // One sealer at a time.
        sqlx::query!("SELECT pg_advisory_xact_lock($1)", SEALER)
            .execute(&mut *tx)
            .await?;
        // Each journal is covered by name, so one that commits later is covered by a later seal.
        let ids = sqlx::query_scalar!(
            "SELECT j.id FROM billing.journal AS j
             WHERE NOT EXISTS (SELECT FROM billing.sealed_journal AS s WHERE s.journal_id = j.id)
             ORDER BY j.id LIMIT $1",
            JOURNALS_MAX,
        )
        .fetch_all(&mut *tx)
        .await?;
        if ids.is_empty() {
            return Ok(None);
        }
        let journals = load(&mut tx, &ids).await?;
        let last = head(&mut tx).await?;
        let seal_no = last.as_ref().map_or(1, |last| last.seal_no + 1);
        let previous = last.map(|last| last.hash);
        let (root, count) = (
            seal::root(&journals),
            ids.len().try_into().unwrap_or(i64::MAX),
        );
        let sealed_at = now.trunc_subsecs(6);
        let hash = seal::seal(seal_no, count, &root, previous.as_deref(), sealed_at);
        sqlx::query!(
            "INSERT INTO billing.ledger_seal (seal_no, journals, merkle_root, prev_hash, hash, sealed_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            seal_no,
            count,
            root.as_slice(),
            previous,
            hash.as_slice(),
            sealed_at,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO billing.sealed_journal (journal_id, seal_no) SELECT id, $2 FROM UNNEST($1::bigint[]) AS id",
            &ids,
            seal_no,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(Sealed {
            head: Head {
                seal_no,
                hash: hash.to_vec(),
                sealed_at,
            },
            journals: count,
            more: count == JOURNALS_MAX,
        }))
    }

    /// The latest seal: whoever writes it down elsewhere can tell later whether anything before it was changed.
    pub async fn ledger_head(&self) -> Result<Option<Head>, Error> {
        head(&mut *self.pool.acquire().await?).await
    }
}

async fn head(connection: &mut PgConnection) -> Result<Option<Head>, Error> {
    let head = sqlx::query_as!(
        Head,
        "SELECT seal_no, hash, sealed_at FROM billing.ledger_seal ORDER BY seal_no DESC LIMIT 1"
    )
    .fetch_optional(connection)
    .await?;
    Ok(head)
}

/// Journals as a seal sees them, by id.
async fn load(connection: &mut PgConnection, ids: &[i64]) -> Result<Vec<Journal>, Error> {
    let rows = sqlx::query!(
        "SELECT id, account_id, idem_key, request_sha256, kind, period_id, invoice_id, effective_at, posted_at
         FROM billing.journal WHERE id = ANY($1) ORDER BY id",
        ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut journals: Vec<Journal> = rows
        .into_iter()
        .map(|row| Journal {
            id: row.id,
            account: row.account_id,
            key: row.idem_key,
            request_sha256: row.request_sha256,
            kind: row.kind,
            period: row.period_id,
            invoice: row.invoice_id,
            effective_at: row.effective_at,
            posted_at: row.posted_at,
            postings: Vec::new(),
        })
        .collect();
    let postings = sqlx::query!(
        r#"SELECT p.journal_id, p.line_no, p.ledger_account_id, a.code, p.currency, p.amount::text AS "amount!"
           FROM billing.posting AS p JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id
           WHERE p.journal_id = ANY($1) ORDER BY p.journal_id, p.line_no"#,
        ids,
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in postings {
        if let Ok(place) = journals.binary_search_by_key(&row.journal_id, |journal| journal.id) {
            journals[place].postings.push(Line {
                line_no: row.line_no,
                ledger_account: row.ledger_account_id,
                code: row.code,
                currency: row.currency,
                amount_e10: e10(&row.amount, "posting.amount")?,
            });
        }
    }
    Ok(journals)
}

/// Verifies all seals from the first on: how many there are, or the first that does not hold.
pub(crate) async fn check_seals(
    connection: &mut PgConnection,
) -> Result<Result<i64, BadSeal>, Error> {
    let seals = sqlx::query!(
        "SELECT seal_no, journals, merkle_root, prev_hash, hash, sealed_at FROM billing.ledger_seal ORDER BY seal_no"
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut previous: Option<Vec<u8>> = None;
    for (expected, seal) in (1_i64..).zip(&seals) {
        let bad = |why| {
            Ok(Err(BadSeal {
                seal_no: expected,
                why,
            }))
        };
        if seal.seal_no != expected {
            return bad("it is missing");
        }
        if seal.prev_hash != previous {
            return bad("it does not build on the one before");
        }
        let ids = sqlx::query_scalar!(
            "SELECT journal_id FROM billing.sealed_journal WHERE seal_no = $1 ORDER BY journal_id",
            seal.seal_no,
        )
        .fetch_all(&mut *connection)
        .await?;
        let journals = load(&mut *connection, &ids).await?;
        if i64::try_from(journals.len()) != Ok(seal.journals) || journals.len() != ids.len() {
            return bad("journals that it covers are gone or new");
        }
        let root = seal::root(&journals);
        if root.as_slice() != seal.merkle_root {
            return bad("a journal that it covers was changed");
        }
        let hash = seal::seal(
            expected,
            seal.journals,
            &root,
            previous.as_deref(),
            seal.sealed_at,
        );
        if hash.as_slice() != seal.hash {
            return bad("the seal itself was changed");
        }
        previous = Some(seal.hash.clone());
    }
    Ok(Ok(seals.len().try_into().unwrap_or(i64::MAX)))
}
