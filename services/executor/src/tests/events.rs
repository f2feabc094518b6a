//! Events of the queue: run, written down, answered, in this order.

use std::time::Duration;

use chassis::{Clock, Ids};
use domain::event::{Condition, EventId, Source, shard};
use domain::{FunctionName, FunctionSpec};
use rpc::executor::{
    AsyncWork, CancelRequest, InvokeReply, InvokeRequest, RunningEvent, Settled, Target, target,
};
use serde_json::{Value, json};
use store::events::{EventState, EventStatus, NewEvent};
use tonic::Code;
use uuid::Uuid;

use super::fixture::{Fixture, refused, request};

/// Fails, sleeps or answers as it is told, and says how many events it has had.
const SOURCE: &str = r#"
import time
count = 0
def handler(event, context):
    global count
    count += 1
    print("attempt of", context.aws_request_id)
    time.sleep(event.get("sleep", 0))
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {"count": count}
"#;

impl Fixture {
    async fn lane(&self, spec: &FunctionSpec, name: &FunctionName) -> i64 {
        let lane = self.owner.lane(self.account, &spec.region, name).await;
        lane.unwrap()
    }

    /// An event in the queue.
    async fn accept(&self, spec: &FunctionSpec, payload: &Value) -> NewEvent {
        let id = Ids.ordered(Clock::system().now());
        let event = NewEvent {
            id: EventId::new(id).unwrap(),
            lane: self.lane(spec, &spec.name).await,
            account: self.account,
            qualifier: String::new(),
            source: Source::Caller,
            trace: String::new(),
            age_max_s: None,
            attempts_max: None,
            payload: payload.to_string().into_bytes(),
        };
        assert!(
            self.owner
                .accept(std::slice::from_ref(&event))
                .await
                .unwrap()
        );
        event
    }

    async fn status(&self, spec: &FunctionSpec, event: &NewEvent) -> EventStatus {
        let now = Clock::system().now();
        let status = self.owner.event(self.account, &spec.region, event.id, now);
        status.await.unwrap().unwrap()
    }

    /// The attempts that are here.
    async fn running(&self) -> Vec<RunningEvent> {
        self.client.running().await.unwrap().events
    }

    /// Waits until an attempt of the event is here.
    async fn until_here(&self, event: &NewEvent) {
        let here = async {
            let id = event.id.to_string();
            while !self.running().await.iter().any(|one| one.request_id == id) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), here).await;
        in_time.expect("the event is taken");
    }

    async fn cancel(&self, event: &NewEvent, account: &str) -> bool {
        let request = CancelRequest {
            request_id: event.id.to_string(),
            account: account.to_owned(),
        };
        self.client.cancel(request).await.unwrap().running
    }

    /// Sends an attempt whose end nobody waits for here.
    fn begin(
        &self,
        request: InvokeRequest,
    ) -> tokio::task::JoinHandle<Result<InvokeReply, tonic::Status>> {
        let client = self.client.clone();
        #[expect(clippy::disallowed_methods, reason = "a test's own, awaited by it")]
        tokio::spawn(async move { client.invoke(request).await })
    }
}

/// The second attempt is the last one; an hour is the greatest age.
fn attempt(spec: &FunctionSpec, event: &NewEvent, attempt: u32) -> InvokeRequest {
    let payload = String::from_utf8(event.payload.clone()).unwrap();
    InvokeRequest {
        request_id: event.id.to_string(),
        attempt,
        trace_id: "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=00000000:1".to_owned(),
        work: Some(AsyncWork {
            shard: u32::from(shard(event.lane).cast_unsigned()),
            epoch: 1,
            accepted_at_ms: event.id.accepted_at_ms(),
            age_max_s: 3_600,
            retry_delay_ms: (attempt < 2).then_some(60_000),
            targets: Vec::new(),
            function_arn: format!("{}:$LATEST", spec.arn()),
            lane_id: event.lane,
            qualifier: String::new(),
        }),
        ..request(spec, &payload)
    }
}

/// As [`attempt`], with its work changed.
fn with(mut request: InvokeRequest, change: impl FnOnce(&mut AsyncWork)) -> InvokeRequest {
    change(request.work.as_mut().unwrap());
    request
}

fn to(kind: target::Kind, lane_id: Option<i64>) -> Target {
    Target {
        kind: kind.into(),
        arn: "arn:aws:lambda:us-east-1:000000000042:function:after".to_owned(),
        lane_id,
        qualifier: "live".to_owned(),
        reason: "not today".to_owned(),
    }
}

fn settled(reply: InvokeReply) -> Settled {
    assert_eq!(reply.payload.len(), 0, "the owner has no use for it");
    reply.settled.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_written_down() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SOURCE).await;
    let after = fixture.lane(&spec, &"after".parse().unwrap()).await;
    let event = fixture.accept(&spec, &json!({})).await;
    let request = with(attempt(&spec, &event, 1), |work| {
        work.targets = vec![
            to(target::Kind::OnSuccess, Some(after)),
            to(target::Kind::OnFailure, None),
        ];
    });
    let reply = fixture.send(request).await.unwrap();
    let billed = i128::from(reply.billed_ms) * 256;
    let settled = settled(reply);
    assert_eq!((settled.won, settled.kind), (true, 0));
    // Everything is there when the answer is: outcome, record and usage.
    let status = fixture.status(&spec, &event).await;
    assert_eq!(status.state, EventState::Succeeded);
    let ran = &status.attempts[0];
    assert_eq!(ran.response.as_deref(), Some(&br#"{"count": 1}"#[..]));
    assert_eq!(ran.executor.unwrap().to_string(), fixture.handle.id());
    assert_eq!(fixture.usage().await, (1, billed));
    let sent = fixture
        .owner
        .feed_lane(event.id.hour(), after, Uuid::nil(), 9)
        .await
        .unwrap();
    assert_eq!(settled.delivered.len(), sent.len());
    assert_eq!(settled.delivered[0].request_id, sent[0].id.to_string());
    assert_eq!(settled.delivered[0].lane_id, after);
    assert_eq!(sent[0].qualifier, "live");
    assert!(sent[0].trace.ends_with(";Lineage=00000000:1"), "{sent:?}");
    let record: Value = serde_json::from_slice(sent[0].payload.as_ref().unwrap()).unwrap();
    assert_eq!(
        record["requestContext"],
        json!({
            "requestId": event.id.to_string(), "functionArn": format!("{}:$LATEST", spec.arn()),
            "condition": "Success", "approximateInvokeCount": 1,
        })
    );
    assert_eq!(record["responsePayload"], json!({"count": 1}));
    fixture.stop().await;
    // The spool's batch tells of the same execution and adds nothing.
    assert_eq!(fixture.usage().await, (1, billed));
    assert!(fixture.owner.usage_balance().await.unwrap().holds());
    let epochs = fixture.owner.usage_epochs(ran.executor.unwrap()).await;
    let counts = epochs.unwrap()[0].counts;
    assert_eq!((counts.ended, counts.settled_apart), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_event_is_tried_again_and_then_given_up() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SOURCE).await;
    let event = fixture.accept(&spec, &json!({"fail": "no"})).await;
    let reply = settled(fixture.send(attempt(&spec, &event, 1)).await.unwrap());
    assert_eq!((reply.won, reply.kind), (true, 1));
    let status = fixture.status(&spec, &event).await;
    assert_eq!(status.state, EventState::Waiting);
    let first = &status.attempts[0];
    assert_eq!(
        (first.function_error.as_str(), first.error.as_str()),
        ("Unhandled", "ValueError: no")
    );
    let wait = first.next_at.unwrap() - first.ended_at;
    assert_eq!(wait.num_milliseconds(), 60_000);
    let next_at = first.next_at.map(|at| at.timestamp_millis());
    assert_eq!(Some(reply.next_at_ms), next_at);

    let reply = settled(fixture.send(attempt(&spec, &event, 2)).await.unwrap());
    assert_eq!((reply.won, reply.kind), (true, 2));
    let dead = Condition::RetriesExhausted;
    let status = fixture.status(&spec, &event).await;
    assert_eq!(status.state, EventState::Dead(dead));
    let letter = fixture
        .owner
        .dead_letter(fixture.account, &spec.region, event.id)
        .await;
    let letter = letter.unwrap().unwrap();
    assert_eq!(letter.payload, event.payload);
    assert_eq!(
        (letter.letter.attempts, letter.letter.error.as_str()),
        (2, "ValueError: no")
    );
    // An event without the time for another attempt is dead now, not when that time would come.
    let hasty = fixture.accept(&spec, &json!({"fail": "no"})).await;
    let request = with(attempt(&spec, &hasty, 1), |work| work.age_max_s = 60);
    assert_eq!(settled(fixture.send(request).await.unwrap()).kind, 2);
    let status = fixture.status(&spec, &hasty).await;
    let dead = EventState::Dead(Condition::EventAgeExceeded);
    assert_eq!(status.state, dead);
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 3);
    let lines = fixture.lines(&spec).await;
    let line = format!("attempt of {}", event.id);
    let attempts = lines.iter().filter(|(_, text)| *text == line);
    assert_eq!(attempts.count(), 2, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_here_once_and_an_older_owners_word_does_not_count() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SOURCE).await;
    let (slow, other) = (
        fixture.accept(&spec, &json!({"sleep": 30})).await,
        fixture.accept(&spec, &json!({})).await,
    );
    let of_epoch =
        |event: &NewEvent, epoch| with(attempt(&spec, event, 1), |work| work.epoch = epoch);
    let first = fixture.begin(of_epoch(&slow, 5));
    fixture.until_here(&slow).await;
    let again = fixture.send(of_epoch(&slow, 6)).await;
    refused(again, Code::AlreadyExists);
    let late = fixture.send(of_epoch(&other, 5)).await;
    refused(late, Code::Aborted);
    let elsewhere = with(of_epoch(&other, 1), |work| work.shard += 1);
    assert!(settled(fixture.send(elsewhere).await.unwrap()).won);
    assert!(fixture.cancel(&slow, &fixture.account.to_string()).await);
    assert!(settled(first.await.unwrap().unwrap()).won);
    assert_eq!(fixture.running().await, []);
    // What has ended here may be asked for again: nobody knows it here any more, but the outcome stands.
    let usage = fixture.usage().await;
    let again = settled(fixture.send(of_epoch(&other, 6)).await.unwrap());
    assert!(!again.won);
    assert_eq!(again.delivered, []);
    assert_eq!(fixture.usage().await, usage, "and it costs nothing");
    fixture.stop().await;
    assert_eq!(fixture.usage().await, usage);
    assert!(fixture.owner.usage_balance().await.unwrap().holds());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_event_is_cancelled_by_its_account() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SOURCE).await;
    let event = fixture.accept(&spec, &json!({"sleep": 30})).await;
    let request = with(attempt(&spec, &event, 1), |work| {
        work.targets = vec![to(target::Kind::OnFailure, None)];
    });
    let running = fixture.begin(request);
    fixture.until_here(&event).await;
    fixture.until_live(1).await;
    assert!(!fixture.cancel(&event, "000000000001").await);
    let unknown = fixture.accept(&spec, &json!({})).await;
    assert!(!fixture.cancel(&unknown, &fixture.account.to_string()).await);
    assert!(fixture.cancel(&event, &fixture.account.to_string()).await);
    let reply = running.await.unwrap().unwrap();
    let billed = i128::from(reply.billed_ms) * 256;
    let reply = settled(reply);
    assert_eq!((reply.won, reply.kind), (true, 2));
    let status = fixture.status(&spec, &event).await;
    assert_eq!(status.state, EventState::Cancelled);
    let text = format!(
        "Tollgate.Cancelled: RequestId: {} Error: The event was cancelled",
        event.id
    );
    assert_eq!(status.attempts[0].error, text);
    // The function was in the middle of something.
    fixture.until_live(0).await;
    let letter = fixture
        .owner
        .dead_letter(fixture.account, &spec.region, event.id)
        .await;
    assert_eq!(letter.unwrap(), None);
    let left = fixture
        .owner
        .undelivered(fixture.account, &spec.region, None, None, 9)
        .await;
    assert_eq!(left.unwrap(), []);
    assert_eq!(fixture.usage().await, (1, billed));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_functions_run_and_answers_wait() {
    // One environment at a time: whoever finds it idle knows that the event's run is over.
    let fixture = Fixture::tuned(|options| options.memory_mb_max = Some(300)).await;
    let spec = fixture.python(SOURCE).await;
    assert_eq!(fixture.call(&spec, "{}").await["count"], 1);
    let event = fixture.accept(&spec, &json!({})).await;
    fixture.database.go_away();
    let mut waiting = fixture.begin(attempt(&spec, &event, 1));
    fixture.until_here(&event).await;
    let ran = async {
        let mut calls = 1;
        loop {
            // Refused while the event has the environment: no run, which is not to be counted.
            let Ok(reply) = fixture.invoke(&spec, "{}").await else {
                continue;
            };
            calls += 1;
            let value: Value = serde_json::from_slice(&reply.payload).unwrap();
            if value["count"] != calls {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), ran).await;
    in_time.expect("the event has had its turn");
    assert!(!waiting.is_finished());
    assert_eq!(fixture.running().await.len(), 1, "until it is written down");
    fixture.database.come_back();
    let reply = tokio::time::timeout(Duration::from_secs(20), &mut waiting).await;
    let reply = settled(reply.expect("an answer").unwrap().unwrap());
    assert_eq!((reply.won, reply.kind), (true, 0));
    let status = fixture.status(&spec, &event).await;
    assert_eq!(status.state, EventState::Succeeded);
    fixture.stop().await;
    assert!(fixture.owner.usage_balance().await.unwrap().holds());
}
