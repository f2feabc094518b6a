#!/usr/bin/env bash
# What must hold before a change is merged, cheapest first. Unused dependencies and the direction of dependencies between
# crates are tests (services/tollgate/tests/house.rs).
set -euo pipefail
cd "$(dirname "$0")/.."
export SQLX_OFFLINE=${SQLX_OFFLINE:-true}

step() { echo "== $*"; }

step formatting
cargo fmt --all --check
if command -v typos >/dev/null; then
    step spelling
    typos
fi
step "lints, and checked queries"
scripts/sqlx.sh check cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings
step documentation
# Private items are documented too, so links to them work.
RUSTDOCFLAGS="--deny warnings --allow rustdoc::private-intra-doc-links" cargo doc --quiet --locked --workspace --no-deps --document-private-items
step generated code
cargo run --quiet --locked --package aws-codegen
git diff --exit-code --stat -- shared/aws-model || {
    echo "shared/aws-model is not what \`make codegen\` writes: commit its result, change it there, never by hand." >&2
    exit 1
}
echo "All checks passed."
