"""What must survive a restart, and a call that is in flight during one."""

import threading

from common import *


def deploy():
    python_function("kept", "def handler(event, context):\n    return 'kept'\n", Environment={"Variables": {"SECRET": "s3cret"}})
    assert invoke("kept")[0] == "kept"


def still_there():
    assert invoke("kept")[0] == "kept"
    assert client().get_function_configuration(FunctionName="kept")["Environment"]["Variables"] == {"SECRET": "s3cret"}


def long_call():
    python_function("long", "import time\ndef handler(event, context):\n    time.sleep(event['s'])\n    return 'ended'\n", Timeout=20)
    invoke("long", {"s": 0})
    # The environment is warm: a second from now the call is surely in its handler.
    threading.Timer(1, lambda: open(os.environ["MARK"], "w").close()).start()
    value, answer = invoke("long", {"s": 4})
    assert value == "ended" and "FunctionError" not in answer, value


if __name__ == "__main__":
    main(globals())
