#!/bin/sh
# A forger with the headend's own source address, TSI, TOIs and FDT instance ids, and keys of his own: before the
# headend, beside it, and gone. Once he has gone, boxes recover by themselves and run what the true map says.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 105 2
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 8M
fleet_publish stb 105 && fleet_set_map || exit 1

# The same address on the same wire.
net_host forger
net_plug forger air 1
(
	fleet_init "$fleet/forger" && echo "map stb production 900 900 900 900" >"$fleet/rows"
	fleet_release stb 900 "$BUILD/tests/images/stb-105-2" --symbol-size 512 && fleet_map 99 "$fleet/rows" stb-900
	fleet_headend 8M && fleet_publish stb 900 && fleet_set_map
) >"$fleet/log/forger.log" 2>&1

start_forger() {
	net_exec forger carousel-tx run --config "$fleet/forger/tx.ini" >>"$fleet/log/forger.log" 2>&1 &
	forger_pid=$!
}
stop_forger() {
	kill $forger_pid
	wait $forger_pid 2>/dev/null
}
has_refused() { # NAME ROLE
	fleet_rx "$1" status --json 2>/dev/null | tr -d '\n ' | grep -q "\"refused\":{[^}]*\"$2\":[1-9]"
}

case_box before stb 42
case_box beside stb 42
start_forger
fleet_start_box before before
check "the first box heard the forger's map" fleet_wait 20 has_refused before map
check "and waits for a map" fleet_is_state before waiting-map
fleet_start_headend headend
fleet_start_box beside beside
check "the second box heard the forger, too" fleet_wait 20 has_refused beside heartbeat
sleep 4
stop_forger
check "the first box runs 105" fleet_wait 40 fleet_is_version before 105
check "the second box runs 105" fleet_wait 40 fleet_is_version beside 105

# And when all is well he comes back.
start_forger
sleep 4
check "the first box is still content" fleet_is_version before 105
stop_forger
echo "map stb production 75 105 105 120" >"$fleet/rows"
fleet_map 2 "$fleet/rows" stb-105 && fleet_set_map || exit 1
has_serial() { # NAME SERIAL
	[ "$(case_number "$1" serial)" = "$2" ]
}
check "the first box takes the next map" fleet_wait 40 has_serial before 2
check "the second box takes the next map" fleet_wait 40 has_serial beside 2
check "nobody ran anything else" [ -z "$(grep -l 'IMAGE_VERSION=900' "$fleet"/boxes/*/os-release)" ]
