#!/bin/sh
# The map changes, an image is replaced and one is withdrawn, while boxes are receiving.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 105 8
case_image stb 106 8
case_image other 42 1
case_image other 105 4
echo "map stb production 75 100 105 120" >"$fleet/rows"
echo "map other production 75 100 105 120" >>"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 other-105 || exit 1
fleet_headend 16M
fleet_publish stb 105 && fleet_publish other 105 && fleet_set_map || exit 1
fleet_start_headend headend
case_box stb stb 42
case_box other other 42
net_lose stb 5
net_lose other 5
fleet_start_box stb stb
fleet_start_box other other

has_symbols() { # NAME N
	[ "$(case_number "$1" symbols_have)" -ge "$2" ] 2>/dev/null
}
check "stb has a fifth of 105" fleet_wait 20 has_symbols stb 1600
check "an image that the map names is not withdrawn" sh -c "! carousel-tx withdraw --config $fleet/tx.ini stb 105 2>/dev/null"

# 106 replaces 105 while it is being received.
sed -i 's/^map stb .*/map stb production 75 100 106 120/' "$fleet/rows"
fleet_map 2 "$fleet/rows" stb-106 other-105 || exit 1
check "a map without its image is refused" sh -c "! carousel-tx set-map --config $fleet/tx.ini $fleet/map.dsse 2>/dev/null"
fleet_publish stb 106 || exit 1
fleet_set_map || exit 1
check "105 can be withdrawn now" carousel-tx withdraw --config "$fleet/tx.ini" stb 105
check "stb goes for 106 instead and runs it" fleet_wait 40 fleet_is_version stb 106
check "other was not disturbed and runs 105" fleet_wait 40 fleet_is_version other 105

# An older map is refused, at the headend and by the boxes.
cp "$fleet/map.dsse" "$fleet/map-2.dsse"
sed -i 's/^map stb .*/map stb production 100 106 106 106/' "$fleet/rows"
fleet_map 1 "$fleet/rows" stb-106 other-105 || exit 1
check "an older serial is refused" sh -c "! carousel-tx set-map --config $fleet/tx.ini $fleet/map.dsse 2>/dev/null"
check "stb is still content with 106" fleet_is_version stb 106
check "no image of the old map was taken" [ ! -e "$fleet/catalogue/tmp" -o -z "$(ls "$fleet/catalogue/tmp" 2>/dev/null)" ]
