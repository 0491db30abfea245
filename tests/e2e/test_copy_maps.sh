#!/bin/sh
# A release with copy maps from the versions before it: made with its manifest, made again and compared by publish, on
# the air with its image; boxes that do not use them are not disturbed.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 42 1
case_image stb 104 2
# 105 is another image with the whole of 42 at an odd place, and a piece of 104.
tests/e2e/images.sh plain stb 105 3 "$case_dir/105" || exit 1
{
	cat "$case_dir/105"
	head -c 777 /dev/zero
	cat "$(cat "$fleet/manifests/stb-42.path")"
	tail -c 300000 "$(cat "$fleet/manifests/stb-104.path")"
} >"$case_dir/105.img"
truncate -s $((8 << 20)) "$case_dir/105.img"
fleet_release stb 105 "$case_dir/105.img" --from \
	"$(cat "$fleet/manifests/stb-42.path"):42,$(cat "$fleet/manifests/stb-104.path"):104" 2>"$fleet/log/create" || exit 1
check "what is in common is said" grep -q "chunks lie in version 42" "$fleet/log/create"
check "the manifest names both" [ "$(policy-map manifest show "$fleet/manifests/stb-105.dsse" | grep -c from_version)" = 2 ]
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 16M

refuses() { # WORDS COMMAND...: exit 1 with these words, and nothing in the catalogue
	words=$1
	shift
	! "$@" >"$fleet/log/out" 2>&1 && grep -q "$words" "$fleet/log/out" && ! ls "$fleet"/catalogue/objects/* 2>/dev/null | grep -q copy-map
}
publish() {
	carousel-tx publish --config "$fleet/tx.ini" "$case_dir/105.img" "$fleet/manifests/stb-105.dsse" "$@"
}
check "a copy map from an image that nobody has is refused" refuses "give it with --from" publish
check "as is another image in its place" refuses "give it with --from" publish --from "$case_dir/105.img"
fleet_publish stb 42 || exit 1
check "one of two is not enough" refuses "from version 104" publish
# A manifest that names another copy map than the two images make.
sed "s/\"from_version\":42,\(.*\)\"sha256\":\"....\(.*\"from_version\":104\)/\"from_version\":42,\1\"sha256\":\"0000\2/" \
	"$fleet/manifests/stb-105.manifest" >"$fleet/lie"
check "the lie is one" sh -c "! cmp -s $fleet/lie $fleet/manifests/stb-105.manifest"
policy-map sign --role image --key "$fleet/keys/image.key" "$fleet/lie" "$fleet/lie.dsse" || exit 1
check "a copy map that is not the signed one is refused" refuses "is not the one that the manifest names" \
	carousel-tx publish --config "$fleet/tx.ini" "$case_dir/105.img" "$fleet/lie.dsse"
check "from the catalogue and by hand" publish --from "$(cat "$fleet/manifests/stb-104.path")"
check "both are kept" [ "$(ls "$fleet"/catalogue/objects/*/copy-map-42 "$fleet"/catalogue/objects/*/copy-map-104 | wc -l)" = 2 ]
fleet_set_map || exit 1
fleet_start_headend headend
case_box stb stb 42
net_lose stb 5
fleet_start_box stb stb
tx_objects() { # one a line
	carousel-tx status --config "$fleet/tx.ini" --json | tr -d ' \n' | tr '{' '\n'
}
on_air() {
	[ "$(tx_objects | grep '"role":"copy-map"' | grep -c '"from_version":')" = 2 ]
}
check "both are on the air" fleet_wait 10 on_air
check "the box runs 105" fleet_wait 60 fleet_is_version stb 105
sent() {
	[ "$(tx_objects | grep '"role":"copy-map"' | grep -vc '"packets":0')" = 2 ]
}
check "they were sent" sent
check "no image that could be copied from is needed any more" carousel-tx withdraw --config "$fleet/tx.ini" stb 42
object=$(dirname "$(ls "$fleet"/catalogue/objects/*/copy-map-42)")
# A copy map that is damaged on disk keeps its image off the air, is named, and mended by publishing again.
head -c 50 "$object/copy-map-104" >"$fleet/short" && cp "$fleet/short" "$object/copy-map-104"
check "a damaged one is named" sh -c "! carousel-tx list --config $fleet/tx.ini >/dev/null 2>$fleet/log/list && grep -q copy-map-104 $fleet/log/list"
publish --from "$(cat "$fleet/manifests/stb-104.path"),$(cat "$fleet/manifests/stb-42.path")" >/dev/null || exit 1
check "and mended" carousel-tx list --config "$fleet/tx.ini"
echo "copy maps: good"
