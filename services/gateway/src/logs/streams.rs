//! Log streams: one per execution environment.

use aws_model::Unit;
use aws_model::logs::{
    CreateLogStreamRequest, DescribeLogStreamsRequest, DescribeLogStreamsResponse, LogStream,
};
use store::logs::{Order, Stream};
use wire::Fault;

use super::{faults, names, tokens};
use crate::call::Call;

const PAGE: u32 = 50;

pub(super) async fn create(cx: Call, input: CreateLogStreamRequest) -> Result<Unit, Fault> {
    let created = cx
        .app
        .store
        .create_log_stream(
            cx.account,
            &cx.region,
            &input.log_group_name,
            &input.log_stream_name,
            cx.app.clock.now(),
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match created {
        Some(true) => Ok(Unit::default()),
        Some(false) => Err(faults::stream_exists()),
        None => Err(faults::no_group()),
    }
}

pub(super) async fn describe(
    cx: Call,
    input: DescribeLogStreamsRequest,
) -> Result<DescribeLogStreamsResponse, Fault> {
    let group = names::group(&cx, input.log_group_name, input.log_group_identifier)?;
    let by_last_event = input.order_by.as_deref() == Some("LastEventTime");
    let prefix = input.log_stream_name_prefix.unwrap_or_default();
    if by_last_event && !prefix.is_empty() {
        return Err(faults::invalid(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let order = Order {
        by_last_event,
        descending: input.descending.unwrap_or(false),
    };
    let after = input
        .next_token
        .as_deref()
        .map(tokens::read_stream)
        .transpose()?;
    let after = after.as_ref().map(|(at, name)| (*at, name.as_str()));
    let limit = names::limit(input.limit, PAGE);
    let id = names::group_id(&cx, &group).await?;
    let mut streams = cx
        .app
        .store
        .log_streams(cx.account, id, &prefix, order, after, limit + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let more = streams.len() > limit as usize;
    streams.truncate(limit as usize);
    let last = streams.last().filter(|_| more);
    Ok(DescribeLogStreamsResponse {
        next_token: last.map(|stream| tokens::stream(stream.last_event_at, &stream.name)),
        log_streams: Some(
            streams
                .into_iter()
                .map(|stream| answer(&cx, &group, stream))
                .collect(),
        ),
    })
}

fn answer(cx: &Call, group: &str, stream: Stream) -> LogStream {
    LogStream {
        arn: Some(names::stream_arn(cx, group, &stream.name)),
        log_stream_name: Some(stream.name),
        creation_time: Some(stream.created_at.timestamp_millis()),
        first_event_timestamp: stream.first_event_at.map(|at| at.timestamp_millis()),
        last_event_timestamp: stream.last_event_at.map(|at| at.timestamp_millis()),
        last_ingestion_time: stream.last_stored_at.map(|at| at.timestamp_millis()),
        upload_sequence_token: None,
        stored_bytes: Some(stream.stored_bytes),
    }
}
