//! Managed policies of an account. AWS's own are not in the database.

use chrono::{DateTime, Utc};
use domain::AccountId;
use sqlx::types::Json;

use super::Tags;
use crate::{Error, Store};

/// The constraint that keeps a policy that is attached to a role.
const ATTACHED: &str = "iam_attachment_policy_fkey";

/// A managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    /// `ANPA` and 17 characters.
    pub policy_id: String,
    /// Begins and ends with a slash.
    pub path: String,
    /// `arn:aws:iam::ACCOUNT:policy` + path + name.
    pub arn: String,
    pub document: String,
    pub description: Option<String>,
    pub tags: Tags,
    pub created_at: DateTime<Utc>,
    /// Roles that it is attached to. Not read when a policy is created.
    pub attachments: i32,
    /// Roles that have it as their permissions boundary. Not read when a policy is created.
    pub boundaries: i32,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyDeletion {
    Deleted,
    NoSuchPolicy,
    Attached,
}

struct PolicyRow {
    name: String,
    policy_id: String,
    path: String,
    arn: String,
    document: String,
    description: Option<String>,
    tags: Json<Tags>,
    created_at: DateTime<Utc>,
    attachments: i32,
    boundaries: i32,
}

impl From<PolicyRow> for Policy {
    fn from(row: PolicyRow) -> Self {
        Self {
            name: row.name,
            policy_id: row.policy_id,
            path: row.path,
            arn: row.arn,
            document: row.document,
            description: row.description,
            tags: row.tags.0,
            created_at: row.created_at,
            attachments: row.attachments,
            boundaries: row.boundaries,
        }
    }
}

impl Store {
    /// Creates a policy; `false` where there is one of this name, in whatever case and under whatever path.
    pub async fn create_policy(&self, account: AccountId, policy: &Policy) -> Result<bool, Error> {
        let created = sqlx::query!(
            "INSERT INTO iam_policy (account_id, name, policy_id, path, arn, document, description, tags, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT DO NOTHING",
            account.number(),
            policy.name,
            policy.policy_id,
            policy.path,
            policy.arn,
            policy.document,
            policy.description,
            Json(&policy.tags) as _,
            policy.created_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(created.rows_affected() == 1)
    }

    /// The policy of this ARN.
    pub async fn policy(&self, account: AccountId, arn: &str) -> Result<Option<Policy>, Error> {
        let row = sqlx::query_as!(
            PolicyRow,
            r#"SELECT p.name, p.policy_id, p.path, p.arn, p.document, p.description,
                 p.tags AS "tags: Json<Tags>", p.created_at,
                 (SELECT count(*)::integer FROM iam_attachment AS a
                  WHERE a.account_id = p.account_id AND a.policy_arn = p.arn) AS "attachments!",
                 (SELECT count(*)::integer FROM iam_role AS r
                  WHERE r.account_id = p.account_id AND r.permissions_boundary = p.arn) AS "boundaries!"
             FROM iam_policy AS p WHERE p.account_id = $1 AND p.arn = $2"#,
            account.number(),
            arn,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Policy::from))
    }

    /// At most `limit` policies in the order of their ARNs, behind the ARN `after`, whose paths begin with `path_prefix`;
    /// if asked for, those only that are attached to a role.
    pub async fn policies(
        &self,
        account: AccountId,
        path_prefix: &str,
        only_attached: bool,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Policy>, Error> {
        let rows = sqlx::query_as!(
            PolicyRow,
            r#"SELECT name, policy_id, path, arn, document, description, tags AS "tags: Json<Tags>", created_at,
                 attachments AS "attachments!", boundaries AS "boundaries!"
             FROM (
                 SELECT p.*, (SELECT count(*)::integer FROM iam_attachment AS a
                     WHERE a.account_id = p.account_id AND a.policy_arn = p.arn) AS attachments,
                     (SELECT count(*)::integer FROM iam_role AS r
                     WHERE r.account_id = p.account_id AND r.permissions_boundary = p.arn) AS boundaries
                 FROM iam_policy AS p
                 WHERE p.account_id = $1 AND starts_with(p.path, $2) AND ($4::text IS NULL OR p.arn > $4)
             ) AS counted
             WHERE attachments > 0 OR NOT $3
             ORDER BY arn
             LIMIT $5"#,
            account.number(),
            path_prefix,
            only_attached,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Policy::from).collect())
    }

    /// Deletes a policy that is attached to nothing and nobody's boundary.
    pub async fn delete_policy(
        &self,
        account: AccountId,
        arn: &str,
    ) -> Result<PolicyDeletion, Error> {
        let deleted = sqlx::query!(
            "DELETE FROM iam_policy AS p
             WHERE p.account_id = $1 AND p.arn = $2 AND NOT EXISTS (
                 SELECT FROM iam_role AS r
                 WHERE r.account_id = p.account_id AND r.permissions_boundary = p.arn
             )",
            account.number(),
            arn
        )
        .execute(&self.pool)
        .await
        .map_err(Error::from);
        match deleted {
            Ok(done) if done.rows_affected() == 1 => Ok(PolicyDeletion::Deleted),
            Ok(_) if self.policy(account, arn).await?.is_some() => Ok(PolicyDeletion::Attached),
            Ok(_) => Ok(PolicyDeletion::NoSuchPolicy),
            Err(error) if error.constraint() == Some(ATTACHED) => Ok(PolicyDeletion::Attached),
            Err(error) => Err(error),
        }
    }
}
