//! Groups of schedules. Each account has a group `default` in each region, whose row is made when it is first needed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{AccountId, Region};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::schedules::tokens::{self, Claim};
use crate::schedules::{Token, whole_ms};
use crate::tags::TagRefusal;
use crate::{Error, Store};

/// The group that is always there.
pub const DEFAULT: &str = "default";

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleGroup {
    pub name: String,
    pub state: GroupState,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// Whether a group stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    Active,
    /// Its schedules are being deleted; then it goes itself.
    Deleting,
}

impl GroupState {
    fn of(text: &str) -> Result<Self, Error> {
        match text {
            "ACTIVE" => Ok(Self::Active),
            "DELETING" => Ok(Self::Deleting),
            _ => Err(Error::Inconsistent("schedule_group.state")),
        }
    }
}

/// What became of a group's creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupCreation {
    Created,
    /// The same request, by its token, has been served before.
    Repeated,
    /// The token was another request's.
    TokenUsed,
    /// There is one of this name, if only one that is being deleted.
    Exists,
}

/// What became of a group's deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupDeletion {
    /// It is being deleted, from now on or already.
    Deleting,
    /// The same request, by its token, has been served before.
    Repeated,
    /// The token was another request's.
    TokenUsed,
    NoGroup,
}

struct Row {
    name: String,
    state: String,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<ScheduleGroup, Error> {
        Ok(ScheduleGroup {
            state: GroupState::of(&self.state)?,
            name: self.name,
            created_at: self.created_at,
            modified_at: self.modified_at,
        })
    }
}

impl Store {
    /// Creates a group with its tags.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a group is, and who asks when"
    )]
    pub async fn create_schedule_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
        id: Uuid,
        tags: &BTreeMap<String, String>,
        token: Option<&Token>,
        at: DateTime<Utc>,
    ) -> Result<GroupCreation, Error> {
        let mut tx = self.pool.begin().await?;
        match tokens::claim(&mut tx, account, region, token, at).await? {
            Claim::First => {}
            Claim::Repeated => return Ok(GroupCreation::Repeated),
            Claim::Other => return Ok(GroupCreation::TokenUsed),
        }
        let created = sqlx::query!(
            "INSERT INTO schedule_group (id, account_id, region, name, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $5)
             ON CONFLICT (account_id, region, name) DO NOTHING",
            id,
            account.number(),
            region.as_str(),
            name,
            whole_ms(at),
        )
        .execute(&mut *tx)
        .await?;
        if created.rows_affected() == 0 {
            return Ok(GroupCreation::Exists);
        }
        put_tags(&mut tx, id, tags).await?;
        tx.commit().await?;
        Ok(GroupCreation::Created)
    }

    /// Makes the row of the group `default`, where it is not there yet. Before a look at groups.
    pub async fn make_default_schedule_group(
        &self,
        account: AccountId,
        region: &Region,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut connection = self.pool.acquire().await?;
        make_default(&mut connection, account, region, at).await
    }

    /// The group of this name.
    pub async fn schedule_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
    ) -> Result<Option<ScheduleGroup>, Error> {
        let row = sqlx::query_as!(
            Row,
            "SELECT name, state, created_at, modified_at FROM schedule_group
             WHERE account_id = $1 AND region = $2 AND name = $3",
            account.number(),
            region.as_str(),
            name,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Row::read).transpose()
    }

    /// At most `limit` groups in the order of their names, behind the name `after`, whose names begin with `prefix`.
    pub async fn schedule_groups(
        &self,
        account: AccountId,
        region: &Region,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ScheduleGroup>, Error> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT name, state, created_at, modified_at FROM schedule_group
             WHERE account_id = $1 AND region = $2 AND starts_with(name, $3) AND name > $4
             ORDER BY name
             LIMIT $5",
            account.number(),
            region.as_str(),
            prefix,
            after,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Begins the deletion of a group: the scheduler deletes its schedules, then the group. Until then they may fire.
    pub async fn delete_schedule_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
        token: Option<&Token>,
        at: DateTime<Utc>,
    ) -> Result<GroupDeletion, Error> {
        let mut tx = self.pool.begin().await?;
        match tokens::claim(&mut tx, account, region, token, at).await? {
            Claim::First => {}
            Claim::Repeated => return Ok(GroupDeletion::Repeated),
            Claim::Other => return Ok(GroupDeletion::TokenUsed),
        }
        let found = sqlx::query!(
            "UPDATE schedule_group
             SET state = 'DELETING', modified_at = CASE WHEN state = 'ACTIVE' THEN $4 ELSE modified_at END
             WHERE account_id = $1 AND region = $2 AND name = $3",
            account.number(),
            region.as_str(),
            name,
            whole_ms(at),
        )
        .execute(&mut *tx)
        .await?;
        if found.rows_affected() == 0 {
            return Ok(GroupDeletion::NoGroup);
        }
        tx.commit().await?;
        Ok(GroupDeletion::Deleting)
    }

    /// The group's tags; `None` where there is no such group.
    pub async fn schedule_group_tags(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, Error> {
        let rows = sqlx::query!(
            r#"SELECT tag.key AS "key?", tag.value AS "value?"
             FROM schedule_group AS g LEFT JOIN schedule_group_tag AS tag ON tag.group_id = g.id
             WHERE g.account_id = $1 AND g.region = $2 AND g.name = $3"#,
            account.number(),
            region.as_str(),
            name,
        )
        .fetch_all(&self.pool)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let tags = rows.into_iter().filter_map(|row| row.key.zip(row.value));
        Ok(Some(tags.collect()))
    }

    /// Adds tags, replacing the values of those that exist, unless there would be more than `tags_max`.
    pub async fn tag_schedule_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
        tags: &BTreeMap<String, String>,
        tags_max: u32,
    ) -> Result<Result<(), TagRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        let Some(id) = locked(&mut tx, account, region, name).await? else {
            return Ok(Err(TagRefusal::NoResource));
        };
        put_tags(&mut tx, id, tags).await?;
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM schedule_group_tag WHERE group_id = $1"#,
            id
        )
        .fetch_one(&mut *tx)
        .await?;
        if count > i64::from(tags_max) {
            return Ok(Err(TagRefusal::TooMany));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Removes tags; those that do not exist are no error. `false` where there is no such group.
    pub async fn untag_schedule_group(
        &self,
        account: AccountId,
        region: &Region,
        name: &str,
        keys: &[String],
    ) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let Some(id) = locked(&mut tx, account, region, name).await? else {
            return Ok(false);
        };
        sqlx::query!(
            "DELETE FROM schedule_group_tag WHERE group_id = $1 AND key = ANY($2)",
            id,
            keys,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// A group that a schedule is to be made in: its state does not change before the transaction ends.
pub(crate) async fn group_held(
    connection: &mut PgConnection,
    account: AccountId,
    region: &Region,
    name: &str,
    at: DateTime<Utc>,
) -> Result<Option<(Uuid, GroupState)>, Error> {
    if name == DEFAULT {
        make_default(connection, account, region, at).await?;
    }
    let row = sqlx::query!(
        "SELECT id, state FROM schedule_group WHERE account_id = $1 AND region = $2 AND name = $3
         FOR SHARE",
        account.number(),
        region.as_str(),
        name,
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.id, GroupState::of(&row.state)?)))
        .transpose()
}

/// Its id follows from account and region: whoever makes the row makes the same one.
async fn make_default(
    connection: &mut PgConnection,
    account: AccountId,
    region: &Region,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO schedule_group (id, account_id, region, name, created_at, modified_at)
         SELECT md5('default schedule group of ' || $1::bigint || ' in ' || $2::text)::uuid, $1, $2, 'default', $3, $3
         WHERE NOT EXISTS (
             SELECT FROM schedule_group WHERE account_id = $1 AND region = $2 AND name = 'default'
         )
         ON CONFLICT DO NOTHING",
        account.number(),
        region.as_str(),
        whole_ms(at),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The group's id; its tags are this transaction's until it ends.
async fn locked(
    connection: &mut PgConnection,
    account: AccountId,
    region: &Region,
    name: &str,
) -> Result<Option<Uuid>, Error> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM schedule_group WHERE account_id = $1 AND region = $2 AND name = $3
         FOR NO KEY UPDATE",
        account.number(),
        region.as_str(),
        name,
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}

async fn put_tags(
    connection: &mut PgConnection,
    id: Uuid,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    if tags.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<String>, Vec<String>) = tags.clone().into_iter().unzip();
    sqlx::query!(
        "INSERT INTO schedule_group_tag (group_id, key, value)
         SELECT $1, tag.key, tag.value FROM unnest($2::text[], $3::text[]) AS tag (key, value)
         ON CONFLICT (group_id, key) DO UPDATE SET value = excluded.value",
        id,
        &keys,
        &values,
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
