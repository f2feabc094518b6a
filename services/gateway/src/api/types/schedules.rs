//! Schedules, beyond what AWS's APIs tell of them.

use chrono::{DateTime, FixedOffset, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::events::{EXAMPLE_ID, moment};
use super::{EventStatus, Example};

/// What stands in a group's place for a target of a rule: this, and the rule's name.
pub const RULE_PREFIX: &str = "rule:";

/// Where a schedule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// `CreateSchedule` of `EventBridge` Scheduler.
    Schedule,
    /// A target of a rule with a schedule expression.
    Rule,
}

/// Whether a schedule's times come, as AWS's APIs say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScheduleState {
    Enabled,
    Disabled,
}

impl ScheduleState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// What becomes of times that passed while no scheduler ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissedRuns {
    /// Each is made up for, in order. AWS's way.
    #[default]
    All,
    /// Only the last one is.
    Last,
    /// None is.
    Skip,
}

impl MissedRuns {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Last => "last",
            Self::Skip => "skip",
        }
    }
}

/// What becomes of a time while the schedule's last event has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It fires all the same. AWS's way.
    #[default]
    Allow,
    /// It is left out.
    Skip,
    /// It waits for that end; only one waits.
    BufferOne,
    /// The event that has not ended is cancelled.
    CancelOther,
}

impl Overlap {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::BufferOne => "buffer_one",
            Self::CancelOther => "cancel_other",
        }
    }
}

/// Why something fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Its time had come.
    Schedule,
    /// Somebody asked for it at that moment.
    RunNow,
    /// Somebody asked for the times of a range.
    Backfill,
}

impl Occasion {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::RunNow => "run_now",
            Self::Backfill => "backfill",
        }
    }
}

/// What became of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FireResult {
    /// The queue took its event.
    Fired,
    /// Passed while no scheduler ran, and left out by the policy for missed runs.
    Missed,
    /// Left out by the overlap policy.
    Overlapped,
    /// There is no such function: the event is a dead letter.
    Dead,
    /// Waits for the end of the event before it.
    Buffered,
}

impl FireResult {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Missed => "missed",
            Self::Overlapped => "overlapped",
            Self::Dead => "dead",
            Self::Buffered => "buffered",
        }
    }
}

/// What is decided about a schedule's fires beyond AWS's settings. Replaces what there is as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSchedulePolicy {
    #[serde(default)]
    pub missed: MissedRuns,
    /// A missed time that is older is not made up for: 0 to 86400 seconds. The schedule's `MaximumEventAgeInSeconds` limits it too.
    /// Without it: 86400.
    #[schemars(range(min = 0, max = 86_400))]
    pub catch_up_s: Option<u32>,
    #[serde(default)]
    pub overlap: Overlap,
}

/// What is decided about a schedule's fires beyond AWS's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchedulePolicy {
    pub missed: MissedRuns,
    /// A missed time that is older is not made up for.
    pub catch_up_s: u32,
    pub overlap: Overlap,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    pub kind: ScheduleKind,
    /// For a target of a rule: `rule:` and the rule's name.
    pub group: String,
    /// For a target of a rule: the target's id.
    pub name: String,
    pub state: ScheduleState,
    pub expression: String,
    pub timezone: String,
    pub start_at: Option<DateTime<Utc>>,
    pub end_at: Option<DateTime<Utc>>,
    /// It fires within so many minutes after each of its times.
    pub window_min: Option<u16>,
    /// ARN of the function.
    pub target: String,
    pub policy: SchedulePolicy,
    /// Its next time; none where it is disabled or has no more.
    pub next_at: Option<DateTime<Utc>>,
    /// What became of the last of its times, as far back as the history goes.
    pub last_fire: Option<LastFire>,
}

/// The last of a schedule's times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastFire {
    pub scheduled_at: DateTime<Utc>,
    pub fired_at: DateTime<Utc>,
    pub occasion: Occasion,
    pub result: FireResult,
    /// Of the event; none where nothing was invoked.
    pub request_id: Option<Uuid>,
}

/// A page of schedules: those of groups in the order of group and name, then targets of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schedules {
    pub schedules: Vec<Schedule>,
    pub next_token: Option<String>,
}

/// Which schedules to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleQuery {
    /// A group's name, or `rule:` and a rule's.
    pub group: Option<String>,
    /// How names begin; of rules' targets: how the rule's name begins.
    pub name_prefix: Option<String>,
    /// On a page: 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub next_token: Option<String>,
}

/// Which schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleKey {
    /// A group's name; for a target of a rule `rule:` and the rule's name.
    pub group: String,
    /// The schedule's name; for a target of a rule the target's id.
    pub name: String,
}

/// Of which expression, and how many times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpressionQuery {
    /// `at(...)`, `rate(...)` or `cron(...)`.
    pub expression: String,
    /// IANA name, such as `Europe/Berlin`. Without it: UTC.
    pub timezone: Option<String>,
    /// Times from here on, and what a rate counts from. Without it: now.
    pub start: Option<DateTime<Utc>>,
    /// No time after this.
    pub end: Option<DateTime<Utc>>,
    /// How many: 1 to 100. Without it: 10.
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u32>,
}

/// How many of a schedule's times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextTimesQuery {
    /// How many: 1 to 100. Without it: 10.
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u32>,
}

/// When something fires next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextTimes {
    pub expression: String,
    pub timezone: String,
    /// Of the schedule. One that is disabled would fire at these times if it were enabled now.
    pub state: Option<ScheduleState>,
    /// Fewer than asked for where there are no more.
    pub times: Vec<FireTime>,
}

/// A moment at which something fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FireTime {
    pub at: DateTime<Utc>,
    /// The same moment by the clock of the time zone.
    pub local: DateTime<FixedOffset>,
}

/// Which part of the history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FireQuery {
    /// At most so many: 1 to 1000. Without it: 100.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// Only times before this.
    pub before: Option<DateTime<Utc>>,
}

/// What became of a schedule's times, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fires {
    pub fires: Vec<Fire>,
    /// Asks for the older ones, as `before`; none where there are no more.
    pub next_before: Option<DateTime<Utc>>,
}

/// What became of one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fire {
    pub scheduled_at: DateTime<Utc>,
    /// When its event was handed to the queue, or it was left out.
    pub fired_at: DateTime<Utc>,
    /// From the one to the other, in milliseconds; only of a time that came by itself. A flexible window counts from its beginning.
    pub lateness_ms: Option<i64>,
    pub occasion: Occasion,
    pub result: FireResult,
    /// Of the event; none where nothing was invoked.
    pub request_id: Option<Uuid>,
    /// Where the event stands now, for as long as the queue knows: a day at least.
    pub status: Option<EventStatus>,
    /// Why it ended without success, such as `RetriesExhausted`.
    pub condition: Option<String>,
    /// What went wrong in its last attempt, the beginning.
    pub error: Option<String>,
}

/// A schedule was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleRun {
    /// Of the event.
    pub request_id: Uuid,
    pub scheduled_at: DateTime<Utc>,
    /// `fired`; or `dead`, where there is no such function.
    pub result: FireResult,
}

/// Which of a schedule's times to fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartBackfill {
    /// Times from here on.
    pub from: DateTime<Utc>,
    /// Times before this. Not in the future.
    pub to: DateTime<Utc>,
    /// Only say which.
    #[serde(default)]
    pub dry_run: bool,
}

/// A backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Backfill {
    pub dry_run: bool,
    /// Times of the schedule in the range.
    pub count: u64,
    pub first_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
    /// How many the queue took.
    pub fired: u64,
    /// How many had been backfilled today, and were not fired again.
    pub known: u64,
    /// How many became dead letters, for there is no such function.
    pub dead: u64,
}

impl Example for SetSchedulePolicy {
    fn example() -> Self {
        Self {
            missed: MissedRuns::Last,
            catch_up_s: Some(3_600),
            overlap: Overlap::Skip,
        }
    }
}

impl Example for SchedulePolicy {
    fn example() -> Self {
        Self {
            missed: MissedRuns::Last,
            catch_up_s: 3_600,
            overlap: Overlap::Skip,
        }
    }
}

impl Example for Schedule {
    fn example() -> Self {
        Self {
            kind: ScheduleKind::Schedule,
            group: "default".to_owned(),
            name: "report".to_owned(),
            state: ScheduleState::Enabled,
            expression: "cron(0 9 ? * MON-FRI *)".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            start_at: None,
            end_at: None,
            window_min: None,
            target: "arn:aws:lambda:us-east-1:000000000000:function:report".to_owned(),
            policy: SchedulePolicy::example(),
            next_at: Some(moment(79_200)),
            last_fire: Some(LastFire {
                scheduled_at: moment(-7_200),
                fired_at: moment(-7_199),
                occasion: Occasion::Schedule,
                result: FireResult::Fired,
                request_id: Some(EXAMPLE_ID),
            }),
        }
    }
}

impl Example for Schedules {
    fn example() -> Self {
        Self {
            schedules: vec![Schedule::example()],
            next_token: None,
        }
    }
}

impl Example for NextTimes {
    fn example() -> Self {
        let at = moment(79_200);
        let hour = FixedOffset::east_opt(3_600);
        Self {
            expression: "cron(0 9 ? * MON-FRI *)".to_owned(),
            timezone: "Europe/Berlin".to_owned(),
            state: Some(ScheduleState::Enabled),
            times: hour
                .map(|hour| FireTime {
                    at,
                    local: at.with_timezone(&hour),
                })
                .into_iter()
                .collect(),
        }
    }
}

impl Example for Fires {
    fn example() -> Self {
        Self {
            fires: vec![Fire {
                scheduled_at: moment(-7_200),
                fired_at: moment(-7_199),
                lateness_ms: Some(1_000),
                occasion: Occasion::Schedule,
                result: FireResult::Fired,
                request_id: Some(EXAMPLE_ID),
                status: Some(EventStatus::Dead),
                condition: Some("RetriesExhausted".to_owned()),
                error: Some("ValueError: not today".to_owned()),
            }],
            next_before: None,
        }
    }
}

impl Example for ScheduleRun {
    fn example() -> Self {
        Self {
            request_id: EXAMPLE_ID,
            scheduled_at: moment(0),
            result: FireResult::Fired,
        }
    }
}

impl Example for StartBackfill {
    fn example() -> Self {
        Self {
            from: moment(-172_800),
            to: moment(-86_400),
            dry_run: true,
        }
    }
}

impl Example for Backfill {
    fn example() -> Self {
        Self {
            dry_run: true,
            count: 24,
            first_at: Some(moment(-172_800)),
            last_at: Some(moment(-90_000)),
            fired: 0,
            known: 0,
            dead: 0,
        }
    }
}
