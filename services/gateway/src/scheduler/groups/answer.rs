//! A group as clients see it.

use aws_model::scheduler::{GetScheduleGroupOutput, ScheduleGroupSummary};
use store::schedule_groups::{GroupState, ScheduleGroup};

use crate::call::Call;
use crate::scheduler::names;
use crate::times::seconds;

pub(super) fn of(cx: &Call, group: ScheduleGroup) -> GetScheduleGroupOutput {
    let ScheduleGroupSummary {
        arn,
        name,
        state,
        creation_date,
        last_modification_date,
    } = summary(cx, group);
    GetScheduleGroupOutput {
        arn,
        name,
        state,
        creation_date,
        last_modification_date,
    }
}

pub(super) fn summary(cx: &Call, group: ScheduleGroup) -> ScheduleGroupSummary {
    let state = match group.state {
        GroupState::Active => "ACTIVE",
        GroupState::Deleting => "DELETING",
    };
    ScheduleGroupSummary {
        arn: Some(names::group_arn(cx, &group.name)),
        name: Some(group.name),
        state: Some(state.to_owned()),
        creation_date: Some(seconds(group.created_at)),
        last_modification_date: Some(seconds(group.modified_at)),
    }
}
