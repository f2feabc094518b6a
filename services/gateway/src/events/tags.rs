//! `TagResource`, `UntagResource`, `ListTagsForResource`: tags of rules.

use std::collections::BTreeMap;

use aws_model::events::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, Tag, TagResourceRequest,
    TagResourceResponse, UntagResourceRequest, UntagResourceResponse,
};
use store::tags::TagRefusal;
use wire::Fault;

use super::{faults, names};
use crate::call::Call;
use crate::tag_list;

pub(super) async fn tag(cx: Call, input: TagResourceRequest) -> Result<TagResourceResponse, Fault> {
    let rule = names::rule_of_arn(&cx, &input.resource_arn)?;
    let tags = read(input.tags)?;
    cx.app
        .store
        .tag_rule(&rule, &tags, tag_list::TAGS_MAX)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| match refusal {
            TagRefusal::NoResource => faults::no_rule(&rule.name),
            TagRefusal::TooMany => faults::invalid(tag_list::TOO_MANY),
        })?;
    Ok(TagResourceResponse {})
}

pub(super) async fn untag(
    cx: Call,
    input: UntagResourceRequest,
) -> Result<UntagResourceResponse, Fault> {
    let rule = names::rule_of_arn(&cx, &input.resource_arn)?;
    let keys = tag_list::keys(input.tag_keys);
    let found = cx
        .app
        .store
        .untag_rule(&rule, &keys)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if found {
        Ok(UntagResourceResponse {})
    } else {
        Err(faults::no_rule(&rule.name))
    }
}

pub(super) async fn list(
    cx: Call,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Fault> {
    let rule = names::rule_of_arn(&cx, &input.resource_arn)?;
    let tags = cx
        .app
        .store
        .rule_tags(&rule)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_rule(&rule.name))?;
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceResponse {
        tags: Some(tags.collect()),
    })
}

/// The tags of a request.
pub(super) fn read(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Fault> {
    tag_list::read(tags.into_iter().map(|tag| (tag.key, tag.value))).map_err(faults::invalid)
}
