#!/bin/sh
# Attacks with what was once true: an older map, a frozen carousel, an image that has been withdrawn, kept heartbeats.
. "$(dirname "$0")/../lib/case.sh"
. tests/lib/attack.sh
case_begin
case_image stb 42 1
case_image stb 90 1
case_image stb 104 1
case_image stb 105 8
attack_host stranger
map_of() { # SERIAL "NUMBERS" FILE RELEASES...
	serial=$1 file=$3
	echo "map stb production $2" >"$fleet/rows"
	shift 3
	fleet_map "$serial" "$fleet/rows" "$@" || exit 1
	cp "$fleet/map.dsse" "$file"
}
# Serial 3 would recall to 90; serial 5 asks for 105; serial 6 withdraws 105, which does harm.
map_of 3 "75 90 90 90" "$case_dir/map-3" stb-90
map_of 5 "75 100 105 120" "$case_dir/map-5" stb-105
map_of 6 "75 100 104 120" "$case_dir/map-6" stb-104
fleet_headend 12M
for version in 90 104 105; do fleet_publish stb $version || exit 1; done
attack_mapped "$case_dir/map-5"
fleet_start_headend headend
case_box early stb 42 "stale-after = 2s"
case_box half stb 42 "stale-after = 60s"
fleet_start_box early early
fleet_start_box half half

# ---- a withdrawn image: its symbols and its manifest stay on the air, and the map no longer asks for it --------------
has_symbols() { # NAME N
	[ "$(case_number "$1" symbols_have)" -ge "$2" ] 2>/dev/null
}
check "withdrawn image: a box has a third of 105 when it is withdrawn" fleet_wait 20 has_symbols half 2700
attack_send stranger objects --instance 9 --rounds 2 map="$case_dir/map-6"
check "... the newer map counts, whoever sends it" fleet_wait 5 status_has half '"serial":6,'
check "... it leaves 105 and runs 104, though the headend sends 105 and its map all the while" \
	fleet_wait 30 fleet_is_version half 104
check "... 105 was not booted in between" [ "$(grep -c '^exit 10$' "$fleet/boxes/half/rx.log")" = 1 ]
check "... the map of 105 that is still sent is refused" fleet_wait 10 has_alarm half rollback map

# ---- rollback of the map: signed by the true key, and older ----------------------------------------------------------
check "... and so does the other box" fleet_wait 30 fleet_is_version early 104
fleet_stop_headend
attack_mapped "$case_dir/map-3"
sed '/^heartbeat = /d' "$fleet/tx.ini" >"$fleet/frozen.ini"
mv "$fleet/frozen.ini" "$fleet/tx.ini"
fleet_start_headend headend
check "rollback of the map: serial 3 is refused" fleet_wait 10 has_refused half map
check "... also by the next process of that box, which has read it from its state" fleet_kill_box half
check "... serial 3 is refused again" fleet_wait 10 has_refused half map
check "... it still runs 104" fleet_wait 5 fleet_is_version half 104
check "... its map is the one it had" status_has half '"serial":6,'

# ---- freeze: the whole carousel is a recording, without a new heartbeat ----------------------------------------------
check "freeze: packets come and no heartbeat: told as stale" fleet_wait 10 status_has early '"stale":{"reason":"heartbeat"'
check "... and as an alarm" has_alarm early stale heartbeat
attack_heartbeat heartbeat -1000 900000 "$case_dir/kept-heartbeat"
attack_send stranger heartbeat --sequence 900000 "$case_dir/kept-heartbeat"
check "... a heartbeat from a recording makes it no fresher" status_has early '"stale":{"reason":"heartbeat"'
case_box late stb 42 "stale-after = 2s"
fleet_start_box late late
check "... nothing is blocked: a box that never heard better updates by the frozen map" fleet_wait 30 fleet_is_version late 90
check "... and tells that it is stale" fleet_wait 10 has_alarm late stale heartbeat
for i in 1 2 3 4 5 6 7 8; do
	attack_heartbeat heartbeat $i $((1000000 + i)) "$case_dir/heartbeat" 1 99
	attack_send stranger heartbeat --sequence $((1000000 + i)) "$case_dir/heartbeat"
	sleep 0.4
done
check "freeze of the map alone: heartbeats announce serial 99, which does not come: told as stale" \
	fleet_wait 5 status_has early '"stale":{"reason":"map"'
check "... with what is missing" status_has early '"announced_serial":99'
check "... and as an alarm" has_alarm early stale map
