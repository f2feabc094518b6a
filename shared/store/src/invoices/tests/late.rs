//! Usage that comes for a month that is closed.

use domain::bill::document::Section;
use domain::price::Sku;
use sqlx::PgPool;

use super::{amounts, balances, document, own_book};
use crate::parties::Customer;
use crate::samples::{ALICE, Meter, account, accrue, billing, close, hour, place, violated};

/// What comes for a closed month is charged behind it, and shown on the next invoice in a section of its own.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn late_usage_is_on_the_next_invoice(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-09-20T07", Sku::Requests, 900_000)
        .await;
    meter.covers(&store, hour("2026-10-01T00")).await;
    close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    // 100,000 are left of September's free tier, in whatever hour they come.
    let usage = |quantity| {
        [(
            place(ALICE, "2026-09-18T03", "us-east-1", Sku::Requests),
            quantity,
        )]
    };
    meter
        .report(&store, hour("2026-10-03T00"), &usage(1_100_000))
        .await;
    accrue(&service, ALICE, "2026-10-03T00", "2026-10-03T05").await;
    accrue(&service, ALICE, "2026-10-03T00", "2026-10-03T05").await;
    meter
        .of_alice(&store, "2026-10-20T07", Sku::Requests, 1_000_001)
        .await;
    meter
        .report(&store, hour("2026-11-01T00"), &usage(2_000_000))
        .await;
    close(&service, ALICE, "2026-10", "2026-11-02T00")
        .await
        .unwrap();
    let invoice = document(&store, "INV-000002").await;
    let lines: Vec<_> = invoice
        .lines
        .iter()
        .map(|line| {
            (
                line.section,
                line.tier.as_str(),
                line.quantity.as_str(),
                line.amount.as_str(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            (Section::Usage, "free", "1000000", "0.00"),
            (Section::Usage, "1", "1", "0.00"),
            // The second round came after more than 34 days: it is not here.
            (Section::Correction, "free", "100000", "0.00"),
            (Section::Correction, "1", "1000000", "0.20"),
        ]
    );
    let kinds = store.journals(account(ALICE), 100).await.unwrap();
    let kinds: Vec<_> = kinds
        .iter()
        .rev()
        .map(|one| one.key.replace("111111111111", "A"))
        .collect();
    assert_eq!(
        kinds,
        [
            "late:A:2026-09:0",
            "late-write-off:A:2026-09:1",
            "accrual:A:2026-10-20:0",
            "invoice:INV-000002"
        ]
    );
    assert_eq!(violated(&store).await, Vec::<String>::new());
    // Whoever agreed gets it on the bill all the same.
    let customer = Customer {
        bill_all_late: true,
        ..store.customer(account(ALICE)).await.unwrap().unwrap()
    };
    store
        .set_customer(account(ALICE), &customer, hour("2026-11-02T01"))
        .await
        .unwrap();
    meter
        .report(&store, hour("2026-12-01T00"), &usage(3_000_000))
        .await;
    close(&service, ALICE, "2026-11", "2026-12-02T00")
        .await
        .unwrap();
    let invoice = document(&store, "INV-000003").await;
    assert_eq!(
        (amounts(&invoice), invoice.lines[0].description.as_str()),
        (vec!["0.60"], "Requests, late usage of 2026-09")
    );
    assert_eq!(
        store.explain_line("INV-000003", 1).await.unwrap().quantity,
        3_000_000
    );
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

/// A price that is published later does not change what a closed month costs.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn late_usage_has_the_prices_of_the_closed_month(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    own_book(
        &store,
        "own",
        "us-east-1,requests,USD,1000000 requests,0,,1.00,2026-01-01,test\n",
    )
    .await;
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-09-20T07", Sku::Requests, 1_000_000)
        .await;
    meter.covers(&store, hour("2026-10-01T00")).await;
    close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    own_book(
        &store,
        "own",
        "us-east-1,requests,USD,1000000 requests,0,,7.00,2026-09-01,test\n",
    )
    .await;
    meter
        .of_alice(&store, "2026-09-21T07", Sku::Requests, 1_000_000)
        .await;
    meter
        .of_alice(&store, "2026-10-02T07", Sku::Requests, 1_000_000)
        .await;
    meter.covers(&store, hour("2026-11-01T00")).await;
    close(&service, ALICE, "2026-10", "2026-11-02T00")
        .await
        .unwrap();
    assert_eq!(amounts(&document(&store, "INV-000001").await), ["1.00"]);
    // October is charged at the new price; September's late usage was written off at the old one, being 42 days old.
    assert_eq!(amounts(&document(&store, "INV-000002").await), ["7.00"]);
    let written_off = balances(&store, account(ALICE)).await;
    assert!(
        written_off.contains(&("write-off".to_owned(), "1.0000000000".to_owned())),
        "{written_off:?}"
    );
    assert_eq!(violated(&store).await, Vec::<String>::new());
}
