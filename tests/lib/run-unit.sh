#!/bin/sh
# Runs each unit test program given, shows the output of those that fail, and ends with one line of counts.
passed=0
failed=0
for test in "$@"; do
	name=${test##*/}
	log=$test.log
	timeout "${TEST_TIMEOUT:-300}" "$test" >"$log" 2>&1
	status=$?
	ok=$(grep -c '^\[       OK \]' "$log")
	bad=$(grep -c '^\[  FAILED  \] [a-z_]*$' "$log")
	passed=$((passed + ok))
	failed=$((failed + bad))
	if [ $status -ne 0 ]; then
		[ "$bad" -gt 0 ] || failed=$((failed + 1))
		echo "FAIL $name (exit $status)"
		cat "$log"
	else
		echo "ok   $name ($ok)"
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
