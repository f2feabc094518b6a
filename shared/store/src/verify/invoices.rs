//! I8, I12 and I13: invoices add up, agree with the charges, and reproduce byte for byte; and their numbers have no gap.

use domain::AccountId;
use domain::bill::compose::{Charged, contradictions};
use domain::bill::document::{Document, DocumentLine};
use domain::bill::money::parse_fixed;
use domain::price::rating::ROW_DIGITS;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::Check;
use crate::invoices::{charged, text_of};
use crate::ledger::BillingError;
use crate::periods::Period;
use crate::{Error, invoices};

pub(super) struct Checks {
    pub(super) add_up: Check,
    pub(super) days: Check,
    pub(super) reproduce: Check,
}

#[derive(Default)]
struct Found {
    invoices: usize,
    add_up: Vec<String>,
    days: Vec<String>,
    reproduce: Vec<String>,
}

pub(super) async fn check(
    tx: &mut PgConnection,
    periods: &[(AccountId, Period)],
) -> Result<Checks, BillingError> {
    let mut found = Found::default();
    for (account, period) in periods {
        let filter = invoices::InvoiceFilter {
            account: Some(*account),
            month: Some(period.month),
            number: None,
        };
        let issued = invoices::read(tx, filter).await?;
        if issued.is_empty() {
            continue;
        }
        let charged = charged(tx, period).await?;
        for invoice in issued {
            found.invoices += 1;
            let number = &invoice.number;
            let wrong = contradictions(&invoice.document).into_iter();
            found
                .add_up
                .extend(wrong.map(|why| format!("{number}: {why}")));
            if text_of(&invoice.document)? != invoice.text {
                found.reproduce.push(format!(
                    "{number}: its text is not what its content is written as"
                ));
            }
            if invoice.document.number.as_ref() != Some(number) {
                found
                    .reproduce
                    .push(format!("{number}: its document has another number"));
            }
            let of_currency = charged.iter().find(|one| one.currency == invoice.currency);
            match of_currency {
                _ if invoice.credit_note => {}
                Some(charged) => agree(number, &invoice.document, charged, &mut found)?,
                None => found.add_up.push(format!("{number}: it has no charges")),
            }
        }
    }
    found.reproduce.extend(hashes(tx).await?);
    let looked_at = || format!("{} invoices and credit notes", found.invoices);
    Ok(Checks {
        add_up: Check::of(
            "I8 lines = subtotal, and with rounding = charges",
            looked_at(),
            &found.add_up,
        ),
        days: Check::of(
            "I12 days of an invoice = its charges",
            looked_at(),
            &found.days,
        ),
        reproduce: Check::of(
            "I13 invoices reproduce from what is kept",
            looked_at(),
            &found.reproduce,
        ),
    })
}

/// Compares an invoice with the charges that it is made of.
fn agree(
    number: &str,
    document: &Document,
    charged: &Charged,
    found: &mut Found,
) -> Result<(), BillingError> {
    let e10 =
        |text: &str| parse_fixed(text, ROW_DIGITS).ok_or(Error::Inconsistent("invoice.document"));
    let accrued = e10(&document.subtotal)? - e10(&document.rounding)?;
    if accrued != charged.accrued_e10() {
        found.add_up.push(format!(
            "{number}: subtotal less rounding is not the sum of its charges"
        ));
    }
    let mut days = 0;
    for day in &document.days {
        days += e10(&day.amount)?;
    }
    let own: i128 = charged.usage.iter().map(|charge| charge.amount_e10).sum();
    if days != own {
        found.days.push(format!(
            "{number}: the sum of its days is not that of its charges"
        ));
    }
    let lines = charged.lines()?;
    let same = |(shown, (section, _, line)): (&DocumentLine, &(_, _, _))| {
        let made = DocumentLine {
            description: shown.description.clone(),
            ..DocumentLine::of(shown.line_no, *section, line)
        };
        made == *shown
    };
    if lines.len() != document.lines.len() || !document.lines.iter().zip(&lines).all(same) {
        found
            .reproduce
            .push(format!("{number}: its lines are not those of its charges"));
    }
    Ok(())
}

/// Fingerprints and totals in the rows against the documents.
async fn hashes(tx: &mut PgConnection) -> Result<Vec<String>, Error> {
    let rows = sqlx::query!(
        r#"SELECT number, document, document_sha256, total = (document::jsonb ->> 'total')::numeric AS "same_total!"
           FROM billing.invoice ORDER BY id"#
    )
    .fetch_all(tx)
    .await?;
    let mut found = Vec::new();
    for row in rows {
        if Sha256::digest(&row.document).as_slice() != row.document_sha256 {
            found.push(format!("{}: its fingerprint is another", row.number));
        }
        if !row.same_total {
            found.push(format!("{}: its row has another total", row.number));
        }
    }
    Ok(found)
}

/// Numbers of each series from 1 on.
pub(super) async fn numbers(tx: &mut PgConnection) -> Result<Check, Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "series!",
               coalesce(array_agg(format('%s: %s numbers, the last is %s, the counter gave %s', series, used, last, given))
                   FILTER (WHERE used <> last OR last <> given), '{}') AS "bad!"
           FROM (SELECT c.series, count(i.id) AS used, coalesce(max(i.number_in_series), 0) AS last, c.next_no - 1 AS given
                 FROM billing.invoice_counter AS c LEFT JOIN billing.invoice AS i ON i.series = c.series
                 GROUP BY c.series) AS one"#
    )
    .fetch_one(tx)
    .await?;
    Ok(Check::of(
        "Numbers of invoices have no gap",
        format!("{} series", row.series),
        &row.bad,
    ))
}
