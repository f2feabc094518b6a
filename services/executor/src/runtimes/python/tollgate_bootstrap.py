"""Connects a Python interpreter to the Runtime API, through AWS's client (awslambdaric) where it is installed.

Started plainly, it runs the function that its environment names. Started with the argument `parked`, it imports what does
not depend on a function, waits on file descriptor 3 for a line of JSON that names one, and becomes that function's.
"""

import gc
import json
import os
import sys

import tollgate_transport

CONTROL_FD = 3
RUNTIME_API = "AWS_LAMBDA_RUNTIME_API"


def main():
    if sys.argv[1:] == ["parked"]:
        run = _client()
        handler = _wait_for_function()
    else:
        _exec_wrapper()
        run = _client()
        handler = os.environ.get("_HANDLER", "")
    _set_module_path()
    sys.argv = [sys.argv[0], handler]
    run(sys.argv)


def _client():
    """Imports the client; gives the function that runs a handler until the process ends.

    The Runtime API's address is read here, so it is the same for a parked interpreter's whole life.
    """
    # Must be there before AWS's client looks for its native module.
    sys.modules["runtime_client"] = tollgate_transport.stand_in()
    try:
        from awslambdaric import bootstrap
        from awslambdaric.lambda_runtime_client import LambdaRuntimeClient
        import awslambdaric.lambda_literals  # noqa: F401 (imported late otherwise)
    except ImportError:
        del sys.modules["runtime_client"]
        import tollgate_client

        return tollgate_client.main

    def run(argv):
        # AWS's own start asks for events from a thread on newer Pythons, because its native module hears no signals.
        client = LambdaRuntimeClient(os.environ[RUNTIME_API], use_thread_for_polling_next=False)
        bootstrap.run(argv[1], client)

    return run


def _wait_for_function():
    """Reads the assignment and puts on the function's environment. Ends the process if there will be none."""
    gc.collect()
    gc.freeze()
    os.set_blocking(CONTROL_FD, True)
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(CONTROL_FD, 65536)
        if not part:
            os._exit(0)
        line += part
    os.close(CONTROL_FD)
    assignment = json.loads(line)
    for key, value in assignment["env"].items():
        if key != RUNTIME_API:
            os.environ[key] = value
    # Loaded on demand: most handlers need neither.
    import time

    time.tzset()
    if "random" in sys.modules:
        sys.modules["random"].seed()
    os.chdir(assignment["cwd"])
    return assignment["handler"]


def _exec_wrapper():
    """Gives the way to the function's wrapper script, which starts this interpreter again, as Lambda does."""
    wrapper = os.environ.pop("AWS_LAMBDA_EXEC_WRAPPER", None)
    if wrapper:
        os.execv(wrapper, [wrapper, sys.executable, "-S", "-s", "-u", *sys.argv])


def _set_module_path():
    """Lambda's order: the function, its layers, the runtime, the standard library."""
    import site

    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    runtime_dir = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    layers = [
        "/opt/python/lib/python{}.{}/site-packages".format(*sys.version_info[:2]),
        "/opt/python",
    ]
    front = [task_root, *layers, runtime_dir]
    sys.path[:] = front + [path for path in sys.path if path not in front]
    # What was not there when the interpreter started may be mounted by now.
    sys.path_importer_cache.clear()
    for layer in layers:
        if os.path.isdir(layer):
            site.addsitedir(layer)
    # Started without `site`, so that no package of the host is seen; its builtins are wanted all the same.
    site.setquit()
    site.sethelper()
    for root in (task_root, "/opt/python"):
        if os.path.isdir(os.path.join(root, "simplejson")):
            _forget("simplejson")


def _forget(package):
    """Lets the function import its own copy of a package that AWS's client uses too."""
    for name in list(sys.modules):
        if name == package or name.startswith(package + "."):
            del sys.modules[name]
