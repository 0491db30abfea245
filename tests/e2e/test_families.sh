#!/bin/sh
# IPv4 and IPv6, any source and one source only; a foreign session, a foreign sender and noise on the same group.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 105 2
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1

# The same catalogue on three channels: IPv4, IPv6, and a group that only one source may use.
fleet_headend 20M "" "[channel six]" "group = [ff3e::8301]:4001" "interface = eth0" "rate = 20M" \
	"" "[channel one-source]" "group = 232.83.1.7:4001" "source = 10.83.1.1" "interface = eth0" "rate = 20M"
fleet_publish stb 105 && fleet_set_map || exit 1

# A stranger: his own keys, another TSI and the same one, on the group that every box listens to; and noise.
net_host stranger
net_plug stranger air 200
(
	fleet_init "$fleet/stranger" && echo "map stb production 900 900 900 900" >"$fleet/rows"
	fleet_release stb 900 "$BUILD/tests/images/stb-105-2" && fleet_map 99 "$fleet/rows" stb-900
	fleet_tsi=7777
	fleet_headend 2M && fleet_publish stb 900 && fleet_set_map
	sed "s/^tsi = .*/tsi = 4001/; s|^socket = .*|socket = $fleet/tx2.sock|; s|^dir = .*|dir = $fleet/catalogue2|" "$fleet/tx.ini" >"$fleet/tx2.ini"
	cp -r "$fleet/catalogue" "$fleet/catalogue2" && rm -f "$fleet/catalogue2/counters.ini"
) >"$fleet/log/stranger.log" 2>&1
net_exec stranger carousel-tx run --config "$fleet/stranger/tx.ini" >>"$fleet/log/stranger.log" 2>&1 &
net_exec stranger carousel-tx run --config "$fleet/stranger/tx2.ini" >>"$fleet/log/stranger.log" 2>&1 &
net_exec stranger udp_tool send --to "$fleet_group" --interface eth0 --count 20000 --size 700 --rate 4M >/dev/null 2>&1 &

case_box four stb 42
fleet_box_group="[ff3e::8301]:4001" case_box six stb 42
fleet_box_group=232.83.1.7:4001 case_box one stb 42
sed -i 's/^group = 232.83.1.7:4001/&\nsource = 10.83.1.1/' "$fleet/boxes/one/rx.ini"
for name in four six one; do
	fleet_start_box $name $name
done
sleep 1
fleet_start_headend headend
for name in four six one; do
	check "$name runs 105" fleet_wait 40 fleet_is_version $name 105
done
has_count() { # NAME KEY
	[ "$(case_number "$1" "$2")" -gt 0 ] 2>/dev/null
}
check "four dropped the foreign session" fleet_wait 10 has_count four foreign-session
check "four refused the stranger's map" fleet_wait 20 has_count four map
check "four is still content with 105" fleet_is_version four 105
check "one, which joined one source only, heard no stranger" [ -z "$(case_number one foreign-session)" ]
