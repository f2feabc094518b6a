"""Functions, versions, aliases, concurrency, tags: the control plane as boto3 sees it."""

import hashlib
import re
import urllib.request

from common import *

ONE = "def handler(event, context):\n    return 1\n"
TWO = "def handler(event, context):\n    return 2\n"


def create_and_get():
    lam = client()
    code = zipped({"app.py": ONE})
    account = os.environ["ACCOUNT_ID"]
    made = lam.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": code},
        Description="the first",
        Timeout=5,
        MemorySize=256,
        EphemeralStorage={"Size": 1024},
        Environment={"Variables": {"KEY": "v"}},
        Architectures=["x86_64"],
        Tags={"team": "blue"},
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["FunctionArn"] == f"arn:aws:lambda:us-east-1:{account}:function:f", made
    assert made["State"] in ("Pending", "Active"), made
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", made["LastModified"]), made
    lam.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    got = lam.get_function(FunctionName="f")
    conf = got["Configuration"]
    for key, want in {
        "FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Description": "the first",
        "Timeout": 5, "MemorySize": 256, "EphemeralStorage": {"Size": 1024}, "Role": ROLE, "Version": "$LATEST",
        "Environment": {"Variables": {"KEY": "v"}}, "Architectures": ["x86_64"], "PackageType": "Zip",
        "State": "Active", "LastUpdateStatus": "Successful", "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "TracingConfig": {"Mode": "PassThrough"}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    }.items():
        assert conf.get(key) == want, (key, conf.get(key))
    assert got["Tags"] == {"team": "blue"}, got
    assert got["Code"]["RepositoryType"] == "S3"
    with urllib.request.urlopen(got["Code"]["Location"]) as answer:
        assert answer.read() == code, "the location downloads what was uploaded"
    with raises("ResourceConflictException", "Function already exist: f", 409):
        lam.create_function(FunctionName="f", Runtime="python3.11", Role=ROLE, Handler="a.b", Code={"ZipFile": code})
    assert lam.get_function_configuration(FunctionName="f")["RevisionId"] == conf["RevisionId"]


def updates():
    lam = client()
    python_function("f", ONE, lam)
    before = lam.get_function_configuration(FunctionName="f")
    dry = lam.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": TWO}), DryRun=True)
    assert dry["CodeSha256"] != before["CodeSha256"]
    assert lam.get_function_configuration(FunctionName="f")["CodeSha256"] == before["CodeSha256"]
    with raises("PreconditionFailedException", "", 412):
        lam.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": TWO}), RevisionId="00000000-0000-0000-0000-000000000000")
    after = lam.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": TWO}), RevisionId=before["RevisionId"])
    assert after["CodeSha256"] == dry["CodeSha256"]
    lam.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    assert invoke("f")[0] == 2
    lam.update_function_configuration(FunctionName="f", MemorySize=512, Timeout=9, Environment={"Variables": {"AB": "b"}}, Description="")
    lam.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    conf = lam.get_function_configuration(FunctionName="f")
    assert (conf["MemorySize"], conf["Timeout"], conf["Environment"]["Variables"]) == (512, 9, {"AB": "b"})
    assert conf["RevisionId"] not in (before["RevisionId"], after["RevisionId"])
    assert conf["LastUpdateStatus"] == "Successful"


def versions():
    lam = client()
    python_function("f", ONE, lam)
    one = lam.publish_version(FunctionName="f", Description="first")
    assert one["Version"] == "1" and one["FunctionArn"].endswith(":function:f:1") and one["Description"] == "first"
    assert lam.publish_version(FunctionName="f")["Version"] == "1", "nothing changed, nothing published"
    lam.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": TWO}), Publish=True)
    listed = lam.list_versions_by_function(FunctionName="f")["Versions"]
    assert [v["Version"] for v in listed] == ["$LATEST", "1", "2"], listed
    assert lam.get_function(FunctionName="f", Qualifier="1")["Configuration"]["CodeSha256"] == one["CodeSha256"]
    with raises("ResourceNotFoundException", "", 404):
        lam.get_function(FunctionName="f", Qualifier="9")
    with raises("InvalidParameterValueException", "", 400):
        lam.publish_version(FunctionName="f", CodeSha256=one["CodeSha256"])
    lam.delete_function(FunctionName="f", Qualifier="1")
    assert [v["Version"] for v in lam.list_versions_by_function(FunctionName="f")["Versions"]] == ["$LATEST", "2"]
    with raises("InvalidParameterValueException", "$LATEST"):
        lam.delete_function(FunctionName="f", Qualifier="$LATEST")


def aliases():
    lam = client()
    python_function("f", ONE, lam)
    lam.publish_version(FunctionName="f")
    lam.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": TWO}), Publish=True)
    made = lam.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="d")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["AliasArn"].endswith(":function:f:live")
    with raises("ResourceConflictException", "Alias already exists", 409):
        lam.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    with raises("ResourceNotFoundException", "", 404):
        lam.create_alias(FunctionName="f", Name="other", FunctionVersion="9")
    updated = lam.update_alias(FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}}, RevisionId=made["RevisionId"])
    assert updated["RoutingConfig"]["AdditionalVersionWeights"] == {"2": 0.25} and updated["RevisionId"] != made["RevisionId"]
    with raises("PreconditionFailedException", "", 412):
        lam.update_alias(FunctionName="f", Name="live", FunctionVersion="2", RevisionId=made["RevisionId"])
    assert lam.get_alias(FunctionName="f", Name="live")["FunctionVersion"] == "1"
    lam.create_alias(FunctionName="f", Name="two", FunctionVersion="2")
    assert [a["Name"] for a in lam.list_aliases(FunctionName="f")["Aliases"]] == ["live", "two"]
    assert [a["Name"] for a in lam.list_aliases(FunctionName="f", FunctionVersion="2")["Aliases"]] in (["two"], ["live", "two"])
    with raises("ResourceConflictException", "", 409):
        lam.delete_function(FunctionName="f", Qualifier="1")
    lam.delete_alias(FunctionName="f", Name="live")
    with raises("ResourceNotFoundException", "", 404):
        lam.get_alias(FunctionName="f", Name="live")


def listing():
    lam = client()
    for number in range(5):
        python_function(f"l{number}", ONE, lam, wait=False)
    pages = list(lam.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    names = [f["FunctionName"] for page in pages for f in page["Functions"]]
    assert names == [f"l{n}" for n in range(5)] and len(pages) == 3, names
    lam.publish_version(FunctionName="l0")
    every = [(f["FunctionName"], f["Version"]) for f in lam.list_functions(FunctionVersion="ALL")["Functions"]]
    assert ("l0", "1") in every and ("l0", "$LATEST") in every, every
    lam.delete_function(FunctionName="l0")
    assert "l0" not in [f["FunctionName"] for f in lam.list_functions()["Functions"]]
    with raises("ResourceNotFoundException", "Function not found", 404):
        lam.get_function(FunctionName="l0")
    with raises("ResourceNotFoundException", "", 404):
        lam.delete_function(FunctionName="l0")


def concurrency_and_settings():
    lam = client()
    python_function("f", ONE, lam)
    settings = lam.get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    assert settings["AccountUsage"]["FunctionCount"] == 1
    assert lam.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=10)["ReservedConcurrentExecutions"] == 10
    assert lam.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 10
    assert lam.get_function(FunctionName="f")["Concurrency"]["ReservedConcurrentExecutions"] == 10
    assert lam.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 990
    with raises("InvalidParameterValueException", "below its minimum value of [100]", 400):
        lam.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=901)
    lam.delete_function_concurrency(FunctionName="f")
    assert "ReservedConcurrentExecutions" not in lam.get_function_concurrency(FunctionName="f")


def tags():
    lam = client()
    arn = python_function("f", ONE, lam, Tags={"a": "1"})["FunctionArn"]
    lam.tag_resource(Resource=arn, Tags={"b": "2", "a": "3"})
    assert lam.list_tags(Resource=arn)["Tags"] == {"a": "3", "b": "2"}
    lam.untag_resource(Resource=arn, TagKeys=["a", "nothing"])
    assert lam.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    with raises("ResourceNotFoundException", "", 404):
        lam.list_tags(Resource=arn.replace(":function:f", ":function:g"))


def bad_input():
    lam = client(validate=False)
    code = {"ZipFile": zipped({"app.py": ONE})}
    good = dict(FunctionName="f", Runtime="python3.11", Role=ROLE, Handler="app.handler", Code=code)

    def refused(code, text, **changes):
        settings = {key: value for key, value in {**good, **changes}.items() if value is not None}
        with raises(code, text, 400):
            lam.create_function(**settings)

    refused("ValidationException", "'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128", MemorySize=64)
    refused("ValidationException", "'timeout' failed to satisfy constraint: Member must have value less than or equal to 900", Timeout=901)
    refused("ValidationException", "functionName", FunctionName="has space")
    refused("ValidationException", "'role' failed to satisfy constraint", Role="nonsense")
    refused("InvalidParameterValueException", "'runtime'", Runtime="cobol85")
    refused("InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.", Environment={"Variables": {"KEY": "x" * 5000}})
    refused("InvalidParameterValueException", "reserved keys", Environment={"Variables": {"AWS_REGION": "x"}})
    refused("InvalidParameterValueException", "Could not unzip uploaded file", Code={"ZipFile": b"this is no zip"})
    refused("InvalidParameterValueException", "", Code={"S3Bucket": "bucket", "S3Key": "key"})
    assert lam.list_functions()["Functions"] == [], "nothing half-written"


def hostile_packages():
    lam = client()

    def refused(data):
        with raises("InvalidParameterValueException", "", 400) as error:
            lam.create_function(FunctionName="h", Runtime="python3.11", Role=ROLE, Handler="app.handler", Code={"ZipFile": data})
        return error.error["Message"]

    refused(zipped({"../escape.py": ONE}))
    refused(zipped({"/absolute.py": ONE}))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (0o120777 << 16)
        archive.writestr(link, "../../etc/passwd")
    refused(buffer.getvalue())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb", "w", force_zip64=True) as entry:
            block = b"\0" * (1024 * 1024)
            for _ in range(260):
                entry.write(block)
    assert len(buffer.getvalue()) < 1024 * 1024
    assert "Unzipped size must be smaller than 262144000 bytes" in refused(buffer.getvalue())
    assert lam.list_functions()["Functions"] == []


def too_large():
    lam = client()
    noise = os.urandom(52 * 1024 * 1024)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("noise", noise)
    with raises("RequestEntityTooLargeException", "", 413):
        lam.create_function(FunctionName="big", Runtime="python3.11", Role=ROLE, Handler="a.b", Code={"ZipFile": buffer.getvalue()})


def not_offered():
    lam = client()
    python_function("f", ONE, lam)
    try:
        lam.list_layers()
        raise AssertionError("an operation that is not there must say so")
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in (400, 404, 501), error.response
        assert "ListLayers" in error.response["Error"]["Message"], error.response


def two_accounts():
    mine, theirs = client(), client(
        aws_access_key_id=os.environ["OTHER_ACCESS_KEY_ID"], aws_secret_access_key=os.environ["OTHER_SECRET_ACCESS_KEY"]
    )
    arn = python_function("secret", ONE, mine, Environment={"Variables": {"TOKEN": "x"}}, Tags={"t": "1"})["FunctionArn"]
    mine.publish_version(FunctionName="secret")
    mine.create_alias(FunctionName="secret", Name="live", FunctionVersion="1")
    assert theirs.list_functions()["Functions"] == []
    for attempt in (
        lambda name: theirs.get_function(FunctionName=name),
        lambda name: theirs.get_function_configuration(FunctionName=name),
        lambda name: theirs.invoke(FunctionName=name),
        lambda name: theirs.update_function_code(FunctionName=name, ZipFile=zipped({"app.py": TWO})),
        lambda name: theirs.update_function_configuration(FunctionName=name, Timeout=1),
        lambda name: theirs.publish_version(FunctionName=name),
        lambda name: theirs.list_versions_by_function(FunctionName=name),
        lambda name: theirs.list_aliases(FunctionName=name),
        lambda name: theirs.get_alias(FunctionName=name, Name="live"),
        lambda name: theirs.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0),
        lambda name: theirs.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0),
        lambda name: theirs.get_function_event_invoke_config(FunctionName=name),
        lambda name: theirs.list_function_event_invoke_configs(FunctionName=name),
        lambda name: theirs.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow"),
        lambda name: theirs.delete_function(FunctionName=name),
    ):
        for name, codes in (("secret", ("ResourceNotFoundException",)), (arn, ("AccessDeniedException", "ResourceNotFoundException"))):
            try:
                attempt(name)
                raise AssertionError(f"{name} is another account's")
            except ClientError as error:
                assert error.response["Error"]["Code"] in codes, (name, error)
    for attempt in (lambda: theirs.list_tags(Resource=arn), lambda: theirs.tag_resource(Resource=arn, Tags={"x": "y"})):
        try:
            attempt()
            raise AssertionError("tags of another account")
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("AccessDeniedException", "ResourceNotFoundException"), error
    # The same name is free in the other account, and both keep their own.
    python_function("secret", TWO, theirs)
    assert (invoke("secret", {}, mine)[0], invoke("secret", {}, theirs)[0]) == (1, 2)


def regions_are_apart():
    here, there = client(), client(region_name="eu-west-1")
    python_function("f", ONE, here)
    assert there.list_functions()["Functions"] == []
    made = python_function("f", TWO, there)
    assert ":eu-west-1:" in made["FunctionArn"]
    assert (invoke("f", {}, here)[0], invoke("f", {}, there)[0]) == (1, 2)


if __name__ == "__main__":
    main(globals())
