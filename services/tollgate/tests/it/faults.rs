//! What must hold when things break: metering across `kill -9`, service after it, the polite stop.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use crate::apart::Apart;
use crate::bed::{Account, Bed, text_of};

const THREADS: usize = 8;
const MEMORY_MB: i128 = 128;

/// Load that keeps its own book, from a client process of its own.
struct Load {
    client: Child,
    stop: PathBuf,
}

impl Load {
    fn start(bed: &Bed, account: &Account, work: &Path) -> Self {
        let stop = work.join("stop");
        let threads = THREADS.to_string();
        let environment = [
            ("LOAD_THREADS", threads.as_str()),
            ("STOP", stop.to_str().expect("UTF-8")),
        ];
        let mut deploy = bed.command(account, "load.py", "deploy");
        text_of(
            &deploy.envs(environment).output().expect("python runs"),
            "deploy",
        );
        let mut run = bed.command(account, "load.py", "run");
        let client = run
            .envs(environment)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let load = Self { client, stop };
        load.answered_again();
        load
    }

    /// Waits until every thread has had another answer.
    fn answered_again(&self) {
        let marks: Vec<PathBuf> = (0..THREADS)
            .map(|n| format!("{}.answered-{n}", self.stop.display()).into())
            .collect();
        for mark in &marks {
            let _ = std::fs::remove_file(mark);
        }
        wait_until("every thread had an answer", || {
            marks.iter().all(|mark| mark.exists())
        });
    }

    /// Ends the load and answers each function's book.
    fn finish(self) -> Vec<Book> {
        std::fs::write(&self.stop, "").expect("writable");
        let output = self.client.wait_with_output().expect("python ended");
        let books: Value = serde_json::from_str(&text_of(&output, "load")).expect("books");
        books
            .as_array()
            .expect("a list")
            .iter()
            .map(Book::read)
            .collect()
    }
}

/// What the clients of one function counted.
#[derive(Debug)]
struct Book {
    function: String,
    answered: i128,
    billed_ms: i128,
    unanswered: i128,
}

impl Book {
    fn read(value: &Value) -> Self {
        let number = |name: &str| i128::from(value[name].as_i64().expect("a number"));
        Self {
            function: value["function"].as_str().expect("a name").to_owned(),
            answered: number("answered"),
            billed_ms: number("billed_ms"),
            unanswered: number("unanswered"),
        }
    }
}

/// Polls; a minute is long on any machine.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Requests and MB·ms per function, as the bill will see them.
pub(crate) async fn usage(
    apart: &Apart,
    account: &Account,
) -> BTreeMap<String, BTreeMap<String, i128>> {
    let store = apart.store().await;
    let id = account.id.parse().expect("an account id");
    #[expect(
        clippy::disallowed_methods,
        reason = "the services under test run on the host's clock"
    )]
    let now = Utc::now();
    let rows = store
        .usage_by_function(
            id,
            None,
            now - TimeDelta::hours(3),
            now + TimeDelta::hours(1),
        )
        .await
        .expect("usage");
    let mut usage: BTreeMap<String, BTreeMap<String, i128>> = BTreeMap::new();
    for row in rows {
        let function = row
            .resource
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .to_owned();
        usage
            .entry(function)
            .or_default()
            .insert(row.sku.to_string(), row.quantity);
    }
    usage
}

/// Two executors and a gateway on their own. One executor is killed under load, comes back, then the other: service goes
/// on, and what is billed is what was answered, to the MB·ms. An execution whose answer did not reach its client may have
/// ended before the kill (billed) or not (not billed): only calls without an answer may differ.
#[tokio::test]
async fn executors_are_killed_under_load() {
    let mut apart = Apart::start(2);
    let account = apart.gateway.account();
    let work = tempfile::tempdir().expect("a directory");
    let load = Load::start(&apart.gateway, &account, work.path());
    for victim in [0, 1, 0] {
        apart.kill_executor(victim);
        load.answered_again();
        apart.start_executor(victim);
        load.answered_again();
    }
    let books = load.finish();
    apart.stop_executors();
    let usage = usage(&apart, &account).await;
    let mut exact = 0;
    for book in &books {
        let billed = &usage[&book.function];
        let (requests, duration) = (billed["requests"], billed["duration-x86_64"]);
        let (least, most) = (book.answered, book.answered + book.unanswered);
        assert!(
            (least..=most).contains(&requests),
            "{requests} billed: {book:?}"
        );
        if requests == book.answered {
            assert_eq!(duration, book.billed_ms * MEMORY_MB, "{book:?}");
            exact += 1;
        } else {
            assert!(duration > book.billed_ms * MEMORY_MB, "{book:?}");
        }
        assert!(book.answered > 20, "the load was real: {book:?}");
    }
    assert!(exact > 0, "no function without a call in doubt: {books:?}");
}

/// Two gateways keep one concurrency limit between them, and each sees the other's changes.
#[test]
fn two_gateways_are_one() {
    let apart = Apart::start(1);
    let another = apart.another_gateway();
    let account = apart.gateway.account();
    let mut client = apart.gateway.command(&account, "gateways.py", "agree");
    let output = client
        .env("ANOTHER_URL", &another.url)
        .output()
        .expect("python runs");
    text_of(&output, "agree");
}

/// `kill -9` of everything in one process: the next start finds its databases, functions and keys again.
#[test]
fn up_recovers_after_a_kill() {
    let mut bed = Bed::own();
    let account = bed.account();
    bed.client(&account, "recover.py", "deploy");
    let work = bed.kill();
    bed.start();
    bed.client(&account, "recover.py", "still_there");
    assert!(bed.stop().success());
    drop(work);
}

/// The first signal lets what runs end; the process then ends well.
#[test]
fn work_in_flight_ends_before_the_process() {
    let mut bed = Bed::own();
    let account = bed.account();
    let work = tempfile::tempdir().expect("a directory");
    let mark = work.path().join("running");
    let mut client = bed.command(&account, "recover.py", "long_call");
    let client = client
        .env("MARK", &mark)
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    wait_until("the function runs", || mark.exists());
    assert!(bed.stop().success());
    text_of(
        &client.wait_with_output().expect("python ended"),
        "long_call",
    );
}
