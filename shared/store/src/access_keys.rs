//! Access keys: what accounts sign their requests with. Secrets are sealed at rest and shown once, when a key is made.

use chrono::{DateTime, Utc};
use domain::AccountId;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgConnection;

use crate::accounts::account_id;
use crate::catalog::touch_catalog;
use crate::{Error, Store, Vault};

/// Unpredictable bytes (`chassis::Ids::bytes`) that a new key is made of: 16 for its id, 40 for its secret.
pub type Chance = [u8; 56];

/// A key that was just made: the only time that its secret is shown.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// `AKIA` and 16 characters of A-Z and 2-7.
    pub id: String,
    pub account: AccountId,
    /// 40 characters of the base64 alphabet.
    pub secret: SecretString,
    pub created_at: DateTime<Utc>,
}

/// A key as signatures are checked with.
#[derive(Debug, Clone)]
pub struct AccessKey {
    pub account: AccountId,
    pub secret: SecretString,
}

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    pub id: String,
    pub created_at: DateTime<Utc>,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    Deleted,
    NoSuchKey,
    /// Without this key nobody could speak for the first account: refused unless forced.
    LastOfFirstAccount,
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A key's id and secret. Both alphabets divide 256, so every character is equally likely.
fn draw(chance: &Chance) -> (String, SecretString) {
    let (for_id, for_secret) = chance.split_at(16);
    let letters = for_id
        .iter()
        .map(|b| char::from(BASE32[usize::from(b % 32)]));
    let secret: String = for_secret
        .iter()
        .map(|b| char::from(BASE64[usize::from(b % 64)]))
        .collect();
    ("AKIA".chars().chain(letters).collect(), secret.into())
}

/// Where the vault keeps a key's secret.
fn place(id: &str) -> String {
    format!("access_key/{id}")
}

/// Makes a key within a transaction; the caller moves the catalog's stamp.
pub(crate) async fn insert_key(
    connection: &mut PgConnection,
    vault: &Vault,
    account: AccountId,
    now: DateTime<Utc>,
    chance: &Chance,
) -> Result<NewKey, Error> {
    let (id, secret) = draw(chance);
    sqlx::query!(
        "INSERT INTO access_key (id, account_id, secret, created_at) VALUES ($1, $2, $3, $4)",
        id,
        account.number(),
        vault.seal(&place(&id), secret.expose_secret().as_bytes()),
        now,
    )
    .execute(connection)
    .await?;
    Ok(NewKey {
        id,
        account,
        secret,
        created_at: now,
    })
}

impl Store {
    /// Makes a key; `None` where there is no such account.
    pub async fn create_access_key(
        &self,
        account: AccountId,
        now: DateTime<Utc>,
        chance: &Chance,
    ) -> Result<Option<NewKey>, Error> {
        let mut tx = self.pool.begin().await?;
        let exists = sqlx::query!(
            "SELECT id FROM account WHERE id = $1 FOR KEY SHARE",
            account.number()
        )
        .fetch_optional(&mut *tx)
        .await?;
        if exists.is_none() {
            return Ok(None);
        }
        let key = insert_key(&mut tx, &self.vault, account, now, chance).await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Some(key))
    }

    /// The key of this id with its account, which nobody has named yet: this is where a request gets its account from.
    pub async fn access_key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        let row = sqlx::query!(
            "SELECT account_id, secret FROM access_key WHERE id = $1",
            id
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let secret = self
            .vault
            .open(&place(id), "access_key.secret", &row.secret)?;
        let secret =
            String::from_utf8(secret).map_err(|_| Error::Inconsistent("access_key.secret"))?;
        let account = account_id(row.account_id, "access_key.account_id")?;
        Ok(Some(AccessKey {
            account,
            secret: secret.into(),
        }))
    }

    /// An account's keys, oldest first, without their secrets.
    pub async fn access_keys(&self, account: AccountId) -> Result<Vec<ListedKey>, Error> {
        let keys = sqlx::query_as!(
            ListedKey,
            "SELECT id, created_at FROM access_key WHERE account_id = $1 ORDER BY created_at, id",
            account.number(),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(keys)
    }

    /// Deletes a key of an account. The last key of the first account goes only by `force`.
    pub async fn delete_access_key(
        &self,
        account: AccountId,
        id: &str,
        force: bool,
    ) -> Result<Deletion, Error> {
        let mut tx = self.pool.begin().await?;
        // The account's row is held, so that two deletions at once cannot each leave the other's key as the last one.
        let owner = sqlx::query!(
            "SELECT first FROM account WHERE id = $1 FOR NO KEY UPDATE",
            account.number()
        )
        .fetch_optional(&mut *tx)
        .await?;
        let deleted = sqlx::query!(
            "DELETE FROM access_key WHERE id = $1 AND account_id = $2",
            id,
            account.number()
        )
        .execute(&mut *tx)
        .await?;
        if deleted.rows_affected() == 0 {
            return Ok(Deletion::NoSuchKey);
        }
        let left = sqlx::query!(
            "SELECT EXISTS (SELECT FROM access_key WHERE account_id = $1) AS \"any!\"",
            account.number()
        )
        .fetch_one(&mut *tx)
        .await?;
        if owner.is_some_and(|account| account.first) && !left.any && !force {
            return Ok(Deletion::LastOfFirstAccount);
        }
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Deletion::Deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_awss_form() {
        let mut chance = [0; 56];
        for (at, byte) in chance.iter_mut().enumerate() {
            *byte = u8::try_from(at * 5 % 256).unwrap();
        }
        let (id, secret) = draw(&chance);
        assert_eq!(id, "AKIAAFKPUZ6DINSX4BGL");
        assert_eq!(secret.expose_secret().len(), 40);
        assert!(secret.expose_secret().bytes().all(|b| BASE64.contains(&b)));
    }
}
