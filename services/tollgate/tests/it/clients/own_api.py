"""Tollgate's own API: a client that checks every answer against the document, and tests of what all operations share."""

import functools
import http.client
import subprocess
import urllib.parse

import botocore.auth
import jsonschema
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from openapi_spec_validator import OpenAPIV31SpecValidator

from common import *

PREFIX = "/tollgate/v1"
TOLLGATE = os.environ["PROGRAM"]


def send(method, path, headers, body=b""):
    url = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


@functools.cache
def document():
    status, headers, text = send("GET", f"{PREFIX}/openapi.json", {})
    assert status == 200 and headers["content-type"] == "application/json", (status, headers.items())
    return json.loads(text)


def api(method, path, body=None, service="tollgate", raw=None, **query):
    """A signed request; answers (status, body as value). Whatever comes back must be what the document says."""
    data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    query = {name: value for name, value in query.items() if value is not None}
    target = f"{PREFIX}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
    request = AWSRequest(method=method, url=os.environ["AWS_ENDPOINT_URL"] + target, data=data)
    credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    botocore.auth.SigV4Auth(credentials, service, os.environ["AWS_REGION"]).add_auth(request)
    status, headers, text = send(method, target, dict(request.headers), data)
    assert headers["x-amzn-requestid"], headers.items()
    answer = json.loads(text)
    check(method, path, status, answer)
    return status, answer


def good(method, path, body=None, **query):
    """As `api`, for a request that is served."""
    status, answer = api(method, path, body, **query)
    assert 200 <= status < 300, (method, path, status, answer)
    return answer


def operation(method, path):
    """The documented operation, or None."""
    for pattern, operations in document()["paths"].items():
        ours, theirs = pattern.split("/"), f"{PREFIX}{path}".split("/")
        fits = len(ours) == len(theirs) and all(o == t or o.startswith("{") for o, t in zip(ours, theirs))
        # A path that is written out goes before one with a parameter there.
        if fits and method.lower() in operations and ("{" not in pattern or f"{PREFIX}{path}" not in document()["paths"]):
            return operations[method.lower()]
    return None


def validate(schema, value):
    whole = {**schema, "components": document()["components"]}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(whole, format_checker=checker).validate(value)


def check(method, path, status, answer):
    found = operation(method, path)
    if found is None:
        assert set(answer) == {"code", "message"}, answer
        return
    assert str(status) in found["responses"], f"{method} {path} answers {status}, which is not documented: {answer}"
    validate(found["responses"][str(status)]["content"]["application/json"]["schema"], answer)


def tollgate(*words, ok=True, **settings):
    done = subprocess.run([TOLLGATE, *words], capture_output=True, text=True, timeout=180, **settings)
    if ok:
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
    return done


def the_document_is_valid():
    OpenAPIV31SpecValidator(document()).validate()
    for path, operations in document()["paths"].items():
        for method, found in operations.items():
            contents = [answer["content"] for answer in found["responses"].values()]
            if "requestBody" in found:
                contents.append(found["requestBody"]["content"])
            for content in contents:
                shown = content["application/json"]
                validate(shown["schema"], shown["example"])
            named = {p["name"] for p in found["parameters"] if p["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, (method, path, named)


def every_operation_answers_as_documented():
    """Each with its documented example, in an account that has nothing: whatever it answers is documented."""
    for pattern, operations in document()["paths"].items():
        for method, found in operations.items():
            path = pattern.removeprefix(PREFIX)
            for parameter in found["parameters"]:
                if parameter["in"] == "path":
                    uuid = parameter["schema"].get("format") == "uuid"
                    number = parameter["schema"].get("type") == "integer"
                    value = "0196b7a2-5b7a-7000-8000-000000000000" if uuid else "1" if number else "nobody"
                    path = path.replace("{%s}" % parameter["name"], value)
            body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            status, answer = api(method.upper(), path, body)
            assert status < 500, (method, path, status, answer)
            status, answer = api(method.upper(), path, body, nonsense="1")
            assert (status, answer["code"]) == (400, "ValidationException"), (method, path, status, answer)
            status, answer = api(method.upper(), path, {**(body or {}), "nonsense": 1})
            assert (status, answer["code"]) == (400, "ValidationException"), (method, path, status, answer)


def strangers_are_refused():
    path = f"{PREFIX}/clock"
    for method, target in [("GET", path), ("POST", path), ("GET", f"{PREFIX}/nothing"), ("POST", f"{PREFIX}/openapi.json")]:
        status, _, text = send(method, target, {})
        assert (status, json.loads(text)["code"]) == (403, "MissingAuthenticationTokenException"), (method, target, text)
    status, answer = api("GET", "/clock", service="iam")
    assert (status, answer["code"]) == (403, "InvalidSignatureException"), answer
    assert api("GET", "/clock", service="lambda")[0] == 200
    status, answer = api("POST", "/clock", raw=b" " * 70_000)
    assert (status, answer["code"]) == (413, "RequestEntityTooLargeException"), answer
    status, answer = api("GET", "/nothing")
    assert (status, answer["code"]) == (404, "ResourceNotFoundException"), answer
    status, answer = api("DELETE", "/clock")
    assert (status, answer["code"]) == (405, "MethodNotAllowedException"), answer


if __name__ == "__main__":
    main(globals())
