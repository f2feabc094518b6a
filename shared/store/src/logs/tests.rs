use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::log::{LogLine, LogStream};
use domain::{AccountId, Region};

use super::{Order, Page, Position, Selection, Window};
use crate::{Store, Vault};

const WIDE: Window = Window {
    events_max: 10_000,
    bytes_max: 1 << 20,
};

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(ms)
}

const ALL: Selection<'static> = Selection::Prefix("");

fn region() -> Region {
    "eu-west-1".parse().unwrap()
}

async fn account(store: &Store, number: u64) -> AccountId {
    let id = AccountId::new(number).unwrap();
    store
        .create_account(id, "test", at(0))
        .await
        .unwrap()
        .unwrap();
    id
}

fn store(pool: sqlx::PgPool) -> Store {
    Store::of(pool, Vault::new(&[1; 32]))
}

fn line(account: AccountId, stream: &str, ms: i64, message: &str) -> LogLine {
    LogLine {
        stream: Arc::new(LogStream {
            account,
            region: region(),
            group: "/aws/lambda/f".to_owned(),
            name: stream.to_owned(),
        }),
        at: at(ms),
        message: message.to_owned(),
    }
}

/// A line as the release before stored it: in a row of its own.
async fn append_singly(
    pool: &sqlx::PgPool,
    account: AccountId,
    stream: &str,
    ms: i64,
    message: &str,
) {
    sqlx::query("SELECT log_append(ARRAY[$1], '{eu-west-1}', '{/aws/lambda/f}', ARRAY[$2], '{1}', ARRAY[$3], ARRAY[$4])")
        .bind(account.number())
        .bind(stream)
        .bind(at(ms))
        .bind(message)
        .execute(pool)
        .await
        .unwrap();
}

fn texts(page: &Page) -> Vec<&str> {
    page.events
        .iter()
        .map(|event| event.message.as_str())
        .collect()
}

async fn group(store: &Store, account: AccountId) -> i64 {
    store
        .log_group(account, &region(), "/aws/lambda/f")
        .await
        .unwrap()
        .unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn lines_come_back_in_order_from_stream_and_group(pool: sqlx::PgPool) {
    let store = store(pool);
    let a = account(&store, 1).await;
    // Enough lines of one instant that a sort by anything but their order would show.
    let lines: Vec<_> = (0..500)
        .map(|n| line(a, "s1", 5, &format!("{n}")))
        .collect();
    store.append_logs(&lines).await.unwrap();
    store
        .append_logs(&[line(a, "s2", 1, "early"), line(a, "s1", 9, "nul\0")])
        .await
        .unwrap();

    let group = group(&store, a).await;
    let stream = store.log_stream(a, group, "s1").await.unwrap().unwrap();
    let all = store
        .log_events_after(a, stream, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    let mut want: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    want.push("nul\u{fffd}".to_owned());
    assert_eq!(texts(&all), want);
    assert!(!all.more);

    let both = store
        .log_group_events_after(a, group, ALL, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(
        (both.events.len(), both.events[0].stream.as_str()),
        (502, "s2")
    );
    let s2 = store
        .log_stream_ids(a, group, &["s2".to_owned(), "none".to_owned()])
        .await
        .unwrap();
    let of_ids = store
        .log_group_events_after(a, group, Selection::Ids(&s2), Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(texts(&of_ids), ["early"]);
    let of_prefix = store
        .log_group_events_after(
            a,
            group,
            Selection::Prefix("s2"),
            Position::FIRST,
            None,
            WIDE,
        )
        .await
        .unwrap();
    assert_eq!(texts(&of_prefix), ["early"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn windows_end_by_count_by_bytes_and_by_time(pool: sqlx::PgPool) {
    let store = store(pool);
    let a = account(&store, 1).await;
    let lines: Vec<_> = (0..10).map(|n| line(a, "s", n, &format!("{n}"))).collect();
    store.append_logs(&lines).await.unwrap();
    let group = group(&store, a).await;
    let stream = store.log_stream(a, group, "s").await.unwrap().unwrap();
    let three = Window {
        events_max: 3,
        bytes_max: 1_000,
    };
    let first = store
        .log_events_after(a, stream, Position::FIRST, None, three)
        .await
        .unwrap();
    assert_eq!((texts(&first), first.more), (vec!["0", "1", "2"], true));
    let next = first.events[2].position;
    let second = store
        .log_events_after(a, stream, next, Some(at(5)), three)
        .await
        .unwrap();
    assert_eq!((texts(&second), second.more), (vec!["3", "4"], false));
    let end = Position {
        at: at(1_000),
        id: 0,
    };
    let tail = store
        .log_events_before(a, stream, end, None, three)
        .await
        .unwrap();
    assert_eq!((texts(&tail), tail.more), (vec!["7", "8", "9"], true));
    let before = tail.events[0].position;
    let middle = store
        .log_events_before(a, stream, before, Some(at(5)), three)
        .await
        .unwrap();
    assert_eq!((texts(&middle), middle.more), (vec!["5", "6"], false));
    // 27 bytes an event: the second begins at byte 27, the third at 54.
    let narrow = Window {
        events_max: 9,
        bytes_max: 54,
    };
    let cut = store
        .log_events_after(a, stream, Position::FIRST, None, narrow)
        .await
        .unwrap();
    assert_eq!((texts(&cut), cut.more), (vec!["0", "1"], true));
    let cut = store
        .log_group_events_after(a, group, ALL, Position::FIRST, None, narrow)
        .await;
    assert!(cut.unwrap().more);
    let newest = store
        .log_group_events_before(a, group, ALL, Position::LAST, Some(at(8)), three)
        .await
        .unwrap();
    assert_eq!((texts(&newest), newest.more), (vec!["9", "8"], false));
    let before = Position::at(at(8));
    let older = store
        .log_group_events_before(a, group, ALL, before, None, three)
        .await
        .unwrap();
    assert_eq!((texts(&older), older.more), (vec!["7", "6", "5"], true));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn groups_and_streams_know_their_figures(pool: sqlx::PgPool) {
    let store = store(pool);
    let a = account(&store, 1).await;
    store
        .append_logs(&[line(a, "s1", 5, "abc"), line(a, "s2", 7, "ü")])
        .await
        .unwrap();
    store
        .append_logs(&[line(a, "s1", 3, "abcd")])
        .await
        .unwrap();
    assert_eq!(
        store
            .create_log_stream(a, &region(), "/aws/lambda/f", "s0", at(0))
            .await
            .unwrap(),
        Some(true)
    );
    assert_eq!(
        store
            .create_log_stream(a, &region(), "/aws/lambda/f", "s1", at(0))
            .await
            .unwrap(),
        Some(false)
    );
    assert_eq!(
        store
            .create_log_stream(a, &region(), "no", "s", at(0))
            .await
            .unwrap(),
        None
    );

    let groups = store
        .log_groups(a, &region(), "/aws", "lambda", None, 10)
        .await
        .unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].stored_bytes, 3 + 4 + 2 + 3 * 26);
    let list = async |by_last_event, descending, after, limit| {
        let order = Order {
            by_last_event,
            descending,
        };
        let group = group(&store, a).await;
        store
            .log_streams(a, group, "s", order, after, limit)
            .await
            .unwrap()
    };
    let names = |streams: &[super::Stream]| -> Vec<String> {
        streams.iter().map(|stream| stream.name.clone()).collect()
    };
    let by_name = list(false, false, None, 10).await;
    assert_eq!(names(&by_name), ["s0", "s1", "s2"]);
    assert_eq!(
        (by_name[1].first_event_at, by_name[1].last_event_at),
        (Some(at(3)), Some(at(5)))
    );
    assert_eq!(by_name[0].last_event_at, None);
    let newest = list(true, true, None, 2).await;
    assert_eq!(names(&newest), ["s2", "s1"]);
    let rest = list(true, true, Some((Some(at(5)), "s1")), 2).await;
    assert_eq!(names(&rest), ["s0"]);
    assert_eq!(
        names(&list(false, false, Some((None, "s0")), 1).await),
        ["s1"]
    );
    assert_eq!(
        names(&list(false, true, Some((Some(at(9)), "s1")), 9).await),
        ["s0"]
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_deleted_groups_events_are_gone_for_good(pool: sqlx::PgPool) {
    let store = store(pool.clone());
    let (a, b) = (account(&store, 1).await, account(&store, 2).await);
    for n in 0..7 {
        store.append_logs(&[line(a, "s", n, "old")]).await.unwrap();
        append_singly(&pool, a, "s", n, "older").await;
    }
    store
        .append_logs(&[line(b, "s", 0, "another account's")])
        .await
        .unwrap();
    let delete = async |account| {
        store
            .delete_log_group(account, &region(), "/aws/lambda/f", at(9))
            .await
            .unwrap()
    };
    assert!(delete(a).await);
    assert!(!delete(a).await);
    store.append_logs(&[line(a, "s", 10, "new")]).await.unwrap();
    let group_a = group(&store, a).await;
    let left = store
        .log_group_events_after(a, group_a, ALL, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(texts(&left), ["new"]);

    let mut steps = 0;
    while store.sweep_logs(3).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3);
    let count = "SELECT (SELECT sum(last_id - id + 1) FROM log_chunk)::bigint + (SELECT count(*) FROM log_event)";
    let events: i64 = sqlx::query_scalar(count).fetch_one(&pool).await.unwrap();
    assert_eq!(events, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_account_reads_anothers_logs(pool: sqlx::PgPool) {
    let store = store(pool);
    let (a, b) = (account(&store, 1).await, account(&store, 2).await);
    store
        .append_logs(&[line(a, "s", 1, "a's"), line(b, "s", 1, "b's")])
        .await
        .unwrap();
    let (of_a, of_b) = (group(&store, a).await, group(&store, b).await);
    let stream = store.log_stream(a, of_a, "s").await.unwrap().unwrap();
    assert_eq!(store.log_stream(b, of_a, "s").await.unwrap(), None);
    let foreign = store
        .log_events_after(b, stream, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(foreign, Page::default());
    let foreign = store
        .log_group_events_after(b, of_a, ALL, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(foreign, Page::default());
    let own = store
        .log_group_events_after(b, of_b, ALL, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(texts(&own), ["b's"]);
    assert!(
        store
            .log_groups(b, &"eu-west-2".parse().unwrap(), "", "", None, 9)
            .await
            .unwrap()
            .is_empty()
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_executor_appends_without_waiting_for_the_disk_and_reads_nothing(pool: sqlx::PgPool) {
    let owner = store(pool.clone());
    let a = account(&owner, 1).await;
    let executor = crate::samples::of_role(&pool, crate::Role::Executor).await;
    executor.append_logs(&[line(a, "s", 1, "m")]).await.unwrap();
    assert!(
        owner
            .log_group(a, &region(), "/aws/lambda/f")
            .await
            .unwrap()
            .is_some()
    );
    for table in [
        "log_group",
        "log_stream",
        "log_chunk",
        "log_event",
        "log_trash",
        "access_key",
        "account",
    ] {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let refused = sqlx::query(query)
            .execute(&executor.pool)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{refused}"
        );
    }

    let mut connection = executor.pool.acquire().await.unwrap();
    // Whatever this server's own setting is.
    sqlx::query("SET synchronous_commit = on")
        .execute(&mut *connection)
        .await
        .unwrap();
    let mut tx = sqlx::Connection::begin(&mut *connection).await.unwrap();
    let append = "SELECT log_append_chunks(ARRAY[1], '{eu-west-1}', '{g}', '{s}', now(), \
                  '{1}', ARRAY[now()], ARRAY[now()], '{1}', '{27}', '{x}')";
    sqlx::query(append).execute(&mut *tx).await.unwrap();
    let commit: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(commit, "off", "when the transaction that appended commits");
    tx.commit().await.unwrap();
    let after: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(after, "on", "in the next transaction");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_gateway_reads_deletes_and_sweeps_but_writes_no_lines(pool: sqlx::PgPool) {
    let owner = store(pool.clone());
    let a = account(&owner, 1).await;
    owner.append_logs(&[line(a, "s", 1, "m")]).await.unwrap();
    let gateway = crate::samples::of_role(&pool, crate::Role::Gateway).await;
    let group = group(&gateway, a).await;
    let page = gateway
        .log_group_events_after(a, group, ALL, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(texts(&page), ["m"]);
    assert!(
        gateway
            .delete_log_group(a, &region(), "/aws/lambda/f", at(2))
            .await
            .unwrap()
    );
    assert!(gateway.sweep_logs(10).await.unwrap());
    assert!(!gateway.sweep_logs(10).await.unwrap());
    assert!(
        gateway
            .create_log_group(a, &region(), "g", at(3))
            .await
            .unwrap()
    );
    let refused = gateway
        .append_logs(&[line(a, "s", 1, "forged")])
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("permission denied"),
        "{refused}"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn appends_and_deletions_at_once_neither_fail_nor_lose_what_came_after(pool: sqlx::PgPool) {
    let store = store(pool);
    let a = account(&store, 1).await;
    let append = async |stream: &str| {
        for n in 0..20 {
            let lines = [line(a, stream, n, "x"), line(a, "shared", n, "y")];
            store.append_logs(&lines).await.unwrap();
        }
    };
    let delete = async {
        for _ in 0..20 {
            store
                .delete_log_group(a, &region(), "/aws/lambda/f", at(0))
                .await
                .unwrap();
        }
    };
    futures::join!(append("s1"), append("s2"), delete);
    store
        .append_logs(&[line(a, "s1", 99, "last")])
        .await
        .unwrap();
    let group = group(&store, a).await;
    let page = store
        .log_group_events_after(a, group, ALL, Position::FIRST, None, WIDE)
        .await
        .unwrap();
    assert_eq!(texts(&page).last(), Some(&"last"));
}

/// Reads a whole group or stream in windows, onwards or backwards.
struct Reader<'a> {
    store: &'a Store,
    account: AccountId,
    group: i64,
    stream: Option<i64>,
}

impl Reader<'_> {
    async fn onwards(&self, after: Position, window: Window) -> Page {
        let (account, store) = (self.account, self.store);
        let page = match self.stream {
            Some(stream) => {
                store
                    .log_events_after(account, stream, after, None, window)
                    .await
            }
            None => {
                store
                    .log_group_events_after(account, self.group, ALL, after, None, window)
                    .await
            }
        };
        page.unwrap()
    }

    /// Newest first.
    async fn backwards(&self, before: Position, window: Window) -> Page {
        let (account, store) = (self.account, self.store);
        let page = match self.stream {
            Some(stream) => {
                let page = store.log_events_before(account, stream, before, None, window);
                page.await.map(|mut page| {
                    page.events.reverse();
                    page
                })
            }
            None => {
                store
                    .log_group_events_before(account, self.group, ALL, before, None, window)
                    .await
            }
        };
        page.unwrap()
    }

    /// All events, as windows that follow each other show them.
    async fn all(&self, window: Window, onwards: bool) -> Vec<(Position, String)> {
        let mut all = Vec::new();
        let mut place = if onwards {
            Position::FIRST
        } else {
            Position::LAST
        };
        loop {
            let page = if onwards {
                self.onwards(place, window).await
            } else {
                self.backwards(place, window).await
            };
            assert!(page.events.len() <= window.events_max as usize);
            let events = page.events.into_iter();
            all.extend(events.map(|event| (event.position, event.message)));
            match all.last() {
                Some((last, _)) if page.more => place = *last,
                _ => break,
            }
        }
        if !onwards {
            all.reverse();
        }
        all
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn windows_of_any_size_show_overlapping_chunks_and_single_events_in_order(
    pool: sqlx::PgPool,
) {
    let store = store(pool.clone());
    let a = account(&store, 1).await;
    // Batches that overlap in time, lines of one instant in several of them, streams that take turns: a fixed jumble.
    let mut want: Vec<(i64, String)> = Vec::new();
    for batch in 0..12 {
        let mut lines = Vec::new();
        for n in 0..17_i64 {
            let ms = (batch * 301 + n * 137) % 2_900 / 7 * 7;
            let stream = if n % 3 == 0 { "s1" } else { "s2" };
            let message = format!("{stream} {batch} {n}");
            want.push((ms, message.clone()));
            if batch % 4 == 3 {
                append_singly(&pool, a, stream, ms, &message).await;
            } else {
                lines.push(line(a, stream, ms, &message));
            }
        }
        store.append_logs(&lines).await.unwrap();
    }
    let group = group(&store, a).await;
    for stream in [None, Some("s1"), Some("s2")] {
        let id = match stream {
            Some(name) => store.log_stream(a, group, name).await.unwrap(),
            None => None,
        };
        let reader = Reader {
            store: &store,
            account: a,
            group,
            stream: id,
        };
        let all = reader.all(WIDE, true).await;
        assert!(
            all.is_sorted_by(|(a, _), (b, _)| a < b),
            "places are distinct"
        );
        let mut found: Vec<_> = all
            .iter()
            .map(|(position, message)| ((position.at - at(0)).num_milliseconds(), message.clone()))
            .collect();
        let of_stream = |text: &str| stream.is_none_or(|name| text.starts_with(name));
        let mut expected: Vec<_> = want.iter().filter(|(_, m)| of_stream(m)).cloned().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        for (events_max, bytes_max) in [
            (1, 1 << 20),
            (3, 1 << 20),
            (50, 1 << 20),
            (100, 100),
            (9, 1),
        ] {
            let window = Window {
                events_max,
                bytes_max,
            };
            assert_eq!(reader.all(window, true).await, all, "{window:?}");
            assert_eq!(reader.all(window, false).await, all, "{window:?}");
        }
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn bytes_that_are_no_chunk_are_an_error(pool: sqlx::PgPool) {
    let store = store(pool.clone());
    let a = account(&store, 1).await;
    store.append_logs(&[line(a, "s", 1, "m")]).await.unwrap();
    sqlx::query("UPDATE log_chunk SET lines = '\\x02'")
        .execute(&pool)
        .await
        .unwrap();
    let group = group(&store, a).await;
    let read = store.log_group_events_after(a, group, ALL, Position::FIRST, None, WIDE);
    let error = read.await.unwrap_err().to_string();
    assert_eq!(error, "inconsistent data in log_chunk.lines");
}
