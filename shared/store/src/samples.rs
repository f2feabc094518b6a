//! What the tests of the catalog start from.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::bill::Month;
use domain::price::Sku;
use domain::usage::{Batch, BatchId, Counts, Place, Sums};
use domain::{
    AccountId, Architecture, Code, Configuration, FunctionArn, FunctionVersion, Logging, Stamp,
    State, Version,
};
use uuid::Uuid;

use crate::accrual::{Accrued, Look};
use crate::billing_terms::Books;
use crate::invoices::{Closed, NotClosed};
use crate::{Role, Store, Vault};

pub(crate) const ALICE: u64 = 111_111_111_111;
pub(crate) const BOB: u64 = 222_222_222_222;

/// A store with two accounts.
pub(crate) async fn store(pool: sqlx::PgPool) -> Store {
    let store = Store::of(pool, Vault::new(&[1; 32]));
    for number in [ALICE, BOB] {
        let id = AccountId::new(number).unwrap();
        store
            .create_account(id, "test", at(0))
            .await
            .unwrap()
            .unwrap();
    }
    store
}

/// A store on the same database with the rights of a service.
pub(crate) async fn of_role(pool: &sqlx::PgPool, role: Role) -> Store {
    let options = (*pool.connect_options()).clone();
    let settings = [
        ("role", role.name().unwrap()),
        // In which nothing that these tests ask takes long.
        ("statement_timeout", "20s"),
    ];
    let options = options.options(settings);
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(2)
        .connect_with(options);
    Store::of(pool.await.unwrap(), Vault::new(&[1; 32]))
}

pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(second)
}

pub(crate) fn arn(account: u64, name: &str) -> FunctionArn {
    FunctionArn {
        region: "eu-west-1".parse().unwrap(),
        account: AccountId::new(account).unwrap(),
        name: name.parse().unwrap(),
        qualifier: None,
    }
}

pub(crate) fn qualified(account: u64, name: &str, qualifier: &str) -> FunctionArn {
    arn(account, name).qualified(Some(qualifier.parse().unwrap()))
}

/// Ids that tests can tell apart: `n` in every one of them.
pub(crate) fn stamp(n: u128) -> Stamp {
    Stamp {
        at: at(i64::try_from(n).unwrap()),
        revision_id: Uuid::from_u128(n << 8),
        published_revision_id: Uuid::from_u128((n << 8) + 1),
        change_id: Uuid::from_u128((n << 8) + 2),
    }
}

pub(crate) fn code(n: u8) -> Code {
    Code {
        sha256: format!("{n:02x}").repeat(32),
        size: 100 + u64::from(n),
        architecture: Architecture::Arm64,
    }
}

pub(crate) fn latest(arn: FunctionArn, stamp: Stamp) -> FunctionVersion {
    FunctionVersion {
        arn,
        version: Version::Latest,
        configuration: Configuration {
            description: "first".to_owned(),
            role: "arn:aws:iam::111111111111:role/r".to_owned(),
            runtime: "python3.11".to_owned(),
            handler: "f.handler".to_owned(),
            memory_mb: 256,
            timeout_s: 7,
            ephemeral_mb: 1024,
            environment: Some(BTreeMap::from([("TABLE".to_owned(), "orders".to_owned())])),
            tracing_mode: "Active".to_owned(),
            logging: Logging::default(),
            dead_letter: None,
        },
        code: code(1),
        state: State::Active,
        revision_id: stamp.revision_id,
        change_id: stamp.change_id,
        last_modified: stamp.at,
    }
}

/// Creates the function without tags; unpublished.
pub(crate) async fn create(store: &Store, account: u64, name: &str) -> FunctionVersion {
    let stamp = stamp(1);
    let latest = latest(arn(account, name), stamp);
    store
        .create_function(latest, &BTreeMap::new(), false, stamp)
        .await
        .unwrap()
}

pub(crate) fn account(number: u64) -> AccountId {
    AccountId::new(number).unwrap()
}

/// `2026-09-18T05` as the hour.
pub(crate) fn hour(text: &str) -> DateTime<Utc> {
    format!("{text}:00:00Z").parse().unwrap()
}

/// An executor that reports usage.
pub(crate) struct Meter {
    executor: u128,
    batch_seq: i64,
    next_event: i64,
}

impl Meter {
    pub(crate) fn new(executor: u128) -> Self {
        Self {
            executor,
            batch_seq: 1,
            next_event: 1,
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        Uuid::from_u128(self.executor)
    }

    /// Says that all up to `covers_until` is reported.
    pub(crate) async fn covers(&mut self, store: &Store, covers_until: DateTime<Utc>) {
        self.report(store, covers_until, &[]).await;
    }

    /// Reports usage of a function of ALICE's in us-east-1.
    pub(crate) async fn of_alice(&mut self, store: &Store, at: &str, sku: Sku, quantity: i128) {
        let place = place(ALICE, at, "us-east-1", sku);
        self.report(store, hour(at), &[(place, quantity)]).await;
    }

    pub(crate) async fn report(
        &mut self,
        store: &Store,
        covers_until: DateTime<Utc>,
        usage: &[(Place, i128)],
    ) {
        let mut sums = Sums::default();
        let mut ended = 0;
        for (place, quantity) in usage {
            if place.sku == Sku::Requests {
                ended += i64::try_from(*quantity).unwrap();
            }
            sums.add_quantity(place.clone(), *quantity);
        }
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&self.batch_seq.to_le_bytes());
        let batch = Batch {
            id: BatchId {
                executor: self.id(),
                boot_epoch: 1,
                batch_seq: self.batch_seq,
            },
            first_event: self.next_event,
            last_event: self.next_event + 2 * ended - 1,
            covers_until,
            sha256,
            closes_epoch: false,
            counts: Counts {
                started: ended,
                ended,
                ..Counts::default()
            },
            sums,
        };
        let counted = store.ingest_usage(&batch).await.unwrap();
        assert_eq!(counted, crate::usage::Ingested::Counted);
        self.batch_seq += 1;
        self.next_event += 2 * ended;
    }
}

pub(crate) fn place(owner: u64, at: &str, region: &str, sku: Sku) -> Place {
    Place {
        account: account(owner),
        hour: hour(at),
        region: region.parse().unwrap(),
        sku,
        resource: format!("arn:aws:lambda:{region}:{owner:012}:function:f"),
    }
}

/// A store with two accounts, and one with the rights of the billing service.
pub(crate) async fn billing(pool: &sqlx::PgPool) -> (Store, Store) {
    (
        store(pool.clone()).await,
        of_role(pool, Role::Billing).await,
    )
}

pub(crate) fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// Accrues as the service does.
pub(crate) async fn accrue(service: &Store, owner: u64, until: &str, now: &str) -> Accrued {
    let now = hour(now);
    service.ensure_periods(now).await.unwrap();
    let since = month("2020-01");
    let look = Look {
        complete_until: hour(until),
        open_since: since,
        late_since: since,
        now,
    };
    let books = Books::default();
    let accrued = service.accrue(account(owner), &look, &books);
    accrued.await.unwrap()
}

/// Closes a month as the service does.
pub(crate) async fn close(
    service: &Store,
    owner: u64,
    of: &str,
    now: &str,
) -> Result<Closed, NotClosed> {
    let now = hour(now);
    service.ensure_periods(now).await.unwrap();
    let books = Books::default();
    let closed = service.close_month(account(owner), month(of), false, now, &books);
    closed.await.unwrap()
}

/// The invariants that do not hold.
pub(crate) async fn violated(store: &Store) -> Vec<String> {
    let checks = store.verify_ledger().await.unwrap();
    let violated = checks.into_iter().filter(|check| !check.holds);
    violated
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect()
}
