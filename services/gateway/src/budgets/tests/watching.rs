use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use chrono::TimeDelta;
use domain::AccountId;
use domain::price::Sku;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use store::budgets::{Alert, Delivery, DeliveryState};

use super::*;
use crate::budgets::watch;
use crate::samples::now;

/// A web server that answers with the next of these statuses, and keeps what it was told.
#[derive(Clone, Default)]
struct Web {
    statuses: Arc<Mutex<Vec<u16>>>,
    told: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Web {
    /// Starts it; answers its URL.
    async fn start(&self, world: &World) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?of=budgets", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", axum::routing::post(take))
            .with_state(self.clone());
        world.app.life.spawn("web", async move {
            axum::serve(listener, router).await.unwrap();
        });
        url
    }

    fn told(&self) -> Vec<(String, Value)> {
        self.told.lock().unwrap().clone()
    }
}

async fn take(
    State(web): State<Web>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let id = headers["x-tollgate-alert-id"].to_str().unwrap().to_owned();
    assert_eq!(headers["content-type"], "application/json");
    let message = serde_json::from_str(&body).unwrap();
    web.told.lock().unwrap().push((id, message));
    let status = web.statuses.lock().unwrap().pop().unwrap_or(200);
    // Where a redirect would lead: here again.
    (
        StatusCode::from_u16(status).unwrap(),
        [("location", "/hook")],
    )
}

async fn spend_nine_dollars(world: &World) {
    world
        .meter(
            ALICE,
            now(),
            &[("eu-west-1", "f", Sku::Requests, 46_000_000)],
        )
        .await;
}

async fn alerts(world: &World) -> Vec<Alert> {
    let account = AccountId::new(ALICE).unwrap();
    world
        .app
        .store
        .budget_alerts(account, None, None, 10)
        .await
        .unwrap()
}

async fn delivery(world: &World) -> Delivery {
    alerts(world).await[0].deliveries[0].clone()
}

#[tokio::test]
async fn whoever_subscribed_is_told_once() {
    let world = world().await;
    let web = Web::default();
    let url = web.start(&world).await;
    let addresses = [FUNCTION, &url, "arn:aws:sns:us-east-1:111111111111:topic"];
    create(
        &world,
        monthly("b"),
        &[(80.0, &addresses), (100.0, &["a@b"])],
    )
    .await
    .unwrap();
    watch::round(&world.app).await;
    assert_eq!((alerts(&world).await, web.told()), (vec![], vec![]));

    spend_nine_dollars(&world).await;
    watch::round(&world.app).await;
    let [alert] = &alerts(&world).await[..] else {
        panic!("one alert")
    };
    let states: Vec<_> = alert
        .deliveries
        .iter()
        .map(|one| (one.subscriber.address.as_str(), one.state))
        .collect();
    assert_eq!(
        states,
        [
            (FUNCTION, DeliveryState::Queued),
            (addresses[2], DeliveryState::Undelivered),
            (&url, DeliveryState::Delivered),
        ]
    );
    assert_eq!(
        alert.deliveries[1].reason,
        "Topics of SNS are not served yet."
    );
    let [(id, message)] = &web.told()[..] else {
        panic!("one message")
    };
    assert_eq!(*id, alert.id.to_string());
    assert_eq!(message["budget"]["name"], "b");
    assert_eq!(
        (
            &message["actualSpend"]["amount"],
            &message["notification"]["threshold"]
        ),
        (&"9.0".into(), &"80.0".into())
    );
    is_queued(&world, alert).await;
    assert_eq!(states_of(&world).await, ["ALARM", "OK"]);

    world.clock.advance(TimeDelta::hours(1));
    watch::round(&world.app).await;
    assert_eq!((alerts(&world).await.len(), web.told().len()), (1, 1));
    // A new month, and nothing spent in it.
    world.clock.advance(TimeDelta::days(10));
    watch::round(&world.app).await;
    assert_eq!(
        (alerts(&world).await.len(), states_of(&world).await),
        (1, vec!["OK".to_owned(), "OK".to_owned()])
    );
}

/// The function has the same message, as an event of the queue.
async fn is_queued(world: &World, alert: &Alert) {
    let event = alert.deliveries[0].event.unwrap();
    let account = AccountId::new(ALICE).unwrap();
    let region = "eu-west-1".parse().unwrap();
    let id = domain::event::EventId::new(event).unwrap();
    let queued = world
        .app
        .store
        .read_events(id.hour(), &[event])
        .await
        .unwrap();
    assert_eq!(queued[0].payload.as_deref(), Some(&alert.message[..]));
    assert_eq!(queued[0].source, domain::event::Source::Budget.number());
    let lane = world
        .app
        .store
        .find_lane(account, &region, &"told".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(Some(queued[0].lane), lane);
}

async fn states_of(world: &World) -> Vec<String> {
    states(world, "b")
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect()
}

#[tokio::test]
async fn a_webhook_is_tried_again_and_given_up() {
    let world = world().await;
    let web = Web::default();
    // From the end: the first attempt meets 503.
    *web.statuses.lock().unwrap() = vec![500, 500, 500, 302, 404, 503];
    let url = web.start(&world).await;
    create(&world, monthly("b"), &[(80.0, &[&url])])
        .await
        .unwrap();
    spend_nine_dollars(&world).await;
    watch::round(&world.app).await;
    let waits = delivery(&world).await;
    assert_eq!((waits.state, waits.attempts), (DeliveryState::Waiting, 1));
    assert_eq!(waits.reason, "The answer was 503 Service Unavailable.");
    assert_eq!(waits.next_at, Some(now() + TimeDelta::minutes(1)));
    // Not before its time.
    watch::round(&world.app).await;
    assert_eq!(web.told().len(), 1);
    for (pause_min, reason) in [
        (1, "The answer was 404 Not Found."),
        (2, "The answer was 302 Found; redirects are not followed."),
        (4, "The answer was 500 Internal Server Error."),
        (8, "The answer was 500 Internal Server Error."),
        (16, "The answer was 500 Internal Server Error."),
    ] {
        world.clock.advance(TimeDelta::minutes(pause_min));
        watch::round(&world.app).await;
        assert_eq!(delivery(&world).await.reason, reason);
    }
    assert_eq!(
        (delivery(&world).await.state, web.told().len()),
        (DeliveryState::Failed, 6)
    );
    let ids: std::collections::BTreeSet<String> =
        web.told().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn private_addresses_are_reached_only_where_that_is_allowed() {
    let mut world = world().await;
    Arc::get_mut(&mut world.app)
        .expect("nobody else has it")
        .webhooks_private = false;
    let web = Web::default();
    let url = web.start(&world).await;
    create(&world, monthly("b"), &[(80.0, &[&url])])
        .await
        .unwrap();
    spend_nine_dollars(&world).await;
    watch::round(&world.app).await;
    let waits = delivery(&world).await;
    assert!(
        waits
            .reason
            .starts_with("127.0.0.1 has only private addresses"),
        "{}",
        waits.reason
    );
    assert_eq!(web.told(), []);
}
