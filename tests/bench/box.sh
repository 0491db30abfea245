#!/bin/sh
# A whole box over the wire: an image of MEGABYTES (default 1024) by a transmitter and a receiver as they are shipped, in
# two namespaces, at the losses of LOSSES (default "0 10 40", percent; nftables at the receiver's ingress) and RATE (default 200M).
# Prints the receiver's peak memory (VmHWM: text of libraries included), processor time, state beside the slot, and what
# was written in images: the bytes that the receiver wrote, and those that reached the device of TMPDIR ("-": it has none),
# whoever wrote them. The transmitter runs on from loss to loss: only the first box hears the source symbols in order.
# Writes $BUILD/bench/box.json.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
megabytes=${MEGABYTES:-1024}
. tests/lib/netns.sh
. tests/lib/fleet.sh
net_need

work=$(mktemp -d -p "${TMPDIR:-/tmp}" carousel-box.XXXXXX)
trap 'net_down; rm -rf "$work"' EXIT
mkdir -p "$BUILD/bench"
tests/e2e/images.sh plain stb 105 "$megabytes" "$work/image" || exit 1
tests/e2e/images.sh plain stb 42 1 "$work/old" || exit 1
bytes=$(stat -c %s "$work/image")
fleet_slot_bytes=$((bytes + 1048576))
fleet_init "$work/fleet" || exit 1
fleet_release stb 42 "$work/old" && fleet_release stb 105 "$work/image" || exit 1
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend "${RATE:-200M}" >/dev/null
fleet_publish stb 105 >/dev/null && fleet_set_map >/dev/null || exit 1

has_ended() {
	grep -qs '"state":"pending-reboot"' "$box/state/events.jsonl"
}
number() { # KEY: out of status
	fleet_rx box status --json | sed -n "s/^ *\"$1\": \\([0-9][0-9.]*\\).*/\\1/p" | head -n 1
}

device_sectors() {
	awk '{ print $7 }' "/sys/dev/block/$(findmnt -no MAJ:MIN -T "$work" | tr -d ' ')/stat" 2>/dev/null
}

rows=""
form='%6s %10s %8s %10s %8s %8s %9s %9s\n'
printf "$form" loss "VmHWM KiB" "CPU s" "state KiB" bytes device heard of
for loss in ${LOSSES:-0 10 40}; do
	net_down
	net_host headend
	net_host box
	net_join headend box
	net_in headend ethtool -K eth0 tso off gso off tx-udp-segmentation off >/dev/null
	[ "$loss" = 0 ] || net_lose box "$loss"
	rm -rf "$fleet/boxes"
	# At idle priority decoding would measure who else runs here.
	fleet_box box 00e2e1 "$work/old" "priority = normal" ${MEMORY:+"memory = $MEMORY"}
	sed -i 's/^reboot-exit = yes/reboot-exit = no/' "$box/rx.ini"
	sync
	before=$(device_sectors)
	fleet_start_box box box
	sleep 1
	fleet_start_headend headend
	fleet_wait 10 [ -e "$box/state/journal" ] || { echo "the receiver did not start"; tail -n 5 "$box/rx.log"; exit 1; }
	state_kib=0
	tries=0
	until has_ended || [ $tries -ge 600 ]; do
		sleep 1
		tries=$((tries + 1))
		now_kib=$(du -sk "$box/state" | cut -f 1)
		[ "$now_kib" -le $state_kib ] || state_kib=$now_kib
	done
	has_ended || { tail -n 5 "$box/rx.log"; exit 1; }
	pid=$(cat "$box/rx.pid")
	kib=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
	cpu=$(awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.1f", ($12 + $13) / hz }' "/proc/$pid/stat")
	sync
	written=$(awk -v image="$bytes" '/^wchar/ { printf "%.3f", $2 / image }' "/proc/$pid/io")
	device=$(echo "$before $(device_sectors)" | awk -v image="$bytes" '{ if ($2 == "") print "-"; else printf "%.3f", ($2 - $1) * 512 / image }')
	heard=$(number symbols_heard)
	need=$(number symbols_need)
	printf "$form" "$loss%" "$kib" "$cpu" "$state_kib" "$written" "$device" "$heard" "$need"
	rows="$rows${rows:+,
}{\"name\":\"VmHWM\",\"params\":{\"loss\":$loss,\"bytes\":$bytes,\"cpu_s\":$cpu,\"state_kib\":$state_kib,\"written\":$written,\"device\":\"$device\",\"heard\":$heard,\"need\":$need},\"value\":$kib,\"unit\":\"KiB\",\"goal\":16384,\"yardstick\":null,\"ratio\":null,\"runs\":1}"
	fleet_stop_headend
	fleet_stop_box box
done
printf '{"machine":"%s","commit":"%s","rows":[\n%s\n]}\n' "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
	"$(git rev-parse --short HEAD 2>/dev/null)" "$rows" >"$BUILD/bench/box.json"
echo "written: $BUILD/bench/box.json"
