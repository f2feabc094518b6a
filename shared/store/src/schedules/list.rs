//! Listings of schedules.

use chrono::{DateTime, Utc};
use domain::{AccountId, FunctionArn, Region};
use uuid::Uuid;

use super::function;
use crate::{Error, Store};

/// Which schedules a page is to have.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScheduleFilter<'f> {
    /// Only those of this group.
    pub group: Option<&'f str>,
    /// Only those whose names begin so.
    pub prefix: &'f str,
    pub enabled: Option<bool>,
    /// Only those behind this group and name.
    pub after: Option<(&'f str, &'f str)>,
    pub limit: u32,
}

/// A schedule in a listing: all of it that says when, and little else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSummary {
    pub id: Uuid,
    pub group: String,
    pub name: String,
    pub enabled: bool,
    pub expression: String,
    pub timezone: String,
    pub start_at: Option<DateTime<Utc>>,
    pub end_at: Option<DateTime<Utc>>,
    pub anchor_at: DateTime<Utc>,
    /// Width of the flexible window.
    pub window_min: Option<u16>,
    pub target: FunctionArn,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

struct Row {
    id: Uuid,
    group_name: String,
    name: String,
    enabled: bool,
    expression: String,
    timezone: String,
    start_at: Option<DateTime<Utc>>,
    end_at: Option<DateTime<Utc>>,
    anchor_at: DateTime<Utc>,
    window_min: Option<i16>,
    target_arn: String,
    created_at: DateTime<Utc>,
    modified_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<ScheduleSummary, Error> {
        Ok(ScheduleSummary {
            id: self.id,
            group: self.group_name,
            name: self.name,
            enabled: self.enabled,
            expression: self.expression,
            timezone: self.timezone,
            start_at: self.start_at,
            end_at: self.end_at,
            anchor_at: self.anchor_at,
            window_min: self.window_min.map(i16::cast_unsigned),
            target: function(&self.target_arn)?,
            created_at: self.created_at,
            modified_at: self.modified_at,
        })
    }
}

impl Store {
    /// A page of schedules, in the order of group and name.
    pub async fn schedules(
        &self,
        account: AccountId,
        region: &Region,
        filter: &ScheduleFilter<'_>,
    ) -> Result<Vec<ScheduleSummary>, Error> {
        let (after_group, after_name) = filter.after.unwrap_or_default();
        // Of each group only a page is read, by its index: however many schedules there are, a page costs a page. No name has
        // a letter behind `z`, so those that begin with the prefix end before the prefix and `{`.
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT s.id, g.name AS group_name, s.name AS "name!", s.enabled, s.expression, s.timezone, s.start_at,
                 s.end_at, s.anchor_at, s.window_min, s.target_arn, s.created_at, s.modified_at
             FROM schedule_group AS g
             CROSS JOIN LATERAL (
                 SELECT * FROM schedule
                 WHERE schedule.group_id = g.id
                     AND schedule.name > CASE WHEN g.name = $4 THEN $5 ELSE '' END
                     AND schedule.name >= $6 AND schedule.name < $6 || '{'
                     AND ($7::boolean IS NULL OR schedule.enabled = $7)
                 ORDER BY schedule.name
                 LIMIT $8
             ) AS s
             WHERE g.account_id = $1 AND g.region = $2 AND ($3::text IS NULL OR g.name = $3) AND g.name >= $4
             ORDER BY g.name, s.name
             LIMIT $8"#,
            account.number(),
            region.as_str(),
            filter.group,
            after_group,
            after_name,
            filter.prefix,
            filter.enabled,
            i64::from(filter.limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }
}
