#!/bin/sh
# SIGKILL for a receiver and for the transmitter in the middle of an image: what was written is not heard again.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 105 16
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 20M
fleet_publish stb 105 && fleet_set_map || exit 1
fleet_start_headend headend
case_box victim stb 42 "sync-interval = 200ms"
case_box witness stb 42
net_lose victim 5
fleet_start_box victim victim
fleet_start_box witness witness

has_symbols() { # NAME N
	[ "$(case_number "$1" symbols_have)" -ge "$2" ] 2>/dev/null
}
need=16400
check "the victim has a third" fleet_wait 20 has_symbols victim $((need / 3))
had=$(case_number victim symbols_have)
fleet_kill_box victim
check "the victim is back" fleet_wait 10 has_symbols victim 1
resumed=$(case_number victim symbols_resumed)
echo "had $had symbols, found $resumed again"
check "it found nine tenths of them again" [ "$resumed" -ge $((had * 9 / 10)) ]
check "the victim has two thirds" fleet_wait 20 has_symbols victim $((need * 2 / 3))
fleet_stop_headend KILL
sleep 1
fleet_start_headend headend
check "the victim runs 105" fleet_wait 40 fleet_is_version victim 105
check "the witness runs 105" fleet_wait 40 fleet_is_version witness 105
heard=$(case_logged witness symbols_heard) need=$(case_logged witness symbols_need)
echo "the witness heard $heard of $need over the transmitter's restart"
check "the witness heard at most 8 % more than it needs" [ "$heard" -le $((need * 108 / 100)) ]
