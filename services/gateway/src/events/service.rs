//! The operations of `EventBridge`, bound to their handlers.

use aws_model::events::{
    DeleteRule, DescribeRule, DisableRule, EnableRule, ListRuleNamesByTarget, ListRules,
    ListTagsForResource, ListTargetsByRule, PutRule, PutTargets, RemoveTargets, SERVICE,
    TagResource, UntagResource,
};
use wire::Service;

use super::{rules, tags, targets};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(PutRule, rules::put)
        .bind(DescribeRule, rules::describe)
        .bind(ListRules, rules::list)
        .bind(EnableRule, rules::enable)
        .bind(DisableRule, rules::disable)
        .bind(DeleteRule, rules::delete)
        .bind(PutTargets, targets::put)
        .bind(RemoveTargets, targets::remove)
        .bind(ListTargetsByRule, targets::list)
        .bind(ListRuleNamesByTarget, targets::rules)
        .bind(TagResource, tags::tag)
        .bind(UntagResource, tags::untag)
        .bind(ListTagsForResource, tags::list)
}
