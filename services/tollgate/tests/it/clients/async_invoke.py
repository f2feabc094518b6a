"""Asynchronous invocations as AWS's clients know them: what is accepted, how it ends, and who hears of that."""

import datetime
import re
import threading

from events import ONCE, becomes, send_event, status
from own_api import *

ACCOUNT = os.environ["ACCOUNT_ID"]

SOURCE = """
import json, time

def handler(event, context):
    print("run", context.aws_request_id)
    time.sleep(event.get("sleep_s", 0))
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {"got": event, "arn": context.invoked_function_arn, "id": context.aws_request_id, "client": repr(context.client_context)}
"""

# Its result is what it was sent.
ECHO = "def handler(event, context):\n    return event\n"


def arn(name):
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def configure(name, **settings):
    """An event invoke config; a name of ours stands for its ARN."""
    targets = {key: {"Destination": target if ":" in target else arn(target)} for key, target in settings.pop("to", {}).items()}
    return client().put_function_event_invoke_config(FunctionName=name, DestinationConfig=targets, **settings)


def received(name, count=1):
    """The events that a function of ECHO has had, the first first."""
    listed = until(
        lambda: len(found := good("GET", "/events", function=name, status="succeeded")["events"]) >= count and found,
        f"{name} has had {count} events",
    )
    whole = [good("GET", f"/events/{event['request_id']}") for event in listed[::-1]]
    return [(event["source"], event["result"]["json"]) for event in whole]


def runs(name, request_id):
    """How often the function's log says that it ran with this id."""
    try:
        events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=f'"run {request_id}"')["events"]
    except ClientError:
        return 0
    return len(events)


def accepted():
    python_function("f", SOURCE)
    client().publish_version(FunctionName="f")
    client().create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    answer = client().invoke(FunctionName="f", InvocationType="Event", Payload='{"a": "ä"}', ClientContext=base64.b64encode(b"{}").decode(), LogType="Tail")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b""), answer
    assert not {"FunctionError", "LogResult", "ExecutedVersion"} & set(answer), answer
    request_id = answer["ResponseMetadata"]["RequestId"]
    event = becomes(request_id, "succeeded")
    # A client context is for callers that wait.
    assert event["result"]["json"] == {"got": {"a": "ä"}, "arn": arn("f"), "id": request_id, "client": "None"}, event
    assert until(lambda: runs("f", request_id), "the log says so") == 1
    for qualifier, version in [("live", "1"), ("1", "1"), ("$LATEST", "$LATEST")]:
        event = becomes(send_event("f", {}, Qualifier=qualifier), "succeeded")
        assert event["result"]["json"]["arn"] == arn(f"f:{qualifier}"), event
        assert event["attempts"][0]["executed_version"] == version, event
    # Nothing at all is an empty object, and the operation that Event replaced works as it did.
    answer = client().invoke(FunctionName="f", InvocationType="Event")
    assert becomes(answer["ResponseMetadata"]["RequestId"], "succeeded")["result"]["json"]["got"] == {}
    answer = client().invoke_async(FunctionName="f", InvokeArgs=b'{"legacy": 1}')
    assert answer["Status"] == 202, answer
    assert becomes(answer["ResponseMetadata"]["RequestId"], "succeeded")["result"]["json"]["got"] == {"legacy": 1}


def limits():
    python_function("size", "def handler(event, context):\n    return len(event)\n", MemorySize=256)
    lam = client()
    text = lambda size: b'"' + b"x" * (size - 2) + b'"'
    send = lambda size: lam.invoke(FunctionName="size", InvocationType="Event", Payload=text(size))
    largest = send(1_048_576)["ResponseMetadata"]["RequestId"]
    legacy = lam.invoke_async(FunctionName="size", InvokeArgs=text(262_144))["ResponseMetadata"]["RequestId"]
    with raises("RequestEntityTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)", 413):
        send(1_048_577)
    with raises("RequestEntityTooLargeException", "limit 262144 bytes", 413):
        lam.invoke_async(FunctionName="size", InvokeArgs=text(262_145))
    for bad in ("{not json", "{} trailing", "\x00"):
        with raises("InvalidRequestContentException", "Could not parse request body into json", 400):
            lam.invoke(FunctionName="size", InvocationType="Event", Payload=bad)
    with raises("ResourceNotFoundException", f"Function not found: {arn('nobody')}", 404):
        lam.invoke(FunctionName="nobody", InvocationType="Event")
    with raises("ResourceNotFoundException", ":size:7", 404):
        lam.invoke(FunctionName="size", InvocationType="Event", Qualifier="7")
    with raises("ResourceNotFoundException", "nobody", 404):
        lam.invoke_async(FunctionName="nobody", InvokeArgs=b"{}")
    assert becomes(largest, "succeeded")["result"]["json"] == 1_048_574
    assert becomes(legacy, "succeeded")["result"]["json"] == 262_142
    assert len(good("GET", "/events")["events"]) == 2, "what was refused is not there"


def records():
    """What destinations are told, to the letter."""
    python_function("told", SOURCE)
    client().publish_version(FunctionName="told")
    for sink in ("well", "ill"):
        python_function(sink, ECHO)
    configure("told", MaximumRetryAttempts=0, to={"OnSuccess": "well", "OnFailure": "ill"})
    configure("told:1", to={"OnSuccess": arn("well") + ":$LATEST"})

    def checked(record):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp")), record
        return record

    done = send_event("told", {"n": [1.50, None]})
    [(source, record)] = received("well")
    assert source == "destination"
    assert checked(record) == {
        "version": "1.0",
        "requestContext": {"requestId": done, "functionArn": arn("told:$LATEST"), "condition": "Success", "approximateInvokeCount": 1},
        "requestPayload": {"n": [1.5, None]},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"got": {"n": [1.5, None]}, "arn": arn("told"), "id": done, "client": "None"},
    }, record
    failed = send_event("told", {"fail": "no"})
    [(_, record)] = received("ill")
    assert record["responsePayload"].pop("stackTrace"), record
    assert checked(record) == {
        "version": "1.0",
        "requestContext": {"requestId": failed, "functionArn": arn("told:$LATEST"), "condition": "RetriesExhausted", "approximateInvokeCount": 1},
        "requestPayload": {"fail": "no"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no", "errorType": "ValueError", "requestId": failed},
    }, record
    # A qualifier has settings of its own.
    of_version = send_event("told", {}, Qualifier="1")
    record = received("well", 2)[1][1]
    assert record["requestContext"] == {"requestId": of_version, "functionArn": arn("told:1"), "condition": "Success", "approximateInvokeCount": 1}, record
    assert record["responseContext"]["executedVersion"] == "1", record


def dead_letter_targets():
    for sink in ("letters", "ill"):
        python_function(sink, ECHO)
    python_function("dies", SOURCE, DeadLetterConfig={"TargetArn": arn("letters")})
    configure("dies", MaximumRetryAttempts=0, to={"OnFailure": "ill"})
    request_id = send_event("dies", {"fail": "no", "as": ["it", "is"]})
    assert received("letters") == [("dead_letter", {"fail": "no", "as": ["it", "is"]})]
    assert received("ill")[0][1]["requestContext"]["requestId"] == request_id, "both hear of it"
    # And it is kept, whatever else is configured.
    assert good("GET", f"/dead-letters/{request_id}")["payload"] == {"json": {"fail": "no", "as": ["it", "is"]}}
    assert good("GET", "/undelivered")["undelivered"] == []
    becomes(send_event("dies", {}), "succeeded")
    assert len(received("letters")) == 1, "an event that succeeds is no dead letter"


def targets_that_take_nothing():
    """They are kept with the reason, and nothing is lost."""
    python_function("after", ECHO)
    queue, topic, bus, bucket = (f"arn:aws:{rest}" for rest in (f"sqs:us-east-1:{ACCOUNT}:q", f"sns:us-east-1:{ACCOUNT}:t", f"events:us-east-1:{ACCOUNT}:event-bus/default", "s3:::my-bucket"))
    python_function("f", SOURCE, DeadLetterConfig={"TargetArn": queue})
    kept = {}
    for on_failure in (topic, bus, bucket, queue, arn("after")):
        configure("f", MaximumRetryAttempts=0, to={"OnFailure": on_failure})
        if on_failure == arn("after"):
            client().delete_function(FunctionName="after")
        kept[send_event("f", {"fail": on_failure})] = on_failure
        becomes(list(kept)[-1], "dead")
    records = good("GET", "/undelivered", function="f")["undelivered"]
    assert len(records) == 2 * len(kept), records
    for request_id, on_failure in kept.items():
        both = {record["kind"]: record for record in records if record["request_id"] == request_id}
        assert {kind: record["target"] for kind, record in both.items()} == {"on_failure": on_failure, "dead_letter": queue}, both
        missing = on_failure == arn("after")
        reason = "there is no such function, version or alias" if missing else "Tollgate does not deliver to this kind of target yet"
        assert both["on_failure"]["reason"] == reason, both
        whole = lambda kind: good("GET", f"/undelivered/{both[kind]['undelivered_id']}")["record"]["json"]
        assert whole("dead_letter") == {"fail": on_failure}
        assert whole("on_failure")["requestContext"]["condition"] == "RetriesExhausted"


def stopped():
    """Reserved concurrency 0: no attempt, and everybody hears of it."""
    python_function("ill", ECHO)
    python_function("f", SOURCE)
    configure("f", to={"OnFailure": "ill"})
    lam = client()
    lam.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    request_id = send_event("f", {"n": 1})
    event = becomes(request_id, "dead")
    assert event["condition"] == "ZeroReservedConcurrency", event
    assert [(attempt["started_at"], attempt["executed_version"]) for attempt in event["attempts"]] == [(None, None)], event
    [(_, record)] = received("ill")
    assert record.pop("timestamp")
    assert record == {
        "version": "1.0",
        "requestContext": {"requestId": request_id, "functionArn": arn("f:$LATEST"), "condition": "ZeroReservedConcurrency", "approximateInvokeCount": 0},
        "requestPayload": {"n": 1},
    }, record
    letter = good("GET", f"/dead-letters/{request_id}")["dead_letter"]
    assert (letter["condition"], letter["attempts"]) == ("ZeroReservedConcurrency", 0), letter
    lam.delete_function_concurrency(FunctionName="f")
    becomes(send_event("f", {}), "succeeded")
    assert runs("f", request_id) == 0


def throttled():
    """What does not fit waits, and its attempts are not used up by that."""
    python_function("one", SOURCE, Timeout=20)
    client().put_function_concurrency(FunctionName="one", ReservedConcurrentExecutions=1)
    configure("one", MaximumRetryAttempts=0)
    ids = [send_event("one", {"sleep_s": 0.4}) for _ in range(4)]
    events = [becomes(request_id, "succeeded") for request_id in ids]
    spans = sorted((event["attempts"][0]["started_at"], event["attempts"][0]["ended_at"]) for event in events)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:])), spans
    assert [len(event["attempts"]) for event in events] == [1] * 4, events
    # A caller that waits takes the only place, from whoever asks whether it is taken; the event comes after him.
    caller = threading.Thread(target=lambda: until(lambda: not throttles("one", {"sleep_s": 2}), "the place is free"))
    caller.start()
    until(lambda: throttles("one"), "the place is taken")
    behind = send_event("one", {})
    caller.join()
    assert len(becomes(behind, "succeeded")["attempts"]) == 1


def throttles(name, payload={}):
    try:
        invoke(name, payload)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "TooManyRequestsException", error
        return True
    return False


def deleted_while_it_waits():
    python_function("gone", SOURCE, Timeout=60)
    lam = client()
    lam.put_function_concurrency(FunctionName="gone", ReservedConcurrentExecutions=1)
    running = send_event("gone", {"sleep_s": 50})
    becomes(running, "running")
    waiting = send_event("gone", {"n": 1})
    lam.delete_function(FunctionName="gone")
    # What runs is not interrupted by that.
    assert status(running) == "running"
    good("POST", f"/events/{running}/cancel")
    event = becomes(waiting, "dead")
    assert event["condition"] == "FunctionNotFound", event
    letter = good("GET", f"/dead-letters/{waiting}")
    assert (letter["dead_letter"]["attempts"], letter["payload"]) == (0, {"json": {"n": 1}}), letter
    # Another function of this name gets it by a redrive.
    python_function("gone", ECHO)
    tollgate("async", "redrive", "--function", "gone")
    assert received("gone") == [("redrive", {"n": 1})]


def custom_retries():
    """More attempts than AWS gives, at times of one's own; every one of them has the request id that was answered."""
    python_function("stubborn", SOURCE)
    configure("stubborn", MaximumRetryAttempts=0)
    good("PUT", "/functions/stubborn/async-policy", {"max_attempts": 4, "backoff": {"list": [1, 2, 1]}})
    request_id = send_event("stubborn", {"fail": "again"})
    event = becomes(request_id, "dead")
    assert event["condition"] == "RetriesExhausted", event
    at = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    attempts = event["attempts"]
    assert [attempt["attempt"] for attempt in attempts] == [1, 2, 3, 4], attempts
    for before, after, wait_s in zip(attempts, attempts[1:], [1, 2, 1]):
        due = at(before["next_attempt_at"])
        assert abs((due - at(before["ended_at"])).total_seconds() - wait_s) < 0.01, attempts
        assert at(after["started_at"]) >= due, attempts
    until(lambda: runs("stubborn", request_id) == 4, "the log has four runs of one request id")


def once_by_key():
    python_function("once", SOURCE)
    python_function("other", SOURCE)

    def send(key, name="once", event=None):
        lam = client()
        lam.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Tollgate-Idempotency-Key", key))
        return send_event(name, event or {}, lam=lam)

    first = send("k")
    assert {send("k") for _ in range(3)} == {first}
    with raises("ResourceConflictException", "'k' was used for this function with another payload", 409):
        send("k", event={"n": 1})
    others = {send("k", name="other"), send("another"), send("k" * 256)}
    assert len(others | {first}) == 4, others
    for bad in ("", "k" * 257):
        with raises("InvalidParameterValueException", "must have 1 to 256 characters", 400):
            send(bad)
    for request_id in (first, *others):
        becomes(request_id, "succeeded")
    # Known after its end, too.
    assert send("k") == first
    assert until(lambda: runs("once", first), "the log says so") == 1
    assert len(good("GET", "/events", function="once")["events"]) == 3


def loops():
    """Two functions that are each other's destination stop after 16 runs each, unless that is meant."""
    python_function("ill", ECHO)
    for name, other in (("ping", "pong"), ("pong", "ping")):
        python_function(name, "def handler(event, context):\n    return 1\n")
    configure("pong", to={"OnSuccess": "ping"})
    configure("ping", to={"OnSuccess": "pong", "OnFailure": "ill"})
    done = lambda name: len(good("GET", "/events", function=name, status="succeeded")["events"])
    send_event("ping", {})
    [(_, record)] = received("ill")
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RecursionLimitExceeded", 0), record
    assert "responsePayload" not in record, record
    assert (done("ping"), done("pong")) == (16, 16)
    letter = good("GET", f"/dead-letters/{context['requestId']}")["dead_letter"]
    assert (letter["function"], letter["condition"], letter["attempts"]) == ("ping", "RecursionLimitExceeded", 0), letter
    trace = good("GET", f"/events/{context['requestId']}")["trace"]
    lineage = re.search(r"Lineage=([0-9a-f]{8}):16\|([0-9a-f]{8}):16$", trace)
    assert lineage, trace
    # A caller that waits is refused with the same chain.
    lam = client()
    lam.meta.events.register("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace))
    with raises("RecursiveInvocationException", "16 times in one chain", 400):
        invoke("ping", {}, lam)
    for name in ("ping", "pong"):
        lam.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert invoke("ping", {}, lam)[0] == 1
    send_event("ping", {})
    until(lambda: done("ping") >= 16 + 20 and done("pong") >= 16 + 20, "it goes on")
    lam.put_function_concurrency(FunctionName="ping", ReservedConcurrentExecutions=0)
    assert received("ill", 2)[1][1]["requestContext"]["condition"] == "ZeroReservedConcurrency"


if __name__ == "__main__":
    main(globals())
