//! From accepting to an owner's hands.

use chrono::TimeDelta;
use domain::event::{EventId, Source, Verdict};
use sqlx::PgPool;
use uuid::Uuid;

use super::{HOUR, HOUR_S, Services, alice, event, ran, region, retry};
use crate::events::{Accepted, NewEvent, QueuedEvent, Window};
use crate::samples::{ALICE, BOB, arn, at};

fn all() -> Vec<i16> {
    (0..32).collect()
}

fn ids(events: &[QueuedEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_name_has_one_lane_however_often_it_is_asked_for(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = arn(ALICE, "f");
    let ask = || services.gateway.lane(f.account, &f.region, &f.name);
    let (a, b, c, d) = futures::join!(ask(), ask(), ask(), ask());
    let lane = a.unwrap();
    assert_eq!([b.unwrap(), c.unwrap(), d.unwrap()], [lane; 3]);
    let other_region = "us-east-1".parse().unwrap();
    let others = [
        services.lane("g").await,
        services
            .gateway
            .lane(f.account, &other_region, &f.name)
            .await
            .unwrap(),
        services
            .gateway
            .lane(arn(BOB, "f").account, &f.region, &f.name)
            .await
            .unwrap(),
    ];
    assert!(!others.contains(&lane), "{lane} {others:?}");
    let found = services.queue.lanes(&[lane, others[1]]).await.unwrap();
    let mut found: Vec<_> = found
        .into_iter()
        .map(|lane| (lane.id, lane.region))
        .collect();
    found.sort_by_key(|(id, _)| *id);
    let mut want = vec![(lane, region().clone()), (others[1], other_region)];
    want.sort_by_key(|(id, _)| *id);
    assert_eq!(found, want);
    let mine = services.gateway.lanes_of(alice(), region()).await.unwrap();
    let names: Vec<_> = mine.iter().map(|lane| lane.function.as_str()).collect();
    assert_eq!(names, ["f", "g"]);
    let nobody = "nobody".parse().unwrap();
    let nothing = services.gateway.find_lane(alice(), region(), &nobody);
    assert_eq!(nothing.await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lane_is_fed_in_order_and_without_what_has_ended(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let batch = [event(f, 3), event(f, 1), event(g, 2), event(f, 2)];
    assert!(services.gateway.accept(&batch).await.unwrap());
    assert!(services.gateway.accept(&[]).await.unwrap());
    let later = services.event(f, HOUR_S).await;
    let [third, first, of_g, second] = batch;

    let lanes = services
        .queue
        .lanes_with_events(HOUR, &all())
        .await
        .unwrap();
    assert_eq!(lanes, [f.min(g), f.max(g)]);
    let shard = domain::event::shard(g);
    let lanes = services.queue.lanes_with_events(HOUR, &[shard]).await;
    assert_eq!(lanes.unwrap(), [g]);

    let feed = async |lane, hour, after: Uuid, limit| {
        let events = services.queue.feed_lane(hour, lane, after, limit).await;
        ids(&events.unwrap())
    };
    assert_eq!(
        feed(f, HOUR, Uuid::nil(), 2).await,
        [first.id, second.id],
        "a page"
    );
    assert_eq!(feed(f, HOUR, second.id.uuid(), 2).await, [third.id]);
    assert_eq!(feed(g, HOUR, Uuid::nil(), 9).await, [of_g.id]);
    assert_eq!(feed(f, HOUR + 1, Uuid::nil(), 9).await, [later.id]);
    // Of one that waits an attempt has ended: its retry is found by its time.
    assert!(services.settle(ran(&first, 1, Verdict::Success)).await);
    assert!(services.settle(ran(&second, 1, retry(60))).await);
    assert_eq!(feed(f, HOUR, Uuid::nil(), 9).await, [third.id]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_event_comes_back_as_it_was_accepted(pool: PgPool) {
    let services = Services::new(pool).await;
    let lane = services.lane("f").await;
    let small = NewEvent {
        source: Source::Schedule,
        age_max_s: Some(86_400),
        attempts_max: Some(185),
        payload: vec![0, 255, b'{'],
        ..event(lane, 1)
    };
    let large = NewEvent {
        payload: vec![b'x'; 4_097],
        ..event(lane, 2)
    };
    let events = [small.clone(), large.clone()];
    assert!(services.gateway.accept(&events).await.unwrap());
    let want = |event: &NewEvent, payload: Option<Vec<u8>>| QueuedEvent {
        id: event.id,
        lane,
        qualifier: "live".to_owned(),
        source: event.source.number(),
        trace: event.trace.clone(),
        age_max_s: event.age_max_s,
        attempts_max: event.attempts_max,
        payload,
    };
    let fed = services.queue.feed_lane(HOUR, lane, Uuid::nil(), 9).await;
    let whole = want(&small, Some(small.payload.clone()));
    assert_eq!(fed.unwrap(), [whole, want(&large, None)]);
    let ids = [large.id.uuid(), super::id(1).uuid()];
    let read = services.queue.read_events(HOUR, &ids).await.unwrap();
    assert_eq!(read, [want(&large, Some(large.payload.clone()))]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_sweep_finds_what_nobody_works_on(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let (early, done) = (services.event(f, 1).await, services.event(f, 10).await);
    let (second, third) = (services.event(f, 11).await, services.event(f, 12).await);
    let (of_g, late) = (services.event(g, 13).await, services.event(f, 20).await);
    // Of a crowd that may be told of later: the second one is too young.
    let scheduled = [14, 15].map(|second| NewEvent {
        source: Source::Schedule,
        ..event(f, second)
    });
    assert!(services.gateway.accept(&scheduled).await.unwrap());
    assert!(services.settle(ran(&done, 1, Verdict::Success)).await);
    let window = Window {
        from: EventId::floor(at(10)),
        to: EventId::floor(at(20)),
        to_of_schedules: EventId::floor(at(15)),
    };
    let sweep = async |shards: &[i16], fed: &[(i64, Uuid)], limit| {
        let found = services
            .queue
            .sweep_events(HOUR, window, shards, fed, limit);
        let found = found.await.unwrap();
        assert!(found.iter().all(|one| one.lane == f || one.id == of_g.id));
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let found = [second.id, third.id, of_g.id, scheduled[0].id];
    assert_eq!(sweep(&all(), &[], 9).await, found);
    assert_eq!(sweep(&all(), &[], 2).await, [second.id, third.id]);
    let shard = domain::event::shard(g);
    assert_eq!(sweep(&[shard], &[], 9).await, [of_g.id]);
    // What lies ahead of a feed is the feed's.
    let fed = [(f, second.id.uuid())];
    assert_eq!(sweep(&all(), &fed, 9).await, [second.id, of_g.id]);
    let fed = [(f, Uuid::nil()), (g, Uuid::nil())];
    assert_eq!(sweep(&all(), &fed, 9).await, []);
    assert!(early.id < second.id && late.id > of_g.id);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_key_stands_for_one_event(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let once = async |event: &NewEvent, key: &str, body: u8| {
        let body = [body; 32];
        let accepted = services.gateway.accept_once(event, key, &body, at(1));
        accepted.await.unwrap()
    };
    let first = event(f, 1);
    assert_eq!(once(&first, "k", 1).await, Accepted::New);
    assert_eq!(once(&event(f, 2), "k", 1).await, Accepted::Known(first.id));
    assert_eq!(once(&event(f, 2), "k", 2).await, Accepted::OtherBody);
    assert_eq!(once(&event(f, 2), "other", 2).await, Accepted::New);
    assert_eq!(once(&event(g, 2), "k", 2).await, Accepted::New);
    let mut at_once = futures::future::join_all((0..8).map(|second| {
        let event = event(f, second);
        let once = &once;
        async move { once(&event, "many", 7).await }
    }))
    .await;
    at_once.retain(|accepted| *accepted == Accepted::New);
    assert_eq!(at_once.len(), 1);
    assert_eq!(services.count("invocation_00").await, 4);

    // It is forgotten after a day.
    let day = TimeDelta::hours(24);
    let tidy = async |now| services.queue.tidy_queue(now).await.unwrap();
    tidy(at(1) + day).await;
    assert_eq!(once(&event(f, 3), "k", 1).await, Accepted::Known(first.id));
    tidy(at(2) + day).await;
    assert_eq!(services.count("idempotency").await, 0);
    assert_eq!(once(&event(f, 3), "k", 9).await, Accepted::New);
}
