//! Who bills whom: the issuer of invoices, and customers.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::compose::Terms;
use domain::bill::document::Party;
use domain::bill::{TaxLevel, TaxRate};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::ledger::BillingError;
use crate::{Error, Store};

/// Who issues invoices, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    pub party: Party,
    /// What invoice numbers begin with: each prefix is a series of its own.
    pub number_prefix: String,
    /// Days from issue to due.
    pub payment_days: u32,
    pub tax_level: TaxLevel,
    pub logo: Option<Logo>,
}

/// A picture for invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// `image/png` or `image/svg+xml`.
    pub media_type: String,
    pub content: Vec<u8>,
}

impl Logo {
    pub(crate) fn sha256(&self) -> Vec<u8> {
        Sha256::digest(&self.content).to_vec()
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            party: Party {
                name: "Tollgate".to_owned(),
                ..Party::default()
            },
            number_prefix: "INV-".to_owned(),
            payment_days: 30,
            tax_level: TaxLevel::Invoice,
            logo: None,
        }
    }
}

/// Whom invoices of an account are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customer {
    pub party: Party,
    pub taxes: Vec<TaxRate>,
    /// Usage of a closed month that arrives after more than 34 days is billed all the same, instead of written off.
    pub bill_all_late: bool,
}

impl Store {
    /// The issuer, as the billing service was last configured.
    pub async fn issuer(&self) -> Result<Issuer, Error> {
        issuer(&mut *self.pool.acquire().await?).await
    }

    /// Sets the issuer, for invoices from now on.
    pub async fn set_issuer(&self, issuer: &Issuer) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        let logo = issuer.logo.as_ref().map(Logo::sha256);
        if let (Some(sha256), Some(logo)) = (&logo, &issuer.logo) {
            sqlx::query!(
                "INSERT INTO billing.logo (sha256, media_type, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                sha256,
                logo.media_type,
                logo.content,
            )
            .execute(&mut *tx)
            .await?;
        }
        let party = &issuer.party;
        sqlx::query!(
            "INSERT INTO billing.issuer
                 (name, address, country, tax_id, email, number_prefix, payment_days, tax_level, logo_sha256)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (one) DO UPDATE SET name = excluded.name, address = excluded.address, country = excluded.country,
                 tax_id = excluded.tax_id, email = excluded.email, number_prefix = excluded.number_prefix,
                 payment_days = excluded.payment_days, tax_level = excluded.tax_level, logo_sha256 = excluded.logo_sha256",
            party.name,
            &party.address,
            party.country,
            party.tax_id,
            party.email,
            issuer.number_prefix,
            i32::try_from(issuer.payment_days).unwrap_or(i32::MAX),
            issuer.tax_level.as_str(),
            logo,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whom an account's invoices are for: under its own name and without taxes where nobody said otherwise. `None`: no such account.
    pub async fn customer(&self, account: AccountId) -> Result<Option<Customer>, Error> {
        customer(&mut *self.pool.acquire().await?, account).await
    }

    /// Sets whom an account's invoices are for, from now on.
    pub async fn set_customer(
        &self,
        account: AccountId,
        customer: &Customer,
        now: DateTime<Utc>,
    ) -> Result<(), BillingError> {
        let mut tx = self.pool.begin().await?;
        let party = &customer.party;
        sqlx::query!(
            "INSERT INTO billing.customer (account_id, name, address, country, tax_id, email, bill_all_late, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (account_id) DO UPDATE SET name = excluded.name, address = excluded.address,
                 country = excluded.country, tax_id = excluded.tax_id, email = excluded.email,
                 bill_all_late = excluded.bill_all_late, changed_at = excluded.changed_at",
            account.number(),
            party.name,
            &party.address,
            party.country,
            party.tax_id,
            party.email,
            customer.bill_all_late,
            now,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM billing.customer_tax WHERE account_id = $1",
            account.number()
        )
        .execute(&mut *tx)
        .await?;
        for (position, tax) in (1_i16..).zip(&customer.taxes) {
            sqlx::query!(
                "INSERT INTO billing.customer_tax (account_id, position, name, percent_e4) VALUES ($1, $2, $3, $4)",
                account.number(),
                position,
                tax.name,
                tax.percent_e4,
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The picture that an invoice was issued with.
    pub async fn invoice_logo(&self, number: &str) -> Result<Option<Logo>, Error> {
        let logo = sqlx::query_as!(
            Logo,
            "SELECT media_type, content FROM billing.logo JOIN billing.invoice ON logo_sha256 = sha256 WHERE number = $1",
            number,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(logo)
    }
}

pub(crate) async fn issuer(connection: &mut PgConnection) -> Result<Issuer, Error> {
    let row = sqlx::query!(
        r#"SELECT name, address, country, tax_id, email, number_prefix, payment_days, tax_level,
               media_type AS "media_type?", content AS "content?"
           FROM billing.issuer LEFT JOIN billing.logo ON sha256 = logo_sha256"#
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        return Ok(Issuer::default());
    };
    Ok(Issuer {
        party: Party {
            name: row.name,
            address: row.address,
            country: row.country,
            tax_id: row.tax_id,
            email: row.email,
        },
        number_prefix: row.number_prefix,
        payment_days: u32::try_from(row.payment_days)
            .map_err(|_| Error::Inconsistent("issuer.payment_days"))?,
        tax_level: row
            .tax_level
            .parse()
            .map_err(|_| Error::Inconsistent("issuer.tax_level"))?,
        logo: row
            .media_type
            .zip(row.content)
            .map(|(media_type, content)| Logo {
                media_type,
                content,
            }),
    })
}

pub(crate) async fn customer(
    connection: &mut PgConnection,
    account: AccountId,
) -> Result<Option<Customer>, Error> {
    let row = sqlx::query!(
        r#"SELECT account.name AS account_name, customer.name AS "name?", address AS "address?", country AS "country?",
               tax_id AS "tax_id?", email AS "email?", bill_all_late AS "bill_all_late?"
           FROM account LEFT JOIN billing.customer ON customer.account_id = account.id
           WHERE account.id = $1"#,
        account.number(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let taxes = sqlx::query!(
        "SELECT name, percent_e4 FROM billing.customer_tax WHERE account_id = $1 ORDER BY position",
        account.number(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let taxes = taxes
        .into_iter()
        .map(|tax| {
            let percent = Decimal::new(tax.percent_e4, 4);
            TaxRate::new(&tax.name, percent).map_err(|_| Error::Inconsistent("customer_tax"))
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Customer {
        party: Party {
            name: row.name.unwrap_or(row.account_name),
            address: row.address.unwrap_or_default(),
            country: row.country.unwrap_or_default(),
            tax_id: row.tax_id.unwrap_or_default(),
            email: row.email.unwrap_or_default(),
        },
        taxes,
        bill_all_late: row.bill_all_late.unwrap_or(false),
    }))
}

impl Issuer {
    /// The terms of an invoice for a customer.
    pub(crate) fn terms(&self, customer: &Customer) -> Terms {
        Terms {
            issuer: self.party.clone(),
            customer: customer.party.clone(),
            payment_days: self.payment_days,
            taxes: customer.taxes.clone(),
            tax_level: self.tax_level,
        }
    }
}
