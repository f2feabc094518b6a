//! Handlers, called as the wire calls them, over a real database: answers and AWS's texts.

mod groups;
mod schedules;
mod validations;

use std::fmt::Debug;

use aws_model::scheduler::{
    CreateScheduleGroupInput, CreateScheduleInput, CreateScheduleOutput, DeleteScheduleInput,
    DeleteScheduleOutput, FlexibleTimeWindow, GetScheduleInput, GetScheduleOutput, Target,
};
use wire::Fault;

use super::{groups as group_handlers, schedules as handlers};
use crate::samples::{ALICE, World};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111111111111:function:f";
const ROLE: &str = "arn:aws:iam::111111111111:role/r";

/// The least that creates a schedule.
fn request(name: &str) -> CreateScheduleInput {
    CreateScheduleInput {
        name: name.to_owned(),
        schedule_expression: "rate(5 minutes)".to_owned(),
        target: target(FUNCTION),
        flexible_time_window: off(),
        ..CreateScheduleInput::default()
    }
}

fn target(arn: &str) -> Target {
    Target {
        arn: arn.to_owned(),
        role_arn: ROLE.to_owned(),
        ..Target::default()
    }
}

fn off() -> FlexibleTimeWindow {
    FlexibleTimeWindow {
        mode: "OFF".to_owned(),
        maximum_window_in_minutes: None,
    }
}

async fn create(world: &World, input: CreateScheduleInput) -> Result<CreateScheduleOutput, Fault> {
    handlers::create(world.call(ALICE), input).await
}

async fn get(world: &World, group: Option<&str>, name: &str) -> Result<GetScheduleOutput, Fault> {
    let input = GetScheduleInput {
        name: name.to_owned(),
        group_name: group.map(str::to_owned),
    };
    handlers::get(world.call(ALICE), input).await
}

async fn delete(
    world: &World,
    group: Option<&str>,
    name: &str,
) -> Result<DeleteScheduleOutput, Fault> {
    let input = DeleteScheduleInput {
        name: name.to_owned(),
        group_name: group.map(str::to_owned),
        client_token: None,
    };
    handlers::delete(world.call(ALICE), input).await
}

/// Alice's group.
async fn make_group(world: &World, name: &str) {
    let input = CreateScheduleGroupInput {
        name: name.to_owned(),
        ..CreateScheduleGroupInput::default()
    };
    group_handlers::create(world.call(ALICE), input)
        .await
        .unwrap();
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, Fault>, status: u16, code: &str, text: &str) {
    let fault = result.expect_err("this should be refused");
    assert_eq!(
        (fault.status(), fault.code(), fault.message()),
        (status, code, text)
    );
}

#[track_caller]
fn invalid<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, 400, "ValidationException", text);
}

#[track_caller]
fn conflict<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, 409, "ConflictException", text);
}

#[track_caller]
fn not_found<T: Debug>(result: Result<T, Fault>, text: &str) {
    refused(result, 404, "ResourceNotFoundException", text);
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a member of a request is an option"
)]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}
