use chassis::{Clock, Lifecycle};
use domain::AccountId;
use domain::execution::{Execution, Outcome};
use domain::price::rating::request_units;
use store::billing_terms::Terms;
use store::{Role, Store, Vault};
use testkit::Database;
use uuid::Uuid;

use super::Prices;

fn account(number: u64) -> AccountId {
    AccountId::new(number).unwrap()
}

fn execution(account: AccountId) -> Execution {
    let at = Clock::system().now();
    Execution {
        request_id: Uuid::nil(),
        attempt: 1,
        account,
        region: "us-east-1".parse().unwrap(),
        function_arn: String::new(),
        version: "$LATEST".to_owned(),
        architecture: domain::Architecture::X86_64,
        memory_mb: 1_024,
        ephemeral_mb: 512,
        init_ns: 0,
        invoke_ns: 27_400_000,
        request_bytes: 300 << 10,
        response_bytes: 0,
        outcome: Outcome::Success,
        started_at: at,
        ended_at: at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_has_its_own_book() {
    let database = Database::create();
    let connect = async |role| {
        let vault = Vault::new(&[1; 32]);
        Store::connect(&database.url(), role, 4, vault)
            .await
            .unwrap()
    };
    let owner = connect(Role::Owner).await;
    owner.migrate().await.unwrap();
    owner.seed_prices().await.unwrap();
    let text = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence,duration_step_ms\n\
        us-east-1,duration-x86_64,EUR,GB-second,0,,0.001,2014-11-01,house,100\n\
        us-east-1,requests,EUR,1000000 requests,0,,1,2014-11-01,house,\n";
    owner.add_prices("house", text).await.unwrap();
    let now = Clock::system().now();
    let give = async |number, book: &str| {
        owner
            .create_account(account(number), "test", now)
            .await
            .unwrap();
        let terms = Terms {
            book: book.to_owned(),
            free_tier: false,
        };
        owner
            .set_billing_terms(account(number), &terms, now)
            .await
            .unwrap();
    };
    give(1, "house").await;

    let executor = connect(Role::Executor).await;
    let prices = Prices::start(executor.clone(), &Lifecycle::new()).await;
    let check = |prices: &Prices, number, billed_ms, cost: Option<&str>| {
        let execution = execution(account(number));
        assert_eq!(prices.billed_ms(&execution), billed_ms);
        let shown = prices.cost(&execution, 1).map(|cost| cost.to_string());
        assert_eq!(shown.as_deref(), cost);
    };
    // 0.1 GB-s and a request; without terms, 0.028 GB-s by the shipped list.
    check(&prices, 1, 100, Some("0.0001010000 EUR"));
    check(&prices, 2, 28, Some("0.0000006667 USD"));
    // An event of 300 KB is two requests.
    let event = execution(account(1));
    let cost = prices.cost(&event, request_units(event.request_bytes));
    assert_eq!(cost.unwrap().to_string(), "0.0001020000 EUR");

    // Terms are seen though no price moved; a book that is not there prices nothing.
    let stamp = owner.price_stamp().await.unwrap();
    give(2, "house").await;
    give(3, "gone").await;
    assert_eq!(prices.refresh(&executor, stamp).await, stamp);
    check(&prices, 2, 100, Some("0.0001010000 EUR"));
    check(&prices, 3, 28, None);
}
