#!/usr/bin/env bash
# benches/fairness.sh: how long a fresh connection waits while four others flood the same server
# (benches/fairness.rs), for each server of the examples. It measures; CI does not run it.
set -euo pipefail
cd "$(dirname "$0")/.."

features=tokio,futures-io,deflate
target=${CARGO_TARGET_DIR:-target}
timeout 900 cargo build --release --features $features --examples
bench=$(timeout 900 cargo bench --bench fairness --features $features --no-run \
    --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*fairness-[^"]*\)".*/\1/p')
port=9090
for server in "echo_server" "echo_server --blocking" "echo_server --futures-io" "mio_server"; do
    port=$((port + 1))
    # shellcheck disable=SC2086 # a program and its option
    "$target"/release/examples/$server 127.0.0.1:$port >/dev/null 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null || true' EXIT
    sleep 1
    echo "== $server"
    timeout 120 "$bench" 127.0.0.1:$port
    kill $pid
done
