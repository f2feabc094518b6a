//! How fast the spool is: `start` and `end` on the hot path, and sealed batches into Postgres.
//!
//! `cargo run --release -p executor --example spool_rate [executions] [threads]`, with `DATABASE_URL` and `psql` for a
//! database of its own on that server.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::expect_used, reason = "a measurement that cannot be made ends")]

use std::time::{Duration, Instant};

use chassis::{Clock, Ids, Lifecycle};
use domain::execution::{Execution, Outcome};
use domain::price::Book;
use domain::{AccountId, Architecture};
use executor::prices::Prices;
use executor::spool::{Options, Spool, StartRecord};
use store::{Role, Store, Vault};
use testkit::Database;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().expect("a number"));
    let executions = arguments.next().unwrap_or(200_000);
    let threads = arguments.next().unwrap_or(2);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(executions, threads));
}

async fn measure(executions: usize, threads: usize) {
    let database = Database::create();
    let url = database.url();
    let connect = async |role| {
        let store = Store::connect(&url, role, 4, Vault::new(&[1; 32])).await;
        store.expect("a connection")
    };
    let (owner, store) = (connect(Role::Owner).await, connect(Role::Executor).await);
    owner.migrate().await.expect("migrations");
    let dir = tempfile::tempdir().expect("a directory");
    let life = Lifecycle::new();
    let options = Options::new(dir.path().to_owned());
    let prices = Prices::of(Book::default());
    let spool = Spool::open(options, store, prices, Clock::system(), &life)
        .await
        .expect("a spool");

    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let spool = spool.clone();
            std::thread::spawn(move || work(&spool, worker, executions / threads))
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for worker in workers {
        times.extend(worker.join().expect("a worker"));
    }
    let appended = began.elapsed();
    times.sort_unstable();
    let quantile = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000];
    println!(
        "start + end: {} executions/s on {threads} threads; p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
        rate(times.len(), appended),
        quantile(500),
        quantile(990),
        quantile(999),
        quantile(1_000),
    );
    while spool.backlog() > 0 {
        spool.flush().await;
    }
    let all = began.elapsed();
    println!(
        "to commit: {} executions/s in all, {:?} behind the last answer",
        rate(times.len(), all),
        all.saturating_sub(appended)
    );
}

fn work(spool: &Spool, worker: usize, count: usize) -> Vec<Duration> {
    let clock = Clock::system();
    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let start = start(worker * 10 + n % 10, &clock);
        let end = end(&start, &clock);
        let began = Instant::now();
        let ticket = spool.start(&start).expect("a start");
        spool.end(ticket, &end).expect("an end");
        times.push(began.elapsed());
    }
    times
}

fn start(function: usize, clock: &Clock) -> StartRecord {
    StartRecord {
        request_id: Ids.random(),
        attempt: 1,
        account: AccountId::new(42).expect("an account"),
        region: "us-east-1".parse().expect("a region"),
        function_arn: format!("arn:aws:lambda:us-east-1:000000000042:function:f{function}"),
        version: "$LATEST".to_owned(),
        architecture: Architecture::X86_64,
        memory_mb: 128,
        ephemeral_mb: 512,
        started_at: clock.now(),
    }
}

fn end(start: &StartRecord, clock: &Clock) -> Execution {
    let start = start.clone();
    Execution {
        request_id: start.request_id,
        attempt: start.attempt,
        account: start.account,
        region: start.region,
        function_arn: start.function_arn,
        version: start.version,
        architecture: start.architecture,
        memory_mb: start.memory_mb,
        ephemeral_mb: start.ephemeral_mb,
        init_ns: 0,
        invoke_ns: 3_000_000,
        request_bytes: 1_024,
        response_bytes: 1_024,
        outcome: Outcome::Success,
        started_at: start.started_at,
        ended_at: clock.now(),
    }
}

/// Whole ones per second.
fn rate(count: usize, time: Duration) -> u128 {
    count as u128 * 1_000_000_000 / time.as_nanos().max(1)
}
