"""Writes signatures.json and requests.json: what botocore sends, for the tests of this crate to read back.

    pip install botocore==1.44.5
    python3 make.py

The key is the example of AWS's documentation; the clock stands at 2026-11-23 10:00 UTC.
"""

import base64
import datetime
import json
import pathlib
from unittest import mock
from urllib.parse import urlencode, urlsplit

import botocore.auth
import botocore.loaders
import botocore.model
import botocore.serialize
import tomllib
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HERE = pathlib.Path(__file__).parent
HOST = "http://127.0.0.1:9400"
NOW = datetime.datetime(2026, 11, 23, 10, 0, 0)
TOKEN = "FwoGZXIvYXdzE/example+token=="


def signed(name, method, target, service="lambda", region="us-east-1", headers=None, body=b"",
           token=None, expires=None, auth=None):
    """One request as botocore signs it."""
    key = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    request = AWSRequest(method=method, url=HOST + target, headers=headers or {}, data=body)
    options = {"expires": expires} if expires else {}
    default = botocore.auth.SigV4QueryAuth if expires else botocore.auth.SigV4Auth
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: NOW):
        (auth or default)(key, service, region, **options).add_auth(request)
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    sent = {"host": url.netloc}
    for header, value in prepared.headers.items():
        sent[header.lower()] = value.decode() if isinstance(value, bytes) else value
    sent.pop("content-length", None)
    return {
        "name": name,
        "method": method,
        "target": url.path + ("?" + url.query if url.query else ""),
        "headers": sent,
        "body": body.decode(),
    }


def signatures():
    functions = "/2015-03-31/functions"
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    json_target = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups",
                   "Content-Type": "application/x-amz-json-1.1"}
    s3_query, s3 = botocore.auth.S3SigV4QueryAuth, botocore.auth.S3SigV4Auth
    return [
        signed("a bare GET", "GET", "/"),
        signed("an invocation", "POST", f"{functions}/echo/invocations",
               headers={"Content-Type": "application/json", "X-Amz-Invocation-Type": "RequestResponse"},
               body=b'{"key": "value"}'),
        signed("an ARN in the path", "POST",
               f"{functions}/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho/invocations",
               body=b"{}"),
        signed("a raw colon and dollar in the path", "GET", f"{functions}/echo:$LATEST"),
        signed("a query with reserved characters", "GET", f"{functions}?Marker=a%2Fb%3D%3D&MaxItems=3"),
        signed("a query out of order", "DELETE",
               "/2017-03-31/tags/arn%3Aaws%3Alambda?tagKeys=b&tagKeys=a&tagKeys=a%20b"),
        signed("blanks in a header", "POST", "/", headers={"X-Amz-Meta": "  a   b  c "}, body=b"x"),
        signed("a session token", "POST", "/", service="sts", headers=form, token=TOKEN,
               body=b"Action=GetCallerIdentity&Version=2011-06-15"),
        signed("a JSON target", "POST", "/", service="logs", region="eu-central-1",
               headers=json_target, body=b"{}"),
        signed("unicode in the path", "GET", f"{functions}/%C3%A4%20b"),
        signed("dot segments", "GET", "/a/../b//c/./d/"),
        signed("a presigned GET", "GET", f"{functions}/echo?Qualifier=live", expires=900),
        signed("a presigned GET with a token", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15",
               service="sts", expires=60, token=TOKEN),
        signed("a presigned S3 object", "GET", "/bucket/key%20one", service="s3", expires=60, auth=s3_query),
        signed("an S3 object", "PUT", "/bucket/key%20one", service="s3", body=b"data", auth=s3),
    ]


def sample(shape):
    """A value of a shape, and what our decoder should make of it. Constraints are not kept: they are another test's."""
    kind = shape.type_name
    if kind == "structure":
        members = {name: sample(member) for name, member in shape.members.items()}
        return {n: v for n, (v, _) in members.items()}, {n: w for n, (_, w) in members.items()}
    if kind == "list":
        given, wanted = sample(shape.member)
        return [given, given], [wanted, wanted]
    if kind == "map":
        given, wanted = sample(shape.value)
        return {"k/1": given, "k 2": given}, {"k/1": wanted, "k 2": wanted}
    if kind == "blob":
        return b"\x00\xff\xfe", base64.b64encode(b"\x00\xff\xfe").decode()
    if kind == "timestamp":
        return datetime.datetime(2026, 11, 23, 10, 0, 0, tzinfo=datetime.timezone.utc), 1795428000.0
    scalar = {
        "string": "a b/\u00fc+%&=:;\"<",
        "integer": -7,
        "long": 2**40,
        "float": 0.25,
        "double": 0.25,
        "boolean": True,
    }[kind]
    return scalar, scalar


def requests():
    """Every operation that has types, with every member of its input given."""
    config = tomllib.loads((HERE / "../../aws-codegen/operations.toml").read_text())
    loader = botocore.loaders.Loader()
    for service in config["service"]:
        name, version = service["model"].split("/")
        model = botocore.model.ServiceModel(loader.load_service_model(name, "service-2", version), name)
        serializer = botocore.serialize.create_serializer(model.metadata["protocol"], False)
        for operation in map(model.operation_model, service["operations"]):
            given, wanted = sample(operation.input_shape) if operation.input_shape else ({}, {})
            request = serializer.serialize_to_request(given, operation)
            body, query = request["body"], request["query_string"]
            if isinstance(body, dict):
                body = urlencode(body)
            target = request["url_path"]
            if query:
                target += ("&" if "?" in target else "?") + urlencode(query, doseq=True)
            yield {
                "service": service["name"],
                "operation": operation.name,
                "method": request["method"],
                "target": target,
                "headers": request["headers"],
                "body": body.decode() if isinstance(body, bytes) else body,
                "input": wanted,
            }


def write(name, rows):
    text = json.dumps(list(rows), indent=1, ensure_ascii=False)
    (HERE / name).write_text(text + "\n")


write("signatures.json", signatures())
write("requests.json", requests())
