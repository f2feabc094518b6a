//! `GetFreeTierUsage`: what this month has used of each offer. An account that is billed without the free tier has no offers.

use aws_model::freetier::{FreeTierUsage, GetFreeTierUsageRequest, GetFreeTierUsageResponse};
use chrono::{DateTime, Utc};
use domain::bill::Month;
use domain::bill::budget::{Budget, Kind, PlannedLimits, Spend, TimeUnit, Watched, amount_text};
use domain::bill::explorer::Period;
use domain::bill::explorer::usage_type::{SERVICE, group, unit};
use domain::bill::statement::quantity_text;
use domain::price::{FreeTier, Sku};
use domain::{Architecture, bill::budget::parse_amount};
use wire::Fault;

use super::filter;
use crate::call::Call;
use crate::pages;

/// An allowance of every month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) usage_type: &'static str,
    pub(super) description: &'static str,
    /// What is covered by it; the first one's unit is the offer's.
    skus: &'static [Sku],
    /// In quanta of these.
    quantity: i128,
}

/// What an offer is and how much of it is used: at ten digits, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) offer: Offer,
    pub(super) unit: &'static str,
    pub(super) limit_e10: i128,
    pub(super) actual_e10: i128,
    /// By the end of the month.
    pub(super) forecast_e10: i128,
}

/// The region of both offers, and what kind they are.
pub(super) const REGION: &str = "global";
pub(super) const FREE_TIER_TYPE: &str = "Always Free";

fn offers() -> [Offer; 2] {
    let month = FreeTier::month();
    [
        Offer {
            usage_type: "Global-Lambda-GB-Second",
            description: "400,000 seconds of compute time per month for AWS Lambda as part of AWS Free Usage Tier",
            skus: &[
                Sku::Duration(Architecture::X86_64),
                Sku::Duration(Architecture::Arm64),
            ],
            quantity: month.duration,
        },
        Offer {
            usage_type: "Global-Request",
            description: "1,000,000 free requests per month for AWS Lambda as part of AWS Free Usage Tier",
            skus: &[Sku::Requests],
            quantity: month.requests,
        },
    ]
}

pub(super) async fn get(
    cx: Call,
    input: GetFreeTierUsageRequest,
) -> Result<GetFreeTierUsageResponse, Fault> {
    let filter = input.filter.map(filter::read).transpose()?;
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(bad_token)?,
        None => String::new(),
    };
    let size = pages::size(input.max_results);
    let mut found = used(&cx).await?;
    found.retain(|used| {
        let passes = filter.as_ref().is_none_or(|filter| filter.passes(used));
        passes && used.offer.usage_type > after.as_str()
    });
    let next_token = pages::cut(&mut found, size).map(|last| pages::token(last.offer.usage_type));
    Ok(GetFreeTierUsageResponse {
        free_tier_usages: found.into_iter().map(answer).collect(),
        next_token,
    })
}

/// Every offer that the account has, in the order of usage types.
async fn used(cx: &Call) -> Result<Vec<Used>, Fault> {
    let internal = |error| crate::internal(&error, cx);
    let store = &cx.app.store;
    let terms = store.billing_terms(cx.account).await.map_err(internal)?;
    if !terms.free_tier {
        return Ok(Vec::new());
    }
    let now = cx.app.clock.now();
    let offers = offers().map(|offer| (offer, watch(offer, now)));
    let period = TimeUnit::Monthly.period(month(now), now);
    let span = offers[0].1.looks_at(period, now);
    let explored = store.explore(cx.account, span).await.map_err(internal)?;
    let mut found = Vec::with_capacity(offers.len());
    for (offer, budget) in offers {
        let Spend {
            actual_e10,
            forecast_e10,
        } = budget
            .spend(period, now, explored.items())
            .map_err(|_| Fault::internal())?;
        found.push(Used {
            offer,
            unit: unit(offer.skus[0]),
            limit_e10: budget.limit_e10,
            actual_e10,
            forecast_e10: forecast_e10.unwrap_or(actual_e10),
        });
    }
    Ok(found)
}

fn month(now: DateTime<Utc>) -> Period {
    let month = Month::of(now);
    Period {
        start: month.start(),
        end: month.end(),
    }
}

/// An offer as a budget of the month: what is covered is what is watched.
fn watch(offer: Offer, now: DateTime<Utc>) -> Budget {
    let groups = offer.skus.iter().map(|sku| group(*sku).to_owned());
    let limit = quantity_text(offer.skus[0], offer.quantity);
    Budget {
        name: offer.usage_type.to_owned(),
        kind: Kind::Usage,
        limit_e10: parse_amount(&limit).unwrap_or_default(),
        unit: unit(offer.skus[0]).to_owned(),
        time_unit: TimeUnit::Monthly,
        life: month(now),
        planned_e10: PlannedLimits::new(),
        watched: Watched::CostFilters([("UsageTypeGroup".to_owned(), groups.collect())].into()),
    }
}

fn answer(used: Used) -> FreeTierUsage {
    FreeTierUsage {
        service: Some(SERVICE.to_owned()),
        operation: Some(String::new()),
        usage_type: Some(used.offer.usage_type.to_owned()),
        region: Some(REGION.to_owned()),
        actual_usage_amount: number(used.actual_e10),
        forecasted_usage_amount: number(used.forecast_e10),
        limit: number(used.limit_e10),
        unit: Some(used.unit.to_owned()),
        description: Some(used.offer.description.to_owned()),
        free_tier_type: Some(FREE_TIER_TYPE.to_owned()),
    }
}

/// The API's own type for quantities is a float.
fn number(e10: i128) -> Option<f64> {
    amount_text(e10).parse().ok()
}

/// Ours.
fn bad_token() -> Fault {
    Fault::new(
        400,
        "ValidationException",
        "The nextToken is not one that was answered here.",
    )
}
