# Runs the parts of proof/machines, and counts in `passed` and `failed` what comes of them. The logs
# are in the directory `logs`. To be sourced.
# shellcheck shell=bash disable=SC2154 # variables of who sources it

# LABEL SECONDS COMMAND...: one check.
try() {
    local began=$SECONDS status=0
    logged "$@" || status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "   $1: passed in $((SECONDS - began)) s"
    else
        failed=$((failed + 1))
        tell_failure "$1" "$status"
    fi
}

# LABEL SECONDS COMMAND...: the tests that it runs.
tests() {
    local status=0
    logged "$@" || status=$?
    judge_tests "$1" "$status"
}

# LABEL STATUS: counts the tests in the log.
judge_tests() {
    local file ran broken ignored seconds
    file=$(log_of "$1")
    read -r ran broken ignored seconds < <(awk '
        /^test result:/ { ran += $4; broken += $6; ignored += $8; sub(/s$/, "", $NF); time += $NF }
        END { print ran + 0, broken + 0, ignored + 0, int(time) }' "$file")
    passed=$((passed + ran)) failed=$((failed + broken))
    echo "   $1: $ran passed, $broken failed, $ignored ignored, the tests in $seconds s"
    sed -n 's/^test \(.*\) \.\.\. ignored/   ignored: \1/p' "$file"
    if [ "$2" -ne 0 ] || [ "$ran" -eq 0 ]; then
        [ "$broken" -gt 0 ] || failed=$((failed + 1))
        tell_failure "$1" "$2"
    fi
}

# LABEL SECONDS COMMAND...
logged() {
    timeout -k 10 "${@:2}" >"$(log_of "$1")" 2>&1 </dev/null
}

log_of() {
    echo "$logs/${1//[^a-z0-9]/-}.log"
}

tell_failure() {
    tail -n 40 "$(log_of "$1")" | cut -c1-300
    echo "   $1: FAILED with status $2; see $(log_of "$1")"
}

# Copies what git knows to where other versions can be chosen.
copy() {
    rm -rf "$1"
    mkdir -p "$1"
    git ls-files -z | xargs -0 cp -p --parents -t "$1"
}

# KIND NAME...: unless it is there.
install() {
    case $1 in
        component) need rustup --quiet component add --toolchain nightly "${@:2}" ;;
        target) need rustup --quiet target add "${@:2}" ;;
        toolchain)
            rustup run "$2" rustc --version >/dev/null 2>&1 ||
                need rustup --quiet toolchain install "$2" --profile minimal --no-self-update
            ;;
        package)
            ! dpkg -s "$2" >/dev/null 2>&1 || return 0
            need apt-get -qq update
            DEBIAN_FRONTEND=noninteractive need apt-get -qq install --yes \
                --no-install-recommends "$2"
            ;;
    esac
}

# Parts that run at the same time install one after the other.
need() {
    logged "needed $*" 1800 flock "$logs/lock" "$@" && return
    tell_failure "needed $*" "$?"
    local server=${RUSTUP_DIST_SERVER:-https://static.rust-lang.org}
    if [ "$1" = rustup ] && [ "$is_short" = true ] &&
        ! reaches "$server/dist/channel-rust-stable.toml.sha256"; then
        echo "   NOT ASKED: $part needs what rustup cannot get here"
        is_done=true
        exit 0
    fi
    echo "   without it, $part cannot be asked"
    exit 1
}

# URL: whether there is a way to it from here.
reaches() {
    timeout 60 curl -fsS --retry 2 -o /dev/null "$1"
}

# In a process of its own, so that one part leaves nothing to the next. Whatever ends it, its last
# line is printed.
run() {
    is_done=false
    trap '$is_done || [ "$failed" -gt 0 ] || failed=1
        echo "$part: $passed passed, $failed failed"
        exit $((failed > 0))' EXIT
    passed=0 failed=0
    "part_$part"
    [ "$passed" -gt 0 ] && is_done=true
}
