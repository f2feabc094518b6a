//! Thresholds of budgets and who subscribed to them.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::budget::{Notification, Subscriber, parse_amount};
use sqlx::PgConnection;
use uuid::Uuid;

use super::budget::numeric;
use crate::{Error, Store};

/// Notifications that a budget may have.
pub const NOTIFICATIONS_MAX: u32 = 10;
/// Subscribers that a notification may have.
pub const SUBSCRIBERS_MAX: u32 = 11;

/// A notification to be made, with its first subscribers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    pub id: Uuid,
    pub notification: Notification,
    pub subscribers: Vec<Subscriber>,
}

/// A notification as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredNotification {
    pub id: Uuid,
    pub notification: Notification,
    /// Whether its threshold was crossed in the period asked for.
    pub alarm: bool,
}

/// Why a notification or a subscriber was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationRefusal {
    NoBudget,
    NoNotification,
    NoSubscriber,
    /// There is the same already.
    Exists,
    TooMany,
    /// A notification without a subscriber is none.
    Last,
}

/// Inserts a notification; `false` where it or one of its subscribers is there twice.
pub(super) async fn insert(
    connection: &mut PgConnection,
    account: AccountId,
    budget: &str,
    new: &NewNotification,
) -> Result<bool, Error> {
    let notification = &new.notification;
    let made = sqlx::query!(
        "INSERT INTO billing.budget_notification (id, account_id, budget_name, measure, operator, threshold, threshold_type)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        new.id,
        account.number(),
        budget,
        notification.measure.as_str(),
        notification.operator.as_str(),
        numeric(notification.threshold_e10)?,
        notification.threshold_type.as_str(),
    )
    .execute(&mut *connection)
    .await?;
    if made.rows_affected() == 0 {
        return Ok(false);
    }
    for subscriber in &new.subscribers {
        if !insert_subscriber(connection, new.id, subscriber).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn insert_subscriber(
    connection: &mut PgConnection,
    notification: Uuid,
    subscriber: &Subscriber,
) -> Result<bool, Error> {
    let made = sqlx::query!(
        "INSERT INTO billing.budget_subscriber (notification_id, kind, address) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        notification,
        subscriber.kind.as_str(),
        subscriber.address,
    )
    .execute(connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Makes whoever changes a budget's notifications wait for us; `false` where there is no such budget.
async fn lock(
    connection: &mut PgConnection,
    account: AccountId,
    budget: &str,
) -> Result<bool, Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT 1 AS "one!" FROM billing.budget WHERE account_id = $1 AND name = $2 FOR UPDATE"#,
        account.number(),
        budget,
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// The id of a budget's notification, which is known by what it says.
async fn find(
    connection: &mut PgConnection,
    account: AccountId,
    budget: &str,
    notification: &Notification,
) -> Result<Option<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM billing.budget_notification
         WHERE account_id = $1 AND budget_name = $2 AND measure = $3 AND operator = $4 AND threshold = $5 AND threshold_type = $6",
        account.number(),
        budget,
        notification.measure.as_str(),
        notification.operator.as_str(),
        numeric(notification.threshold_e10)?,
        notification.threshold_type.as_str(),
    )
    .fetch_optional(connection)
    .await?)
}

struct Row {
    id: Uuid,
    measure: String,
    operator: String,
    threshold: String,
    threshold_type: String,
    alarm: bool,
}

impl TryFrom<Row> for StoredNotification {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let notification = read(
            &row.measure,
            &row.operator,
            &row.threshold,
            &row.threshold_type,
        )?;
        Ok(Self {
            id: row.id,
            notification,
            alarm: row.alarm,
        })
    }
}

pub(super) fn read(
    measure: &str,
    operator: &str,
    threshold: &str,
    threshold_type: &str,
) -> Result<Notification, Error> {
    let wrong = |column| move |_| Error::Inconsistent(column);
    Ok(Notification {
        measure: measure
            .parse()
            .map_err(wrong("budget_notification.measure"))?,
        operator: operator
            .parse()
            .map_err(wrong("budget_notification.operator"))?,
        threshold_e10: parse_amount(threshold).map_err(wrong("budget_notification.threshold"))?,
        threshold_type: threshold_type
            .parse()
            .map_err(wrong("budget_notification.threshold_type"))?,
    })
}

impl Store {
    /// A budget's notifications, the lowest threshold first, with whether they were crossed in the period that starts at
    /// `period`;
    /// `None` where there is no such budget.
    pub async fn budget_notifications(
        &self,
        account: AccountId,
        budget: &str,
        period: Option<DateTime<Utc>>,
    ) -> Result<Option<Vec<StoredNotification>>, Error> {
        let mut connection = self.pool.acquire().await?;
        let known = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM billing.budget WHERE account_id = $1 AND name = $2) AS "known!""#,
            account.number(),
            budget,
        )
        .fetch_one(&mut *connection)
        .await?;
        if !known {
            return Ok(None);
        }
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT n.id, n.measure, n.operator, n.threshold::text AS "threshold!", n.threshold_type,
                   EXISTS (SELECT FROM billing.budget_alert AS a
                           WHERE a.notification_id = n.id AND a.period_start = $3) AS "alarm!"
               FROM billing.budget_notification AS n
               WHERE n.account_id = $1 AND n.budget_name = $2
               ORDER BY n.threshold, n.measure, n.operator, n.threshold_type"#,
            account.number(),
            budget,
            period,
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.into_iter()
            .map(StoredNotification::try_from)
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Adds a notification with its subscribers.
    pub async fn create_budget_notification(
        &self,
        account: AccountId,
        budget: &str,
        new: &NewNotification,
    ) -> Result<Result<(), NotificationRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account, budget).await? {
            return Ok(Err(NotificationRefusal::NoBudget));
        }
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM billing.budget_notification WHERE account_id = $1 AND budget_name = $2"#,
            account.number(),
            budget,
        )
        .fetch_one(&mut *tx)
        .await?;
        if !insert(&mut tx, account, budget, new).await? {
            return Ok(Err(NotificationRefusal::Exists));
        }
        if count >= i64::from(NOTIFICATIONS_MAX) {
            return Ok(Err(NotificationRefusal::TooMany));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Makes one notification say what another would; its subscribers stay.
    pub async fn update_budget_notification(
        &self,
        account: AccountId,
        budget: &str,
        old: &Notification,
        new: &Notification,
    ) -> Result<Result<(), NotificationRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account, budget).await? {
            return Ok(Err(NotificationRefusal::NoBudget));
        }
        let Some(id) = find(&mut tx, account, budget, old).await? else {
            return Ok(Err(NotificationRefusal::NoNotification));
        };
        let other = find(&mut tx, account, budget, new).await?;
        if other.is_some_and(|other| other != id) {
            return Ok(Err(NotificationRefusal::Exists));
        }
        sqlx::query!(
            "UPDATE billing.budget_notification SET measure = $2, operator = $3, threshold = $4, threshold_type = $5 WHERE id = $1",
            id,
            new.measure.as_str(),
            new.operator.as_str(),
            numeric(new.threshold_e10)?,
            new.threshold_type.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Deletes a notification with its subscribers.
    pub async fn delete_budget_notification(
        &self,
        account: AccountId,
        budget: &str,
        notification: &Notification,
    ) -> Result<Result<(), NotificationRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account, budget).await? {
            return Ok(Err(NotificationRefusal::NoBudget));
        }
        let Some(id) = find(&mut tx, account, budget, notification).await? else {
            return Ok(Err(NotificationRefusal::NoNotification));
        };
        sqlx::query!("DELETE FROM billing.budget_notification WHERE id = $1", id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Adds a subscriber to a notification.
    pub async fn create_budget_subscriber(
        &self,
        account: AccountId,
        budget: &str,
        notification: &Notification,
        subscriber: &Subscriber,
    ) -> Result<Result<(), NotificationRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account, budget).await? {
            return Ok(Err(NotificationRefusal::NoBudget));
        }
        let Some(id) = find(&mut tx, account, budget, notification).await? else {
            return Ok(Err(NotificationRefusal::NoNotification));
        };
        if !insert_subscriber(&mut tx, id, subscriber).await? {
            return Ok(Err(NotificationRefusal::Exists));
        }
        if subscribers(&mut tx, id).await?.len() > SUBSCRIBERS_MAX as usize {
            return Ok(Err(NotificationRefusal::TooMany));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Takes a subscriber away. The last one stays: a notification that nobody hears of is deleted instead.
    pub async fn delete_budget_subscriber(
        &self,
        account: AccountId,
        budget: &str,
        notification: &Notification,
        subscriber: &Subscriber,
    ) -> Result<Result<(), NotificationRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock(&mut tx, account, budget).await? {
            return Ok(Err(NotificationRefusal::NoBudget));
        }
        let Some(id) = find(&mut tx, account, budget, notification).await? else {
            return Ok(Err(NotificationRefusal::NoNotification));
        };
        let deleted = sqlx::query!(
            "DELETE FROM billing.budget_subscriber WHERE notification_id = $1 AND kind = $2 AND address = $3",
            id,
            subscriber.kind.as_str(),
            subscriber.address,
        )
        .execute(&mut *tx)
        .await?;
        if deleted.rows_affected() == 0 {
            return Ok(Err(NotificationRefusal::NoSubscriber));
        }
        if subscribers(&mut tx, id).await?.is_empty() {
            return Ok(Err(NotificationRefusal::Last));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Who subscribed to a notification, in the order of their addresses.
    pub async fn budget_subscribers(
        &self,
        account: AccountId,
        budget: &str,
        notification: &Notification,
    ) -> Result<Result<Vec<Subscriber>, NotificationRefusal>, Error> {
        let mut tx = self.pool.begin().await?;
        match find(&mut tx, account, budget, notification).await? {
            Some(id) => Ok(Ok(subscribers(&mut tx, id).await?)),
            None => Ok(Err(NotificationRefusal::NoNotification)),
        }
    }
}

pub(super) async fn subscribers(
    connection: &mut PgConnection,
    notification: Uuid,
) -> Result<Vec<Subscriber>, Error> {
    let rows = sqlx::query!(
        "SELECT kind, address FROM billing.budget_subscriber WHERE notification_id = $1 ORDER BY address, kind",
        notification,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind = row.kind.parse();
            Ok(Subscriber {
                kind: kind.map_err(|_| Error::Inconsistent("budget_subscriber.kind"))?,
                address: row.address,
            })
        })
        .collect()
}
