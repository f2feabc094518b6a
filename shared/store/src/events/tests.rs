//! What the tests of the queue start from. Each service works with the rights of its own role: whatever it needs is granted, or
//! these tests fail.

mod accepting;
mod billing;
mod dead_letters;
mod ending;
mod planning;
mod retries;
mod ring;
mod roles;
mod settling;
mod shards;
mod status;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{Condition, EventId, Source, Verdict};
use domain::execution::{Execution, Outcome};
use domain::{AccountId, Architecture, Region};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Author, Delivery, NewDeadLetter, NewEvent, NewUndelivered, Ran, Settlement};
use super::{TargetKind, Usage};
use crate::samples::{self, ALICE, arn, at, of_role};
use crate::{Role, Store};

/// The hour in which [`samples::at`] begins; its bucket is the first.
const HOUR: i64 = 480_000;

const HOUR_S: i64 = 3_600;

const MEMORY_MB: u32 = 128;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

/// One store for each service, and one for the database's owner.
struct Services {
    owner: Store,
    gateway: Store,
    queue: Store,
    executor: Store,
}

impl Services {
    async fn new(pool: PgPool) -> Self {
        Self {
            gateway: of_role(&pool, Role::Gateway).await,
            queue: of_role(&pool, Role::Queue).await,
            executor: of_role(&pool, Role::Executor).await,
            owner: samples::store(pool).await,
        }
    }

    /// Alice's lane of this name.
    async fn lane(&self, function: &str) -> i64 {
        let arn = arn(ALICE, function);
        let lane = self.gateway.lane(arn.account, &arn.region, &arn.name);
        lane.await.unwrap()
    }

    /// Accepts an event of the second `second`.
    async fn event(&self, lane: i64, second: i64) -> NewEvent {
        let event = event(lane, second);
        let accepted = self.gateway.accept(std::slice::from_ref(&event));
        assert!(accepted.await.unwrap());
        event
    }

    /// Settles as the first executor; says whether the outcome is the attempt's.
    async fn settle(&self, settlement: Settlement) -> bool {
        self.settle_as(1, &[settlement]).await == [true]
    }

    /// Settles as an executor; says of each whether its outcome is the attempt's.
    async fn settle_as(&self, executor: u128, settlements: &[Settlement]) -> Vec<bool> {
        let now = settlements.last().unwrap().ended_at;
        let won = self
            .executor
            .settle(Some(author(executor)), settlements, now);
        won.await.unwrap()
    }

    /// Ends an event as dead, with a letter in the store of dead letters.
    async fn kill(&self, event: &NewEvent, function: &str, condition: Condition) {
        let settlement = Settlement {
            dead_letter: Some(letter(event, function, condition)),
            ..ran(event, 1, Verdict::Dead(condition))
        };
        assert!(self.settle(settlement).await);
    }

    /// How many rows there are, by the database's owner.
    async fn count(&self, of: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {of}"));
        sqlx::query_scalar(query)
            .fetch_one(&self.owner.pool)
            .await
            .unwrap()
    }
}

fn alice() -> AccountId {
    AccountId::new(ALICE).unwrap()
}

fn region() -> &'static Region {
    static REGION: LazyLock<Region> = LazyLock::new(|| "eu-west-1".parse().unwrap());
    &REGION
}

fn author(executor: u128) -> Author {
    Author {
        executor: Uuid::from_u128(executor),
        boot_epoch: 1,
    }
}

/// An id of the second `second`; each is greater than those before it in the same second.
fn id(second: i64) -> EventId {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut low = [0; 10];
    low[2..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let ms = u64::try_from(at(second).timestamp_millis()).unwrap();
    EventId::new(uuid::Builder::from_unix_timestamp_millis(ms, &low).into_uuid()).unwrap()
}

fn event(lane: i64, second: i64) -> NewEvent {
    NewEvent {
        id: id(second),
        lane,
        account: alice(),
        qualifier: "live".to_owned(),
        source: Source::Caller,
        trace: format!("{ROOT};Lineage=a87bd80c:1"),
        age_max_s: None,
        attempts_max: None,
        payload: b"{\"n\":  1}".to_vec(),
    }
}

fn accepted_at(event: &NewEvent) -> DateTime<Utc> {
    event.id.accepted_at()
}

/// The end of an attempt that ran for 5 ms, one second after its event was accepted.
fn ran(event: &NewEvent, attempt: u16, verdict: Verdict) -> Settlement {
    let ended_at = accepted_at(event) + TimeDelta::seconds(1);
    let failed = verdict != Verdict::Success;
    let execution = Execution {
        request_id: event.id.uuid(),
        attempt: u32::from(attempt),
        account: event.account,
        region: region().clone(),
        function_arn: arn(ALICE, "f").to_string(),
        version: "$LATEST".to_owned(),
        architecture: Architecture::X86_64,
        memory_mb: MEMORY_MB,
        ephemeral_mb: 512,
        init_ns: 0,
        invoke_ns: 5_000_000,
        request_bytes: 9,
        response_bytes: 2,
        outcome: if failed {
            Outcome::FunctionError
        } else {
            Outcome::Success
        },
        started_at: accepted_at(event),
        ended_at,
    };
    Settlement {
        ran: Some(Ran {
            executor: Uuid::from_u128(1),
            started_at: execution.started_at,
            version: "$LATEST".to_owned(),
            function_error: if failed { "Unhandled" } else { "" }.to_owned(),
            response: b"{}".to_vec(),
        }),
        error: if failed { "Error: no" } else { "" }.to_owned(),
        usage: Some(Usage {
            billed_ms: 5,
            requests: 1,
            execution,
        }),
        ..cut(event, attempt, verdict)
    }
}

/// An end without a run.
fn cut(event: &NewEvent, attempt: u16, verdict: Verdict) -> Settlement {
    let ended_at = accepted_at(event) + TimeDelta::seconds(1);
    Settlement::new(event.id, attempt, verdict, ended_at)
}

fn retry(second: i64) -> Verdict {
    Verdict::Retry { at: at(second) }
}

fn letter(event: &NewEvent, function: &str, condition: Condition) -> NewDeadLetter {
    NewDeadLetter {
        lane: event.lane,
        account: event.account,
        region: region().clone(),
        function: function.to_owned(),
        qualifier: event.qualifier.clone(),
        condition,
        attempts: 1,
        trace: event.trace.clone(),
        payload: event.payload.clone(),
    }
}

/// A record for the function of a lane, on its way at the second `second`.
fn delivery(lane: i64, second: i64) -> Delivery {
    Delivery {
        event: NewEvent {
            source: Source::Destination,
            qualifier: String::new(),
            ..event(lane, second)
        },
        region: region().clone(),
        function: "f".to_owned(),
        kind: TargetKind::OnSuccess,
        target: arn(ALICE, "after").to_string(),
    }
}

fn undelivered(second: i64) -> NewUndelivered {
    NewUndelivered {
        id: id(second).uuid(),
        account: alice(),
        region: region().clone(),
        function: "f".to_owned(),
        kind: TargetKind::OnFailure,
        target: "arn:aws:sqs:eu-west-1:111111111111:q".to_owned(),
        reason: "not yet".to_owned(),
        body: b"{}".to_vec(),
    }
}
