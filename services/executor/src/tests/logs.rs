//! Whose line is whose.

use std::collections::BTreeSet;

use rpc::executor::InvokeRequest;

use super::fixture::{Fixture, request};

#[tokio::test]
async fn lines_belong_to_their_invocation() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python(
            "import sys\nprint('module')\ndef handler(event, context):\n    print('out', event)\n    print('err', event, file=sys.stderr)\n    sys.stdout.write('no end ' + str(event))\n    return event",
        )
        .await;
    let mut ids = Vec::new();
    for number in 1..=20 {
        let sent = InvokeRequest {
            tail: true,
            ..request(&spec, &number.to_string())
        };
        let id = sent.request_id.clone();
        let tail = String::from_utf8(fixture.send(sent).await.unwrap().log_tail).unwrap();
        let mut lines: Vec<&str> = tail.lines().collect();
        if number == 1 {
            assert_eq!(lines.remove(0), "module");
        }
        assert_eq!(
            lines[0],
            format!("START RequestId: {id} Version: $LATEST"),
            "{tail}"
        );
        // The two pipes are not ordered against each other.
        let mut own = lines[1..4].to_vec();
        own.sort_unstable();
        assert_eq!(
            own,
            [
                format!("err {number}"),
                format!("no end {number}"),
                format!("out {number}")
            ],
            "{tail}"
        );
        assert_eq!(lines[4], format!("END RequestId: {id}"), "{tail}");
        assert!(
            lines[5].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")),
            "{tail}"
        );
        assert!(
            lines[5].contains("\tMemory Size: 256 MB\tMax Memory Used: "),
            "{tail}"
        );
        assert!(
            lines[5].contains("\tCost: 0.0000") && lines[5].ends_with(" USD"),
            "{tail}"
        );
        assert_eq!(lines.len(), 6, "{tail}");
        ids.push(id);
    }
    fixture.stop().await;
    check_stored(&fixture.lines(&spec).await, &ids);
}

/// All lines of twenty invocations are in one stream, in order.
fn check_stored(stored: &[(String, String)], ids: &[String]) {
    assert_eq!(stored.len(), 1 + 20 * 6);
    assert!(
        stored.iter().all(|(stream, _)| *stream == stored[0].0),
        "one environment, one stream"
    );
    let day = chassis::Clock::system()
        .now()
        .format("%Y/%m/%d/[$LATEST]")
        .to_string();
    assert!(
        stored[0].0.starts_with(&day) && stored[0].0.len() == day.len() + 32,
        "{}",
        stored[0].0
    );
    let starts = stored.iter().filter(|(_, line)| line.starts_with("START "));
    let starts: Vec<&str> = starts
        .map(|(_, line)| &line["START RequestId: ".len()..][..36])
        .collect();
    assert_eq!(starts, ids);
}

#[tokio::test]
async fn a_flood_of_lines_arrives_whole() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python(
            "def handler(event, context):\n    for n in range(5000):\n        print('line', n)\n    print('x' * 600_000)\n    print('nul', chr(0), 'and ', end='')\n",
        )
        .await;
    let sent = InvokeRequest {
        tail: true,
        ..request(&spec, "1")
    };
    let tail = fixture.send(sent).await.unwrap().log_tail;
    assert_eq!(tail.len(), 4096);
    assert!(String::from_utf8_lossy(&tail).contains("nul \u{fffd} and \nEND RequestId: "));
    fixture.stop().await;
    let lines: Vec<String> = fixture
        .lines(&spec)
        .await
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    let numbered: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("line "))
        .collect();
    assert_eq!(numbered.len(), 5_000);
    assert!(
        numbered
            .iter()
            .enumerate()
            .all(|(n, line)| **line == format!("line {n}"))
    );
    let long: Vec<usize> = lines
        .iter()
        .filter(|line| line.starts_with('x'))
        .map(String::len)
        .collect();
    assert_eq!(long, [262_144, 262_144, 600_000 - 2 * 262_144]);
}

#[tokio::test]
async fn lines_that_keep_coming_are_stored_together() {
    let fixture = Fixture::start().await;
    let spec = fixture
        .python(
            "import time\ndef handler(event, context):\n    for n in range(400):\n        print('line', n, flush=True)\n        time.sleep(0.003)\n",
        )
        .await;
    fixture.send(request(&spec, "1")).await.unwrap();
    fixture.stop().await;
    let events = fixture.log_events(&spec).await;
    assert_eq!(events.len(), 400 + 3);
    // The lines of a batch have its time in common; a batch is sent each 200 ms.
    let batches: BTreeSet<_> = events.iter().map(|event| event.stored_at).collect();
    let took = events[402].position.at - events[0].position.at;
    let due = took.num_milliseconds() / 200 + 2;
    assert!(
        batches.len() <= usize::try_from(due).unwrap(),
        "{} batches in {took}",
        batches.len()
    );
}
