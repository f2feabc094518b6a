//! The operations of `EventBridge` Scheduler, bound to their handlers.

use aws_model::scheduler::{
    CreateSchedule, CreateScheduleGroup, DeleteSchedule, DeleteScheduleGroup, GetSchedule,
    GetScheduleGroup, ListScheduleGroups, ListSchedules, ListTagsForResource, SERVICE, TagResource,
    UntagResource, UpdateSchedule,
};
use wire::Service;

use super::{groups, schedules, tags};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(CreateSchedule, schedules::create)
        .bind(GetSchedule, schedules::get)
        .bind(UpdateSchedule, schedules::update)
        .bind(DeleteSchedule, schedules::delete)
        .bind(ListSchedules, schedules::list)
        .bind(CreateScheduleGroup, groups::create)
        .bind(GetScheduleGroup, groups::get)
        .bind(DeleteScheduleGroup, groups::delete)
        .bind(ListScheduleGroups, groups::list)
        .bind(TagResource, tags::tag)
        .bind(UntagResource, tags::untag)
        .bind(ListTagsForResource, tags::list)
}
