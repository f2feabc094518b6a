//! The executor is killed with SIGKILL while it appends, again and again on one directory.
//!
//! The test binary runs itself as the victim. Its workers each have a function of their own and run executions of known
//! sizes one after the other, reporting each as soon as `end` returned. So for each worker the database must hold the
//! reported executions exactly, or one more: the one that was written when the kill fell between writing and reporting.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use chassis::{Clock, Lifecycle};
use domain::price::Book;
use store::{Role, Store, Vault};

use super::super::Spool;
use super::super::options::Options;
use super::sending::World;
use super::{end_of, start_of};
use crate::prices::Prices;

const CHILD: &str = "TOLLGATE_TEST_SPOOL_VICTIM";
const DATABASE: &str = "TOLLGATE_TEST_SPOOL_DATABASE";
const WORKERS: usize = 3;
const ROUNDS: u64 = 12;

/// The size of a worker's `n`-th execution in a round: different ones, so that a wrong set has a wrong sum.
fn size(n: u64) -> (u32, u64) {
    (128 + u32::try_from(n % 97).unwrap(), 1 + n * n % 89)
}

/// MB·ms of the first `count` executions of a worker in a round.
fn sum_of(count: u64) -> i128 {
    (0..count)
        .map(size)
        .map(|(memory, ms)| i128::from(memory) * i128::from(ms))
        .sum()
}

fn function(round: u64, worker: usize) -> String {
    format!("r{round}w{worker}")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_appending_every_answered_execution_is_counted_once() {
    if let Ok(victim) = std::env::var(CHILD) {
        return be_killed(&victim).await;
    }
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let mut seed = 0x5eed_u64;
    let mut reported = Vec::new();
    for round in 0..ROUNDS {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(round | 1);
        // From the very first record to several segments.
        let kill_after = (seed >> 40) % if round % 3 == 0 { 40 } else { 6_000 };
        let path = dir.path().to_str().unwrap();
        reported.push(watch(spawn(path, round, &world.database.url()), kill_after));
    }
    let spool = world
        .open(options(dir.path().to_str().unwrap()), &Lifecycle::new())
        .await
        .unwrap();
    spool.flush().await;
    let mut ended = 0;
    for (round, reported) in (0_u64..).zip(&reported) {
        for (worker, &reported) in reported.iter().enumerate() {
            let (requests, mb_ms) = world.usage(&function(round, worker)).await;
            let counted = u64::try_from(requests).unwrap();
            assert!(
                counted == reported || counted == reported + 1,
                "round {round}, worker {worker}: {reported} answered, {counted} counted"
            );
            assert_eq!(mb_ms, sum_of(counted), "round {round}, worker {worker}");
            ended += requests;
        }
    }
    let epochs = world.epochs(&spool).await;
    let closed: Vec<_> = epochs.iter().filter(|epoch| epoch.closed).collect();
    assert_eq!(closed.len() as u64, ROUNDS);
    for epoch in closed {
        let counts = epoch.counts;
        assert_eq!(
            counts.started,
            counts.ended + counts.platform_lost,
            "epoch {}",
            epoch.boot_epoch
        );
        assert!(
            usize::try_from(counts.platform_lost).unwrap() <= WORKERS,
            "epoch {}",
            epoch.boot_epoch
        );
        assert_eq!(counts.missing, 0);
    }
    let counted: i64 = epochs.iter().map(|epoch| epoch.counts.ended).sum();
    assert_eq!(i128::from(counted), ended);
    assert!(world.owner.usage_balance().await.unwrap().holds());
    assert!(
        ended > 1_000,
        "the victims were killed before they did anything: {ended}"
    );
}

fn options(dir: &str) -> Options {
    Options {
        // Small, so that kills fall on rolls and acknowledgements too.
        segment_bytes: 64 << 10,
        batch_events_max: 500,
        ..Options::new(dir.into())
    }
}

fn spawn(dir: &str, round: u64, database: &str) -> Child {
    let test =
        "spool::tests::crash::killed_while_appending_every_answered_execution_is_counted_once";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, format!("{dir} {round}"))
        .env(DATABASE, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads the victim's reports and kills it after so many; how many executions of each worker were reported in all.
fn watch(mut victim: Child, kill_after: u64) -> [u64; WORKERS] {
    let mut reported = [0; WORKERS];
    let mut alive = true;
    // After the kill the pipe still holds what was reported before it.
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(report) = line.strip_prefix("ended ") else {
            continue;
        };
        // The last line may be torn.
        let Some((worker, n)) = report
            .strip_suffix('.')
            .and_then(|report| report.split_once(' '))
        else {
            continue;
        };
        let (worker, n): (usize, u64) = (worker.parse().unwrap(), n.parse().unwrap());
        assert_eq!(n, reported[worker]);
        reported[worker] += 1;
        if alive && reported.iter().sum::<u64>() > kill_after {
            victim.kill().unwrap();
            alive = false;
        }
    }
    let status = victim.wait().unwrap();
    assert!(!alive, "the victim ended by itself: {status}");
    reported
}

/// The victim: works until it is killed.
async fn be_killed(victim: &str) {
    let (dir, round) = victim.split_once(' ').unwrap();
    let round: u64 = round.parse().unwrap();
    let url = std::env::var(DATABASE).unwrap();
    let store = Store::connect(&url, Role::Executor, 2, Vault::new(&[1; 32]))
        .await
        .unwrap();
    let (prices, clock) = (Prices::of(Book::default()), Clock::system());
    let life = Lifecycle::new();
    let spool = Spool::open(options(dir), store, prices, clock, &life)
        .await
        .unwrap();
    // The line that the test harness has begun must not run into the first report.
    println!();
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let spool = spool.clone();
            tokio::task::spawn_blocking(move || work(&spool, round, worker))
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

fn work(spool: &Spool, round: u64, worker: usize) {
    let (function, clock) = (function(round, worker), Clock::system());
    for n in 0.. {
        let (memory, ms) = size(n);
        let start = start_of(&function, memory);
        let ticket = spool.start(&start).unwrap();
        spool.end(ticket, &end_of(&start, ms, clock.now())).unwrap();
        // One write per line: a kill cannot take a report apart from its neighbours.
        let line = format!("ended {worker} {n}.\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// Many spools are cut at random places of their whole content: what a batch says never depends on where the cut fell.
#[test]
fn cut_at_random_places_the_counted_prefix_is_exact() {
    let mut seed = 1_u64;
    for _ in 0..60 {
        let dir = super::scratch();
        let mut boot = super::Boot::of(&options(dir.path().to_str().unwrap()));
        for n in 0..40 {
            let (memory, ms) = size(n);
            boot.run("f", memory, ms);
            if n % 9 == 8 {
                boot.journal.seal(super::at(101)).unwrap();
            }
        }
        drop(boot);
        let path = super::segments(dir.path())[0].clone();
        let bytes = std::fs::metadata(&path).unwrap().len();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let cut = (seed >> 33) % bytes;
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let batches = super::Boot::of(&options(dir.path().to_str().unwrap())).batches();
        let (requests, mb_ms) = super::sums(&batches);
        assert_eq!(
            mb_ms,
            sum_of(u64::try_from(requests).unwrap()),
            "cut at {cut} of {bytes}"
        );
        let (started, ended, lost, missing) = super::counts(&batches, 1);
        assert_eq!(
            (started, i128::from(ended), missing),
            (ended + lost, requests, 0)
        );
    }
}
