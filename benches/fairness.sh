#!/usr/bin/env bash
# benches/fairness.sh: how long a fresh connection waits while four others flood the same server
# (benches/fairness.rs), for each server of the examples. It measures; CI does not run it.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
timeout 900 cargo build --release -p examples --features futures-io
timeout 900 cargo build --release -p benches --bin fairness
port=9090
for server in "echo_server" "echo_server --blocking" "echo_server --futures-io" "mio_server"; do
    port=$((port + 1))
    # shellcheck disable=SC2086 # a program and its option
    "$target"/release/$server 127.0.0.1:$port >/dev/null 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null || true' EXIT
    sleep 1
    echo "== $server"
    timeout 120 "$target"/release/fairness 127.0.0.1:$port
    kill $pid
done
