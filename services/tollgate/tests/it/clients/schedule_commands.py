"""Schedules as people see them: `tollgate schedules`, and our own API beside AWS's."""

import datetime
import tempfile

from own_api import *

SOURCE = """
def handler(event, context):
    if "fail" in str(event):
        raise ValueError("asked to fail")
    return event
"""


def function(name):
    python_function(name, SOURCE)
    client().put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    return client().get_function_configuration(FunctionName=name)["FunctionArn"]


def schedule(name, arn, expression="cron(0 9 ? * MON-FRI *)", **settings):
    target = {"Arn": arn, "RoleArn": ROLE, "Input": settings.pop("Input", '{"n": 1}')}
    return client("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"}, Target=target, **settings
    )


def schedules(*words, **settings):
    return tollgate("schedules", *words, **settings)


def told(*words):
    return json.loads(schedules(*words, "--json").stdout)


def is_result(name, result, seconds=20):
    """Waits until the last fire's event stands so."""
    return until(lambda: (told("history", name)["fires"] or [{}])[0].get("status") == result, f"{name} {result}", seconds)


def looked_at():
    arn = function("shown")
    schedule("morning", arn, ScheduleExpressionTimezone="Europe/Berlin")
    client("events").put_rule(Name="often", ScheduleExpression="rate(5 minutes)")
    client("events").put_targets(Rule="often", Targets=[{"Id": "1", "Arn": arn}])
    rows = schedules("list").stdout.splitlines()
    assert rows[0].split()[:5] == ["GROUP", "NAME", "STATE", "EXPRESSION", "ZONE"], rows
    assert [row.split()[:3] for row in rows[1:]] == [["default", "morning", "ENABLED"], ["rule:often", "1", "ENABLED"]], rows
    assert [one["name"] for one in told("list", "--prefix", "mor")["schedules"]] == ["morning"]
    listed = told("list", "--group", "rule:often")["schedules"][0]
    assert (listed["kind"], listed["target"], listed["timezone"]) == ("rule", arn, "UTC"), listed
    rows = schedules("next", "morning", "-n", "3").stdout.splitlines()
    assert len(rows) == 4 and all(" 09:00:00 +0" in row for row in rows[1:]), rows
    assert len(told("next", "1", "--group", "rule:often")["times"]) == 10
    rows = schedules("next", "cron(0 0 L * ? *)", "--timezone", "Asia/Tokyo", "--start", "2028-02-01", "--count", "2").stdout
    assert rows == (
        "UTC                  LOCAL (Asia/Tokyo)\n"
        "2028-02-28 15:00:00  Tue 2028-02-29 00:00:00 +09:00\n"
        "2028-03-30 15:00:00  Fri 2028-03-31 00:00:00 +09:00\n"
    ), rows
    wrong = schedules("next", "cron(0 9 * * * *)", ok=False)
    assert (wrong.returncode, wrong.stderr) == (
        1, "tollgate: ValidationException: Invalid Schedule Expression cron(0 9 * * * *).\n"), wrong
    wrong = schedules("next", "morning", "--timezone", "UTC", ok=False)
    assert wrong.returncode == 1 and "schedule morning has its own" in wrong.stderr, wrong
    none = schedules("history", "nobody", ok=False)
    assert (none.returncode, none.stderr) == (
        1, "tollgate: ResourceNotFoundException: There is no schedule nobody in group default.\n"), none
    assert schedules("history", "morning").stderr == "morning has not fired lately.\n"


def switched():
    arn = function("switched")
    schedule("s", arn)
    assert schedules("pause", "s").stdout == "s is paused.\n"
    assert client("scheduler").get_schedule(Name="s")["State"] == "DISABLED"
    assert "would fire at these times" in schedules("next", "s").stderr
    assert schedules("resume", "s").stdout.startswith("s fires next at 20")
    assert client("scheduler").get_schedule(Name="s")["State"] == "ENABLED"
    shown = schedules("policy", "s", "--missed", "last", "--catch-up", "1h").stdout
    assert "Missed    last: the last one is made up for\nCatch-up  1 h at most\nOverlap   allow: it fires all the same\n" in shown, shown
    assert told("policy", "s", "--overlap", "skip") == {"missed": "last", "catch_up_s": 3_600, "overlap": "skip"}
    # An update by AWS's API leaves the policy alone.
    client("scheduler").update_schedule(
        Name="s", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": arn, "RoleArn": ROLE})
    assert told("policy", "s")["missed"] == "last"
    wrong = schedules("policy", "s", "--catch-up", "2d", ok=False)
    assert (wrong.returncode, wrong.stderr) == (1, "tollgate: ValidationException: catch_up_s must be 0 to 86400.\n"), wrong
    assert schedules("policy", "s", "--overlap", "never", ok=False).returncode == 2


def fired_by_request():
    arn = function("asked")
    schedule("a", arn, "cron(0/5 * * * ? *)", Input='{"at": "<aws.scheduler.scheduled-time>", "arn": "<aws.scheduler.schedule-arn>"}')
    request_id = schedules("run-now", "a").stdout.strip()
    event = until(lambda: (one := good("GET", f"/events/{request_id}"))["ended_at"] and one, "it ends")
    assert event["source"] == "schedule" and event["result"]["json"]["arn"].endswith(":schedule/default/a"), event
    row = next(line for line in schedules("history", "a").stdout.splitlines() if request_id in line)
    assert "run_now" in row and "fired" in row and "succeeded" in row, row

    today = datetime.datetime.now(datetime.timezone.utc).date()
    span = ["--from", str(today - datetime.timedelta(days=2)), "--to", str(today - datetime.timedelta(days=1))]
    assert schedules("backfill", "a", *span, "--dry-run").stdout.startswith("a would fire 288 times, from ")
    unsure = schedules("backfill", "a", *span, ok=False, stdin=subprocess.DEVNULL)
    assert unsure.returncode == 1 and unsure.stderr.endswith(" UTC: say --yes to do it.\n"), unsure
    assert schedules("backfill", "a", *span, "--yes").stdout == "288 times fired.\n"
    again = schedules("backfill", "a", *span, "--yes").stdout
    assert again == "0 times fired. 288 times had been backfilled today, and not again.\n", again
    fires = [one for one in told("history", "a", "--limit", "500")["fires"] if one["occasion"] == "backfill"]
    assert len(fires) == 288 and fires[0]["scheduled_at"].endswith("T23:55:00Z"), fires[0]
    first = fires[-1]["request_id"]
    event = until(lambda: (one := good("GET", f"/events/{first}"))["ended_at"] and one, "it ends", 60)
    assert event["result"]["json"]["at"] == f"{today - datetime.timedelta(days=2)}T00:00:00Z", event
    wrong = schedules("backfill", "a", "--from", "2020-01-01", "--to", str(today), "--yes", ok=False)
    assert wrong.returncode == 1 and "more than 10000 times" in wrong.stderr, wrong


def failures_are_told():
    arn = function("ill")
    schedule("ill", arn, Input='"fail"')
    schedules("run-now", "ill")
    is_result("ill", "dead")
    row = schedules("history", "ill").stdout.splitlines()[1]
    assert "dead (RetriesExhausted)" in row and row.endswith("ValueError: asked to fail"), row
    client().delete_function(FunctionName="ill")
    lost = schedules("run-now", "ill", ok=False)
    assert lost.returncode == 1 and "Its function does not exist" in lost.stderr, lost
    assert good("GET", f"/dead-letters/{lost.stdout.strip()}")["dead_letter"]["condition"] == "FunctionNotFound"


CRONTAB = """\
MAILTO=ops@example.com
*/5 * * * * /usr/bin/poll --fast
CRON_TZ=Europe/Berlin
0 22 1 * fri  backup%to%tape
"""


def crontab(text, *words, ok=True, **settings):
    with tempfile.NamedTemporaryFile("w", suffix=".cron") as file:
        file.write(text)
        file.flush()
        return schedules("import", "crontab", file.name, "--function", "jobs", *words, ok=ok, **settings)


def imported():
    arn = function("jobs")
    aws = client("scheduler")
    done = crontab(CRONTAB, "--dry-run")
    assert "line 4: 0 22 1 * fri  backup\n  backup: cron(0 22 1 * ? *) Europe/Berlin, next 20" in done.stdout, done
    assert done.stdout.endswith("\n3 schedules would be created.\n"), done
    assert told("list")["schedules"] == []
    bad = crontab(CRONTAB + "@reboot start\n61 * * * * wrong\n", ok=False)
    assert bad.returncode == 1 and "line 5: @reboot  start\n  not understood: " in bad.stdout, bad
    assert bad.stderr.startswith("tollgate: 2 lines were not understood, so nothing is created"), bad
    assert told("list")["schedules"] == []
    done = crontab(CRONTAB + "@reboot start\n", "--skip-bad", "--prefix", "c-")
    assert done.stdout.endswith("\n3 schedules created.\n"), done
    one = aws.get_schedule(Name="c-backup-2")
    assert (one["ScheduleExpression"], one["ScheduleExpressionTimezone"]) == ("cron(0 22 ? * FRI *)", "Europe/Berlin"), one
    assert (one["Target"]["Arn"], one["Target"]["RoleArn"]) == (arn, ROLE), one
    assert json.loads(one["Target"]["Input"]) == {"command": "backup", "stdin": "to\ntape"}, one
    again = crontab(CRONTAB + "@daily report\n", "--prefix", "c-", "--json")
    outcomes = [made["outcome"] for line in json.loads(again.stdout)["lines"] for made in line["schedules"]]
    assert outcomes == ["exists", "exists", "exists", "created"], again
    piped = schedules("import", "crontab", "-", "--function", "jobs", "--group", "none", input="@daily x\n", ok=False)
    assert piped.returncode == 1 and "Line 1: schedule x was not created: ResourceNotFoundException: " in piped.stderr, piped
    none = schedules("import", "crontab", "-", "--function", "nobody", input="@daily x\n", ok=False)
    assert none.returncode == 1 and "ResourceNotFoundException: Function not found" in none.stderr, none
    request_id = schedules("run-now", "c-poll").stdout.strip()
    event = until(lambda: (one := good("GET", f"/events/{request_id}"))["ended_at"] and one, "it ends")
    assert event["result"]["json"] == {"command": "/usr/bin/poll --fast"}, event


def over_time():
    """On a platform whose clock can be moved."""
    arn = function("ticks")
    schedule("t", arn, "rate(1 minute)")

    def has_fired(count):
        return until(lambda: len(fires := told("history", "t")["fires"]) == count and fires, f"{count} fires")

    def later(minutes):
        tollgate("clock", "advance", f"{minutes}m")

    has_fired(1)
    later(1)
    has_fired(2)
    # What passes during a pause does not come, not after it either.
    schedules("pause", "t")
    later(10)
    schedules("resume", "t")
    time.sleep(2)
    has_fired(2)
    later(1)
    has_fired(3)
    # What was missed, by the policy.
    schedules("policy", "t", "--missed", "last")
    later(10)
    fires = has_fired(5)
    assert [one["result"] for one in fires[:2]] == ["fired", "missed"], fires
    # A change of the policy while something is due does not lose it.
    for count in range(6, 9):
        # The scheduler says once a second how far it is.
        time.sleep(2.5)
        later(1)
        schedules("policy", "t", "--missed", "all" if count % 2 else "last")
        fires = has_fired(count)
    assert {one["occasion"] for one in fires} == {"schedule"}, fires
    assert all(one["lateness_ms"] < 60_000 for one in fires if one["result"] == "fired"), fires


def accounts_are_apart():
    """Another account's schedules are not there, whatever is asked of them."""
    schedule("mine", function("mine"))
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = os.environ["OTHER_ACCESS_KEY_ID"], os.environ["OTHER_SECRET_ACCESS_KEY"]
    assert good("GET", "/schedules")["schedules"] == []
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    for method, below, body in [
        ("GET", "", None), ("GET", "/fires", None), ("GET", "/next-times", None), ("PUT", "/policy", {}),
        ("POST", "/pause", None), ("POST", "/run", None), ("POST", "/backfill", span),
    ]:
        assert api(method, f"/schedules/default/mine{below}", body)[0] == 404, (method, below)


if __name__ == "__main__":
    main(globals())
