//! `tollgate async` and `tollgate queue`.

use chrono::TimeDelta;
use clap::{ArgGroup, Args, Subcommand};
use gateway::api::types::{EventStatus, Priority};
use uuid::Uuid;

use super::Client;
use crate::client::parse_span;

/// Asynchronous invocations ("events"), by their request ids.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Show what became of an event: status, attempts, result
    #[command(
        after_help = "Example:\n  tollgate async get 019ab026-9000-7000-8000-000000000001\n\n\
        Events are kept for a day at least."
    )]
    Get {
        /// The request id that `Invoke` answered
        request_id: Uuid,
        #[command(flatten)]
        output: Output,
    },
    /// List events, the newest first
    #[command(after_help = "Examples:\n  \
        tollgate async list --since 1h\n  \
        tollgate async list --function resize --status dead --json")]
    List(ListEvents),
    /// Cancel events that wait or run
    #[command(
        after_help = "What runs is ended at once. Exit code 1 where an event had ended already, or does not exist."
    )]
    Cancel {
        /// Request ids
        #[arg(required = true)]
        request_ids: Vec<Uuid>,
        #[command(flatten)]
        output: Output,
    },
    /// List events that ended without success, or show one with its payload
    #[command(after_help = "Examples:\n  \
        tollgate async dead-letters --function resize --since 1d\n  \
        tollgate async dead-letters 019ab026-9000-7000-8000-000000000001\n\n\
        Dead letters are kept for 14 days.")]
    DeadLetters(DeadLetters),
    /// Send dead letters through the queue again, at a rate
    #[command(after_help = "Examples:\n  \
        tollgate async redrive --function resize --condition RetriesExhausted --dry-run\n  \
        tollgate async redrive --function resize --rate 50\n\n\
        Each becomes a new event. Those that were redriven before are left out. The redrive goes on when this command is \
        ended; --stop ends it.")]
    Redrive(Redrive),
    /// Cancel all events of a function, or delete dead letters
    #[command(after_help = "Examples:\n  \
        tollgate async purge --function resize\n  \
        tollgate async purge --dead-letters --function resize --condition EventAgeExceeded\n\n\
        Asks before it does anything, unless told --yes.")]
    Purge(Purge),
    /// List records that had nowhere to go, with the reasons, or show one
    #[command(
        after_help = "A record is undelivered where its target is of a kind that is not served yet, or a function that does not \
        exist. It is kept for 14 days."
    )]
    Undelivered(Undelivered),
    /// Show or set how a function's events are tried, beyond what AWS offers
    #[command(after_help = "Examples:\n  \
        tollgate async policy resize\n  \
        tollgate async policy resize --max-attempts 10 --backoff 5,30,120 --priority high\n  \
        tollgate async policy resize --max-attempts 185 --backoff first=5,factor=2,max=300,jitter=0.2\n  \
        tollgate async policy resize --remove\n\n\
        What is set goes before the function's event invoke configs. What is not named keeps its value.")]
    Policy(Policy),
}

/// Where to ask, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, Args)]
pub(crate) struct ListEvents {
    /// Only this function's
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// queued, waiting, running, succeeded, dead or cancelled
    #[arg(long, value_parser = word::<EventStatus>)]
    pub(crate) status: Option<EventStatus>,
    /// Accepted no longer ago than: 30s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) since: Option<TimeDelta>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Which dead letters.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// Only this function's
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Only those that ended so: `RetriesExhausted`, `EventAgeExceeded`, `FunctionNotFound`, ...
    #[arg(long)]
    pub(crate) condition: Option<String>,
    /// Dead no longer ago than: 30s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) since: Option<TimeDelta>,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    /// Show this event's, with its payload
    #[arg(conflicts_with_all = ["function", "condition", "since", "redriven", "not_redriven"])]
    pub(crate) request_id: Option<Uuid>,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Only those that were redriven
    #[arg(long, conflicts_with = "not_redriven")]
    pub(crate) redriven: bool,
    /// Only those that were not
    #[arg(long)]
    pub(crate) not_redriven: bool,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How many a second: 1 to 10000
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) rate: u32,
    /// Only say how many there are
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the redrive's id and end, instead of showing how far it is
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) no_wait: bool,
    /// Show how far a redrive is that was begun before
    #[arg(long, value_name = "ID", conflicts_with_all = ["function", "condition", "since", "dry_run", "no_wait"])]
    pub(crate) watch: Option<Uuid>,
    /// Stop a redrive where it is
    #[arg(long, value_name = "ID", conflicts_with_all = ["function", "condition", "since", "dry_run", "no_wait", "watch"])]
    pub(crate) stop: Option<Uuid>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["function", "dead_letters"]))]
pub(crate) struct Purge {
    /// Delete dead letters, instead of cancelling events
    #[arg(long)]
    pub(crate) dead_letters: bool,
    /// Of this function; dead letters of all functions go where none is named
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Only dead letters that ended so: `RetriesExhausted`, `EventAgeExceeded`, ...
    #[arg(long, requires = "dead_letters")]
    pub(crate) condition: Option<String>,
    /// Only dead letters that died no longer ago than: 30s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", requires = "dead_letters", value_parser = parse_span)]
    pub(crate) since: Option<TimeDelta>,
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
pub(crate) struct Undelivered {
    /// Show this one, with the record
    #[arg(conflicts_with = "function")]
    pub(crate) id: Option<Uuid>,
    /// Only of events of this function
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// Name of the function
    pub(crate) function: String,
    /// Runs in all that its errors may cause, the first included: 1 to 185
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<u8>,
    /// An event ends after: 60s to 1d
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) max_age: Option<TimeDelta>,
    /// Waits in seconds (5,30,120: the last one repeats), or first=5,factor=2,max=300,jitter=0.2
    #[arg(long, value_name = "WAITS", value_parser = crate::client::events::policy::parse_backoff)]
    pub(crate) backoff: Option<gateway::api::types::Backoff>,
    /// high, normal or low
    #[arg(long, value_parser = word::<Priority>)]
    pub(crate) priority: Option<Priority>,
    /// Remove the policy: AWS's rules hold again
    #[arg(long, conflicts_with_all = ["max_attempts", "max_age", "backoff", "priority"])]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Queue {
    /// Only this function's
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,
    /// Print it once and end
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A word of the API's, such as `dead`.
pub(super) fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
