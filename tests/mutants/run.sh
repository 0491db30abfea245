#!/bin/sh
# Every defence has a patch here that takes it away. Applies each in turn to a copy of the tree, builds the test that
# its first line names ("# test: test_lct") and demands that it turns red: it must build, and it must fail.
# Usage: run.sh [NAME...]    default: all; NAME or path of a patch
#        run.sh --check      only: does every patch still apply, and name a test that is there? (part of `make lint` and `make check`)
set -eu
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --check ]; then
	bad=0
	for patch in tests/mutants/*.patch; do
		test=$(sed -n 's/^# test: *//p' "$patch" | head -n 1)
		if ! git apply --check "$patch" 2>/dev/null; then
			echo "FAIL $patch: does not apply any more"
			bad=1
		elif [ ! -e "tests/unit/$test.c" ]; then
			echo "FAIL $patch: its first line names no test that is there"
			bad=1
		fi
	done
	[ $bad -eq 1 ] || echo "mutants: all apply"
	exit $bad
fi
[ $# -gt 0 ] || set -- tests/mutants/*.patch
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM
git ls-files -c -o --exclude-standard | tar -cf - -T - | tar -xf - -C "$copy"
killed=0
survived=0
built=""
for patch in "$@"; do
	[ -e "$patch" ] || patch=tests/mutants/$patch.patch
	name=$(basename "$patch" .patch)
	if [ ! -e "$patch" ]; then
		echo "FAIL $name: no such patch"
		survived=$((survived + 1))
		continue
	fi
	test=$(sed -n 's/^# test: *//p' "$patch" | head -n 1)
	path=$(realpath "$patch")
	if [ -z "$test" ]; then
		echo "FAIL $name: its first line names no test"
		survived=$((survived + 1))
		continue
	fi
	# The unharmed test must be green, or the mutant proves nothing.
	case " $built " in
	*" $test "*) ;;
	*)
		if ! (cd "$copy" && make -s "build/tests/unit/$test" && timeout 300 "build/tests/unit/$test") >"$copy/log" 2>&1; then
			echo "FAIL $name: $test is red without the mutant"
			tail -n 5 "$copy/log"
			survived=$((survived + 1))
			continue
		fi
		built="$built $test"
		;;
	esac
	if ! patch -s -p1 -d "$copy" <"$path" >"$copy/log" 2>&1; then
		echo "FAIL $name: the patch does not apply"
		survived=$((survived + 1))
		continue
	fi
	if ! (cd "$copy" && make -s WERROR= "build/tests/unit/$test") >"$copy/log" 2>&1; then
		echo "FAIL $name: does not build"
		tail -n 5 "$copy/log"
		survived=$((survived + 1))
	elif (cd "$copy" && timeout 300 "build/tests/unit/$test") >"$copy/log" 2>&1; then
		echo "FAIL $name: $test stays green without this defence"
		survived=$((survived + 1))
	else
		echo "ok   $name: $test turns red"
		killed=$((killed + 1))
	fi
	(cd "$copy" && patch -s -R -p1 -d "$copy" <"$path")
done
echo "$killed passed, $survived failed"
[ $survived -eq 0 ]
