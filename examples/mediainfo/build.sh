#!/bin/sh
# Puts the function and its dependencies into build/, for the Python that will run it.
set -eu
cd "$(dirname "$0")"
runtime=${TOLLGATE_RUNTIME:-python3.11}
version=${runtime#python}
machine=$(uname -m)
rm -rf build
export PIP_ROOT_USER_ACTION=ignore
python3 -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes \
    --only-binary=:all: --implementation cp --python-version "$version" \
    --platform "manylinux_2_28_$machine" --platform "manylinux_2_27_$machine" \
    --target build --requirement requirements.txt
cp app.py build/
# Compiled here, because the function cannot write beside its code. Valid whatever the files' times are.
if command -v "python$version" >/dev/null; then
    "python$version" -m compileall -q --invalidation-mode unchecked-hash build || true
fi
