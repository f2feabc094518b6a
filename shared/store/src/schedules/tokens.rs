//! Callers' tokens: a request that comes again, because its answer got lost, is answered again and not served again.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Region};
use sqlx::PgConnection;

use crate::Error;

/// How long a token is remembered; the scheduler removes those that are older.
pub(crate) const KEPT: TimeDelta = TimeDelta::hours(8);

/// A caller's token and what it was given with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Of operation and input.
    pub request_sha256: [u8; 32],
}

/// What a token says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It has not been served before. If the transaction commits, it has.
    First,
    Repeated,
    /// The token was another request's.
    Other,
}

/// Takes the token for this transaction's request. Another transaction that has taken it is waited for.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    account: AccountId,
    region: &Region,
    token: Option<&Token>,
    at: DateTime<Utc>,
) -> Result<Claim, Error> {
    let Some(token) = token else {
        return Ok(Claim::First);
    };
    let claimed = sqlx::query!(
        "INSERT INTO schedule_token AS known (account_id, region, token, request_sha256, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, region, token) DO UPDATE
             SET request_sha256 = excluded.request_sha256, created_at = excluded.created_at
             WHERE known.created_at < $6",
        account.number(),
        region.as_str(),
        token.text,
        &token.request_sha256[..],
        at,
        at - KEPT,
    )
    .execute(&mut *connection)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::First);
    }
    let known = sqlx::query!(
        "SELECT request_sha256 FROM schedule_token WHERE account_id = $1 AND region = $2 AND token = $3",
        account.number(),
        region.as_str(),
        token.text,
    )
    .fetch_optional(connection)
    .await?;
    let same = known.is_some_and(|known| known.request_sha256 == token.request_sha256);
    Ok(if same { Claim::Repeated } else { Claim::Other })
}
