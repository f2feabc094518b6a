//! Errors of budgets: codes, statuses and texts in one place. The texts are ours, in AWS's words where those are known.

use domain::AccountId;
use store::budgets::{BUDGETS_MAX, NOTIFICATIONS_MAX, NotificationRefusal, SUBSCRIBERS_MAX};
use wire::Fault;

pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidParameterException", text)
}

fn not_found(text: impl Into<String>) -> Fault {
    Fault::new(400, "NotFoundException", text)
}

fn duplicate(text: impl Into<String>) -> Fault {
    Fault::new(400, "DuplicateRecordException", text)
}

fn too_many(text: impl Into<String>) -> Fault {
    Fault::new(400, "CreationLimitExceededException", text)
}

pub(super) fn not_supported(what: &str) -> Fault {
    invalid(format!("{what} is not supported by Tollgate yet."))
}

pub(super) fn foreign(account: &str, caller: AccountId) -> Fault {
    let text = format!("Account {caller} has no access to budgets of account {account}.");
    Fault::new(400, "AccessDeniedException", text)
}

pub(super) fn nul(what: &str) -> Fault {
    invalid(format!("{what} must not contain the character NUL."))
}

pub(super) fn bad_token() -> Fault {
    Fault::new(
        400,
        "InvalidNextTokenException",
        "The NextToken is not one that was answered here.",
    )
}

// Budgets.

pub(super) fn budget_exists(name: &str) -> Fault {
    duplicate(format!(
        "Error creating budget: {name} - the budget already exists."
    ))
}

pub(super) fn no_budget(what: &str, name: &str) -> Fault {
    not_found(format!(
        "Unable to {what}: {name} - the budget doesn't exist."
    ))
}

pub(super) fn too_many_budgets() -> Fault {
    too_many(format!("An account has {BUDGETS_MAX} budgets at most."))
}

pub(super) fn given_twice() -> Fault {
    duplicate(
        "Two notifications of the budget, or two subscribers of a notification, are the same.",
    )
}

pub(super) fn no_limit() -> Fault {
    invalid("A budget needs either a BudgetLimit or PlannedBudgetLimits.")
}

pub(super) fn planned_limits(what: &str) -> Fault {
    invalid(format!("PlannedBudgetLimits {what}."))
}

pub(super) fn filtered_twice() -> Fault {
    invalid("A budget has either CostFilters or a FilterExpression.")
}

pub(super) fn currency(unit: &str, known: &[String]) -> Fault {
    invalid(format!(
        "A COST budget is in a currency of the account's price book ({}), {unit:?} is none.",
        known.join(", ")
    ))
}

pub(super) fn usage_unit(unit: &str, known: &[&str]) -> Fault {
    invalid(format!(
        "A USAGE budget is in one of the units {}, {unit:?} is none.",
        known.join(", ")
    ))
}

pub(super) fn bad_period() -> Fault {
    invalid("A budget's TimePeriod must end after it starts, in the years 1970 to 9999.")
}

pub(super) fn custom_without_period(months_max: u32) -> Fault {
    invalid(format!(
        "A CUSTOM budget needs a TimePeriod with Start and End, of {months_max} months at most."
    ))
}

pub(super) fn metrics() -> Fault {
    invalid("A COST budget has a cost metric, a USAGE budget UsageQuantity.")
}

// Notifications and subscribers.

pub(super) fn too_many_notifications() -> Fault {
    too_many(format!(
        "A budget has {NOTIFICATIONS_MAX} notifications at most."
    ))
}

pub(super) fn no_subscriber_given() -> Fault {
    invalid("A notification needs a subscriber.")
}

pub(super) fn address_too_long(bytes_max: usize) -> Fault {
    invalid(format!("An address has {bytes_max} bytes at most."))
}

pub(super) fn foreign_function(address: &str) -> Fault {
    invalid(format!("{address} is another account's function."))
}

pub(super) fn bad_url(address: &str) -> Fault {
    invalid(format!(
        "{address} is not a URL with a host and without a user or a fragment."
    ))
}

/// `what` says what was to be done: `create notification`.
pub(super) fn refused(what: &str, budget: &str, refusal: NotificationRefusal) -> Fault {
    match refusal {
        NotificationRefusal::NoBudget => no_budget(what, budget),
        NotificationRefusal::NoNotification => not_found(format!(
            "Unable to {what}: {budget} has no such notification."
        )),
        NotificationRefusal::NoSubscriber => not_found(format!(
            "Unable to {what}: the notification has no such subscriber."
        )),
        NotificationRefusal::Exists => {
            duplicate(format!("Unable to {what}: there is the same already."))
        }
        NotificationRefusal::TooMany => too_many(format!(
            "Unable to {what}: a budget has {NOTIFICATIONS_MAX} notifications at most, a notification {SUBSCRIBERS_MAX} \
             subscribers."
        )),
        NotificationRefusal::Last => invalid(
            "A notification keeps one subscriber at least: delete the notification instead.",
        ),
    }
}
