use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chassis::{Clock, Lifecycle};
use domain::event::EventId;
use domain::price::{Book, Sku};
use domain::usage::{Batch, Counts, Sums};
use store::usage::{Epoch, Ingested};
use store::{Role, Store, Vault};
use testkit::Database;
use uuid::Uuid;

use super::super::options::{Error, Options};
use super::super::record::StartRecord;
use super::super::{Spool, Ticket, batch};
use super::{Boot, account, at, end_of, quarantined, start_of};
use crate::prices::Prices;

/// A database with the schema, as its owner and as the executor see it.
pub(super) struct World {
    pub(super) database: Database,
    pub(super) owner: Store,
    pub(super) executor: Store,
}

impl World {
    pub(super) async fn new() -> Self {
        let database = Database::create();
        let connect = |role| Store::connect_to(&database, role);
        let owner = connect(Role::Owner).await;
        // Makes the roles, on a server that never saw us.
        owner.migrate().await.unwrap();
        let executor = connect(Role::Executor).await;
        Self {
            database,
            owner,
            executor,
        }
    }

    pub(super) async fn open(&self, options: Options, life: &Lifecycle) -> Result<Spool, Error> {
        let prices = Prices::of(Book::default());
        Spool::open(
            options,
            self.executor.clone(),
            prices,
            Clock::system(),
            life,
        )
        .await
    }

    /// Requests and MB·ms of a function over all time.
    pub(super) async fn usage(&self, function: &str) -> (i128, i128) {
        let (from, to) = (
            chrono::DateTime::UNIX_EPOCH,
            Clock::system().now() + chrono::TimeDelta::days(365),
        );
        let rows = self
            .owner
            .usage_by_function(account(), None, from, to)
            .await
            .unwrap();
        let of = |sku| -> i128 {
            let rows = rows
                .iter()
                .filter(|row| row.resource.ends_with(&format!(":{function}")));
            rows.filter(|row| row.sku == sku)
                .map(|row| row.quantity)
                .sum()
        };
        (
            of(Sku::Requests),
            of(Sku::Duration(domain::Architecture::X86_64)),
        )
    }

    pub(super) async fn epochs(&self, spool: &Spool) -> Vec<Epoch> {
        self.owner.usage_epochs(spool.executor_id()).await.unwrap()
    }
}

trait Connect: Sized {
    async fn connect_to(database: &Database, role: Role) -> Self;
}

impl Connect for Store {
    async fn connect_to(database: &Database, role: Role) -> Self {
        Self::connect(&database.url(), role, 4, Vault::new(&[1; 32]))
            .await
            .unwrap()
    }
}

fn options(dir: &Path) -> Options {
    Options::new(dir.to_owned())
}

fn begin(spool: &Spool) -> Ticket {
    spool.start(&start_of("f", 128)).unwrap()
}

fn finish(spool: &Spool, ticket: Ticket, invoke_ms: u64) {
    let execution = end_of(&start_of("f", 128), invoke_ms, Clock::system().now());
    spool.end(ticket, &execution).unwrap();
}

/// Asks until the answer is right, for at most `limit`; how long that took.
async fn until<F: Future<Output = bool>>(limit: Duration, what: impl Fn() -> F) -> Duration {
    let since = Instant::now();
    while !what().await {
        assert!(since.elapsed() < limit, "not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    since.elapsed()
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_in_the_database_soon_without_being_asked_for() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let spool = world.open(options(dir.path()), &life).await.unwrap();
    let ticket = begin(&spool);
    finish(&spool, ticket, 3);
    until(SOON, async || world.usage("f").await == (1, 384)).await;
    let epochs = world.epochs(&spool).await;
    assert_eq!(
        epochs.last().unwrap().counts,
        Counts {
            started: 1,
            ended: 1,
            ..Counts::default()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_executor_says_that_it_lives() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let options = Options {
        heartbeat_every: Duration::from_millis(20),
        ..options(dir.path())
    };
    let spool = world.open(options, &life).await.unwrap();
    let opened = Clock::system().now();
    let covered = async |batches| {
        let epochs = world.epochs(&spool).await;
        epochs
            .last()
            .is_some_and(|epoch| epoch.batches >= batches && epoch.covers_until > opened)
    };
    until(SOON, || covered(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_away_and_comes_back() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let spool = world.open(options(dir.path()), &life).await.unwrap();
    let ticket = begin(&spool);
    finish(&spool, ticket, 1);
    until(SOON, async || world.usage("f").await == (1, 128)).await;

    world.database.go_away();
    let running = begin(&spool);
    for _ in 0..500 {
        let ticket = begin(&spool);
        finish(&spool, ticket, 2);
    }
    until(SOON, async || spool.backlog() > 0).await;
    // A second process cannot take over what this one still has.
    let other = world.open(options(dir.path()), &life).await;
    assert!(matches!(other, Err(Error::Locked(_))));
    finish(&spool, running, 5);

    world.database.come_back();
    until(SOON, async || {
        world.usage("f").await == (502, 128 * (1 + 1_000 + 5))
    })
    .await;
    until(SOON, async || spool.backlog() == 0).await;
}

/// The commit happened, the executor never heard of it: twice the same batch, counted once.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_that_got_lost_counts_nothing_twice() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let slow = Options {
        seal_after: Duration::from_hours(1),
        ..options(dir.path())
    };
    let spool = world.open(slow, &life).await.unwrap();
    // Its background would send what is sent here by hand.
    life.stop(Duration::from_secs(10)).await;
    for _ in 0..10 {
        let ticket = begin(&spool);
        finish(&spool, ticket, 3);
    }
    let sealed = {
        let mut journal = spool.shared.journal.lock();
        journal.seal(Clock::system().now()).unwrap();
        journal.all_pending()
    };
    for pending in &sealed {
        let batch = batch::load(pending).unwrap().batch;
        assert_eq!(
            world.executor.ingest_usage(&batch).await.unwrap(),
            Ingested::Counted
        );
    }
    assert_eq!(spool.backlog(), 1);
    // Two senders at once, on top of it.
    tokio::join!(spool.flush(), spool.flush());
    assert_eq!(spool.backlog(), 0);
    assert_eq!(world.usage("f").await, (10, 3_840));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_content_under_the_same_id_is_not_counted_and_its_segment_is_kept() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let spool = world.open(options(dir.path()), &life).await.unwrap();
    let id = domain::usage::BatchId {
        executor: spool.executor_id(),
        boot_epoch: spool.boot_epoch(),
        batch_seq: 1,
    };
    let impostor = Batch {
        id,
        first_event: 1,
        last_event: 2,
        covers_until: Clock::system().now(),
        sha256: [3; 32],
        closes_epoch: false,
        counts: Counts {
            started: 1,
            ended: 1,
            ..Counts::default()
        },
        sums: Sums::default(),
    };
    assert_eq!(
        world.executor.ingest_usage(&impostor).await.unwrap(),
        Ingested::Counted
    );
    let ticket = begin(&spool);
    finish(&spool, ticket, 3);
    spool.flush().await;
    assert_eq!(world.usage("f").await, (0, 0));
    // What comes after it counts, from a new segment; the old one is set aside once it is left.
    for _ in 0..2 {
        let ticket = begin(&spool);
        finish(&spool, ticket, 3);
        spool.flush().await;
    }
    assert_eq!(world.usage("f").await, (2, 768));
    assert_eq!(quarantined(dir.path()), 1);
}

/// A database that lost what it had acknowledged (or another one) is not given batches with a hole before them: that
/// epoch waits for somebody to decide, while later ones are counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_forgot_holds_the_epoch_and_not_the_executor() {
    let (world, dir) = (World::new().await, tempfile::tempdir().unwrap());
    let options = Options {
        segment_bytes: 64,
        ..options(dir.path())
    };
    let life = Lifecycle::new();
    let spool = world.open(options.clone(), &life).await.unwrap();
    for _ in 0..3 {
        let ticket = begin(&spool);
        finish(&spool, ticket, 3);
        spool.flush().await;
    }
    assert_eq!(world.usage("f").await, (3, 3 * 384));
    life.drain().cancel();
    life.run(SOON).await.unwrap();
    drop(spool);

    let world = World::new().await;
    let spool = world.open(options, &Lifecycle::new()).await.unwrap();
    let ticket = begin(&spool);
    finish(&spool, ticket, 5);
    spool.flush().await;
    assert_eq!(world.usage("f").await, (1, 640));
    assert!(spool.backlog() > 0, "the epoch before waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_never_given_back_is_a_lost_execution() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let spool = world.open(options(dir.path()), &life).await.unwrap();
    drop(begin(&spool));
    spool.flush().await;
    let epochs = world.epochs(&spool).await;
    assert_eq!(
        epochs[0].counts,
        Counts {
            started: 1,
            platform_lost: 1,
            ..Counts::default()
        }
    );
    assert_eq!(world.usage("f").await, (0, 0));
}

/// An event that brings executors down is known by these; of others nobody asks.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_of_events_that_never_ended_are_noted_at_the_next_start() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let event = EventId::floor(at(0)).uuid();
    let of = |request_id, attempt| StartRecord {
        request_id,
        attempt,
        ..start_of("f", 128)
    };
    let mut boot = Boot::of(&options(dir.path()));
    boot.journal.start(&of(event, 2), at(101)).unwrap();
    let synchronous = Uuid::from_u128(7);
    boot.journal.start(&of(synchronous, 1), at(101)).unwrap();
    drop(boot);
    let _spool = world.open(options(dir.path()), &life).await.unwrap();
    let ids = [event, synchronous];
    until(SOON, async || {
        let losses = world.owner.losses(&ids).await.unwrap();
        losses == HashMap::from([((event, 2), 1)])
    })
    .await;
}

/// At the drain the background ends by itself once the last execution has, with everything in the database; the next
/// start closes the epoch.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_what_runs_and_the_next_start_closes_the_books() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let spool = world.open(options(dir.path()), &life).await.unwrap();
    let running = begin(&spool);
    let stopping = life.clone();
    let stopped = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Handle::current();
        stopping.drain().cancel();
        runtime.block_on(stopping.run(SOON))
    });
    finish(&spool, running, 3);
    spool.flush().await;
    stopped.await.unwrap().unwrap();
    assert_eq!(world.usage("f").await, (1, 384));
    assert!(!world.epochs(&spool).await[0].closed);
    drop(spool);

    let spool = world
        .open(options(dir.path()), &Lifecycle::new())
        .await
        .unwrap();
    spool.flush().await;
    let epochs = world.epochs(&spool).await;
    assert!(epochs[0].closed);
    assert_eq!(
        epochs[0].counts,
        Counts {
            started: 1,
            ended: 1,
            ..Counts::default()
        }
    );
    assert_eq!(world.usage("f").await, (1, 384));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_the_price_in_force_is_what_is_billed() {
    let (world, dir, life) = (
        World::new().await,
        tempfile::tempdir().unwrap(),
        Lifecycle::new(),
    );
    let text = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence,duration_step_ms\n\
                us-east-1,duration-x86_64,USD,GB-second,0,,0.0000166667,2014-11-01,history,100\n";
    world
        .owner
        .add_prices(store::prices::DEFAULT_BOOK, text)
        .await
        .unwrap();
    let prices = Prices::start(world.executor.clone(), &life).await;
    let spool = Spool::open(
        options(dir.path()),
        world.executor.clone(),
        prices,
        Clock::system(),
        &life,
    )
    .await
    .unwrap();
    let ticket = begin(&spool);
    finish(&spool, ticket, 27);
    spool.flush().await;
    assert_eq!(world.usage("f").await, (1, 128 * 100));
}
