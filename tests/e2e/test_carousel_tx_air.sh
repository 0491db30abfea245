#!/bin/bash
# carousel-tx on the air, in namespaces: rate, restarts by SIGKILL without a symbol twice, changes while it runs,
# clean end, IPv6, configurations that are refused.
set -eu
. tests/lib/netns.sh
net_need
build=$PWD/${BUILD:-build}/bin
pm=$build/policy-map
dir=$(mktemp -d)
trap 'net_down; rm -rf "$dir"' EXIT
cd "$dir"

fail() {
	echo "FAIL: $*"
	[ -e tx.log ] && tail -n 5 tx.log
	exit 1
}
tx() {
	verb=$1
	shift
	"$build/carousel-tx" "$verb" "$@" --config tx.ini
}
# Starts the daemon in its namespace and waits until it answers.
start() {
	net_in tx "$build/carousel-tx" run --config tx.ini 2>>tx.log &
	daemon=$!
	for _ in $(seq 100); do
		tx status >/dev/null 2>&1 && return
		sleep 0.05
	done
	fail "the daemon does not answer"
}
field() { # JSON PATH: one number or word of the status
	tx status --json | python3 -c "import json,sys; s=json.load(sys.stdin); print($1)"
}
wait_for() { # EXPRESSION, for at most 5 s
	for _ in $(seq 50); do
		[ "$(field "$1")" = True ] && return
		sleep 0.1
	done
	tx status
	fail "never: $1"
}

net_host tx
net_host box
net_join tx box
source=$(ip -n "$(net tx)" -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }')

for name in root map image beat; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" trust init --root root.pub --map map.pub --image image.pub --heartbeat beat.pub --key root.key roots 2>/dev/null
for n in 1 2; do
	head -c $((n * 2000000)) /dev/urandom >image$n
	"$pm" manifest create image$n --class box --version $n --out m.json >line$n
	"$pm" sign --role image --key image.key m.json m$n >/dev/null
done
cat >tx.ini <<END
[session]
tsi = 4001
[catalogue]
dir = $dir/cat
[keys]
heartbeat = $dir/beat.key
[control]
socket = $dir/tx.sock
[channel main]
group = 232.1.1.95:4001
source = $source
interface = eth0
rate = 20M
END
tx set-root roots >/dev/null
tx publish image1 m1 >/dev/null

# ---- killed three times, heard all the time ----
net_in box "$build/flute_listen" 232.1.1.95:4001 eth0 "$source" 7 >heard.txt &
listener=$!
sleep 0.3
for life in 1 2 3; do
	start
	sleep 1.$life
	kill -KILL "$(pgrep -P $daemon || echo $daemon)" 2>/dev/null || kill -KILL $daemon
	wait $daemon 2>/dev/null || true
done
start
wait $listener
grep -q "^total packets=[0-9]* .*malformed=0" heard.txt || fail "malformed packets: $(tail -1 heard.txt)"
# What is one symbol long comes again and again; all else never.
twice=$(awk '($1 == 4001 && $5 != "esi=0-0") || $1 == 4002 { sub("twice=", "", $4); sum += $4 } END { print sum + 0 }' heard.txt)
[ "$twice" = 0 ] || { cat heard.txt; fail "$twice symbols came twice"; }
[ "$(awk '$1 == 4002' heard.txt | wc -l)" -ge 4 ] || fail "heartbeats"
echo "killed three times: $(tail -1 heard.txt), no symbol twice"

# ---- the rate ----
net_in box "$build/flute_listen" 232.1.1.95:4001 eth0 "$source" 4 >heard.txt
rate=$(awk '/^total/ { sub("packets=", "", $2); sub("bytes=", "", $3); print int(($3 + 28 * $2) * 8 / 4 / 1000) }' heard.txt)
# A machine that is busy elsewhere sends less; none sends more. The exact rate is a matter of the unit tests.
[ "$rate" -ge 2000 ] && [ "$rate" -le 21000 ] || fail "$rate kbit/s instead of 20000"
echo "rate: $rate kbit/s of 20000"

# ---- changes while it runs, beside what goes on ----
toi=$(field "[o['toi'] for o in s['objects'] if o['role'] == 'image'][0]")
instance=$(field "s['session']['fdt_instance']")
tx publish image2 m2 >/dev/null
wait_for "len([o for o in s['objects'] if o['role'] == 'image']) == 2"
[ "$(field "[o['toi'] for o in s['objects'] if o['role'] == 'image' and o['version'] == 1][0]")" = "$toi" ] || fail "its TOI changed"
[ "$(field "s['session']['fdt_instance'] > $instance")" = True ] || fail "the FDT is the old one"
printf 'carousel-map 1\nepoch 1\nserial 9\nissued 2026-11-21T10:00:00Z\nmap box production 1 2 2 9\n' | cat - line2 >map.txt
"$pm" fmt map.txt >/dev/null
"$pm" sign --role map --key map.key map.txt map >/dev/null
tx set-map map >/dev/null
wait_for "s['map']['serial'] == 9 and any(o['role'] == 'map' for o in s['objects'])"
tx withdraw box 1 >/dev/null
wait_for "[o['version'] for o in s['objects'] if o['role'] == 'image'] == [2]"
tx withdraw box 2 2>/dev/null && fail "withdrawn though the map names it"
# Without a word to the daemon: it looks by itself.
"$build/carousel-tx" publish image1 m1 --catalogue cat --socket none >/dev/null
wait_for "len([o for o in s['objects'] if o['role'] == 'image']) == 2"

# ---- one daemon a catalogue; a clean end ----
net_in tx "$build/carousel-tx" run --config tx.ini 2>second.txt && fail "two daemons"
grep -q "another daemon" second.txt || fail "second daemon: $(cat second.txt)"
pid=$(pgrep -P $daemon || echo $daemon)
kill -HUP "$pid"
kill -TERM "$pid"
status=0
wait $daemon || status=$?
[ $status -eq 0 ] || fail "ended with $status"
[ ! -e tx.sock ] || fail "its socket is left"
next=$(sed -n 's/^next-heartbeat = //p' cat/counters.ini)
[ "$next" -lt 1200 ] || fail "leases at a clean end: $next"
echo "a clean end"

# ---- IPv6, two channels, another receiver's FLUTE: plain documents, version 1 ----
cat >tx.ini <<END
[session]
tsi = 77
flute-version = 1
[catalogue]
dir = $dir/cat
[control]
socket = $dir/tx.sock
fec = no
[channel a]
group = [ff35::95]:4001
interface = eth0
rate = 8M
[channel b]
group = 239.1.1.1:4002
interface = eth0
rate = 4M
END
start
net_in box "$build/flute_listen" "[ff35::95]:4001" eth0 - 2 >heard.txt &
net_in box "$build/flute_listen" 239.1.1.1:4002 eth0 - 2 >heard4.txt
wait $!
grep -q "^77 0 packets=" heard.txt || fail "no FDT over IPv6"
grep -q "^77 0 packets=" heard4.txt || fail "no FDT on the second channel"
kill -TERM "$(pgrep -P $daemon || echo $daemon)"
wait $daemon || fail "second end"

# ---- configurations that are refused, with file and line ----
refuses() { # LINE-NUMBER WORDS CONFIG
	printf '%b' "$3" >bad.ini
	"$build/carousel-tx" run --config bad.ini --check-config 2>err.txt && fail "accepted: $3"
	grep -q "bad.ini:$1: .*$2" err.txt || { cat err.txt; fail "no \"bad.ini:$1: $2\""; }
}
good="[session]\ntsi = 1\n[channel a]\ngroup = 239.1.1.1:4001\n"
printf '%b' "$good" >good.ini
"$build/carousel-tx" run --config good.ini --check-config || fail "a good configuration"
refuses 5 "rate" "${good}rate = 12\n"
refuses 5 "ttl" "${good}ttl = 256\n"
refuses 5 "speed" "${good}speed = 9\n"
refuses 4 "multicast" "[session]\ntsi = 1\n[channel a]\ngroup = 10.0.0.1:4001\n"
refuses 4 "address" "[session]\ntsi = 1\n[channel a]\ngroup = nonsense\n"
refuses 5 "source" "${good}source = ::1\n"
refuses 2 "tsi" "[session]\ntsi = 4294967295\n[channel a]\ngroup = 239.1.1.1:4001\n"
refuses 3 "headend" "[session]\ntsi = 1\nheadend = 2\n[channel a]\ngroup = 239.1.1.1:4001\n"
refuses 6 "share" "${good}[control]\nshare = 90%\n"
refuses 6 "fdt-period" "${good}[control]\nfdt-period = 0\n"
refuses 5 "" "${good}[nonsense]\n"
refuses 3 "name" "[session]\ntsi = 1\n[channel a b]\ngroup = 239.1.1.1:4001\n"
printf '[session]\ntsi = 1\n' >bad.ini
"$build/carousel-tx" run --config bad.ini --check-config 2>err.txt && fail "no channel"
"$build/carousel-tx" run --config none.ini --check-config 2>err.txt && fail "no file"
echo "air: good"
