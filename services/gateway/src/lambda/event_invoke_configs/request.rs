//! What a request sets, read and checked.

use aws_model::lambda::{
    DestinationConfig, PutFunctionEventInvokeConfigRequest, UpdateFunctionEventInvokeConfigRequest,
};
use domain::{Destination, EventConfig, FunctionArn};
use wire::Fault;

use crate::call::Call;
use crate::lambda::destinations::{self, Change};
use crate::lambda::faults;

/// The settings of a request, in which `None` is what it leaves out.
pub(super) struct Settings {
    max_retry_attempts: Option<i32>,
    max_event_age_s: Option<i32>,
    on_success: Change,
    on_failure: Change,
}

impl Settings {
    /// Refuses a request that sets nothing, and destinations that cannot be.
    pub(super) async fn read(
        cx: &Call,
        arn: &FunctionArn,
        request: Request,
    ) -> Result<Self, Fault> {
        let (on_success, on_failure) = match request.destination_config {
            Some(config) => sides(config)?,
            None => (Change::Keep, Change::Keep),
        };
        for side in [&on_failure, &on_success] {
            if let Change::Set(Some(destination)) = side {
                destinations::check(cx, arn, destination).await?;
            }
        }
        Ok(Self {
            max_retry_attempts: request.max_retry_attempts,
            max_event_age_s: request.max_event_age_s,
            on_success,
            on_failure,
        })
    }

    /// Writes what is set into `config`. The model has checked that numbers are in range.
    pub(super) fn apply(self, config: &mut EventConfig) {
        if let Some(attempts) = self.max_retry_attempts {
            config.max_retry_attempts = u8::try_from(attempts).ok();
        }
        if let Some(age_s) = self.max_event_age_s {
            config.max_event_age_s = u32::try_from(age_s).ok();
        }
        self.on_success.apply(&mut config.on_success);
        self.on_failure.apply(&mut config.on_failure);
    }
}

/// The members that both operations have.
pub(super) struct Request {
    max_retry_attempts: Option<i32>,
    max_event_age_s: Option<i32>,
    destination_config: Option<DestinationConfig>,
}

impl Request {
    pub(super) fn of_put(input: PutFunctionEventInvokeConfigRequest) -> Result<Self, Fault> {
        Self {
            max_retry_attempts: input.maximum_retry_attempts,
            max_event_age_s: input.maximum_event_age_in_seconds,
            destination_config: input.destination_config,
        }
        .checked()
    }

    pub(super) fn of_update(input: UpdateFunctionEventInvokeConfigRequest) -> Result<Self, Fault> {
        Self {
            max_retry_attempts: input.maximum_retry_attempts,
            max_event_age_s: input.maximum_event_age_in_seconds,
            destination_config: input.destination_config,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Fault> {
        let empty = self.max_retry_attempts.is_none()
            && self.max_event_age_s.is_none()
            && self.destination_config.is_none();
        if empty {
            return Err(faults::no_event_invoke_setting());
        }
        Ok(self)
    }
}

/// On success and on failure. A side without an ARN has none from now on.
fn sides(config: DestinationConfig) -> Result<(Change, Change), Fault> {
    let given = |arn: Option<String>| arn.filter(|arn| !arn.is_empty());
    let success = config.on_success.map(|side| given(side.destination));
    let failure = config.on_failure.map(|side| given(side.destination));
    let read = |side: Option<&Option<String>>, on_failure: bool| match side {
        None => Some(Change::Keep),
        Some(None) => Some(Change::Set(None)),
        Some(Some(arn)) => destination(arn, on_failure).map(|found| Change::Set(Some(found))),
    };
    match (read(success.as_ref(), false), read(failure.as_ref(), true)) {
        (Some(on_success), Some(on_failure)) => Ok((on_success, on_failure)),
        _ => Err(faults::bad_destination_config(
            success.flatten().as_deref(),
            failure.flatten().as_deref(),
        )),
    }
}

/// S3 takes records of failures only.
fn destination(arn: &str, on_failure: bool) -> Option<Destination> {
    let destination: Destination = arn.parse().ok()?;
    let refused = matches!(destination, Destination::S3(_)) && !on_failure;
    (!refused && !destinations::is_fifo(&destination)).then_some(destination)
}
