//! I6, I7, I9 and I11: the ledger agrees with the charges, with itself, with the periods and with its seals.

use sqlx::PgConnection;

use super::Check;
use crate::Error;
use crate::ledger::{BadSeal, check_seals};

/// I6: what journals accrue in a period is what its charges amount to, and it is revenue.
pub(super) async fn journals_are_charges(tx: &mut PgConnection) -> Result<Check, Error> {
    let rows = sqlx::query!(
        r#"WITH charged AS (
             SELECT period_id, currency, sum(amount) AS amount FROM billing.charge GROUP BY period_id, currency
           ), posted AS (
             SELECT j.period_id, p.currency, sum(p.amount) FILTER (WHERE a.code IN ('unbilled', 'write-off')) AS debit,
                 -sum(p.amount) FILTER (WHERE a.code = 'revenue') AS credit
             FROM billing.journal AS j
             JOIN billing.posting AS p ON p.journal_id = j.id
             JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id
             WHERE j.kind IN ('accrual', 'late', 'late-write-off')
             GROUP BY j.period_id, p.currency
           )
           SELECT period.account_id AS "account_id?", period.month AS "month?", currency AS "currency!",
               coalesce(charged.amount, 0)::text AS "charged!", coalesce(posted.debit, 0)::text AS "debit!",
               coalesce(posted.credit, 0)::text AS "credit!",
               coalesce(charged.amount, 0) = coalesce(posted.debit, 0) AND coalesce(charged.amount, 0) = coalesce(posted.credit, 0)
                   AS "equal!"
           FROM charged FULL JOIN posted USING (period_id, currency) LEFT JOIN billing.period USING (period_id)
           ORDER BY 1, 2, 3"#
    )
    .fetch_all(tx)
    .await?;
    let found: Vec<String> = rows
        .iter()
        .filter(|row| !row.equal)
        .map(|row| {
            format!(
                "{:012} {} {}: charges {}, journals {} and {}",
                row.account_id.unwrap_or_default(),
                row.month
                    .map(|month| month.format("%Y-%m").to_string())
                    .unwrap_or_default(),
                row.currency,
                row.charged,
                row.debit,
                row.credit
            )
        })
        .collect();
    Ok(Check::of(
        "I6 journals of a period = its charges",
        format!("{} periods and currencies", rows.len()),
        &found,
    ))
}

/// I7.
pub(super) async fn journals_balance(tx: &mut PgConnection) -> Result<Check, Error> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM billing.journal) AS "journals!",
               ARRAY(SELECT 'journal ' || j.id
                     FROM billing.journal AS j LEFT JOIN billing.posting AS p ON p.journal_id = j.id
                     GROUP BY j.id, p.currency HAVING sum(p.amount) IS DISTINCT FROM 0 ORDER BY j.id) AS "bad!""#
    )
    .fetch_one(tx)
    .await?;
    Ok(Check::of(
        "I7 every journal sums to zero in each currency",
        format!("{} journals", row.journals),
        &row.bad,
    ))
}

/// I9.
pub(super) async fn nothing_unbilled(tx: &mut PgConnection) -> Result<Check, Error> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM billing.period WHERE state = 'closed') AS "closed!",
               ARRAY(SELECT format('%s %s: %s %s unbilled', lpad(c.account_id::text, 12, '0'), to_char(c.month, 'YYYY-MM'),
                         sum(p.amount), p.currency)
                     FROM billing.period AS c
                     JOIN billing.journal AS j ON j.period_id = c.period_id
                     JOIN billing.posting AS p ON p.journal_id = j.id
                     JOIN billing.ledger_account AS a ON a.id = p.ledger_account_id AND a.code = 'unbilled'
                     WHERE c.state = 'closed'
                     GROUP BY c.period_id, p.currency HAVING sum(p.amount) <> 0 ORDER BY c.period_id) AS "bad!""#
    )
    .fetch_one(tx)
    .await?;
    Ok(Check::of(
        "I9 nothing is unbilled in a closed period",
        format!("{} closed periods", row.closed),
        &row.bad,
    ))
}

/// I11, from the first seal on.
pub(super) async fn seals(tx: &mut PgConnection) -> Result<Check, Error> {
    const NAME: &str = "I11 seals verify from the first on";
    Ok(match check_seals(tx).await? {
        Ok(seals) => Check::of(NAME, format!("{seals} seals"), &[]),
        Err(BadSeal { seal_no, why }) => {
            let found = format!("seal {seal_no} does not hold: {why}");
            Check::of(NAME, format!("{} seals hold", seal_no - 1), &[found])
        }
    })
}
