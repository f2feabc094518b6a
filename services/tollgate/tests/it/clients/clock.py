"""The platform's time, and the clock that may be moved where Tollgate was told so."""

import datetime
import urllib.request

from own_api import *

SOURCE = """
import time

def handler(event, context):
    print("it is", time.time())
    return {"remaining_ms": context.get_remaining_time_in_millis(), "now": time.time()}
"""


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def fixed():
    """Where the clock is the host's, it is shown and not moved."""
    state = good("GET", "/clock")
    assert (state["offset_ms"], state["movable"]) == (0, False), state
    assert abs((at(state["now"]) - at(state["host_now"])).total_seconds()) < 1, state
    status, error = api("POST", "/clock", {"advance_ms": 1})
    assert (status, error["code"]) == (409, "ConflictException"), error
    done = tollgate("clock", "advance", "2m", ok=False)
    text = "tollgate: ConflictException: The clock of this Tollgate is the host's. One that was started with `tollgate up --dev-clock` can be moved.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", text), done
    assert "(the host's time)" in tollgate("clock", "show").stdout
    wrong = tollgate("clock", "advance", "2 minutes", ok=False)
    assert wrong.returncode == 2 and "is not a span of time such as 30s, 10m, 2h or 1d" in wrong.stderr, wrong


def moved():
    """The platform's time goes ahead by days; what is the client's or the function's stays on the host's."""
    before = good("GET", "/clock")
    assert before["movable"], before
    for body in [{"advance_ms": 0}, {"advance_ms": 2**63}, {"advance_ms": 4_000_000_000_000}, {"advance_ms": -1}, {"advance_ms": 1.5}]:
        status, error = api("POST", "/clock", body)
        assert (status, error["code"]) == (400, "ValidationException"), (body, error)
    python_function("early", SOURCE)
    link = client().get_function(FunctionName="early")["Code"]["Location"]
    state = good("POST", "/clock", {"advance_ms": 120_000})
    assert state["offset_ms"] == before["offset_ms"] + 120_000, (before, state)
    assert "ahead of the host)" in tollgate("clock", "advance", "5d").stdout
    state = good("GET", "/clock")
    assert state["offset_ms"] == before["offset_ms"] + 120_000 + 5 * 86_400_000, state
    assert (at(state["now"]) - at(state["host_now"])).total_seconds() * 1000 - state["offset_ms"] < 1000, state
    # boto3 signs by the host's clock, in headers and in presigned URLs.
    client().list_functions()
    urllib.request.urlopen(client().generate_presigned_url("list_functions", ExpiresIn=60)).read()
    # The link that was given before is as good as ten minutes of the host's.
    with urllib.request.urlopen(link) as code:
        assert code.status == 200
    answer, _ = invoke("early", {})
    assert 1_000 < answer["remaining_ms"] <= 3_000, answer
    assert abs(answer["now"] - time.time()) < 30, "functions see the host's clock"
    # What is recorded has the platform's time.
    modified = at(client().update_function_configuration(FunctionName="early", Timeout=4)["LastModified"].replace("+0000", "Z"))
    assert modified > at(state["now"]) - datetime.timedelta(seconds=1), (modified, state)
    until(lambda: "it is" in tollgate("logs", "early", "--since", "1m").stdout, "the log is stored with the platform's time")


FAILING = """
def handler(event, context):
    raise ValueError("always")
"""


def events_fall_due():
    """An event's retries and its age go by the platform's time: a minute, two minutes, six hours."""
    python_function("failing", FAILING)
    python_function("tired", FAILING)
    lam = client()
    lam.put_function_event_invoke_config(FunctionName="tired", MaximumEventAgeInSeconds=90)
    send = lambda name: lam.invoke(FunctionName=name, InvocationType="Event", Payload="{}")["ResponseMetadata"]["RequestId"]
    event = lambda request_id: good("GET", f"/events/{request_id}")
    waits = lambda request_id, attempts: until(lambda: (e := event(request_id))["status"] == "waiting" and len(e["attempts"]) == attempts and e, f"attempt {attempts} has failed")
    ends = lambda request_id, status: until(lambda: (e := event(request_id))["status"] == status and e, f"{request_id} is {status}")
    failing, tired = send("failing"), send("tired")
    first = waits(failing, 1)
    wait_s = (at(first["next_attempt_at"]) - at(first["attempts"][0]["ended_at"])).total_seconds()
    assert 59 < wait_s < 61, first
    waits(tired, 1)
    good("POST", "/clock", {"advance_ms": 61_000})
    second = waits(failing, 2)
    wait_s = (at(second["next_attempt_at"]) - at(second["attempts"][1]["ended_at"])).total_seconds()
    assert 119 < wait_s < 121, second
    # With 90 s there is time for one retry, and none for the wait of another.
    assert ends(tired, "dead")["condition"] == "EventAgeExceeded"
    assert "ahead of the host" in tollgate("clock", "advance", "2m").stdout
    dead = ends(failing, "dead")
    assert dead["condition"] == "RetriesExhausted" and len(dead["attempts"]) == 3, dead
    assert {a["executed_version"] for a in dead["attempts"]} == {"$LATEST"}, dead


def still_moved():
    """After a restart."""
    state = good("GET", "/clock")
    assert state["movable"] and state["offset_ms"] >= 5 * 86_400_000, state
    assert invoke("early", {})[0]["remaining_ms"] > 1_000


if __name__ == "__main__":
    main(globals())
