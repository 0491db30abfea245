#!/bin/sh
# fleet.sh - a headend and boxes for the demo and the end-to-end tests. Sourced after netns.sh; set BUILD before.
#
#   fleet_init DIR                 keys, trust root, empty catalogue below DIR (made when missing)
#   fleet_release CLASS VERSION IMAGE [manifest options]   manifest, signed; its image line is kept for the map
#   fleet_map SERIAL FILE          head and image lines around the map rows of FILE, signed: $fleet/map.dsse
#   fleet_publish CLASS VERSION    into the catalogue;   fleet_set_map   puts $fleet/map.dsse on the air
#   fleet_headend HOST RATE [lines of [channel]]           writes $fleet/tx.ini; fleet_start_headend HOST starts it
#   fleet_box NAME CLASS VERSION IMAGE [lines of the config]   a folder $fleet/boxes/NAME with two slots
#   fleet_start_box NAME HOST      its power: boot loader, receiver, reboots, until fleet_stop_box NAME
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
		--heartbeat "$fleet/keys/heartbeat.pub" --key "$fleet/keys/root.key" "$fleet/roots.dsse" >/dev/null || return 1
	: >"$fleet/image-lines"
}

fleet_release() {
	class=$1 version=$2 image=$3
	shift 3
	name=$fleet/manifests/$class-$version
	policy-map manifest create "$image" --class "$class" --version "$version" --out "$name.manifest" \
		--index-out "$name.index" "$@" >"$name.line" || return 1
	policy-map sign --role image --key "$fleet/keys/image.key" "$name.manifest" "$name.dsse" >/dev/null || return 1
	rm -f "$name.index"
	echo "$image" >"$name.path"
}

fleet_map() { # SERIAL ROWS-FILE [CLASS-VERSION...]: the releases that the map names; default all
	serial=$1 rows=$2
	shift 2
	[ $# -gt 0 ] || set -- $(cd "$fleet/manifests" && for line in *.line; do echo "${line%.line}"; done)
	{
		echo "carousel-map 1"
		echo "epoch 1"
		echo "serial $serial"
		echo "issued ${fleet_issued:-2026-11-21T10:00:00Z}"
		echo "session main $fleet_group tsi=$fleet_tsi"
		cat "$rows"
		for release in "$@"; do
			grep '^image' "$fleet/manifests/$release.line"
		done
	} >"$fleet/map.txt"
	policy-map fmt "$fleet/map.txt" >"$fleet/map.fmt" || return 1
	policy-map sign --role map --key "$fleet/keys/map.key" "$fleet/map.fmt" "$fleet/map.dsse" >/dev/null
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
	net_in "$1" carousel-tx run --config "$fleet/tx.ini" >>"$fleet/log/tx.log" 2>&1 &
	echo $! >"$fleet/pid/tx"
}

fleet_stop_headend() { # [SIGNAL]
	kill "-${1:-TERM}" "$(cat "$fleet/pid/tx")"
	wait "$(cat "$fleet/pid/tx")" 2>/dev/null
	rm -f "$fleet/pid/tx"
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
