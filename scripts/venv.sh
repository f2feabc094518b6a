#!/usr/bin/env bash
# The AWS CLI and boto3 in .venv/, by hash. Made anew when the list changes.
set -euo pipefail
cd "$(dirname "$0")/.."

list=services/tollgate/tests/requirements.txt
if cmp -s "$list" .venv/installed.txt; then
    exit 0
fi
rm -rf .venv
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$list"
cp "$list" .venv/installed.txt
