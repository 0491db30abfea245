#!/bin/sh
# Stolen keys and their cure: a map key that signs the last serial there is (fast-forward), a heartbeat key that moves
# gate time to another century; then roots over the air that revoke both, and a box that slept through it all.
. "$(dirname "$0")/../lib/case.sh"
. tests/lib/attack.sh
case_begin
case_image stb 42 1
case_image stb 105 1
case_image stb 106 1
attack_host thief
for key in map2 heartbeat2 map3; do policy-map keygen --no-passphrase "$fleet/keys/$key" >/dev/null; done
chain=$case_dir/chain
cp "$fleet/roots.dsse" "$chain"
rotate() { # OPTIONS...: one more root, signed by the root key, at the end of the chain
	policy-map trust rotate --trust "$chain" "$@" --key "$fleet/keys/root.key" "$case_dir/next.root" 2>"$case_dir/rotate.log" &&
		policy-map trust append "$chain" "$case_dir/next.root"
}
map_of() { # SERIAL "NUMBERS" FILE RELEASES...
	serial=$1 file=$3
	echo "map stb production $2" >"$fleet/rows"
	shift 3
	fleet_map "$serial" "$fleet/rows" "$@" || exit 1
	cp "$fleet/map.dsse" "$file"
}
last=9007199254740991
map_of 10 "42 42 42 120" "$case_dir/map" stb-42
map_of $last "42 42 42 120" "$case_dir/fast-forward" stb-42
fleet_epoch=4294967295 && map_of $last "42 42 42 120" "$case_dir/fast-epoch" stb-42
fleet_epoch=2 && map_of 99 "42 42 42 120" "$case_dir/thief-epoch-2" stb-42
fleet_epoch=2 fleet_map_key=map2
map_of 11 "75 100 105 120" "$case_dir/cured" stb-105
fleet_epoch=2 fleet_map_key=map3
map_of 12 "75 100 106 120" "$case_dir/cured-3" stb-106
fleet_headend 16M
for version in 42 105 106; do fleet_publish stb $version || exit 1; done
carousel-tx set-map --config "$fleet/tx.ini" "$case_dir/map" || exit 1
fleet_start_headend headend
case_box awake stb 42
case_box sleeper stb 42
fleet_start_box awake awake
fleet_start_box sleeper sleeper
check "both boxes hold serial 10" fleet_wait 10 status_has awake '"serial":10,'
check "... both" fleet_wait 10 status_has sleeper '"serial":10,'
fleet_stop_box sleeper

# ---- key compromise: the thief signs what the map role may sign ------------------------------------------------------
check "fast-forward: carousel-tx refuses an epoch that no root has named" sh -c \
	"carousel-tx set-map --config $fleet/tx.ini $case_dir/fast-epoch 2>&1 | grep -q 'trust root is at 1'"
attack_send thief objects --instance 1 --first-toi 1 --rounds 2 map="$case_dir/fast-epoch"
check "... and so do the boxes: it could never be overtaken" fleet_wait 5 has_alarm awake out-of-range map
attack_send thief objects --instance 2 --first-toi 2 --rounds 2 map="$case_dir/fast-forward"
check "... the last serial there is counts: the key is good" fleet_wait 5 status_has awake "\"serial\":$last,"
map_of_operator=$case_dir/operator
fleet_epoch=1 fleet_map_key=map && map_of 12 "75 100 105 120" "$map_of_operator" stb-105
carousel-tx set-map --config "$fleet/tx.ini" "$map_of_operator" || exit 1
check "... the operator's next map is refused by the box" fleet_wait 10 has_alarm awake rollback map
check "... the box still runs 42" fleet_is_version awake 42
attack_heartbeat heartbeat 3000000000 5000000 "$case_dir/stolen-heartbeat"
attack_send thief heartbeat --sequence 5000000 "$case_dir/stolen-heartbeat"
far=$(($(date +%s) + 2900000000))
check "a stolen heartbeat key moves gate time" [ "$(status_number awake gate_time_s)" -gt $far ]
check "... so that the true heartbeats are refused" fleet_wait 5 has_alarm awake rollback heartbeat

# ---- rotation: root 2 revokes the map key and raises the epoch; root 3 the heartbeat key -------------------------------
rotate --map "$fleet/keys/map2.pub" --epoch 2 || exit 1
check "rotation: root 2 goes on the air" carousel-tx set-root --config "$fleet/tx.ini" "$chain"
check "... the headend drops the old key's map and takes the new" carousel-tx set-map --config "$fleet/tx.ini" "$case_dir/cured"
check "... the box follows over the air" fleet_wait 10 status_has awake '"trust_root":2'
check "cure of the fast-forward: epoch 2 serial 11 wins, and the box runs 105" fleet_wait 30 fleet_is_version awake 105
attack_send thief objects --instance 3 --first-toi 3 --rounds 2 map="$case_dir/thief-epoch-2"
check "key compromise: what the old key signs for epoch 2 is refused" fleet_wait 5 has_alarm awake bad-signature map
check "... the map is the true one" status_has awake '"serial":11,'
check "... gate time is still the thief's" [ "$(status_number awake gate_time_s)" -gt $far ]
rotate --heartbeat "$fleet/keys/heartbeat2.pub" --map "$fleet/keys/map3.pub" || exit 1
fleet_stop_headend
sed -i 's/heartbeat\.key/heartbeat2.key/' "$fleet/tx.ini"
carousel-tx set-root --config "$fleet/tx.ini" "$chain" || exit 1
carousel-tx set-map --config "$fleet/tx.ini" "$case_dir/cured-3" || exit 1
fleet_start_headend headend
check "rotation of the heartbeat key: the box follows" fleet_wait 10 status_has awake '"trust_root":3'
gate_is_sane() {
	gate=$(status_number "$1" gate_time_s)
	[ "${gate:-0}" -gt $(($(date +%s) - 60)) ] && [ "$gate" -lt $far ]
}
check "... gate time is that of the new key's heartbeats" fleet_wait 10 gate_is_sane awake
attack_send thief heartbeat --sequence 5000001 "$case_dir/stolen-heartbeat"
check "... and not the thief's any more" gate_is_sane awake

# ---- the box that slept through two rotations -------------------------------------------------------------------------
fleet_start_box sleeper sleeper
check "a box that slept through two rotations catches up" fleet_wait 15 status_has sleeper '"trust_root":3'
check "... takes the newest map" fleet_wait 10 status_has sleeper '"epoch":2,"serial":12,'
check "... and updates by it" fleet_wait 30 fleet_is_version sleeper 106
fleet_kill_box sleeper
check "... which it remembers" fleet_wait 10 status_has sleeper '"trust_root":3'
