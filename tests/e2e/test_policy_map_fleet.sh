#!/bin/bash
# fleet import in wrong hands: files of other kinds, lines of any kind, no end of complaints, several imports at once,
# databases that are none or are damaged.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh

# refuses EXPECTED WORDS... : exits 1 within a time, says so, and prints no more than ever fits on a screen
refuses() {
	local expected=$1 status=0
	shift
	timeout 60 "$@" >out.txt 2>err.txt || status=$?
	[ $status = 1 ] || {
		head -n 5 out.txt err.txt
		fail "exit status $status, not 1, of: $*"
	}
	grep -q -- "$expected" err.txt || {
		head -n 5 err.txt
		fail "no \"$expected\" from: $*"
	}
	[ "$(wc -l <err.txt)" -le 25 ] || fail "$(wc -l <err.txt) lines of complaint from: $*"
}

report() { echo "{\"box_id\":\"$1\",\"class\":\"box\",\"category\":\"beta\",\"version\":$2,\"time\":$3,\"epoch\":1,\"serial\":7}"; }

# ---- files of another kind than was said ----
{
	echo box_id,class,category,version
	for i in $(seq 100 400); do echo "00a$i,box,production,42"; done
} >fleet.csv
for i in $(seq 100 200); do report "00b$i" 7 1000; done >reports.json
"$pm" keygen --no-passphrase box >/dev/null
public=$(openssl pkey -pubin -in box.pub -outform DER | base64 -w0)
echo "00c1,$public" >keys.csv
gzip -k reports.json
"$pm" fleet import fleet.db reports.json >/dev/null
before=$("$pm" fleet export fleet.db -)
refuses "give --csv" "$pm" fleet import fleet.db fleet.csv
[ "$(wc -l <err.txt)" = 1 ] || fail "a hint is one line"
refuses "give none of --csv" "$pm" fleet import fleet.db reports.json --csv
refuses "give --keys" "$pm" fleet import fleet.db keys.csv
refuses "give --csv" "$pm" fleet import fleet.db fleet.csv --keys
refuses "give --map" "$pm" fleet import fleet.db "$example"
refuses "gunzip -c" "$pm" fleet import fleet.db reports.json.gz
refuses "DB comes before FILE" "$pm" fleet import other.db fleet.db
[ "$("$pm" fleet export fleet.db -)" = "$before" ] || fail "a file of another kind changed something"
gunzip -c reports.json.gz | "$pm" fleet import fleet.db - | grep -q "imported before" || fail "what gunzip unpacks is the same file"

# ---- lines that are all bad, and lines of which some are ----
for i in $(seq 500); do echo "{$i"; done >bad.json
refuses "480 more lines were skipped" "$pm" fleet import fleet.db bad.json
grep -q "each of its lines is bad" err.txt || fail "an import of nothing is a failure"
grep -q '^bad.json:20: skipped: .*"{20"$' err.txt || fail "the line is shown"
refuses "" "$pm" fleet import fleet.db bad.json --json --bad 3
[ "$(grep -o '"line":' out.txt | wc -l)" = 3 ] && grep -q '"bad":500' out.txt || fail "--bad and --json"
{
	cat bad.json
	report 00d1 7 1000
	report 00D1 7 1000
	head -c 100000000 /dev/zero | tr '\0' '{'
	echo
	head -c 300000 /dev/urandom
	echo
	report 00d2 7 1000
} >mixed.json
"$pm" fleet import fleet.db mixed.json --bad 501 >out.txt 2>err.txt || fail "good lines among bad ones are good"
grep -q " 2 taken" out.txt || fail "the good lines"
grep -q 'mixed.json:502: skipped: .*: box_id "00D1"$' err.txt || fail "the member is named"
! grep -q '[^[:print:]]' err.txt || fail "what is shown is printable"
[ "$("$pm" fleet export fleet.db - | grep -v 00d | grep ^box' ' | wc -l)" = 101 ] || fail "bad lines changed something"

# ---- things that are no files ----
refuses "no text" "$pm" fleet import fleet.db /dev/zero
refuses "" "$pm" fleet import fleet.db .
refuses "" "$pm" fleet import fleet.db nowhere.json
"$pm" fleet import fleet.db /dev/null | grep -q "^0 lines" || fail "an empty file"

# ---- signatures, by any number of threads ----
"$pm" fleet import keyed.db keys.csv --keys | grep -q "1 taken" || fail "a key"
report 00c1 7 1000 | refuses 'bad-signature\|valid signatures.*00c1' "$pm" fleet import keyed.db -
cp keyed.db jobs1.db
cp keyed.db jobs9.db
{
	cat reports.json bad.json
	report 00c1 7 1000
	cat reports.json | sed 's/:7,"time":1000/:8,"time":999/'
} >many.json
for jobs in 1 9; do
	"$pm" fleet import jobs$jobs.db many.json --jobs $jobs >out$jobs.txt 2>err$jobs.txt
	"$pm" fleet export jobs$jobs.db export$jobs.txt
done
cmp out1.txt out9.txt && cmp err1.txt err9.txt && cmp export1.txt export9.txt || fail "threads change what is imported"
grep -q " 101 taken (0 signed, 101 not), 101 older, 501 bad" out1.txt || fail "$(cat out1.txt)"

# ---- whose word it is that a box runs what it runs ----
"$pm" fleet import --csv whose.db fleet.csv >/dev/null
"$pm" fleet import whose.db reports.json >/dev/null
"$pm" fleet show whose.db --box 00a100 | grep -q "^00a100  box  production  list$" || fail "a box on a list"
"$pm" fleet show whose.db --box 00b100 | grep -q "^00b100  box  beta  unsigned$" || fail "a box that nobody enrolled"
"$pm" fleet show whose.db --box 00b100 --json | grep -q '"source":"unsigned"' || fail "the same as JSON"
refuses "there is no such thing" "$pm" fleet show whose.db --box 00ff

# ---- two at once: the second waits, and both count ----
cp fleet.db both.db
mkfifo pipe
"$pm" fleet import --csv both.db pipe >first.txt &
first=$!
{
	for i in $(seq 10000 16000); do echo "00e$i,box,production,42"; done
	sleep 1
	echo "00ea,box,production,42"
} >pipe &
sleep 0.5
"$pm" fleet import --csv both.db fleet.csv | grep -q "301 taken" || fail "the second import"
wait $first || fail "the first import"
grep -q "6002 taken" first.txt || fail "the first import's boxes"
[ "$("$pm" fleet export both.db - | grep -c '^box ')" = $((103 + 301 + 6002)) ] || fail "boxes were lost"

# ---- databases that are damaged: an error, no crash, and the same file afterwards ----
size=$(stat -c %s both.db)
for at in 0 16 100 4096 $((size / 2)) $((size - 4096)); do
	cp both.db broken.db
	head -c 4096 /dev/urandom | dd of=broken.db bs=1 seek="$at" conv=notrunc status=none
	for words in "fleet import --csv broken.db fleet.csv" "fleet export broken.db -" "fleet kpi broken.db --map $example" \
		"fleet show broken.db" "diff $example $example --fleet broken.db"; do
		status=0
		timeout 60 "$pm" $words >out.txt 2>err.txt || status=$?
		[ $status -le 1 ] || fail "damage at $at: $words exits $status"
		[ $status = 0 ] || [ -s err.txt ] || fail "damage at $at: $words says nothing"
	done
done
head -c $((size / 3)) both.db >broken.db
refuses "" "$pm" fleet export broken.db -
echo "fleet import: all good"
