//! Handlers, called as the wire calls them, over a real database: answers and AWS's texts.

mod rules;
mod targets;

use std::fmt::Debug;

use aws_model::events::{PutRuleRequest, PutRuleResponse, PutTargetsRequest, Target};
use wire::Fault;

use super::{rules as handlers, targets as target_handlers};
use crate::samples::{ALICE, World};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111111111111:function:f";

/// The least that makes a rule.
fn request(name: &str) -> PutRuleRequest {
    PutRuleRequest {
        name: name.to_owned(),
        schedule_expression: text("rate(5 minutes)"),
        ..PutRuleRequest::default()
    }
}

async fn put(world: &World, input: PutRuleRequest) -> Result<PutRuleResponse, Fault> {
    handlers::put(world.call(ALICE), input).await
}

fn target(id: &str) -> Target {
    Target {
        id: id.to_owned(),
        arn: FUNCTION.to_owned(),
        ..Target::default()
    }
}

async fn put_targets(world: &World, rule: &str, targets: Vec<Target>) -> Result<(), Fault> {
    let input = PutTargetsRequest {
        rule: rule.to_owned(),
        event_bus_name: None,
        targets,
    };
    let put = target_handlers::put(world.call(ALICE), input).await?;
    assert_eq!(
        (put.failed_entry_count, put.failed_entries),
        (Some(0), Some(vec![]))
    );
    Ok(())
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Fault>, code: &str, text: &str) {
    let fault = result.expect_err("this should be refused");
    assert_eq!(
        (fault.status(), fault.code(), fault.message()),
        (400, code, text)
    );
}

#[track_caller]
fn invalid<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, "ValidationException", text);
}

#[track_caller]
fn not_found<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, "ResourceNotFoundException", text);
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a member of a request is an option"
)]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
