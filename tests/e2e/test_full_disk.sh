#!/bin/sh
# The disk beside the slot is full when the box starts: it stays up, says so, and finishes once there is room.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 105 2
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 16M
fleet_publish stb 105 && fleet_set_map || exit 1
case_box full stb 42
state=$fleet/boxes/full/state
mkdir -p "$state"
mount -t tmpfs -o size=8m carousel-test "$state" 2>/dev/null || {
	echo "no file system may be mounted here"
	exit 77
}
trap 'umount -l "$state"; case_stop' EXIT
head -c 10M /dev/zero >"$state/ballast" 2>/dev/null
fleet_start_box full full
fleet_start_headend headend

says() { # WORD COMMAND...: the command's output has the word
	wanted=$1
	shift
	"$@" 2>&1 | grep -q -- "$wanted"
}

check "it fails" fleet_wait 20 says '^state     failed: no-space (tried again in' fleet_rx full status
check "and says why" says "tried again in" fleet_rx full explain
check "what cannot be kept is told" says '"unsaved": "no-space"' fleet_rx full status --json
check "it is up for as long as that lasts" sh -c "sleep 3; kill -0 $(cat "$fleet/boxes/full/rx.pid")"
rm "$state/ballast"
check "once there is room, it finishes" fleet_wait 60 fleet_is_version full 105
