//! `tollgate schedules policy`.

use anyhow::Result;
use chrono::TimeDelta;
use gateway::api::types::{MissedRuns, Overlap, SchedulePolicy, SetSchedulePolicy};
use http::Method;
use serde_json::json;

use super::one::path;
use crate::args::SetPolicy;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;
use crate::client::span_text;

pub(super) async fn run(args: SetPolicy) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let path = path(&args.key, "policy");
    let mut policy: SchedulePolicy = endpoint.ask(&path).await?;
    if args.missed.is_some() || args.catch_up.is_some() || args.overlap.is_some() {
        let body = json!(changed(&args, policy));
        policy = endpoint.tollgate(Method::PUT, &path, &body).await?;
    }
    if args.output.json {
        return print_json(&policy);
    }
    print(text(&args.key.name, policy).as_bytes())
}

/// What there is, with what the arguments name.
fn changed(args: &SetPolicy, is: SchedulePolicy) -> SetSchedulePolicy {
    let catch_up = args.catch_up.map(|span| span.num_seconds());
    // What is too long for the API is too long in any case.
    let catch_up = catch_up.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    SetSchedulePolicy {
        missed: args.missed.unwrap_or(is.missed),
        catch_up_s: Some(catch_up.unwrap_or(is.catch_up_s)),
        overlap: args.overlap.unwrap_or(is.overlap),
    }
}

fn text(name: &str, policy: SchedulePolicy) -> String {
    let missed = match policy.missed {
        MissedRuns::All => "each is made up for",
        MissedRuns::Last => "the last one is made up for",
        MissedRuns::Skip => "they are left out",
    };
    let overlap = match policy.overlap {
        Overlap::Allow => "it fires all the same",
        Overlap::Skip => "it is left out",
        Overlap::BufferOne => "one waits for the end",
        Overlap::CancelOther => "the one that has not ended is cancelled",
    };
    let catch_up = span_text(TimeDelta::seconds(policy.catch_up_s.into()));
    format!(
        "Schedule  {name}\nMissed    {}: {missed}\nCatch-up  {catch_up} at most\nOverlap   {}: {overlap}",
        policy.missed.as_str(),
        policy.overlap.as_str(),
    )
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn a_policy_in_words() {
        let expected = "\
Schedule  report
Missed    last: the last one is made up for
Catch-up  1 h at most
Overlap   skip: it is left out";
        assert_eq!(text("report", SchedulePolicy::example()), expected);
    }
}
