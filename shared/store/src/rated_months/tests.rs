use domain::bill::report::Span;
use domain::price::{Currency, Sku};
use sqlx::PgPool;

use crate::billing_terms::Terms;
use crate::samples::{
    ALICE, Meter, account, accrue, billing, close, hour, month, of_role, place, violated,
};
use crate::{Role, Store};

const REQUEST_E10: i128 = 2_000;

/// What a report says of a month: requests, and their cost. The billing APIs and a forecast say the same.
async fn said(gateway: &Store, of: &str) -> (i128, i128) {
    let (owner, month) = (account(ALICE), month(of));
    let report = gateway.cost_report(Some(owner), Span::of_month(month), vec![]);
    let totals = report.await.unwrap().totals();
    let [(_, total)] = totals.iter().collect::<Vec<_>>()[..] else {
        panic!("{totals:?}");
    };
    let said = (total.usage[&Sku::Requests], total.amount_e10);
    let span = domain::bill::explorer::Period {
        start: month.start(),
        end: month.end(),
    };
    let explored = gateway.explore(owner, span).await.unwrap();
    let sum = explored.items().fold((0, 0), |(quantity, amount), item| {
        (quantity + item.quantity, amount + item.amount_e10)
    });
    assert_eq!(sum, said);
    let now = month.end() + chrono::TimeDelta::days(20);
    let forecast = gateway.cost_forecast(Some(owner), month, now);
    let expected = forecast.await.unwrap().amounts[&"USD".parse::<Currency>().unwrap()];
    assert_eq!((expected.so_far_e10, expected.month_e10), (said.1, said.1));
    said
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_closed_month_stays_what_was_charged(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    let gateway = of_role(&pool, Role::Gateway).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-09-20T07", Sku::Requests, 1_500_000)
        .await;
    meter.covers(&store, hour("2026-10-01T00")).await;
    let charged = (1_500_000, 500_000 * REQUEST_E10);
    assert_eq!(said(&gateway, "2026-09").await, charged);
    let closed = close(&service, ALICE, "2026-09", "2026-10-02T00").await;
    assert_eq!(closed.unwrap().invoices, ["INV-000001"]);

    // Other terms are for what is not billed yet.
    let terms = Terms {
        free_tier: false,
        ..Terms::default()
    };
    store
        .set_billing_terms(account(ALICE), &terms, hour("2026-10-02T01"))
        .await
        .unwrap();
    meter
        .of_alice(&store, "2026-10-02T07", Sku::Requests, 1_000_000)
        .await;
    assert_eq!(said(&gateway, "2026-09").await, charged);
    let october = (1_000_000, 1_000_000 * REQUEST_E10);
    assert_eq!(said(&gateway, "2026-10").await, october);

    // What comes late is there at once, and the same when it has been charged.
    let late = |quantity| {
        let at = place(ALICE, "2026-09-18T03", "us-east-1", Sku::Requests);
        [(at, quantity)]
    };
    meter
        .report(&store, hour("2026-10-03T00"), &late(100_000))
        .await;
    let with_late = (1_600_000, 600_000 * REQUEST_E10);
    assert_eq!(said(&gateway, "2026-09").await, with_late);
    accrue(&service, ALICE, "2026-10-03T00", "2026-10-03T05").await;
    assert_eq!(said(&gateway, "2026-09").await, with_late);
    assert_eq!(said(&gateway, "2026-10").await, october);

    // What came too late is written off: it was used, and nobody paid for it.
    meter.report(&store, hour("2026-11-01T00"), &late(7)).await;
    accrue(&service, ALICE, "2026-11-01T00", "2026-11-01T05").await;
    assert_eq!(said(&gateway, "2026-09").await, (1_600_007, with_late.1));
    assert_eq!(violated(&store).await, Vec::<String>::new());
}
