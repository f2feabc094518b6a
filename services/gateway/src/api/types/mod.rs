//! What the API takes and answers. The command line reads answers with these types too.

mod async_policy;
mod billing;
mod budget_alerts;
mod clock;
mod dead_letters;
mod error;
mod events;
mod payload;
mod queue;
mod schedules;

pub use async_policy::{AsyncPolicy, Backoff, Priority, SetAsyncPolicy};
pub use billing::{
    BillingForecast, BillingReport, ForecastAmount, ForecastQuery, ReportGroup, ReportQuery,
    ReportTotal, SkuUsage, UnpricedUsage,
};
pub use budget_alerts::{
    BudgetAlert, BudgetAlertQuery, BudgetAlerts, BudgetDelivery, BudgetDeliveryState,
};
pub use clock::{AdvanceClock, ClockState};
pub use dead_letters::{
    Count, CountQuery, DeadLetter, DeadLetterQuery, DeadLetterWithPayload, DeadLetters, PurgeQuery,
    Purged, Redrive, RedriveFilter, RedriveKey, RedriveStatus, StartRedrive, TargetKind,
    Undelivered, UndeliveredKey, UndeliveredPage, UndeliveredQuery, UndeliveredWithRecord,
};
pub use error::ErrorBody;
pub use events::{
    Attempt, CancelledEvent, Event, EventKey, EventQuery, EventSource, EventStatus, EventSummary,
    Events,
};
pub use payload::Payload;
pub use queue::{FunctionKey, FunctionQueue, QueueQuery, Queues};
pub use schedules::{
    Backfill, ExpressionQuery, Fire, FireQuery, FireResult, FireTime, Fires, LastFire, MissedRuns,
    NextTimes, NextTimesQuery, Occasion, Overlap, RULE_PREFIX, Schedule, ScheduleKey, ScheduleKind,
    SchedulePolicy, ScheduleQuery, ScheduleRun, ScheduleState, Schedules, SetSchedulePolicy,
    StartBackfill,
};

/// A value to show in the document.
pub trait Example {
    fn example() -> Self;
}
