"""Accounts and keys: what the operator makes, and that no account sees or touches what is another's."""

import re
import subprocess

from common import *
import iam as iam_tests
import logs as logs_tests


def tollgate(*words):
    data = ["--data-dir", os.environ["DATA_DIR"]]
    return subprocess.run([os.environ["PROGRAM"], *words, *data], capture_output=True, text=True)


def other_account():
    """Another account's (id, key id, secret)."""
    made = tollgate("accounts", "create", "other").stdout
    account = re.search(r"Account (\d{12})", made).group(1)
    key = re.search(r"AWS_ACCESS_KEY_ID='(AKIA[A-Z2-7]{16})'", made).group(1)
    secret = re.search(r"AWS_SECRET_ACCESS_KEY='([A-Za-z0-9+/]{40})'", made).group(1)
    return account, key, secret


def operator_commands():
    account, key, secret = other_account()
    listed = tollgate("accounts", "list").stdout
    assert account in listed and os.environ["ACCOUNT_ID"] in listed, listed
    asked = f"{int(account) ^ 1:012}"
    made = tollgate("accounts", "create", "--id", asked, "named")
    assert made.returncode == 0 and asked in made.stdout, made
    again = tollgate("accounts", "create", "--id", asked, "named")
    assert again.returncode == 1 and "already" in again.stderr, again
    keys = tollgate("keys", "list", account)
    assert key in keys.stdout and secret not in keys.stdout + keys.stderr, keys
    assert tollgate("keys", "create", "123").returncode == 1
    assert tollgate("keys", "delete", "AKIAAAAAAAAAAAAAAAAA").returncode == 1
    sts = client("sts", aws_access_key_id=key, aws_secret_access_key=secret)
    assert sts.get_caller_identity()["Account"] == account


def accounts_are_apart():
    account, key, secret = other_account()
    theirs = {"aws_access_key_id": key, "aws_secret_access_key": secret}
    iam, their_iam = client("iam"), client("iam", **theirs)
    logs, their_logs = client("logs"), client("logs", **theirs)
    iam_tests.role(iam, "same")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(iam_tests.POLICY))["Policy"]["Arn"]
    assert their_iam.list_roles()["Roles"] == []
    assert their_iam.list_policies(Scope="Local")["Policies"] == []
    with raises("NoSuchEntity", status=404):
        their_iam.get_policy(PolicyArn=arn)
    with raises("NoSuchEntity", status=404):
        their_iam.delete_role(RoleName="same")
    made = iam_tests.role(their_iam, "same")
    assert made["Arn"] == f"arn:aws:iam::{account}:role/same", made
    with raises("NoSuchEntity", status=404):
        their_iam.attach_role_policy(RoleName="same", PolicyArn=arn)

    python_function("talk", logs_tests.SAY)
    stream = logs_tests.said("talk", ["mine"])
    assert their_logs.describe_log_groups()["logGroups"] == []
    mine = f"arn:aws:logs:us-east-1:{os.environ['ACCOUNT_ID']}:log-group:/aws/lambda/talk"
    for call in (
        lambda: their_logs.filter_log_events(logGroupName="/aws/lambda/talk"),
        lambda: their_logs.filter_log_events(logGroupIdentifier=mine),
        lambda: their_logs.get_log_events(logGroupName="/aws/lambda/talk", logStreamName=stream),
        lambda: their_logs.delete_log_group(logGroupName="/aws/lambda/talk"),
    ):
        with raises("ResourceNotFoundException", "The specified log group does not exist.", 400):
            call()
    lam = client(**theirs)
    python_function("talk", logs_tests.SAY, lam)
    logs_tests.said("talk", ["theirs"], lam, their_logs)
    assert "theirs" not in logs_tests.texts(logs_tests.everything(logs, logGroupName="/aws/lambda/talk"))
    assert "mine" not in logs_tests.texts(logs_tests.everything(their_logs, logGroupName="/aws/lambda/talk"))


if __name__ == "__main__":
    main(globals())
