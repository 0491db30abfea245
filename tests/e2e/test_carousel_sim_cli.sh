#!/bin/bash
# carousel-sim from the command line: every verb that needs no network, its files, its errors.
set -eu
sim=$PWD/${BUILD:-build}/bin/carousel-sim
stories=$PWD/sim/scenarios
. tests/lib/scratch.sh

# refuses STATUS WORDS COMMAND...: exits with the status and says the words
refuses() {
	local status=$1 expected=$2 got=0
	shift 2
	"$@" >out.txt 2>err.txt || got=$?
	[ "$got" = "$status" ] || fail "exit $got, not $status: $*"
	grep -qF -- "$expected" err.txt || { cat err.txt; fail "no \"$expected\" from: $*"; }
}

# ---- fleet, shards, merge ----
"$sim" fleet "$stories/night.ini" --scale 50 --json whole.json --csv whole.csv >whole.txt
grep -q '^ok   two evenings are' whole.txt || fail "no bound in the table"
[ "$(head -n 1 whole.csv)" = "time_s,group,version,boxes,share" ] || fail "CSV without its head"
for i in 0 1 2; do "$sim" fleet "$stories/night.ini" --scale 50 --shard $i --shards 3 --json $i.json >/dev/null; done
"$sim" merge 2.json 0.json 1.json --scenario "$stories/night.ini" --csv merged.csv --json merged.json >/dev/null
cmp whole.csv merged.csv || fail "shards do not add up to the whole"
cmp whole.json merged.json || fail "shards joined are not the very report of the whole"
"$sim" fleet "$stories/night.ini" --scale 50 --jobs 3 --csv jobs.csv --json jobs.json >/dev/null
cmp whole.json jobs.json || fail "jobs change the result"
refuses 1 "not another shard" "$sim" merge 0.json 1.json 0.json
refuses 1 "not another shard" "$sim" merge 0.json 1.json 1.json 2.json
refuses 1 "whole.txt:1" "$sim" merge whole.txt
refuses 1 "1 of 3 shards are missing: the bounds are not checked" "$sim" merge 0.json 1.json --scenario "$stories/night.ini"
"$sim" merge 0.json 1.json >/dev/null 2>err.txt || fail "a part alone"
grep -q "1 of 3 shards are missing" err.txt || fail "a part is not called one"
refuses 1 "there is no such thing here" "$sim" merge gone.json

"$sim" fleet "$stories/two-million.ini" >two.txt || { cat two.txt; fail "two million boxes miss their bounds"; }

# ---- a real fleet, from the database to the plot ----
policy=${sim%/*}/policy-map
{
	echo box_id,class,category,version
	for i in $(seq 100 299); do echo "00a1b2$i,box,production,$((i % 2 ? 90 : 100))"; done
} >list.csv
"$policy" fleet import fleet.db list.csv --csv >/dev/null
"$policy" fleet export fleet.db real.fleet
cp "$stories/must.map" .
printf '[scenario]\nduration = 30m\n[transmitter]\nrate = 256k\nfec = reed-solomon\n[image new]\nclass = box\nversion = 105
size = 2M\n[map 1]\nfile = must.map\n[group all]\nfleet = real.fleet\nloss = 3%%\n[expect all]\nversion = 105\nat-least = 100%%\n' >real.ini
"$sim" fleet real.ini --json real.json >real.txt || { cat real.txt; fail "a real fleet"; }
grep -q '"name":"all","boxes":200' real.json || fail "not the boxes of the fleet"
sed -i 's/^box 00a1b2200 .*/box 00a1b2200 box production x 0 0/' real.fleet
refuses 1 "real.ini:13: fleet: real.fleet:104: " "$sim" fleet real.ini
refuses 1 "as large as it is" "$sim" fleet "$stories/real.ini" --scale 2

"$sim" fleet "$stories/question.ini" >two.txt || { cat two.txt; fail "the README's answer is not the answer any more"; }

# ---- run ----
"$sim" run "$stories/map-change.ini" --json a.json >/dev/null
"$sim" run "$stories/map-change.ini" --json b.json >/dev/null
cmp a.json b.json || fail "the same seed gives another run"
"$sim" run "$stories/map-change.ini" --jobs 3 --json jobs.json >/dev/null
cmp a.json jobs.json || fail "jobs change what a run says"
# Not all can be started: those that were are not waited for, a run of hours as it would be.
started=$SECONDS
refuses 1 "map-change.ini: " sh -c "ulimit -n 10; exec timeout 60 '$sim' run '$stories/map-change.ini' --scale 100000 --jobs 8 --json none.json"
[ $((SECONDS - started)) -lt 50 ] || fail "jobs that are of no use any more are waited for"
[ ! -e none.json ] || fail "a report of a part"
"$sim" run "$stories/map-change.ini" --seed 5 --json c.json >/dev/null
cmp -s a.json c.json && fail "another seed gives the same run"
cp "$stories"/*.map .
{ cat "$stories/map-change.ini" && printf '\n[expect what cannot be]\nversion = 105\nat-least = 50%%\n'; } >broken.ini
"$sim" fleet broken.ini >out.txt && fail "a bound that is not met goes unnoticed"
grep -q '^FAIL what cannot be' out.txt || fail "it does not say which bound is not met"

# ---- runs that cannot be, or cannot end ----
grep -v "^payload" "$stories/killed.ini" >names.ini
refuses 1 "names.ini:24: kill-every: needs the images' bytes" "$sim" run names.ini
printf '[scenario]\nduration = 30d\n[transmitter]\nrate = 64k\n[map m]\nfile = must.map\n[group g]\nclass = box\nversion = 90\n[image i]\nclass = box\nversion = 105\nsize = 1M\nuntil = 5s\n' \
	>empty.ini
"$sim" run empty.ini >out.txt
grep -q "1 boxes can never complete: what they are to have is not on the air" out.txt || fail "it does not say why nothing comes"

# ---- plots ----
if command -v gnuplot >/dev/null; then
	"$sim" merge a.json --plot a.svg >/dev/null
	grep -q '<svg' a.svg || fail "no SVG"
	"$sim" merge a.json --plot a.html >/dev/null
	grep -qi '<canvas' a.html || fail "no HTML"
	refuses 1 "gnuplot failed on gone/a.svg" "$sim" merge a.json --plot gone/a.svg
	ln -s /dev/full full.svg
	refuses 1 "full.svg: cannot be written" "$sim" merge a.json --plot full.svg
fi
refuses 2 "a.png: plots are .svg or .html" "$sim" merge a.json --plot a.png
refuses 2 "plots are .svg or .html" "$sim" fleet "$stories/night.ini" --plot plot

# ---- the known figures, fits, plans ----
"$sim" compare --model loss=20% --receivers 20 --json >compare.json
grep -q '"scheme":"raptorq"' compare.json || fail "no fountain in the comparison"
"$sim" compare --packets 2000 --blocks 2 --receivers 5 --decoder >/dev/null
"$sim" fit "$stories/ships.trace" >fit.txt
grep -q '^for a scenario: gilbert = 0.00' fit.txt || fail "no model of the ships"
"$sim" plan --rate 2M --model loss=5%,burst=10 --duty 25% --within 1d new=64M,weight=1 old=32M,needed=10%,weight=1 >plan.txt
grep -q 'Mbit/s are needed' plan.txt || fail "no rate in the plan"

# ---- bad input ----
refuses 2 "must be given" "$sim" plan 64M
refuses 2 "image 1" "$sim" plan --rate 2M 64X
refuses 2 "percentile" "$sim" plan --rate 2M --percentile 100% 64M
refuses 2 "99.9999" "$sim" plan --rate 2M --percentile 100% 64M
refuses 2 "reed-solomon" "$sim" plan --rate 2M --fec turbo 64M
refuses 2 "--model" "$sim" compare --model loss=2
refuses 2 "can never complete" "$sim" compare --model loss=100%
refuses 2 "at most --rs-n" "$sim" compare --rs-k 20 --rs-n 10
refuses 2 "1 to 7 blocks" "$sim" compare --packets 7 --blocks 8
refuses 2 "--shard must be less" "$sim" fleet "$stories/night.ini" --shard 2 --shards 2
refuses 1 "gone.ini" "$sim" run gone.ini
printf '[scenario]\nduration = 1h\n[weather]\n' >unknown.ini
refuses 1 "unknown.ini:" "$sim" run unknown.ini
printf 'carousel-trace 1\n5 5\n' >short.trace
refuses 1 "1000 packets" "$sim" fit short.trace
printf 'carousel-trace 1\n5 5\nx\n' >bad.trace
refuses 1 "bad.trace:3" "$sim" fit bad.trace
mkfifo pipe.trace pipe.fleet
refuses 1 "pipe.trace: not a file" timeout 20 "$sim" fit pipe.trace
sed 's/^fleet = .*/fleet = pipe.fleet/' real.ini >pipe.ini
refuses 1 "pipe.ini:13: fleet: pipe.fleet: " timeout 20 "$sim" fleet pipe.ini
refuses 2 "0x1p-4" "$sim" compare --model loss=0x1p-4
refuses 1 "more than 10000000 boxes" "$sim" fleet "$stories/night.ini" --scale 10000000
echo "ok"
