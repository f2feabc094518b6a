"""/metrics and /health, as a monitoring system reads them."""

import re
import urllib.request

from common import *


def read(path):
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + path) as answer:
        return answer.read().decode()


def value(text, name, **labels):
    total = None
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match.group(1) == name:
            have = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2) or ""))
            if all(have.get(key) == want for key, want in labels.items()):
                total = (total or 0) + float(match.group(3))
    return total


def metrics():
    lam = client()
    python_function("m", "def handler(event, context):\n    if event.get('fail'):\n        raise ValueError()\n    return 1\n", lam)
    for _ in range(5):
        invoke("m", {}, lam)
    for _ in range(2):
        invoke("m", {"fail": True}, lam)
    lam.put_function_concurrency(FunctionName="m", ReservedConcurrentExecutions=0)
    with raises("TooManyRequestsException"):
        invoke("m", {}, lam)
    text = read("/metrics")
    assert value(text, "tollgate_invocations_total", outcome="success") == 5, text
    assert value(text, "tollgate_invocations_total", outcome="function_error") == 2, text
    assert value(text, "tollgate_throttles_total") == 1, text
    assert value(text, "tollgate_cold_starts_total") == 1, text
    assert value(text, "tollgate_invoke_duration_seconds_count") == 7, text
    assert value(text, "tollgate_cold_start_seconds_count") == 1, text
    assert value(text, "tollgate_environments", state="idle") == 1, text
    health = json.loads(read("/health"))
    assert "container" in json.dumps(health) and "redis" in json.dumps(health), health


if __name__ == "__main__":
    main(globals())
