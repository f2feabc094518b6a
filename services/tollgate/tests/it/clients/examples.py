"""Everything in examples/: deployed with our command line, invoked with boto3 and with the AWS CLI."""

import subprocess
import tempfile

from common import *

EXAMPLES = os.environ["EXAMPLES_DIR"]
TOLLGATE = os.environ["PROGRAM"]
AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def run_example(name):
    """Deploys and invokes both ways; both answers must agree in kind and are given back."""
    directory = os.path.join(EXAMPLES, name)
    done = subprocess.run([TOLLGATE, "deploy", directory], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.stdout, done.stderr)
    arn = next(word for word in done.stdout.split() if word.startswith("arn:aws:lambda:"))
    with open(os.path.join(directory, "event.json"), "rb") as event:
        payload = event.read()
    answer = client().invoke(FunctionName=arn, Payload=payload, LogType="Tail")
    value = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, (value, log_tail(answer))
    with tempfile.NamedTemporaryFile() as out:
        command = [AWS, "lambda", "invoke", "--function-name", arn, "--payload", f"fileb://{directory}/event.json", out.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and "FunctionError" not in done.stdout, (done.stdout, done.stderr)
        by_cli = json.load(open(out.name))
    return json.loads(payload), value, by_cli


def hello():
    event, value, by_cli = run_example("hello")
    assert value["message"] == by_cli["message"] == f"Hello, {event['name']}!", (value, by_cli)


def thumbnail():
    event, value, by_cli = run_example("thumbnail")
    encoded = [v for v in event.values() if isinstance(v, str) and len(v) > 500]
    made = [v for v in value.values() if isinstance(v, str) and len(v) > 200]
    assert encoded and made, (list(event), list(value))
    image, small = base64.b64decode(encoded[0]), base64.b64decode(made[0])
    assert image[:3] == b"\xff\xd8\xff", "the sample is a real JPEG"
    assert small[:3] == b"\xff\xd8\xff" and len(small) < len(image), (len(image), len(small))
    assert value == by_cli


def mediainfo():
    _, value, by_cli = run_example("mediainfo")
    assert value == by_cli and value, value


def wordcount():
    event, value, by_cli = run_example("wordcount")
    text = next(v for v in event.values() if isinstance(v, str))
    assert value == by_cli
    assert len(text.split()) in [v for v in value.values() if isinstance(v, int)], (value, len(text.split()))


def bash_bootstrap():
    _, value, by_cli = run_example("bash-bootstrap")
    assert value is not None and type(value) is type(by_cli), value


def rust_echo():
    event, value, by_cli = run_example("rust-echo")
    assert value["event"] == by_cli["event"] == event, (value, by_cli)


def node_errors_and_context():
    lam = client()
    create(
        "node",
        {
            "index.mjs": """
export const handler = async (event, context) => {
  console.log("from node", event.what);
  if (event.what === "throw") throw new TypeError("thrown");
  if (event.what === "exit") process.exit(4);
  return { remaining: context.getRemainingTimeInMillis() > 0, arn: context.invokedFunctionArn, name: context.functionName,
    memory: context.memoryLimitInMB, id: context.awsRequestId, root: process.env.LAMBDA_TASK_ROOT };
};
"""
        },
        lam,
        Runtime="nodejs20.x",
        Handler="index.handler",
    )
    value, answer = invoke("node", {"what": "context"}, lam, LogType="Tail")
    assert value["remaining"] and value["name"] == "node" and value["id"] == answer["ResponseMetadata"]["RequestId"], value
    assert value["root"] == "/var/task" and str(value["memory"]) == "128", value
    assert "\tINFO\tfrom node context" in log_tail(answer), log_tail(answer)
    value, answer = invoke("node", {"what": "throw"}, lam)
    assert answer["FunctionError"] == "Unhandled" and value["errorType"] == "TypeError" and value["errorMessage"] == "thrown", value
    assert value["trace"], value
    value, answer = invoke("node", {"what": "exit"}, lam)
    assert value["errorType"] == "Runtime.ExitError", value


if __name__ == "__main__":
    main(globals())
