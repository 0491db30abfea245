#!/bin/sh
# Boxes behind links that lose 0, 1, 5 and 20 percent, one that joins late, one that is new enough: all end where the
# rule wants them, hear little more than the image, and say nothing.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 102 1
case_image stb 105 8
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 30M
fleet_publish stb 105 && fleet_set_map || exit 1
fleet_start_headend headend
for loss in 0 1 5 20; do
	case_box "loss$loss" stb 42
	[ $loss = 0 ] || net_lose "loss$loss" $loss
	fleet_start_box "loss$loss" "loss$loss"
done
case_box enough stb 102
fleet_start_box enough enough
case_box late stb 42
sleep 2
fleet_start_box late late

for name in loss0 loss1 loss5 loss20 late; do
	check "$name runs 105" fleet_wait 40 fleet_is_version "$name" 105
	check "$name's slot holds the image" cmp -n "$(stat -c %s "$fleet/../../images/stb-105-8")" \
		"$fleet/boxes/$name/slot1" "$BUILD/tests/images/stb-105-8"
	heard=$(case_logged "$name" symbols_heard) need=$(case_logged "$name" symbols_need)
	echo "$name heard $heard symbols of $need needed"
	check "$name heard at most 8 % more than it needs" [ "$heard" -le $((need * 108 / 100)) ]
done
check "the box at 102 is left alone" fleet_wait 10 fleet_is_version enough 102
check "it received nothing" [ -z "$(case_logged enough symbols_heard)" ]
for name in $case_boxes; do
	check "$name sent nothing" [ "$(net_sent "$name")" = 0 ]
done
