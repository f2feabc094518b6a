"""Load with a book of its own: each thread invokes its own function and writes down every answer it got.

Prints one JSON object per thread: the function, how many answers came, the sum of their billed milliseconds (from the REPORT
line of each answer), and how many calls ended without an answer. Ends when the file named STOP appears.
"""

import re
import threading

from botocore.exceptions import BotoCoreError

from common import *

BILLED = re.compile(r"Billed Duration: (\d+) ms")
SOURCE = "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n    return event\n"


def deploy():
    lam = client()
    for number in range(int(os.environ["LOAD_THREADS"])):
        python_function(f"load-{number}", SOURCE, lam, wait=False, Timeout=20)
    for number in range(int(os.environ["LOAD_THREADS"])):
        lam.get_waiter("function_active_v2").wait(FunctionName=f"load-{number}", WaiterConfig={"Delay": 1})


def one(number, book):
    lam = client()
    sleep_s = 0.002 * (number % 4)
    while not os.path.exists(os.environ["STOP"]):
        try:
            answer = lam.invoke(FunctionName=f"load-{number}", Payload=json.dumps({"s": sleep_s}), LogType="Tail")
            body = answer["Payload"].read()
        except (ClientError, BotoCoreError, OSError):
            book["unanswered"] += 1
            time.sleep(0.05)
            continue
        assert json.loads(body) == {"s": sleep_s} and "FunctionError" not in answer, body
        billed = BILLED.findall(log_tail(answer))
        assert len(billed) == 1, log_tail(answer)
        book["answered"] += 1
        book["billed_ms"] += int(billed[0])
        open(os.environ["STOP"] + f".answered-{number}", "w").close()


def run():
    books = [{"function": f"load-{n}", "answered": 0, "billed_ms": 0, "unanswered": 0} for n in range(int(os.environ["LOAD_THREADS"]))]
    threads = [threading.Thread(target=one, args=(n, book)) for n, book in enumerate(books)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(books))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
