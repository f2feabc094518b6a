//! Budgets, notifications and subscribers as clients write them.

use std::collections::BTreeMap;

use aws_model::budgets::{self as shapes, CostTypes};
use chrono::{DateTime, Months, Utc};
use domain::bill::budget::notification::Target;
use domain::bill::budget::{
    Budget, CostFilters, Kind, Notification, Subscriber, ThresholdType, TimeUnit, Watched, no_end,
    parse_amount,
};
use domain::bill::explorer::Period;
use domain::bill::explorer::usage_type::unit;
use domain::price::Sku;
use http::Uri;
use store::budgets::{NOTIFICATIONS_MAX, NewNotification, StoredBudget};
use wire::Fault;

use super::{expression, faults, limits};
use crate::call::Call;
use crate::times;

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2_048;
/// Longest life of a CUSTOM budget: all of it is looked at every minute.
const CUSTOM_MONTHS_MAX: u32 = 60;
/// Values of all cost filters together.
const FILTER_VALUES_MAX: usize = 1_000;

/// Refuses requests that name another account than the caller's.
pub(super) fn check_account(cx: &Call, account: &str) -> Result<(), Fault> {
    if account == cx.account.to_string() {
        Ok(())
    } else {
        Err(faults::foreign(account, cx.account))
    }
}

/// A budget to be written.
pub(super) async fn budget(cx: &Call, given: shapes::Budget) -> Result<StoredBudget, Fault> {
    refuse_what_we_lack(&given)?;
    let kind: Kind = given
        .budget_type
        .parse()
        .map_err(|_| faults::not_supported(&format!("A budget of type {}", given.budget_type)))?;
    check_metrics(kind, given.metrics.as_deref())?;
    let now = cx.app.clock.now();
    let time_unit = given.time_unit.parse();
    let time_unit: TimeUnit = time_unit.map_err(|_| faults::not_supported(&given.time_unit))?;
    let life = life(time_unit, given.time_period.as_ref(), now)?;
    let limits = limits::read(
        given.budget_limit,
        given.planned_budget_limits,
        (time_unit, life),
        now,
    )?;
    check_unit(cx, kind, &limits.unit).await?;
    let watched = watched(given.cost_filters, given.filter_expression.as_ref())?;
    if given.budget_name.contains('\0') {
        return Err(faults::nul("BudgetName"));
    }
    Ok(StoredBudget {
        budget: Budget {
            name: given.budget_name,
            kind,
            limit_e10: limits.limit_e10,
            planned_e10: limits.planned_e10,
            unit: limits.unit,
            time_unit,
            life,
            watched,
        },
        cost_types: cost_types(&given.cost_types.unwrap_or_default()),
        metrics: given.metrics.unwrap_or_default(),
        updated_at: now,
    })
}

fn refuse_what_we_lack(given: &shapes::Budget) -> Result<(), Fault> {
    let lacking = [
        ("AutoAdjustData", given.auto_adjust_data.is_some()),
        ("BillingViewArn", given.billing_view_arn.is_some()),
    ];
    let found = lacking.into_iter().find(|(_, is_there)| *is_there);
    found.map_or(Ok(()), |(what, _)| Err(faults::not_supported(what)))
}

fn check_metrics(kind: Kind, metrics: Option<&[String]>) -> Result<(), Fault> {
    let fits = |metric: &String| match kind {
        Kind::Cost => metric.ends_with("Cost"),
        Kind::Usage => metric == "UsageQuantity",
    };
    match metrics {
        Some(metrics) if !metrics.iter().all(fits) => Err(faults::metrics()),
        _ => Ok(()),
    }
}

/// A unit must be one that something is counted in, else the budget would never fill.
async fn check_unit(cx: &Call, kind: Kind, given: &str) -> Result<(), Fault> {
    match kind {
        Kind::Usage => {
            let mut known: Vec<&str> = Sku::ALL.into_iter().map(unit).collect();
            known.sort_unstable();
            known.dedup();
            if known.contains(&given) {
                Ok(())
            } else {
                Err(faults::usage_unit(given, &known))
            }
        }
        Kind::Cost => {
            let known = cx.app.store.currencies(cx.account).await;
            let known = known.map_err(|error| crate::internal(&error, cx))?;
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            if known.iter().any(|currency| currency == given) {
                Ok(())
            } else {
                Err(faults::currency(given, &known))
            }
        }
    }
}

/// When a budget watches: by default from the beginning of the period that runs, without an end.
fn life(
    time_unit: TimeUnit,
    given: Option<&shapes::TimePeriod>,
    now: DateTime<Utc>,
) -> Result<Period, Fault> {
    let moment = |seconds: Option<f64>| {
        let read = |seconds| times::of_seconds(seconds).ok_or_else(faults::bad_period);
        seconds.map(read).transpose()
    };
    let start = moment(given.and_then(|period| period.start))?;
    let end = moment(given.and_then(|period| period.end))?;
    let custom = time_unit == TimeUnit::Custom;
    if custom && (start.is_none() || end.is_none()) {
        return Err(faults::custom_without_period(CUSTOM_MONTHS_MAX));
    }
    let forever = Period {
        start: now,
        end: no_end(),
    };
    let life = Period {
        start: start.unwrap_or_else(|| time_unit.period(forever, now).start),
        end: end.unwrap_or_else(no_end),
    };
    if life.start >= life.end {
        return Err(faults::bad_period());
    }
    let longest = life
        .start
        .checked_add_months(Months::new(CUSTOM_MONTHS_MAX));
    if custom && longest.is_none_or(|longest| life.end > longest) {
        return Err(faults::custom_without_period(CUSTOM_MONTHS_MAX));
    }
    Ok(life)
}

/// Which charges are watched: said in one of two ways, or in none, which are all.
fn watched(
    filters: Option<CostFilters>,
    expression: Option<&shapes::Expression>,
) -> Result<Watched, Fault> {
    let Some(given) = expression else {
        let filters = filters.unwrap_or_default();
        check_filters(&filters)?;
        return Ok(Watched::CostFilters(filters));
    };
    if filters.is_some_and(|filters| !filters.is_empty()) {
        return Err(faults::filtered_twice());
    }
    expression::read(given).map(Watched::Expression)
}

fn check_filters(filters: &CostFilters) -> Result<(), Fault> {
    let values = filters.values().flatten();
    if values.clone().count() > FILTER_VALUES_MAX {
        let text = format!("A budget's cost filters have {FILTER_VALUES_MAX} values at most.");
        return Err(faults::invalid(text));
    }
    if filters.keys().chain(values).any(|text| text.contains('\0')) {
        return Err(faults::nul("CostFilters"));
    }
    let read = domain::bill::budget::filter(filters);
    read.map(drop).map_err(|error| faults::invalid(error.0))
}

/// All cost types; what was not given is as AWS has it.
fn cost_types(given: &CostTypes) -> BTreeMap<String, bool> {
    let flags = [
        ("IncludeTax", given.include_tax, true),
        ("IncludeSubscription", given.include_subscription, true),
        ("UseBlended", given.use_blended, false),
        ("IncludeRefund", given.include_refund, true),
        ("IncludeCredit", given.include_credit, true),
        ("IncludeUpfront", given.include_upfront, true),
        ("IncludeRecurring", given.include_recurring, true),
        (
            "IncludeOtherSubscription",
            given.include_other_subscription,
            true,
        ),
        ("IncludeSupport", given.include_support, true),
        ("IncludeDiscount", given.include_discount, true),
        ("UseAmortized", given.use_amortized, false),
    ];
    flags
        .into_iter()
        .map(|(name, given, default)| (name.to_owned(), given.unwrap_or(default)))
        .collect()
}

/// A notification: what it says is what it is known by.
pub(super) fn notification(given: &shapes::Notification) -> Result<Notification, Fault> {
    let invalid = |error: domain::ParseError| faults::invalid(error.0);
    let threshold_type = given.threshold_type.as_deref();
    Ok(Notification {
        measure: given.notification_type.parse().map_err(invalid)?,
        operator: given.comparison_operator.parse().map_err(invalid)?,
        // The shortest text that means this float is what the client wrote.
        threshold_e10: parse_amount(&given.threshold.to_string()).map_err(invalid)?,
        threshold_type: threshold_type
            .map_or(Ok(ThresholdType::Percentage), str::parse)
            .map_err(invalid)?,
    })
}

/// A notification to be made, with its subscribers.
pub(super) fn new_notification(
    cx: &Call,
    given: &shapes::Notification,
    subscribers: Vec<shapes::Subscriber>,
) -> Result<NewNotification, Fault> {
    if subscribers.is_empty() {
        return Err(faults::no_subscriber_given());
    }
    Ok(NewNotification {
        id: cx.app.ids.random(),
        notification: notification(given)?,
        subscribers: subscribers
            .into_iter()
            .map(|one| subscriber(cx, one))
            .collect::<Result<_, _>>()?,
    })
}

/// The notifications that come with a budget.
pub(super) fn new_notifications(
    cx: &Call,
    given: Vec<shapes::NotificationWithSubscribers>,
) -> Result<Vec<NewNotification>, Fault> {
    if given.len() > NOTIFICATIONS_MAX as usize {
        return Err(faults::too_many_notifications());
    }
    given
        .into_iter()
        .map(|one| new_notification(cx, &one.notification, one.subscribers))
        .collect()
}

/// A subscriber whose address can be told something, or would be if it were served.
pub(super) fn subscriber(cx: &Call, given: shapes::Subscriber) -> Result<Subscriber, Fault> {
    if given.address.len() > ADDRESS_BYTES_MAX {
        return Err(faults::address_too_long(ADDRESS_BYTES_MAX));
    }
    if given.address.contains('\0') {
        return Err(faults::nul("Address"));
    }
    let kind = given.subscription_type.parse();
    let subscriber = Subscriber {
        kind: kind.map_err(|error: domain::ParseError| faults::invalid(error.0))?,
        address: given.address,
    };
    let target = subscriber.target();
    match target.map_err(|error| faults::invalid(error.0))? {
        Target::Function(arn) if arn.account != cx.account => {
            Err(faults::foreign_function(&subscriber.address))
        }
        Target::Webhook(url) if !is_plain(&url) => Err(faults::bad_url(&url)),
        _ => Ok(subscriber),
    }
}

/// Whether a URL has a host, and neither a user, whose password would be shown to whoever looks, nor a fragment.
fn is_plain(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|parsed| {
        let authority = parsed.authority().map(http::uri::Authority::as_str);
        let plain = |authority: &str| !authority.contains('@');
        parsed.host().is_some_and(|host| !host.is_empty())
            && authority.is_some_and(plain)
            && !url.contains('#')
    })
}
