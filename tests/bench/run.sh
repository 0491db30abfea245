#!/bin/sh
# make bench: every benchmark, one after the other; text here, figures as JSON in $BUILD/bench/.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
export BUILD
mkdir -p "$BUILD/bench"
for bench in "$BUILD"/tests/bench/bench_*; do
	case $bench in *.o | *.d) continue ;; esac
	name=$(basename "$bench" | sed 's/^bench_//')
	echo "== $name"
	"$bench" "$BUILD/bench/$(echo "$name" | tr _ -).json" || echo "$name failed"
done
echo "== impair"
tests/bench/impair.sh
echo "== end to end"
tests/bench/e2e.sh
