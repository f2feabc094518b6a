//! The platform's time, and the development clock.

use chassis::dev_clock::Error;
use chrono::TimeDelta;

use super::input::{Input, Nothing};
use super::refusal::Refusal;
use super::types::{AdvanceClock, ClockState};
use crate::call::{App, Call};

pub(super) async fn get(
    cx: Call,
    _: Input<Nothing, Nothing, Nothing>,
) -> Result<ClockState, Refusal> {
    Ok(state(&cx.app))
}

pub(super) async fn advance(
    cx: Call,
    input: Input<Nothing, Nothing, AdvanceClock>,
) -> Result<ClockState, Refusal> {
    let Some(clock) = cx.app.dev_clock.clone() else {
        return Err(Refusal::conflict(
            "The clock of this Tollgate is the host's. One that was started with `tollgate up --dev-clock` can be moved.",
        ));
    };
    let by = i64::try_from(input.body.advance_ms)
        .ok()
        .and_then(TimeDelta::try_milliseconds)
        .ok_or_else(|| Refusal::invalid(Error::TooFar.to_string()))?;
    // It waits for the disk.
    let moved = tokio::task::spawn_blocking(move || clock.advance(by)).await;
    match moved {
        Ok(Ok(_)) => Ok(state(&cx.app)),
        Ok(Err(error @ (Error::NotForward | Error::TooFar))) => {
            Err(Refusal::invalid(format!("advance_ms: {error}.")))
        }
        Ok(Err(error)) => Err(Refusal::internal(&error, &cx)),
        Err(error) => Err(Refusal::internal(&error, &cx)),
    }
}

fn state(app: &App) -> ClockState {
    let offset = app.clock.offset();
    ClockState {
        now: app.clock.now(),
        host_now: app.host_clock.now(),
        offset_ms: offset.num_milliseconds(),
        movable: app.dev_clock.is_some(),
    }
}
