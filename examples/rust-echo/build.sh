#!/bin/sh
# Builds the binary and puts it into build/ under the name that a custom runtime has.
set -eu
cd "$(dirname "$0")"
cargo build --release --locked --quiet --target-dir target
mkdir -p build
cp target/release/bootstrap build/bootstrap
