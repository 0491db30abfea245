#!/bin/bash
# A new user with nothing but the manual pages: every block of policy-map.1 is typed as it stands, in an empty folder,
# by somebody who types a passphrase when he is asked for one; the map of policy-map.5 is read.
set -eu
build=$PWD/${BUILD:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
PATH=$build/bin:$PATH

fail() {
	echo "FAIL: $*"
	exit 1
}
# The literal blocks of the walk, as they are shown: what stands before VERBS.
awk '/^\.SH VERBS/ { exit } /^\.nf/ { on = 1; next } /^\.fi/ { on = 0; print "" } on && !/^\.RS/' "$build/man/policy-map.1" |
	sed 's/\\&//g; s/\\\\/\\/g; s/\\e/\\/g' >"$dir/typed"
cd "$dir"
[ "$(grep -c '^policy-map' typed)" -gt 30 ] || fail "the page has no walk"

# Two images, of which the second is much like the first.
head -c 3000000 /dev/urandom >box2-105.img
{
	head -c 1000000 box2-105.img
	head -c 500777 /dev/urandom
	tail -c 1500000 box2-105.img
} >box2-110.img

# One command after the other; "# exits N" says what to expect of it. Lines that go on are joined, here-documents taken whole.
awk '
	end { command = command "\n" $0; if ($0 == end) { end = ""; out() }; next }
	/^$/ { next }
	{ command = command == "" ? $0 : command "\n" $0 }
	/<<END$/ { end = "END"; next }
	!/\\$/ { out() }
	function out() { n++; printf "%s\n", command > sprintf("step.%03d", n); command = "" }
' typed
steps=0
for step in step.*; do
	wanted=$(sed -n 's/.*# exits \([0-9]\).*/\1/p' "$step")
	status=0
	typist "correct horse" bash -e "$step" >"$step.out" || status=$?
	[ "$status" = "${wanted:-0}" ] || {
		cat "$step" "$step.out"
		fail "exit $status, not ${wanted:-0}"
	}
	steps=$((steps + 1))
done
said() { # WORDS COMMAND: the command was typed, and its output has these words
	for step in $(grep -lF -- "$2" step.???); do grep -q -- "$1" "$step.out" && return; done
	fail "no \"$1\" from: $2"
}
said "missing" "verify 1.root"
said "passphrase for root1" "keygen root1"
said "mandatory 105: below-minimum\|offer 105: below-acceptable" "--version 100"
said "recall 105: above-maximum" "--version 110"
said "chunks lie in version 105" "--from box2-105.img:105"
said "boxes follow it from root version 1 to version 2" "trust verify"
policy-map trust show roots.dsse | grep -q "root version 3, epoch 2" || fail "the last root"
policy-map verify --trust roots.dsse map.dsse >/dev/null || fail "the last map"
carousel-tx list --catalogue catalogue >listed || fail "the catalogue"
grep -q "epoch 2" listed || fail "the last map is not on the air"
[ "$(policy-map audit show audit.jsonl | grep -c " sign ")" -ge 10 ] || fail "the audit log"
ls ./*.key | while read -r key; do [ "$(stat -c %a "$key")" = 600 ] || fail "$key can be read by others"; done

# ---- policy-map.5: its map is one, but for its digests, which are cut short ----
awk '/^carousel-map 1/ { on = 1 } /^\.fi/ { on = 0 } on' "$build/man/policy-map.5" | sed 's/\\&//g' >example.map
grep -q '^image' example.map || fail "no map in policy-map.5"
sed -i 's/^issued.*/issued 2026-11-21T10:00:00Z/' example.map
digest=$(printf '%064d' 7)
sed -i "s/sha256:[0-9a-f]*\.\.\./sha256:$digest/g" example.map
policy-map fmt example.map || fail "the map of policy-map.5"
policy-map show example.map >/dev/null || fail "the map of policy-map.5"
# ---- the lot of policy-map.5, by another BLAKE2b and by explain ----
field() { sed -n "s/^ *$1  *\([0-9a-z\/]*\)\$/\1/p" "$build/man/policy-map.5" | tail -n 1; }
python3 - "$(field salt)" "$(field 'box id')" "$(field hashed)" "$(field digest)" "$(field number)" "$(field lot)" <<'PYTHON' || fail "the lot of policy-map.5"
import hashlib, sys
salt, box, hashed, digest, number, lot = sys.argv[1:]
message = salt.encode() + b"\0" + box.encode()
value = hashlib.blake2b(message, digest_size=8).digest()
assert message.hex() == hashed and value.hex() == digest
assert int.from_bytes(value, "big") == int(number) and int(number) % 10000 == int(lot)
PYTHON
grep -v ^override example.map >plain.map
policy-map explain --map plain.map --class box2 --version 90 --box-id "$(field 'box id')" --at 2026-11-24T00:00Z >explained
grep -q "ramp 20.00 %, lot $(($(field lot) / 100)).$(($(field lot) % 100)) %: does not admit" explained || fail "explain and the lot of policy-map.5: $(cat explained)"

# ---- no word that the program may say is missing from policy-map.1 ----
cd "$OLDPWD"
sed 's/\\-/-/g; s/\\fI//g; s/\\fR//g' "$build/man/policy-map.1" >"$dir/page"
for word in $(sed -n 's/^\tX([A-Z_]*, \(true\|false\), "\([a-z-]*\)").*/\2/p' policy-map/lint.h) \
	$(sed -n 's/^\tX([A-Z_]*, [0-9]*, "\([a-z-]*\)",.*/\1/p' policy-map/policy.h); do
	grep -q -- "\b$word\b" "$dir/page" || fail "policy-map.1 does not tell of $word"
	words=$((${words:-0} + 1))
done
[ "$words" -gt 40 ] || fail "only $words words were looked for"
echo "the manual pages: $steps steps as they stand"
