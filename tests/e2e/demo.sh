#!/bin/sh
# make demo: a fleet of boxes updates over a lossy multicast link, with real images, real daemons, and a forger.
#   demo.sh [--keep]    --keep leaves it running and prints what to try
#   demo.sh --stop      ends what --keep left
#   DEMO_LOOPBACK=1     loopback with TTL 0 even where network namespaces can be made
# Ends with a table and exit 0 only if every box did what the rule says.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
work=$BUILD/demo
. tests/lib/netns.sh
. tests/lib/fleet.sh

say() {
	echo "demo: $*"
}
fail() {
	say "$*"
	exit 1
}

if [ "${1:-}" = --stop ]; then
	[ -e "$work/stop.sh" ] || fail "nothing is running"
	sh "$work/stop.sh"
	exit 0
fi
keep=${1:-}
[ -e "$work/stop.sh" ] && fail "a demo that was kept is still running: tests/e2e/demo.sh --stop ends it"
rm -rf "$work"
began=$(date +%s)

# ---- the network: the headend on one segment, boxes and a forger on the other, the lossy link between them -------
pids=""
in_namespaces=yes
if [ -n "${DEMO_LOOPBACK:-}" ] || ! ip netns add "$net_id-probe" 2>/dev/null; then
	in_namespaces=""
fi
if [ $in_namespaces ]; then
	ip netns del "$net_id-probe"
	net_switch uplink
	net_switch downlink
	net_host headend && net_plug headend uplink 1
	net_host forger && net_plug forger downlink 66
	net_host link && net_plug link uplink 2 && net_plug link downlink 1
	link_out=eth1
else
	say "no network namespaces here: loopback with TTL 0 instead"
	net_in() {
		shift
		"$@"
	}
	net_exec() {
		shift
		exec "$@"
	}
	net_sent() {
		echo 0
	}
	fleet_interface=lo fleet_box_interface=lo fleet_box_group=232.83.1.2:4001
	link_out=lo
fi

stop_all() {
	for pid in $pids $(cat "$work"/boxes/*/rx.pid "$work"/pid/* "$work"/forger/pid/* 2>/dev/null); do
		kill "$pid" 2>/dev/null
	done
	sleep 0.3
	for pid in $pids $(cat "$work"/boxes/*/rx.pid "$work"/pid/* "$work"/forger/pid/* 2>/dev/null); do
		kill -9 "$pid" 2>/dev/null
	done
	[ -z "$in_namespaces" ] || net_down
}
trap 'stop_all' EXIT
trap 'exit 130' INT TERM

# ---- images out of Debian packages, manifests, a map: what a release manager does --------------------------------
say "making images from u-boot-qemu and installed package files"
fleet_init "$work" || fail "no keys"
image() { # KIND CLASS VERSION WHAT
	tests/e2e/images.sh "$1" "$2" "$3" "$4" "$work/images/$2-$3" || fail "no image $2 $3"
	fleet_release "$2" "$3" "$work/images/$2-$3" --label "$3.0" --title "Release $3" --restart || fail "no manifest $2 $3"
}
for version in 42 82 102 105 112 121; do image board box2-arm64 $version qemu_arm64; done
for version in 42 102 105; do image board box3-riscv64 $version qemu-riscv64; done
for version in 42 105; do image board box4-x86-64 $version qemu-x86_64; done
for version in 180 217; do image board box2-arm64-debug $version qemu_arm64; done
for version in 42 105; do image root stb-root $version 32; done

cat >"$work/rows" <<EOF
map box2-arm64       production 75 100 105 120
map box3-riscv64     production 75 100 105 120
map box4-x86-64      production 75 100 105 120
map stb-root         production 75 100 105 120
map box2-arm64-debug *           0 200 217 999
override 00a1b2c3d4 box3-riscv64 102 102 102 102
EOF
fleet_map 2026112101 "$work/rows" box2-arm64-105 box3-riscv64-105 box3-riscv64-102 box4-x86-64-105 box2-arm64-debug-217 \
	stb-root-105 || fail "no map"

# ---- the headend ---------------------------------------------------------------------------------------------------
[ $in_namespaces ] || set -- "ttl = 0" "loop = yes"
[ $in_namespaces ] && set --
fleet_headend 24M "$@" || fail "no catalogue"
for release in box2-arm64-105 box3-riscv64-105 box3-riscv64-102 box4-x86-64-105 box2-arm64-debug-217 stb-root-105; do
	weight=1
	[ $release = stb-root-105 ] && weight=16
	carousel-tx publish --config "$work/tx.ini" --weight $weight "$(cat "$work/manifests/$release.path")" \
		"$work/manifests/$release.dsse" >>"$work/log/publish.log" || fail "not published: $release"
done
fleet_set_map >>"$work/log/publish.log" || fail "no map on the air"
say "the transmitter's configuration:"
sed "s|$fleet|.|; s/^/    /" "$work/tx.ini"
fleet_start_headend headend
net_exec link carousel-sim impair --in "$fleet_group" --out "${fleet_box_group:-$fleet_group}" \
	--in-interface "${fleet_interface:-eth0}" --out-interface $link_out --ttl $([ $in_namespaces ] && echo 1 || echo 0) \
	--loss 10% --seed 2026 >"$work/log/impair.json" 2>"$work/log/impair.log" &
impair_pid=$!
pids="$pids $impair_pid"

# ---- the forger: the same group and TSI, a map and an image of his own keys -----------------------------------------
(
	fleet_init "$work/forger"
	cp "$work/images/box2-arm64-121" "$fleet/images/evil"
	fleet_release box2-arm64 999 "$fleet/images/evil"
	echo "map box2-arm64 production 999 999 999 999" >"$fleet/rows"
	fleet_map 2099010101 "$fleet/rows"
	[ $in_namespaces ] || fleet_group=$fleet_box_group
	[ $in_namespaces ] || set -- "$@" "source = 127.0.0.66"
	fleet_headend 2M "$@"
	fleet_publish box2-arm64 999
	fleet_set_map
) >"$work/log/forger.log" 2>&1

# ---- the fleet: name, box id, class, version it has, start after, category ------------------------------------------
host=1
add_box() { # NAME ID CLASS VERSION [config lines]
	name=$1
	fleet_slot_bytes=$(($(stat -c %s "$work/images/$3-$4") + 2097152))
	box_image=$work/images/$3-$4
	box_id=$2
	shift 4
	fleet_box "$name" "$box_id" "$box_image" "$@"
	if [ $in_namespaces ]; then
		host=$((host + 1))
		net_host "b$host" && net_plug "b$host" downlink $host
		echo "b$host" >"$fleet/log/$name.host"
	fi
	boxes="$boxes $name"
}
boxes=""
add_box too-old 00a1b2c3d0 box2-arm64 42
add_box accepts 00a1b2c3d1 box2-arm64 82
add_box declines 00a1b2c3d2 box2-arm64 82
add_box new-enough 00a1b2c3d3 box2-arm64 102
add_box newer 00a1b2c3d5 box2-arm64 112
add_box recalled 00a1b2c3d6 box2-arm64 121
add_box override 00a1b2c3d4 box3-riscv64 42
add_box plain-riscv 00a1b2c3d7 box3-riscv64 42
add_box x86 00a1b2c3d8 box4-x86-64 42
add_box debug 00a1b2c3d9 box2-arm64-debug 180 "offers = install"
echo accept >"$work/boxes/debug/user.log"
add_box unplugged 00a1b2c3da stb-root 42
add_box late 00a1b2c3db stb-root 42

host_of() {
	cat "$fleet/log/$1.host" 2>/dev/null
}

# A user who answers when asked.
answer() { # NAME accept|decline
	fleet_wait 100 fleet_is_state "$1" offered && fleet_rx "$1" "$2" && echo "$2" >"$fleet/boxes/$1/user.log"
}

say "$(echo $boxes | wc -w) boxes switch on one after the other; 10 % of the packets are lost"
start_later() { # SECONDS NAME
	(
		sleep "$1"
		fleet_power "$2" "$(host_of "$2")"
	) >/dev/null 2>&1 &
	pids="$pids $!"
}
delay=0
for name in $boxes; do
	start_later $delay "$name"
	delay=$(echo "$delay 0.5" | awk '{ print $1 + $2 }')
done
answer accepts accept >/dev/null 2>&1 &
answer declines decline >/dev/null 2>&1 &

# ---- watching, and trouble half-way -----------------------------------------------------------------------------------
progress_of() { # NAME: "state have/need"
	fleet_rx "$1" status --json 2>/dev/null | awk -F'[:,]' '/"state":/ { gsub(/[" ]/, "", $2); state = $2 }
		/"symbols_have":/ { have = $2 + 0 } /"symbols_need":/ { need = $2 + 0 }
		END { printf "%s %d %d", state, have, need }'
}

all_content() {
	for name in $boxes; do
		fleet_is_state "$name" up-to-date || return 1
	done
}

show_progress() {
	[ -t 1 ] && [ -n "${shown:-}" ] && printf '\033[%dA' "$shown"
	shown=0
	line=""
	for name in $boxes; do
		set -- $(progress_of "$name")
		share=""
		[ "${1:-off}" = receiving ] && [ "${3:-0}" -gt 0 ] && share=" $(($2 * 100 / $3))%"
		if [ -t 1 ]; then
			bar=$(printf '%*s' $((${2:-0} * 30 / (${3:-0} + 1))) '' | tr ' ' '#')
			[ "${1:-}" = receiving ] || bar=""
			printf '    %-12s %-15s %-30s%s\033[K\n' "$name" "${1:-off}" "$bar" "$share"
			shown=$((shown + 1))
		else
			line="$line $name=${1:-off}$share"
		fi
	done
	[ -t 1 ] && return
	[ "$line" = "${last_line:-}" ] || echo "    $(($(date +%s) - began)) s:$line"
	last_line=$line
}

unplugged="" restarted="" forged="" done_at=""
deadline=$(($(date +%s) + ${DEMO_SECONDS:-110}))
while [ "$(date +%s)" -lt $deadline ]; do
	show_progress
	set -- $(progress_of unplugged)
	if [ -z "$forged" ]; then
		forged=yes
		(fleet=$work/forger && fleet_start_headend forger)
		shown=""
		say "the forger is on the air, with a newer map and an image of his own"
	fi
	if [ -z "$unplugged" ] && [ "${1:-}" = receiving ] && [ "${2:-0}" -gt $((${3:-0} / 2)) ]; then
		unplugged=yes shown=""
		fleet_kill_box unplugged
		say "SIGKILL for the box \"unplugged\" at $2 of $3 symbols"
	elif [ -n "$unplugged" ] && [ -z "$restarted" ]; then
		restarted=yes shown=""
		fleet_stop_headend KILL
		fleet_start_headend headend
		say "SIGKILL for the transmitter, and a new one"
	fi
	[ -n "$restarted" ] && all_content && done_at=$(date +%s) && break
	sleep 1
done
show_progress
[ -n "$done_at" ] || say "not every box came to rest in time"

# ---- what became of it ---------------------------------------------------------------------------------------------------
say "the forger's documents were refused by the boxes:"
for name in $boxes; do
	fleet_rx "$name" status --json 2>/dev/null | tr -d '\n' | sed -n 's/.*"refused": {\([^}]*\)}.*/\1/p'
done | tr -d ' ' | tr ',' '\n' | awk -F: 'NF == 2 { gsub(/"/, "", $1); n[$1] += $2 }
	END { for (r in n) printf "    %-10s %d\n", r, n[r] }' | sort
refused=$(for name in $boxes; do fleet_rx "$name" status --json 2>/dev/null; done | grep -c '"\(map\|trust-root\)": [1-9]')
sent=0
if [ $in_namespaces ]; then
	for name in $boxes; do
		sent=$((sent + $(net_sent "$(host_of "$name")")))
	done
	say "datagrams that boxes sent (IGMP and MLD apart): $sent"
else
	say "datagrams that boxes sent: not counted on loopback"
fi
if [ "$keep" != --keep ]; then
	kill -TERM $impair_pid && wait $impair_pid 2>/dev/null
	sed 's/^/demo: the link: /' "$work/log/impair.json"
fi
echo
status=0
fleet_table print --map "$work/map.dsse" --manifests "$work/manifests" --boxes "$work/boxes" || status=1
[ -n "$done_at" ] || status=1
[ "$sent" = 0 ] || status=1
[ "${refused:-0}" -gt 0 ] || {
	say "no box refused a forged document"
	status=1
}
for trouble in "$unplugged" "$restarted"; do
	[ -n "$trouble" ] || {
		say "the kill or the restart did not happen"
		status=1
	}
done
say "$(($(date +%s) - began)) s in all"

if [ "$keep" = --keep ]; then
	{
		echo "for pid in $pids $(cat "$work"/pid/* "$work"/forger/pid/* "$work"/boxes/*/rx.pid 2>/dev/null | tr '\n' ' '); do kill \$pid 2>/dev/null; done"
		echo "sleep 0.5"
		for h in $net_hosts; do
			echo "for pid in \$(ip netns pids $(net "$h") 2>/dev/null); do kill -9 \$pid; done; ip netns del $(net "$h")"
		done
		echo "rm -f '$fleet/stop.sh'"
	} >"$work/stop.sh"
	trap - EXIT
	echo
	echo "It goes on running. Try:"
	echo "    $BUILD/bin/carousel-rx status --socket $work/boxes/accepts/rx.sock"
	echo "    $BUILD/bin/carousel-rx explain --socket $work/boxes/declines/rx.sock"
	echo "    $BUILD/bin/carousel-tx status --config $work/tx.ini"
	echo "and, to end it: tests/e2e/demo.sh --stop"
fi
exit $status
