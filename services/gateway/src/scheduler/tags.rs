//! `TagResource`, `UntagResource`, `ListTagsForResource`: only groups have tags.

use aws_model::scheduler::{
    ListTagsForResourceInput, ListTagsForResourceOutput, Tag, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};
use store::schedule_groups::DEFAULT;
use store::tags::TagRefusal;
use wire::Fault;

use super::{faults, names};
use crate::call::Call;
use crate::tag_list;

pub(super) async fn tag(cx: Call, input: TagResourceInput) -> Result<TagResourceOutput, Fault> {
    let group = group(&cx, &input.resource_arn).await?;
    let tags = read(input.tags)?;
    cx.app
        .store
        .tag_schedule_group(cx.account, &cx.region, &group, &tags, tag_list::TAGS_MAX)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| match refusal {
            TagRefusal::NoResource => faults::no_group(&group),
            TagRefusal::TooMany => faults::invalid(tag_list::TOO_MANY),
        })?;
    Ok(TagResourceOutput {})
}

pub(super) async fn untag(
    cx: Call,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, Fault> {
    let group = group(&cx, &input.resource_arn).await?;
    let keys = tag_list::keys(input.tag_keys);
    let found = cx
        .app
        .store
        .untag_schedule_group(cx.account, &cx.region, &group, &keys)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if found {
        Ok(UntagResourceOutput {})
    } else {
        Err(faults::no_group(&group))
    }
}

pub(super) async fn list(
    cx: Call,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, Fault> {
    let group = group(&cx, &input.resource_arn).await?;
    let tags = cx
        .app
        .store
        .schedule_group_tags(cx.account, &cx.region, &group)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_group(&group))?;
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value });
    Ok(ListTagsForResourceOutput {
        tags: Some(tags.collect()),
    })
}

/// The tags of a request.
pub(super) fn read(tags: Vec<Tag>) -> Result<std::collections::BTreeMap<String, String>, Fault> {
    tag_list::read(tags.into_iter().map(|tag| (tag.key, tag.value))).map_err(faults::invalid)
}

async fn group(cx: &Call, arn: &str) -> Result<String, Fault> {
    let name = names::group_of_arn(cx, arn)?;
    if name == DEFAULT {
        let now = cx.app.clock.now();
        cx.app
            .store
            .make_default_schedule_group(cx.account, &cx.region, now)
            .await
            .map_err(|error| crate::internal(&error, cx))?;
    }
    Ok(name)
}
