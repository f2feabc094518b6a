"""Hard caps: what is under one stops before it costs more."""

from decimal import Decimal

from own_api import *

ECHO = "def handler(event, context):\n    return event\n"
HOLD = Decimal("0.0000272857")


def caps(*words, ok=True):
    """The operator's command, on the platform's database."""
    account = ["--account", os.environ["ACCOUNT_ID"]]
    command = [TOLLGATE, "caps", *words, *account, "--data-dir", os.environ["DATA_DIR"]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TOLLGATE_"))}
    done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60)
    assert (done.returncode == 0) == ok, done
    return done


def status():
    return {one["scope"]: one for one in json.loads(caps("status", "--json").stdout)}


def cost(answer):
    amount, currency = answer["ResponseMetadata"]["HTTPHeaders"]["x-tollgate-cost"].split()
    assert currency == "USD"
    return Decimal(amount)


def refusal(name):
    """Why it does not run; None where it does."""
    try:
        client().invoke(FunctionName=name, Payload=b"{}")
    except ClientError as error:
        answer = error.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429, answer
        assert answer["Error"]["Code"] == "TooManyRequestsException", answer
        return answer["Reason"]
    return None


def began_with(name):
    """Sets a cap of nothing, anew; answers what it found spent."""
    caps("set", "--function", name, "--limit", "1")
    caps("remove", "--function", name)
    caps("set", "--function", name, "--limit", "0")
    one = status()[f"function:us-east-1:{name}"]
    return Decimal(one["spent"]) + Decimal(one["beyond"])


def spend(name, runs_max):
    """Invokes until it is refused; answers what was spent."""
    spent, lam = Decimal(0), client()
    for _ in range(runs_max):
        try:
            spent += cost(lam.invoke(FunctionName=name, Payload=b"{}"))
        except ClientError as error:
            assert error.response["Reason"] == "SpendCapExceeded", error.response
            return spent
    raise AssertionError(f"not refused after {runs_max} runs")


def stops_and_goes_on():
    python_function("spender", ECHO)
    python_function("neighbour", ECHO)
    client().put_function_event_invoke_config(FunctionName="spender", MaximumRetryAttempts=0)
    before = cost(client().invoke(FunctionName="spender", Payload=b"{}"))
    # What ran before is under it, from when its usage has arrived.
    until(lambda: began_with("spender") >= before, "the first run is metered")
    until(lambda: refusal("spender") == "SpendCapExceeded", "the cap is seen")
    limit = Decimal("0.00006")
    said = caps("set", "--function", "spender", "--limit", str(limit)).stdout
    assert said.startswith(f"Account {os.environ['ACCOUNT_ID']}, function:us-east-1:spender: 0.00006 USD a month, then stop."), said
    until(lambda: refusal("spender") is None, "the new limit is seen")
    spent = spend("spender", 400)
    assert spent <= limit, spent
    until(lambda: Decimal(status()["function:us-east-1:spender"]["held"]) == 0, "all is given back", 40)
    now = status()["function:us-east-1:spender"]
    assert now["state"] == "reached" and before + spent <= Decimal(now["spent"]) <= limit, (now, spent)
    assert limit - Decimal(now["spent"]) < HOLD, now
    # Another function of the account is not under it; an event of this one becomes a dead letter at once.
    assert refusal("neighbour") is None
    client().invoke(FunctionName="spender", Payload=b'{"n": 1}', InvocationType="Event")
    letters = until(lambda: good("GET", "/dead-letters", function="spender")["dead_letters"], "a dead letter")
    assert letters[0]["condition"] == "SpendCapExceeded", letters
    caps("set", "--function", "spender", "--limit", "1")
    until(lambda: refusal("spender") is None, "the new limit is seen")
    ids = [letter["request_id"] for letter in letters]
    good("POST", "/dead-letters/redrive", {"filter": {"function": "spender"}, "rate_per_s": 100})
    redriven = lambda: good("GET", "/dead-letters", function="spender", redriven="true")["dead_letters"]
    until(lambda: [letter["request_id"] for letter in redriven()] == ids, "redriven")
    caps("remove", "--function", "spender")
    assert "There is no cap on function:us-east-1:spender" in caps("remove", "--function", "spender", ok=False).stderr


def tags_and_accounts():
    for name, team in [("red1", "red"), ("red2", "red"), ("blue", "blue")]:
        python_function(name, ECHO, Tags={"team": team})
    caps("set", "--tag", "team=red", "--limit", "0")
    until(lambda: refusal("red1") == "SpendCapExceeded" and refusal("red2") == "SpendCapExceeded", "red stops")
    assert refusal("blue") is None
    # Tags are looked at anew when they change.
    arn = client().get_function_configuration(FunctionName="red2")["FunctionArn"]
    client().untag_resource(Resource=arn, TagKeys=["team"])
    until(lambda: refusal("red2") is None, "red2 is not red any more")
    caps("set", "--limit", "0", "--action", "alert")
    until(lambda: refusal("blue") is None and Decimal(status()["account"]["beyond"]) > 0, "what goes beyond is counted", 20)
    rows = caps("status").stdout.splitlines()
    assert rows[0].split() == ["ACCOUNT", "SCOPE", "LIMIT", "SPENT", "HELD", "BEYOND", "STATE"] and len(rows) == 3, rows
    caps("set", "--limit", "0")
    until(lambda: refusal("blue") == "SpendCapExceeded", "the account stops")
    caps("remove")
    caps("remove", "--tag", "team=red")
    assert caps("list").stdout == "There are no caps: see `tollgate caps set --help`.\n"
    for words, text in [
        (["--limit", "-1"], "A limit is from 0 to 100000000 with at most 10 digits behind the point, got -1."),
        (["--limit", "1", "--function", "nobody"], "has no function nobody in us-east-1: see `tollgate functions`."),
        (["--limit", "1", "--tag", "team"], "a cap's scope is account, function:REGION:NAME or tag:KEY=VALUE"),
        (["--limit", "1", "--currency", "usd"], "currency must be three capital letters"),
    ]:
        wrong = caps("set", *words, ok=False)
        assert wrong.returncode == 1 and text in wrong.stderr, wrong


main(globals())
