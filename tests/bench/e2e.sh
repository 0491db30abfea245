#!/bin/sh
# End to end: a file of MEGABYTES (default 256) from one namespace to another over veth, without loss and with 5 %,
# by Carousel, uftp and udpcast in turn. Loss is made by nftables at the receiver's ingress, with segmentation offload
# off at the sender's veth, the same for all. Files lie in memory (tmpfs) where there is some, so that it is the network
# and the code that is measured, not a disk. Prints a table and writes $BUILD/bench/e2e.json.
#
# data s      first to last byte of the file: Carousel from the first image symbol to the last block done (receiving_s),
#             uftp its own figure, udpcast the size over its best running rate
# installed s Carousel only: until the slot was read back, verified and switched
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
megabytes=${MEGABYTES:-256}
. tests/lib/netns.sh
. tests/lib/fleet.sh
. tests/bench/peers.sh
net_need

work=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)" carousel-e2e.XXXXXX)
trap 'net_down; rm -rf "$work"' EXIT
mkdir -p "$BUILD/bench"
json=$BUILD/bench/e2e.json
image=$work/image
tests/e2e/images.sh plain stb 105 "$megabytes" "$image" || exit 1
tests/e2e/images.sh plain stb 42 1 "$work/old" || exit 1
bytes=$(stat -c %s "$image")

# One namespace pair for each measurement: nothing of the one before is left.
fresh_link() { # LOSS-PERCENT
	net_down
	net_host headend
	net_host box
	net_join headend box
	sender=$(net headend) receiver=$(net box) sender_if=eth0 receiver_if=eth0
	if [ "$1" != 0 ]; then
		net_in headend ethtool -K eth0 tso off gso off tx-udp-segmentation off >/dev/null
		net_lose box "$1"
	fi
}

cpu_and_kib() { # PID
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%.2f ", ($12 + $13) / hz }' "/proc/$1/stat"
	awk '/VmHWM/ { print $2 }' "/proc/$1/status"
}

has_ended() {
	grep -q '"state":"pending-reboot"' "$fleet/boxes/box/state/events.jsonl" 2>/dev/null
}

# Prints "data-seconds tx-cpu tx-kib rx-cpu rx-kib installed-seconds heard needed".
run_carousel() { # RATE MEMORY
	rm -rf "$work/fleet"
	fleet_slot_bytes=$((bytes + 1048576))
	fleet_init "$work/fleet" || exit 1
	fleet_release stb 42 "$work/old" && fleet_release stb 105 "$image" || exit 1
	echo "map stb production 75 100 105 120" >"$fleet/rows"
	fleet_map 1 "$fleet/rows" stb-105 || exit 1
	fleet_headend "$1" >/dev/null
	fleet_publish stb 105 >/dev/null && fleet_set_map >/dev/null || exit 1
	fleet_box box 00e2e1 "$work/old" "memory = $2" "socket-buffer = 64M" "priority = normal"
	sed -i 's/^reboot-exit = yes/reboot-exit = no/' "$fleet/boxes/box/rx.ini"
	fleet_start_box box box
	sleep 1
	fleet_start_headend headend
	if fleet_wait 120 has_ended; then
		set -- $(cpu_and_kib "$(cat "$fleet/pid/tx")") $(cpu_and_kib "$(cat "$fleet/boxes/box/rx.pid")")
		awk -v tx_cpu="$1" -v tx_kib="$2" -v rx_cpu="$3" -v rx_kib="$4" '
			function field(name) { return match($0, "\"" name "\":[0-9]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) : 0 }
			/"state":"receiving"/ && !start { start = field("time_ns") }
			match($0, /"receiving_s":[0-9.]+/) { data = substr($0, RSTART + 14, RLENGTH - 14) }
			/"state":"pending-reboot"/ && !end { end = field("time_ns"); heard = field("symbols_heard"); need = field("symbols_need") }
			END { printf "%.3f %s %s %s %s %.3f %d %d\n", data, tx_cpu, tx_kib, rx_cpu, rx_kib, (end - start) / 1e9, heard, need }
		' "$fleet/boxes/box/state/events.jsonl"
	else
		echo "- - - - - - - -"
		tail -n 3 "$fleet/boxes/box/rx.log" "$fleet/log/tx.log" >&2
	fi
	fleet_stop_headend
	fleet_stop_box box
}

rows=""
row() { # NAME LOSS DATA TX-CPU TX-KIB RX-CPU RX-KIB INSTALLED YARDSTICK-SECONDS
	gbps=$(echo "$3 $bytes" | awk '$1 > 0 { printf "%.2f", $2 * 8e-9 / $1 }')
	ratio=$(echo "$3 ${9:--}" | awk '$1 > 0 && $2 > 0 { printf "%.2f", $2 / $1 }')
	printf '%-22s %5s %9s %8s %8s %8s %10s %10s %10s %9s\n' "$1" "$2%" "$3" "${gbps:--}" "$4" "$6" "$5" "$7" "$8" "${ratio:--}"
	rows="$rows${rows:+,
}{\"name\":\"$1\",\"params\":{\"loss\":$2,\"bytes\":$bytes,\"data_s\":${3:-null},\"installed_s\":${8:-null},\"tx_cpu_s\":${4:-null},\"rx_cpu_s\":${6:-null},\"tx_kib\":${5:-null},\"rx_kib\":${7:-null}},\"value\":${gbps:-null},\"unit\":\"Gbit/s\",\"goal\":1,\"yardstick\":\"uftp data phase\",\"ratio\":${ratio:-null},\"runs\":1}"
}

printf '%-22s %5s %9s %8s %8s %8s %10s %10s %10s %9s\n' "" loss "data s" Gbit/s "tx CPU s" "rx CPU s" "tx KiB" "rx KiB" "installed" "x uftp"
for loss in 0 5; do
	fresh_link $loss
	set -- $(peer_uftp)
	uftp=$1
	row uftp $loss "$@" - "$uftp"
	fec="" && [ $loss = 0 ] || fec="--fec 8x16/64"
	fresh_link $loss
	set -- $(peer_udpcast 1500m "$fec")
	row udpcast $loss "$@" - "$uftp"
	for memory in 16M 72M; do
		fresh_link $loss
		set -- $(run_carousel "${RATE:-3G}" $memory)
		row "carousel, $memory" $loss "$1" "$2" "$3" "$4" "$5" "$6" "$uftp"
	done
done
rows=$(echo "$rows" | sed 's/:-,/:null,/g; s/:-}/:null}/g')
printf '{"machine":"%s","commit":"%s","rows":[\n%s\n]}\n' "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" \
	"$(git rev-parse --short HEAD 2>/dev/null)" "$rows" >"$json"
echo "written: $json"
