"""What usage costs: reports and forecasts from real executions, to the account itself and to the operator; price books."""

import csv
import io
import tempfile
from decimal import Decimal

from own_api import api, good, tollgate
from common import *

ACCOUNT, DATA = os.environ["ACCOUNT_ID"], ["--data-dir", os.environ["DATA_DIR"]]
GROUPINGS = ["day", "hour", "function", "region", "sku", "account", "tag:team", "day,sku", "function,tag:team"]


def operator(*words, ok=True):
    return tollgate(*words, *DATA, ok=ok)


def requests(report):
    return sum(int(used["quantity"]) for group in report["groups"] for used in group["usage"] if used["sku"] == "requests")


def spend():
    """Two functions, one with a tag, run seven times; answers the report once all of that is in it."""
    echo = "def handler(event, context):\n    return event\n"
    python_function("spender", echo, Tags={"team": "red"})
    python_function("other", echo)
    for number in range(7):
        invoke("spender" if number % 2 else "other", {"n": number})
    deadline = time.monotonic() + 20
    while True:
        report = good("GET", "/billing/report")
        if requests(report) == 7:
            return report
        assert time.monotonic() < deadline, report


def reports():
    # Without the free tier: all of it costs something.
    operator("accounts", "terms", ACCOUNT, "--no-free-tier")
    spend()
    whole = None
    for group_by in GROUPINGS:
        report = good("GET", "/billing/report", group_by=group_by)
        assert report["group_by"] == group_by.split(","), report
        [total] = report["totals"]
        assert total["currency"] == "USD" and Decimal(total["amount"]) > 0, report
        assert sum(Decimal(group["amount"]) for group in report["groups"]) == Decimal(total["amount"]), report
        assert requests(report) == 7
        whole = whole or total
        assert total == whole, (total, whole)
    teams = good("GET", "/billing/report", group_by="tag:team")["groups"]
    assert [group["keys"]["tag:team"] for group in teams] == ["", "red"], teams
    seven = [used for used in whole["usage"] if used["sku"] == "requests"]
    assert seven == [{"sku": "requests", "quantity": "7", "unit": "Requests"}], whole

    # The operator sees the same.
    of = ["billing", "report", "--account", ACCOUNT]
    report = json.loads(operator(*of, "--by", "function,sku", "--format", "json").stdout)
    assert report["totals"] == [whole], report
    assert report == good("GET", "/billing/report", group_by="function,sku")
    lines = list(csv.DictReader(io.StringIO(operator(*of, "--by", "region", "--format", "csv").stdout)))
    assert [line["region"] for line in lines] == ["us-east-1"] and lines[0]["requests"] == "7", lines
    assert lines[0]["amount"] == whole["amount"], lines
    table = operator(*of, "--by", "function").stdout
    assert "spender" in table and "TOTAL" in table and whole["amount"] in table, table
    chart = operator(*of, "--format", "chart").stdout
    assert "█" * 50 in chart and chart.startswith("Cost per day (USD)\n"), chart

    forecast = good("GET", "/billing/forecast")
    [amount] = forecast["amounts"]
    assert Decimal(amount["month"]) >= Decimal(amount["so_far"]) == Decimal(whole["amount"]), forecast
    printed = json.loads(operator("billing", "forecast", "--account", ACCOUNT, "--json").stdout)
    assert printed["amounts"][0]["so_far"] == amount["so_far"], printed
    assert "EXPECTED" in operator("billing", "forecast", "--account", ACCOUNT).stdout


def refusals():
    def refused(path, *words, **query):
        status, answer = api("GET", path, **query)
        assert status == 400 and all(word in answer["message"] for word in words), (status, answer)

    refused("/billing/report", "group_by", "week", group_by="week")
    refused("/billing/report", "2 dimensions at most", group_by="day,sku,region")
    refused("/billing/report", "a month looks like", month="2026-13")
    refused("/billing/report", "from and to together", **{"from": "2026-11-01T00:00:00Z"})
    refused("/billing/report", "full hour", **{"from": "2026-11-01T00:30:00Z", "to": "2026-11-02T00:00:00Z"})
    refused("/billing/report", "24 months", **{"from": "2020-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"})
    refused("/billing/report", "unknown field", by="day")
    refused("/billing/forecast", "is over", month="2020-01")
    none = good("GET", "/billing/report", month="2020-01")
    assert none["groups"] == [] and none["totals"] == [], none
    failed = operator("billing", "report", "--account", "999999999999", ok=False)
    assert failed.returncode == 1 and failed.stderr == "tollgate: There is no account 999999999999: see `tollgate accounts list`.\n", failed.stderr
    failed = operator("billing", "report", "--by", "sku", "--format", "chart", ok=False)
    assert failed.returncode == 1 and "a bar per day" in failed.stderr, failed.stderr


HEADER = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence,duration_step_ms\n"
MINE = HEADER + (
    "us-east-1,duration-x86_64,EUR,GB-second,0,1000,0.00002,2020-01-01,house,100\n"
    "us-east-1,duration-x86_64,EUR,GB-second,1000,,0.00001,2020-01-01,house,100\n"
    "us-east-1,requests,EUR,1000000 requests,0,,1.5,2020-01-01,house,\n"
)


def price_books():
    book, other = f"b{ACCOUNT}", f"c{ACCOUNT}"
    with tempfile.TemporaryDirectory() as work:

        def file(text, name="tariff.csv"):
            path = os.path.join(work, name)
            with open(path, "w") as out:
                out.write(text)
            return path

        def refused(*words, says):
            done = operator(*words, ok=False)
            assert done.returncode == 1 and done.stdout == "", (words, done.stdout)
            assert done.stderr.startswith("tollgate: ") and says in done.stderr, (words, done.stderr)

        mine = file(MINE)
        refused("prices", "list", "--book", book, says="There is no price book")
        dry = operator("prices", "import", mine, "--book", book, "--dry-run").stdout
        assert dry == f'2 price versions would be added to book "{book}"; 0 are there already.\n', dry
        refused("prices", "list", "--book", book, says="There is no price book")
        diff = operator("prices", "diff", mine, "--book", book).stdout
        assert "new" in diff and diff.endswith("2 to add, 0 in conflict, 0 the same.\n"), diff
        done = operator("prices", "import", mine, "--book", book).stdout
        assert done == f'2 price versions were added to book "{book}"; 0 were there already.\n', done
        assert "0 price versions were added" in operator("prices", "import", mine, "--book", book).stdout

        # What is exported is the same book elsewhere.
        exported = operator("prices", "export", "--book", book).stdout
        operator("prices", "import", file(exported, "again.csv"), "--book", other)
        assert operator("prices", "export", "--book", other).stdout == exported
        same = operator("prices", "diff", "--book", book, "--to", other).stdout
        assert same == "0 only in the second book, 0 only in the first, 0 different, 2 the same.\n", same
        shipped = operator("prices", "export").stdout
        assert operator("prices", "diff", file(shipped, "shipped.csv")).stdout.startswith("0 to add, 0 in conflict, ")

        # Prices never change; a later one is a new version.
        changed = file(MINE.replace("1.5", "1.6"), "changed.csv")
        refused("prices", "import", changed, "--book", book, says="us-east-1 requests from 2020-01-01 is already there with another price")
        assert "conflict" in operator("prices", "diff", changed, "--book", book).stdout
        refused("prices", "import", file(MINE + "us-east-1,gold\n", "wrong.csv"), "--book", book, says="line 5: 2 fields instead of 10")
        refused("prices", "import", os.path.join(work, "none"), "--book", book, says="cannot be read")
        refused("prices", "import", mine, "--book", "My Book", says="a price book's name has 1 to 64")
        later = file(HEADER + "us-east-1,requests,EUR,1000000 requests,0,,2,2027-01-01T05:00:00Z,house,\n", "later.csv")
        operator("prices", "import", later, "--book", book)
        rows = json.loads(operator("prices", "list", "--book", book, "--sku", "requests", "--json").stdout)
        assert [(row["valid_from"], row["tiers"][0]["unit_price"]) for row in rows] == [("2020-01-01T00:00:00Z", "1.5"), ("2027-01-01T05:00:00Z", "2")], rows
        then = operator("prices", "list", "--book", book, "--region", "us-east-1", "--at", "2026-11-01").stdout
        assert len(then.splitlines()) == 4 and "2027" not in then, then
        listed = {row["name"]: row for row in json.loads(operator("prices", "books", "--json").stdout)}
        assert listed[book]["versions"] == 3 and listed[book]["currencies"] == ["EUR"], listed

        # An account is billed by it.
        refused("accounts", "terms", ACCOUNT, "--book", "nowhere", says='There is no price book "nowhere"')
        refused("accounts", "terms", "999999999999", says="There is no account 999999999999")
        assert operator("accounts", "terms", ACCOUNT).stdout.split()[-3:] == [ACCOUNT, "default", "yes"]
        terms = operator("accounts", "terms", ACCOUNT, "--book", book, "--no-free-tier").stdout
        assert terms.split()[-3:] == [ACCOUNT, book, "no"], terms
        [total] = spend()["totals"]
        assert total["currency"] == "EUR" and Decimal(total["amount"]) > Decimal("0.0000105"), total

        profile = {"month": "2026-11", "free_tier": False, "items": [{"kind": "function", "region": "us-east-1", "memory_mb": 1024, "invocations": 1000000, "billed_ms": 1}]}
        words = ["billing", "simulate", "--profile", file(json.dumps(profile), "profile.json"), "--json"]
        bill = json.loads(operator(*words, "--book", book).stdout)
        # 100 ms each: 1,000 GB-seconds at the first price, 99,000 at the second.
        assert (bill["currency"], bill["total"]) == ("EUR", "2.51"), bill
        assert operator(*words, "--book-file", mine).stdout == operator(*words, "--book", book).stdout
        refused(*words, "--book", "nowhere", says="There is no price book")


if __name__ == "__main__":
    main(globals())
