#!/bin/bash
# How fast `carousel-sim impair` relays: numbered datagrams of 1072 bytes from one namespace through it to another, at
# rising rates, without loss and with a tenth. Prints what was asked, sent, relayed and lost, and writes
# $BUILD/bench/impair.json. SECONDS_EACH (default 5) of each. The sender, the relay and the listener share this machine.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
. tests/lib/netns.sh
net_need
tool=$BUILD/bin/udp_tool
sim=$BUILD/bin/carousel-sim
seconds=${SECONDS_EACH:-5}
work=$(mktemp -d)
trap 'net_down; rm -rf "$work"' EXIT
mkdir -p "$BUILD/bench"
json=$BUILD/bench/impair.json
net_switch before
net_switch after
for host in headend impair box; do net_host $host; done
net_plug headend before 1
net_plug impair before 2
net_plug impair after 2
net_plug box after 11

field() { # FILE NAME
	sed -n "s/.*\"$2\":\"\{0,1\}\([^,}\"]*\).*/\1/p" "$1"
}
until_there() { # FILE
	for _ in $(seq 100); do
		[ -e "$1" ] && return
		sleep 0.05
	done
}

printf '%10s %6s %12s %12s %10s %12s %12s\n' asked loss "relayed in" "relayed out" "measured" "socket drops" "CPU"
rows=""
for loss in 0% 10%; do
	for mbit in 100 300 600 1000; do
		count=$((mbit * 1000000 / 8 / 1072 * seconds))
		rm -f "$work"/*
		ip netns exec "$(net impair)" "$sim" impair --in 239.77.1.1:4001 --out 239.77.2.2:4002 --in-interface eth0 \
			--out-interface eth1 --duration 120s --loss $loss --control "$work/socket" >"$work/impair" 2>/dev/null &
		impair=$!
		until_there "$work/socket"
		net_in box "$tool" receive --group 239.77.2.2:4002 --interface eth0 --quiet 500ms --ready "$work/ready" \
			>"$work/box" &
		box=$!
		until_there "$work/ready"
		start=$(date +%s%N)
		net_in headend "$tool" send --to 239.77.1.1:4001 --interface eth0 --count $count --size 1072 \
			--rate ${mbit}M >/dev/null
		took=$((($(date +%s%N) - start) / 1000000))
		wait $box
		cpu=$(awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' /proc/$impair/stat)
		kill -TERM $impair
		wait $impair
		received=$(field "$work/impair" received)
		row=$(awk -v in_=$received -v out="$(field "$work/box" received)" -v ms=$took -v cpu=$cpu \
			'BEGIN { printf "%.1f %.1f %.2f", in_ * 8576 / ms / 1000, out * 8576 / ms / 1000, cpu * 1000 / ms }')
		set -- $row
		printf '%6s Mb/s %6s %7s Mb/s %7s Mb/s %10.6f %12s %8s core\n' $mbit $loss $1 $2 \
			"$(field "$work/impair" measured_loss)" "$(field "$work/impair" socket_drops)" $3
		rows="$rows${rows:+,}
{\"name\":\"relayed\",\"params\":\"asked $mbit Mbit/s, loss $loss\",\"value\":$1,\"unit\":\"Mbit/s\",\"measured_loss\":$(field "$work/impair" measured_loss),\"socket_drops\":$(field "$work/impair" socket_drops),\"cores\":$3}"
	done
done
echo "{\"bench\":\"impair\",\"rows\":[$rows]}" >"$json"
