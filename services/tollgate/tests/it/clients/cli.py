"""The AWS CLI and our own command line, as a user types them."""

import shutil
import subprocess
import tempfile

from common import *

TOLLGATE = os.environ["PROGRAM"]
AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def run(*words, ok=True, **settings):
    done = subprocess.run(words, capture_output=True, text=True, timeout=180, **settings)
    if ok:
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
    return done


def aws(*words, ok=True):
    return run(AWS, *words, ok=ok)


def aws_json(*words):
    text = aws(*words, "--output", "json").stdout
    return json.loads(text) if text.strip() else None


def aws_cli_walk():
    """Create a role, a function, wait, invoke, read the log, update, publish, alias, delete: the usual first hour."""
    with tempfile.TemporaryDirectory() as work:
        trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
        role = aws_json("iam", "create-role", "--role-name", "walker", "--assume-role-policy-document", trust)["Role"]["Arn"]
        aws("iam", "attach-role-policy", "--role-name", "walker", "--policy-arn", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
        package = os.path.join(work, "f.zip")
        with open(package, "wb") as out:
            out.write(zipped({"app.py": "def handler(event, context):\n    print('walked', event)\n    return {'ok': event['n'] + 1}\n"}))
        aws("lambda", "create-function", "--function-name", "walk", "--runtime", "python3.11", "--role", role, "--handler", "app.handler", "--zip-file", f"fileb://{package}")
        aws("lambda", "wait", "function-active-v2", "--function-name", "walk")
        out = os.path.join(work, "out.json")
        answer = aws_json("lambda", "invoke", "--function-name", "walk", "--payload", '{"n": 41}', "--log-type", "Tail", out)
        assert answer["StatusCode"] == 200 and "FunctionError" not in answer, answer
        assert json.load(open(out)) == {"ok": 42}
        assert "walked {'n': 41}" in base64.b64decode(answer["LogResult"]).decode()
        logged = lambda: "walked" in aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/walk", ok=False).stdout
        until(logged, "the log is stored")
        with open(package, "wb") as out_zip:
            out_zip.write(zipped({"app.py": "def handler(event, context):\n    return 'second'\n"}))
        aws("lambda", "update-function-code", "--function-name", "walk", "--zip-file", f"fileb://{package}", "--publish")
        aws("lambda", "wait", "function-updated-v2", "--function-name", "walk")
        aws("lambda", "create-alias", "--function-name", "walk", "--name", "live", "--function-version", "1")
        aws("lambda", "invoke", "--function-name", "walk:live", out)
        assert json.load(open(out)) == "second"
        assert [f["FunctionName"] for f in aws_json("lambda", "list-functions")["Functions"]] == ["walk"]
        missing = aws("lambda", "get-function", "--function-name", "nobody", ok=False)
        assert missing.returncode != 0 and "ResourceNotFoundException" in missing.stderr, missing.stderr
        aws("lambda", "delete-function", "--function-name", "walk")
        aws("logs", "delete-log-group", "--log-group-name", "/aws/lambda/walk")
        aws("iam", "detach-role-policy", "--role-name", "walker", "--policy-arn", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
        aws("iam", "delete-role", "--role-name", "walker")


def tollgate(*words, ok=True, **settings):
    return run(TOLLGATE, *words, ok=ok, **settings)


def own_commands():
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "app.py"), "w") as source:
            source.write("def handler(event, context):\n    print('hello from the log')\n    if event.get('fail'):\n        raise ValueError('asked to')\n    return {'got': event}\n")
        with open(os.path.join(work, "tollgate.toml"), "w") as manifest:
            manifest.write('name = "own"\nruntime = "python3.11"\nhandler = "app.handler"\nmemory_mb = 128\ntimeout_s = 5\n')
        with open(os.path.join(work, ".gitignore"), "w") as ignore:
            ignore.write("secret.txt\n")
        with open(os.path.join(work, "secret.txt"), "w") as secret:
            secret.write("not to be deployed")
        account = os.environ["ACCOUNT_ID"]
        made = tollgate("deploy", work)
        assert f"arn:aws:lambda:us-east-1:{account}:function:own" in made.stdout, (made.stdout, made.stderr)
        with __import__("urllib.request").request.urlopen(client().get_function(FunctionName="own")["Code"]["Location"]) as code:
            names = zipfile.ZipFile(io.BytesIO(code.read())).namelist()
        assert "app.py" in names and "secret.txt" not in names, names
        again = tollgate("deploy", work)
        assert "function:own" in again.stdout
        done = tollgate("invoke", "own", "--payload", '{"a": 1}', "--tail")
        assert '"got"' in done.stdout and "hello from the log" in done.stdout + done.stderr, (done.stdout, done.stderr)
        assert "USD" in done.stdout + done.stderr, (done.stdout, done.stderr)
        failed = tollgate("invoke", "own", "--payload", '{"fail": true}', ok=False)
        assert failed.returncode == 1 and "asked to" in failed.stdout + failed.stderr, failed
        until(lambda: "hello from the log" in tollgate("logs", "own", "--since", "10m").stdout, "tollgate logs shows it")
        assert "own" in tollgate("functions").stdout
        unknown = tollgate("invoke", "nobody", ok=False)
        assert unknown.returncode == 1 and "nobody" in unknown.stderr and "panicked" not in unknown.stderr, unknown


def follow():
    python_function("chat", "def handler(event, context):\n    print('line', event['n'])\n")
    process = subprocess.Popen([TOLLGATE, "logs", "chat", "--follow"], stdout=subprocess.PIPE, text=True)
    try:
        for number in range(3):
            invoke("chat", {"n": number})
        wanted, seen = {f"line {n}" for n in range(3)}, set()
        deadline = time.monotonic() + 20
        while wanted - seen and time.monotonic() < deadline:
            text = process.stdout.readline()
            seen |= {line for line in wanted if line in text}
        assert seen == wanted, seen
    finally:
        process.terminate()
        process.wait()


def env_prints_exports():
    text = tollgate("env", "--data-dir", os.environ["DATA_DIR"]).stdout
    script = f'{text}\nexec "{AWS}" sts get-caller-identity --output json'
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    identity = json.loads(run("bash", "-c", script, env=clean).stdout)
    assert identity["Account"] == "000000000000", identity


def doctor():
    done = tollgate("doctor", "--data-dir", os.environ["DATA_DIR"])
    for word in ("isolation", "cgroup", "python3", "postgres", "redis"):
        assert word in done.stdout.lower(), (word, done.stdout)


if __name__ == "__main__":
    main(globals())
