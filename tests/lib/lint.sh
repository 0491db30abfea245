#!/bin/sh
# The house rules that a machine can check. Prints every breach and fails if there is one.
cd "$(dirname "$0")/../.." || exit 1
breaches=0
breach() {
	echo "lint: $1"
	breaches=$((breaches + 1))
}
files=$(git ls-files -c -o --exclude-standard '*.c' '*.h')

# Dependencies point one way: common <- fec <- policy-map <- (carousel-tx, carousel-rx) <- sim, tests.
may_include() {
	case $1 in
	common) echo 'common' ;;
	fec) echo 'common fec' ;;
	policy-map) echo 'common fec policy-map' ;;
	carousel-tx) echo 'common fec policy-map carousel-tx' ;;
	carousel-rx) echo 'common fec policy-map carousel-rx' ;;
	sim) echo 'common fec policy-map carousel-tx carousel-rx sim' ;;
	tests) echo 'common fec policy-map carousel-tx carousel-rx sim tests' ;;
	esac
}
for file in $files; do
	room=${file%%/*}
	allowed=$(may_include "$room")
	for other in $(sed -n 's/^#include "\([a-z-]*\)\/.*/\1/p' "$file" | sort -u); do
		case " $allowed " in
		*" $other "*) ;;
		*) breach "$file: $room must not include from $other" ;;
		esac
	done
done

# Sans-I/O cores: only common/io, the daemons, the programs and the tests touch the outside.
for file in $files; do
	case $file in
	common/io/* | */daemon/* | */cli/* | policy-map/fleet/* | policy-map/files/* | tests/*) continue ;;
	esac
	grep -nE '#include <(uv|sys/socket|netinet/in|time|sys/time|sys/random|unistd|fcntl)\.h>' "$file" | while read -r hit; do
		echo "$file:$hit"
	done
done >"${TMPDIR:-/tmp}/lint.$$"
while read -r hit; do breach "$hit: a core takes no socket, clock, random source or file by itself"; done <"${TMPDIR:-/tmp}/lint.$$"
rm -f "${TMPDIR:-/tmp}/lint.$$"

# The event loop stays in common/io, behind the daemons that use it.
for file in $files; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 1000 ] || case $file in */*_table*.[ch] | */tables.[ch]) ;; *) breach "$file: $lines lines, at most 1000" ;; esac
	awk -v file="$file" '
		/^[a-z].*\)$|^[a-z].*\) *$/ { head = FNR }
		/^\{/ { start = FNR }
		/^\}/ { if (start && FNR - start > 101) printf "%s:%d: function of %d lines, at most 100\n", file, start, FNR - start - 1; start = 0 }
	' "$file"
done >"${TMPDIR:-/tmp}/lint.$$"
while read -r hit; do breach "$hit"; done <"${TMPDIR:-/tmp}/lint.$$"
rm -f "${TMPDIR:-/tmp}/lint.$$"

# Every source of a library has a unit test beside it in name; where two sources share a name, the test is that one's whose header it includes.
for file in $(git ls-files -c -o --exclude-standard 'common/*.c' 'fec/*.c' 'policy-map/*.c' 'carousel-tx/*.c' 'carousel-rx/*.c' 'sim/*.c'); do
	case $file in */cli/* | */daemon/*) continue ;; esac
	name=$(basename "$file" .c)
	grep -lq "covers: .*$file" tests/unit/*.c && continue
	if [ -e "tests/unit/test_$name.c" ] && [ "$(git ls-files -c -o --exclude-standard "*/$name.c" ':!tests' | wc -l)" -gt 1 ]; then
		grep -q "\"${file%.c}.h\"" "tests/unit/test_$name.c" || breach "$file: tests/unit/test_$name.c is another's, and no unit test says 'covers: $file'"
		continue
	fi
	[ -e "tests/unit/test_$name.c" ] || breach "$file: no tests/unit/test_$name.c, and no unit test says 'covers: $file'"
done

# A mutant that no longer applies proves nothing.
tests/mutants/run.sh --check >"${TMPDIR:-/tmp}/lint.$$"
while read -r hit; do case $hit in FAIL*) breach "${hit#FAIL }" ;; esac; done <"${TMPDIR:-/tmp}/lint.$$"
rm -f "${TMPDIR:-/tmp}/lint.$$"

for script in tests/e2e/*.sh; do [ -x "$script" ] || breach "$script: not executable, so that it cannot be run as a test"; done
git grep -nIE '\b(TODO|FIXME|XXX|HACK)\b' -- '*.c' '*.h' '*.sh' Makefile ':!tests/lib/lint.sh' && breach "unfinished by its own words"
for entry in $(git ls-tree --name-only HEAD 2>/dev/null); do
	case $entry in
	.* | Makefile | README.md | LICENSE | CHANGELOG.md | common | fec | policy-map | carousel-tx | carousel-rx | sim | tests) ;;
	*) breach "$entry: the top level has no room for it" ;;
	esac
done
if command -v clang-format >/dev/null; then
	for file in $files; do
		clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || breach "$file: make format would change it"
	done
fi
[ $breaches -eq 0 ] && echo "lint: clean"
[ $breaches -eq 0 ]
