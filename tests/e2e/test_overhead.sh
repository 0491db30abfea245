#!/bin/sh
# 64 MiB at 50 Mbit/s and 5 % loss, on real packets: when the box has all it needs it has heard at most 4 % more bytes of
# UDP payload than the image has, packet headers, index and control objects included. And when it is ready to boot, all its
# blocks decoded, checked and read back, the process never had more than 16 MiB resident.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 105 64
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 50M
fleet_publish stb 105 && fleet_set_map || exit 1
case_slot_bytes=$((80 << 20))
case_box box stb 42
sed -i 's/^reboot-exit = yes/reboot-exit = no/' "$fleet/boxes/box/rx.ini"
net_lose box 5
fleet_start_box box box
check "the box is up" fleet_wait 10 fleet_is_state box waiting-map
fleet_start_headend headend

# Bytes heard when every block first had enough, or the last that was seen before.
heard=0
end=$(($(date +%s) + 60))
while [ "$(date +%s)" -lt $end ]; do
	set -- $(fleet_rx box status --json 2>/dev/null | sed -n 's/^ *"\(bytes\|symbols_have\|symbols_need\)": \([0-9]*\).*/\1=\2/p')
	bytes="" symbols_have="" symbols_need=""
	for word in "$@"; do
		case $word in
		bytes=*) [ -n "$bytes" ] || bytes=${word#*=} ;;
		symbols_have=*) symbols_have=${word#*=} ;;
		symbols_need=*) symbols_need=${word#*=} ;;
		esac
	done
	[ "${symbols_need:-0}" -gt 0 ] && heard=$bytes && [ "$symbols_have" -ge "$symbols_need" ] && break
	sleep 0.02
done
size=$(stat -c %s "$BUILD/tests/images/stb-105-64")
echo "heard $heard bytes for an image of $size: $(echo "$heard $size" | awk '{ printf "%.2f", 100 * ($1 / $2 - 1) }') % more"
check "it had all it needs" [ "${symbols_need:-0}" -gt 0 -a "${symbols_have:-0}" -ge "${symbols_need:-1}" ]
check "at most 4 % more than the image" [ $((heard * 100)) -le $((size * 104)) ]
check "it is ready to boot 105" fleet_wait 60 fleet_is_state box pending-reboot
peak=$(awk '/VmHWM/ { print $2 }' "/proc/$(cat "$fleet/boxes/box/rx.pid")/status")
echo "peak of the receiver's memory: $peak KiB"
check "in at most 16 MiB" [ "$peak" -le 16384 ]
