//! Log groups. A function's group is made by its first line; nobody has to create it.

use aws_model::Unit;
use aws_model::logs::{
    CreateLogGroupRequest, DeleteLogGroupRequest, DescribeLogGroupsRequest,
    DescribeLogGroupsResponse, LogGroup,
};
use store::logs::Group;
use wire::Fault;

use super::{faults, names, sweep, tokens};
use crate::call::Call;

const PAGE: u32 = 50;
/// The only class there is.
const STANDARD: &str = "STANDARD";

pub(super) async fn create(cx: Call, input: CreateLogGroupRequest) -> Result<Unit, Fault> {
    if input.kms_key_id.is_some() {
        return Err(faults::unsupported("kmsKeyId"));
    }
    if input.log_group_class.is_some_and(|class| class != STANDARD) {
        return Err(faults::unsupported("log group classes other than STANDARD"));
    }
    if input.deletion_protection_enabled == Some(true) {
        return Err(faults::unsupported("deletionProtectionEnabled"));
    }
    let now = cx.app.clock.now();
    let created = cx
        .app
        .store
        .create_log_group(cx.account, &cx.region, &input.log_group_name, now)
        .await;
    if created.map_err(|error| crate::internal(&error, &cx))? {
        Ok(Unit::default())
    } else {
        Err(faults::group_exists())
    }
}

pub(super) async fn delete(cx: Call, input: DeleteLogGroupRequest) -> Result<Unit, Fault> {
    let now = cx.app.clock.now();
    let deleted = cx
        .app
        .store
        .delete_log_group(cx.account, &cx.region, &input.log_group_name, now)
        .await;
    if !deleted.map_err(|error| crate::internal(&error, &cx))? {
        return Err(faults::no_group());
    }
    cx.app.life.spawn(
        "sweep logs",
        sweep::sweep(cx.app.store.clone(), cx.app.life.clone()),
    );
    Ok(Unit::default())
}

pub(super) async fn describe(
    cx: Call,
    input: DescribeLogGroupsRequest,
) -> Result<DescribeLogGroupsResponse, Fault> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(faults::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    if input
        .log_group_class
        .as_deref()
        .is_some_and(|class| class != STANDARD)
    {
        return Ok(answer(&cx, Vec::new(), None));
    }
    if let Some(identifiers) = &input.log_group_identifiers {
        return of_identifiers(&cx, identifiers).await;
    }
    let after = input
        .next_token
        .as_deref()
        .map(tokens::read_name)
        .transpose()?;
    let limit = names::limit(input.limit, PAGE);
    let prefix = input.log_group_name_prefix.unwrap_or_default();
    let part = input.log_group_name_pattern.unwrap_or_default();
    let mut groups = cx
        .app
        .store
        .log_groups(
            cx.account,
            &cx.region,
            &prefix,
            &part,
            after.as_deref(),
            limit + 1,
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let more = groups.len() > limit as usize;
    groups.truncate(limit as usize);
    let next = groups
        .last()
        .filter(|_| more)
        .map(|group| tokens::name(&group.name));
    Ok(answer(&cx, groups, next))
}

/// Those of the named groups that exist.
async fn of_identifiers(
    cx: &Call,
    identifiers: &[String],
) -> Result<DescribeLogGroupsResponse, Fault> {
    let mut groups = Vec::new();
    for identifier in identifiers {
        let name = names::of_identifier(cx, identifier)?;
        // Of the names that begin so, the name itself comes first.
        let found = cx
            .app
            .store
            .log_groups(cx.account, &cx.region, &name, "", None, 1)
            .await;
        let found = found.map_err(|error| crate::internal(&error, cx))?;
        groups.extend(found.into_iter().filter(|group| group.name == name));
    }
    Ok(answer(cx, groups, None))
}

fn answer(cx: &Call, groups: Vec<Group>, next_token: Option<String>) -> DescribeLogGroupsResponse {
    let group = |group: Group| {
        let arn = names::group_arn(cx, &group.name);
        LogGroup {
            creation_time: Some(group.created_at.timestamp_millis()),
            metric_filter_count: Some(0),
            arn: Some(format!("{arn}:*")),
            stored_bytes: Some(group.stored_bytes),
            log_group_class: Some(STANDARD.to_owned()),
            log_group_arn: Some(arn),
            log_group_name: Some(group.name),
            deletion_protection_enabled: Some(false),
            ..LogGroup::default()
        }
    };
    DescribeLogGroupsResponse {
        log_groups: Some(groups.into_iter().map(group).collect()),
        next_token,
    }
}
