#!/bin/sh
# Attacks by those who hold no key: arbitrary software, forged heartbeats, forged FDTs, endless data. The forger speaks
# well-formed FLUTE on the boxes' own group and TSI, from an address of his own and from the headend's.
. "$(dirname "$0")/../lib/case.sh"
. tests/lib/attack.sh
case_begin
case_image stb 42 1
case_image stb 82 1
case_image stb 105 4
case_image evil 999 1
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 10 "$fleet/rows" stb-105 || exit 1
fleet_headend 16M
fleet_publish stb 105 && fleet_set_map || exit 1
attack_host stranger
attack_host spoofer 1

# ---- arbitrary software: a forger's headend, with roots, map, manifest, image and heartbeats of his own keys ---------
(
	evil_image=$(cat "$fleet/manifests/evil-999.path") group_of_boxes=$fleet_group
	fleet_init "$fleet/forger"
	fleet_release stb 999 "$evil_image"
	echo "map stb production 999 999 999 999" >"$fleet/rows"
	fleet_map 99 "$fleet/rows"
	fleet_headend 4M
	fleet_publish stb 999 && fleet_set_map
) >"$case_dir/forger.log" 2>&1 || exit 1
genuine=$fleet
fleet=$fleet/forger && fleet_start_headend stranger
fleet=$genuine
case_box alone stb 42
# This one is asked, so that it does not restart, and what it counted stays.
case_box beside stb 82 "stale-after = 60s"
fleet_start_box alone alone
check "arbitrary software: a map by another key is refused" fleet_wait 10 has_refused alone map
check "... a manifest by another key is refused" fleet_wait 10 has_refused alone manifest
check "... a heartbeat by another key is refused" fleet_wait 10 has_refused alone heartbeat
check "... a root by another key is refused" fleet_wait 10 has_refused alone trust-root
check "... the box has no map and waits" fleet_is_state alone waiting-map
check "... gate time has not moved" status_has alone '"gate_time_s":0,'
check "... nothing was written" [ -z "$(case_logged alone bytes_written)" ]

# ---- the true headend comes on the air beside it; more forgers, now from the headend's own address ------------------
head -c 3000 /dev/zero | tr '\0' '{' >"$case_dir/garbage"
attack_heartbeat heartbeat 500000000 900000000 "$case_dir/true-heartbeat"
cp "$genuine/keys/map.key" "$genuine/keys/stolen.key"
attack_heartbeat stolen 500000000 900000001 "$case_dir/map-key-heartbeat"
# The payload of one heartbeat under the signature of another.
attack_heartbeat heartbeat 0 900000002 "$case_dir/other-heartbeat"
sed -i "s/\"payload\":\"[^\"]*\"/$(grep -o '"payload":"[^"]*"' "$case_dir/true-heartbeat" | sed 's/[&/]/\\&/g')/" \
	"$case_dir/other-heartbeat"
fleet_start_headend headend
fleet_start_box beside beside
garbage=""
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do garbage="$garbage map=$case_dir/garbage"; done
has_symbols() { # NAME N
	[ "$(case_number "$1" symbols_have)" -ge "$2" ] 2>/dev/null
}
check "the box beside receives 105" fleet_wait 10 has_symbols beside 200
attack_send spoofer objects --instance 77777 --first-toi 1 --rounds 3 --pause 100ms $garbage &
fdt_pid=$!
attack_send spoofer endless --toi 3 --claim 200000000000 --time 2s &
endless_pid=$!
attack_send spoofer endless --fdt --claim 200000 --time 2s &
endless_fdt_pid=$!
attack_send spoofer heartbeat --sequence 900000001 "$case_dir/map-key-heartbeat"
attack_send spoofer heartbeat --sequence 900000002 "$case_dir/other-heartbeat"
wait $fdt_pid $endless_pid $endless_fdt_pid
attack_send stranger objects --instance 5 --first-toi 100 --claim 200000000000 --rounds 1 map="$case_dir/garbage"
check "forged heartbeat: one by the map's key, one with another's payload are refused" has_alarm beside bad-signature heartbeat
check "... gate time has not moved to their year" [ "$(status_number beside gate_time_s)" -lt $(($(date +%s) + 100000000)) ]
check "... and those of the headend still count" fleet_wait 5 status_has beside '"stale":null'
counts() { # BOX KEY: it has dropped some for that reason
	[ "$(status_number "$1" "$2")" -gt 0 ] 2>/dev/null
}
check "forged FDT: it was read, and contradicts the true one" fleet_wait 10 counts beside conflict
check "... the box has all of 105 and offers it" fleet_wait 30 fleet_is_state beside offered
check "endless data: refused before anything is set aside for it" fleet_wait 10 counts beside limit
limit=$(status_number beside limit_bytes)
peak=$(($(status_number beside store_peak_bytes) + $(status_number beside other_peak_bytes)))
check "... within its memory, $peak of $limit bytes" [ "$peak" -le "$limit" ]
fleet_rx beside accept
check "... the box runs 105" fleet_wait 20 fleet_is_version beside 105
check "... and the one that heard nothing but the forger before" fleet_wait 30 fleet_is_version alone 105
check "... its slot holds the true image" cmp -n "$(stat -c %s "$image_file")" "$genuine/boxes/beside/slot1" \
	"$BUILD/tests/images/stb-105-4"
check "... nothing but 105 was ever booted" [ "$(grep -c '^exit 10$' "$genuine/boxes/beside/rx.log")" = 1 ]
fleet=$genuine/forger && fleet_stop_headend
fleet=$genuine
