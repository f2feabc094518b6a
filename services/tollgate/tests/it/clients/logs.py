"""The functions' logs through the API of CloudWatch Logs."""

import subprocess

from common import *

SAY = """
def handler(event, context):
    for line in event["lines"]:
        print(line)
    return context.log_stream_name
"""


def said(name, lines, lam=None, logs=None):
    """Has a function say lines; answers its stream once they are stored."""
    stream, answer = invoke(name, {"lines": lines}, lam)
    request = answer["ResponseMetadata"]["RequestId"]
    logs = logs or client("logs")
    group = f"/aws/lambda/{name}"

    def stored():
        try:
            found = logs.filter_log_events(logGroupName=group, filterPattern=f'"REPORT RequestId: {request}"')
        except logs.exceptions.ResourceNotFoundException:
            return False
        return found["events"]

    until(stored, f"the report of {request} is stored")
    return stream


def texts(events):
    return [event["message"].rstrip("\n") for event in events]


def everything(logs, **request):
    """All pages of FilterLogEvents."""
    events = []
    while True:
        page = logs.filter_log_events(**request)
        assert page["searchedLogStreams"] == [], page
        events += page["events"]
        if "nextToken" not in page:
            return events
        request["nextToken"] = page["nextToken"]


def one_stream():
    logs = client("logs")
    python_function("talk", SAY)
    lines = [f"line {n:03}" for n in range(250)]
    stream = said("talk", lines)
    where = {"logGroupName": "/aws/lambda/talk", "logStreamName": stream}
    whole = logs.get_log_events(**where, startFromHead=True)
    said_lines = [text for text in texts(whole["events"]) if text.startswith("line ")]
    assert said_lines == lines, said_lines[:5]
    all_texts = texts(whole["events"])
    assert [text.split()[0] for text in (all_texts[-2], all_texts[-1])] == ["END", "REPORT"], all_texts[-2:]
    assert all(e["ingestionTime"] >= e["timestamp"] for e in whole["events"])

    # Forward in small pages, to the end, where the token stays the same.
    forward, token = [], None
    while True:
        page = logs.get_log_events(**where, startFromHead=True, limit=60, **({"nextToken": token} if token else {}))
        forward += page["events"]
        if page["nextForwardToken"] == token:
            assert page["events"] == []
            break
        token = page["nextForwardToken"]
    assert texts(forward) == all_texts

    # Without a direction the newest come, and backwards leads to the beginning.
    backward, page = [], logs.get_log_events(**where, limit=60)
    assert texts(page["events"]) == all_texts[-60:]
    while page["events"]:
        backward = page["events"] + backward
        page = logs.get_log_events(**where, limit=60, nextToken=page["nextBackwardToken"])
    assert texts(backward) == all_texts

    # What arrives later is behind the last forward token.
    assert said("talk", ["later"]) == stream
    later = logs.get_log_events(**where, startFromHead=True, nextToken=token)
    assert "later" in texts(later["events"]) and not set(texts(later["events"])) & set(lines), later

    times = [event["timestamp"] for event in whole["events"]]
    middle = times[len(times) // 2]
    before = logs.get_log_events(**where, startFromHead=True, endTime=middle)
    after = logs.get_log_events(**where, startFromHead=True, startTime=middle)
    assert all(e["timestamp"] < middle for e in before["events"]), "endTime is not included"
    assert all(e["timestamp"] >= middle for e in after["events"]), "startTime is included"
    for token in ("f/1/s", "x", "f/" + "9" * 56 + "/s", "f/" + "0" * 20 + "9" * 36 + "/s"):
        with raises("InvalidParameterException", "The specified nextToken is invalid.", 400):
            logs.get_log_events(**where, nextToken=token)
    far = 2**62
    assert logs.get_log_events(**where, startFromHead=True, startTime=far)["events"] == []
    assert texts(logs.get_log_events(**where, startFromHead=True, endTime=far)["events"])[: len(all_texts)] == all_texts
    assert logs.filter_log_events(logGroupName="/aws/lambda/talk", startTime=far)["events"] == []
    assert logs.filter_log_events(logGroupName="/aws/lambda/talk", endTime=2**63 - 1)["events"]
    with raises("ResourceNotFoundException", "The specified log stream does not exist.", 400):
        logs.get_log_events(logGroupName="/aws/lambda/talk", logStreamName="none")
    with raises("ResourceNotFoundException", "The specified log group does not exist.", 400):
        logs.get_log_events(logGroupName="/aws/lambda/none", logStreamName=stream)


def filters():
    logs = client("logs")
    python_function("talk", SAY)
    stream = said("talk", ["[ERROR 400] bad request", "[ERROR 500] server", "[WARN] slow server", "error lower", "plain"])
    group = {"logGroupName": "/aws/lambda/talk"}

    def check(pattern, want):
        got = [text for text in texts(everything(logs, **group, filterPattern=pattern)) if text.split()[0] not in ("START", "END", "REPORT", "INIT_START")]
        assert got == want, (pattern, got)

    check("ERROR", ["[ERROR 400] bad request", "[ERROR 500] server"])
    check("ERROR server", ["[ERROR 500] server"])
    check("ERROR -server", ["[ERROR 400] bad request"])
    check("?WARN ?400", ["[ERROR 400] bad request", "[WARN] slow server"])
    check('"[ERROR 400]"', ["[ERROR 400] bad request"])
    check('"slow server"', ["[WARN] slow server"])
    for refused in ('{ $.level = "x" }', "[ip, user]", "%ERR%", '"open'):
        with raises("InvalidParameterException", "Invalid filter pattern", 400):
            logs.filter_log_events(**group, filterPattern=refused)

    events = everything(logs, **group)
    assert [e["timestamp"] for e in events] == sorted(e["timestamp"] for e in events)
    ids = [e["eventId"] for e in events]
    assert ids == sorted(ids) and len(set(ids)) == len(ids), "ids are distinct and in order"
    assert all(e["logStreamName"] == stream for e in events)
    assert everything(logs, **group, limit=2) == events
    arn = f"arn:aws:logs:us-east-1:{os.environ['ACCOUNT_ID']}:log-group:/aws/lambda/talk"
    assert everything(logs, logGroupIdentifier=arn) == events
    newest = logs.filter_log_events(**group, startFromHead=False, limit=3)["events"]
    assert newest == events[:-4:-1], newest
    assert everything(logs, **group, startFromHead=False, limit=2) == events[::-1]
    last = events[-1]["timestamp"]
    at_last = everything(logs, **group, startTime=last, endTime=last)
    assert at_last and all(e["timestamp"] == last for e in at_last), "endTime is included"
    assert everything(logs, **group, logStreamNames=[stream]) == events
    assert everything(logs, **group, logStreamNamePrefix=stream[:10]) == events
    assert everything(logs, **group, logStreamNamePrefix="1999/") == []
    with raises("InvalidParameterException", status=400):
        logs.filter_log_events(**group, logStreamNames=[stream], logStreamNamePrefix="2")
    with raises("ResourceNotFoundException", "The specified log stream does not exist.", 400):
        logs.filter_log_events(**group, logStreamNames=[stream, "none"])


def groups():
    logs = client("logs")
    python_function("talk", SAY)
    said("talk", ["ü"])
    for name in ("/mine/a", "/mine/b", "/mine/c"):
        logs.create_log_group(logGroupName=name)
    with raises("ResourceAlreadyExistsException", "The specified log group already exists", 400):
        logs.create_log_group(logGroupName="/mine/a")
    found = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
    assert [g["logGroupName"] for g in found] == ["/aws/lambda/talk"], found
    arn = f"arn:aws:logs:us-east-1:{os.environ['ACCOUNT_ID']}:log-group:/aws/lambda/talk"
    assert (found[0]["arn"], found[0]["logGroupArn"]) == (arn + ":*", arn), found
    events = everything(logs, logGroupName="/aws/lambda/talk")
    assert found[0]["storedBytes"] == sum(len(e["message"].encode()) + 26 for e in events), found
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
    assert [g["logGroupName"] for page in pages for g in page["logGroups"]] == ["/aws/lambda/talk", "/mine/a", "/mine/b", "/mine/c"]
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePattern="ne/b")["logGroups"]] == ["/mine/b"]
    assert [g["logGroupName"] for g in logs.describe_log_groups(logGroupIdentifiers=["/mine/c", "/mine/x"])["logGroups"]] == ["/mine/c"]
    with raises("InvalidParameterException", "mutually exclusive", 400):
        logs.describe_log_groups(logGroupNamePrefix="/", logGroupNamePattern="x")
    logs.delete_log_group(logGroupName="/mine/b")
    with raises("ResourceNotFoundException", "The specified log group does not exist.", 400):
        logs.delete_log_group(logGroupName="/mine/b")
    assert client("logs", region_name="eu-west-1").describe_log_groups()["logGroups"] == [], "regions are apart"


def streams():
    logs = client("logs")
    python_function("talk", SAY)
    first = said("talk", ["one"])
    until(lambda: client().get_function_configuration(FunctionName="talk")["State"] == "Active", "active")
    client().update_function_configuration(FunctionName="talk", Description="another environment")
    second = said("talk", ["two"])
    assert first != second
    group = {"logGroupName": "/aws/lambda/talk"}
    newest = logs.describe_log_streams(**group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert [s["logStreamName"] for s in newest] == [second, first], newest
    by_name = logs.describe_log_streams(**group)["logStreams"]
    assert [s["logStreamName"] for s in by_name] == sorted([first, second]), by_name
    for stream in by_name:
        events = logs.get_log_events(**group, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (events[0]["timestamp"], events[-1]["timestamp"]), stream
        assert stream["arn"].endswith(f":log-group:/aws/lambda/talk:log-stream:{stream['logStreamName']}"), stream
    logs.create_log_stream(**group, logStreamName="zz")
    with raises("ResourceAlreadyExistsException", "The specified log stream already exists", 400):
        logs.create_log_stream(**group, logStreamName="zz")
    empty = logs.get_log_events(**group, logStreamName="zz")
    assert empty["events"] == [] and empty["nextForwardToken"].startswith("f/"), empty
    pages = logs.get_paginator("describe_log_streams").paginate(**group, orderBy="LastEventTime", PaginationConfig={"PageSize": 1})
    assert [s["logStreamName"] for page in pages for s in page["logStreams"]] == ["zz", first, second]
    assert [s["logStreamName"] for s in logs.describe_log_streams(**group, logStreamNamePrefix="z")["logStreams"]] == ["zz"]
    with raises("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.", 400):
        logs.describe_log_streams(**group, orderBy="LastEventTime", logStreamNamePrefix="z")
    with raises("ResourceNotFoundException", "The specified log group does not exist.", 400):
        logs.describe_log_streams(logGroupName="/aws/lambda/none")


def deleted_groups_begin_anew():
    logs = client("logs")
    python_function("talk", SAY)
    stream = said("talk", ["before"])
    logs.delete_log_group(logGroupName="/aws/lambda/talk")
    with raises("ResourceNotFoundException", "The specified log group does not exist.", 400):
        logs.filter_log_events(logGroupName="/aws/lambda/talk")
    # The environment still runs; its next line makes group and stream again, without the old lines.
    assert said("talk", ["after"]) == stream
    found = texts(everything(logs, logGroupName="/aws/lambda/talk"))
    assert "after" in found and "before" not in found, found


def odd_lines():
    logs = client("logs")
    python_function("talk", SAY)
    said("talk", ["nul\0byte", "tab\tand ü and 🚀", "x" * 5000])
    found = texts(everything(logs, logGroupName="/aws/lambda/talk"))
    assert "nul\ufffdbyte" in found and "tab\tand ü and 🚀" in found and "x" * 5000 in found, found


def aws_cli():
    """The real command line reads what functions said."""
    python_function("talk", SAY)
    said("talk", ["through the command line"])
    run = lambda *words: subprocess.run(["aws", "logs", *words], check=True, capture_output=True, text=True).stdout
    found = json.loads(run("filter-log-events", "--log-group-name", "/aws/lambda/talk", "--filter-pattern", "through"))
    assert texts(found["events"]) == ["through the command line"], found
    assert "talk" in run("describe-log-groups")
    run("delete-log-group", "--log-group-name", "/aws/lambda/talk")


if __name__ == "__main__":
    main(globals())
