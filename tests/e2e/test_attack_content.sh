#!/bin/sh
# Attacks by a headend in wrong hands: no keys, but everything that was ever signed, and any bytes it likes. One map and
# one carousel; each box is of a class of its own and stands for one attack.
. "$(dirname "$0")/../lib/case.sh"
. tests/lib/attack.sh
case_begin
for class in good bytes wrong mixed liar older; do case_image $class 42 1; done
for class in good bytes wrong liar older donor; do case_image $class 105 1; done
case_image older 102 1
case_image mixed 105 1

# A manifest of one time under a map of another: both are signed, for the same class and version, by the right keys.
cp "$fleet/manifests/mixed-105.dsse" "$case_dir/mixed-105.old.dsse"
fleet_release mixed 105 "$(cat "$fleet/manifests/mixed-105.path")" --label 1.0.5 || exit 1
for class in good bytes wrong mixed liar older; do echo "map $class production 75 100 105 120"; done >"$fleet/rows"
# The map's line for wrong 105 names the manifest of another class.
sed -i "s/manifest=[^ ]*/$(grep -o 'manifest=[^ ]*' "$fleet/manifests/donor-105.line")/" "$fleet/manifests/wrong-105.line"
# Its line for liar 105 names the manifest and another digest than the manifest does.
sed -i 's/105  sha256:......../105  sha256:0badcafe/' "$fleet/manifests/liar-105.line"
fleet_map 10 "$fleet/rows" good-105 bytes-105 wrong-105 mixed-105 liar-105 older-105 || exit 1
fleet_headend 24M
check "carousel-tx would not set this map" sh -c "! carousel-tx set-map --config $fleet/tx.ini $fleet/map.dsse 2>/dev/null"
for release in good-105 bytes-105 wrong-105 donor-105 liar-105 older-105 older-42; do
	fleet_publish ${release%-*} ${release#*-} || exit 1
done
carousel-tx publish --config "$fleet/tx.ini" "$(cat "$fleet/manifests/mixed-105.path")" "$case_dir/mixed-105.old.dsse" || exit 1

# Bytes that are not those of the signed digest: the last quarter is the attacker's.
object=$fleet/catalogue/objects/$(sha256sum <"$(cat "$fleet/manifests/bytes-105.path")" | cut -d' ' -f1)
size=$(stat -c %s "$object/image")
head -c $((size / 4)) /dev/urandom | dd of="$object/image" bs=64K oflag=seek_bytes seek=$((size - size / 4)) conv=notrunc status=none
attack_mapped "$fleet/map.dsse"
fleet_start_headend headend
case_box good good 42
case_box bytes bytes 42
case_box wrong wrong 42
case_box mixed mixed 42
case_box liar liar 42
case_box older older 102
for name in $case_boxes; do fleet_start_box "$name" "$name"; done

check "control: the headend's other image arrives, and good runs 105" fleet_wait 40 fleet_is_version good 105
check "... and says what it has heard, as the others would" [ -n "$(case_logged good symbols_heard)" ]
symbols_enough() {
	[ "$(case_number "$1" symbols_heard)" -gt $(($(case_number "$1" symbols_need) * 3 / 2)) ] 2>/dev/null
}
check "arbitrary bytes: the box has heard half as much again as it needs" fleet_wait 30 symbols_enough bytes
check "... and does not take it for done" fleet_is_state bytes receiving
check "... nothing was handed to the boot loader" is_untouched bytes
check "wrong class: the manifest that the map names is another class's, so nothing is received" [ -z "$(case_logged wrong symbols_heard)" ]
check "... nothing was handed to the boot loader" is_untouched wrong
check "... and it says what it waits for" sh -c "carousel-rx explain --socket $fleet/boxes/wrong/rx.sock | grep -q manifest"
check "mix-and-match: the manifest is not the one that the map names" [ -z "$(case_logged mixed symbols_heard)" ]
check "... nothing was handed to the boot loader" is_untouched mixed
check "... and where map and manifest contradict each other" fleet_wait 10 has_alarm liar conflict
check "... nothing was handed to the boot loader" is_untouched liar
check "rollback of an image: 42 and its manifest are on the air, and the rule does not recall" fleet_is_version older 102
check "... nothing was received" [ -z "$(case_logged older symbols_heard)" ]

