"""Events while services come and go: sent here, ended there. Ids are kept in a file from one run to the next."""

import concurrent.futures

from async_invoke import ECHO, SOURCE, configure, received
from clock import at
from events import ONCE, becomes, send_event, status
from own_api import *

# Ten lanes, so that several shards have work.
NAMES = [f"lane-{n}" for n in range(10)]


def kept():
    if not os.path.exists(os.environ["LEDGER"]):
        return []
    with open(os.environ["LEDGER"]) as ledger:
        return json.load(ledger)


def keep(sent):
    with open(os.environ["LEDGER"], "w") as ledger:
        json.dump(sent, ledger)


def send():
    """Events that run, wait for a retry, or wait for their turn in these moments."""
    lam, sent = client(), kept()
    if not sent:
        for name in [*NAMES, "narrow", "flaky"]:
            python_function(name, SOURCE, lam, Timeout=60)
        lam.put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=1)
        good("PUT", "/functions/flaky/async-policy", {"max_attempts": 2, "backoff": {"list": [2]}})
    for name in NAMES:
        sent.append(["succeeded", 1, send_event(name, {"sleep_s": 0.5}, lam)])
        sent.append(["succeeded", 1, send_event("narrow", {"sleep_s": 0.05}, lam)])
    for _ in range(5):
        sent.append(["dead", 2, send_event("flaky", {"fail": "no"}, lam)])
    keep(sent)


def all_ended():
    """Each has one end, as it must be."""
    sent = kept()
    for want, attempts, request_id in sent:
        event = becomes(request_id, want)
        assert [attempt["attempt"] for attempt in event["attempts"]] == list(range(1, attempts + 1)), event
    listed = []
    for name in [*NAMES, "narrow", "flaky"]:
        listed += [event["request_id"] for event in good("GET", "/events", function=name, limit=1000)["events"]]
    assert sorted(listed) == sorted(request_id for _, _, request_id in sent), "these and no others"


def start_one_that_fails():
    """It runs for longer than it takes to replace its owner."""
    python_function("flaky", SOURCE, Timeout=60)
    good("PUT", "/functions/flaky/async-policy", {"max_attempts": 2, "backoff": {"list": [1]}})
    keep([send_event("flaky", {"sleep_s": 8, "fail": "no"})])
    becomes(kept()[0], "running")


def retried_in_time():
    """The new owner did not see the first attempt end, and makes the second one when it is due all the same."""
    [request_id] = kept()
    becomes(request_id, "running")
    until(lambda: len(good("GET", f"/events/{request_id}")["attempts"]) == 2, "a second attempt", 60)
    first, second = good("GET", f"/events/{request_id}")["attempts"]
    wait_s = (at(second["started_at"]) - at(first["ended_at"])).total_seconds()
    assert 1 <= wait_s < 10, wait_s


def start_one():
    python_function("steady", SOURCE, Timeout=60)
    configure("steady", MaximumRetryAttempts=0)
    keep([send_event("steady", {"sleep_s": 2})])
    becomes(kept()[0], "running")


def ran_again():
    event = becomes(kept()[0], "succeeded")
    assert [attempt["attempt"] for attempt in event["attempts"]] == [1], event


def start_a_killer():
    python_function("ill", ECHO)
    python_function("killer", SOURCE, Timeout=300)
    configure("killer", MaximumRetryAttempts=0, to={"OnFailure": "ill"})
    keep([send_event("killer", {"sleep_s": 250})])


def runs():
    becomes(kept()[0], "running")


def given_up():
    """After three executors, as if the function had failed."""
    [request_id] = kept()
    event = becomes(request_id, "dead")
    assert event["condition"] == "RetriesExhausted", event
    [attempt] = event["attempts"]
    assert (attempt["attempt"], attempt["started_at"]) == (1, None), event
    assert attempt["error"].startswith("Runtime.ExecutorLost: "), event
    letter = good("GET", f"/dead-letters/{request_id}")["dead_letter"]
    assert (letter["attempts"], letter["error"]) == (1, attempt["error"]), letter
    [(_, record)] = received("ill")
    assert record["requestContext"]["approximateInvokeCount"] == 1, record
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}, record
    assert record["responsePayload"]["errorType"] == "Runtime.ExecutorLost", record


BUSY = """
import time

def handler(event, context):
    end = time.process_time() + 0.03
    while time.process_time() < end:
        pass
"""


def beside_a_flood():
    """Another account has hundreds of events waiting; ours are served in turn with them, not behind them."""
    theirs = client(aws_access_key_id=os.environ["OTHER_ACCESS_KEY_ID"], aws_secret_access_key=os.environ["OTHER_SECRET_ACCESS_KEY"])
    for lam in (theirs, client()):
        python_function("busy", BUSY, lam)
        invoke("busy", {}, lam)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        flood = list(pool.map(lambda _: send_event("busy", {}, theirs), range(250)))
    ours = [send_event("busy", {}) for _ in range(10)]
    ours = [becomes(request_id, "succeeded") for request_id in ours]
    begun, done = min(event["accepted_at"] for event in ours), max(event["ended_at"] for event in ours)
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = os.environ["OTHER_ACCESS_KEY_ID"], os.environ["OTHER_SECRET_ACCESS_KEY"]
    events = good("GET", "/events", function="busy", limit=1000)["events"]
    assert len(events) == len(flood), len(events)
    waiting = [event for event in events if not event["ended_at"] or event["ended_at"] > begun]
    before = [event for event in waiting if event["ended_at"] and event["ended_at"] < done]
    print(len(waiting), "waited,", len(before), "of them ended before ours")
    assert len(waiting) > 50, "a flood"
    assert len(before) < len(waiting) / 2, (len(before), len(waiting))


if __name__ == "__main__":
    main(globals())
