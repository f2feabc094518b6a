//! Lambda's operations, bound to their handlers.

use std::sync::LazyLock;

use aws_model::lambda::{
    CreateAlias, CreateFunction, DeleteAlias, DeleteFunction, DeleteFunctionConcurrency,
    DeleteFunctionEventInvokeConfig, GetAccountSettings, GetAlias, GetFunction,
    GetFunctionConcurrency, GetFunctionConfiguration, GetFunctionEventInvokeConfig,
    GetFunctionRecursionConfig, ListAliases, ListFunctionEventInvokeConfigs, ListFunctions,
    ListTags, ListVersionsByFunction, PublishVersion, PutFunctionConcurrency,
    PutFunctionEventInvokeConfig, PutFunctionRecursionConfig, SERVICE, TagResource, UntagResource,
    UpdateAlias, UpdateFunctionCode, UpdateFunctionConfiguration, UpdateFunctionEventInvokeConfig,
};
use bytes::Bytes;
use http::Response;
use uuid::Uuid;
use wire::{Fault, Service};

use super::{
    account_settings, aliases, concurrency, event_invoke_configs, functions, recursion, tags,
    versions,
};
use crate::call::Call;

/// All of Lambda but Invoke, which is served by hand.
pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(CreateFunction, functions::create)
        .bind(GetFunction, functions::get)
        .bind(GetFunctionConfiguration, functions::get_configuration)
        .bind(UpdateFunctionCode, functions::update_code)
        .bind(UpdateFunctionConfiguration, functions::update_configuration)
        .bind(DeleteFunction, functions::delete)
        .bind(ListFunctions, functions::list)
        .bind(PublishVersion, versions::publish)
        .bind(ListVersionsByFunction, versions::list)
        .bind(CreateAlias, aliases::create)
        .bind(GetAlias, aliases::get)
        .bind(UpdateAlias, aliases::update)
        .bind(DeleteAlias, aliases::delete)
        .bind(ListAliases, aliases::list)
        .bind(PutFunctionConcurrency, concurrency::put)
        .bind(GetFunctionConcurrency, concurrency::get)
        .bind(DeleteFunctionConcurrency, concurrency::delete)
        .bind(PutFunctionEventInvokeConfig, event_invoke_configs::put)
        .bind(
            UpdateFunctionEventInvokeConfig,
            event_invoke_configs::update,
        )
        .bind(GetFunctionEventInvokeConfig, event_invoke_configs::get)
        .bind(
            DeleteFunctionEventInvokeConfig,
            event_invoke_configs::delete,
        )
        .bind(ListFunctionEventInvokeConfigs, event_invoke_configs::list)
        .bind(PutFunctionRecursionConfig, recursion::put)
        .bind(GetFunctionRecursionConfig, recursion::get)
        .bind(GetAccountSettings, account_settings::get)
        .bind(TagResource, tags::tag)
        .bind(UntagResource, tags::untag)
        .bind(ListTags, tags::list)
}

/// A fault in Lambda's form, for what is served by hand.
pub(crate) fn fault(fault: &Fault, request_id: Uuid) -> Response<Bytes> {
    static ENCODER: LazyLock<Service<()>> = LazyLock::new(|| Service::new(&SERVICE));
    ENCODER.fault(fault, &request_id.to_string())
}
