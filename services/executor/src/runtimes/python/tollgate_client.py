"""A client of the Runtime API without dependencies, for Pythons that AWS's own client does not install on.

Behaves as AWS's client: the same error types and messages, log lines, context and environment.
"""

import decimal
import importlib
import json
import logging
import os
import sys
import time
import traceback

import tollgate_transport

ERROR_TYPE_HEADER = "Lambda-Runtime-Function-Error-Type"

_request_id = ""


class Fault(Exception):
    """A failure with a type of Lambda's own, rather than of the exception behind it."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = list(trace)


class _Record:
    """An object with the given fields, `None` where the source has nothing."""

    def __init__(self, names, source):
        source = source or {}
        for name in names:
            setattr(self, name, source.get(name))


class LambdaContext:
    """What a handler gets as its second argument."""

    def __init__(self, headers):
        env = os.environ.get
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))
        identity = _header_json(headers, "lambda-runtime-cognito-identity", "Cognito Identity")
        self.identity = _Record((), None)
        self.identity.cognito_identity_id = (identity or {}).get("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = (identity or {}).get("cognitoIdentityPoolId")
        client = _header_json(headers, "lambda-runtime-client-context", "Client Context")
        self.client_context = None
        if client is not None:
            self.client_context = _Record(("custom", "env", "client"), client)
            if self.client_context.client is not None:
                names = (
                    "installation_id",
                    "app_title",
                    "app_version_name",
                    "app_version_code",
                    "app_package_name",
                )
                self.client_context.client = _Record(names, self.client_context.client)

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


def _header_json(headers, name, title):
    if not headers.get(name):
        return None
    try:
        return json.loads(headers[name])
    except ValueError as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse {title} JSON: {error}"
        ) from None


class _RequestId(logging.Filter):
    def filter(self, record):
        record.aws_request_id = _request_id
        return True


def _set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.terminator = ""
    handler.setFormatter(
        logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
            "%Y-%m-%dT%H:%M:%S",
        )
    )
    handler.addFilter(_RequestId())
    logging.getLogger().addHandler(handler)


def _load(name):
    """The function that a handler name such as `app.handler` or `src/app.handler` means."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from None
    except SyntaxError as error:
        where = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{module_name}': {error}",
            [where],
        ) from None
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'"
        ) from None


def _encode_more(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _encode(value):
    """A handler's result as bytes, and their content type."""
    if isinstance(value, bytes):
        return value, "application/unknown"
    try:
        return json.dumps(value, default=_encode_more).encode(), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def _decode(body, content_type):
    if content_type != "application/json":
        return body
    try:
        return json.loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _describe(error, request_id=""):
    """An exception as Lambda's error object."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.filename == __file__ for frame in frames]
        skip = own.index(False) if False in own else 0
        kind, message = type(error).__name__, str(error)
        trace = traceback.format_list(frames[skip:])
    return {
        "errorMessage": message,
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": trace,
    }


def _log(error):
    """One log event: its lines are joined by carriage returns, their indentation kept by no-break spaces."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}"]
    lines.append("Traceback (most recent call last):")
    for part in error["stackTrace"]:
        for line in part.splitlines():
            bare = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    sys.stdout.write("\r".join(lines) + "\n")
    sys.stdout.flush()


def _post(api, path, body, headers):
    status, _, answer = api.post(path, body, headers)
    # Too large a response is answered for us; anything else means that we misbehave.
    if status not in (202, 413):
        raise RuntimeError(f"{path}: the Runtime API answered {status}: {answer!r}")


def _post_error(api, path, error):
    headers = ((ERROR_TYPE_HEADER, error["errorType"]), ("Content-Type", "application/json"))
    _post(api, path, json.dumps(error).encode(), headers)


def _serve(api, handler):
    """Waits for one event and answers it."""
    global _request_id
    status, headers, body = api.get("invocation/next")
    if status != 200:
        raise RuntimeError(f"invocation/next: the Runtime API answered {status}")
    _request_id = headers["lambda-runtime-aws-request-id"]
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    path = f"invocation/{_request_id}/"
    try:
        context = LambdaContext(headers)
        event = _decode(body, headers.get("content-type", "application/json"))
        answer, content_type = _encode(handler(event, context))
    except Exception as caught:
        error = _describe(caught, _request_id)
        _log(error)
        _post_error(api, path + "error", error)
    else:
        _post(api, path + "response", answer, (("Content-Type", content_type),))


def main(argv):
    api = tollgate_transport.Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        _set_up_logging()
        handler = _load(argv[1])
    except Exception as caught:
        error = _describe(caught)
        _log(error)
        _post_error(api, "init/error", error)
        sys.exit(1)
    while True:
        _serve(api, handler)
