#!/bin/sh
# fleet.sh - a headend and boxes for the demo and the end-to-end tests. Sourced after netns.sh; set BUILD before.
#
#   fleet_init DIR                 keys, trust root, empty catalogue below DIR (made when missing)
#   fleet_release CLASS VERSION IMAGE [manifest options]   manifest, signed; its image line is kept for the map
#   fleet_map SERIAL FILE          head and image lines around the map rows of FILE, signed: $fleet/map.dsse
#                                  fleet_epoch (1), fleet_map_key (map: $fleet/keys/map.key) say otherwise
#   fleet_publish CLASS VERSION    into the catalogue;   fleet_set_map   puts $fleet/map.dsse on the air
#   fleet_headend HOST RATE [lines of [channel]]           writes $fleet/tx.ini; fleet_start_headend HOST starts it
#   fleet_box NAME BOX-ID IMAGE [lines of [receiver]]   a folder $fleet/boxes/NAME; IMAGE in its slot 0
#   fleet_start_box NAME HOST      switches it on: boot loader, receiver, reboots, until fleet_stop_box NAME
#   fleet_kill_box NAME            pulls the plug (SIGKILL) and puts it back in
#   fleet_rx NAME VERB...          a verb of carousel-rx for this box
#   fleet_wait SECONDS COMMAND...  until the command is true; fails after SECONDS
#
# Groups and addresses: images and documents on $fleet_group, TSI $fleet_tsi, from 10.83.1.1 (netns.sh's first segment).

fleet_group=${fleet_group:-232.83.1.1:4001}
fleet_tsi=${fleet_tsi:-4001}
fleet_bin=$(cd "${BUILD:-build}/bin" && pwd)
PATH=$fleet_bin:$PATH

fleet_init() {
	fleet=$1
	mkdir -p "$fleet/keys" "$fleet/manifests" "$fleet/boxes" "$fleet/images" "$fleet/log" "$fleet/pid"
	fleet=$(cd "$fleet" && pwd)
	for role in root map image heartbeat; do
		[ -e "$fleet/keys/$role.key" ] || policy-map keygen --no-passphrase "$fleet/keys/$role" >/dev/null || return 1
	done
	policy-map trust init --root "$fleet/keys/root.pub" --map "$fleet/keys/map.pub" --image "$fleet/keys/image.pub" \
		--heartbeat "$fleet/keys/heartbeat.pub" --key "$fleet/keys/root.key" "$fleet/roots.dsse" >"$fleet/log/trust.log" 2>&1
}

fleet_release() {
	release_class=$1 release_version=$2 release_image=$3
	shift 3
	release=$fleet/manifests/$release_class-$release_version
	policy-map manifest create "$release_image" --class "$release_class" --version "$release_version" --out "$release.manifest" \
		--index-out "$release.index" "$@" >"$release.line" || return 1
	policy-map sign --role image --key "$fleet/keys/image.key" "$release.manifest" "$release.dsse" >/dev/null || return 1
	rm -f "$release.index"
	echo "$release_image" >"$release.path"
}

fleet_map() { # SERIAL ROWS-FILE [CLASS-VERSION...]: the releases that the map names; default all
	serial=$1 rows=$2
	shift 2
	[ $# -gt 0 ] || set -- $(cd "$fleet/manifests" && for line in *.line; do echo "${line%.line}"; done)
	{
		echo "carousel-map 1"
		echo "epoch ${fleet_epoch:-1}"
		echo "serial $serial"
		echo "issued ${fleet_issued:-2026-11-21T10:00:00Z}"
		echo "session main $fleet_group tsi=$fleet_tsi"
		cat "$rows"
		for named in "$@"; do
			grep '^image' "$fleet/manifests/$named.line"
		done
	} >"$fleet/map.txt"
	policy-map fmt "$fleet/map.txt" >/dev/null || return 1
	policy-map sign --role map --key "$fleet/keys/${fleet_map_key:-map}.key" "$fleet/map.txt" "$fleet/map.dsse" >/dev/null
}

fleet_publish() {
	carousel-tx publish --config "$fleet/tx.ini" "$(cat "$fleet/manifests/$1-$2.path")" "$fleet/manifests/$1-$2.dsse"
}

fleet_set_map() {
	carousel-tx set-map --config "$fleet/tx.ini" "$fleet/map.dsse"
}

fleet_headend() {
	rate=$1
	shift
	cat >"$fleet/tx.ini" <<EOF
[catalogue]
dir = $fleet/catalogue

[keys]
heartbeat = $fleet/keys/heartbeat.key

[session]
name = main
tsi = $fleet_tsi

[control]
socket = $fleet/tx.sock
heartbeat-period = 500ms
fdt-period = 500ms
trust-root-period = 1s
map-period = 1s
schedule-period = 1s
manifest-period = 1s

[channel main]
group = $fleet_group
interface = ${fleet_interface:-eth0}
rate = $rate
EOF
	for line in "$@"; do echo "$line" >>"$fleet/tx.ini"; done
	[ -e "$fleet/catalogue" ] || carousel-tx set-root --config "$fleet/tx.ini" "$fleet/roots.dsse"
}

fleet_start_headend() { # HOST
	net_exec "$1" carousel-tx run --config "$fleet/tx.ini" >>"$fleet/log/tx.log" 2>&1 &
	echo $! >"$fleet/pid/tx"
}

fleet_stop_headend() { # [SIGNAL]
	kill "-${1:-TERM}" "$(cat "$fleet/pid/tx")"
	wait "$(cat "$fleet/pid/tx")" 2>/dev/null
	rm -f "$fleet/pid/tx"
}

fleet_box() { # NAME BOX-ID IMAGE
	box=$fleet/boxes/$1
	mkdir -p "$box/boot"
	cp "$3" "$box/slot0"
	truncate -s "${fleet_slot_bytes:-$(($(stat -c %s "$3") + 1048576))}" "$box/slot1"
	cat >"$box/rx.ini" <<EOF
[receiver]
box-id = $2
os-release = $box/os-release
trust-root = $fleet/roots.dsse
state-dir = $box/state
socket = $box/rx.sock
follow-map = ${fleet_follow_map:-no}
reboot-exit = yes
EOF
	shift 3
	for line in "$@"; do echo "$line" >>"$box/rx.ini"; done
	cat >>"$box/rx.ini" <<EOF

[session main]
group = ${fleet_box_group:-$fleet_group}
interface = ${fleet_box_interface:-eth0}
tsi = $fleet_tsi

[slots]
slot0 = $box/slot0
slot1 = $box/slot1

[boot]
adapter = directory
directory = $box/boot
EOF
}

fleet_rx() {
	rx_box=$fleet/boxes/$1
	shift
	carousel-rx "$@" --socket "$rx_box/rx.sock"
}

# What the running image says of itself, as its own /etc/os-release would once it is mounted.
fleet_os_release() { # SLOT-FILE
	unsquashfs -cat "$1" etc/os-release 2>/dev/null || debugfs -R 'cat /etc/os-release' "$1" 2>/dev/null
}

# The life of a box: the boot loader picks a slot, its image starts the receiver; a trial boot that comes up is healthy;
# exit 10 is a reboot; a kill is a power cut, and power comes back.
fleet_power() { # NAME HOST
	power=$fleet/boxes/$1
	status=0
	rm -f "$power/stop" "$power/off"
	while [ ! -e "$power/stop" ] && slot=$(boot_loader "$power/boot"); do
		fleet_os_release "$power/slot$slot" >"$power/os-release"
		net_exec "$2" carousel-rx run --config "$power/rx.ini" >>"$power/rx.log" 2>&1 &
		rx_pid=$!
		echo $rx_pid >"$power/rx.pid"
		if grep -q trial "$power/boot/slot$slot" 2>/dev/null; then
			fleet_wait 20 fleet_rx "$1" healthy 2>>"$power/rx.log"
		fi
		wait $rx_pid
		status=$?
		echo "exit $status" >>"$power/rx.log"
		[ $status = 10 ] || [ $status = 137 ] || break
	done
	: >"$power/off"
	return $status
}

fleet_start_box() { # NAME HOST
	fleet_power "$1" "$2" &
	echo $! >"$fleet/pid/$1"
}

fleet_kill_box() {
	kill -9 "$(cat "$fleet/boxes/$1/rx.pid")"
}

fleet_stop_box() {
	[ -e "$fleet/pid/$1" ] || return 0
	: >"$fleet/boxes/$1/stop"
	# It may be between two boots just now.
	tries=0
	while [ ! -e "$fleet/boxes/$1/off" ] && [ $tries -lt 200 ]; do
		kill "$(cat "$fleet/boxes/$1/rx.pid" 2>/dev/null)" 2>/dev/null
		tries=$((tries + 1))
		sleep 0.05
	done
	wait "$(cat "$fleet/pid/$1")" 2>/dev/null
	rm -f "$fleet/pid/$1"
}

fleet_state() { # NAME: its state, or nothing
	fleet_rx "$1" status --json 2>/dev/null | sed -n 's/^  "state": "\([a-z-]*\)".*/\1/p'
}

fleet_is_state() { # NAME STATE
	[ "$(fleet_state "$1")" = "$2" ]
}

fleet_is_version() { # NAME VERSION: it runs that version and is content
	grep -q "IMAGE_VERSION=$2\$" "$fleet/boxes/$1/os-release" 2>/dev/null && fleet_is_state "$1" up-to-date
}

fleet_wait() {
	seconds=$1
	shift
	end=$(($(date +%s) + seconds))
	while ! "$@"; do
		[ "$(date +%s)" -lt $end ] || return 1
		sleep 0.2
	done
}
