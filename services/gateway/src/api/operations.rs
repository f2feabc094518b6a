//! The table of operations.

use http::{Method, StatusCode};

use super::operation::Operation;
use super::{
    async_policies, backfill, billing, budget_alerts, clock, dead_letters, events, fires,
    next_times, queue, schedules, undelivered,
};

const MISSING: &[StatusCode] = &[StatusCode::NOT_FOUND];

/// Every operation there is.
pub(super) fn all() -> Vec<Operation> {
    [
        of_events(),
        of_dead_letters(),
        of_redrives(),
        of_undelivered(),
        of_queues(),
        of_functions(),
        of_schedules(),
        of_fires(),
        of_billing(),
        of_budgets(),
        of_the_clock(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_events() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/events", "ListEvents", events::list)
            .summary("List asynchronous invocations, the newest first")
            .description(
                "Events are kept for a day at least. A page may be short, or empty, and still have a token: one request looks at a \
                 bounded number of them.",
            ),
        Operation::new(Method::GET, "/events/{request_id}", "GetEvent", events::get)
            .summary("What became of an asynchronous invocation: status, attempts, result")
            .refuses(MISSING),
        Operation::new(
            Method::POST,
            "/events/{request_id}/cancel",
            "CancelEvent",
            events::cancel,
        )
        .summary("Cancel an event that waits or runs")
        .description(
            "An attempt that runs is ended at once, and charged as far as it came. 409 where the event has ended otherwise.",
        )
        .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
    ]
}

fn of_dead_letters() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/dead-letters",
            "ListDeadLetters",
            dead_letters::list,
        )
        .summary("List events that ended without success, the newest first"),
        Operation::new(
            Method::DELETE,
            "/dead-letters",
            "PurgeDeadLetters",
            dead_letters::purge,
        )
        .summary("Delete dead letters")
        .description("Deletes for a few seconds at most; `more` says whether to ask again."),
        Operation::new(
            Method::GET,
            "/dead-letters/count",
            "CountDeadLetters",
            dead_letters::count,
        )
        .summary("How many dead letters there are"),
        Operation::new(
            Method::GET,
            "/dead-letters/{request_id}",
            "GetDeadLetter",
            dead_letters::get,
        )
        .summary("A dead letter with its payload")
        .refuses(MISSING),
    ]
}

fn of_redrives() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::POST,
            "/dead-letters/redrive",
            "StartRedrive",
            dead_letters::start_redrive,
        )
        .summary("Send dead letters through the queue again, at a given rate")
        .description(
            "Each becomes a new event with a request id of its own. Those that die after the beginning, and those that were \
             redriven before, are left out.",
        )
        .status(StatusCode::ACCEPTED),
        Operation::new(
            Method::GET,
            "/redrives/{redrive_id}",
            "GetRedrive",
            dead_letters::get_redrive,
        )
        .summary("How far a redrive is")
        .refuses(MISSING),
        Operation::new(
            Method::POST,
            "/redrives/{redrive_id}/cancel",
            "CancelRedrive",
            dead_letters::cancel_redrive,
        )
        .summary("Stop a redrive where it is")
        .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT]),
    ]
}

fn of_undelivered() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/undelivered",
            "ListUndelivered",
            undelivered::list,
        )
        .summary("List records that had nowhere to go, with the reasons, the newest first"),
        Operation::new(
            Method::GET,
            "/undelivered/{undelivered_id}",
            "GetUndelivered",
            undelivered::get,
        )
        .summary("An undelivered record with what should have been delivered")
        .refuses(MISSING),
    ]
}

fn of_queues() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/queue", "GetQueues", queue::get)
            .summary("What waits, per function: depth, age, events in flight, rates"),
        Operation::new(
            Method::POST,
            "/queue/{function}/purge",
            "PurgeQueue",
            queue::purge,
        )
        .summary("Cancel all events of a function")
        .description(
            "Those that run are ended, those that wait will not run. Cancels for a few seconds at most; `more` says whether to \
             ask again.",
        ),
    ]
}

fn of_functions() -> Vec<Operation> {
    const PATH: &str = "/functions/{function}/async-policy";
    vec![
        Operation::new(Method::GET, PATH, "GetAsyncPolicy", async_policies::get)
            .summary("How a function's asynchronous invocations are tried, beyond what AWS offers")
            .refuses(MISSING),
        Operation::new(Method::PUT, PATH, "PutAsyncPolicy", async_policies::put)
            .summary("Set how a function's asynchronous invocations are tried")
            .description(
                "Replaces the policy as a whole. It goes before the function's event invoke configs, which AWS's clients see \
                 unchanged.",
            )
            .refuses(MISSING),
        Operation::new(
            Method::DELETE,
            PATH,
            "DeleteAsyncPolicy",
            async_policies::delete,
        )
        .summary("Remove a function's policy; answers what it was")
        .refuses(MISSING),
    ]
}

fn of_schedules() -> Vec<Operation> {
    const POLICY: &str = "/schedules/{group}/{name}/policy";
    vec![
        Operation::new(Method::GET, "/schedules", "ListSchedules", schedules::list)
            .summary("List schedules, and rules' targets: state, next time, last fire"),
        Operation::new(
            Method::GET,
            "/schedules/{group}/{name}",
            "GetSchedule",
            schedules::get,
        )
        .summary("A schedule: state, next time, last fire")
        .refuses(MISSING),
        Operation::new(
            Method::POST,
            "/schedules/{group}/{name}/pause",
            "PauseSchedule",
            schedules::pause,
        )
        .summary("Let a schedule's times not come")
        .description(
            "AWS's APIs show it as DISABLED. Run now and backfill fire all the same. Not for a target of a rule: DisableRule of \
             EventBridge pauses the rule.",
        )
        .refuses(MISSING),
        Operation::new(
            Method::POST,
            "/schedules/{group}/{name}/resume",
            "ResumeSchedule",
            schedules::resume,
        )
        .summary("Let a schedule's times come again")
        .description("Those that passed meanwhile do not fire: backfill does that.")
        .refuses(MISSING),
        Operation::new(Method::GET, POLICY, "GetSchedulePolicy", schedules::get_policy)
            .summary("What becomes of missed times and of runs that overlap")
            .refuses(MISSING),
        Operation::new(Method::PUT, POLICY, "PutSchedulePolicy", schedules::put_policy)
            .summary("Set what becomes of missed times and of runs that overlap")
            .description(
                "Replaces the policy as a whole. AWS's APIs neither show nor change it. It holds for times that come by \
                 themselves, not for run now and backfill.",
            )
            .refuses(MISSING),
    ]
}

fn of_fires() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/schedules/next-times",
            "GetNextTimesOfExpression",
            next_times::of_expression,
        )
        .summary("When any schedule expression fires next"),
        Operation::new(
            Method::GET,
            "/schedules/{group}/{name}/next-times",
            "GetNextTimes",
            next_times::of_schedule,
        )
        .summary("When a schedule fires next")
        .refuses(MISSING),
        Operation::new(
            Method::GET,
            "/schedules/{group}/{name}/fires",
            "ListFires",
            fires::list,
        )
        .summary("What became of a schedule's times, the newest first")
        .description(
            "Seven days are kept. A page may be a little longer than asked for: all fires of one time are on one page.",
        )
        .refuses(MISSING),
        Operation::new(
            Method::POST,
            "/schedules/{group}/{name}/run",
            "RunSchedule",
            fires::run,
        )
        .summary("Fire a schedule now, whatever its state is")
        .refuses(&[
            StatusCode::NOT_FOUND,
            StatusCode::CONFLICT,
            StatusCode::SERVICE_UNAVAILABLE,
        ]),
        Operation::new(
            Method::POST,
            "/schedules/{group}/{name}/backfill",
            "BackfillSchedule",
            backfill::start,
        )
        .summary("Fire a schedule for all its times in a range that is over")
        .description(
            "In order, 10000 times at most. A time is backfilled once a day at most: a request that was cut off can be made \
             again. The event's scheduled time is the one that is made up for.",
        )
        .refuses(&[StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE]),
    ]
}

fn of_budgets() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/budget-alerts",
            "ListBudgetAlerts",
            budget_alerts::list,
        )
        .summary("List thresholds of budgets that were crossed, and who was told, the newest first")
        .description("Budgets and their notifications are made by AWS's own API (`aws budgets`)."),
    ]
}

fn of_the_clock() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/clock", "GetClock", clock::get)
            .summary("What time the platform has"),
        Operation::new(Method::POST, "/clock", "AdvanceClock", clock::advance)
            .summary("Move the platform's time forward")
            .description(
                "For development: only where Tollgate was started with `--dev-clock`, else 409. Whatever waits for a time that \
                 is then past falls due at once. The clock never goes back, not with a restart either.",
            )
            .refuses(&[StatusCode::CONFLICT]),
    ]
}

fn of_billing() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/billing/report",
            "GetBillingReport",
            billing::report,
        )
        .summary("Cost and usage over a span, grouped by up to two dimensions")
        .description(
            "Of the account in all regions, by its price book and free tier, before taxes and credits; an execution is in it \
             within a second. Tags are those that functions have now.",
        ),
        Operation::new(
            Method::GET,
            "/billing/forecast",
            "GetBillingForecast",
            billing::forecast,
        )
        .summary("What a month is expected to cost by its end")
        .description(
            "The usage per hour of the last seven days, or since the first usage in them, goes on until the month's end. It is \
             priced together with what the month has used so far: the free tier and volume tiers are in it.",
        ),
    ]
}
