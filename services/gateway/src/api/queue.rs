//! What waits, and ending all of it.

use super::input::{Input, Nothing};
use super::looks;
use super::names;
use super::refusal::Refusal;
use super::types::{FunctionKey, FunctionQueue, Purged, QueueQuery, Queues};
use crate::call::Call;

pub(super) async fn get(
    cx: Call,
    input: Input<Nothing, QueueQuery, Nothing>,
) -> Result<Queues, Refusal> {
    let name = input.query.function.as_deref();
    let name = name.map(names::function).transpose()?;
    let queues = looks::look(&cx).await;
    let mut queues = queues.map_err(|error| Refusal::internal(&error, &cx))?;
    if let Some(name) = name {
        queues.functions.retain(|one| one.function == name.as_str());
        if queues.functions.is_empty() {
            queues.functions.push(FunctionQueue {
                function: name.to_string(),
                depth: 0,
                oldest_age_s: None,
                in_flight: 0,
                in_per_s: 0.0,
                out_per_s: None,
            });
        }
    }
    Ok(queues)
}

pub(super) async fn purge(
    cx: Call,
    input: Input<FunctionKey, Nothing, Nothing>,
) -> Result<Purged, Refusal> {
    let name = names::function(&input.path.function)?;
    let lane = cx.app.store.find_lane(cx.account, &cx.region, &name).await;
    let lane = lane.map_err(|error| Refusal::internal(&error, &cx))?;
    let (purged, more) = match lane {
        Some(lane) => super::cancel::lane(&cx, lane).await?,
        None => (0, false),
    };
    Ok(Purged { purged, more })
}
