//! The database's own guards, and seals.

use domain::bill::Money;
use sqlx::{Connection as _, PgPool};

use crate::samples::{ALICE, BOB, account, hour, of_role, store, violated};
use crate::{Role, Store};

/// A database with one journal (a credit of ALICE's), a period of hers that is open and one that is closed.
async fn prepared(pool: &PgPool) -> Store {
    let store = store(pool.clone()).await;
    let dollars = Money::parse("5.00", "USD".parse().unwrap()).unwrap();
    for owner in [ALICE, BOB] {
        store
            .credit_customer(
                account(owner),
                dollars,
                "first",
                false,
                hour("2026-09-18T05"),
            )
            .await
            .unwrap();
    }
    for statement in [
        "INSERT INTO billing.period (account_id, month, accrued_until) VALUES (111111111111, '2026-08-01', '2026-08-01Z')",
        "UPDATE billing.period SET state = 'closing' WHERE month = '2026-08-01'",
        "UPDATE billing.period SET state = 'closed', closed_at = now(), book = 'default', free_tier = true, price_stamp = 0
         WHERE month = '2026-08-01'",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
    store
}

/// Runs statements in one transaction; answers why it did not commit.
async fn refused(pool: &PgPool, statements: &[&str]) -> String {
    let mut connection = pool.acquire().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    for statement in statements {
        let statement = sqlx::AssertSqlSafe((*statement).to_owned());
        if let Err(error) = sqlx::query(statement).execute(&mut *tx).await {
            return error.to_string();
        }
    }
    match tx.commit().await {
        Ok(()) => panic!("committed: {statements:?}"),
        Err(error) => error.to_string(),
    }
}

const JOURNAL: &str = "INSERT INTO billing.journal (account_id, idem_key, request_sha256, kind, period_id, effective_at)
    SELECT 111111111111, 'test', sha256(''), 'credit', period_id, now() FROM billing.period
    WHERE account_id = 111111111111 AND month = '2026-09-01'";

const CHARGE: &str = "INSERT INTO billing.charge (account_id, hour, period_id, revision, region, sku, resource, currency, price_from,
        unit_price, price_per, tier, qty, amount, written_off)
    SELECT 111111111111, '2026-08-01Z', period_id, 0, 'us-east-1', 'requests', 'f', 'USD', '2020-01-01Z', 1, 1, 0, 1, 1, false
    FROM billing.period WHERE account_id = 111111111111 AND month = '2026-08-01'";

/// A posting to the journal `test`, of the ledger account with this code of ALICE's.
fn posting(line_no: u8, code: &str, amount: &str) -> String {
    format!(
        "INSERT INTO billing.posting (journal_id, line_no, ledger_account_id, amount, currency)
         SELECT journal.id, {line_no}, ledger_account.id, {amount}, 'USD' FROM billing.journal, billing.ledger_account
         WHERE idem_key = 'test' AND code = '{code}' AND ledger_account.account_id = 111111111111"
    )
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn journals_balance_or_do_not_commit(pool: PgPool) {
    let store = prepared(&pool).await;
    let (debit, credit) = (posting(1, "cash", "7"), posting(2, "customer-credit", "-7"));
    let check = async |statements: &[&str], why: &str| {
        let error = refused(&pool, statements).await;
        assert!(error.contains(why), "{statements:?}: {error}");
    };
    check(&[JOURNAL], "is empty or does not balance").await;
    check(&[JOURNAL, &debit], "is empty or does not balance").await;
    let less = posting(2, "customer-credit", "-6.9999999999");
    check(&[JOURNAL, &debit, &less], "is empty or does not balance").await;
    check(&[JOURNAL, &posting(1, "cash", "0")], "posting_amount_check").await;
    check(
        &[JOURNAL, &posting(1, "cash", "6e18")],
        "posting_amount_check",
    )
    .await;
    let euros = debit.replace("'USD'", "'EUR'");
    check(&[JOURNAL, &euros], "is kept in another currency").await;
    let of_bob = debit.replace("account_id = 111111111111", "account_id = 222222222222");
    check(&[JOURNAL, &of_bob], "is another customer's").await;
    let period_of_bob = JOURNAL.replace(
        "WHERE account_id = 111111111111",
        "WHERE account_id = 222222222222",
    );
    check(&[&period_of_bob], "is another account's").await;
    check(&[JOURNAL, &debit, &credit, JOURNAL], "journal_idem_key_key").await;
    let mut tx = pool.begin().await.unwrap();
    for statement in [JOURNAL, &debit, &credit] {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    check(
        &[
            &posting(3, "cash", "1"),
            &posting(4, "customer-credit", "-1"),
        ],
        "is committed",
    )
    .await;
    assert_eq!(violated(&store).await, Vec::<String>::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_written_stays(pool: PgPool) {
    let store = prepared(&pool).await;
    store.seal_ledger(hour("2026-09-18T06")).await.unwrap();
    for (statement, why) in [
        ("UPDATE billing.journal SET kind = 'other'", "append-only"),
        ("DELETE FROM billing.journal", "append-only"),
        ("TRUNCATE billing.journal CASCADE", "append-only"),
        ("UPDATE billing.posting SET amount = amount + 1", "append-only"),
        ("DELETE FROM billing.posting", "append-only"),
        ("TRUNCATE billing.posting", "append-only"),
        ("UPDATE billing.ledger_seal SET journals = 7", "append-only"),
        ("DELETE FROM billing.sealed_journal", "append-only"),
        ("UPDATE billing.ledger_account SET kind = 'equity'", "append-only"),
        ("UPDATE billing.period SET closed_at = now() WHERE month = '2026-08-01'", "is closed"),
        ("DELETE FROM billing.period WHERE month = '2026-09-01'", "cannot be deleted"),
        ("UPDATE billing.period SET state = 'closed', closed_at = now(), book = '', free_tier = true, price_stamp = 0
            WHERE month = '2026-09-01'", "only goes from open to closing to closed"),
        ("UPDATE billing.period SET accrued_until = '2026-07-01Z' WHERE month = '2026-09-01'", "only goes"),
        ("INSERT INTO billing.period (account_id, month, accrued_until) VALUES (111111111111, '2026-10-02', now())", "period_month_check"),
        ("INSERT INTO billing.period (account_id, month, accrued_until, state) VALUES (111111111111, '2026-10-01', now(), 'closing')",
            "begins open"),
    ] {
        let error = sqlx::query(statement).execute(&pool).await.unwrap_err().to_string();
        assert!(error.contains(why), "{statement}: {error}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_service_may_add_and_little_else(pool: PgPool) {
    prepared(&pool).await;
    let mut connection = pool.acquire().await.unwrap();
    sqlx::query("SET ROLE tollgate_billing")
        .execute(&mut *connection)
        .await
        .unwrap();
    for statement in [
        "UPDATE billing.journal SET kind = 'other'",
        "DELETE FROM billing.posting",
        "UPDATE billing.invoice SET total = 0",
        "DELETE FROM billing.charge",
        "TRUNCATE billing.ledger_seal CASCADE",
        "UPDATE billing.period SET month = '2026-01-01'",
        "DELETE FROM billing.invoice_counter",
        "UPDATE billing.usage_hour SET qty = 0",
        "UPDATE billing.customer SET name = 'x'",
        "SELECT secret FROM access_key",
    ] {
        let error = sqlx::query(statement)
            .execute(&mut *connection)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("permission denied"),
            "{statement}: {error}"
        );
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn closed_periods_take_nothing(pool: PgPool) {
    prepared(&pool).await;
    let closed = JOURNAL.replace("2026-09-01", "2026-08-01");
    let error = refused(&pool, &[&closed]).await;
    assert!(error.contains("is closed"), "{error}");
    let error = refused(&pool, &[CHARGE]).await;
    assert!(error.contains("takes no charges"), "{error}");
    let elsewhere = CHARGE
        .replacen("111111111111", "222222222222", 1)
        .replace("2026-08-01'", "2026-09-01'");
    let error = refused(&pool, &[&elsewhere]).await;
    assert!(error.contains("takes no charges"), "{error}");
    // While it closes it takes an invoice's journals, no charges.
    let closing = "UPDATE billing.period SET state = 'closing' WHERE month = '2026-09-01'";
    let accrual = JOURNAL.replace("'credit'", "'accrual'");
    let error = refused(&pool, &[closing, &accrual]).await;
    assert!(error.contains("is closing"), "{error}");
}

/// Whoever closes waits for who posts; whoever posts afterwards sees that it is closed.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn closing_and_posting_do_not_pass_each_other(pool: PgPool) {
    let store = prepared(&pool).await;
    let close = "UPDATE billing.period SET state = 'closing' WHERE month = '2026-09-01' AND account_id = 111111111111";
    let closed = "UPDATE billing.period SET state = 'closed', closed_at = now(), book = '', free_tier = true, price_stamp = 0
        WHERE month = '2026-09-01' AND account_id = 111111111111";
    let (debit, credit) = (posting(1, "cash", "7"), posting(2, "customer-credit", "-7"));
    let mut poster = pool.begin().await.unwrap();
    for statement in [JOURNAL, &debit, &credit] {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(&mut *poster).await.unwrap();
    }
    // The closer has to wait: the lock timeout says that it did.
    let mut closer = pool.begin().await.unwrap();
    sqlx::query("SET LOCAL lock_timeout = '50ms'")
        .execute(&mut *closer)
        .await
        .unwrap();
    let error = sqlx::query(close).execute(&mut *closer).await.unwrap_err();
    assert!(error.to_string().contains("lock timeout"), "{error}");
    closer.rollback().await.unwrap();
    poster.commit().await.unwrap();
    // And a poster that comes while the closer is at it waits, and is refused.
    let mut closer = pool.begin().await.unwrap();
    for statement in [close, closed] {
        sqlx::query(statement).execute(&mut *closer).await.unwrap();
    }
    let dollars = Money::parse("1.00", "USD".parse().unwrap()).unwrap();
    let post = store.credit_customer(
        account(ALICE),
        dollars,
        "late",
        false,
        hour("2026-09-18T07"),
    );
    let commit = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&pool)
            .await
            .unwrap()
            == 0
        {
            // The next turn asks again.
        }
        closer.commit().await.unwrap();
    };
    let (posted, ()) = futures::future::join(post, commit).await;
    let error = posted.unwrap_err().to_string();
    assert!(error.contains("is closed"), "{error}");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_key_is_posted_once(pool: PgPool) {
    let store = prepared(&pool).await;
    let credit = async |amount: &str, reference: &str| {
        let amount = Money::parse(amount, "USD".parse().unwrap()).unwrap();
        let now = hour("2026-09-19T05");
        let done = store.credit_customer(account(ALICE), amount, reference, false, now);
        done.await.map_err(|error| error.to_string())
    };
    assert_eq!(credit("5.00", "first").await, Ok(false));
    let contradiction = format!("credit:{ALICE}:first was posted before, with other amounts.");
    assert_eq!(credit("6.00", "first").await, Err(contradiction));
    assert_eq!(credit("6.00", "second").await, Ok(true));
    let usd = "USD".parse().unwrap();
    let left = store.customer_credit(account(ALICE), usd).await.unwrap();
    assert_eq!(left.to_string(), "11.00 USD");
    assert_eq!(
        credit("0.00", "third").await,
        Err("Credit is more than nothing.".to_owned())
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_tampered_posting_breaks_the_seal_that_covers_it(pool: PgPool) {
    let store = prepared(&pool).await;
    let service = of_role(&pool, Role::Billing).await;
    let dollars = Money::parse("2.00", "USD".parse().unwrap()).unwrap();
    let mut heads = Vec::new();
    for day in 1..=3 {
        let now = hour(&format!("2026-09-1{day}T05"));
        let reference = format!("day {day}");
        store
            .credit_customer(account(BOB), dollars, &reference, true, now)
            .await
            .unwrap();
        heads.push(service.seal_ledger(now).await.unwrap().unwrap());
    }
    assert_eq!(
        service.seal_ledger(hour("2026-09-14T05")).await.unwrap(),
        None
    );
    assert_eq!(
        heads.iter().map(|head| head.journals).collect::<Vec<_>>(),
        [3, 1, 1]
    );
    assert_eq!(
        store.ledger_head().await.unwrap().as_ref(),
        Some(&heads[2].head)
    );
    assert_eq!(violated(&store).await, Vec::<String>::new());
    // Above the triggers: both sides of the second journal, so that it still balances.
    for statement in [
        "ALTER TABLE billing.posting DISABLE TRIGGER USER",
        "UPDATE billing.posting SET amount = amount * 2 WHERE journal_id =
            (SELECT id FROM billing.journal WHERE idem_key = 'credit:222222222222:day 2')",
        "ALTER TABLE billing.posting ENABLE TRIGGER USER",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    assert_eq!(
        violated(&store).await,
        [
            "I11 seals verify from the first on: 1 seals hold; seal 2 does not hold: a journal that it covers was changed"
        ]
    );
}
