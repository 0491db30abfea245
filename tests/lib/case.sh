#!/bin/sh
# case.sh - one headend, boxes on one switch: what most end-to-end tests start from. Sourced.
#
#   case_begin                a fresh working folder, a switch with the headend, network and fleet functions
#   case_image CLASS VERSION MEGABYTES     made once, kept between tests; then released (fleet_release)
#   case_box NAME CLASS VERSION [config lines]    a box in a namespace of its own; starts when fleet_start_box NAME NAME
#   check WORD COMMAND...     says what was checked, ends the test when it is not so

set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
. tests/lib/netns.sh
. tests/lib/fleet.sh

case_begin() {
	net_need
	case_dir=$BUILD/tests/e2e/$(basename "$0" .sh)
	rm -rf "$case_dir"
	trap 'case_stop' EXIT
	net_switch air
	net_host headend
	net_plug headend air 1
	case_host=1
	case_boxes=""
	fleet_init "$case_dir" || exit 1
}

case_stop() {
	for name in $case_boxes; do
		fleet_stop_box "$name"
	done
	[ -e "$fleet/pid/tx" ] && fleet_stop_headend
	net_down
	rm -rf "$fleet/images" "$fleet/catalogue" "$fleet"/boxes/*/slot? "$fleet"/boxes/*/state/scratch
}

case_image() {
	image_file=$BUILD/tests/images/$1-$2-$3
	mkdir -p "$BUILD/tests/images"
	[ -e "$image_file" ] || tests/e2e/images.sh plain "$1" "$2" "$3" "$image_file" || exit 1
	fleet_release "$1" "$2" "$image_file" || exit 1
}

case_box() { # NAME CLASS VERSION
	case_host=$((case_host + 1))
	net_host "$1"
	net_plug "$1" air $case_host
	case_boxes="$case_boxes $1"
	box_name=$1 box_image=$(cat "$fleet/manifests/$2-$3.path")
	fleet_slot_bytes=${case_slot_bytes:-$((64 << 20))}
	shift 3
	fleet_box "$box_name" "$(printf '00e2e0%06d' $case_host)" "$box_image" "$@"
}

check() {
	word=$1
	shift
	if "$@"; then
		echo "ok: $word"
	else
		echo "NOT: $word  ($*)"
		for name in $case_boxes; do
			echo "--- $name: $(fleet_rx "$name" explain 2>&1)"
			tail -n 5 "$fleet/boxes/$name/rx.log"
		done
		[ -e "$fleet/log/tx.log" ] && tail -n 5 "$fleet/log/tx.log"
		exit 1
	fi
}

# A number out of a box's status: case_number NAME KEY
case_number() {
	fleet_rx "$1" status --json 2>/dev/null | sed -n "s/^ *\"$2\": \\([0-9][0-9.]*\\).*/\\1/p" | head -n 1
}

# The largest number that the box's event log has for a key.
case_logged() { # NAME KEY
	grep -o "\"$2\":[0-9]*" "$fleet/boxes/$1/state/events.jsonl" | cut -d: -f2 | sort -n | tail -n 1
}
