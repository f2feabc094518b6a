//! Inline policies of roles.

use domain::AccountId;

use crate::{Error, Store};

/// The constraint that refuses a policy of a role that does not exist.
const NO_ROLE: &str = "iam_role_policy_role_fkey";

impl Store {
    /// Writes an inline policy, replacing one of the same name; `false` where there is no such role.
    pub async fn put_role_policy(
        &self,
        account: AccountId,
        role: &str,
        name: &str,
        document: &str,
    ) -> Result<bool, Error> {
        let put = sqlx::query!(
            "INSERT INTO iam_role_policy (account_id, role_name, name, document) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account_id, role_name, name) DO UPDATE SET document = excluded.document",
            account.number(),
            role,
            name,
            document,
        )
        .execute(&self.pool)
        .await
        .map_err(Error::from);
        match put {
            Ok(_) => Ok(true),
            Err(error) if error.constraint() == Some(NO_ROLE) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// An inline policy's document.
    pub async fn role_policy(
        &self,
        account: AccountId,
        role: &str,
        name: &str,
    ) -> Result<Option<String>, Error> {
        let row = sqlx::query!(
            "SELECT document FROM iam_role_policy WHERE account_id = $1 AND role_name = $2 AND name = $3",
            account.number(),
            role,
            name,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| row.document))
    }

    /// At most `limit` names of a role's inline policies, in order, behind the name `after`.
    pub async fn role_policies(
        &self,
        account: AccountId,
        role: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let rows = sqlx::query!(
            "SELECT name FROM iam_role_policy
             WHERE account_id = $1 AND role_name = $2 AND ($3::text IS NULL OR name > $3)
             ORDER BY name
             LIMIT $4",
            account.number(),
            role,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Deletes an inline policy; `false` where there is none of this name.
    pub async fn delete_role_policy(
        &self,
        account: AccountId,
        role: &str,
        name: &str,
    ) -> Result<bool, Error> {
        let deleted = sqlx::query!(
            "DELETE FROM iam_role_policy WHERE account_id = $1 AND role_name = $2 AND name = $3",
            account.number(),
            role,
            name,
        )
        .execute(&self.pool)
        .await?;
        Ok(deleted.rows_affected() == 1)
    }
}
