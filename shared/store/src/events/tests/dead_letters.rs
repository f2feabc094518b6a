//! The store of dead letters, and the way back.

use domain::AccountId;
use domain::event::{Condition, EventId, Source};
use sqlx::PgPool;
use uuid::Uuid;

use super::{HOUR, ROOT, Services, alice, event, id, region};
use crate::events::{DeadLetterFilter, NewEvent, NewRedrive, Redrive};
use crate::samples::{BOB, at};

fn any() -> DeadLetterFilter {
    DeadLetterFilter::default()
}

fn of(function: &str) -> DeadLetterFilter {
    DeadLetterFilter {
        function: Some(function.to_owned()),
        ..any()
    }
}

/// Three letters of `f`, dead in the seconds 2, 3 and 4, and one of `g`, dead in the fifth for its age.
async fn letters(services: &Services) -> Vec<NewEvent> {
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let mut events = Vec::new();
    for second in 1..=3 {
        let event = services.event(f, second).await;
        services
            .kill(&event, "f", Condition::RetriesExhausted)
            .await;
        events.push(event);
    }
    let event = services.event(g, 4).await;
    services
        .kill(&event, "g", Condition::EventAgeExceeded)
        .await;
    events.push(event);
    events
}

async fn list(services: &Services, filter: DeadLetterFilter) -> Vec<Uuid> {
    let found = services
        .gateway
        .dead_letters(alice(), region(), &filter, None, 9);
    let found = found.await.unwrap();
    let count = services
        .gateway
        .count_dead_letters(alice(), region(), &filter);
    assert_eq!(count.await.unwrap(), found.len() as u64);
    found.into_iter().map(|letter| letter.id).collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn letters_are_found_by_what_they_are(pool: PgPool) {
    let services = Services::new(pool).await;
    let events = letters(&services).await;
    let ids: Vec<Uuid> = events.iter().rev().map(|event| event.id.uuid()).collect();
    let check = async |filter, want: &[Uuid]| assert_eq!(list(&services, filter).await, want);
    check(any(), &ids).await;
    check(of("f"), &ids[1..]).await;
    check(of("nobody"), &[]).await;
    let condition = |condition: Condition| DeadLetterFilter {
        condition: Some(condition.to_string()),
        ..any()
    };
    check(condition(Condition::EventAgeExceeded), &ids[..1]).await;
    check(condition(Condition::FunctionNotFound), &[]).await;
    let since = DeadLetterFilter {
        since: Some(at(3)),
        until: Some(at(5)),
        ..any()
    };
    check(since, &ids[1..3]).await;
    let redriven = DeadLetterFilter {
        redriven: Some(true),
        ..any()
    };
    check(redriven, &[]).await;
    let page = services
        .gateway
        .dead_letters(alice(), region(), &any(), Some(ids[1]), 1)
        .await;
    assert_eq!(page.unwrap()[0].id, ids[2]);

    let one = services
        .gateway
        .dead_letter(alice(), region(), events[0].id)
        .await;
    let one = one.unwrap().unwrap();
    assert_eq!(one.payload, events[0].payload);
    let letter = one.letter;
    assert_eq!(
        (
            letter.function.as_str(),
            letter.qualifier.as_str(),
            letter.condition.as_str()
        ),
        ("f", "live", "RetriesExhausted")
    );
    assert_eq!(
        (letter.attempts, letter.error.as_str(), letter.payload_bytes),
        (1, "Error: no", 9)
    );
    assert_eq!((letter.accepted_at, letter.dead_at), (at(1), at(2)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn letters_are_their_accounts_alone(pool: PgPool) {
    let services = Services::new(pool).await;
    let events = letters(&services).await;
    let bob = AccountId::new(BOB).unwrap();
    let elsewhere = "us-east-1".parse().unwrap();
    for (account, region) in [(bob, region().clone()), (alice(), elsewhere)] {
        let store = &services.gateway;
        let found = store.dead_letters(account, &region, &any(), None, 9).await;
        assert_eq!(found.unwrap(), []);
        let found = store.dead_letter(account, &region, events[0].id).await;
        assert_eq!(found.unwrap(), None);
        let gone = store.purge_dead_letters(account, &region, &any(), 9).await;
        assert_eq!(gone.unwrap(), 0);
        let redrive = NewRedrive {
            account,
            region: region.clone(),
            ..redrive(any(), 5)
        };
        assert_eq!(store.create_redrive(&redrive).await.unwrap().total, 0);
        assert_eq!(step(&services, redrive.id, 5).await.len(), 0);
    }
    assert_eq!(list(&services, any()).await.len(), 4);
    let purge = async |filter, limit| {
        let gone = services
            .gateway
            .purge_dead_letters(alice(), region(), &filter, limit);
        gone.await.unwrap()
    };
    assert_eq!(purge(of("f"), 2).await, 2);
    assert_eq!(
        list(&services, any()).await,
        [events[3].id.uuid(), events[2].id.uuid()]
    );
    assert_eq!(purge(any(), 9).await, 2);
    assert_eq!(purge(any(), 9).await, 0);
}

fn redrive(filter: DeadLetterFilter, second: i64) -> NewRedrive {
    NewRedrive {
        id: id(second).uuid(),
        account: alice(),
        region: region().clone(),
        filter,
        rate_per_s: 10,
        now: at(second),
    }
}

/// A step of up to two letters.
async fn step(services: &Services, redrive: Uuid, second: i64) -> Vec<NewEvent> {
    let ids = [id(second), id(second)];
    let step = services.queue.redrive_step(redrive, &ids, at(second)).await;
    step.unwrap()
}

async fn state(services: &Services, redrive: Uuid) -> (&'static str, u64, u64) {
    let found = services.gateway.redrive(alice(), region(), redrive).await;
    let Redrive {
        state, done, total, ..
    } = found.unwrap().unwrap();
    (state.as_str(), done, total)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn letters_go_back_step_by_step(pool: PgPool) {
    let services = Services::new(pool).await;
    let events = letters(&services).await;
    let new = redrive(of("f"), 10);
    services.gateway.create_redrive(&new).await.unwrap();
    // One that dies later is none of its.
    let late = services.event(events[0].lane, 10).await;
    services.kill(&late, "f", Condition::RetriesExhausted).await;
    assert_eq!(state(&services, new.id).await, ("running", 0, 3));
    let running = services.queue.running_redrives().await.unwrap();
    assert_eq!(running.len(), 1);
    let first = step(&services, new.id, 11).await;
    assert_eq!(first.len(), 2);
    for (sent, old) in first.iter().zip(&events) {
        assert_eq!(
            (sent.lane, &sent.payload, &sent.qualifier, sent.source),
            (old.lane, &old.payload, &old.qualifier, Source::Redrive)
        );
        assert_eq!(sent.trace, ROOT, "a redrive begins a chain anew");
        let letter = services.gateway.dead_letter(alice(), region(), old.id);
        let letter = letter.await.unwrap().unwrap().letter;
        assert_eq!(
            (letter.redriven_as, letter.redriven_at),
            (Some(sent.id.uuid()), Some(at(11)))
        );
    }
    let fed = services
        .queue
        .feed_lane(HOUR, events[0].lane, Uuid::nil(), 9)
        .await;
    let fed: Vec<EventId> = fed.unwrap().into_iter().map(|event| event.id).collect();
    assert_eq!(fed, [first[0].id, first[1].id]);
    assert_eq!(state(&services, new.id).await, ("running", 2, 3));
    assert_eq!(step(&services, new.id, 12).await.len(), 1);
    assert_eq!(step(&services, new.id, 13).await.len(), 0);
    assert_eq!(state(&services, new.id).await, ("done", 3, 3));
    assert_eq!(step(&services, new.id, 14).await.len(), 0);
    assert_eq!(
        services.queue.running_redrives().await.unwrap(),
        [] as [Redrive; 0]
    );
    // Those that went are left out from now on.
    let next = redrive(any(), 20);
    let next = services.gateway.create_redrive(&next).await.unwrap();
    assert_eq!(next.total, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_at_once_send_each_letter_once(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    for second in 1..=12 {
        let event = services.event(f, second).await;
        services
            .kill(&event, "f", Condition::RetriesExhausted)
            .await;
    }
    let new = redrive(any(), 20);
    services.gateway.create_redrive(&new).await.unwrap();
    let mut sent = 0;
    // A step that finds all that is left in another's hands ends the redrive; what those hands hold is sent all the same.
    while state(&services, new.id).await.0 == "running" {
        let (a, b) = futures::join!(step(&services, new.id, 21), step(&services, new.id, 21));
        sent += a.len() + b.len();
    }
    assert_eq!(sent, 12);
    assert_eq!(state(&services, new.id).await, ("done", 12, 12));
    let redriven =
        "(SELECT DISTINCT redriven_as FROM dead_letter WHERE redriven_as IS NOT NULL) AS sent";
    assert_eq!(services.count(redriven).await, 12);
    assert_eq!(services.count("invocation_00 WHERE source = 5").await, 12);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_redrive_stops_where_it_is(pool: PgPool) {
    let services = Services::new(pool).await;
    letters(&services).await;
    let new = redrive(any(), 10);
    services.gateway.create_redrive(&new).await.unwrap();
    step(&services, new.id, 11).await;
    let bob = AccountId::new(BOB).unwrap();
    let stop = async |account| {
        let stop = services
            .gateway
            .cancel_redrive(account, region(), new.id, at(12));
        stop.await.unwrap()
    };
    assert!(!stop(bob).await);
    assert!(stop(alice()).await);
    assert!(!stop(alice()).await);
    assert_eq!(step(&services, new.id, 13).await.len(), 0);
    assert_eq!(state(&services, new.id).await, ("cancelled", 2, 4));
    let none = services.gateway.redrive(bob, region(), new.id).await;
    assert_eq!(none.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_old_goes(pool: PgPool) {
    const DAYS: i64 = 14 * 86_400;
    let services = Services::new(pool).await;
    letters(&services).await;
    let record = super::undelivered(4);
    let end = crate::events::Settlement {
        undelivered: vec![record],
        ..super::ran(&event(1, 4), 1, domain::event::Verdict::Success)
    };
    services.settle(end).await;
    let done = redrive(any(), 4);
    services.gateway.create_redrive(&done).await.unwrap();
    let running = redrive(any(), 4);
    services.gateway.create_redrive(&running).await.unwrap();
    services
        .gateway
        .cancel_redrive(alice(), region(), done.id, at(5))
        .await
        .unwrap();
    let left = async |now| {
        services.queue.tidy_queue(at(now)).await.unwrap();
        [
            services.count("dead_letter").await,
            services.count("undelivered").await,
            services.count("redrive").await,
        ]
    };
    assert_eq!(left(2 + DAYS).await, [4, 1, 2]);
    assert_eq!(left(5 + DAYS).await, [1, 1, 2]);
    assert_eq!(left(6 + DAYS).await, [0, 0, 1], "one still runs");
}
