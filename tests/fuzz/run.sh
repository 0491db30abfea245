#!/bin/sh
# Runs each fuzzer given for a bounded time: run.sh SECONDS FUZZER... New inputs stay in the build directory.
set -eu
seconds=$1
shift
for fuzzer in "$@"; do
	name=$(basename "$fuzzer")
	found=$(dirname "$fuzzer")/found/$name
	mkdir -p "$found" "tests/fuzz/corpus/$name"
	echo "fuzz $name: $seconds s"
	"$fuzzer" -max_total_time="$seconds" -max_len=16384 -rss_limit_mb=512 -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$found/" "$found" "tests/fuzz/corpus/$name" >"$found.log" 2>&1 || {
		tail -n 40 "$found.log"
		exit 1
	}
	grep -E 'number_of_executed_units|new_units_added' "$found.log"
done
