#!/usr/bin/env bash
# .sqlx/: what the database answers to each query, so that a build needs no database. `write` renews it, `check` says whether it
# is up to date with the queries and the migrations.
#
# sqlx's macros write it themselves when they are told where (SQLX_OFFLINE_DIR) and find a database (DATABASE_URL): the same that
# `cargo sqlx prepare` does, without another tool. The database is a throwaway one of this script, for Tollgate itself cannot
# be built while .sqlx/ is out of date. A target directory of its own keeps the other builds' work.
#
# `check COMMAND...` runs a command that builds, and looks at what it asked on its way: from nothing, that is all there is to ask,
# and no second build is needed. What was built before asks nothing again: then the check builds by itself.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=${1:-}
case $mode in write | check) ;; *)
    echo "usage: $0 write | check [COMMAND...]" >&2
    exit 2
    ;;
esac
shift

bin=$(dirname "$(readlink -f "$(command -v postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -1)")")
work=$(mktemp -d "${TMPDIR:-/tmp}/tollgate-sqlx.XXXXXX")
mkdir "$work/sqlx" "$work/data"
# Postgres does not run as root.
as=()
if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$work/data"
    chmod 711 "$work"
    as=(setpriv --reuid postgres --regid postgres --clear-groups)
fi
stop() {
    ${as[@]+"${as[@]}"} "$bin/pg_ctl" --pgdata "$work/data" --mode immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT
cd "$work"
${as[@]+"${as[@]}"} "$bin/initdb" --pgdata "$work/data" --username tollgate --auth trust --encoding UTF8 --no-locale --no-sync >/dev/null
${as[@]+"${as[@]}"} "$bin/pg_ctl" --pgdata "$work/data" --wait --log "$work/data/log" \
    --options "-c listen_addresses= -c unix_socket_directories='$work/data' -c fsync=off" start >/dev/null
cd - >/dev/null
for file in sql/migrations/*.sql; do
    PGOPTIONS='-c client_min_messages=warning' "$bin/psql" --no-psqlrc --quiet --host "$work/data" --username tollgate --set ON_ERROR_STOP=1 \
        --single-transaction --file "$file" postgres >/dev/null
done

asking() {
    DATABASE_URL="postgres://tollgate@localhost/postgres?host=$work/data" SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$work/sqlx "$@"
}
is_up_to_date() { diff -r "$work/sqlx" .sqlx >/dev/null; }

if [ $# -gt 0 ]; then
    asking "$@"
    if is_up_to_date; then
        exit
    fi
    rm -rf "$work/sqlx"
    mkdir "$work/sqlx"
fi
export CARGO_TARGET_DIR=$PWD/target/sqlx
rm -rf "$CARGO_TARGET_DIR"/debug/.fingerprint/store-* "$CARGO_TARGET_DIR"/debug/incremental/store-*
asking cargo check --quiet --locked --package store --all-targets

if [ "$mode" = write ]; then
    rm -rf .sqlx
    cp -r "$work/sqlx" .sqlx
elif ! is_up_to_date; then
    echo "The checked queries in .sqlx/ are out of date: run make sqlx and commit them." >&2
    exit 1
fi
