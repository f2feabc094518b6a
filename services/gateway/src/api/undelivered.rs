//! Records that had nowhere to go.

use super::input::{Input, Nothing};
use super::names;
use super::paging;
use super::refusal::Refusal;
use super::types::{
    Payload, TargetKind, Undelivered, UndeliveredKey, UndeliveredPage, UndeliveredQuery,
    UndeliveredWithRecord,
};
use crate::call::Call;

pub(super) async fn list(
    cx: Call,
    input: Input<Nothing, UndeliveredQuery, Nothing>,
) -> Result<UndeliveredPage, Refusal> {
    let query = input.query;
    let limit = paging::limit(query.limit)?;
    let before = paging::after(query.next_token.as_deref())?;
    if let Some(name) = &query.function {
        names::function(name)?;
    }
    let function = query.function.as_deref();
    let found = cx
        .app
        .store
        .undelivered(cx.account, &cx.region, function, before, limit)
        .await
        .map_err(|error| Refusal::internal(&error, &cx))?;
    Ok(UndeliveredPage {
        next_token: paging::next(&found, limit, |record| record.id),
        undelivered: found.into_iter().map(record).collect(),
    })
}

pub(super) async fn get(
    cx: Call,
    input: Input<UndeliveredKey, Nothing, Nothing>,
) -> Result<UndeliveredWithRecord, Refusal> {
    let id = input.path.undelivered_id;
    let store = &cx.app.store;
    let found = store.undelivered_record(cx.account, &cx.region, id).await;
    let found = found.map_err(|error| Refusal::internal(&error, &cx))?;
    let missing = || Refusal::missing(format!("There is no undelivered record {id}."));
    let found = found.ok_or_else(missing)?;
    Ok(UndeliveredWithRecord {
        undelivered: record(found.record),
        record: Payload::of(found.body),
    })
}

fn record(found: store::events::Undelivered) -> Undelivered {
    Undelivered {
        undelivered_id: found.id,
        request_id: found.event,
        function: found.function,
        kind: match found.kind {
            store::events::TargetKind::OnSuccess => TargetKind::OnSuccess,
            store::events::TargetKind::OnFailure => TargetKind::OnFailure,
            store::events::TargetKind::DeadLetter => TargetKind::DeadLetter,
        },
        target: found.target,
        reason: found.reason,
        at: found.at,
        record_bytes: found.body_bytes,
    }
}
