"""The way out: functions that ask for it by a tag, as AWS's clients set it."""

import subprocess
import tempfile

from common import *

TAG = "tollgate:egress"
WEBSITE, SEEN_AS = os.environ["WEBSITE"], os.environ["SEEN_AS"]

# Answers with what is at the event's address. In bash, for no client of a runtime has to be downloaded for that.
BOOTSTRAP = r"""#!/bin/bash
api=${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}
while true; do
    exec 3<>"/dev/tcp/$api"
    printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n' >&3
    while IFS= read -r line <&3 && line=${line%$'\r'} && [ -n "$line" ]; do
        case "${line,,}" in
            lambda-runtime-aws-request-id:*) id=${line#*: } ;;
            content-length:*) length=${line#*: } ;;
        esac
    done
    IFS= LC_ALL=C read -r -N "$length" place <&3
    place=${place//\"/}
    said=nothing
    if exec 4<>"/dev/tcp/$place/80"; then
        printf 'GET / HTTP/1.0\r\n\r\n' >&4
        said=$(tail -n 1 <&4)
    fi 2>/dev/null
    exec 3<>"/dev/tcp/$api"
    printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"%s"' \
        "$id" "$((${#said} + 2))" "$said" >&3
    read -r _ <&3
done
"""
RUNS = dict(Runtime="provided.al2023", Handler="none")
FILES = {"bootstrap": (BOOTSTRAP, 0o755)}


def tags():
    lam = client()
    arn = create("tagged", FILES, Tags={TAG: "internet"}, **RUNS)["FunctionArn"]
    version = lam.publish_version(FunctionName="tagged")["Version"]

    def sees(answer):
        for name in ("tagged", f"tagged:{version}"):
            assert invoke(name, WEBSITE)[0] == answer, (name, answer)

    sees(SEEN_AS)
    for private in ("10.1.2.3", "169.254.169.254", "203.0.113.1"):
        assert invoke("tagged", private)[0] == "nothing", private
    # Changes of the tag count from the next invocation on.
    for _ in range(2):
        lam.untag_resource(Resource=arn, TagKeys=[TAG])
        sees("nothing")
        lam.tag_resource(Resource=arn, Tags={TAG: "internet", "other": "tag"})
        sees(SEEN_AS)
    create("plain", FILES, **RUNS)
    assert invoke("plain", WEBSITE)[0] == "nothing"
    text = 'The tag tollgate:egress must have the value internet, not "vpc".'
    with raises("InvalidParameterValueException", text, 400):
        lam.tag_resource(Resource=arn, Tags={TAG: "vpc"})
    with raises("InvalidParameterValueException", text, 400):
        create("other", FILES, Tags={TAG: "vpc"}, **RUNS)
    sees(SEEN_AS)


def own_commands():
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "bootstrap"), "w") as bootstrap:
            bootstrap.write(BOOTSTRAP)
        os.chmod(bootstrap.name, 0o755)
        with open(os.path.join(work, "tollgate.toml"), "w") as manifest:
            manifest.write('name = "own"\nruntime = "provided.al2023"\nhandler = "none"\n')
        for words, sees in (([], "nothing"), (["--egress"], SEEN_AS), ([], SEEN_AS), (["--egress=none"], "nothing")):
            subprocess.run([os.environ["PROGRAM"], "deploy", work, *words], check=True)
            assert invoke("own", WEBSITE)[0] == sees, words


def denied():
    create("tagged", FILES, Tags={TAG: "internet"}, **RUNS)
    text = "The function asks for egress by its tag tollgate:egress: this installation's operator denies egress (executor.egress)."
    with raises("AccessDeniedException", text, 403):
        invoke("tagged", WEBSITE)
    create("plain", FILES, **RUNS)
    assert invoke("plain", WEBSITE)[0] == "nothing"


if __name__ == "__main__":
    main(globals())
