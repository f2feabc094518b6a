"""IAM and STS, as test suites and deploy tools use them: stored and returned exactly."""

import datetime
import subprocess

from common import *

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["logs:*"], "Resource": "arn:aws:logs:*:*:*"}]}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ACCOUNT = os.environ.get("ACCOUNT_ID")


def role(iam, name, **more):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **more)["Role"]


def identity():
    who = client("sts").get_caller_identity()
    assert who["Account"] == ACCOUNT and who["UserId"] == ACCOUNT, who
    assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:root", who


def roles():
    iam = client("iam")
    tags = [{"Key": "team", "Value": "a b=c"}, {"Key": "äöü", "Value": ""}]
    made = role(iam, "runner", Path="/svc/", Description="runs <this> & that\n", MaxSessionDuration=7200, Tags=tags)
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/svc/runner", made
    assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21, made
    assert made["AssumeRolePolicyDocument"] == TRUST and made["Tags"] == tags, made
    assert made["CreateDate"] <= datetime.datetime.now(datetime.timezone.utc), made
    got = iam.get_role(RoleName="runner")["Role"]
    assert got == {**made, "MaxSessionDuration": 7200, "Description": "runs <this> & that\n", "RoleLastUsed": {}}, got
    with raises("EntityAlreadyExists", "Role with name runner already exists.", 409):
        role(iam, "runner")
    with raises("EntityAlreadyExists", "Role with name RUNNER already exists.", 409):
        role(iam, "RUNNER")
    plain = role(iam, "plain")
    assert "Tags" not in plain and "Description" not in plain and plain["Path"] == "/", plain
    assert [r["RoleName"] for r in iam.list_roles()["Roles"]] == ["plain", "runner"]
    assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/svc/")["Roles"]] == ["runner"]
    iam.get_waiter("role_exists").wait(RoleName="runner")
    iam.delete_role(RoleName="runner")
    for missing in (iam.get_role, iam.delete_role):
        with raises("NoSuchEntity", "The role with name runner cannot be found.", 404):
            missing(RoleName="runner")


def documents_come_back_byte_for_byte():
    iam = client("iam")
    written = '{ "Version": "2012-10-17",\n\t"Statement": [ {"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Sid":"äß%20+&="} ] }'
    raw = {}
    iam.meta.events.register("after-call.iam.GetRole", lambda http_response, **_: raw.update(text=http_response.text))
    iam.create_role(RoleName="odd", AssumeRolePolicyDocument=written)
    iam.get_role(RoleName="odd")
    import re
    import urllib.parse

    encoded = re.search("<AssumeRolePolicyDocument>(.*?)</AssumeRolePolicyDocument>", raw["text"], re.S).group(1)
    assert urllib.parse.unquote(encoded) == written, encoded
    assert "+" not in encoded and "%20" in encoded and "{" not in encoded, encoded


def inline_policies():
    iam = client("iam")
    role(iam, "r")
    put = lambda name, document=json.dumps(POLICY), owner="r": iam.put_role_policy(RoleName=owner, PolicyName=name, PolicyDocument=document)
    put("one")
    put("two")
    put("one", json.dumps(POLICY, indent=2))
    got = iam.get_role_policy(RoleName="r", PolicyName="one")
    assert (got["RoleName"], got["PolicyName"], got["PolicyDocument"]) == ("r", "one", POLICY), got
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["one", "two"]
    with raises("DeleteConflict", "Cannot delete entity, must delete policies first.", 409):
        iam.delete_role(RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="one")
    for missing in (iam.delete_role_policy, iam.get_role_policy):
        with raises("NoSuchEntity", "The role policy with name one cannot be found.", 404):
            missing(RoleName="r", PolicyName="one")
    with raises("NoSuchEntity", "The role with name nobody cannot be found.", 404):
        put("p", owner="nobody")
    with raises("NoSuchEntity", "The role with name nobody cannot be found.", 404):
        iam.list_role_policies(RoleName="nobody")
    iam.delete_role_policy(RoleName="r", PolicyName="two")
    iam.delete_role(RoleName="r")


def managed_policies():
    iam = client("iam")
    role(iam, "r")
    made = iam.create_policy(PolicyName="p", Path="/x/", PolicyDocument=json.dumps(POLICY), Description="d", Tags=[{"Key": "k", "Value": "v"}])["Policy"]
    arn = f"arn:aws:iam::{ACCOUNT}:policy/x/p"
    assert made["Arn"] == arn and made["PolicyId"].startswith("ANPA") and made["DefaultVersionId"] == "v1", made
    assert (made["AttachmentCount"], made["IsAttachable"], made["Path"]) == (0, True, "/x/"), made
    with raises("EntityAlreadyExists", "A policy called p already exists. Duplicate names are not allowed.", 409):
        iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(POLICY))
    for _ in range(2):  # attaching again changes nothing
        iam.attach_role_policy(RoleName="r", PolicyArn=arn)
        iam.attach_role_policy(RoleName="r", PolicyArn=BASIC)
    attached = iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "p", "PolicyArn": arn},
        {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC},
    ], attached
    only = iam.list_attached_role_policies(RoleName="r", PathPrefix="/service-role/")["AttachedPolicies"]
    assert [p["PolicyArn"] for p in only] == [BASIC], only
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (got["AttachmentCount"], got["Description"], got["Tags"]) == (1, "d", [{"Key": "k", "Value": "v"}]), got
    basic = iam.get_policy(PolicyArn=BASIC)["Policy"]
    assert basic["Path"] == "/service-role/" and basic["AttachmentCount"] == 1, basic
    with raises("DeleteConflict", "Cannot delete a policy attached to entities.", 409):
        iam.delete_policy(PolicyArn=arn)
    with raises("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409):
        iam.delete_role(RoleName="r")
    local = iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]
    assert [p["Arn"] for p in local] == [arn], local
    attached = iam.list_policies(OnlyAttached=True)["Policies"]
    assert [p["Arn"] for p in attached] == [arn, BASIC], attached
    iam.detach_role_policy(RoleName="r", PolicyArn=arn)
    iam.detach_role_policy(RoleName="r", PolicyArn=BASIC)
    with raises("NoSuchEntity", f"Policy {BASIC} was not found.", 404):
        iam.detach_role_policy(RoleName="r", PolicyArn=BASIC)
    none = f"arn:aws:iam::{ACCOUNT}:policy/none"
    for missing in (none, "arn:aws:iam::aws:policy/NoSuchThing"):
        with raises("NoSuchEntity", f"Policy {missing} does not exist or is not attachable.", 404):
            iam.attach_role_policy(RoleName="r", PolicyArn=missing)
    iam.delete_policy(PolicyArn=arn)
    with raises("NoSuchEntity", f"Policy {arn} was not found.", 404):
        iam.get_policy(PolicyArn=arn)
    with raises("NoSuchEntity", "The role with name nobody cannot be found.", 404):
        iam.attach_role_policy(RoleName="nobody", PolicyArn=BASIC)
    iam.delete_role(RoleName="r")


def boundaries():
    iam = client("iam")
    arn = iam.create_policy(PolicyName="fence", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
    role(iam, "r", PermissionsBoundary=arn)
    got = iam.get_role(RoleName="r")["Role"]
    assert got["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn, got
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    with raises("DeleteConflict", status=409):
        iam.delete_policy(PolicyArn=arn)
    with raises("NoSuchEntity", "does not exist or is not attachable.", 404):
        role(iam, "s", PermissionsBoundary=arn + "x")
    iam.delete_role(RoleName="r")
    iam.delete_policy(PolicyArn=arn)


def bad_input():
    iam = client("iam", validate=False)
    trust = json.dumps(TRUST)
    cases = [
        ("no json", "This policy contains invalid Json"),
        (json.dumps(POLICY), "Has prohibited field Resource"),
        (trust.replace("Principal", "Princpl"), "Missing required field Principal"),
        ('{"Version": "2012-10-17", "Statement": []}', "Syntax errors in policy."),
    ]
    for document, text in cases:
        with raises("MalformedPolicyDocument", text, 400):
            iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    role(iam, "r")
    cases = [
        ("no json", "The policy is not in the valid JSON format."),
        (trust, "Policy document should not specify a principal."),
        (json.dumps(POLICY).replace("Allow", "Maybe"), "Syntax errors in policy."),
        (json.dumps(POLICY).replace("Action", "Act"), "Policy statement must contain actions."),
    ]
    for document, text in cases:
        with raises("MalformedPolicyDocument", text, 400):
            iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
        with raises("MalformedPolicyDocument", text, 400):
            iam.create_policy(PolicyName="p", PolicyDocument=document)
    for name in ("", "a b", "x" * 65):
        with raises("ValidationError", "roleName", 400):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    with raises("ValidationError", "validation error", 400):
        iam.create_role(RoleName="s", AssumeRolePolicyDocument=trust, MaxSessionDuration=1)
    with raises("InvalidInput", "Duplicate tag keys found.", 400):
        role(iam, "s", Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    with raises("InvalidInput", status=400):
        iam.list_roles(Marker="!!")
    # Routed, but not offered: one well-formed error that names the operation.
    try:
        iam.create_user(UserName="u")
        raise AssertionError("CreateUser is not offered")
    except ClientError as error:
        assert "CreateUser" in error.response["Error"]["Message"], error.response


def paging():
    iam = client("iam")
    names = [f"r{n:02}" for n in range(7)]
    for name in names:
        role(iam, name)
    first = iam.list_roles(MaxItems=3)
    assert first["IsTruncated"] and first["Marker"], first
    listed = [r["RoleName"] for page in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2}) for r in page["Roles"]]
    assert listed == names, listed
    exact = iam.list_roles(MaxItems=7)
    assert not exact["IsTruncated"] and "Marker" not in exact, exact
    for n in range(5):
        iam.put_role_policy(RoleName="r00", PolicyName=f"p{n}", PolicyDocument=json.dumps(POLICY))
    pages = iam.get_paginator("list_role_policies").paginate(RoleName="r00", PaginationConfig={"PageSize": 2})
    assert [p for page in pages for p in page["PolicyNames"]] == [f"p{n}" for n in range(5)]
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 4})
    arns = [p["Arn"] for page in pages for p in page["Policies"]]
    assert BASIC in arns and len(arns) == len(set(arns)) > 8, arns


def aws_cli():
    """What a deploy script does, with the real command line."""
    run = lambda *words: subprocess.run(["aws", *words], check=True, capture_output=True, text=True).stdout
    made = json.loads(run("iam", "create-role", "--role-name", "deploy", "--assume-role-policy-document", json.dumps(TRUST)))
    run("iam", "attach-role-policy", "--role-name", "deploy", "--policy-arn", BASIC)
    run("iam", "put-role-policy", "--role-name", "deploy", "--policy-name", "logs", "--policy-document", json.dumps(POLICY))
    assert json.loads(run("sts", "get-caller-identity"))["Account"] == ACCOUNT
    shown = json.loads(run("iam", "get-role", "--role-name", "deploy"))["Role"]
    assert shown["Arn"] == made["Role"]["Arn"] and shown["AssumeRolePolicyDocument"] == TRUST, shown
    run("iam", "delete-role-policy", "--role-name", "deploy", "--policy-name", "logs")
    run("iam", "detach-role-policy", "--role-name", "deploy", "--policy-arn", BASIC)
    run("iam", "delete-role", "--role-name", "deploy")


if __name__ == "__main__":
    main(globals())
