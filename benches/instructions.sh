#!/usr/bin/env bash
# Counts the instructions of the hot paths (benches/instructions.rs) by valgrind, and compares them
# with benches/instructions.txt.
#
#   benches/instructions.sh            compares; fails if a path costs 3 % more, or 10 % less: then
#                                    the file is to be written anew
#   benches/instructions.sh --write    writes what it counted to the file
#
# Counts differ a little between compilers, and between processors with and without AVX2: the file
# says with which compiler it was made, and where one of both differs paths may cost 25 % more.
# Ends with `instructions: N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."

expected=benches/instructions.txt
target=${CARGO_TARGET_DIR:-target}
few=4000
many=12000

if ! command -v valgrind >/dev/null; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    timeout 300 $sudo apt-get update -q
    timeout 600 $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qy --no-install-recommends valgrind
fi

binary=$(cargo bench -p benches --bench instructions --features adapters --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*instructions-[^"]*\)".*/\1/p')
[ -x "$binary" ] || { echo "the bench was not built" >&2; exit 1; }

# A copy by `rep movsb` would count as one instruction for each byte.
export GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=0x40000000

# Instructions of a path that does its work so many times.
count() { # NAME TIMES
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$1" "$2" 2>&1 >/dev/null |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

rustc=$(rustc --version | cut -d' ' -f2)
counted=$(mktemp "$target/instructions.XXXXXX")
trap 'rm -f "$counted"' EXIT
echo "# Instructions for each time, rustc $rustc; written by benches/instructions.sh --write" >"$counted"
for name in $("$binary"); do
    less=$(count "$name" $few)
    more=$(count "$name" $many)
    awk -v name="$name" -v less="$less" -v more="$more" -v times=$((many - few)) \
        'BEGIN { printf "%-26s %9.1f\n", name, (more - less) / times }' | tee -a "$counted"
done

if [ "${1:-}" = --write ]; then
    cp "$counted" "$expected"
    exit
fi

limit=3
grep -q "rustc $rustc;" "$expected" && grep -qw avx2 /proc/cpuinfo || limit=25
awk -v limit=$limit '
    /^#/ { next }
    NR == FNR { expected[$1] = $2; next }
    !($1 in expected) { print "not in the file: " $1; failed++; next }
    {
        change = ($2 / expected[$1] - 1) * 100
        # A path of a few instructions may differ by one.
        off = $2 - expected[$1]
        if (change > limit && off > 1 || change < -10 && off < -1) {
            printf "%s: %s instructions, expected %s (%+.1f %%)\n", $1, $2, expected[$1], change
            failed++
        } else passed++
        delete expected[$1]
    }
    END {
        for (name in expected) { print "not counted: " name; failed++ }
        printf "instructions: %d passed, %d failed\n", passed, failed
        exit failed > 0
    }' "$expected" "$counted"
