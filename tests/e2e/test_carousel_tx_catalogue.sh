#!/bin/bash
# carousel-tx's catalogue: what it takes and refuses, and that a kill at any change leaves the old or the new.
set -eu
build=$PWD/${BUILD:-build}/bin
pm=$build/policy-map
. tests/lib/scratch.sh

tx() {
	verb=$1
	shift
	"$build/carousel-tx" "$verb" "$@" --catalogue cat --socket "$dir/none.sock"
}
# refuses WORDS VERB ARGUMENTS: exit 1, the words on stderr, and the catalogue as it was
refuses() {
	expected=$1
	shift
	before=$(snapshot cat)
	log_before=$(cksum cat/audit.jsonl 2>&1 || true)
	tx "$@" >out.txt 2>err.txt && fail "accepted: $*"
	grep -q -- "$expected" err.txt || {
		cat err.txt
		fail "no \"$expected\" from: $*"
	}
	[ "$before" = "$(snapshot cat)" ] || fail "changed something: $*"
	[ "$log_before" = "$(cksum cat/audit.jsonl 2>&1 || true)" ] || fail "the log has an entry of what was refused: $*"
}
# What the catalogue says, without locks, leftovers, dates and the log.
snapshot() {
	(cd "$1" 2>/dev/null && find . -type f ! -path './tmp/*' ! -name '*lock' ! -name generation ! -name '*.tmp' ! -name state.ini ! -name 'audit.jsonl*' -exec sha256sum {} + | sort)
}
manifest() { # IMAGE CLASS VERSION OUT
	"$pm" manifest create "$1" --class "$2" --version "$3" --out m.json --index-out m.index >>lines
	"$pm" sign --role image --key image.key m.json "$4" >/dev/null
}
map() { # SERIAL FILE LINES...
	serial=$1
	out=$2
	shift 2
	{
		printf 'carousel-map 1\nepoch 1\nserial %s\nissued 2026-11-21T10:00:00Z\n' "$serial"
		printf 'map box production 1 2 %s 9\n' "$VERSION"
		printf '%s\n' "$@"
	} >map.txt
	"$pm" fmt map.txt >/dev/null
	"$pm" sign --role map --key map.key map.txt "$out" >/dev/null
}

for name in root root2 map image other beat; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" trust init --root root.pub --map map.pub --image image.pub --heartbeat beat.pub --key root.key roots1 2>/dev/null
head -c 300001 /dev/urandom >image1
head -c 200000 /dev/urandom >image2
: >lines
manifest image1 box 1 m1
manifest image2 box 2 m2
cp m2 m2.again
manifest image2 box 1 m2.as1
manifest image1 other 1 m1.other
line1=$(sed -n 1p lines)
line2=$(sed -n 2p lines)
"$pm" manifest create image1 --class box --version 1 --out m.json >/dev/null
"$pm" sign --role image --key other.key m.json m1.forged >/dev/null

# ---- roots, images, map: good and bad ----
mkdir cat
refuses "no trust root" publish image1 m1
refuses "roots1x" set-root roots1x
refuses "m1" set-root m1
tx set-root roots1 >/dev/null
tx set-root roots1 >/dev/null
refuses "keys of the role" publish image1 m1.forged
refuses "SHA-256\|bytes" publish image2 m1
head -c 300001 /dev/zero >zeros
refuses "SHA-256" publish zeros m1
refuses "no such thing" publish nothing m1
head -c 1000 image2 >noise
refuses "grammar" publish image1 noise
refuses "another kind" publish image1 roots1
tx publish image1 m1 --weight 3 | grep -q "box 1 .* published" || fail "publish"
tx publish image1 m1 | grep -q "was there" || fail "publish again"
refuses "digest" publish zeros m1
refuses "another digest" publish image2 m2.as1
refuses "is known as box 1" publish image1 m1.other
VERSION=2
map 5 map5 "$line1" "$line2"
refuses "map5:.* box 2 is not catalogued" set-map map5
tx publish image2 m2 >/dev/null
tx set-map map5 | grep -q "serial 5" || fail "set-map"
tx set-map map5 >/dev/null || fail "set-map again"
map 4 map4 "$line1" "$line2"
refuses "lower" set-map map4
map 5 map5b "$line2"
refuses "other bytes" set-map map5b
map 6 map6bad "$line2" "$(echo "$line1" | sed 's/manifest=sha256:..../manifest=sha256:0000/')"
refuses "another manifest" set-map map6bad
map 6 map6size "$(echo "$line2" | sed 's/size=[0-9]*/size=7/')"
refuses "another size" set-map map6size
"$pm" sign --role map --key other.key map.txt map6forged >/dev/null
refuses "keys of the role" set-map map6forged
refuses "the map (serial 5) names box 1" withdraw box 1
refuses "not catalogued" withdraw box 77
map 6 map6 "$line2"
tx set-map map6 >/dev/null
tx withdraw box 1 | grep -q withdrawn || fail "withdraw"
[ "$(tx list --json | grep -o '"version":[0-9]*' | head -1)" = '"version":2' ] || fail "list"
ls cat/tmp | grep -q . && fail "leftovers in tmp"

# ---- every change is in the audit log, before it is made ----
"$pm" audit show cat/audit.jsonl | awk '/ by / { print $3, $4, $5 }' >done.txt
cat >wanted.txt <<EOF
set-root root version
publish box 1
publish box 2
set-map map serial
set-map map serial
withdraw box 1
EOF
diff wanted.txt done.txt || fail "the audit log tells something else"
tx publish image1 m1 --audit elsewhere.jsonl >/dev/null
"$pm" audit show elsewhere.jsonl | grep -q "publish *box 1" || fail "--audit"
[ "$(wc -l <cat/audit.jsonl)" = 6 ] || fail "--audit is not heard"
tx withdraw box 1 >/dev/null
printf '[catalogue]\ndir = cat\naudit = %s/set.jsonl\n[session]\ntsi = 1\n[channel a]\ngroup = 232.1.1.1:4001\n' "$dir" >tx.ini
"$build/carousel-tx" publish image1 m1 --config tx.ini --socket none >/dev/null
"$pm" audit show set.jsonl | grep -q "publish *box 1" || fail "audit = in the configuration"
tx withdraw box 1 >/dev/null
cp cat/audit.jsonl good.jsonl
sed -i 2d cat/audit.jsonl
refuses "audit log" publish image1 m1
cp good.jsonl cat/audit.jsonl
refuses "no such thing" publish image1 m1 --audit nowhere/log

# ---- the chain of roots ----
"$pm" trust rotate --trust roots1 --root root2.pub --key root.key,root2.key root2.dsse 2>/dev/null
tx set-root root2.dsse | grep -q "version 2" || fail "set-root 2"
[ "$(wc -l <cat/roots.dsse)" = 2 ] || fail "the chain has lost a link"
cat roots1 root2.dsse >both
tx set-root both | grep -q "version 2" || fail "a chain that is held"
refuses "another kind" set-root m2

# ---- a kill at every change leaves the old or the new, and the next try goes through ----
kill_everywhere() { # NAME COMMAND...: cat.before -> cat.after
	name=$1
	shift
	rm -rf cat && cp -r before cat
	old=$(snapshot cat)
	had=$(wc -l 2>/dev/null <cat/audit.jsonl || echo 0)
	tx "$@" >/dev/null
	new=$(snapshot cat)
	[ $can_trace = yes ] || return 0
	n=1
	while :; do
		rm -rf cat && cp -r before cat
		status=0
		"$build/kill_at" $n "$build/carousel-tx" "$@" --catalogue cat --socket none >/dev/null || status=$?
		[ $status -eq 0 ] || break
		now=$(snapshot cat)
		entries=$(wc -l 2>/dev/null <cat/audit.jsonl || echo 0)
		[ "$now" = "$old" ] || [ "$entries" -gt "$had" ] || fail "$name, killed at change $n: done, and the log does not know"
		[ "$now" = "$old" ] || [ "$now" = "$new" ] || fail "$name, killed at change $n: neither old nor new"
		tx list >/dev/null || fail "$name, killed at change $n: the catalogue does not load"
		tx "$@" >/dev/null 2>again.txt || grep -q "not catalogued" again.txt || fail "$name, killed at change $n: no second try"
		[ "$(snapshot cat)" = "$new" ] || fail "$name, killed at change $n: the second try gave something else"
		[ ! -e cat/audit.jsonl ] || "$pm" audit verify cat/audit.jsonl >/dev/null || fail "$name, killed at change $n: the log"
		ls cat/tmp 2>/dev/null | grep -q . && fail "$name, killed at change $n: leftovers"
		n=$((n + 1))
	done
	[ $status -eq 3 ] || fail "$name: kill_at $status"
	echo "$name: killed at each of $((n - 1)) changes"
	[ $n -gt 3 ] || fail "$name: no changes seen"
}
can_trace=yes
"$build/kill_at" 1 true >/dev/null 2>&1 || [ $? -eq 3 ] || can_trace=no
[ $can_trace = yes ] || echo "processes cannot be traced here: kills left out"
rm -rf before && mkdir before && cp roots1 before/roots.dsse
kill_everywhere publish publish image1 m1
rm -rf before && cp -r cat before
kill_everywhere set-root set-root root2.dsse
rm -rf cat && cp -r before cat && tx publish image2 m2 >/dev/null && rm -rf before && cp -r cat before
kill_everywhere withdraw withdraw box 1
map 7 map7 "$line2"
rm -rf cat && cp -r before cat && tx set-map map5 >/dev/null && rm -rf before && cp -r cat before
kill_everywhere set-map set-map map7

# ---- files that were damaged or planted are left out or refused with their name ----
rm -rf cat && cp -r before cat
object=cat/objects/$(sha256sum <image1 | cut -d' ' -f1)
list_says() {
	tx list >out.txt 2>err.txt && fail "no complaint about: $*"
	grep -q -- "$1" err.txt || {
		cat err.txt
		fail "no \"$1\""
	}
}
: >"$object/image"
list_says "image: 0 bytes"
cp image1 "$object/image"
rm "$object/image" && mkfifo "$object/image"
list_says "image: not a regular file"
rm "$object/image" && cp image1 "$object/image"
printf '[image]\nweight = 0\n' >"$object/state.ini"
list_says "state.ini:2.*weight"
printf '[image]\nweight = 1\n' >"$object/state.ini"
cp m2 "$object/manifest.dsse"
list_says "manifest.dsse"
grep -q "^box  *2 " out.txt || fail "the good object is not shown any more"
cp m1 "$object/manifest.dsse"
tx list >/dev/null || fail "mended"
head -c 100 cat/map.dsse >short && cp short cat/map.dsse
list_says "map.dsse"
: >cat/roots.dsse
tx list 2>err.txt >/dev/null && fail "empty roots"
head -c 1000000 /dev/urandom >cat/roots.dsse
tx list 2>err.txt >/dev/null && fail "roots of noise"
grep -q roots.dsse err.txt || fail "roots not named"
mkdir -p cat/objects/../objects/notadigest "cat/objects/$(printf '%064d' 0)"
cp roots1 cat/roots.dsse
list_says "$(printf '%064d' 0)"
echo "catalogue: good"
