"""Signatures: who gets in, and what the others are told."""

import datetime
import http.client
import urllib.parse

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from common import *

LIST = "/2015-03-31/functions"


def send(headers, method="GET", path=LIST, body=b""):
    url = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    return answer.status, answer.headers, text


def signed(method="GET", path=LIST, body=b"", at=None, secret=None, key=None, service="lambda"):
    url = os.environ["AWS_ENDPOINT_URL"] + path
    request = AWSRequest(method=method, url=url, data=body)
    credentials = Credentials(key or os.environ["AWS_ACCESS_KEY_ID"], secret or os.environ["AWS_SECRET_ACCESS_KEY"])
    signer = botocore.auth.SigV4Auth(credentials, service, "us-east-1")
    if at is None:
        signer.add_auth(request)
    else:
        real = botocore.auth.get_current_datetime if hasattr(botocore.auth, "get_current_datetime") else None
        if real is not None:
            botocore.auth.get_current_datetime = lambda *a, **k: at
            signer.add_auth(request)
            botocore.auth.get_current_datetime = real
        else:
            class Moved(datetime.datetime):
                @classmethod
                def utcnow(cls):
                    return at
            real, botocore.auth.datetime.datetime = botocore.auth.datetime.datetime, Moved
            signer.add_auth(request)
            botocore.auth.datetime.datetime = real
    return dict(request.headers)


def good():
    status, headers, text = send(signed())
    assert status == 200 and "Functions" in text, (status, text)
    assert headers["x-amzn-RequestId"], headers.items()


def refusals():
    status, headers, text = send({})
    assert status == 403 and "Missing Authentication Token" in text, (status, text)
    status, headers, text = send(signed(key="AKIAAAAAAAAAAAAAAAAA"))
    assert status == 403 and "The security token included in the request is invalid." in text, (status, text)
    assert headers["x-amzn-ErrorType"].startswith("UnrecognizedClientException"), headers.items()
    status, headers, text = send(signed(secret="wrong"))
    assert status == 403 and "The request signature we calculated does not match" in text, (status, text)
    assert headers["x-amzn-ErrorType"].startswith("InvalidSignatureException"), headers.items()


def skew():
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    status, _, text = send(signed(at=now - datetime.timedelta(minutes=4)))
    assert status == 200, text
    status, _, text = send(signed(at=now - datetime.timedelta(minutes=6)))
    assert status == 403 and "Signature expired" in text, (status, text)
    status, _, text = send(signed(at=now + datetime.timedelta(minutes=6)))
    assert status == 403 and "Signature not yet current" in text, (status, text)


def tampered_body():
    path = "/2015-03-31/functions/f/invocations"
    headers = signed("POST", path, b'{"a":1}')
    status, _, text = send(headers, "POST", path, b'{"a":2}')
    assert status == 403 and "does not match" in text, (status, text)
    headers = signed("POST", path, b'{"a":1}')
    status, _, _ = send(headers, "POST", path, b'{"a":1}')
    assert status == 404, "the signature is good, the function is not there"


def presigned():
    url = client().generate_presigned_url("list_functions", ExpiresIn=60)
    parts = urllib.parse.urlsplit(url)
    status, _, text = send({}, path=f"{parts.path}?{parts.query}")
    assert status == 200 and "Functions" in text, (status, text)
    status, _, text = send({}, path=f"{parts.path}?{parts.query}x")
    assert status == 403, (status, text)


def deleted_keys_stop():
    import subprocess

    tollgate, data = os.environ["PROGRAM"], os.environ["DATA_DIR"]
    run = lambda *arguments: subprocess.run([tollgate, *arguments, "--data-dir", data], check=True, capture_output=True, text=True).stdout
    made = run("keys", "create", os.environ["ACCOUNT_ID"])
    key = next(word for word in made.replace("'", " ").split() if word.startswith("AKIA"))
    assert key in run("keys", "list", os.environ["ACCOUNT_ID"])
    run("keys", "delete", key)
    assert key not in run("keys", "list", os.environ["ACCOUNT_ID"])
    until(lambda: send(signed(key=key))[0] == 403, "the deleted key is refused")


if __name__ == "__main__":
    main(globals())
