"""Speaks HTTP to the Runtime API over one kept-alive connection, with nothing but a socket.

It stands in for `runtime_client`, the native part of AWS's client, whose curl costs more than all the rest of a small
invocation: the same functions, answers and errors. The built-in client uses it too.
"""

import os
import socket
import sys
import time

PREFIX = "/2018-06-01/runtime/"
# More would have the allocator ask the kernel each time.
BYTES_AT_ONCE = 64 * 1024

# Headers of an event, as AWS's client looks for them and as they are found; and what is said where there is none.
_HEADERS = [
    (name, name.lower(), absent)
    for name, absent in (
        ("Lambda-Runtime-Aws-Request-Id", ""),
        ("Lambda-Runtime-Trace-Id", None),
        ("Lambda-Runtime-Invoked-Function-Arn", ""),
        ("Lambda-Runtime-Client-Context", None),
        ("Lambda-Runtime-Cognito-Identity", None),
        ("Lambda-Runtime-Aws-Tenant-Id", None),
        ("Lambda-Runtime-Invocation-Id", None),
        ("Content-Type", None),
    )
]


class Connection:
    """A connection to the Runtime API, made when it is needed."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._host = address
        self._socket = None
        self.user_agent = "tollgate"

    def get(self, path):
        return self._exchange(self._head("GET", path), b"")

    def post(self, path, body, headers=()):
        head = self._head("POST", path)
        for name, value in headers:
            head += f"{name}: {value}\r\n"
        return self._exchange(f"{head}Content-Length: {len(body)}\r\n", body)

    def _head(self, method, path):
        return (
            f"{method} {PREFIX}{path} HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: {self.user_agent}\r\n"
        )

    def _exchange(self, head, body):
        """Status, headers with names in lower case, and body of the answer."""
        request = f"{head}\r\n".encode() + body
        if self._socket is not None:
            try:
                return self._answer(request)
            except ConnectionError:
                # It was closed while nobody used it.
                self.close()
        self._socket = socket.create_connection(self._address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._answer(request)

    def _answer(self, request):
        self._socket.sendall(request)
        data = self._receive()
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        missing = int(headers.get("content-length", 0)) - len(body)
        if missing > 0:
            parts = [body]
            while missing > 0:
                parts.append(self._receive())
                missing -= len(parts[-1])
            body = b"".join(parts)
        if headers.get("connection") == "close":
            self.close()
        return int(status.split(" ", 2)[1]), headers, body

    def _receive(self):
        data = self._socket.recv(BYTES_AT_ONCE)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        return data

    def close(self):
        self._socket.close()
        self._socket = None


class RuntimeClient:
    """What AWS's client finds under the name of its native module."""

    def __init__(self, address):
        self._connection = Connection(address)

    def initialize_client(self, user_agent):
        self._connection.user_agent = user_agent

    def next(self):
        """The event, and its headers in a dictionary."""
        status, headers, body = self._connection.get("invocation/next")
        if not 200 <= status < 300:
            raise RuntimeError("Failed to get next")
        found = {name: headers.get(key, absent) for name, key, absent in _HEADERS}
        found["Lambda-Runtime-Deadline-Ms"] = int(headers.get("lambda-runtime-deadline-ms", 0))
        return body, found

    def post_invocation_result(self, invoke_id, result, content_type, invocation_id=None):
        headers = [("Content-Type", content_type)]
        if not self._post(f"invocation/{invoke_id}/response", result, headers, invocation_id):
            raise RuntimeError("Failed to post invocation response")

    def post_error(self, invoke_id, error, xray_fault, invocation_id=None):
        headers = [("Content-Type", "application/json")]
        if xray_fault:
            headers.append(("Lambda-Runtime-Function-XRay-Error-Cause", xray_fault))
        if not self._post(f"invocation/{invoke_id}/error", error.encode(), headers, invocation_id):
            raise RuntimeError("Failed to post invocation error")

    def _post(self, path, body, headers, invocation_id):
        if invocation_id:
            headers.append(("Lambda-Runtime-Invocation-Id", invocation_id))
        status, _, answer = self._connection.post(path, body, headers)
        accepted = 200 <= status < 300
        if not accepted:
            # Word for word as on AWS: the only thing that says why an answer was not taken.
            text = answer.decode("utf-8", "replace")
            sys.stderr.write(
                f"[ERROR] [{time.time_ns() // 1_000_000}] LAMBDA_RUNTIME Failed to post handler success response. "
                f"Http response code: {status}. {text}\n"
            )
        return accepted


def stand_in():
    """The module's stand-in for this process."""
    return RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
