//! Alerts: a threshold was crossed, and who is told.

use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::budget::notification::Target;
use domain::bill::budget::{Budget, Message, Notification, Spend, Subscriber};
use domain::bill::explorer::Period;
use domain::event::{EventId, Source};
use sqlx::PgConnection;
use uuid::Uuid;

use super::notifications::subscribers;
use crate::events::{NewEvent, insert_events};
use crate::{Error, Store};

/// Why a function of another account is not told.
const FOREIGN: &str = "The function is another account's.";

/// A threshold that was found to be crossed.
pub(super) struct NewAlert<'a> {
    pub(super) notification_id: Uuid,
    pub(super) notification: Notification,
    pub(super) account: AccountId,
    pub(super) budget: &'a Budget,
    pub(super) period: Period,
    pub(super) spend: Spend,
    pub(super) now: DateTime<Utc>,
}

/// A threshold that was crossed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub id: Uuid,
    pub budget: String,
    pub period_start: DateTime<Utc>,
    pub crossed_at: DateTime<Utc>,
    /// What subscribers are told: JSON.
    pub message: Vec<u8>,
    pub deliveries: Vec<Delivery>,
}

/// What became of an alert's message to one subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub subscriber: Subscriber,
    pub state: DeliveryState,
    /// Of a function: the event.
    pub event: Option<Uuid>,
    /// Of a webhook: attempts that began.
    pub attempts: u32,
    pub next_at: Option<DateTime<Utc>>,
    /// Empty: nothing went wrong.
    pub reason: String,
}

/// Where a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// An event of the queue has it.
    Queued,
    /// It waits for its next attempt.
    Waiting,
    Delivered,
    /// No further attempt is made.
    Failed,
    /// Nobody serves such addresses yet.
    Undelivered,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        [
            Self::Queued,
            Self::Waiting,
            Self::Delivered,
            Self::Failed,
            Self::Undelivered,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or(Error::Inconsistent("budget_delivery.state"))
    }
}

/// A delivery before it is written.
struct Planned {
    subscriber: Subscriber,
    state: DeliveryState,
    event: Option<NewEvent>,
    reason: &'static str,
}

impl Store {
    /// Writes an alert, its deliveries and the events for functions in one transaction, unless the alert is there already.
    /// Answers the events; `None` where nothing was written, be it that the queue cannot take events now.
    pub(super) async fn raise_alert(
        &self,
        alert: &NewAlert<'_>,
        ids: &(dyn Fn() -> (Uuid, String) + Send + Sync),
    ) -> Result<Option<Vec<NewEvent>>, Error> {
        let (id, _) = ids();
        let message = Message {
            id,
            account: alert.account,
            at: alert.now,
            budget: alert.budget,
            period: alert.period,
            notification: &alert.notification,
            spend: alert.spend,
        }
        .to_json();
        let told = subscribers(&mut *self.pool.acquire().await?, alert.notification_id).await?;
        let mut planned = Vec::with_capacity(told.len());
        for subscriber in told {
            planned.push(self.plan(alert.account, subscriber, &message, ids).await?);
        }
        let events: Vec<NewEvent> = planned.iter().filter_map(|one| one.event.clone()).collect();
        if let Some(first) = events.first()
            && !self.turn_ring(first.id.hour()).await?
        {
            return Ok(None);
        }
        let mut tx = self.pool.begin().await?;
        let made = sqlx::query!(
            "INSERT INTO billing.budget_alert (notification_id, period_start, id, account_id, budget_name, crossed_at, message)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            alert.notification_id,
            alert.period.start,
            id,
            alert.account.number(),
            alert.budget.name,
            alert.now,
            message,
        )
        .execute(&mut *tx)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(None);
        }
        for one in &planned {
            insert_delivery(&mut tx, id, alert, one).await?;
        }
        insert_events(&mut tx, &events).await?;
        tx.commit().await?;
        Ok(Some(events))
    }

    async fn plan(
        &self,
        account: AccountId,
        subscriber: Subscriber,
        message: &[u8],
        ids: &(dyn Fn() -> (Uuid, String) + Send + Sync),
    ) -> Result<Planned, Error> {
        let target = subscriber.target();
        let target = target.map_err(|_| Error::Inconsistent("budget_subscriber.address"))?;
        let plan = |state, event, reason| Planned {
            subscriber,
            state,
            event,
            reason,
        };
        Ok(match target {
            Target::Webhook(_) => plan(DeliveryState::Waiting, None, ""),
            Target::Nowhere(reason) => plan(DeliveryState::Undelivered, None, reason),
            Target::Function(arn) if arn.account != account => {
                plan(DeliveryState::Undelivered, None, FOREIGN)
            }
            Target::Function(arn) => {
                let (id, trace) = ids();
                let event = NewEvent {
                    id: EventId::new(id).ok_or(Error::Inconsistent("event id"))?,
                    lane: self.lane(account, &arn.region, &arn.name).await?,
                    account,
                    qualifier: arn.qualifier.map(|one| one.to_string()).unwrap_or_default(),
                    source: Source::Budget,
                    trace,
                    age_max_s: None,
                    attempts_max: None,
                    payload: message.to_vec(),
                };
                plan(DeliveryState::Queued, Some(event), "")
            }
        })
    }

    /// Alerts of an account, the newest first. `before` is where the page before ended.
    pub async fn budget_alerts(
        &self,
        account: AccountId,
        budget: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Alert>, Error> {
        let rows = sqlx::query!(
            "SELECT id, budget_name, period_start, crossed_at, message FROM billing.budget_alert
             WHERE account_id = $1 AND ($2::text IS NULL OR budget_name = $2) AND ($3::uuid IS NULL OR id < $3)
             ORDER BY id DESC LIMIT $4",
            account.number(),
            budget,
            before,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut alerts: Vec<Alert> = rows
            .into_iter()
            .map(|row| Alert {
                id: row.id,
                budget: row.budget_name,
                period_start: row.period_start,
                crossed_at: row.crossed_at,
                message: row.message,
                deliveries: Vec::new(),
            })
            .collect();
        let ids: Vec<Uuid> = alerts.iter().map(|alert| alert.id).collect();
        let rows = sqlx::query!(
            "SELECT alert_id, kind, address, state, event_id, attempts, next_at, reason FROM billing.budget_delivery
             WHERE account_id = $1 AND alert_id = ANY($2) ORDER BY alert_id, address, kind",
            account.number(),
            &ids,
        )
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let kind = row.kind.parse();
            let delivery = Delivery {
                subscriber: Subscriber {
                    kind: kind.map_err(|_| Error::Inconsistent("budget_delivery.kind"))?,
                    address: row.address,
                },
                state: DeliveryState::parse(&row.state)?,
                event: row.event_id,
                attempts: u32::try_from(row.attempts).unwrap_or(0),
                next_at: row.next_at,
                reason: row.reason,
            };
            let alert = alerts.iter_mut().find(|alert| alert.id == row.alert_id);
            if let Some(alert) = alert {
                alert.deliveries.push(delivery);
            }
        }
        Ok(alerts)
    }
}

async fn insert_delivery(
    connection: &mut PgConnection,
    id: Uuid,
    alert: &NewAlert<'_>,
    one: &Planned,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO billing.budget_delivery (alert_id, account_id, kind, address, state, event_id, next_at, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        id,
        alert.account.number(),
        one.subscriber.kind.as_str(),
        one.subscriber.address,
        one.state.as_str(),
        one.event.as_ref().map(|event| event.id.uuid()),
        (one.state == DeliveryState::Waiting).then_some(alert.now),
        one.reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}
