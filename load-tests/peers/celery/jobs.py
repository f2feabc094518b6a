"""Celery with Redis, set up for production as its manual says: late acknowledgement (a lost worker's job runs again), no
results kept, JSON.

    celery --app jobs worker ...        the worker
    python jobs.py send JOBS THREADS    `delay`, from that many threads

REDIS_URL names the Redis. `send` prints one JSON object: {"jobs": ..., "seconds": ...}.
"""

import json
import os
import sys
import threading
import time

from celery import Celery

app = Celery("jobs", broker=os.environ["REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    worker_send_task_events=False,
)


@app.task(name="noop")
def noop(ms, pad):
    pass


def send(jobs, threads):
    def run(number):
        for _ in range(number):
            noop.delay(ms=0, pad="x" * 238)

    run(1)
    parts = [jobs // threads] * threads
    workers = [threading.Thread(target=run, args=(part,)) for part in parts]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    return {"jobs": sum(parts), "seconds": seconds, "sent": sum(parts) + 1}


if __name__ == "__main__":
    print(json.dumps(send(int(sys.argv[2]), int(sys.argv[3]))))
