"""Schedules that fire: the platform's clock is moved, so these run one after the other on a Tollgate of their own."""

import datetime
from zoneinfo import ZoneInfo

from events import becomes
from events_time import advance, advance_to, at
from own_api import *

SOURCE = """
import time
def handler(event, context):
    time.sleep(event.get("sleep_s", 0) if isinstance(event, dict) else 0)
    return {"id": context.aws_request_id, "event": event}
"""

KEYWORDS = json.dumps(
    {"arn": "<aws.scheduler.schedule-arn>", "at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}
)[:-1] + ', "attempt": <aws.scheduler.attempt-number>}'


def now():
    return at(good("GET", "/clock")["now"])


def function(name):
    python_function(name, SOURCE, Timeout=60)
    return client().get_function(FunctionName=name)["Configuration"]["FunctionArn"]


def schedule(name, expression, target, input=KEYWORDS, **settings):
    settings.setdefault("FlexibleTimeWindow", {"Mode": "OFF"})
    target = {"Arn": target, "RoleArn": ROLE} | ({"Input": input} if input else {})
    return client("scheduler").create_schedule(Name=name, ScheduleExpression=expression, Target=target, **settings)


def events(name):
    return good("GET", "/events", function=name, limit=1000)["events"]


def fired(name, count):
    """Waits until that many events came and ran; answers what the function was given, in the order of their times."""
    until(lambda: len(events(name)) >= count, f"{count} fires of {name}")
    ran = [becomes(event["request_id"], "succeeded")["result"]["json"] for event in events(name)]
    assert len(ran) == count, (name, count, ran)
    return sorted(ran, key=lambda one: one["event"].get("at", one["event"].get("time", "")))


def seen_to():
    """Waits until the scheduler has seen to what is due: a schedule that was due later has fired."""
    name = f"probe-{now().timestamp():.0f}"
    try:
        arn = client().get_function(FunctionName="probe")["Configuration"]["FunctionArn"]
    except client().exceptions.ResourceNotFoundException:
        arn = function("probe")
    # Not their number: old ones are forgotten meanwhile.
    ids = lambda: {event["request_id"] for event in events("probe")}
    before = ids()
    schedule(name, "rate(30 days)", arn)
    until(lambda: ids() - before, "the probe has fired")
    client("scheduler").delete_schedule(Name=name)


def moments(ran):
    return [at(one["event"]["at"]) for one in ran]


def rates_and_keywords():
    arn = function("steady")
    made = schedule("steady", "rate(10 minutes)", arn)
    first = fired("steady", 1)[0]
    assert first["event"]["id"] == first["id"] and first["event"]["attempt"] == 1, first
    assert first["event"]["arn"] == made["ScheduleArn"], first
    advance(600)
    fired("steady", 2)
    # What came in between is made up for, in order.
    advance(1800)
    times = moments(fired("steady", 5))
    assert [(b - a).total_seconds() for a, b in zip(times, times[1:])] == [600] * 4, times
    client("scheduler").delete_schedule(Name="steady")
    advance(1200)
    seen_to()
    fired("steady", 5)


def once_and_gone():
    arn = function("once")
    due = (now() + datetime.timedelta(hours=1)).replace(microsecond=0)
    when = f"at({due:%Y-%m-%dT%H:%M:%S})"
    schedule("once", when, arn, ActionAfterCompletion="DELETE")
    schedule("stays", when, arn)
    schedule("past", f"at({due - datetime.timedelta(days=2):%Y-%m-%dT%H:%M:%S})", arn)
    advance_to(due - datetime.timedelta(seconds=30))
    seen_to()
    assert events("once") == []
    advance(31)
    assert moments(fired("once", 2)) == [due, due]
    def gone():
        try:
            client("scheduler").get_schedule(Name="once")
        except client("scheduler").exceptions.ResourceNotFoundException:
            return True
    until(gone, "a completed schedule is deleted")
    assert client("scheduler").get_schedule(Name="stays")["State"] == "ENABLED"
    advance(20 * 3_600)
    seen_to()
    fired("once", 2)


def wall_clocks():
    arn = function("nine")
    berlin = ZoneInfo("Europe/Berlin")
    begin = now()
    schedule("nine", "cron(0 9 * * ? *)", arn, ScheduleExpressionTimezone="Europe/Berlin", EndDate=begin + datetime.timedelta(days=3))
    local = begin.astimezone(berlin)
    days = [local.date() + datetime.timedelta(days=n) for n in range(4)]
    want = [datetime.datetime.combine(day, datetime.time(9), berlin) for day in days]
    want = [moment for moment in want if begin < moment < begin + datetime.timedelta(days=3)]
    assert len(want) == 3
    for count, moment in enumerate(want, 1):
        advance_to(moment + datetime.timedelta(seconds=1))
        assert moments(fired("nine", count)) == want[:count]
    advance(3 * 86_400)
    seen_to()
    # Events are forgotten by then, fires are not.
    told = good("GET", "/schedules/default/nine/fires")["fires"]
    assert [at(one["scheduled_at"]) for one in told] == want[::-1], told


def disabled_and_changed():
    arn = function("shy")
    sched = client("scheduler")
    schedule("shy", "rate(5 minutes)", arn, State="DISABLED")
    advance(1800)
    seen_to()
    assert events("shy") == []
    same = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": arn, "RoleArn": ROLE, "Input": KEYWORDS}}
    sched.update_schedule(Name="shy", ScheduleExpression="rate(5 minutes)", State="ENABLED", **same)
    # Nothing of the time before is made up for.
    seen_to()
    assert len(events("shy")) <= 1
    advance(300)
    until(lambda: len(events("shy")) >= 1, "it fires once it is enabled")
    count = len(events("shy"))
    sched.update_schedule(Name="shy", ScheduleExpression="rate(1 day)", **same)
    advance(3600)
    seen_to()
    assert len(events("shy")) <= count + 1


def windows():
    arn = function("loose")
    schedule("loose", "rate(1 hour)", arn, FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15})
    advance(16 * 60)
    first = fired("loose", 1)
    advance(3600)
    times = moments(fired("loose", 2))
    assert (times[1] - times[0]).total_seconds() == 3600, times
    assert first


def nobody_there():
    region = client().meta.region_name
    arn = f"arn:aws:lambda:{region}:{os.environ['ACCOUNT_ID']}:function:nobody"
    queue = f"arn:aws:sqs:{region}:{os.environ['ACCOUNT_ID']}:dead"
    target = {"Arn": arn, "RoleArn": ROLE, "Input": "{}", "DeadLetterConfig": {"Arn": queue}}
    client("scheduler").create_schedule(Name="nobody", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target)
    letters = lambda: [one for one in good("GET", "/dead-letters")["dead_letters"] if one["function"] == "nobody"]
    letter = until(letters, "the fire is a dead letter")[0]
    assert (letter["condition"], letter["attempts"]) == ("FunctionNotFound", 0), letter
    kept = [one for one in good("GET", "/undelivered")["undelivered"] if one["target"] == queue]
    assert len(kept) == 1 and "not served" in kept[0]["reason"], kept


def classic_rules():
    arn = function("classic")
    rules = client("events")
    rule = rules.put_rule(Name="every", ScheduleExpression="rate(5 minutes)")["RuleArn"]
    answer = rules.put_targets(Rule="every", Targets=[{"Id": "a", "Arn": arn}, {"Id": "b", "Arn": arn, "Input": '{"at": "b"}'}])
    assert answer["FailedEntryCount"] == 0, answer
    advance(300)
    until(lambda: len(events("classic")) >= 2, "both targets")
    ran = [becomes(event["request_id"], "succeeded")["result"]["json"]["event"] for event in events("classic")]
    told = [one for one in ran if "detail-type" in one]
    assert told and all(one["source"] == "aws.events" and one["resources"] == [rule] and one["detail"] == {} for one in told), ran
    assert {"at": "b"} in ran, ran
    rules.disable_rule(Name="every")
    count = len(events("classic"))
    advance(1800)
    seen_to()
    assert len(events("classic")) == count
    rules.remove_targets(Rule="every", Ids=["a", "b"])
    rules.delete_rule(Name="every")


def groups_go():
    arn = function("grouped")
    sched = client("scheduler")
    sched.create_schedule_group(Name="jobs")
    schedule("one", "rate(5 minutes)", arn, GroupName="jobs")
    fired("grouped", 1)
    sched.delete_schedule_group(Name="jobs")
    def gone():
        try:
            sched.get_schedule_group(Name="jobs")
        except sched.exceptions.ResourceNotFoundException:
            return True
    until(gone, "the group is gone with its schedules", 40)
    advance(600)
    seen_to()
    fired("grouped", 1)


def policy(name, **settings):
    good("PUT", f"/schedules/default/{name}/policy", {"missed": "all", "catch_up_s": 86_400, "overlap": "allow"} | settings)


def overlaps():
    """A run that has not ended: what the next fire makes of it is the policy's matter."""
    arn = function("long")
    for overlap in ("skip", "buffer_one", "cancel_other"):
        name = overlap.replace("_", "-")
        schedule(name, "rate(10 minutes)", arn, input=json.dumps({"sleep_s": 8, "name": name}), State="DISABLED")
        policy(name, overlap=overlap)
        good("POST", f"/schedules/default/{name}/resume")
    history = lambda name: [(one["result"]) for one in good("GET", f"/schedules/default/{name}/fires")["fires"]][::-1]
    names = ("skip", "buffer-one", "cancel-other")
    advance(600)
    until(lambda: all(len(history(name)) >= 1 for name in names), "the first fires")
    count = {name: len(history(name)) for name in names}
    until(lambda: sum(event["status"] == "running" for event in events("long")) >= 3, "three run")
    advance(600)
    until(lambda: all(len(history(name)) > count[name] for name in names), "the second fires")
    assert history("skip")[-1] == "overlapped", history("skip")
    assert history("buffer-one")[-1] in ("buffered", "fired"), history("buffer-one")
    until(lambda: any(event["status"] == "cancelled" for event in events("long")), "the run before is cancelled")
    until(lambda: history("buffer-one")[-1] == "fired", "what waited fires", 40)
    for name in names:
        good("POST", f"/schedules/default/{name}/pause")


def leave_schedules():
    arn = function("minutely")
    for name in ("a", "b", "c"):
        schedule(name, "rate(1 minute)", arn)
    for count in range(1, 4):
        fired("minutely", 3 * count)
        advance(60)


def none_is_doubled():
    """After kill -9 and a restart: every schedule's times are a minute apart, none is missing, none is there twice."""
    advance(60)
    seen_to()
    until(lambda: len(events("minutely")) >= 15, "five fires each")
    by_schedule = {}
    for event in events("minutely"):
        ran = becomes(event["request_id"], "succeeded")["result"]["json"]["event"]
        by_schedule.setdefault(ran["arn"], []).append(at(ran["at"]))
    assert len(by_schedule) == 3
    for arn, times in by_schedule.items():
        times.sort()
        gaps = {round((b - a).total_seconds()) for a, b in zip(times, times[1:])}
        assert gaps == {60}, (arn, times)


if __name__ == "__main__":
    main(globals())
