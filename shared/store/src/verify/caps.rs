//! I10: no spend cap is overdrawn.

use sqlx::PgConnection;

use super::Check;
use crate::Error;

/// I10, per cap and month.
pub(super) async fn held(tx: &mut PgConnection) -> Result<Check, Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "months!",
               coalesce(array_agg(format('cap %s, %s: %s held and %s settled of %s', cap_id, month, held, settled, limit_amt))
                   FILTER (WHERE held + settled > limit_amt OR held < 0 OR settled < 0), '{}') AS "bad!"
           FROM billing.spend_cap"#
    )
    .fetch_one(tx)
    .await?;
    Ok(Check::of(
        "I10 held + settled <= limit of every spend cap",
        format!("{} months of caps", row.months),
        &row.bad,
    ))
}
