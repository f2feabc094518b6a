"""What the client tests share: sessions against the platform under test, and small functions to deploy.

Each test is a function of a script; the Rust test binary runs `python SCRIPT.py FUNCTION` with the endpoint, the keys of an
account made for that test, and the path of the binary in the environment. A test passes by returning.
"""

import base64
import io
import json
import os
import sys
import time
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROLE = f"arn:aws:iam::{os.environ.get('ACCOUNT_ID', '000000000000')}:role/tests"


def client(service="lambda", **overrides):
    """A client without retries, so that a test sees each answer."""
    config = Config(
        retries={"total_max_attempts": 1},
        read_timeout=120,
        max_pool_connections=64,
        parameter_validation=overrides.pop("validate", True),
        signature_version=overrides.pop("signature_version", None),
    )
    return boto3.client(service, config=config, **overrides)


def zipped(files):
    """A deployment package of name -> text, or name -> (text, mode)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            mode = 0o644
            if isinstance(content, tuple):
                content, mode = content
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def python_function(name, source, lam=None, wait=True, **settings):
    """Creates a Python function from its source text and waits until it can run."""
    lam = lam or client()
    settings.setdefault("Runtime", "python3.11")
    settings.setdefault("Handler", "app.handler")
    return create(name, {"app.py": source}, lam, wait, **settings)


def create(name, files, lam=None, wait=True, **settings):
    lam = lam or client()
    settings.setdefault("Role", ROLE)
    answer = lam.create_function(FunctionName=name, Code={"ZipFile": zipped(files)}, **settings)
    if wait:
        lam.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return answer


def invoke(name, event=None, lam=None, **settings):
    """Invokes and answers (payload as value, whole answer)."""
    lam = lam or client()
    if event is not None:
        settings["Payload"] = json.dumps(event)
    answer = lam.invoke(FunctionName=name, **settings)
    body = answer["Payload"].read()
    return (json.loads(body) if body else None), answer


def log_tail(answer):
    return base64.b64decode(answer["LogResult"]).decode()


class raises:
    """`with raises(code, text, status):` passes where the block fails with that error."""

    def __init__(self, code, text="", status=None):
        self.code, self.text, self.status = code, text, status

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert kind is not None, f"{self.code} was expected, nothing was raised"
        if not isinstance(error, ClientError):
            return False
        self.error = error.response["Error"]
        self.response = error.response
        got = (self.error["Code"], self.error["Message"])
        assert self.error["Code"] == self.code, f"{self.code} was expected, got {got}"
        assert self.text in self.error["Message"], f"{self.text!r} is not in {got}"
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert self.status in (None, status), f"status {self.status} was expected, got {status}"
        return True


def until(condition, what, seconds=20):
    """Polls until the condition holds; its value is the answer."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def main(tests):
    name = sys.argv[1]
    tests[name]()
    print("ok", name)
