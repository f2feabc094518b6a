"""AWS's billing APIs, answered from what functions really used. The platform's clock is moved, so these run one after the other."""

import datetime
import http.server
import threading
from decimal import Decimal

from events import becomes
from events_time import advance, at
from own_api import *

SOURCE = """
import time

def handler(event, context):
    time.sleep(event.get("sleep_s", 0))
    return event
"""

ACCOUNT = os.environ["ACCOUNT_ID"]


def today():
    return at(good("GET", "/clock")["now"]).date()


def this_month():
    """The running month, as Cost Explorer takes it."""
    first = today().replace(day=1)
    after = (first + datetime.timedelta(days=32)).replace(day=1)
    return {"Start": str(first), "End": str(after)}


def month_of(groups=(), metrics=("UnblendedCost", "UsageQuantity"), **settings):
    """The one result of the running month."""
    if groups:
        settings["GroupBy"] = [{"Type": kind, "Key": key} for kind, key in groups]
    answer = client("ce").get_cost_and_usage(TimePeriod=this_month(), Granularity="MONTHLY", Metrics=list(metrics), **settings)
    [result] = answer["ResultsByTime"]
    return result


def by_key(result):
    return {tuple(group["Keys"]): group["Metrics"] for group in result["Groups"]}


def metered(function, count):
    """Waits until so many requests of a function are in the bill."""
    only = {"Dimensions": {"Key": "RESOURCE_ID", "Values": [function]}}
    requests = lambda: by_key(month_of([("DIMENSION", "USAGE_TYPE")], Filter=only))
    is_all = lambda found: any(key[0].endswith("Request") and Decimal(value["UsageQuantity"]["Amount"]) == count for key, value in found.items())
    until(lambda: is_all(requests()), f"{count} requests of {function} are metered")


def costs():
    """Three runs of one function, one of another in another region, which costs money: 9.5 GB of /tmp are not free."""
    python_function("plain", SOURCE)
    arn = client().get_function(FunctionName="plain")["Configuration"]["FunctionArn"]
    far = client(region_name="eu-central-1")
    big = python_function("big", SOURCE, lam=far, EphemeralStorage={"Size": 10240}, Tags={"team": "core"})["FunctionArn"]
    for n in range(3):
        assert invoke("plain", {"n": n})[0] == {"n": n}
    invoke("big", {"sleep_s": 0.2}, lam=far)
    metered(arn, 3)
    metered(big, 1)

    result = month_of([("DIMENSION", "USAGE_TYPE")])
    assert result["Estimated"] is True and result["Total"] == {}, result
    found = by_key(result)
    storage = found[("EUC1-Lambda-Storage-GB-Second",)]
    # At least 200 ms of 9.5 GB at the region's price of about 3e-8 a GB-second, and rounded to ten digits.
    assert storage["UsageQuantity"]["Unit"] == "Lambda-GB-Second" and Decimal(storage["UsageQuantity"]["Amount"]) >= Decimal("1.9"), storage
    cost = Decimal(storage["UnblendedCost"]["Amount"])
    assert Decimal("0.00000005") < cost < Decimal("0.000002") and storage["UnblendedCost"]["Unit"] == "USD", storage
    assert found[("EUC1-Request",)]["UsageQuantity"] == {"Amount": "1", "Unit": "Requests"}, found
    # What the free tier covers is there, at no cost.
    assert found[("EUC1-Request",)]["UnblendedCost"] == {"Amount": "0", "Unit": "USD"}, found
    total = month_of()
    assert total["Groups"] == [] and Decimal(total["Total"]["UnblendedCost"]["Amount"]) == cost, total
    assert total["Total"]["UsageQuantity"]["Unit"] == "N/A", total
    # The same by two keys, filtered.
    core = {"And": [{"Tags": {"Key": "team", "Values": ["core"]}}, {"Not": {"Dimensions": {"Key": "REGION", "Values": ["us-east-2"]}}}]}
    grouped = by_key(month_of([("TAG", "team"), ("DIMENSION", "REGION")], Filter=core))
    assert list(grouped) == [("team$core", "eu-central-1")], grouped
    assert Decimal(grouped[("team$core", "eu-central-1")]["UnblendedCost"]["Amount"]) == cost, grouped
    ce = client("ce")
    values = ce.get_dimension_values(TimePeriod=this_month(), Dimension="REGION")["DimensionValues"]
    assert "eu-central-1" in [value["Value"] for value in values], values
    assert ce.get_tags(TimePeriod=this_month())["Tags"] == ["team"]
    assert "core" in ce.get_tags(TimePeriod=this_month(), TagKey="team")["Tags"]
    with raises("ValidationException", "Start date (and hour) should be before end date (and hour)", 400):
        ce.get_cost_and_usage(TimePeriod={"Start": "2026-01-02", "End": "2026-01-02"}, Granularity="DAILY", Metrics=["BlendedCost"])
    with raises("DataUnavailableException", "Insufficient amount of historical data"):
        span = {"Start": str(today()), "End": str(today() + datetime.timedelta(days=5))}
        ce.get_cost_forecast(TimePeriod=span, Metric="UNBLENDED_COST", Granularity="DAILY")


def prices():
    pricing = client("pricing")
    [service] = pricing.describe_services()["Services"]
    assert service["ServiceCode"] == "AWSLambda" and "usagetype" in service["AttributeNames"], service
    here = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-central-1"}]
    pages = pricing.get_paginator("get_products").paginate(ServiceCode="AWSLambda", Filters=here, PaginationConfig={"PageSize": 2})
    products = {one["product"]["attributes"]["usagetype"]: one for page in pages for one in map(json.loads, page["PriceList"])}
    [offer] = products["EUC1-Request"]["terms"]["OnDemand"].values()
    [rate] = offer["priceDimensions"].values()
    assert (rate["unit"], rate["beginRange"], rate["endRange"]) == ("Requests", "0", "Inf"), rate
    assert Decimal(rate["pricePerUnit"]["USD"]) == Decimal("0.0000002"), rate
    regions = pricing.get_paginator("get_attribute_values").paginate(ServiceCode="AWSLambda", AttributeName="regionCode")
    regions = [value["Value"] for page in regions for value in page["AttributeValues"]]
    assert "us-east-1" in regions and len(regions) > 25, regions


def free_tier():
    """What `costs` has used: four requests, of a million."""
    pages = client("freetier").get_paginator("get_free_tier_usage").paginate()
    offers = {one["usageType"]: one for page in pages for one in page["freeTierUsages"]}
    requests, compute = offers["Global-Request"], offers["Global-Lambda-GB-Second"]
    assert (requests["actualUsageAmount"], requests["limit"], requests["unit"]) == (4.0, 1_000_000.0, "Requests"), requests
    assert 0 < compute["actualUsageAmount"] < 100 and compute["limit"] == 400_000.0, compute


class Web(http.server.BaseHTTPRequestHandler):
    told = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Web.told.append((self.path, self.headers["x-tollgate-alert-id"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


def told():
    """A threshold is crossed: a function and a webhook are told, once."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/spending"
    function = python_function("told", SOURCE)["FunctionArn"]
    budgets = client("budgets")
    limit = {"Amount": "5", "Unit": "Requests"}
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 100.0}
    subscribers = [{"SubscriptionType": "SNS", "Address": address} for address in (function, url)]
    subscribers.append({"SubscriptionType": "EMAIL", "Address": "someone@example.org"})
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget={"BudgetName": "requests", "BudgetLimit": limit, "TimeUnit": "MONTHLY", "BudgetType": "USAGE"},
        NotificationsWithSubscribers=[{"Notification": notification, "Subscribers": subscribers}],
    )
    shown = lambda: budgets.describe_budget(AccountId=ACCOUNT, BudgetName="requests")["Budget"]
    state = lambda: budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName="requests")["Notifications"][0]["NotificationState"]
    assert shown()["CalculatedSpend"]["ActualSpend"] == {"Amount": "4.0", "Unit": "Requests"}, shown()
    assert state() == "OK"
    for n in range(2):
        invoke("plain", {"n": n})
    until(lambda: shown()["CalculatedSpend"]["ActualSpend"]["Amount"] == "6.0", "the spend is known")
    advance(61)
    alerts = until(lambda: good("GET", "/budget-alerts", budget="requests")["alerts"], "the threshold is crossed")
    assert state() == "ALARM" and len(alerts) == 1, alerts
    until(lambda: Web.told, "the webhook is told")
    deliveries = lambda: {one["address"]: one for one in good("GET", "/budget-alerts")["alerts"][0]["deliveries"]}
    until(lambda: deliveries()[url]["state"] == "delivered", "the delivery is written down")
    mail = deliveries()["someone@example.org"]
    assert (mail["state"], mail["reason"]) == ("undelivered", "Mail is not sent yet."), mail
    event = becomes(deliveries()[function]["request_id"], "succeeded")
    assert (event["source"], event["function"]) == ("budget", "told"), event
    message = event["result"]["json"]
    assert message == Web.told[0][2] and Web.told[0][:2] == ("/spending", message["id"]), (message, Web.told)
    assert message["budget"] == {"name": "requests", "budgetType": "USAGE", "timeUnit": "MONTHLY", "limit": {"amount": "5.0", "unit": "Requests"}}
    assert message["actualSpend"] == {"amount": "6.0", "unit": "Requests"} and message["account"] == ACCOUNT, message
    # Not again in this month, whatever is spent; the function's own run was one more.
    metered(function, 1)
    advance(61)
    advance(61)
    assert len(good("GET", "/budget-alerts")["alerts"]) == 1 and len(Web.told) == 1, Web.told
    server.shutdown()


def planned():
    """A budget with another limit each month, of what an expression says."""
    budgets = client("budgets")
    month = today().replace(day=1)
    starts = [datetime.datetime(month.year + (month.month - 1 + n) // 12, (month.month - 1 + n) % 12 + 1, 1, tzinfo=datetime.timezone.utc) for n in range(12)]
    plan = {str(int(start.timestamp())): {"Amount": f"{7 + n}.5", "Unit": "Requests"} for n, start in enumerate(starts)}
    expression = {"And": [
        {"Dimensions": {"Key": "USAGE_TYPE", "Values": ["request"], "MatchOptions": ["ENDS_WITH", "CASE_INSENSITIVE"]}},
        {"Not": {"Tags": {"Key": "team", "Values": ["core"]}}},
    ]}
    budget = {"BudgetName": "planned", "TimeUnit": "MONTHLY", "BudgetType": "USAGE", "Metrics": ["UsageQuantity"]}
    create = lambda **more: budgets.create_budget(AccountId=ACCOUNT, Budget=budget | more)
    create(PlannedBudgetLimits=plan, FilterExpression=expression)
    shown = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="planned", ShowFilterExpression=True)["Budget"]
    assert (shown["FilterExpression"], shown["PlannedBudgetLimits"], shown["BudgetLimit"]["Amount"]) == (expression, plan, "7.5"), shown
    # Cost Explorer has the same of this expression.
    [requests] = by_key(month_of([("DIMENSION", "USAGE_TYPE")], Filter=expression)).values()
    assert Decimal(shown["CalculatedSpend"]["ActualSpend"]["Amount"]) == Decimal(requests["UsageQuantity"]["Amount"]) > 0, (shown, requests)
    limit = plan[str(int(starts[0].timestamp()))]
    with raises("InvalidParameterException", "either a BudgetLimit or PlannedBudgetLimits", 400):
        create(PlannedBudgetLimits=plan, BudgetLimit=limit)
    with raises("InvalidParameterException", "either CostFilters or a FilterExpression", 400):
        create(BudgetLimit=limit, FilterExpression=expression, CostFilters={"Region": ["eu-west-1"]})
    budgets.delete_budget(AccountId=ACCOUNT, BudgetName="planned")


def aws_cli():
    def aws(*words):
        program = os.path.join(os.path.dirname(sys.executable), "aws")
        done = subprocess.run([program, *words, "--output", "json"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    span = this_month()
    shown = aws(
        "ce", "get-cost-and-usage", "--time-period", f"Start={span['Start']},End={span['End']}", "--granularity", "MONTHLY",
        "--metrics", "BlendedCost", "UsageQuantity", "--group-by", "Type=DIMENSION,Key=SERVICE", "Type=TAG,Key=team",
    )
    keys = [group["Keys"] for group in shown["ResultsByTime"][0]["Groups"]]
    assert keys == [["AWS Lambda", "team$"], ["AWS Lambda", "team$core"]], shown
    assert shown["GroupDefinitions"] == [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "team"}], shown
    assert [one["BudgetName"] for one in aws("budgets", "describe-budgets", "--account-id", ACCOUNT)["Budgets"]] == ["requests"]
    assert aws("pricing", "describe-services", "--region", "us-east-1")["Services"][0]["ServiceCode"] == "AWSLambda"
    assert len(aws("freetier", "get-free-tier-usage")["freeTierUsages"]) == 2
    aws("budgets", "delete-budget", "--account-id", ACCOUNT, "--budget-name", "requests")
    assert aws("budgets", "describe-budgets", "--account-id", ACCOUNT)["Budgets"] == []
    # What was told stays known.
    assert len(good("GET", "/budget-alerts")["alerts"]) == 1


def forecast():
    """Days later, there is something to go by."""
    ce = client("ce")
    for _ in range(2):
        advance(86_400)
        invoke("big", {"sleep_s": 0.2}, lam=client(region_name="eu-central-1"))
    advance(86_400)
    span = {"Start": str(today()), "End": str(today() + datetime.timedelta(days=10))}
    ask = lambda: ce.get_cost_forecast(TimePeriod=span, Metric="UNBLENDED_COST", Granularity="DAILY", PredictionIntervalLevel=90)
    answer = until(lambda: (now := ask()) and Decimal(now["Total"]["Amount"]) > 0 and now, "usage of the days is known")
    days = answer["ForecastResultsByTime"]
    assert len(days) == 10 and days[0]["TimePeriod"]["Start"] == span["Start"], answer
    assert all(Decimal(day["PredictionIntervalLowerBound"]) <= Decimal(day["MeanValue"]) <= Decimal(day["PredictionIntervalUpperBound"]) for day in days), days


if __name__ == "__main__":
    main(globals())
