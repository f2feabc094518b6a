"""Two gateways of one installation."""

import threading

from common import *

SOURCE = "import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n    return {version}\n"


def runs(lam):
    try:
        return invoke("shared", {}, lam)[0] == 1
    except ClientError as error:
        assert error.response["Error"]["Code"] == "TooManyRequestsException", error
        return False


def agree():
    here, there = client(), client(endpoint_url=os.environ["ANOTHER_URL"])
    python_function("shared", SOURCE.replace("{version}", "1"), here, Timeout=20)
    assert invoke("shared", {}, there)[0] == 1, "a function made at one can be invoked at the other"

    # A limit of four holds over both together, however the calls are spread.
    here.put_function_concurrency(FunctionName="shared", ReservedConcurrentExecutions=0)
    until(lambda: not runs(there), "the other gateway holds the function to nothing", seconds=5)
    here.put_function_concurrency(FunctionName="shared", ReservedConcurrentExecutions=4)
    until(lambda: runs(there), "the other gateway has the new limit", seconds=5)
    outcomes = []

    def one(lam):
        try:
            outcomes.append(invoke("shared", {"s": 3}, lam)[0])
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=one, args=(lam,)) for _ in range(6) for lam in (here, there)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(1) == 4 and outcomes.count("TooManyRequestsException") == 8, outcomes
    here.delete_function_concurrency(FunctionName="shared")

    # New code is seen at once where it was deployed, within a second or so at the other.
    here.update_function_code(FunctionName="shared", ZipFile=zipped({"app.py": SOURCE.replace("{version}", "2")}))
    here.get_waiter("function_updated_v2").wait(FunctionName="shared", WaiterConfig={"Delay": 1})
    assert invoke("shared", {}, here)[0] == 2
    until(lambda: invoke("shared", {}, there)[0] == 2, "the other gateway runs the new code", seconds=5)


if __name__ == "__main__":
    main(globals())
