//! How many environments there are, and when they end.

use std::time::{Duration, Instant};

use domain::FunctionSpec;
use futures::StreamExt as _;
use serde_json::json;
use tonic::Code;

use super::fixture::{Fixture, at_once, refused};

/// Waits until all of so many events are there at once: only as many environments let them all pass.
const SLEEP: &str = "import time, os\ndef handler(event, context):\n    time.sleep(event)\n    return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']";

#[tokio::test]
async fn one_event_at_a_time_in_each_environment() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SLEEP).await;
    let streams = at_once([fixture.call(&spec, "0.5"), fixture.call(&spec, "0.5")]).await;
    assert_ne!(streams[0], streams[1]);
    assert_eq!(fixture.handle.live(), 2);
    for _ in 0..5 {
        let again = at_once([fixture.call(&spec, "0.1"), fixture.call(&spec, "0.1")]).await;
        assert!(
            again[0] != again[1] && again.iter().all(|stream| streams.contains(stream)),
            "both are used again"
        );
    }
    assert_eq!(fixture.handle.live(), 2);
    fixture.stop().await;
}

#[tokio::test]
async fn an_idle_environment_ends_after_its_time() {
    let fixture = Fixture::tuned(|options| options.idle_ttl = Duration::from_millis(300)).await;
    let spec = fixture.python(SLEEP).await;
    fixture.call(&spec, "0").await;
    fixture.call(&spec, "0.5").await;
    assert_eq!(fixture.handle.live(), 1);
    fixture.until_live(0).await;
    fixture.stop().await;
}

#[tokio::test]
async fn memory_is_a_limit_and_idle_environments_make_way() {
    let fixture = Fixture::tuned(|options| options.memory_mb_max = Some(600)).await;
    let (one, two) = (fixture.python(SLEEP).await, fixture.python(SLEEP).await);
    // 256 MB each: two fit, a third does not while they are busy.
    let (busy, refusal) = tokio::join!(
        at_once([fixture.call(&one, "1"), fixture.call(&one, "1")]),
        async {
            fixture.until_live(2).await;
            fixture.invoke(&two, "0").await
        }
    );
    refused(refusal, Code::ResourceExhausted);
    // Both are idle now; the one that was idle first makes way.
    let mut rooms = fixture.client.watch().await.unwrap();
    let room = rooms.next().await.unwrap().unwrap();
    assert_eq!((room.free_mb, room.draining), (600, false));
    assert_eq!(
        (room.warm[0].spec_id.as_str(), room.warm[0].idle),
        (one.spec_id.as_str(), 2)
    );
    fixture.call(&two, "0").await;
    let kept = fixture.call(&one, "0").await;
    assert!(busy.contains(&kept), "one of the two was kept");
    fixture.until_live(2).await;
    fixture.stop().await;
}

#[tokio::test]
async fn a_new_spec_ends_the_environments_of_the_old_one() {
    let fixture = Fixture::start().await;
    let old = fixture.python(SLEEP).await;
    fixture.call(&old, "0").await;
    let mut new = old.clone();
    new.spec_id = "newer".to_owned();
    new.memory_mb = 128;
    fixture.call(&new, "0").await;
    fixture.until_live(1).await;
    let room = fixture.handle.pool().snapshot();
    assert_eq!(
        (room.warm.len(), room.warm[0].spec_id.as_str()),
        (1, "newer")
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_drain_lets_what_runs_end() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SLEEP).await;
    fixture.call(&spec, "0").await;
    let mut rooms = fixture.client.watch().await.unwrap();
    let running = fixture.invoke(&spec, "1");
    let draining = async {
        // The one environment is taken, so the event is inside.
        while rooms
            .next()
            .await
            .unwrap()
            .unwrap()
            .warm
            .iter()
            .any(|warm| warm.idle > 0)
        {}
        fixture.life.drain().cancel();
        refused(fixture.invoke(&spec, "0").await, Code::Unavailable);
        while let Some(room) = rooms.next().await {
            let room = room.unwrap();
            assert!(room.draining || room.warm.is_empty());
        }
    };
    let (answer, ()) = tokio::join!(running, draining);
    assert_eq!(answer.unwrap().function_error, "");
    fixture.stop().await;
    assert_eq!(fixture.handle.live(), 0);
    assert_eq!(fixture.usage().await.0, 2);
    let ends = fixture
        .lines(&spec)
        .await
        .iter()
        .filter(|(_, line)| line.starts_with("REPORT "))
        .count();
    assert_eq!(ends, 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_changes_nothing() {
    let fixture = Fixture::start().await;
    let spec = fixture.python(SLEEP).await;
    fixture.call(&spec, "0").await;
    let patience = tokio::time::timeout(Duration::from_millis(200), fixture.invoke(&spec, "1"));
    assert!(patience.await.is_err(), "the caller left");
    fixture.stop().await;
    let (requests, duration) = fixture.usage().await;
    assert_eq!(requests, 2);
    assert!(duration >= 1_000 * 256, "{duration}");
}

#[tokio::test]
async fn twenty_functions_start_at_once() {
    let fixture = Fixture::tuned(|options| options.memory_mb_max = Some(20 * 256)).await;
    let mut specs = Vec::new();
    for number in 0..20 {
        // One after the other they would take ten seconds for this alone.
        let source = format!(
            "import time\ntime.sleep(0.5)\ndef handler(event, context):\n    return {number}"
        );
        specs.push(fixture.python(&source).await);
    }
    // The runtime's own files are laid out by the first start ever on this machine.
    fixture.call(&fixture.python(SLEEP).await, "0").await;
    let begin = Instant::now();
    let answers = at_once(specs.iter().map(|spec| fixture.call(spec, "1"))).await;
    let together = begin.elapsed();
    assert_eq!(json!(answers), json!((0..20).collect::<Vec<_>>()));
    assert!(together < Duration::from_secs(8), "{together:?}");
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 21);
}

/// How long ago the runtime's process was started, in milliseconds.
const AGE: &str = "
import time
def handler(event, context):
    with open('/proc/self/stat') as stat:
        ticks = int(stat.read().rsplit(')', 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000 - ticks * 10
";

#[tokio::test]
async fn a_parked_runtime_takes_a_function_on() {
    let fixture = Fixture::tuned(|options| options.parked_runtimes = 1).await;
    fixture.call(&fixture.python(AGE).await, "0").await;
    fixture.until_parked().await;
    // So much older than its invocation a parked process can be told from a new one.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut spec = fixture.python(AGE).await;
    spec.environment.insert("MINE".to_owned(), "1".to_owned());
    assert!(
        age_beyond_invocation(&fixture, &spec).await > 400.0,
        "it had been parked"
    );
    fixture.until_parked().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Parked ones have the usual /tmp, and an interpreter that read its variables already.
    let mut roomy = fixture.python(AGE).await;
    roomy.ephemeral_mb = 1_024;
    assert!(
        age_beyond_invocation(&fixture, &roomy).await < 100.0,
        "it was started for this"
    );
    let mut particular = fixture.python(AGE).await;
    particular
        .environment
        .insert("PYTHONPATH".to_owned(), "/var/task/lib".to_owned());
    assert!(
        age_beyond_invocation(&fixture, &particular).await < 100.0,
        "it was started for this"
    );
    // Memory is the function's, not the parked runtime's.
    let mut hog = fixture
        .python("held = []\ndef handler(event, context):\n    held.append(b'x' * 200_000_000)")
        .await;
    hog.memory_mb = 128;
    let (error, tail) = fixture.fail(&hog, "1").await;
    assert_eq!(error["errorType"], "Runtime.ExitError", "{error}");
    assert!(tail.contains("Runtime.OutOfMemory"), "{tail}");
    fixture.stop().await;
}

/// The age of the process that answered, less the time that the answer took, in milliseconds.
async fn age_beyond_invocation(fixture: &Fixture, spec: &FunctionSpec) -> f64 {
    let begin = Instant::now();
    let age = fixture.call(spec, "0").await.as_f64().unwrap();
    age - begin.elapsed().as_secs_f64() * 1_000.0
}
