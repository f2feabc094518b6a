//! Budgets, their notifications, and who was told what.

mod alerts;
mod budget;
mod deliveries;
mod evaluate;
mod notifications;

pub use alerts::{Alert, Delivery, DeliveryState};
pub use budget::{BUDGETS_MAX, BudgetRefusal, StoredBudget};
pub use deliveries::{DueDelivery, Ended};
pub use evaluate::{Evaluated, Turn};
pub use notifications::{
    NOTIFICATIONS_MAX, NewNotification, NotificationRefusal, SUBSCRIBERS_MAX, StoredNotification,
};

#[cfg(test)]
mod tests;
