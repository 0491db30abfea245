#!/bin/sh
# Runs tests/e2e/test_*.sh one after the other. Exit 77 of a test means skipped, with its reason on the last line.
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
export BUILD
mkdir -p "$BUILD/tests/e2e"
passed=0
failed=0
skipped=0
for test in tests/e2e/test_*.sh; do
	[ -e "$test" ] || continue
	name=$(basename "$test" .sh)
	log=$BUILD/tests/e2e/$name.log
	start=$(date +%s)
	timeout "${TEST_TIMEOUT:-240}" "$test" >"$log" 2>&1
	status=$?
	took=$(($(date +%s) - start))
	case $status in
	0) passed=$((passed + 1)) && echo "ok   $name (${took} s)" ;;
	77) skipped=$((skipped + 1)) && echo "skip $name: $(tail -n 1 "$log")" ;;
	*) failed=$((failed + 1)) && echo "FAIL $name (exit $status, ${took} s)" && tail -n 60 "$log" ;;
	esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
