"""Settings for asynchronous invocations: event invoke configs, dead letter targets, recursion, as boto3 and the AWS CLI see them."""

import datetime
import subprocess

from common import *

SOURCE = "def handler(event, context):\n    return 1\n"
ACCOUNT = os.environ["ACCOUNT_ID"]
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:t"
BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
BUCKET = "arn:aws:s3:::my-bucket"
NOTHING_SET = "You must specify at least one of error handling or destination setting."


def arn(name):
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


def refused(kind, text, call, **settings):
    """The call fails with botocore's own class for the error, and exactly this text."""
    try:
        call(**settings)
    except kind as error:
        assert error.response["Error"]["Message"] == text, error.response["Error"]
        return error.response
    raise AssertionError(f"{kind.__name__} was expected: {text}")


def plain(answer):
    """An answer without what every answer has; its date apart."""
    answer = dict(answer)
    answer.pop("ResponseMetadata", None)
    modified = answer.pop("LastModified")
    assert isinstance(modified, datetime.datetime), modified
    return answer


def published(lam):
    """`f` with version 1 and the alias `live`, and `g`."""
    python_function("f", SOURCE, lam)
    python_function("g", SOURCE, lam)
    lam.publish_version(FunctionName="f")
    lam.create_alias(FunctionName="f", Name="live", FunctionVersion="1")


def put_replaces_everything():
    lam = client()
    published(lam)
    before = time.time()
    made = lam.put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=0,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnSuccess": {"Destination": arn("g")}, "OnFailure": {"Destination": BUCKET}},
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert before - 5 < made["LastModified"].timestamp() < time.time() + 5, made["LastModified"]
    assert plain(made) == {
        "FunctionArn": arn("f:$LATEST"), "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {"Destination": arn("g")}, "OnFailure": {"Destination": BUCKET}},
    }
    for named in ({"FunctionName": "f"}, {"FunctionName": arn("f")}, {"FunctionName": "f", "Qualifier": "$LATEST"}, {"FunctionName": "f:$LATEST"}):
        got = lam.get_function_event_invoke_config(**named)
        assert plain(got) == plain(made) and got["LastModified"] == made["LastModified"], got
    again = lam.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=2)
    want = {"FunctionArn": arn("f:$LATEST"), "MaximumRetryAttempts": 2, "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}}}
    assert plain(again) == want
    assert plain(lam.get_function_event_invoke_config(FunctionName="f")) == want
    empty = lam.put_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnSuccess": {}})
    assert "MaximumRetryAttempts" not in empty and empty["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}, empty


def update_changes_what_it_names():
    lam = client()
    published(lam)
    missing = f"The function {arn('f:live')} doesn't have an EventInvokeConfig"
    refused(lam.exceptions.ResourceNotFoundException, missing, lam.update_function_event_invoke_config, FunctionName="f", Qualifier="live", MaximumRetryAttempts=1)
    lam.put_function_event_invoke_config(FunctionName="f:live", MaximumEventAgeInSeconds=21600, DestinationConfig={"OnFailure": {"Destination": QUEUE}})
    updated = lam.update_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=1)
    assert plain(updated) == {
        "FunctionArn": arn("f:live"), "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 21600,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}},
    }
    updated = lam.update_function_event_invoke_config(FunctionName="f:live", DestinationConfig={"OnSuccess": {"Destination": BUS}})
    assert updated["DestinationConfig"] == {"OnSuccess": {"Destination": BUS}, "OnFailure": {"Destination": QUEUE}}, updated
    updated = lam.update_function_event_invoke_config(FunctionName="f:live", DestinationConfig={"OnFailure": {}})
    assert updated["DestinationConfig"] == {"OnSuccess": {"Destination": BUS}, "OnFailure": {}}, updated
    assert plain(lam.get_function_event_invoke_config(FunctionName="f:live")) == plain(updated)


def bad_input():
    lam = client(validate=False)
    published(lam)
    put, update = lam.put_function_event_invoke_config, lam.update_function_event_invoke_config
    invalid, missing = lam.exceptions.InvalidParameterValueException, lam.exceptions.ResourceNotFoundException
    refused(invalid, NOTHING_SET, put, FunctionName="nobody")
    refused(invalid, NOTHING_SET, update, FunctionName="f")
    gone = "The function doesn't exist."
    for name in ("nobody", arn("nobody"), "f:beta", "f:9", arn("f:beta")):
        answer = refused(missing, gone, put, FunctionName=name, MaximumRetryAttempts=1)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404 and answer["Type"] == "User", answer
        refused(missing, gone, update, FunctionName=name, MaximumRetryAttempts=1)
    refused(missing, gone, lam.list_function_event_invoke_configs, FunctionName="nobody")
    for call in (lam.get_function_event_invoke_config, lam.delete_function_event_invoke_config):
        for name, shown in (("nobody", "nobody:$LATEST"), ("f", "f:$LATEST"), ("f:live", "f:live"), ("f:beta", "f:beta")):
            refused(missing, f"The function {arn(shown)} doesn't have an EventInvokeConfig", call, FunctionName=name)
    differ = "The derived qualifier from the function name does not match the specified qualifier."
    refused(invalid, differ, put, FunctionName="f:live", Qualifier="1", MaximumRetryAttempts=1)
    for settings, text in (
        ({"MaximumRetryAttempts": 3}, "Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2"),
        ({"MaximumRetryAttempts": -1}, "Value '-1' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value greater than or equal to 0"),
        ({"MaximumEventAgeInSeconds": 59}, "Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"),
        ({"MaximumEventAgeInSeconds": 21601}, "Value '21601' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value less than or equal to 21600"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:_-/!lambda:us-east-1:111111111111:x"}}}, "at 'destinationConfig.onFailure.destination' failed to satisfy constraint: Member must satisfy regular expression pattern: "),
    ):
        for call in (put, update):
            with raises("ValidationException", text, 400):
                call(FunctionName="f", **settings)
    assert lam.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"] == []


def destinations():
    lam = client()
    published(lam)
    put, invalid = lam.put_function_event_invoke_config, lam.exceptions.InvalidParameterValueException
    for destination in (QUEUE, TOPIC, BUS, arn("g"), arn("g:$LATEST")):
        both = {"OnSuccess": {"Destination": destination}, "OnFailure": {"Destination": destination}}
        assert put(FunctionName="f", DestinationConfig=both)["DestinationConfig"] == both
    assert put(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": BUCKET}})["DestinationConfig"]["OnFailure"] == {"Destination": BUCKET}
    assert put(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": ""}})["DestinationConfig"]["OnFailure"] == {}

    def check(text, **sides):
        refused(invalid, text, put, FunctionName="f", DestinationConfig={side: {"Destination": value} for side, value in sides.items()})

    own = "You can't specify the function as a destination for itself."
    check(own, OnSuccess=arn("f"))
    check(own, OnFailure=arn("f:live"))
    for nowhere in (arn("nobody"), arn("g:live"), arn("g").replace("us-east-1", "eu-west-1"), arn("g").replace(ACCOUNT, "999999999999")):
        check(f"The destination ARN {nowhere} is invalid.", OnSuccess=nowhere)
    sentence = "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid."
    check(sentence.format(f"OnSuccess(destination={BUCKET})", "null"), OnSuccess=BUCKET)
    iam = arn("f").replace(":lambda:", ":iam:")
    check(sentence.format("null", f"OnFailure(destination={iam})"), OnFailure=iam)
    check(sentence.format(f"OnSuccess(destination={QUEUE})", f"OnFailure(destination={QUEUE}.fifo)"), OnSuccess=QUEUE, OnFailure=f"{QUEUE}.fifo")
    check(sentence.format("null", "OnFailure(destination=kafka://topic)"), OnFailure="kafka://topic")


def listing():
    lam = client()
    published(lam)
    for qualifier in ("live", "1", "$LATEST"):
        lam.put_function_event_invoke_config(FunctionName="f", Qualifier=qualifier, MaximumRetryAttempts=1)
    lam.put_function_event_invoke_config(FunctionName="g", MaximumRetryAttempts=1)
    pages = list(lam.get_paginator("list_function_event_invoke_configs").paginate(FunctionName="f", PaginationConfig={"PageSize": 2}))
    arns = [config["FunctionArn"] for page in pages for config in page["FunctionEventInvokeConfigs"]]
    assert arns == [arn("f:$LATEST"), arn("f:1"), arn("f:live")] and len(pages) == 2, arns
    with raises("InvalidParameterValueException", "Marker", 400):
        lam.list_function_event_invoke_configs(FunctionName="f", Marker="not-one-of-ours")

    # A config goes with what it is of, and does not come back.
    listed = lambda: [config["FunctionArn"] for config in lam.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]]
    gone = lam.delete_function_event_invoke_config(FunctionName="f")
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert listed() == [arn("f:1"), arn("f:live")]
    lam.delete_alias(FunctionName="f", Name="live")
    assert listed() == [arn("f:1")]
    lam.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert listed() == [arn("f:1")]
    lam.delete_alias(FunctionName="f", Name="live")
    lam.delete_function(FunctionName="f", Qualifier="1")
    assert listed() == []
    lam.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    lam.delete_function(FunctionName="f")
    python_function("f", SOURCE, lam)
    assert listed() == []


def dead_letters():
    lam = client()
    made = python_function("f", SOURCE, lam, DeadLetterConfig={"TargetArn": QUEUE})
    assert made["DeadLetterConfig"] == {"TargetArn": QUEUE}, made
    python_function("g", SOURCE, lam, DeadLetterConfig={})
    assert "DeadLetterConfig" not in lam.get_function(FunctionName="g")["Configuration"]
    assert lam.get_function(FunctionName="f")["Configuration"]["DeadLetterConfig"] == {"TargetArn": QUEUE}
    version = lam.publish_version(FunctionName="f")
    assert version["DeadLetterConfig"] == {"TargetArn": QUEUE}, version
    update = lam.update_function_configuration
    for target in (TOPIC, arn("g")):
        assert update(FunctionName="f", DeadLetterConfig={"TargetArn": target})["DeadLetterConfig"] == {"TargetArn": target}
    assert lam.publish_version(FunctionName="f")["Version"] == "2", "a new target is something to publish"
    assert update(FunctionName="f", Timeout=5)["DeadLetterConfig"] == {"TargetArn": arn("g")}
    invalid = lam.exceptions.InvalidParameterValueException
    sentence = "The dead-letter target {} is invalid. It must be the ARN of a standard SQS queue, a standard SNS topic or a function."
    for target in (BUS, BUCKET, f"{QUEUE}.fifo", "arn:aws:kinesis:us-east-1:111111111111:stream/s"):
        refused(invalid, sentence.format(target), update, FunctionName="f", DeadLetterConfig={"TargetArn": target})
    refused(invalid, f"The destination ARN {arn('nobody')} is invalid.", update, FunctionName="f", DeadLetterConfig={"TargetArn": arn("nobody")})
    refused(invalid, "You can't specify the function as a destination for itself.", update, FunctionName="f", DeadLetterConfig={"TargetArn": arn("f")})
    with raises("ValidationException", "Value 'q' at 'deadLetterConfig.targetArn' failed to satisfy constraint", 400):
        update(FunctionName="f", DeadLetterConfig={"TargetArn": "q"})
    update(FunctionName="f", DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in lam.get_function_configuration(FunctionName="f")
    listed = {v["Version"]: v.get("DeadLetterConfig") for v in lam.list_versions_by_function(FunctionName="f")["Versions"]}
    assert listed == {"$LATEST": None, "1": {"TargetArn": QUEUE}, "2": {"TargetArn": arn("g")}}, listed


def recursion():
    lam = client(validate=False)
    python_function("f", SOURCE, lam)
    get, put = lam.get_function_recursion_config, lam.put_function_recursion_config
    assert get(FunctionName="f")["RecursiveLoop"] == "Terminate"
    assert put(FunctionName=arn("f"), RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    assert get(FunctionName="f")["RecursiveLoop"] == "Allow"
    missing = lam.exceptions.ResourceNotFoundException
    refused(missing, f"Function not found: {arn('nobody')}", get, FunctionName="nobody")
    refused(missing, f"Function not found: {arn('nobody')}", put, FunctionName="nobody", RecursiveLoop="Allow")
    with raises("ValidationException", "Value 'Maybe' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Allow, Terminate]", 400):
        put(FunctionName="f", RecursiveLoop="Maybe")
    with raises("ValidationException", "'functionName' failed to satisfy constraint", 400):
        put(FunctionName="f:1", RecursiveLoop="Allow")
    lam.delete_function(FunctionName="f")
    python_function("f", SOURCE, lam)
    assert get(FunctionName="f")["RecursiveLoop"] == "Terminate"


def aws_cli():
    def aws(*words, ok=True):
        program = os.path.join(os.path.dirname(sys.executable), "aws")
        done = subprocess.run([program, "lambda", *words, "--output", "json"], capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) == ok, (words, done.stdout, done.stderr)
        if not ok:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    published(client())
    destination = json.dumps({"OnFailure": {"Destination": QUEUE}})
    made = aws("put-function-event-invoke-config", "--function-name", "f", "--maximum-retry-attempts", "1", "--destination-config", destination)
    assert made["FunctionArn"] == arn("f:$LATEST") and made["DestinationConfig"]["OnFailure"]["Destination"] == QUEUE, made
    aws("update-function-event-invoke-config", "--function-name", "f", "--maximum-event-age-in-seconds", "3600")
    got = aws("get-function-event-invoke-config", "--function-name", "f")
    assert (got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"]) == (1, 3600), got
    listed = aws("list-function-event-invoke-configs", "--function-name", "f")["FunctionEventInvokeConfigs"]
    assert [config["FunctionArn"] for config in listed] == [arn("f:$LATEST")], listed
    aws("delete-function-event-invoke-config", "--function-name", "f")
    missing = aws("get-function-event-invoke-config", "--function-name", "f", ok=False)
    assert "ResourceNotFoundException" in missing and "doesn't have an EventInvokeConfig" in missing, missing
    aws("update-function-configuration", "--function-name", "f", "--dead-letter-config", f"TargetArn={TOPIC}")
    assert aws("get-function-configuration", "--function-name", "f")["DeadLetterConfig"] == {"TargetArn": TOPIC}
    aws("update-function-configuration", "--function-name", "f", "--dead-letter-config", "TargetArn=")
    assert "DeadLetterConfig" not in aws("get-function-configuration", "--function-name", "f")
    assert aws("put-function-recursion-config", "--function-name", "f", "--recursive-loop", "Allow") == {"RecursiveLoop": "Allow"}
    assert aws("get-function-recursion-config", "--function-name", "f") == {"RecursiveLoop": "Allow"}


if __name__ == "__main__":
    main(globals())
