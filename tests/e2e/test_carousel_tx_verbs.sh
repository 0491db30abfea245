#!/bin/bash
# carousel-tx's verbs for scripts: --json of each change, a full stdout, a missing interface, another rate, and plan
# beside carousel-sim plan.
set -eu
build=$PWD/${BUILD:-build}/bin
pages=$PWD/carousel-tx
pm=$build/policy-map
. tests/lib/scratch.sh
daemon=
trap '[ -z "$daemon" ] || kill $daemon 2>/dev/null; rm -rf "$dir"' EXIT

tx() {
	verb=$1
	shift
	"$build/carousel-tx" "$verb" "$@" --config tx.ini
}
# is EXPRESSION COMMAND...: of the object j that the command prints, alone in one line
is() {
	expression=$1
	shift
	"$@" >answer.json || fail "status $?: $*"
	[ "$(wc -l <answer.json)" = 1 ] || fail "not one line: $*"
	python3 -c "import json,sys; j=json.load(open('answer.json')); sys.exit(0 if ($expression) else 1)" || {
		cat answer.json
		fail "not $expression: $*"
	}
}
refuses() { # STATUS WORDS COMMAND...
	wanted=$1
	words=$2
	shift 2
	status=0
	"$@" >out.txt 2>err.txt || status=$?
	[ $status = "$wanted" ] || fail "status $status instead of $wanted: $*"
	grep -q -- "$words" err.txt || {
		cat err.txt
		fail "no \"$words\" from: $*"
	}
	[ ! -s out.txt ] || fail "something on stdout: $*"
}

for name in root map image beat; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" trust init --root root.pub --map map.pub --image image.pub --heartbeat beat.pub --key root.key roots 2>/dev/null
size=300001
for n in 1 2 3; do
	head -c $((size * n * n)) /dev/urandom >image$n
	"$pm" manifest create image$n --class box --version $n --out m.json >line$n
	"$pm" sign --role image --key image.key m.json m$n >/dev/null
done
{
	printf 'carousel-map 1\nepoch 1\nserial 5\nissued 2026-11-21T10:00:00Z\nmap box production 1 2 2 9\n'
	cat line2
} >map.txt
"$pm" fmt map.txt >/dev/null
"$pm" sign --role map --key map.key map.txt map5 >/dev/null
cat >tx.ini <<END
[session]
tsi = 1
[catalogue]
dir = cat
[control]
socket = $dir/tx.sock
[channel main]
group = 239.1.1.1:40014
interface = lo
ttl = 0
rate = 2M
END

# ---- what a change was about, as JSON ----
is "j == {'format': 'carousel-set-root/1', 'version': 1, 'epoch': 1, 'changed': True, 'daemon_told': False}" tx set-root roots --json
is "j['changed'] is False" tx set-root roots --json
digest=sha256:$(sha256sum <image1 | cut -d' ' -f1)
is "j['format'] == 'carousel-publish/1' and (j['class'], j['version'], j['sha256'], j['bytes']) == ('box', 1, '$digest', $size)" tx publish image1 m1 --weight 3 --json
grep -q "manifest=$(python3 -c "import json; print(json.load(open('answer.json'))['manifest'])")" line1 || fail "another manifest's digest"
is "j['changed'] is False and j['daemon_told'] is False" tx publish image1 m1 --json
refuses 1 "box 2 is not catalogued" tx set-map map5 --json
tx publish image2 m2 >/dev/null
is "(j['format'], j['epoch'], j['serial'], j['changed']) == ('carousel-set-map/1', 1, 5, True) and j['sha256'].startswith('sha256:')" tx set-map map5 --json
is "j['changed'] is False" tx set-map map5 --json
refuses 1 "names box 2" tx withdraw box 2 --json
is "(j['format'], j['class'], j['version'], j['sha256'], j['bytes'], j['changed']) == ('carousel-withdraw/1', 'box', 1, '$digest', $size, True)" tx withdraw box 1 --json
refuses 1 "not catalogued" tx withdraw box 1 --json
refuses 2 "is no version" tx withdraw box one --json
refuses 2 "unlimited, or 1k to 100G" tx set-rate main 1

# ---- a stdout that is full: the status says so, and the change is whole ----
full() {
	status=0
	"$@" >/dev/full 2>err.txt || status=$?
	[ $status = 1 ] || fail "status $status with stdout full: $*"
	grep -q "stdout" err.txt || fail "stdout is not named: $*"
}
for json in --json --weight=3; do
	full tx publish image1 m1 $json
	is "j['changed'] is False" tx publish image1 m1 --json
	tx withdraw box 1 >/dev/null
done
tx publish image1 m1 --weight 3 >/dev/null
full tx publish image1 m1
full tx set-map map5 --json
full tx set-root roots
full tx list
full tx list --json
full tx plan
full tx plan --json
tx publish image3 m3 >/dev/null
full tx withdraw box 3 --json
refuses 1 "not catalogued" tx withdraw box 3

# ---- an image that was spoilt in its place, as long as before: found by verify, mended by publish ----
is "j['format'] == 'carousel-verify/1' and j['refused'] == 0 and [(i['version'], i['good'], i['error']) for i in j['images']] == [(1, True, 'ok'), (2, True, 'ok')]" tx verify --json
full tx verify
full tx verify --json
for file in image index; do
	printf spoilt | dd of="cat/objects/${digest#sha256:}/$file" bs=1 seek=50 conv=notrunc 2>/dev/null
	tx list >/dev/null || fail "its size is what it was"
	tx verify >out.txt 2>err.txt && fail "verify finds nothing in $file"
	grep -q "^box 1 damaged" out.txt && grep -q "^box 2 good" out.txt || fail "verify: $(cat out.txt)"
	grep -q "/$file: content does not have the digest" err.txt || fail "verify: $(cat err.txt)"
	tx verify --json 2>/dev/null >out.txt && fail "verify --json finds nothing"
	grep -q '"version":1,.*"good":false,"error":"digest-mismatch"' out.txt || fail "verify --json: $(cat out.txt)"
	is "j['changed'] is True" tx publish image1 m1 --weight 3 --json
	tx verify >/dev/null || fail "not mended"
done
ls cat/tmp | grep -q . && fail "the spoilt one is still there"

# ---- another change under way is waited for when asked to ----
flock cat/lock sleep 1 &
sleep 0.3
refuses 1 "another change is under way" tx set-map map5
tx set-map map5 --wait 30s >/dev/null || fail "--wait"
wait $!
flock cat/lock sleep 2 &
sleep 0.3
refuses 1 "another change is under way" tx publish image1 m1 --wait 200ms
wait $!
for n in 1 2 3; do tx publish image$n m$n --wait 1m --json >wait$n.json & done
wait
[ "$(cat wait?.json | wc -l)" = 3 ] || fail "three publications at once"
tx withdraw box 3 >/dev/null

# ---- an interface that is not there ----
sed 's/interface = lo/interface = gone0/' tx.ini >gone.ini
"$build/carousel-tx" run --check-config --config gone.ini 2>err.txt || fail "a missing interface is no mistake of the configuration"
grep -q "warning: channel main: there is no interface gone0" err.txt || fail "--check-config: $(cat err.txt)"
tx run --check-config 2>err.txt || fail "--check-config"
[ ! -s err.txt ] || fail "--check-config warns: $(cat err.txt)"
refuses 1 "channel main: cannot send to 239.1.1.1:40014 on interface gone0: there is no such interface" \
	timeout 20 "$build/carousel-tx" run --config gone.ini

# ---- plan: the numbers of carousel-sim plan ----
compare() { # OPTIONS-OF-TX -- OPTIONS-OF-SIM
	ours=()
	while [ "$1" != -- ]; do
		ours+=("$1")
		shift
	done
	shift
	tx plan --json "${ours[@]}" >tx.json || fail "plan ${ours[*]}"
	mapfile -t images < <(python3 -c "
import json
for i in json.load(open('tx.json'))['images']:
    print('%s=%d,weight=%d,beside=%d,needed=%s' % (i['name'], i['size_bytes'], i['weight'], i['beside_bytes'], '${NEEDED:-1}'))")
	"$build/carousel-sim" plan --json "$@" "${images[@]}" >sim.json || fail "carousel-sim plan $*"
	python3 - <<'PY' || fail "plan ${ours[*]}: other numbers than carousel-sim plan $*"
import json, sys
a, b = json.load(open('tx.json')), json.load(open('sim.json'))
same = [k for k in b if k not in ('images', 'carousel', 'fec')]
for x, y, keys in [(a, b, same), (a['carousel'], b['carousel'], b['carousel'])] + [(x, y, y) for x, y in zip(a['images'], b['images'])]:
    for k in keys:
        # carousel-sim prints nine digits.
        if x.get(k) != y[k] and not (isinstance(y[k], float) and abs(x[k] - y[k]) <= 1e-8 * abs(y[k])):
            sys.exit('%s: %r and %r' % (k, x.get(k), y[k]))
assert len(a['images']) == len(b['images']) == 2
PY
}
compare -- --rate 2M
compare --loss 5% -- --rate 2M --model loss=5%
compare --loss 10% --burst 8 --duty 25% --percentile 99% -- --rate 2M --model loss=10%,burst=8 --duty 25% --percentile 99%
compare --rate 40k --within 1d -- --rate 40k --within 1d
NEEDED=0.1 compare --needed 10% -- --rate 2M
is "[i['version'] for i in j['images']] == [1, 2] and [i['weight'] for i in j['images']] == [3, 1] and abs(j['images'][0]['share'] - 0.75) < 1e-9" tx plan --json
is "j['boxes'] == 2000000 and 0.9999996 < j['percentile'] < 0.9999997" tx plan --json --boxes 2000000
tx plan --loss 5% | grep -q "the whole carousel: one pass" || fail "no total in the table"
refuses 2 "either" tx plan --boxes 5 --percentile 99%
refuses 2 "bursts of 1 make no loss" tx plan --loss 60% --burst 1
refuses 2 "percentile: not within" tx plan --percentile 100%
refuses 2 "loss: not within" tx plan --loss 100%
refuses 2 "no channel other" tx plan --channel other
sed 's/^rate.*/rate = unlimited/' tx.ini >unlimited.ini
refuses 2 "channel main has no rate" "$build/carousel-tx" plan --config unlimited.ini
{
	cat tx.ini
	printf '[channel six]\ngroup = [ff35::95]:4001\nrate = 6M\n'
} >two.ini
is "j['rate_bps'] == 8000000 and j['overhead_bytes'] == 64" "$build/carousel-tx" plan --json --config two.ini
is "j['rate_bps'] == 6000000 and j['overhead_bytes'] == 69" "$build/carousel-tx" plan --json --config two.ini --channel six
sed 's/^dir = cat/dir = cat\nsend = mapped/' tx.ini >mapped.ini
is "[i['version'] for i in j['images']] == [2]" "$build/carousel-tx" plan --json --config mapped.ini
mkdir -p none && cp cat/roots.dsse none
refuses 1 "no image that would be sent" tx plan --catalogue none

# ---- a daemon that runs is told; its rate can be changed ----
refuses 1 "no such\|tx.sock" tx set-rate main 1M
timeout 60 "$build/carousel-tx" run --config tx.ini 2>tx.log &
daemon=$!
for _ in $(seq 100); do
	tx status >/dev/null 2>&1 && break
	sleep 0.05
done
full tx status
is "abs(sum(o['share'] for o in j['objects']) - 1) < 0.05" tx status --json
is "j['daemon_told'] is True" tx publish image1 m1 --json
is "j == {'format': 'carousel-set-rate/1', 'channel': 'main', 'rate_bps': 3000000}" tx set-rate main 3M --json
is "j['channels'][0]['rate_bps'] == 3000000" tx status --json
tx set-rate main unlimited | grep -q "channel main: unlimited" || fail "set-rate"
tx set-rate main 500k >/dev/null
is "j['channels'][0]['rate_bps'] == 500000" tx status --json
refuses 1 "there is no channel other" tx set-rate other 1M
kill -TERM $(pgrep -P $daemon || echo $daemon)
wait $daemon || fail "the end: $?"
daemon=
grep -q "channel main: 500000 bit/s" tx.log || fail "the log does not know of the rate"
# ---- the manual pages' examples, as they stand ----
mkdir bin
printf '#!/bin/sh\nverb=$1\nshift\nexec "%s/carousel-tx" "$verb" "$@" --config "%s/example.ini"\n' "$build" "$dir" >bin/carousel-tx
chmod +x bin/carousel-tx
awk '/^# EXAMPLES/ { on = 1 } on && /^```/ { block = !block; next } on && block' "$pages/carousel-tx.1.scd" >examples.sh
[ "$(wc -l <examples.sh)" -ge 6 ] || fail "no examples in carousel-tx.1"
awk '/^The least that works/ { on = 1 } on && /^```/ { if (block) exit; block = 1; next } block' "$pages/carousel-tx.5.scd" >least.ini
# Where it may send here, and whose key it is.
{
	sed "s,^source = .*,interface = lo\nttl = 0,; s,^heartbeat = .*,heartbeat = $dir/beat.key," least.ini
	printf '[catalogue]\ndir = %s/example\n[control]\nsocket = %s/example.sock\n' "$dir" "$dir"
} >example.ini
"$build/carousel-tx" run --check-config --config least.ini || fail "the least that works does not"
cp roots roots.dsse
cp image2 rootfs.ext4
cp m2 rootfs.manifest.dsse
cp map5 map.dsse
sed 's/^carousel-tx status$/while ! carousel-tx status; do sleep 0.1; done; kill $!; wait $! || true/' examples.sh >typed.sh
PATH=$dir/bin:$PATH timeout 60 bash -eu typed.sh >typed.txt 2>typed.log || {
	cat typed.txt typed.log
	fail "an example of carousel-tx.1"
}
grep -q "the whole carousel: one pass" typed.txt && grep -q "map epoch 1 serial 5" typed.txt || fail "the examples: $(cat typed.txt)"
echo "verbs: good"
