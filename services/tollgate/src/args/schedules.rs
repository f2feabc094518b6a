//! `tollgate schedules`.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand, ValueHint};
use gateway::api::types::{MissedRuns, Overlap};

use super::Output;
use super::events::word;
use crate::client::{parse_moment, parse_span};

/// Schedules: when they fire, what they did.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedules {
    /// List schedules: state, next time, last fire
    #[command(after_help = "Examples:\n  \
        tollgate schedules list\n  \
        tollgate schedules list --group reports --prefix daily- --json\n\n\
        Targets of rules are listed too: their group is rule:NAME, which --group takes everywhere.")]
    List(ListSchedules),
    /// Show when a schedule, or any expression, fires next
    #[command(after_help = "Examples:\n  \
        tollgate schedules next report\n  \
        tollgate schedules next 'cron(0 9 ? * MON-FRI *)' --timezone Europe/Berlin\n  \
        tollgate schedules next 'cron(0 0 L * ? *)' --count 12 --start 2027-01-01")]
    Next(Next),
    /// Show what became of a schedule's times, the newest first
    #[command(
        after_help = "Example:\n  tollgate schedules history report --limit 50\n\n\
        Seven days are kept. STATUS is the event's now, for as long as the queue knows it: a day at least."
    )]
    History(History),
    /// Let a schedule's times not come
    #[command(
        after_help = "AWS's APIs show it as DISABLED. What passes meanwhile does not fire later: `backfill` does that."
    )]
    Pause(OneSchedule),
    /// Let a schedule's times come again
    Resume(OneSchedule),
    /// Fire a schedule now, and print the request id
    #[command(
        after_help = "Example:\n  tollgate async get $(tollgate schedules run-now report)\n\n\
        Exit code 1 where there is no such function."
    )]
    RunNow(OneSchedule),
    /// Fire a schedule for all its times in a range that is over
    #[command(after_help = "Examples:\n  \
        tollgate schedules backfill report --from 2026-11-01 --to 2026-11-08 --dry-run\n  \
        tollgate schedules backfill report --from 2026-11-23T06:00:00Z --to 2026-11-23T12:00:00+01:00 --yes\n\n\
        Times from the first moment on, before the second one: in order, 10000 at most. A time is backfilled once a day at \
        most. Asks before it fires, unless told --yes.")]
    Backfill(BackfillSchedule),
    /// Show or set what becomes of missed times and of runs that overlap
    #[command(after_help = "Examples:\n  \
        tollgate schedules policy report\n  \
        tollgate schedules policy report --missed last --catch-up 1h\n  \
        tollgate schedules policy report --overlap skip\n\n\
        What is not named keeps its value. AWS's way is --missed all --catch-up 1d --overlap allow.")]
    Policy(SetPolicy),
    /// Make schedules of what another scheduler has
    #[command(subcommand)]
    Import(Import),
}

#[derive(Debug, Args)]
pub(crate) struct ListSchedules {
    /// Only this group's; rule:NAME for a rule's targets
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Only those whose names begin so
    #[arg(long, value_name = "TEXT")]
    pub(crate) prefix: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which schedule.
#[derive(Debug, Clone, Args)]
pub(crate) struct Key {
    /// Name of the schedule; of a rule's target: its id
    pub(crate) name: String,
    /// Its group; rule:NAME for a target of a rule
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub(crate) group: String,
}

#[derive(Debug, Args)]
pub(crate) struct OneSchedule {
    #[command(flatten)]
    pub(crate) key: Key,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    /// Name of a schedule, or an expression: at(...), rate(...), cron(...)
    #[arg(value_name = "NAME|EXPRESSION")]
    pub(crate) what: String,
    /// The schedule's group
    #[arg(long, default_value = "default", value_name = "NAME", conflicts_with_all = ["timezone", "start", "end"])]
    pub(crate) group: String,
    /// Time zone of the expression, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Times of the expression from here on [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) start: Option<DateTime<Utc>>,
    /// No time of the expression after this
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) end: Option<DateTime<Utc>>,
    /// How many: 1 to 100
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    pub(crate) count: u32,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) key: Key,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
    /// Only times before this
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) before: Option<DateTime<Utc>>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct BackfillSchedule {
    #[command(flatten)]
    pub(crate) key: Key,
    /// Times from here on: 2026-11-23 or 2026-11-23T10:00:00, in UTC unless it says where
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) from: DateTime<Utc>,
    /// Times before this
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) to: DateTime<Utc>,
    /// Only say how many there are
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct SetPolicy {
    #[command(flatten)]
    pub(crate) key: Key,
    /// What becomes of times that passed while no scheduler ran: all, last or skip
    #[arg(long, value_parser = word::<MissedRuns>)]
    pub(crate) missed: Option<MissedRuns>,
    /// How old a missed time may be to be made up for: 0s to 1d
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) catch_up: Option<TimeDelta>,
    /// What becomes of a time while the last event has not ended: allow, skip, `buffer_one` or `cancel_other`
    #[arg(long, value_parser = word::<Overlap>)]
    pub(crate) overlap: Option<Overlap>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Make a schedule of each line of a crontab
    #[command(after_help = "Examples:\n  \
        crontab -l | tollgate schedules import crontab - --function jobs --timezone Europe/Berlin --dry-run\n  \
        tollgate schedules import crontab nightly.cron --function jobs --group nightly\n\n\
        Shows what it understood of each line. The function gets {\"command\": ...}, and \"stdin\" where a line has one. \
        Schedules are named after their commands; those whose names are taken are left as they are. Where a line is not \
        understood nothing is created and the exit code is 1, unless told --skip-bad.")]
    Crontab(ImportCrontab),
}

#[derive(Debug, Args)]
pub(crate) struct ImportCrontab {
    /// A user's crontab (five fields and a command), or - for standard input
    #[arg(value_name = "FILE|-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Name of the function that runs the commands; a version or alias behind a colon
    #[arg(long, value_name = "NAME")]
    pub(crate) function: String,
    /// Group of the schedules
    #[arg(long, default_value = "default", value_name = "NAME")]
    pub(crate) group: String,
    /// What their names begin with
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) prefix: String,
    /// Time zone of lines above which no `CRON_TZ` stands
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) timezone: String,
    /// Only show what was understood
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave out lines that are not understood
    #[arg(long)]
    pub(crate) skip_bad: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}
