//! Accounts: the tenants.

use chrono::{DateTime, Utc};
use domain::AccountId;

use crate::access_keys::{Chance, NewKey, insert_key};
use crate::catalog::touch_catalog;
use crate::{Error, Store};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// The one that `tollgate env` speaks for.
    pub first: bool,
    /// Concurrent executions over all functions of a region.
    pub concurrency_limit: u32,
    pub created_at: DateTime<Utc>,
}

/// Why there is no first account.
#[derive(Debug, thiserror::Error)]
pub enum FirstAccountError {
    #[error(
        "the first account of this data directory is {is}, not {asked}: start with --account {is}, or make {asked} a further \
         account with `tollgate accounts create --id {asked} NAME`"
    )]
    Other { is: AccountId, asked: AccountId },
    #[error("account {0} exists but is not the first one, and there is no first one")]
    NotFirst(AccountId),
    #[error(transparent)]
    Store(#[from] Error),
}

/// An account id drawn by chance.
pub fn random_id(chance: [u8; 8]) -> AccountId {
    let number = u64::from_le_bytes(chance) % (AccountId::MAX + 1);
    AccountId::new(number).unwrap_or_else(|| unreachable!("the remainder is at most the maximum"))
}

struct AccountRow {
    id: i64,
    name: String,
    first: bool,
    concurrency_limit: i32,
    created_at: DateTime<Utc>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self, Error> {
        Ok(Self {
            id: account_id(row.id, "account.id")?,
            name: row.name,
            first: row.first,
            concurrency_limit: u32::try_from(row.concurrency_limit)
                .map_err(|_| Error::Inconsistent("account.concurrency_limit"))?,
            created_at: row.created_at,
        })
    }
}

/// An account id as a column holds it.
pub(crate) fn account_id(number: i64, column: &'static str) -> Result<AccountId, Error> {
    let number = u64::try_from(number).ok();
    number
        .and_then(AccountId::new)
        .ok_or(Error::Inconsistent(column))
}

impl Store {
    /// Creates an account; `None` where the id is taken.
    pub async fn create_account(
        &self,
        id: AccountId,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, Error> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query_as!(
            AccountRow,
            "INSERT INTO account (id, name, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO NOTHING
             RETURNING id, name, first, concurrency_limit, created_at",
            id.number(),
            name,
            now,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(None) };
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        row.try_into().map(Some)
    }

    /// The account of this id.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        let row = sqlx::query_as!(
            AccountRow,
            "SELECT id, name, first, concurrency_limit, created_at FROM account WHERE id = $1",
            id.number(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Account::try_from).transpose()
    }

    /// The account that `tollgate env` speaks for.
    pub async fn first_account(&self) -> Result<Option<Account>, Error> {
        let row = sqlx::query_as!(
            AccountRow,
            "SELECT id, name, first, concurrency_limit, created_at FROM account WHERE first",
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Account::try_from).transpose()
    }

    /// All accounts, the first one first. For the operator: no tenant sees this.
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let rows = sqlx::query_as!(
            AccountRow,
            "SELECT id, name, first, concurrency_limit, created_at FROM account ORDER BY first DESC, id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Account::try_from).collect()
    }

    /// Makes sure at every start that there is a first account, called `id`. Where it had to be made it comes with its first
    /// key. Of several processes that start at once, one makes it.
    pub async fn ensure_first_account(
        &self,
        id: AccountId,
        now: DateTime<Utc>,
        chance: &Chance,
    ) -> Result<(Account, Option<NewKey>), FirstAccountError> {
        let mut tx = self.pool.begin().await.map_err(Error::from)?;
        // Whoever comes second waits here for the first one's commit, whichever of the two unique indexes they meet in.
        let made = sqlx::query_as!(
            AccountRow,
            "INSERT INTO account (id, name, first, created_at) VALUES ($1, 'first', true, $2)
             ON CONFLICT DO NOTHING
             RETURNING id, name, first, concurrency_limit, created_at",
            id.number(),
            now,
        )
        .fetch_optional(&mut *tx)
        .await
        .map_err(Error::from)?;
        let Some(row) = made else {
            tx.rollback().await.map_err(Error::from)?;
            return self
                .existing_first_account(id)
                .await
                .map(|account| (account, None));
        };
        let key = insert_key(&mut tx, &self.vault, id, now, chance).await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok((row.try_into()?, Some(key)))
    }

    async fn existing_first_account(&self, asked: AccountId) -> Result<Account, FirstAccountError> {
        match self.first_account().await? {
            Some(account) if account.id == asked => Ok(account),
            Some(account) => Err(FirstAccountError::Other {
                is: account.id,
                asked,
            }),
            None => Err(FirstAccountError::NotFirst(asked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::Vault;
    use crate::access_keys::Deletion;

    fn id(number: u64) -> AccountId {
        AccountId::new(number).unwrap()
    }

    fn store(pool: sqlx::PgPool) -> Store {
        Store::of(pool, Vault::new(&[1; 32]))
    }

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn the_first_account_is_made_once_by_whoever_comes_first(pool: sqlx::PgPool) {
        let store = store(pool);
        let made = futures::future::join_all((0..8_u8).map(|n| {
            let store = store.clone();
            async move {
                store
                    .ensure_first_account(id(7), NOW, &[n; 56])
                    .await
                    .unwrap()
            }
        }))
        .await;
        assert_eq!(made.iter().filter(|(_, key)| key.is_some()).count(), 1);
        assert!(
            made.iter()
                .all(|(account, _)| account.id == id(7) && account.first)
        );
        assert_eq!(store.accounts().await.unwrap().len(), 1);
        assert_eq!(store.access_keys(id(7)).await.unwrap().len(), 1);
        let refused = store
            .ensure_first_account(id(8), NOW, &[9; 56])
            .await
            .unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("start with --account 000000000007"),
            "{refused}"
        );
        assert_eq!(store.account(id(8)).await.unwrap(), None);
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn keys_are_sealed_listed_and_deleted_by_their_account_only(pool: sqlx::PgPool) {
        let store = store(pool.clone());
        let (account, first) = store
            .ensure_first_account(id(1), NOW, &[1; 56])
            .await
            .unwrap();
        let first = first.unwrap();
        store
            .create_account(id(2), "second", NOW)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            store.create_account(id(2), "again", NOW).await.unwrap(),
            None
        );
        assert!(
            store
                .create_access_key(id(3), NOW, &[3; 56])
                .await
                .unwrap()
                .is_none()
        );
        let before = store.catalog_stamp().await.unwrap();
        let second = store
            .create_access_key(id(2), NOW, &[2; 56])
            .await
            .unwrap()
            .unwrap();
        assert!(store.catalog_stamp().await.unwrap() > before);

        let found = store.access_key(&second.id).await.unwrap().unwrap();
        assert_eq!(found.account, id(2));
        assert_eq!(found.secret.expose_secret(), second.secret.expose_secret());
        let stored: Vec<u8> = sqlx::query_scalar("SELECT secret FROM access_key WHERE id = $1")
            .bind(&second.id)
            .fetch_one(&pool)
            .await
            .unwrap();
        let secret = second.secret.expose_secret().as_bytes();
        assert!(!stored.windows(secret.len()).any(|part| part == secret));

        let delete = async |account, key: &str, force| {
            store.delete_access_key(account, key, force).await.unwrap()
        };
        assert_eq!(
            delete(account.id, &second.id, true).await,
            Deletion::NoSuchKey
        );
        assert_eq!(delete(id(2), &second.id, false).await, Deletion::Deleted);
        assert_eq!(
            delete(id(1), &first.id, false).await,
            Deletion::LastOfFirstAccount
        );
        assert!(store.access_key(&first.id).await.unwrap().is_some());
        assert_eq!(delete(id(1), &first.id, true).await, Deletion::Deleted);
        assert!(store.access_key(&first.id).await.unwrap().is_none());
    }
}
