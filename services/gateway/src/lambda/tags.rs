//! `TagResource`, `UntagResource`, `ListTags`: tags of functions.

use aws_model::Unit;
use aws_model::lambda::{
    ListTagsRequest, ListTagsResponse, TagResourceRequest, UntagResourceRequest,
};
use domain::{FunctionArn, egress};
use store::tags::TagRefusal;
use wire::Fault;

use super::{faults, names, settings};
use crate::call::Call;

pub(super) async fn tag(cx: Call, input: TagResourceRequest) -> Result<Unit, Fault> {
    if input.tags.is_empty() {
        let text = "An error occurred and the request cannot be processed.";
        return Err(faults::invalid(text));
    }
    let arn = function(&cx, "lambda:TagResource", &input.resource)?;
    settings::check_tags(&input.tags)?;
    cx.app
        .store
        .tag_function(&arn, &input.tags, settings::TAGS_MAX, cx.app.ids.random())
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| match refusal {
            TagRefusal::NoResource => faults::function_not_found(&arn),
            TagRefusal::TooMany => faults::too_many_tags(),
        })?;
    if input.tags.contains_key(egress::TAG) {
        cx.app.forget();
    }
    Ok(Unit {})
}

pub(super) async fn untag(cx: Call, input: UntagResourceRequest) -> Result<Unit, Fault> {
    let arn = function(&cx, "lambda:UntagResource", &input.resource)?;
    // A tag with such a key cannot exist, and the database does not take the character.
    let keys: Vec<_> = input
        .tag_keys
        .into_iter()
        .filter(|key| !key.contains('\0'))
        .collect();
    let found = cx
        .app
        .store
        .untag_function(&arn, &keys, cx.app.ids.random())
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if found && keys.iter().any(|key| key == egress::TAG) {
        cx.app.forget();
    }
    if found {
        Ok(Unit {})
    } else {
        Err(faults::function_not_found(&arn))
    }
}

pub(super) async fn list(cx: Call, input: ListTagsRequest) -> Result<ListTagsResponse, Fault> {
    let arn = function(&cx, "lambda:ListTags", &input.resource)?;
    let tags = cx
        .app
        .store
        .tags(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let tags = tags.ok_or_else(|| faults::function_not_found(&arn))?;
    Ok(ListTagsResponse { tags: Some(tags) })
}

/// The function that an ARN of a taggable resource names.
fn function(cx: &Call, action: &str, resource: &str) -> Result<FunctionArn, Fault> {
    if !resource.contains(":function:") {
        return Err(faults::not_supported("Tagging anything but functions"));
    }
    let arn = names::function(cx, action, resource, None)?;
    if arn.qualifier.is_some() {
        return Err(faults::invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    Ok(arn)
}
