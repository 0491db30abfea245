#!/bin/bash
# Multicast between namespaces: both families, any source and source-specific, foreign groups and sources, offloads on
# and off; and the boxes send nothing.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/netns.sh
net_need
tool=${BUILD:-build}/bin/udp_tool
work=$(mktemp -d)
trap 'net_down; rm -rf "$work"' EXIT
net_switch lan
for host in headend box1 box2 other; do net_host $host; done
net_plug headend lan 1
net_plug box1 lan 11
net_plug box2 lan 12
net_plug other lan 99
jobs=""

failed=0
wait_for() { # COMMAND...: until it succeeds, at most 5 s
	for _ in $(seq 100); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
check() { # WORD GOT WANTED
	if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: got $2, wanted $3" && failed=1; fi
}
field() { # FILE NAME
	sed -n "s/.*\"$2\":\"\{0,1\}\([^,}\"]*\).*/\1/p" "$1"
}
listen() { # BOX OPTIONS...: the result is in $work/BOX
	local box=$1
	shift
	rm -f "$work/$box.ready"
	net_in "$box" timeout 20 "$tool" receive --interface eth0 --quiet 400ms --ready "$work/$box.ready" "$@" >"$work/$box" 2>&1 &
	jobs="$jobs $!"
	wait_for test -e "$work/$box.ready" || check "$box listens" "$(cat "$work/$box")" yes
}
heard() { # waits for the receivers that listen
	# shellcheck disable=SC2086
	wait $jobs
	jobs=""
}

for offload in "" --no-offload; do
	for group in 239.77.1.1:4001 '[ff3e::77:1]:4001'; do
		name="$group${offload:+ without offloads}"
		listen box1 --group "$group" $offload
		listen box2 --group "$group" $offload
		net_in headend "$tool" send --to "$group" --interface eth0 --count 5000 --size 1300 $offload >"$work/sent"
		heard
		check "$name: sent" "$(field "$work/sent" sent)" 5000
		for box in box1 box2; do
			check "$name: $box has all" "$(field "$work/$box" received)" 5000
			check "$name: $box intact" "$(field "$work/$box" corrupt)" 0
			check "$name: $box in order" "$(field "$work/$box" disordered)" 0
			check "$name: $box drops" "$(field "$work/$box" socket_drops)" 0
		done
	done
done

# Longer than the path's MTU: the kernel refuses GSO for these, and they leave in fragments all the same; what fits goes
# on leaving as GSO.
net_in headend ip link set eth0 mtu 1280
for group in 239.77.1.1:4001 '[ff3e::77:1]:4001'; do
	listen box1 --group "$group"
	net_in headend "$tool" send --to "$group" --interface eth0 --count 500 --size 2000 --rate 20M >"$work/sent"
	heard
	check "$group: fragments arrive" "$(field "$work/box1" received)" 500
	check "$group: fragments intact" "$(field "$work/box1" corrupt)" 0
	check "$group: GSO stays on" "$(field "$work/sent" gso)" true
done
net_in headend ip link set eth0 mtu 1500

# The same port, other groups of the same host and of the network: nothing leaks in.
for group in 239.77.1.1:4001 '[ff3e::77:1]:4001'; do
	foreign=239.77.1.2:4001
	[ "$group" = 239.77.1.1:4001 ] || foreign='[ff3e::77:2]:4001'
	listen box1 --group "$group" --wait 2s
	listen box2 --group "$foreign" --wait 2s
	net_in headend "$tool" send --to "$foreign" --interface eth0 --count 100 >/dev/null
	heard
	check "$group hears nothing of $foreign" "$(field "$work/box1" received)" 0
	check "$foreign hears its own" "$(field "$work/box2" received)" 100
done

# Source-specific: a stranger who sends to the same group and port is not heard.
while read -r group source stranger; do
	listen box1 --group "$group" --source "$source"
	listen box2 --group "$group"
	net_in other "$tool" send --to "$group" --interface eth0 --count 200 >/dev/null
	net_in headend "$tool" send --to "$group" --interface eth0 --count 300 --source "$source" >/dev/null
	heard
	check "$group from $source alone" "$(field "$work/box1" received)" 300
	check "$group: that source" "$(field "$work/box1" source)" "$source"
	check "$group from anybody" "$(field "$work/box2" received)" 500
	check "$group: the stranger is told apart" "$(field "$work/box2" source)" "$stranger"
done <<-'LIST'
	232.77.1.1:4001 10.83.1.1 10.83.1.99
	[ff3e::77:3]:4001 fd83:1::1 fd83:1::99
LIST

# TTL 0 never leaves the host: an interface that would let it out is refused.
for group in 239.77.1.1:4001 '[ff3e::77:1]:4001'; do
	listen box1 --group "$group" --wait 1s
	net_in headend "$tool" send --to "$group" --interface eth0 --count 50 --ttl 0 >/dev/null 2>&1
	check "$group with TTL 0 by eth0 is refused" $? 1
	net_in headend "$tool" send --to "$group" --count 50 --ttl 0 >/dev/null 2>&1
	heard
	check "$group with TTL 0 stays at home" "$(field "$work/box1" received)" 0
done

for box in box1 box2; do
	check "packets that $box sent, IGMP and MLD apart" "$(net_sent $box)" 0
done
exit $failed
