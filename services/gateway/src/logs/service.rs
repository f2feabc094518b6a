//! The operations of `CloudWatch` Logs, bound to their handlers.

use aws_model::logs::{
    CreateLogGroup, CreateLogStream, DeleteLogGroup, DescribeLogGroups, DescribeLogStreams,
    FilterLogEvents, GetLogEvents, SERVICE,
};
use wire::Service;

use super::{events, filter, groups, streams};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(CreateLogGroup, groups::create)
        .bind(DescribeLogGroups, groups::describe)
        .bind(DeleteLogGroup, groups::delete)
        .bind(CreateLogStream, streams::create)
        .bind(DescribeLogStreams, streams::describe)
        .bind(GetLogEvents, events::get)
        .bind(FilterLogEvents, filter::events)
}
