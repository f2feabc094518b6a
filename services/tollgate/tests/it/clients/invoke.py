"""Invoke: answers, errors, limits, logs and cost, as boto3 sees them."""

import json
import re
import threading
import time

from common import *


def echoes():
    python_function("echo", "def handler(event, context):\n    print('got', event)\n    return {'you sent': event}\n")
    value, answer = invoke("echo", {"a": [1, 2.5, None, "ä"]}, LogType="Tail")
    assert value == {"you sent": {"a": [1, 2.5, None, "ä"]}}, value
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert re.fullmatch(r"0\.\d{10} USD", headers["x-tollgate-cost"]), headers
    assert float(headers["x-tollgate-cost"].split()[0]) > 0.0000002
    request_id = answer["ResponseMetadata"]["RequestId"]
    log = log_tail(answer)
    assert f"START RequestId: {request_id} Version: $LATEST" in log, log
    assert "got {'a': [1, 2.5, None, 'ä']}" in log, log
    assert f"END RequestId: {request_id}" in log, log
    report = re.search(
        r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: (\d+) ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\t(Init Duration: [\d.]+ ms\t)?.*Cost: (\S+) USD",
        log,
    )
    assert report, log
    assert report.group(2), "the first invocation reports its init: " + log
    assert report.group(3) == headers["x-tollgate-cost"].split()[0], log
    # Warm: the same environment, no init.
    _, answer = invoke("echo", {}, LogType="Tail")
    assert "Init Duration" not in log_tail(answer), log_tail(answer)


def payloads():
    python_function("echo", "def handler(event, context):\n    return event\n")
    lam = client()
    assert json.loads(lam.invoke(FunctionName="echo")["Payload"].read()) == {}
    for value in (None, 0, "text", [], {"deep": {"er": [True]}}):
        assert invoke("echo", value)[0] == value or value is None
    with raises("InvalidRequestContentException", "Could not parse request body into json", 400):
        lam.invoke(FunctionName="echo", Payload="{not json")
    near = json.dumps("x" * (6 * 1024 * 1024 - 2))
    assert len(lam.invoke(FunctionName="echo", Payload=near)["Payload"].read()) == len(near)
    with raises("RequestEntityTooLargeException", "byte payload is too large for the RequestResponse", 413):
        lam.invoke(FunctionName="echo", Payload=json.dumps("x" * (6 * 1024 * 1024)))


def kinds():
    python_function("f", "def handler(event, context):\n    return 1\n")
    lam = client(validate=False)
    answer = lam.invoke(FunctionName="f", InvocationType="DryRun")
    assert answer["StatusCode"] == 204, answer
    answer = lam.invoke(FunctionName="f", InvocationType="Event")
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b"", answer
    with raises("ValidationException", "invocationType", 400):
        lam.invoke(FunctionName="f", InvocationType="Nonsense")
    with raises("ValidationException", "logType", 400):
        lam.invoke(FunctionName="f", LogType="Nonsense")
    with raises("ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:", 404):
        lam.invoke(FunctionName="nobody")
    with raises("ResourceNotFoundException", ":f:7", 404):
        lam.invoke(FunctionName="f", Qualifier="7")


def names():
    account = os.environ["ACCOUNT_ID"]
    python_function("f", "def handler(event, context):\n    return context.invoked_function_arn\n")
    arn = f"arn:aws:lambda:us-east-1:{account}:function:f"
    for name, want in (
        ("f", arn),
        (f"{account}:function:f", arn),
        (arn, arn),
        ("f:$LATEST", arn + ":$LATEST"),
        (arn + ":$LATEST", arn + ":$LATEST"),
    ):
        value, _ = invoke(name)
        assert value == want, (name, value)
    assert invoke("f", Qualifier="$LATEST")[0] == arn + ":$LATEST"
    with raises("InvalidParameterValueException", "derived qualifier"):
        invoke("f:$LATEST", Qualifier="1")


def context():
    python_function(
        "ctx",
        """
def handler(event, context):
    return {
        "request_id": context.aws_request_id, "name": context.function_name, "version": context.function_version,
        "memory": context.memory_limit_in_mb, "group": context.log_group_name, "stream": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(),
        "client": context.client_context and [context.client_context.client.app_title, context.client_context.custom],
        "identity": repr(context.identity) is not None,
    }
""",
        Timeout=7,
        MemorySize=256,
    )
    custom = {"client": {"app_title": "tests"}, "custom": {"k": "v"}, "env": {}}
    encoded = base64.b64encode(json.dumps(custom).encode()).decode()
    value, answer = invoke("ctx", {}, ClientContext=encoded)
    assert value["request_id"] == answer["ResponseMetadata"]["RequestId"], value
    assert (value["name"], value["version"], value["group"]) == ("ctx", "$LATEST", "/aws/lambda/ctx"), value
    assert str(value["memory"]) == "256", value
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", value["stream"]), value
    assert 5500 < value["remaining"] <= 7000, value
    assert value["client"] == ["tests", {"k": "v"}], value


def environment():
    python_function(
        "env",
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
        Environment={"Variables": {"GREETING": "hello ä", "EMPTY": ""}},
        MemorySize=192,
    )
    value, _ = invoke("env")
    for key, want in {
        "GREETING": "hello ä",
        "EMPTY": "",
        "_HANDLER": "app.handler",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "env",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/env",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
    }.items():
        assert value.get(key) == want, (key, value.get(key))
    assert value["_X_AMZN_TRACE_ID"].startswith("Root=1-"), value
    leaked = [key for key in value if "TOLLGATE" in key or "PG" == key[:2] or "REDIS" in key]
    assert not leaked, leaked


def trace():
    python_function("t", "import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    lam = client()
    root = "1-5759e988-bd862e3fe1be46a994272793"

    def add(request, **_):
        request.headers["X-Amzn-Trace-Id"] = f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1"

    lam.meta.events.register("before-sign.lambda.Invoke", add)
    value, answer = invoke("t", {}, lam)
    assert f"Root={root}" in value and "Sampled=1" in value, value
    assert root in answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"]


def handler_error():
    python_function("bad", "def handler(event, context):\n    raise ValueError('no ' + event['what'])\n")
    value, answer = invoke("bad", {"what": "way"}, LogType="Tail")
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled", answer
    assert (value["errorType"], value["errorMessage"]) == ("ValueError", "no way"), value
    assert value["requestId"] == answer["ResponseMetadata"]["RequestId"], value
    assert any("raise ValueError" in line for line in value["stackTrace"]), value
    assert "[ERROR] ValueError: no way" in log_tail(answer), log_tail(answer)
    # The environment lives on.
    _, answer = invoke("bad", {"what": "way"}, LogType="Tail")
    assert "Init Duration" not in log_tail(answer)


def timeout():
    python_function("slow", "import time\ndef handler(event, context):\n    print('before')\n    time.sleep(event['s'])\n    return 'done'\n", Timeout=1)
    assert invoke("slow", {"s": 0})[0] == "done"
    started = time.monotonic()
    value, answer = invoke("slow", {"s": 30}, LogType="Tail")
    assert time.monotonic() - started < 6
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in value["errorMessage"], value
    assert value["errorType"] == "Sandbox.Timedout" and request_id in value["errorMessage"], value
    log = log_tail(answer)
    assert "before" in log and "Task timed out after 1.00 seconds" in log, log
    # A new environment serves the next one.
    value, answer = invoke("slow", {"s": 0}, LogType="Tail")
    assert value == "done" and "Init Duration" in log_tail(answer)


def exits():
    python_function("exits", "import os\ndef handler(event, context):\n    os._exit(event['code'])\n")
    value, answer = invoke("exits", {"code": 3})
    assert answer["FunctionError"] == "Unhandled" and value["errorType"] == "Runtime.ExitError", value
    assert "Runtime exited with error: exit status 3" in value["errorMessage"], value
    value, _ = invoke("exits", {"code": 0})
    assert value["errorType"] == "Runtime.ExitError", value
    assert "Runtime exited without providing a reason" in value["errorMessage"], value


def out_of_memory():
    python_function("hog", "def handler(event, context):\n    hog = bytearray(event['mb'] * 1024 * 1024)\n    return len(hog)\n", MemorySize=128, Timeout=30)
    assert invoke("hog", {"mb": 10})[0] == 10 * 1024 * 1024
    value, answer = invoke("hog", {"mb": 400}, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled", answer
    assert value["errorType"] in ("Runtime.ExitError", "Runtime.OutOfMemory"), value
    assert "Memory Size: 128 MB" in log_tail(answer), log_tail(answer)
    assert invoke("hog", {"mb": 10})[0] == 10 * 1024 * 1024, "the executor is unharmed"


def init_failures():
    python_function("raises", "raise RuntimeError('at import')\n")
    value, answer = invoke("raises", {})
    assert answer["FunctionError"] == "Unhandled"
    assert (value["errorType"], value["errorMessage"]) == ("RuntimeError", "at import"), value
    python_function("syntax", "def handler(:\n")
    value, _ = invoke("syntax", {})
    assert value["errorType"] == "Runtime.UserCodeSyntaxError", value
    python_function("nomodule", "", Handler="missing.handler")
    value, _ = invoke("nomodule", {})
    assert value["errorType"] == "Runtime.ImportModuleError", value
    assert "Unable to import module 'missing'" in value["errorMessage"], value
    python_function("nohandler", "x = 1\n", Handler="app.nothing")
    value, _ = invoke("nohandler", {})
    assert value["errorType"] == "Runtime.HandlerNotFound", value
    python_function("quits", "import sys\nsys.exit(1)\n")
    value, answer = invoke("quits", {})
    assert answer["FunctionError"] == "Unhandled" and value["errorType"] in ("Runtime.ExitError", "SystemExit"), value


def slow_init():
    # INIT over 10 s is done again as part of the invocation, under the function's timeout.
    python_function("slowinit", "import time\ntime.sleep(60)\ndef handler(event, context):\n    return 1\n", Timeout=2)
    started = time.monotonic()
    value, answer = invoke("slowinit", {})
    took = time.monotonic() - started
    assert answer["FunctionError"] == "Unhandled" and "timed out" in value["errorMessage"], value
    assert 10 < took < 20, took


def response_too_large():
    python_function("big", "def handler(event, context):\n    return 'x' * event['n']\n", MemorySize=512)
    value, answer = invoke("big", {"n": 6 * 1024 * 1024 - 2})
    assert "FunctionError" not in answer and len(value) == 6 * 1024 * 1024 - 2
    value, answer = invoke("big", {"n": 7 * 1024 * 1024})
    assert answer["FunctionError"] == "Unhandled", answer
    assert value["errorType"] == "Function.ResponseSizeTooLarge", value
    assert "Response payload size exceeded maximum allowed payload size (6291556 bytes)." in value["errorMessage"], value


def one_event_per_environment():
    python_function(
        "par",
        "import os, time\nME = os.urandom(8).hex()\nCOUNT = 0\ndef handler(event, context):\n    global COUNT\n    COUNT += 1\n"
        "    time.sleep(event['s'])\n    return [ME, COUNT]\n",
        Timeout=20,
    )
    lam, got = client(), []
    threads = [threading.Thread(target=lambda: got.append(invoke("par", {"s": 1.5}, lam)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({me for me, _ in got}) == 6, got
    me, count = invoke("par", {"s": 0}, lam)[0]
    assert me in {me for me, _ in got} and count == 2, "a warm one is used again"


def reserved_concurrency():
    python_function("res", "import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n    return 1\n", Timeout=20)
    lam = client()
    lam.put_function_concurrency(FunctionName="res", ReservedConcurrentExecutions=0)
    with raises("TooManyRequestsException", "Rate Exceeded.", 429) as refused:
        invoke("res", {}, lam)
    assert refused.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded", refused.response
    lam.put_function_concurrency(FunctionName="res", ReservedConcurrentExecutions=2)
    outcomes = []

    def one():
        try:
            outcomes.append(invoke("res", {"s": 2}, lam)[0])
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["1", "1"] + ["TooManyRequestsException"] * 3, outcomes
    lam.delete_function_concurrency(FunctionName="res")
    assert invoke("res", {}, lam)[0] == 1


def versions_and_aliases_run():
    lam = client()
    python_function("v", "def handler(event, context):\n    return 'one'\n")
    one = lam.publish_version(FunctionName="v")["Version"]
    lam.update_function_code(FunctionName="v", ZipFile=zipped({"app.py": "def handler(event, context):\n    return 'two'\n"}))
    lam.get_waiter("function_updated_v2").wait(FunctionName="v", WaiterConfig={"Delay": 1})
    two = lam.publish_version(FunctionName="v")["Version"]
    assert (invoke(f"v:{one}")[0], invoke(f"v:{two}")[0], invoke("v")[0]) == ("one", "two", "two")
    lam.create_alias(FunctionName="v", Name="live", FunctionVersion=one)
    value, answer = invoke("v", Qualifier="live")
    assert value == "one" and answer["ExecutedVersion"] == one
    lam.update_alias(FunctionName="v", Name="live", RoutingConfig={"AdditionalVersionWeights": {two: 0.5}})
    seen = {invoke("v", None, lam, Qualifier="live")[0] for _ in range(60)}
    assert seen == {"one", "two"}, seen


def code_changes_are_seen_at_once():
    lam = client()
    python_function("c", "def handler(event, context):\n    return 0\n")
    for number in range(1, 6):
        lam.update_function_code(FunctionName="c", ZipFile=zipped({"app.py": f"def handler(event, context):\n    return {number}\n"}))
        lam.get_waiter("function_updated_v2").wait(FunctionName="c", WaiterConfig={"Delay": 1})
        assert invoke("c", {}, lam)[0] == number


def tmp_is_kept_and_limited():
    python_function(
        "tmp",
        "import os, shutil\ndef handler(event, context):\n    seen = os.path.exists('/tmp/mark')\n    open('/tmp/mark', 'w').write('x')\n"
        "    total = shutil.disk_usage('/tmp').total\n    try:\n        open('/var/task/x', 'w')\n        writable = True\n"
        "    except OSError:\n        writable = False\n    return [seen, total, writable]\n",
    )
    seen, total, writable = invoke("tmp")[0]
    assert not seen and not writable
    assert 400e6 < total < 560e6, total
    assert invoke("tmp")[0][0], "/tmp is kept between invocations of one environment"


def isolation():
    python_function(
        "spy",
        """
import os, socket
def attempt(f):
    try:
        return repr(f())
    except BaseException as error:
        return type(error).__name__
def handler(event, context):
    return {
        "uid": os.getuid(), "pids": [p for p in os.listdir("/proc") if p.isdigit()],
        "shadow": attempt(lambda: open("/etc/shadow").read()), "home": attempt(lambda: os.listdir("/root")),
        "gateway": attempt(lambda: socket.create_connection(tuple(event["gateway"]), 2)),
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "sockets": attempt(lambda: [os.path.join(d, f) for d, _, fs in os.walk(event["top"]) for f in fs if f.startswith(".s.PGSQL")]),
        "caps": [l for l in open("/proc/self/status") if l.startswith(("Cap", "NoNewPrivs", "Seccomp:"))],
    }
""",
        Timeout=30,
        # It walks through all files that it sees: with the part of a processor that 128 MB give, for most of that time.
        MemorySize=1769,
    )
    host = os.environ["AWS_ENDPOINT_URL"].split("//")[1].split(":")
    value, answer = invoke("spy", {"gateway": [host[0], int(host[1])], "top": "/"})
    assert "FunctionError" not in answer, value
    assert value["uid"] != 0 and len(value["pids"]) < 6, value
    assert value["shadow"] in ("FileNotFoundError", "PermissionError"), value
    assert value["home"] in ("FileNotFoundError", "PermissionError") or "id_" not in value["home"], value
    assert value["interfaces"] == ["lo"], value
    assert value["sockets"] == "[]" and "Error" in value["gateway"], value
    status = "".join(value["caps"])
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, status


def vendored(*modules):
    """Packages of this interpreter as a deployment package would bring them; of botocore's data what Lambda's client reads."""
    files = {}
    for source in (__import__(name).__file__ for name in modules):
        place, name = os.path.split(source)
        if name != "__init__.py":
            files[name] = open(source, "rb").read()
            continue
        for folder, below, names in os.walk(place):
            kept = lambda name: name != "__pycache__" and (os.path.basename(folder) != "data" or name == "lambda")
            below[:] = filter(kept, below)
            inside = os.path.relpath(folder, os.path.dirname(place))
            files.update((os.path.join(inside, name), open(os.path.join(folder, name), "rb").read()) for name in names)
    return files


def functions_call_functions():
    # botocore finds the gateway by itself; the keys are the function's own business.
    python_function("square", "def handler(event, context):\n    return event['n'] ** 2\n")
    caller = """
import json, os
from botocore.session import Session
lam = Session().create_client("lambda", aws_access_key_id=os.environ["CALLER_KEY"], aws_secret_access_key=os.environ["CALLER_SECRET"])
def handler(event, context):
    answer = lam.invoke(FunctionName="square", Payload=json.dumps(event))
    return {"square": json.load(answer["Payload"]), "endpoint": os.environ["AWS_ENDPOINT_URL"], "me": context.function_name}
"""
    lam = client()
    files = {"app.py": caller, **vendored("botocore", "jmespath", "dateutil", "six", "urllib3")}
    variables = {"CALLER_KEY": os.environ["AWS_ACCESS_KEY_ID"], "CALLER_SECRET": os.environ["AWS_SECRET_ACCESS_KEY"]}
    lam.create_function(
        FunctionName="caller", Runtime="python3.11", Role=ROLE, Handler="app.handler", Timeout=30, MemorySize=512,
        Code={"ZipFile": zipped(files)}, Environment={"Variables": variables},
    )
    lam.get_waiter("function_active_v2").wait(FunctionName="caller")
    for n in (3, 12):
        value, answer = invoke("caller", {"n": n})
        assert "FunctionError" not in answer, value
        assert value == {"square": n * n, "endpoint": "http://127.0.0.1:9002", "me": "caller"}, value


def cancelled_callers_are_metered():
    # A caller that hangs up does not stop the function: it runs to its end and its log says so.
    import socket

    python_function("leave", "import time\ndef handler(event, context):\n    time.sleep(1)\n    print('ran to the end')\n", Timeout=10)
    impatient = boto3.client("lambda", config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}))
    try:
        impatient.invoke(FunctionName="leave")
        raise AssertionError("the client should have given up")
    except Exception as error:
        assert "timeout" in str(error).lower().replace(" ", ""), error
    logs = client("logs")

    def ended():
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/leave")["events"]
        except ClientError:
            return False
        text = "".join(event["message"] for event in events)
        return "ran to the end" in text and "REPORT RequestId" in text

    until(ended, "the function ran to its end")


if __name__ == "__main__":
    main(globals())
