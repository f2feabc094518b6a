#!/usr/bin/env bash
# All tests. They find a Postgres and a Redis that are thrown away afterwards (DATABASE_URL, REDIS_URL), and a running
# Tollgate that those of the command line and of the AWS clients share, each in an account of its own.
#
# scripts/test.sh [FILTER...] passes its words on to the test runner.
set -euo pipefail
cd "$(dirname "$0")/.."
export SQLX_OFFLINE=${SQLX_OFFLINE:-true}

if [ "${1:-}" = --inside ]; then
    shift
    work=$2 filters=("${@:3}")
    # Ends with us, whatever becomes of us.
    setpriv --pdeathsig TERM target/debug/tollgate up --data-dir "$work/shared" --listen 127.0.0.1:0 \
        >"$work/shared.out" 2>"$work/shared.log" &
    shared=$!
    trap 'kill -TERM $shared 2>/dev/null; wait $shared 2>/dev/null || true' EXIT
    until grep -q ' is ready at ' "$work/shared.out"; do
        kill -0 $shared 2>/dev/null || { cat "$work/shared.log" >&2; exit 1; }
        sleep 0.1
    done
    TOLLGATE_TEST_URL=$(sed -n 's/.* is ready at \([^ ]*\).*/\1/p' "$work/shared.out")
    export TOLLGATE_TEST_URL TOLLGATE_TEST_DIR=$work/shared
    if cargo nextest --version >/dev/null 2>&1; then
        # Half as many again as there are processors: many tests wait for times to come.
        export NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$((($(nproc) * 3 + 1) / 2))}
        cargo nextest run --locked --workspace --no-fail-fast ${filters[@]+"${filters[@]}"}
    else
        echo "cargo-nextest is not installed (cargo install --locked cargo-nextest): running the slower cargo test." >&2
        cargo test --locked --workspace --no-fail-fast ${filters[@]+"${filters[@]}"}
    fi
    exit
fi

cargo build --locked --package tollgate
work=$(mktemp -d "${TMPDIR:-/tmp}/tollgate-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
target/debug/tollgate private-services --data-dir "$work/private" -- "$PWD/scripts/test.sh" --inside -- "$work" "$@"
if [ $# -eq 0 ]; then
    # Services apart are broken under load, each time by other faults: no accepted event may be lost.
    cargo run --quiet --locked --package load-tests -- --quick --only faults --faults 20 --tollgate target/debug/tollgate
fi
echo "All tests passed."
