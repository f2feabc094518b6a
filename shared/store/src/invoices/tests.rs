//! From usage over the ledger to invoices, with the rights that the service has.

use domain::bill::Money;
use domain::bill::TaxRate;
use domain::bill::credit_note::Part;
use domain::bill::document::Document;
use domain::price::Sku;
use domain::{AccountId, Architecture};
use sqlx::PgPool;

use super::{InvoiceFilter, NotClosed};
use crate::billing_terms::Terms;
use crate::parties::Customer;
use crate::samples::{
    ALICE, BOB, Meter, account, accrue, billing, close, hour, month, of_role, place, store,
    violated,
};
use crate::{Role, Store};

mod late;

const X86: Sku = Sku::Duration(Architecture::X86_64);
const ARM: Sku = Sku::Duration(Architecture::Arm64);
const GB_S: i128 = 1_024_000;

async fn document(store: &Store, number: &str) -> Document {
    store.invoice(number).await.unwrap().unwrap().document
}

async fn balances(store: &Store, owner: AccountId) -> Vec<(String, String)> {
    let all = store.ledger_balances(Some(owner)).await.unwrap();
    let shown = all.into_iter().map(|one| {
        let amount = domain::bill::money::fixed(one.amount_e10, 10);
        (one.code, amount)
    });
    let mut shown: Vec<_> = shown
        .filter(|(_, amount)| amount != "0.0000000000")
        .collect();
    shown.sort();
    shown
}

fn amounts(document: &Document) -> Vec<&str> {
    document
        .lines
        .iter()
        .map(|line| line.amount.as_str())
        .collect()
}

async fn own_book(store: &Store, name: &str, rows: &str) {
    let head = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence\n";
    store
        .add_prices(name, &format!("{head}{rows}"))
        .await
        .unwrap();
    let terms = Terms {
        book: name.to_owned(),
        free_tier: false,
    };
    store
        .set_billing_terms(account(ALICE), &terms, hour("2026-09-01T00"))
        .await
        .unwrap();
}

/// Golden case P1: a price change inside a month.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn p1_a_price_change_makes_two_lines(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    own_book(
        &store,
        "p1",
        "ap-northeast-3,duration-x86_64,USD,GB-second,0,,0.0000215300,2026-01-01,test\n\
         ap-northeast-3,duration-x86_64,USD,GB-second,0,,0.0000166667,2026-09-15,test\n",
    )
    .await;
    let mut meter = Meter::new(1);
    for day in ["2026-09-02T04", "2026-09-20T07"] {
        let usage = [(place(ALICE, day, "ap-northeast-3", X86), 1_000_000 * GB_S)];
        meter.report(&store, hour(day), &usage).await;
    }
    meter.covers(&store, hour("2026-10-01T00")).await;
    let closed = close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    assert_eq!(closed.invoices, ["INV-000001"]);
    let invoice = document(&store, "INV-000001").await;
    assert_eq!(amounts(&invoice), ["21.53", "16.67"]);
    assert_eq!(
        (invoice.total.as_str(), invoice.rounding.as_str()),
        ("38.20", "0.0033000000")
    );
    let want = [
        ("receivable", "38.2000000000"),
        ("revenue", "-38.1967000000"),
        ("rounding", "-0.0033000000"),
    ];
    let want = want.map(|(code, amount)| (code.to_owned(), amount.to_owned()));
    assert_eq!(balances(&store, account(ALICE)).await, want);
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

/// Golden case P2: the free tier goes to the earliest usage, over regions and architectures.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn p2_the_free_tier_goes_to_the_earliest_usage(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    let usage = [
        (
            place(ALICE, "2026-09-01T09", "eu-central-1", ARM),
            200_000 * GB_S,
        ),
        (
            place(ALICE, "2026-09-01T08", "us-east-1", X86),
            300_000 * GB_S,
        ),
    ];
    meter.report(&store, hour("2026-10-01T00"), &usage).await;
    // The draft is what the bill will be.
    let drafts = store.draft(account(ALICE), month("2026-09"), hour("2026-09-01T10"));
    let draft = drafts.await.unwrap().unwrap().bills.remove(0).document;
    close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    let invoice = document(&store, "INV-000001").await;
    let lines: Vec<_> = invoice
        .lines
        .iter()
        .map(|line| {
            (
                line.region.as_str(),
                line.tier.as_str(),
                line.quantity.as_str(),
                line.amount.as_str(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("eu-central-1", "free", "100000", "0.00"),
            ("eu-central-1", "1", "100000", "1.33"),
            ("us-east-1", "free", "300000", "0.00"),
        ]
    );
    assert_eq!(invoice.due, "1.33");
    assert!(draft.is_draft());
    assert_eq!(draft.lines, invoice.lines);
    let again = store.draft(account(ALICE), month("2026-09"), hour("2026-10-02T00"));
    assert!(again.await.unwrap().unwrap().closed);
    // The third line's hours add up to it.
    let explained = store.explain_line("INV-000001", 2).await.unwrap();
    let shares: Vec<_> = explained
        .shares
        .iter()
        .map(|share| (share.hour, share.quantity, share.metered))
        .collect();
    assert_eq!(
        shares,
        [(hour("2026-09-01T09"), 100_000 * GB_S, 200_000 * GB_S)]
    );
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

/// Golden case P3: taxes, then prepaid credit.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn p3_prepaid_credit_pays_with_taxes(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    own_book(
        &store,
        "p3",
        "eu-central-1,requests,EUR,1000000 requests,0,,1.00,2026-01-01,test\n",
    )
    .await;
    let customer = Customer {
        taxes: vec![TaxRate::new("VAT", "24".parse().unwrap()).unwrap()],
        ..store.customer(account(ALICE)).await.unwrap().unwrap()
    };
    store
        .set_customer(account(ALICE), &customer, hour("2026-09-01T00"))
        .await
        .unwrap();
    let euro = "EUR".parse().unwrap();
    let prepaid = Money::parse("100.00", euro).unwrap();
    store
        .credit_customer(account(ALICE), prepaid, "1", false, hour("2026-09-01T00"))
        .await
        .unwrap();
    let mut meter = Meter::new(1);
    let usage = [(
        place(ALICE, "2026-09-03T09", "eu-central-1", Sku::Requests),
        14_290_000,
    )];
    meter.report(&store, hour("2026-10-01T00"), &usage).await;
    close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    let invoice = document(&store, "INV-000001").await;
    let bottom = [
        &invoice.subtotal,
        &invoice.total,
        &invoice.credit,
        &invoice.due,
    ];
    assert_eq!(bottom, ["14.29", "17.72", "17.72", "0.00"]);
    let left = store.customer_credit(account(ALICE), euro).await.unwrap();
    assert_eq!(left.to_string(), "82.28 EUR");
    let want = [
        ("cash", "100.0000000000"),
        ("customer-credit", "-82.2800000000"),
        ("revenue", "-14.2900000000"),
        ("tax-payable", "-3.4300000000"),
    ];
    let want = want.map(|(code, amount)| (code.to_owned(), amount.to_owned()));
    assert_eq!(balances(&store, account(ALICE)).await, want);
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_month_is_closed_once_in_order_and_when_it_is_time(pool: PgPool) {
    let store = store(pool.clone()).await;
    let services = [
        of_role(&pool, Role::Billing).await,
        of_role(&pool, Role::Billing).await,
    ];
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    for day in ["2026-08-05T04", "2026-09-20T07"] {
        meter.of_alice(&store, day, X86, 500_000 * GB_S).await;
    }
    let service = &services[0];
    let not_yet = close(service, ALICE, "2026-09", "2026-10-01T23").await;
    assert_eq!(not_yet, Err(NotClosed::After(month("2026-08"))));
    let waits = close(service, ALICE, "2026-08", "2026-09-02T00").await;
    // The executor has reported the month by then: it is past it.
    assert_eq!(waits.unwrap().invoices, ["INV-000001"]);
    let early = close(service, ALICE, "2026-09", "2026-10-01T23").await;
    assert!(matches!(early, Err(NotClosed::NotYet(_))), "{early:?}");
    let waits = close(service, ALICE, "2026-09", "2026-10-03T23").await;
    assert!(matches!(waits, Err(NotClosed::NotYet(_))), "{waits:?}");
    assert_eq!(
        close(service, BOB, "2026-09", "2026-10-04T00").await,
        Err(NotClosed::Unknown)
    );
    // After 72 hours nobody is waited for, and the invoice says who was missing. Two at once close it once.
    let (one, other) = futures::future::join(
        close(service, ALICE, "2026-09", "2026-10-04T00"),
        close(&services[1], ALICE, "2026-09", "2026-10-04T00"),
    )
    .await;
    let done: Vec<_> = [one, other]
        .into_iter()
        .map(|one| one.map(|one| one.invoices))
        .collect();
    let won = Ok(vec!["INV-000002".to_owned()]);
    let lost = Err(NotClosed::Already);
    assert!(
        done == [won.clone(), lost.clone()] || done == [lost, won],
        "{done:?}"
    );
    let invoice = document(&store, "INV-000002").await;
    assert_eq!(
        invoice.notes,
        [format!(
            "Executor {} had not reported its usage from 2026-09-20 07:00:00 UTC on when this month was closed. What it still \
             reports is billed with a later month.",
            meter.id()
        )]
    );
    assert_eq!(
        (invoice.issued_on.to_string(), invoice.due_on.to_string()),
        ("2026-10-04".into(), "2026-11-03".into())
    );
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

/// A month without usage closes without an invoice; numbers have no gap where a transaction was rolled back.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn numbers_have_no_gap_and_invoices_are_frozen(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    meter
        .of_alice(&store, "2026-07-20T07", Sku::Requests, 5)
        .await;
    meter
        .of_alice(&store, "2026-09-20T07", Sku::Requests, 5)
        .await;
    meter.covers(&store, hour("2026-10-01T00")).await;
    assert_eq!(
        close(&service, ALICE, "2026-07", "2026-10-02T00")
            .await
            .unwrap()
            .invoices,
        ["INV-000001"]
    );
    assert_eq!(
        close(&service, ALICE, "2026-08", "2026-10-02T00")
            .await
            .unwrap()
            .invoices,
        Vec::<String>::new()
    );
    let mut tx = pool.begin().await.unwrap();
    let issuer = crate::parties::issuer(&mut tx).await.unwrap();
    assert_eq!(
        super::take_number(&mut tx, &issuer).await.unwrap().text,
        "INV-000002"
    );
    tx.rollback().await.unwrap();
    // A number that no invoice has cannot be left behind.
    let mut tx = pool.begin().await.unwrap();
    super::take_number(&mut tx, &issuer).await.unwrap();
    let error = tx.commit().await.unwrap_err().to_string();
    assert!(error.contains("would have a gap"), "{error}");
    assert_eq!(
        close(&service, ALICE, "2026-09", "2026-10-02T00")
            .await
            .unwrap()
            .invoices,
        ["INV-000002"]
    );
    for (statement, why) in [
        ("UPDATE billing.invoice SET document = '{}', document_sha256 = sha256('{}')", "append-only"),
        ("DELETE FROM billing.invoice", "append-only"),
        ("TRUNCATE billing.invoice CASCADE", "append-only"),
        ("DELETE FROM billing.invoice_counter", "append-only"),
        ("UPDATE billing.invoice_counter SET next_no = next_no + 1", "would have a gap"),
        ("INSERT INTO billing.invoice (series, number_in_series, number, account_id, period_id, currency, kind, total, document,
            document_sha256, issued_at) SELECT series, 7, 'x', account_id, period_id, 'EUR', 'invoice', 0, '{}', sha256('{}'), now()
            FROM billing.invoice LIMIT 1", "is not the next one"),
    ] {
        let error = sqlx::query(statement).execute(&pool).await.unwrap_err().to_string();
        assert!(error.contains(why), "{statement}: {error}");
    }
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn payments_credit_notes_and_write_offs(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    // 10.00 USD beyond the free tier, on top of 0.20 of another SKU.
    meter
        .of_alice(&store, "2026-09-20T07", Sku::Requests, 51_000_000)
        .await;
    meter.covers(&store, hour("2026-10-01T00")).await;
    close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    let (number, now) = ("INV-000001", hour("2026-10-05T09"));
    let open = async || store.invoice(number).await.unwrap().unwrap().open.amount();
    let pay = async |amount: &str, reference: &str| {
        let paid = store.pay_invoice(number, amount, reference, now).await;
        paid.map_err(|error| error.to_string())
    };
    assert_eq!(open().await, "10.00");
    assert_eq!(pay("6.00", "wire 1").await, Ok(true));
    assert_eq!(pay("6.00", "wire 1").await, Ok(false));
    let refused = pay("4.01", "wire 2").await.unwrap_err();
    assert!(
        refused.starts_with("Of INV-000001 only 4.00 USD is open."),
        "{refused}"
    );
    assert!(pay("-1", "wire 3").await.is_err());
    assert_eq!(open().await, "4.00");
    // 4.00 lower what is open, one more dollar goes to the customer.
    let part = Part::Amount("5.00".to_owned());
    let note = store
        .issue_credit_note(number, &part, "A fault of ours", now)
        .await
        .unwrap();
    assert_eq!(
        (note.number.as_deref(), note.corrects.as_deref()),
        (Some("INV-000002"), Some(number))
    );
    assert_eq!(open().await, "0.00");
    let usd = "USD".parse().unwrap();
    let credit = store.customer_credit(account(ALICE), usd).await.unwrap();
    assert_eq!(credit.amount(), "1.00");
    let too_much = Part::Amount("5.01".to_owned());
    let error = store
        .issue_credit_note(number, &too_much, "Again", now)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "INV-000001 has 5.00 USD left to take back, not 5.01 USD."
    );
    let error = store
        .issue_credit_note("INV-000002", &part, "Again", now)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "INV-000002 is a credit note: name the invoice."
    );
    let error = store.write_off_invoice(number, now).await.unwrap_err();
    assert_eq!(error.to_string(), "Nothing of INV-000001 is open.");
    assert_eq!(violated(&store).await, Vec::<String>::new());
    // The next invoice takes the dollar; what remains of it is given up.
    meter
        .of_alice(&store, "2026-10-20T07", Sku::Requests, 11_000_000)
        .await;
    meter.covers(&store, hour("2026-11-01T00")).await;
    close(&service, ALICE, "2026-10", "2026-11-02T00")
        .await
        .unwrap();
    let next = store.invoice("INV-000003").await.unwrap().unwrap();
    assert_eq!(
        (next.document.credit.as_str(), next.open.amount().as_str()),
        ("1.00", "1.00")
    );
    let given_up = store
        .write_off_invoice("INV-000003", hour("2026-11-03T00"))
        .await
        .unwrap();
    assert_eq!(given_up.amount(), "1.00");
    assert_eq!(violated(&store).await, Vec::<String>::new());
    let filter = InvoiceFilter {
        account: Some(account(ALICE)),
        ..InvoiceFilter::default()
    };
    let numbers = store.invoices(filter).await.unwrap();
    assert_eq!(
        numbers
            .iter()
            .map(|one| one.credit_note)
            .collect::<Vec<_>>(),
        [false, true, false]
    );
}

/// Usage that nobody can price is told, not charged; each currency has its own invoice.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn currencies_and_what_has_no_price(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let mut meter = Meter::new(1);
    let usage = [
        (
            place(ALICE, "2026-09-20T07", "us-east-1", Sku::Requests),
            11_000_000,
        ),
        (
            place(ALICE, "2026-09-20T08", "cn-north-1", Sku::Requests),
            10_000_000,
        ),
        (
            place(
                ALICE,
                "2026-09-20T08",
                "mars-north-1",
                Sku::EphemeralStorage,
            ),
            3 * GB_S,
        ),
    ];
    meter.report(&store, hour("2026-10-01T00"), &usage).await;
    let closed = close(&service, ALICE, "2026-09", "2026-10-02T00")
        .await
        .unwrap();
    assert_eq!(closed.invoices, ["INV-000001", "INV-000002"]);
    let invoice = document(&store, "INV-000001").await;
    assert_eq!(
        (invoice.currency.as_str(), invoice.total.as_str()),
        ("CNY", "13.60")
    );
    assert_eq!(
        invoice.notes,
        [
            "Not charged, because price book \"default\" has no price for it: 3 GB-Seconds of ephemeral-storage in mars-north-1."
        ]
    );
    assert_eq!(document(&store, "INV-000002").await.total, "2.00");
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

/// Everything that is derived, dropped: what is built again from usage and prices is the same, byte for byte.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_bill_is_rebuilt_from_usage_and_prices(pool: PgPool) {
    let (store, service) = billing(&pool).await;
    store.seed_prices().await.unwrap();
    let (mut one, mut other) = (Meter::new(1), Meter::new(2));
    for day in 1..=28 {
        let at = format!("2026-09-{day:02}T05");
        one.of_alice(&store, &at, X86, i128::from(day) * 71_111 * 1_024 + 333)
            .await;
        let usage = [
            (
                place(BOB, &at, "eu-west-1", Sku::Requests),
                i128::from(day) * 170_001,
            ),
            (
                place(BOB, &at, "cn-north-1", ARM),
                i128::from(day) * 77_777_777_777,
            ),
        ];
        other.report(&store, hour(&at), &usage).await;
    }
    one.covers(&store, hour("2026-10-01T00")).await;
    other.covers(&store, hour("2026-10-01T00")).await;
    let bill = async |daily: bool| {
        if daily {
            for day in 2..=28 {
                let until = format!("2026-09-{day:02}T00");
                accrue(&service, ALICE, &until, &until).await;
                accrue(&service, BOB, &until, &until).await;
            }
        }
        for owner in [ALICE, BOB] {
            close(&service, owner, "2026-09", "2026-10-02T00")
                .await
                .unwrap();
        }
        service.seal_ledger(hour("2026-10-02T01")).await.unwrap();
        assert_eq!(violated(&store).await, Vec::<String>::new());
        let invoices = store.invoices(InvoiceFilter::default()).await.unwrap();
        invoices.into_iter().map(|one| one.text).collect::<Vec<_>>()
    };
    let first = bill(true).await;
    assert_eq!(first.len(), 3);
    let tables = "billing.charge, billing.posting, billing.sealed_journal, billing.ledger_seal, billing.journal, billing.ledger_account,
        billing.invoice, billing.invoice_counter, billing.period";
    for table in tables.split(',') {
        let disable = sqlx::AssertSqlSafe(format!("ALTER TABLE {table} DISABLE TRIGGER USER"));
        sqlx::query(disable).execute(&pool).await.unwrap();
    }
    let truncate = sqlx::AssertSqlSafe(format!("TRUNCATE {tables}"));
    sqlx::query(truncate).execute(&pool).await.unwrap();
    for table in tables.split(',') {
        let enable = sqlx::AssertSqlSafe(format!("ALTER TABLE {table} ENABLE TRIGGER USER"));
        sqlx::query(enable).execute(&pool).await.unwrap();
    }
    assert_eq!(store.invoices(InvoiceFilter::default()).await.unwrap(), []);
    // All at once this time.
    assert_eq!(bill(false).await, first);
}
