//! What the checks are for: usage that comes in any order keeps all of them, and each sees what it is for.

use chrono::{Datelike, TimeDelta};
use domain::Architecture;
use domain::bill::Month;
use domain::price::Sku;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::PgPool;

use crate::accrual::Look;
use crate::billing_terms::Books;
use crate::samples::{ALICE, Meter, account, hour, place, store, violated};
use crate::{Role, Store};

const X86: Sku = Sku::Duration(Architecture::X86_64);
const GB_S: i128 = 1_024_000;

/// Usage that arrives on a day of September to November 2026, and how many days late.
#[derive(Debug, Clone)]
struct Arrival {
    day: u32,
    late: u32,
    sku: usize,
    quantity: i128,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let one = (
        0_u32..70,
        prop_oneof![3 => Just(0_u32), 1 => 0_u32..60],
        0_usize..3,
        1_i128..2_000_000,
    );
    let one = one.prop_map(|(day, late, sku, quantity)| Arrival {
        day,
        late,
        sku,
        quantity,
    });
    proptest::collection::vec(one, 1..24)
}

/// What the service does on a day.
async fn a_day(service: &Store, owner: u64, now: chrono::DateTime<chrono::Utc>) {
    let books = Books::default();
    service.ensure_periods(now).await.unwrap();
    let late_since = Month::of(now - TimeDelta::days(100));
    let look = Look {
        complete_until: service.reporters().await.unwrap().complete_until(now),
        open_since: late_since,
        late_since,
        now,
    };
    service.accrue(account(owner), &look, &books).await.unwrap();
    if now.day() == 2 {
        let last = Month::of(now).previous();
        let closed = service.close_month(account(owner), last, true, now, &books);
        let _ = closed.await.unwrap();
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whatever_comes_whenever_the_invariants_hold(pool: PgPool) {
    let store = store(pool.clone()).await;
    let service = crate::samples::of_role(&pool, Role::Billing).await;
    store.seed_prices().await.unwrap();
    let mut runner = TestRunner::deterministic();
    let start = hour("2026-09-01T00");
    for scenario in 1..=8_u64 {
        let owner = 500_000_000_000 + scenario;
        store
            .create_account(account(owner), "any", start)
            .await
            .unwrap()
            .unwrap();
        let arrivals = arrivals().new_tree(&mut runner).unwrap().current();
        let mut meter = Meter::new(scenario.into());
        for day in 0..94 {
            let now = start + TimeDelta::days(i64::from(day));
            let today = arrivals.iter().filter(|one| one.day + one.late == day);
            let usage: Vec<_> = today
                .map(|one| {
                    let sku = [Sku::Requests, X86, Sku::EphemeralStorage][one.sku];
                    let at = start + TimeDelta::days(i64::from(one.day));
                    let at = at.format("%Y-%m-%dT%H").to_string();
                    let scale = if sku == Sku::Requests { 1 } else { GB_S };
                    (place(owner, &at, "us-east-1", sku), one.quantity * scale)
                })
                .collect();
            if usage.is_empty() && now.day() != 2 && day % 30 != 7 {
                continue;
            }
            meter.report(&store, now, &usage).await;
            a_day(&service, owner, now).await;
            if day % 30 == 7 {
                assert_eq!(
                    violated(&store).await,
                    Vec::<String>::new(),
                    "scenario {scenario}, day {day}: {arrivals:?}"
                );
            }
        }
        service.seal_ledger(start).await.unwrap();
        assert_eq!(
            violated(&store).await,
            Vec::<String>::new(),
            "scenario {scenario}: {arrivals:?}"
        );
        // All that was used was charged once, and what is on invoices is what is owed.
        let pending = store.verify_ledger().await.unwrap();
        assert!(
            pending.iter().all(|check| !check.detail.contains("wait")),
            "{pending:?}"
        );
    }
    let issued = store
        .invoices(crate::invoices::InvoiceFilter::default())
        .await
        .unwrap();
    assert!(issued.len() >= 16, "{}", issued.len());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn each_check_sees_what_it_is_for(pool: PgPool) {
    let store = store(pool.clone()).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-08-20T07", Sku::Requests, 2_000_007)
        .await;
    meter
        .of_alice(&store, "2026-09-20T07", X86, 500_001 * GB_S + 7)
        .await;
    meter.covers(&store, hour("2026-10-01T00")).await;
    let books = Books::default();
    store.ensure_periods(hour("2026-10-02T00")).await.unwrap();
    for month in ["2026-08", "2026-09"] {
        let closed = store.close_month(
            account(ALICE),
            month.parse().unwrap(),
            false,
            hour("2026-10-02T00"),
            &books,
        );
        closed.await.unwrap().unwrap();
    }
    store.seal_ledger(hour("2026-10-02T01")).await.unwrap();
    assert_eq!(violated(&store).await, Vec::<String>::new());
    let cases: [(&str, &str, &[&str]); 9] = [
        ("usage_batch", "UPDATE billing.usage_batch SET closes_epoch = true, started = started + 1, last_event = last_event + 1", &["I1"]),
        ("usage_hour", "UPDATE billing.usage_hour SET qty = qty - 1 WHERE sku = 'requests'", &["I2", "I4"]),
        ("charge", "UPDATE billing.charge SET amount = amount + 1 WHERE sku = 'requests' AND tier = 0",
            &["I5", "I6", "I8", "I12"]),
        ("charge", "UPDATE billing.charge SET qty = qty + 1, amount = amount WHERE sku = 'requests' AND tier IS NULL",
            &["I4", "I5", "I13"]),
        ("posting", "UPDATE billing.posting SET amount = amount + 1 WHERE line_no = 1 AND journal_id = (SELECT min(id) FROM billing.journal)",
            &["I6", "I7", "I9", "I11"]),
        ("journal", "UPDATE billing.journal SET effective_at = effective_at + interval '1 second'", &["I11"]),
        ("invoice", "UPDATE billing.invoice SET document = replace(document, '\"subtotal\":\"0.20\"', '\"subtotal\":\"0.21\"'),
            document_sha256 = sha256(convert_to(replace(document, '\"subtotal\":\"0.20\"', '\"subtotal\":\"0.21\"'), 'UTF8'))",
            &["I8"]),
        ("invoice", "UPDATE billing.invoice SET document = document || ' ', document_sha256 = sha256(convert_to(document || ' ', 'UTF8'))",
            &["I13"]),
        ("invoice_counter", "UPDATE billing.invoice_counter SET next_no = next_no + 1", &["Numbers"]),
    ];
    for (table, tamper, want) in cases {
        let mut other = pool.acquire().await.unwrap();
        for statement in [
            format!("CREATE TABLE billing.kept AS SELECT * FROM billing.{table}"),
            format!("ALTER TABLE billing.{table} DISABLE TRIGGER ALL"),
            tamper.to_owned(),
        ] {
            let statement = sqlx::AssertSqlSafe(statement);
            sqlx::query(statement).execute(&mut *other).await.unwrap();
        }
        let found = violated(&store).await;
        let names: Vec<&str> = found
            .iter()
            .map(|one| one.split(' ').next().unwrap_or_default())
            .collect();
        assert_eq!(names, want, "{tamper}: {found:?}");
        restore(&mut other, table).await;
        assert_eq!(
            violated(&store).await,
            Vec::<String>::new(),
            "{tamper} was not put back"
        );
    }
}

/// What a gateway saw run must arrive: until the executor says that it has told all, it is on the way.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_seen_must_arrive(pool: PgPool) {
    let store = store(pool.clone()).await;
    let gateway = crate::samples::of_role(&pool, Role::Gateway).await;
    let mut meter = Meter::new(1);
    let at = |minute| hour("2026-09-18T05") + TimeDelta::minutes(minute);
    let executor = meter.id();
    let sees = |event, seen_at| {
        let witness = crate::witness::Witness {
            executor,
            boot_epoch: 1,
            event,
        };
        let gateway = &gateway;
        async move { gateway.witness_usage(&[witness], seen_at).await.unwrap() }
    };
    sees(6, at(0)).await;
    // A slower gateway knows less.
    sees(4, at(1)).await;
    let unreported = async |store: &Store| {
        let reporters = store.reporters().await.unwrap().0;
        reporters.first().map(|one| one.unreported)
    };
    let two = (place(ALICE, "2026-09-18T05", "us-east-1", Sku::Requests), 2);
    meter.report(&store, at(0), &[two]).await;
    assert_eq!(violated(&store).await, Vec::<String>::new());
    assert_eq!(unreported(&store).await, Some(2));
    // Clocks differ a little.
    meter.covers(&store, at(1)).await;
    assert_eq!(violated(&store).await, Vec::<String>::new());
    meter.covers(&store, at(2)).await;
    let found = violated(&store).await;
    assert!(
        found.len() == 1
            && found[0].starts_with("I3 ")
            && found[0].contains("event 6 was seen, 4 is the last"),
        "{found:?}"
    );
    let one = (place(ALICE, "2026-09-18T05", "us-east-1", Sku::Requests), 1);
    meter.report(&store, at(2), &[one]).await;
    assert_eq!(violated(&store).await, Vec::<String>::new());
    assert_eq!(unreported(&store).await, Some(0));
}

/// The database itself does not let a cap be overdrawn; the check looks all the same.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_overdrawn_cap_is_seen(pool: PgPool) {
    let store = store(pool.clone()).await;
    for statement in [
        "INSERT INTO billing.cap (id, account_id, scope, limit_amt, currency, action, changed_at)
         VALUES ('0198c5a3-5d6c-7bb0-8a53-0e5b0f7d2c11', 111111111111, 'account', 10, 'USD', 'stop', now())",
        "INSERT INTO billing.spend_cap (cap_id, month, limit_amt, held, settled)
         SELECT id, '2026-09-01', 10, 4, 6 FROM billing.cap",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    assert_eq!(violated(&store).await, Vec::<String>::new());
    let more = "UPDATE billing.spend_cap SET settled = settled + 0.0000000001";
    assert!(sqlx::query(more).execute(&pool).await.is_err());
    for statement in [
        "ALTER TABLE billing.spend_cap DROP CONSTRAINT spend_cap_holds",
        more,
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let found = violated(&store).await;
    assert!(
        found.len() == 1 && found[0].starts_with("I10 "),
        "{found:?}"
    );
}

/// Puts a table's rows back from `billing.kept`.
async fn restore(connection: &mut sqlx::PgConnection, table: &str) {
    let overriding = if table == "charge"
        || table.starts_with("usage")
        || table == "posting"
        || table == "invoice_counter"
    {
        ""
    } else {
        "OVERRIDING SYSTEM VALUE"
    };
    for statement in [
        "SET session_replication_role = replica".to_owned(),
        format!("DELETE FROM billing.{table}"),
        format!("INSERT INTO billing.{table} {overriding} SELECT * FROM billing.kept"),
        "SET session_replication_role = DEFAULT".to_owned(),
        format!("ALTER TABLE billing.{table} ENABLE TRIGGER ALL"),
        "DROP TABLE billing.kept".to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}
