//! Managed policies attached to roles: the account's own, and AWS's.

use domain::AccountId;

use crate::{Error, Store};

/// The constraints that refuse an attachment to a role, or of a policy, that does not exist.
const NO_ROLE: &str = "iam_attachment_role_fkey";
const NO_POLICY: &str = "iam_attachment_policy_fkey";

/// A policy that is attached to a role, or is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub policy_arn: String,
    pub policy_name: String,
}

/// What became of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attaching {
    /// Also where it was attached already.
    Attached,
    NoSuchRole,
    NoSuchPolicy,
}

/// What became of a detachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detaching {
    Detached,
    NoSuchRole,
    NotAttached,
}

impl Store {
    /// Attaches a policy to a role. `own`: the policy is the account's, so it must exist; AWS's are known to the caller.
    pub async fn attach_role_policy(
        &self,
        account: AccountId,
        role: &str,
        policy: &Attached,
        own: bool,
    ) -> Result<Attaching, Error> {
        let attached = sqlx::query!(
            "INSERT INTO iam_attachment (account_id, role_name, policy_arn, policy_name, own_policy_arn)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            account.number(),
            role,
            policy.policy_arn,
            policy.policy_name,
            own.then_some(&policy.policy_arn),
        )
        .execute(&self.pool)
        .await
        .map_err(Error::from);
        match attached {
            Ok(_) => Ok(Attaching::Attached),
            Err(error) => match error.constraint() {
                Some(NO_ROLE) => Ok(Attaching::NoSuchRole),
                Some(NO_POLICY) => Ok(Attaching::NoSuchPolicy),
                _ => Err(error),
            },
        }
    }

    /// Detaches a policy from a role.
    pub async fn detach_role_policy(
        &self,
        account: AccountId,
        role: &str,
        policy_arn: &str,
    ) -> Result<Detaching, Error> {
        let deleted = sqlx::query!(
            "DELETE FROM iam_attachment WHERE account_id = $1 AND role_name = $2 AND policy_arn = $3",
            account.number(),
            role,
            policy_arn,
        )
        .execute(&self.pool)
        .await?;
        if deleted.rows_affected() == 1 {
            return Ok(Detaching::Detached);
        }
        let role = self.role(account, role).await?;
        Ok(if role.is_some() {
            Detaching::NotAttached
        } else {
            Detaching::NoSuchRole
        })
    }

    /// At most `limit` policies attached to a role, in the order of their ARNs, behind the ARN `after`, whose paths begin with
    /// `path_prefix`.
    pub async fn attached_role_policies(
        &self,
        account: AccountId,
        role: &str,
        path_prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Attached>, Error> {
        let attached = sqlx::query_as!(
            Attached,
            // The path is what stands between "...:policy" and the name.
            "SELECT policy_arn, policy_name FROM iam_attachment
             WHERE account_id = $1 AND role_name = $2
                 AND starts_with(
                     regexp_replace(left(policy_arn, -length(policy_name)), '^arn:[^:]*:iam::[^:]*:policy', ''),
                     $3
                 )
                 AND ($4::text IS NULL OR policy_arn > $4)
             ORDER BY policy_arn
             LIMIT $5",
            account.number(),
            role,
            path_prefix,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(attached)
    }

    /// The account's roles to which the policy is attached, counted.
    pub async fn policy_attachments(
        &self,
        account: AccountId,
        policy_arn: &str,
    ) -> Result<i32, Error> {
        let row = sqlx::query!(
            r#"SELECT count(*)::integer AS "count!" FROM iam_attachment WHERE account_id = $1 AND policy_arn = $2"#,
            account.number(),
            policy_arn,
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(row.count)
    }
}
