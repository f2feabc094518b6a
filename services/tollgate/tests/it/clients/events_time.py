"""Events over time: the platform's clock is moved, so these run one after the other on a Tollgate of their own."""

import datetime

from async_invoke import ECHO, SOURCE, arn, configure, received, runs
from clock import at
from events import becomes, send_event, status
from own_api import *


def advance(seconds):
    good("POST", "/clock", {"advance_ms": round(seconds * 1000)})


def advance_to(moment):
    advance((moment - at(good("GET", "/clock")["now"])).total_seconds())


def attempts(request_id):
    return len(good("GET", f"/events/{request_id}")["attempts"])


def failed(request_id, count):
    """Waits until that many attempts have failed and another one is to come; answers when, and how long after the last one."""
    waiting = lambda: (e := good("GET", f"/events/{request_id}"))["status"] == "waiting" and len(e["attempts"]) == count and e
    event = until(waiting, f"attempt {count} of {request_id} has failed")
    due = at(event["next_attempt_at"])
    return due, (due - at(event["attempts"][-1]["ended_at"])).total_seconds()


def seen_to():
    """Waits until the queue has seen to what is due: an event that came later has run."""
    try:
        request_id = send_event("probe", {})
    except client().exceptions.ResourceNotFoundException:
        python_function("probe", ECHO)
        request_id = send_event("probe", {})
    becomes(request_id, "succeeded")


def retries():
    """A minute, then two: not before, and no more often than is set."""
    python_function("ill", ECHO)
    settings = {
        "default": {}, "once": {"MaximumRetryAttempts": 0}, "twice": {"MaximumRetryAttempts": 1},
        "age-60": {"MaximumEventAgeInSeconds": 60}, "age-90": {"MaximumEventAgeInSeconds": 90},
    }
    for name, config in settings.items():
        python_function(name, SOURCE)
        configure(name, to={"OnFailure": "ill"}, **config)
    sent = {name: send_event(name, {"fail": "no"}) for name in settings}

    def dead(name, condition, count):
        event = becomes(sent[name], "dead")
        assert (event["condition"], len(event["attempts"])) == (condition, count), event
        until(lambda: runs(name, sent[name]) == count, f"{name} ran {count} times, always as {sent[name]}")

    def none_before(names, count, wait_s):
        """Their next attempt comes after so long, and not a quarter of a minute before."""
        due = [failed(sent[name], count) for name in names]
        assert [round(wait) for _, wait in due] == [wait_s] * len(names), due
        advance_to(min(moment for moment, _ in due) - datetime.timedelta(seconds=15))
        seen_to()
        assert [attempts(sent[name]) for name in names] == [count] * len(names)
        advance_to(max(moment for moment, _ in due) + datetime.timedelta(seconds=1))

    # With 60 s there is no time for a retry, and no point in waiting to find that out.
    dead("once", "RetriesExhausted", 1)
    dead("age-60", "EventAgeExceeded", 1)
    none_before(["default", "twice", "age-90"], 1, 60)
    dead("twice", "RetriesExhausted", 2)
    dead("age-90", "EventAgeExceeded", 2)
    none_before(["default"], 2, 120)
    dead("default", "RetriesExhausted", 3)
    told = {record["requestContext"]["requestId"]: record for _, record in received("ill", 5)}
    counts = {name: (told[request_id]["requestContext"]["condition"], told[request_id]["requestContext"]["approximateInvokeCount"]) for name, request_id in sent.items()}
    assert counts == {
        "default": ("RetriesExhausted", 3), "once": ("RetriesExhausted", 1), "twice": ("RetriesExhausted", 2),
        "age-60": ("EventAgeExceeded", 1), "age-90": ("EventAgeExceeded", 2),
    }, counts
    assert all(record["responseContext"]["functionError"] == "Unhandled" for record in told.values()), told


def too_old_for_its_turn():
    """Events that find no room are given up at their age, without an attempt; those of another qualifier at theirs."""
    python_function("narrow", SOURCE, Timeout=60)
    lam = client()
    lam.publish_version(FunctionName="narrow")
    lam.put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=1)
    configure("narrow", MaximumEventAgeInSeconds=60)
    running = send_event("narrow", {"sleep_s": 50}, Qualifier="1")
    becomes(running, "running")
    behind = [send_event("narrow", {}) for _ in range(3)]
    patient = send_event("narrow", {}, Qualifier="1")
    seen_to()
    assert {status(request_id) for request_id in behind} == {"queued"}
    advance(61)
    for request_id in behind:
        event = becomes(request_id, "dead")
        assert event["condition"] == "EventAgeExceeded" and event["attempts"][0]["started_at"] is None, event
        assert good("GET", f"/dead-letters/{request_id}")["dead_letter"]["attempts"] == 0
    assert (status(running), status(patient)) == ("running", "queued")
    good("POST", f"/events/{running}/cancel")
    becomes(patient, "succeeded")


def functions_come_and_go():
    """An event belongs to a name: what that means is looked up for every attempt."""
    for name in ("mended", "lost"):
        python_function(name, SOURCE)
        client().publish_version(FunctionName=name)
        client().create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    mended, lost = send_event("mended", {"fail": "no"}), send_event("lost", {"fail": "no"}, Qualifier="live")
    failed(mended, 1)
    failed(lost, 1)
    client().delete_function(FunctionName="mended")
    python_function("mended", ECHO)
    client().delete_alias(FunctionName="lost", Name="live")
    advance(61)
    event = becomes(mended, "succeeded")
    assert [attempt["function_error"] for attempt in event["attempts"]] == ["Unhandled", None], event
    event = becomes(lost, "dead")
    assert (event["condition"], event["attempts"][1]["started_at"]) == ("FunctionNotFound", None), event
    assert good("GET", f"/dead-letters/{lost}")["dead_letter"]["attempts"] == 1


def cancelled_while_it_waits():
    """For a retry, or for its turn."""
    python_function("dropped", SOURCE, Timeout=60)
    request_id = send_event("dropped", {"fail": "no"})
    failed(request_id, 1)
    good("POST", f"/events/{request_id}/cancel")
    client().put_function_concurrency(FunctionName="dropped", ReservedConcurrentExecutions=1)
    running = send_event("dropped", {"sleep_s": 50})
    becomes(running, "running")
    queued = send_event("dropped", {})
    good("POST", f"/events/{queued}/cancel")
    good("POST", f"/events/{running}/cancel")
    becomes(send_event("dropped", {}), "succeeded")
    event = good("GET", f"/events/{queued}")
    assert (event["status"], [attempt["started_at"] for attempt in event["attempts"]]) == ("cancelled", [None]), event
    advance(61)
    seen_to()
    event = good("GET", f"/events/{request_id}")
    assert (event["status"], len(event["attempts"]), event["attempts"][1]["started_at"]) == ("cancelled", 2, None), event
    assert runs("dropped", request_id) == 1
    assert api("GET", f"/dead-letters/{request_id}")[0] == 404


def days_go_by():
    """The ring of hours comes round: an event that waited is given up, its place is used again, and what is new runs."""
    python_function("slow-to-mend", SOURCE)
    old = send_event("slow-to-mend", {"fail": "no"})
    failed(old, 1)
    for _ in range(3):
        advance(32 * 3600)
        seen_to()
    assert good("GET", f"/dead-letters/{old}")["dead_letter"]["condition"] == "EventAgeExceeded"
    assert api("GET", f"/events/{old}")[0] == 404, "longer ago than events are kept"


def leave_work():
    """Events in every state, their ids in a file. Whoever asked for this now kills everything."""
    for name in ("quick", "steady", "narrow", "flaky"):
        python_function(name, SOURCE, Timeout=60)
    client().put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=1)
    lam = client()
    left = {"done": [send_event("quick", {"n": n}, lam) for n in range(5)]}
    left["waiting"] = [send_event("flaky", {"fail": "no"}, lam) for _ in range(3)]
    for request_id in left["done"]:
        becomes(request_id, "succeeded")
    for request_id in left["waiting"]:
        failed(request_id, 1)
    left["running"] = [send_event("steady", {"sleep_s": 3}, lam) for _ in range(3)] + [send_event("narrow", {"sleep_s": 3}, lam)]
    for request_id in left["running"]:
        becomes(request_id, "running")
    left["queued"] = [send_event("narrow", {"n": n}, lam) for n in range(10)]
    # The last ones are killed with the answer on the way.
    left["fresh"] = [send_event("quick", {"n": n}, lam) for n in range(20)]
    with open(os.environ["LEDGER"], "w") as ledger:
        json.dump(left, ledger)
        ledger.flush()
        os.fsync(ledger.fileno())


def nothing_is_lost():
    """Every accepted event has one end, and as many attempts as its function has failed in."""
    with open(os.environ["LEDGER"]) as ledger:
        left = json.load(ledger)
    for kind in ("done", "running", "queued", "fresh"):
        for request_id in left[kind]:
            event = becomes(request_id, "succeeded")
            assert [attempt["attempt"] for attempt in event["attempts"]] == [1], (kind, event)
            assert event["result"]["json"]["id"] == request_id, (kind, event)
    for seconds in (61, 121):
        advance(seconds)
        seen_to()
    for request_id in left["waiting"]:
        event = becomes(request_id, "dead")
        assert [attempt["attempt"] for attempt in event["attempts"]] == [1, 2, 3], event
    accepted = {request_id for ids in left.values() for request_id in ids}
    listed = [event for name in ("quick", "steady", "narrow", "flaky") for event in good("GET", "/events", function=name, limit=1000)["events"]]
    assert {event["request_id"] for event in listed} == accepted and len(listed) == len(accepted), "these and no others"
    letters = [letter["request_id"] for letter in good("GET", "/dead-letters")["dead_letters"]]
    assert sorted(letters) == sorted(left["waiting"]), letters


if __name__ == "__main__":
    main(globals())
