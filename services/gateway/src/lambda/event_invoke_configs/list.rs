//! `ListFunctionEventInvokeConfigs`: of all of a function's qualifiers.

use aws_model::lambda::{
    ListFunctionEventInvokeConfigsRequest, ListFunctionEventInvokeConfigsResponse,
};
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::lambda::{faults, names, paging};

pub(in crate::lambda) async fn list(
    cx: Call,
    input: ListFunctionEventInvokeConfigsRequest,
) -> Result<ListFunctionEventInvokeConfigsResponse, Fault> {
    let action = "lambda:ListFunctionEventInvokeConfigs";
    let arn = names::unqualified(&cx, action, &input.function_name)?;
    let after = paging::read_qualifier_marker(input.marker.as_deref())?;
    let size = paging::page_size(input.max_items);
    let store = &cx.app.store;
    let mut configs = store
        .event_invoke_configs(&arn, after.as_ref(), size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if configs.is_empty()
        && !store
            .function_exists(&arn)
            .await
            .map_err(|error| crate::internal(&error, &cx))?
    {
        return Err(faults::function_missing());
    }
    let next_marker =
        paging::cut(&mut configs, size).map(|last| paging::qualifier_marker(&last.qualifier));
    let configs = configs.into_iter().map(|found| {
        let arn = arn.clone().qualified(Some(found.qualifier));
        answer::of(&arn, &found.config, found.last_modified)
    });
    Ok(ListFunctionEventInvokeConfigsResponse {
        function_event_invoke_configs: Some(configs.collect()),
        next_marker,
    })
}
