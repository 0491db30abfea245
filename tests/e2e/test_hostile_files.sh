#!/bin/bash
# Any bytes, and things that are no files, in every place where policy-map and carousel-tx read one: exit 1, a message that
# names the place, no wait, no crash, and nothing changed on disk.
set -eu
build=$PWD/${BUILD:-build}/bin
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh
pm=$build/policy-map
tx=$build/carousel-tx

snapshot() { # all that is there, with sizes and times of change, but locks
	find . \( -name '*lock' -o -path ./out -o -path ./hostile -o -name bad -o -path './tree.*' \) -prune -o -type d -printf '%p\n' -o -printf '%p %s %T@ %l\n'
}

# ---- the scene: all good ----
for name in root map image beat; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" trust init --root root.pub --map map.pub --image image.pub --heartbeat beat.pub --key root.key roots 2>/dev/null
"$pm" trust rotate --trust roots --map map.pub --key root.key root.2 2>/dev/null
head -c 100000 /dev/urandom >image.bin
"$pm" manifest create image.bin --class box2-fpu-4mb --version 110 >/dev/null
"$pm" manifest sign --key image.key image.bin.manifest m.dsse
cp "$example" fleet.map
"$pm" sign --key map.key fleet.map map.dsse
printf 'carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T10:00:00Z\nmap box2-fpu-4mb production 1 1 110 110\n' >air.map
"$pm" manifest create image.bin --class box2-fpu-4mb --version 110 >>air.map
"$pm" fmt air.map
"$pm" sign --key map.key air.map air.dsse
"$tx" set-root roots --catalogue cat >/dev/null
"$tx" publish image.bin m.dsse --catalogue cat >/dev/null
"$tx" set-map air.dsse --catalogue cat >/dev/null
object=$(echo cat/objects/*)
printf '[catalogue]\ndir = cat\n[keys]\nheartbeat = beat.key\n[session]\ntsi = 1\n[control]\nsocket = %s/sock\n[channel a]\ngroup = 232.1.1.1:4001\ninterface = lo\nttl = 0\n' "$dir" >tx.ini
"$tx" run --check-config --config tx.ini || fail "the scene"

# ---- what is put in a file's place ----
mkdir hostile
: >hostile/empty
head -c 10000 /dev/urandom >hostile/noise
head -c 10000 /dev/zero >hostile/zeros
truncate -s 3G hostile/huge
mkdir hostile/directory
mkfifo hostile/pipe
ln -s loop hostile/loop
ln -s nowhere hostile/dangling
ln -s /dev/zero hostile/endless
python3 -c 'print("[" * 100000)' >hostile/deep
python3 -c 'print("{\"payload\":\"" + "A" * 100000 + "\",\"payloadType\":\"application/vnd.carousel.map\",\"signatures\":[" + "{}," * 5000 + "{}]}")' >hostile/many
printf '{"format":"carousel-key/1","type":"ed25519","keyid":"%064d","method":"argon2id-xsalsa20poly1305","operations":9223372036854775807,"memory_bytes":9223372036854775807,"salt":"","nonce":"","seed":""}\n' 1 >hostile/greedy-key
printf 'carousel-map 1\nepoch 99999999999999999999\nserial 1\n\0\n' >hostile/odd-map
printf '{"number":1}\n' >hostile/short-line
printf '{"class":"x","version":1e999,"size":-1}\n' >hostile/odd-json

count=0
# The command must refuse $place, which holds something hostile, by name.
refuses() { # KIND COMMAND...
	local kind=$1 status=0
	shift
	timeout 10 "$@" </dev/null >out 2>&1 || status=$?
	[ $status = 1 ] || { cat out; fail "exit $status: $kind as $place: $*"; }
	grep -q -- "$place" out || { cat out; fail "does not name $place ($kind): $*"; }
	[ "$(wc -c <out)" -lt 4000 ] || fail "too much said of $kind as $place"
	[ "$before" = "$(snapshot)" ] || { snapshot | diff - <(echo "$before"); fail "something changed: $kind as $place: $*"; }
	count=$((count + 1))
}
say() {
	[ -z "${VERBOSE:-}" ] || echo "$SECONDS s: $*"
}

# Given by name: bad stands for it.
place=bad
before=$(snapshot)
for kind in $(ls hostile); do
	say "$kind"
	rm -rf bad
	cp -a "hostile/$kind" bad
	case $kind in loop | dangling) ln -sf "$(readlink "hostile/$kind" | sed s/loop/bad/)" bad ;; esac
	while read -r args; do
		refuses "$kind" "$pm" $args
	done <<-LIST
		fmt bad
		lint bad
		lint fleet.map --previous bad
		show bad
		sign --key map.key bad made
		sign --key bad fleet.map made
		sign --key map.key --trust bad fleet.map made
		sign --key map.key --previous bad fleet.map made
		sign --add --key map.key bad made
		manifest sign --key image.key bad made
		manifest show bad
		verify --trust bad map.dsse
		verify --trust roots bad
		trust verify bad
		trust verify --trust bad roots
		trust show bad
		trust append bad root.2
		trust append roots bad
		trust init --root bad --map map.pub --image image.pub --heartbeat beat.pub made
		trust init --root root.pub --map map.pub --image image.pub --heartbeat beat.pub --key bad made
		trust rotate --trust bad made
		promote --map bad box2-fpu-4mb 110
		promote --map fleet.map box2-fpu-4mb 110 --manifest bad
		hold --map bad box2-fpu-4mb
		diff bad fleet.map
		diff fleet.map bad
		explain --map bad --class x --version 1 --box-id 1
		ready bad --trust roots
		ready map.dsse --trust bad
	LIST
	# An empty log and an empty image list are good ones; bytes of any kind are an image.
	case $kind in
	empty | noise | zeros | deep | many | greedy-key | odd-map | short-line | odd-json | huge) ;;
	*)
		refuses "$kind" "$pm" manifest create bad --class x --version 2 --out made --index-out made.index
		refuses "$kind" "$pm" manifest create image.bin --class x --version 2 --from bad:1 --out made --index-out made.index
		;;
	esac
	case $kind in
	empty | dangling) ;;
	*)
		refuses "$kind" "$pm" sign --key map.key --audit bad fleet.map made
		refuses "$kind" "$pm" audit verify bad
		;;
	esac
	refuses "$kind" "$tx" publish bad m.dsse --catalogue cat
	refuses "$kind" "$tx" publish image.bin bad --catalogue cat
	refuses "$kind" "$tx" set-map bad --catalogue cat
	refuses "$kind" "$tx" set-root bad --catalogue cat
	refuses "$kind" "$tx" run --check-config --config bad
done
rm -rf bad

# Planted in the catalogue: named by list, which shows the rest, and by the changes that need it; a daemon does not start
# with roots or counters that it cannot read.
tree=$(mktemp -d ./tree.XXXXXX)
cp -a cat "$tree/cat"
for kind in $(ls hostile); do
	say "$kind"
	for place in roots.dsse map.dsse counters.ini "${object#cat/}/manifest.dsse" "${object#cat/}/state.ini" "${object#cat/}/index" "${object#cat/}/image"; do
		rm -rf cat
		cp -a "$tree/cat" cat
		rm -f "cat/$place"
		cp -a "hostile/$kind" "cat/$place"
		case $kind:$place in
		loop:*) ln -sf "$(basename "$place")" "cat/$place" ;;
		# No roots, no map, no counters, and a state without settings are legal.
		dangling:roots.dsse | dangling:map.dsse | dangling:counters.ini | empty:*state.ini | empty:counters.ini) continue ;;
		esac
		before=$(snapshot)
		case $place in
		counters.ini) refuses "$kind" "$tx" run --config tx.ini ;;
		roots.dsse)
			refuses "$kind" "$tx" list --catalogue cat
			refuses "$kind" "$tx" publish image.bin m.dsse --catalogue cat
			refuses "$kind" "$tx" set-map air.dsse --catalogue cat
			refuses "$kind" "$tx" withdraw box2-fpu-4mb 110 --catalogue cat
			refuses "$kind" "$tx" run --config tx.ini
			;;
		*) refuses "$kind" "$tx" list --catalogue cat ;;
		esac
	done
done
echo "hostile files: $count refused"
