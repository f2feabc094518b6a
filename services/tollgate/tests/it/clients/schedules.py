"""EventBridge Scheduler and the classic rules of EventBridge, as deploy tools and scripts use them: stored and returned
exactly, refused with AWS's words. Nothing here is due for years."""

import datetime
import subprocess

from common import *

ACCOUNT = os.environ.get("ACCOUNT_ID", "000000000000")
REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
TARGET = {"Arn": FUNCTION, "RoleArn": ROLE}
OFF = {"Mode": "OFF"}
LATER = "cron(0 9 1 1 ? 2199)"
UTC = datetime.timezone.utc


def arn(kind, name):
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:{kind}/{name}"


def create(scheduler, name, **more):
    settings = {"ScheduleExpression": LATER, "Target": TARGET, "FlexibleTimeWindow": OFF, **more}
    return scheduler.create_schedule(Name=name, **settings)


def data(answer):
    answer.pop("ResponseMetadata")
    return answer


def schedules():
    scheduler = client("scheduler")
    assert create(scheduler, "plain")["ScheduleArn"] == arn("schedule", "default/plain")
    got = data(scheduler.get_schedule(Name="plain"))
    made = got.pop("CreationDate")
    assert abs(made - datetime.datetime.now(UTC)) < datetime.timedelta(minutes=1), made
    assert got.pop("LastModificationDate") == made
    policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    want = {
        "Arn": arn("schedule", "default/plain"),
        "GroupName": "default",
        "Name": "plain",
        "ScheduleExpression": LATER,
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "Target": {**TARGET, "RetryPolicy": policy},
        "FlexibleTimeWindow": OFF,
        "ActionAfterCompletion": "NONE",
    }
    assert got == want, got
    with raises("ConflictException", "Schedule plain already exists.", 409):
        create(scheduler, "plain")

    full = {
        "ScheduleExpression": "at(2199-01-01T00:00:00)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "StartDate": datetime.datetime(2198, 1, 1, 0, 0, 0, 125000, UTC),
        "EndDate": datetime.datetime(2199, 6, 1, tzinfo=UTC),
        "Description": "",
        "State": "DISABLED",
        "Target": {
            "Arn": f"{FUNCTION}:prod",
            "RoleArn": ROLE,
            "Input": '{"attempt": <aws.scheduler.attempt-number>, "text": "äöü \\u0000"}',
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0},
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"},
        },
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10},
        "ActionAfterCompletion": "DELETE",
    }
    assert scheduler.update_schedule(Name="plain", **full)["ScheduleArn"] == want["Arn"]
    got = scheduler.get_schedule(Name="plain", GroupName="default")
    assert {key: got[key] for key in full} == full, got
    assert got["CreationDate"] == made < got["LastModificationDate"], got
    scheduler.update_schedule(Name="plain", ScheduleExpression=LATER, Target=TARGET, FlexibleTimeWindow=OFF)
    got = data(scheduler.get_schedule(Name="plain"))
    got.pop("CreationDate"), got.pop("LastModificationDate")
    assert got == want, got

    scheduler.delete_schedule(Name="plain")
    for missing in (scheduler.get_schedule, scheduler.delete_schedule):
        with raises("ResourceNotFoundException", "Schedule plain does not exist.", 404):
            missing(Name="plain")
    with raises("ResourceNotFoundException", "Schedule plain does not exist.", 404):
        scheduler.update_schedule(Name="plain", **full)


def tokens():
    """A client that lost the answer asks again with the same token."""
    scheduler = client("scheduler")
    first = create(scheduler, "once", ClientToken="t")["ScheduleArn"]
    assert create(scheduler, "once", ClientToken="t")["ScheduleArn"] == first
    with raises("ConflictException", "ClientToken", 409):
        create(scheduler, "twice", ClientToken="t")
    for _ in range(2):
        scheduler.delete_schedule(Name="once", ClientToken="d")
    for _ in range(2):
        made = scheduler.create_schedule_group(Name="g", ClientToken="g")
        assert made["ScheduleGroupArn"] == arn("schedule-group", "g"), made
    for _ in range(2):
        scheduler.delete_schedule_group(Name="g", ClientToken="gd")


def groups():
    scheduler = client("scheduler")
    tags = [{"Key": "team", "Value": "a b=c/ü"}]
    made = scheduler.create_schedule_group(Name="jobs", Tags=tags)["ScheduleGroupArn"]
    assert made == arn("schedule-group", "jobs"), made
    with raises("ConflictException", "Schedule group jobs already exists.", 409):
        scheduler.create_schedule_group(Name="jobs")
    got = scheduler.get_schedule_group(Name="jobs")
    assert (got["Arn"], got["Name"], got["State"]) == (made, "jobs", "ACTIVE"), got
    assert got["CreationDate"] == got["LastModificationDate"], got
    assert scheduler.list_tags_for_resource(ResourceArn=made)["Tags"] == tags
    scheduler.tag_resource(ResourceArn=made, Tags=[{"Key": "stage", "Value": "dev"}])
    scheduler.untag_resource(ResourceArn=made, TagKeys=["team", "none"])
    assert scheduler.list_tags_for_resource(ResourceArn=made)["Tags"] == [{"Key": "stage", "Value": "dev"}]
    default = scheduler.get_schedule_group(Name="default")
    assert default["State"] == "ACTIVE" and default["Arn"] == arn("schedule-group", "default"), default
    for refused in (scheduler.create_schedule_group, scheduler.delete_schedule_group):
        with raises("ValidationException", "This operation cannot be performed on schedule group default.", 400):
            refused(Name="default")

    for name, more in {"a": {}, "ab": {"State": "DISABLED"}, "b": {}}.items():
        assert create(scheduler, name, GroupName="jobs", **more)["ScheduleArn"] == arn("schedule", f"jobs/{name}")
    create(scheduler, "a")
    names = lambda **more: [
        f"{s['GroupName']}/{s['Name']}"
        for page in scheduler.get_paginator("list_schedules").paginate(PaginationConfig={"PageSize": 1}, **more)
        for s in page["Schedules"]
    ]
    assert names() == ["default/a", "jobs/a", "jobs/ab", "jobs/b"], names()
    assert names(GroupName="jobs", NamePrefix="a") == ["jobs/a", "jobs/ab"]
    assert names(State="DISABLED") == ["jobs/ab"]
    listed = scheduler.list_schedules(GroupName="jobs", MaxResults=1)["Schedules"][0]
    assert listed["Target"] == {"Arn": FUNCTION} and listed["Arn"] == arn("schedule", "jobs/a"), listed
    pages = scheduler.get_paginator("list_schedule_groups").paginate(PaginationConfig={"PageSize": 1})
    assert [g["Name"] for page in pages for g in page["ScheduleGroups"]] == ["default", "jobs"]
    with raises("ResourceNotFoundException", "Schedule group none does not exist.", 404):
        scheduler.list_schedules(GroupName="none")

    scheduler.delete_schedule_group(Name="jobs")

    def gone():
        try:
            assert scheduler.get_schedule_group(Name="jobs")["State"] == "DELETING"
        except scheduler.exceptions.ResourceNotFoundException:
            return True

    until(gone, "the group goes with its schedules", 60)
    assert names() == ["default/a"], names()


def refusals():
    scheduler = client("scheduler", validate=False)
    refused = lambda text: raises("ValidationException", text, 400)
    with refused("Invalid Schedule Expression rate(10 seconds)."):
        create(scheduler, "s", ScheduleExpression="rate(10 seconds)")
    with refused("Invalid Schedule Expression Timezone Mars/Olympus."):
        create(scheduler, "s", ScheduleExpressionTimezone="Mars/Olympus")
    with refused("The StartDate you specify cannot be earlier than 5 minutes ago."):
        create(scheduler, "s", StartDate=datetime.datetime(2020, 1, 1))
    with refused("The StartDate you specify must come before the EndDate."):
        create(scheduler, "s", StartDate=datetime.datetime(2198, 1, 2), EndDate=datetime.datetime(2198, 1, 1))
    with refused("MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is set to FLEXIBLE."):
        create(scheduler, "s", FlexibleTimeWindow={"Mode": "FLEXIBLE"})
    with refused("MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode is set to OFF."):
        create(scheduler, "s", FlexibleTimeWindow={"Mode": "OFF", "MaximumWindowInMinutes": 1})
    with refused("A target of sqs instead of a Lambda function's ARN is not supported by Tollgate yet."):
        create(scheduler, "s", Target={**TARGET, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"})
    with refused("Parameters EcsParameters not supported for the target."):
        create(scheduler, "s", Target={**TARGET, "EcsParameters": {"TaskDefinitionArn": "t"}})
    with refused("JSON syntax error in input for the target."):
        create(scheduler, "s", Target={**TARGET, "Input": "hello"})
    # The model's own constraints.
    with refused("1 validation error detected: Value null at 'target.roleArn' failed to satisfy constraint: Member must not be null"):
        create(scheduler, "s", Target={"Arn": FUNCTION})
    with refused("Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9a-zA-Z-_.]+"):
        create(scheduler, "a b")
    with refused("at 'flexibleTimeWindow.mode' failed to satisfy constraint: Member must satisfy enum value set: [OFF, FLEXIBLE]"):
        create(scheduler, "s", FlexibleTimeWindow={"Mode": "on"})
    with refused("Member must have value less than or equal to 185"):
        create(scheduler, "s", Target={**TARGET, "RetryPolicy": {"MaximumRetryAttempts": 186}})
    with refused("at 'target.eventBridgeParameters.source' failed to satisfy constraint"):
        parameters = {"DetailType": "d", "Source": "aws.me"}
        create(scheduler, "s", Target={**TARGET, "EventBridgeParameters": parameters})
    with raises("ResourceNotFoundException", "Schedule group none does not exist.", 404):
        create(scheduler, "s", GroupName="none")
    assert scheduler.list_schedules()["Schedules"] == []


def rules():
    events = client("events")
    made = events.put_rule(Name="nightly", ScheduleExpression=LATER, Description="d", Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]
    assert made == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/nightly", made
    got = data(events.describe_rule(Name="nightly"))
    want = {
        "Name": "nightly",
        "Arn": made,
        "ScheduleExpression": LATER,
        "State": "ENABLED",
        "Description": "d",
        "EventBusName": "default",
        "CreatedBy": ACCOUNT,
    }
    assert got == want, got
    events.disable_rule(Name="nightly")
    assert events.describe_rule(Name="nightly")["State"] == "DISABLED"
    events.enable_rule(Name="nightly", EventBusName="default")
    listed = events.list_rules(NamePrefix="night")["Rules"]
    want.pop("CreatedBy")
    assert listed == [want], listed
    assert events.list_tags_for_resource(ResourceARN=made)["Tags"] == [{"Key": "a", "Value": "1"}]
    events.tag_resource(ResourceARN=made, Tags=[{"Key": "b", "Value": ""}])
    events.untag_resource(ResourceARN=made, TagKeys=["a"])
    assert events.list_tags_for_resource(ResourceARN=made)["Tags"] == [{"Key": "b", "Value": ""}]

    targets = [{"Id": "1", "Arn": FUNCTION}, {"Id": "2", "Arn": f"{FUNCTION}:prod", "Input": '{"a": 1}'}]
    put = events.put_targets(Rule="nightly", Targets=targets)
    assert (put["FailedEntryCount"], put["FailedEntries"]) == (0, []), put
    pages = events.get_paginator("list_targets_by_rule").paginate(Rule="nightly", PaginationConfig={"PageSize": 1})
    assert [target for page in pages for target in page["Targets"]] == targets
    assert events.list_rule_names_by_target(TargetArn=FUNCTION)["RuleNames"] == ["nightly"]
    with raises("ValidationException", "Rule can't be deleted since it has targets.", 400):
        events.delete_rule(Name="nightly")
    with raises("LimitExceededException", "The requested resource exceeds the maximum number allowed.", 400):
        events.put_targets(Rule="nightly", Targets=[{"Id": str(n), "Arn": FUNCTION} for n in range(6)])
    removed = events.remove_targets(Rule="nightly", Ids=["1", "2", "3"])
    assert removed["FailedEntryCount"] == 1, removed
    assert removed["FailedEntries"][0]["ErrorCode"] == "ResourceNotFoundException", removed
    events.delete_rule(Name="nightly")
    events.delete_rule(Name="nightly")
    for missing in (events.describe_rule, events.enable_rule, events.disable_rule):
        with raises("ResourceNotFoundException", "Rule nightly does not exist on EventBus default.", 400):
            missing(Name="nightly")
    with raises("ResourceNotFoundException", "Rule nightly does not exist on EventBus default.", 400):
        events.put_targets(Rule="nightly", Targets=targets)

    for bad in ("rate(1 minutes)", "rate(10 minute)", "rate(0 minutes)", "rate(10 MINUTES)", "at(2199-01-01T00:00:00)"):
        with raises("ValidationException", "Parameter ScheduleExpression is not valid.", 400):
            events.put_rule(Name="r", ScheduleExpression=bad)
    with raises("ValidationException", "An EventPattern instead of a ScheduleExpression alone is not supported", 400):
        events.put_rule(Name="r", EventPattern='{"source": ["a"]}')
    with raises("ValidationException", "ScheduleExpression is supported only on the default event bus.", 400):
        events.put_rule(Name="r", ScheduleExpression=LATER, EventBusName="mine")
    with raises("NotImplementedException", "The operation PutEvents of events is not implemented.", 501):
        events.put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}])


def aws_cli():
    """The real command line, through the same walk."""

    def aws(*words):
        done = subprocess.run(["aws", *words], check=True, capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout.strip() else None

    target = f"Arn={FUNCTION},RoleArn={ROLE}"
    aws("scheduler", "create-schedule-group", "--name", "jobs")
    made = aws(
        "scheduler", "create-schedule", "--name", "s", "--group-name", "jobs", "--schedule-expression", LATER,
        "--target", target, "--flexible-time-window", "Mode=OFF",
    )
    assert made == {"ScheduleArn": arn("schedule", "jobs/s")}, made
    got = aws("scheduler", "get-schedule", "--name", "s", "--group-name", "jobs")
    assert got["ScheduleExpression"] == LATER and got["Target"]["Arn"] == FUNCTION, got
    assert [s["Name"] for s in aws("scheduler", "list-schedules")["Schedules"]] == ["s"]
    aws("scheduler", "delete-schedule", "--name", "s", "--group-name", "jobs")
    aws("scheduler", "delete-schedule-group", "--name", "jobs")

    aws("events", "put-rule", "--name", "r", "--schedule-expression", "cron(0 9 1 1 ? 2199)")
    aws("events", "put-targets", "--rule", "r", "--targets", f"Id=1,Arn={FUNCTION}")
    assert aws("events", "list-targets-by-rule", "--rule", "r")["Targets"] == [{"Id": "1", "Arn": FUNCTION}]
    aws("events", "remove-targets", "--rule", "r", "--ids", "1")
    aws("events", "delete-rule", "--name", "r")
    assert aws("events", "list-rules")["Rules"] == []


def two_accounts():
    """Neither account sees nor touches the other's."""
    scheduler, events = client("scheduler"), client("events")
    other = {
        "aws_access_key_id": os.environ["OTHER_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["OTHER_SECRET_ACCESS_KEY"],
    }
    scheduler.create_schedule_group(Name="jobs")
    create(scheduler, "s", GroupName="jobs")
    events.put_rule(Name="r", ScheduleExpression=LATER)
    theirs, their_events = client("scheduler", **other), client("events", **other)
    assert theirs.list_schedules()["Schedules"] == []
    assert [g["Name"] for g in theirs.list_schedule_groups()["ScheduleGroups"]] == ["default"]
    with raises("ResourceNotFoundException", "Schedule group jobs does not exist.", 404):
        theirs.get_schedule(Name="s", GroupName="jobs")
    with raises("ResourceNotFoundException", "Schedule group jobs does not exist.", 404):
        theirs.tag_resource(ResourceArn=arn("schedule-group", "jobs"), Tags=[{"Key": "k", "Value": "v"}])
    with raises("ValidationException", "The target ARN provided does not match the current account.", 400):
        create(theirs, "s")
    assert their_events.list_rules()["Rules"] == []
    their_events.delete_rule(Name="r")
    # Nor does another region.
    elsewhere = client("scheduler", region_name="eu-central-1")
    assert elsewhere.list_schedules()["Schedules"] == []
    assert scheduler.get_schedule(Name="s", GroupName="jobs")["State"] == "ENABLED"
    assert events.describe_rule(Name="r")["State"] == "ENABLED"


if __name__ == "__main__":
    main(globals())
