//! Roles.

use chrono::{DateTime, Utc};
use domain::AccountId;
use sqlx::types::Json;

use super::Tags;
use crate::{Error, Store};

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    /// `AROA` and 17 characters.
    pub role_id: String,
    /// Begins and ends with a slash.
    pub path: String,
    pub trust_document: String,
    pub description: Option<String>,
    pub max_session_s: i32,
    pub permissions_boundary: Option<String>,
    pub tags: Tags,
    pub created_at: DateTime<Utc>,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleDeletion {
    Deleted,
    NoSuchRole,
    /// Managed policies are attached to it.
    HasAttachments,
    /// It has inline policies.
    HasPolicies,
}

struct RoleRow {
    name: String,
    role_id: String,
    path: String,
    trust_document: String,
    description: Option<String>,
    max_session_s: i32,
    permissions_boundary: Option<String>,
    tags: Json<Tags>,
    created_at: DateTime<Utc>,
}

impl From<RoleRow> for Role {
    fn from(row: RoleRow) -> Self {
        Self {
            name: row.name,
            role_id: row.role_id,
            path: row.path,
            trust_document: row.trust_document,
            description: row.description,
            max_session_s: row.max_session_s,
            permissions_boundary: row.permissions_boundary,
            tags: row.tags.0,
            created_at: row.created_at,
        }
    }
}

impl Store {
    /// Creates a role; `false` where there is one of this name, in whatever case.
    pub async fn create_role(&self, account: AccountId, role: &Role) -> Result<bool, Error> {
        let created = sqlx::query!(
            "INSERT INTO iam_role (account_id, name, role_id, path, trust_document, description, max_session_s,
                 permissions_boundary, tags, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT DO NOTHING",
            account.number(),
            role.name,
            role.role_id,
            role.path,
            role.trust_document,
            role.description,
            role.max_session_s,
            role.permissions_boundary,
            Json(&role.tags) as _,
            role.created_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(created.rows_affected() == 1)
    }

    /// The role of this name.
    pub async fn role(&self, account: AccountId, name: &str) -> Result<Option<Role>, Error> {
        let row = sqlx::query_as!(
            RoleRow,
            r#"SELECT name, role_id, path, trust_document, description, max_session_s, permissions_boundary,
                 tags AS "tags: Json<Tags>", created_at
             FROM iam_role WHERE account_id = $1 AND name = $2"#,
            account.number(),
            name,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Role::from))
    }

    /// At most `limit` roles in the order of their names, behind the name `after`, whose paths begin with `path_prefix`.
    pub async fn roles(
        &self,
        account: AccountId,
        path_prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Role>, Error> {
        let rows = sqlx::query_as!(
            RoleRow,
            r#"SELECT name, role_id, path, trust_document, description, max_session_s, permissions_boundary,
                 tags AS "tags: Json<Tags>", created_at
             FROM iam_role
             WHERE account_id = $1 AND starts_with(path, $2) AND ($3::text IS NULL OR name > $3)
             ORDER BY name
             LIMIT $4"#,
            account.number(),
            path_prefix,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Role::from).collect())
    }

    /// Deletes a role that has no policies left.
    pub async fn delete_role(&self, account: AccountId, name: &str) -> Result<RoleDeletion, Error> {
        let mut tx = self.pool.begin().await?;
        // Held, so that nothing is attached between the look and the deletion.
        let role = sqlx::query!(
            "SELECT name FROM iam_role WHERE account_id = $1 AND name = $2 FOR UPDATE",
            account.number(),
            name
        )
        .fetch_optional(&mut *tx)
        .await?;
        if role.is_none() {
            return Ok(RoleDeletion::NoSuchRole);
        }
        let has = sqlx::query!(
            r#"SELECT
                 EXISTS (SELECT FROM iam_attachment WHERE account_id = $1 AND role_name = $2) AS "attachments!",
                 EXISTS (SELECT FROM iam_role_policy WHERE account_id = $1 AND role_name = $2) AS "policies!""#,
            account.number(),
            name
        )
        .fetch_one(&mut *tx)
        .await?;
        if has.attachments {
            return Ok(RoleDeletion::HasAttachments);
        }
        if has.policies {
            return Ok(RoleDeletion::HasPolicies);
        }
        sqlx::query!(
            "DELETE FROM iam_role WHERE account_id = $1 AND name = $2",
            account.number(),
            name
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(RoleDeletion::Deleted)
    }
}
