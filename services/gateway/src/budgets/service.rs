//! The operations of budgets, bound to their handlers.

use aws_model::budgets::{
    CreateBudget, CreateNotification, CreateSubscriber, DeleteBudget, DeleteNotification,
    DeleteSubscriber, DescribeBudget, DescribeBudgets, DescribeNotificationsForBudget,
    DescribeSubscribersForNotification, SERVICE, UpdateBudget, UpdateNotification,
};
use wire::Service;

use super::{budget, notification, subscriber};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(CreateBudget, budget::create)
        .bind(DescribeBudget, budget::describe)
        .bind(DescribeBudgets, budget::list)
        .bind(UpdateBudget, budget::update)
        .bind(DeleteBudget, budget::delete)
        .bind(CreateNotification, notification::create)
        .bind(UpdateNotification, notification::update)
        .bind(DeleteNotification, notification::delete)
        .bind(DescribeNotificationsForBudget, notification::list)
        .bind(CreateSubscriber, subscriber::create)
        .bind(DeleteSubscriber, subscriber::delete)
        .bind(DescribeSubscribersForNotification, subscriber::list)
}
