#!/bin/bash
# scratch.sh - an empty folder of its own for a test of a command line, gone when it ends. Sourced with the checkout as
# working folder; the test goes on in the new one.
#
#   $dir            that folder
#   fail WORDS...   ends the test

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
	echo "FAIL: $*"
	exit 1
}
