//! What takes the records of asynchronous invocations, and the dead events.

use domain::{Destination, FunctionArn};
use wire::Fault;

use super::faults;
use crate::call::Call;

/// What a request makes of a destination.
pub(super) enum Change {
    /// It does not name it.
    Keep,
    Set(Option<Destination>),
}

impl Change {
    pub(super) fn apply(self, current: &mut Option<Destination>) {
        match self {
            Self::Keep => {}
            Self::Set(destination) => *current = destination,
        }
    }
}

/// Refuses a function that cannot take what becomes of `arn`'s invocations: itself, or one that is not here. What does not
/// live in Tollgate is taken at its word.
pub(super) async fn check(
    cx: &Call,
    arn: &FunctionArn,
    destination: &Destination,
) -> Result<(), Fault> {
    let Destination::Function(target) = destination else {
        return Ok(());
    };
    if target.clone().qualified(None) == arn.clone().qualified(None) {
        return Err(faults::own_destination());
    }
    let here = target.account == cx.account && target.region == cx.region;
    let exists = here
        && cx
            .app
            .store
            .qualifier_exists(target)
            .await
            .map_err(|error| crate::internal(&error, cx))?;
    if exists {
        Ok(())
    } else {
        Err(faults::bad_destination(destination))
    }
}

/// Whether it is an SQS queue or an SNS topic that keeps an order. Lambda takes standard ones only.
pub(super) fn is_fifo(destination: &Destination) -> bool {
    match destination {
        Destination::Sqs(arn) | Destination::Sns(arn) => arn.rsplit('.').next() == Some("fifo"),
        Destination::Function(_) | Destination::EventBridge(_) | Destination::S3(_) => false,
    }
}
