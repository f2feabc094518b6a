//! What a schedule is.

use chrono::{DateTime, SubsecRound as _, Utc};
use domain::schedule::{Missed, Overlap};
use domain::{AccountId, FunctionArn, Region};
use uuid::Uuid;

use crate::{Error, Store};

/// AWS's default retry policy: deliveries after the first.
pub const RETRY_ATTEMPTS_MAX: u8 = 185;
/// AWS's default retry policy: how long after its time a fire is still delivered, in seconds.
pub const RETRY_AGE_MAX_S: u32 = 86_400;
/// How old a missed fire may be to be made up for, in seconds.
const CATCH_UP_S: u32 = 86_400;

/// Where a schedule is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleName {
    pub account: AccountId,
    pub region: Region,
    pub group: String,
    pub name: String,
}

/// A schedule of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub id: Uuid,
    /// Grows with every change.
    pub generation: i64,
    pub settings: Settings,
    pub policy: Policy,
    /// A rate counts from here.
    pub anchor_at: DateTime<Utc>,
    /// This generation has no fire before this.
    pub valid_from: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub modified_at: DateTime<Utc>,
}

/// AWS's settings, all of which an update replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub enabled: bool,
    pub expression: String,
    pub timezone: String,
    pub start_at: Option<DateTime<Utc>>,
    pub end_at: Option<DateTime<Utc>>,
    /// Width of the flexible window.
    pub window_min: Option<u16>,
    pub target: FunctionArn,
    pub role_arn: Option<String>,
    /// As the caller gave it, keywords and all; none: the default event.
    pub input: Option<String>,
    pub retry_attempts_max: u8,
    pub retry_age_max_s: u32,
    pub dead_letter_arn: Option<String>,
    pub kms_key_arn: Option<String>,
    /// Whether it goes when it has no fire left.
    pub delete_after: bool,
    pub description: Option<String>,
}

/// What AWS has no setting for. An update by AWS's API leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub missed: Missed,
    /// How old a missed fire may be to be made up for.
    pub catch_up_s: u32,
    pub overlap: Overlap,
}

impl Default for Policy {
    /// AWS's way.
    fn default() -> Self {
        Self {
            missed: Missed::All,
            catch_up_s: CATCH_UP_S,
            overlap: Overlap::Allow,
        }
    }
}

/// One row of `schedule`.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) generation: i64,
    pub(super) enabled: bool,
    pub(super) expression: String,
    pub(super) timezone: String,
    pub(super) start_at: Option<DateTime<Utc>>,
    pub(super) end_at: Option<DateTime<Utc>>,
    pub(super) anchor_at: DateTime<Utc>,
    pub(super) valid_from: DateTime<Utc>,
    pub(super) window_min: Option<i16>,
    pub(super) target_arn: String,
    pub(super) role_arn: Option<String>,
    pub(super) input: Option<String>,
    pub(super) retry_attempts_max: i16,
    pub(super) retry_age_max_s: i32,
    pub(super) dead_letter_arn: Option<String>,
    pub(super) kms_key_arn: Option<String>,
    pub(super) delete_after: bool,
    pub(super) description: Option<String>,
    pub(super) missed: i16,
    pub(super) catch_up_s: i32,
    pub(super) overlap: i16,
    pub(super) created_at: DateTime<Utc>,
    pub(super) modified_at: DateTime<Utc>,
}

impl Row {
    pub(super) fn read(self) -> Result<Schedule, Error> {
        let bad = |column| move || Error::Inconsistent(column);
        Ok(Schedule {
            id: self.id,
            generation: self.generation,
            settings: Settings {
                enabled: self.enabled,
                expression: self.expression,
                timezone: self.timezone,
                start_at: self.start_at,
                end_at: self.end_at,
                window_min: self.window_min.map(i16::cast_unsigned),
                target: function(&self.target_arn)?,
                role_arn: self.role_arn,
                input: self.input,
                retry_attempts_max: u8::try_from(self.retry_attempts_max)
                    .map_err(|_| Error::Inconsistent("schedule.retry_attempts_max"))?,
                retry_age_max_s: self.retry_age_max_s.cast_unsigned(),
                dead_letter_arn: self.dead_letter_arn,
                kms_key_arn: self.kms_key_arn,
                delete_after: self.delete_after,
                description: self.description,
            },
            policy: Policy {
                missed: Missed::from_number(self.missed).ok_or_else(bad("schedule.missed"))?,
                catch_up_s: self.catch_up_s.cast_unsigned(),
                overlap: Overlap::from_number(self.overlap).ok_or_else(bad("schedule.overlap"))?,
            },
            anchor_at: self.anchor_at,
            valid_from: self.valid_from,
            created_at: self.created_at,
            modified_at: self.modified_at,
        })
    }
}

impl Store {
    /// The schedule of this name.
    pub async fn schedule(&self, name: &ScheduleName) -> Result<Option<Schedule>, Error> {
        let row = sqlx::query_as!(
            Row,
            "SELECT schedule.id, generation, enabled, expression, timezone, start_at, end_at, anchor_at, valid_from,
                 window_min, target_arn, role_arn, input, retry_attempts_max, retry_age_max_s, dead_letter_arn,
                 kms_key_arn, delete_after, description, missed, catch_up_s, overlap, schedule.created_at,
                 schedule.modified_at
             FROM schedule JOIN schedule_group ON schedule_group.id = schedule.group_id
             WHERE schedule_group.account_id = $1 AND schedule_group.region = $2 AND schedule_group.name = $3
                 AND schedule.name = $4",
            name.account.number(),
            name.region.as_str(),
            name.group,
            name.name,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(Row::read).transpose()
    }
}

/// The function that a row names.
pub(crate) fn function(text: &str) -> Result<FunctionArn, Error> {
    text.parse()
        .map_err(|_| Error::Inconsistent("schedule.target_arn"))
}

/// Schedules know milliseconds: a rate that counts from its creation fires at that very moment, not a fraction before it.
pub(crate) fn whole_ms(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(3)
}
