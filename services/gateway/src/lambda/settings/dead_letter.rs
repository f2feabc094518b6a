//! `DeadLetterConfig`: what takes events that no attempt succeeded with.

use aws_model::lambda::DeadLetterConfig;
use domain::{Destination, FunctionArn};
use wire::Fault;

use crate::call::Call;
use crate::lambda::destinations::{self, Change};
use crate::lambda::faults;

/// What a request makes of `arn`'s target. It takes it away by an empty ARN, or none.
///
/// AWS has queues and topics only. Functions are ours.
pub(in crate::lambda) async fn dead_letter(
    cx: &Call,
    arn: &FunctionArn,
    config: Option<DeadLetterConfig>,
) -> Result<Change, Fault> {
    let Some(config) = config else {
        return Ok(Change::Keep);
    };
    let Some(text) = config.target_arn.filter(|text| !text.is_empty()) else {
        return Ok(Change::Set(None));
    };
    let target = match text.parse() {
        Ok(Destination::EventBridge(_) | Destination::S3(_)) | Err(_) => None,
        Ok(target) => Some(target),
    };
    let target = target
        .filter(|target| !destinations::is_fifo(target))
        .ok_or_else(|| faults::bad_dead_letter_target(&text))?;
    destinations::check(cx, arn, &target).await?;
    Ok(Change::Set(Some(target)))
}
