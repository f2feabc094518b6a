"""Asynchronous invocations through our own API and commands: followed, cancelled, purged, redriven."""

from own_api import *

SOURCE = """
import json, os, time

def handler(event, context):
    if "sleep_s" in event:
        time.sleep(event["sleep_s"])
    if event.get("fail"):
        raise ValueError("asked to fail")
    return {"got": event, "request_id": context.aws_request_id}
"""

# One run and no more, so that what fails is dead at once.
ONCE = {"max_attempts": 1}


def function(name, policy=None, **settings):
    settings.setdefault("Timeout", 60)
    python_function(name, SOURCE, **settings)
    if policy is not None:
        good("PUT", f"/functions/{name}/async-policy", policy)


def send_event(name, event, lam=None, **settings):
    answer = (lam or client()).invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event), **settings)
    assert answer["StatusCode"] == 202, answer
    return answer["ResponseMetadata"]["RequestId"]


def status(request_id):
    return good("GET", f"/events/{request_id}")["status"]


def becomes(request_id, wanted):
    until(lambda: status(request_id) == wanted, f"{request_id} becomes {wanted}")
    return good("GET", f"/events/{request_id}")


def followed():
    function("followed", ONCE)
    client().publish_version(FunctionName="followed")
    request_id = send_event("followed", {"n": 1}, Qualifier="1")
    event = becomes(request_id, "succeeded")
    assert event["result"] == {"json": {"got": {"n": 1}, "request_id": request_id}}, event
    assert (event["function"], event["qualifier"], event["source"]) == ("followed", "1", "caller"), event
    [attempt] = event["attempts"]
    assert (attempt["attempt"], attempt["executed_version"], attempt["function_error"]) == (1, "1", None), attempt
    assert attempt["started_at"] <= attempt["ended_at"] == event["ended_at"], event
    failed = becomes(send_event("followed", {"fail": True}), "dead")
    assert failed["condition"] == "RetriesExhausted" and failed["next_attempt_at"] is None, failed
    assert failed["attempts"][0]["function_error"] == "Unhandled", failed
    assert failed["result"]["json"]["errorMessage"] == "asked to fail", failed
    listed = good("GET", "/events", function="followed")
    assert [e["request_id"] for e in listed["events"]] == [failed["request_id"], request_id], listed
    assert [e["request_id"] for e in good("GET", "/events", status="dead")["events"]] == [failed["request_id"]]
    page = good("GET", "/events", limit=1)
    rest = good("GET", "/events", limit=1, next_token=page["next_token"])
    assert [e["request_id"] for e in page["events"] + rest["events"]] == [failed["request_id"], request_id]


def cancelled():
    function("slow")
    request_id = send_event("slow", {"sleep_s": 50})
    becomes(request_id, "running")
    [listed] = good("GET", "/events", status="running")["events"]
    assert listed["request_id"] == request_id, listed
    [queue] = good("GET", "/queue", function="slow")["functions"]
    assert (queue["depth"], queue["in_flight"]) == (1, 1), queue
    assert good("POST", f"/events/{request_id}/cancel") == {"request_id": request_id, "status": "cancelled"}
    event = good("GET", f"/events/{request_id}")
    assert event["status"] == "cancelled", event
    # Its run was ended, and not at the end of its 50 seconds.
    until(lambda: good("GET", "/events", status="running")["events"] == [], "nothing runs")
    # One that is cancelled is no dead letter, and cancelling it again changes nothing.
    assert good("POST", f"/events/{request_id}/cancel")["status"] == "cancelled"
    done = becomes(send_event("slow", {}), "succeeded")["request_id"]
    code, error = api("POST", f"/events/{done}/cancel")
    assert (code, error["code"]) == (409, "ConflictException"), error


def cancelled_before_it_ran():
    """What waits for a free place is cancelled and never runs."""
    function("single")
    client().put_function_concurrency(FunctionName="single", ReservedConcurrentExecutions=1)
    first = send_event("single", {"sleep_s": 3})
    becomes(first, "running")
    waits = [send_event("single", {"n": n}) for n in range(2)]
    assert good("POST", f"/events/{waits[0]}/cancel")["status"] == "cancelled"
    for request_id in [first, waits[1]]:
        becomes(request_id, "succeeded")
    event = good("GET", f"/events/{waits[0]}")
    assert event["status"] == "cancelled" and event["attempts"][0]["started_at"] is None, event
    log = lambda request_id: client("logs").filter_log_events(logGroupName="/aws/lambda/single", filterPattern=f'"{request_id}"')["events"]
    until(lambda: log(waits[1]), "the log of what ran after it is stored")
    assert log(waits[0]) == [], "it ran"


def dead_letters_and_redrive():
    function("brittle", ONCE)
    ids = [send_event("brittle", {"fail": True, "n": n}) for n in range(5)]
    for request_id in ids:
        becomes(request_id, "dead")
    letters = good("GET", "/dead-letters", function="brittle")["dead_letters"]
    assert [letter["request_id"] for letter in letters] == ids[::-1], letters
    assert {(letter["condition"], letter["attempts"]) for letter in letters} == {("RetriesExhausted", 1)}, letters
    one = good("GET", f"/dead-letters/{ids[2]}")
    assert one["payload"] == {"json": {"fail": True, "n": 2}}, one
    # The fault is mended, and all of them go again.
    lam = client()
    lam.update_function_code(FunctionName="brittle", ZipFile=zipped({"app.py": "def handler(event, context):\n    return event['n']\n"}))
    lam.get_waiter("function_updated_v2").wait(FunctionName="brittle", WaiterConfig={"Delay": 1})
    dry = tollgate("async", "redrive", "--function", "brittle", "--dry-run")
    assert dry.stdout == "5 dead letters would be redriven.\n", dry
    done = tollgate("async", "redrive", "--function", "brittle", "--rate", "100")
    assert done.stdout == "5 dead letters redriven.\n", done
    for letter in good("GET", "/dead-letters", redriven="true")["dead_letters"]:
        again = becomes(letter["redriven_as"], "succeeded")
        assert again["source"] == "redrive" and letter["redriven_at"], again
        assert again["result"]["json"] == 4 - [l["request_id"] for l in letters].index(letter["request_id"]), (letter, again)
    assert tollgate("async", "redrive", "--function", "brittle").stdout == "No dead letters to redrive.\n"
    assert good("DELETE", "/dead-letters", function="brittle") == {"purged": 5, "more": False}


def redrives_have_a_rate():
    function("paced", ONCE)
    ids = [send_event("paced", {"fail": True}) for _ in range(8)]
    for request_id in ids:
        becomes(request_id, "dead")
    begun = time.monotonic()
    job = good("POST", "/dead-letters/redrive", {"filter": {"function": "paced"}, "rate_per_s": 4})
    assert (job["status"], job["total"]) == ("running", 8), job
    # The redriven ones die again; those are not taken up.
    done = until(lambda: (now := good("GET", f"/redrives/{job['redrive_id']}"))["status"] == "done" and now, "the redrive is done")
    assert done["done"] == 8, done
    assert time.monotonic() - begun > 1.5, "8 at 4 a second"
    job = tollgate("async", "redrive", "--function", "paced", "--rate", "1", "--no-wait").stdout.strip()
    stopped = tollgate("async", "redrive", "--stop", job)
    assert stopped.stdout.startswith("Stopped: ") and stopped.stdout.endswith(" of 8 dead letters redriven.\n"), stopped


def purged():
    function("stuck", {"backoff": {"list": [3600]}, "max_attempts": 9})
    ids = [send_event("stuck", {"fail": True}) for _ in range(3)]
    for request_id in ids:
        becomes(request_id, "waiting")
    running = send_event("stuck", {"sleep_s": 50})
    becomes(running, "running")
    dry = tollgate("async", "purge", "--function", "stuck", "--dry-run")
    assert dry.stdout == "4 events of stuck would be cancelled.\n", dry
    asked = tollgate("async", "purge", "--function", "stuck", ok=False, stdin=subprocess.DEVNULL)
    assert (asked.returncode, asked.stderr) == (1, "tollgate: This would cancel 4 events of stuck: say --yes to do it.\n"), asked
    done = tollgate("async", "purge", "--function", "stuck", "--yes")
    assert done.stdout == "4 events of stuck cancelled.\n", done
    assert {status(request_id) for request_id in [*ids, running]} == {"cancelled"}
    # The function itself is as it was.
    becomes(send_event("stuck", {}), "succeeded")


def undelivered():
    function("lonely", ONCE)
    queue = f"arn:aws:sqs:us-east-1:{os.environ['ACCOUNT_ID']}:results"
    client().put_function_event_invoke_config(FunctionName="lonely", DestinationConfig={"OnSuccess": {"Destination": queue}})
    request_id = send_event("lonely", {"n": 1})
    becomes(request_id, "succeeded")
    [record] = until(lambda: good("GET", "/undelivered", function="lonely")["undelivered"], "the record is kept")
    assert (record["request_id"], record["kind"], record["target"]) == (request_id, "on_success", queue), record
    assert record["reason"], record
    one = good("GET", f"/undelivered/{record['undelivered_id']}")
    body = one["record"]["json"]
    assert body["requestContext"]["requestId"] == request_id and body["requestPayload"] == {"n": 1}, one
    shown = tollgate("async", "undelivered", "--function", "lonely").stdout
    assert queue in shown and record["reason"] in shown, shown


def commands():
    function("told", ONCE)
    done = tollgate("invoke", "told", "--event", "--wait", "--payload", '{"n": 2}')
    assert json.loads(done.stdout)["got"] == {"n": 2}, done
    request_id = done.stderr.removeprefix("Request id: ").strip()
    assert json.loads(tollgate("async", "get", request_id, "--json").stdout)["status"] == "succeeded"
    text = tollgate("async", "get", request_id).stdout
    assert "Status        succeeded\n" in text and "$LATEST" in text, text
    failed = tollgate("invoke", "told", "--event", "--wait", "--payload", '{"fail": true}', ok=False)
    assert failed.returncode == 1 and "asked to fail" in failed.stdout, failed
    assert "tollgate: The event ended without success: dead (RetriesExhausted) after 1 attempt: ValueError: asked to fail\n" in failed.stderr, failed
    keyed = [tollgate("invoke", "told", "--event", "--idempotency-key", "k1").stdout for _ in range(2)]
    assert keyed[0] == keyed[1] and len(keyed[0]) == 37, keyed
    other = tollgate("invoke", "told", "--event", "--idempotency-key", "k1", "--payload", "[1]", ok=False)
    assert other.returncode == 1 and "k1" in other.stderr, other
    rows = tollgate("async", "list", "--function", "told", "--since", "1h").stdout.splitlines()
    assert rows[0].split() == ["REQUEST", "ID", "FUNCTION", "STATUS", "ATTEMPTS", "ACCEPTED", "(UTC)", "ENDED", "OR", "NEXT", "(UTC)", "ERROR"], rows
    assert len(rows) == 4, rows
    letter = json.loads(tollgate("async", "dead-letters", "--function", "told", "--json").stdout)["dead_letters"][0]
    assert tollgate("async", "dead-letters", letter["request_id"]).stdout == '{"fail": true}\n'
    wrong = tollgate("async", "cancel", request_id, letter["request_id"], ok=False)
    assert wrong.returncode == 1 and wrong.stderr.count("has ended already") == 2, wrong
    none = tollgate("async", "get", "0196b7a2-5b7a-7000-8000-000000000000", ok=False)
    assert none.returncode == 1 and none.stderr.startswith("tollgate: ResourceNotFoundException: There is no event "), none
    assert tollgate("async", "list", "--status", "lost", ok=False).returncode == 2
    once = json.loads(tollgate("queue", "--once", "--json", "--function", "told").stdout)
    assert once["functions"][0]["depth"] == 0, once
    assert tollgate("async", "purge", "--dead-letters", "--function", "told", "--yes").stdout == "1 dead letter of told deleted.\n"


def policies():
    function("tuned")
    shown = tollgate("async", "policy", "tuned", "--max-attempts", "185", "--backoff", "first=5,max=300", "--priority", "high").stdout
    assert "Max attempts  185\n" in shown and "Priority      high\n" in shown, shown
    kept = json.loads(tollgate("async", "policy", "tuned", "--max-age", "1d", "--json").stdout)
    assert (kept["max_attempts"], kept["max_event_age_s"], kept["priority"]) == (185, 86_400, "high"), kept
    # AWS's clients see nothing of it.
    with raises("ResourceNotFoundException"):
        client().get_function_event_invoke_config(FunctionName="tuned")
    code, error = api("PUT", "/functions/tuned/async-policy", {"max_attempts": 186})
    assert (code, error["message"]) == (400, "The number of attempts must be 1 to 185."), error
    assert tollgate("async", "policy", "tuned", "--remove").stdout == "tuned has no policy any more.\n"
    none = tollgate("async", "policy", "tuned", ok=False)
    assert none.returncode == 1 and "has no policy of its own" in none.stderr, none


def accounts_are_apart():
    """Another account's events are not there, whatever is asked of them."""
    function("mine", ONCE)
    request_id = send_event("mine", {"fail": True})
    becomes(request_id, "dead")
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = os.environ["OTHER_ACCESS_KEY_ID"], os.environ["OTHER_SECRET_ACCESS_KEY"]
    for method, path in [("GET", f"/events/{request_id}"), ("POST", f"/events/{request_id}/cancel"), ("GET", f"/dead-letters/{request_id}")]:
        assert api(method, path)[0] == 404, (method, path)
    assert good("GET", "/events")["events"] == [] and good("GET", "/dead-letters")["dead_letters"] == []
    assert good("DELETE", "/dead-letters", all="true")["purged"] == 0
    assert good("POST", "/dead-letters/redrive", {"rate_per_s": 1})["total"] == 0
    assert good("POST", "/queue/mine/purge")["purged"] == 0
    assert good("GET", "/queue")["functions"] == []


if __name__ == "__main__":
    main(globals())
