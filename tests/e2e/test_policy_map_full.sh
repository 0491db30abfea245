#!/bin/bash
# Every verb that writes, on a disk that is full and on one that cannot be written: it exits 1, names the file, every file is as
# it was, and nothing is left beside it.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh
unshare -m true 2>/dev/null || {
	echo "SKIP: no mounts here"
	exit 0
}

for name in root map image beat; do "$pm" keygen --no-passphrase $name >/dev/null; done
roles="--root ../root.pub --map ../map.pub --image ../image.pub --heartbeat ../beat.pub --key ../root.key"
echo "00a1,box2-fpu-4mb,production,42" | "$pm" fleet import --csv fleet.db - >/dev/null
mkdir small
cat >inside.sh <<'EOF'
set -eu
mount -t tmpfs -o size=256k none small
cd small
"$1" trust init $roles --audit ../log roots 2>/dev/null
"$1" trust rotate --trust roots --map ../map.pub --key ../root.key --audit ../log ../next 2>/dev/null
sed 's/  */ /g' "$2" >fleet.map
"$1" sign --key ../map.key --audit audit.jsonl fleet.map map.dsse
head -c 30000 /dev/urandom >image
"$1" manifest create image --class box2 --version 5 >/dev/null
"$1" simulate fleet.map --fleet ../fleet.db --svg plot.svg >/dev/null
"$1" fleet export ../fleet.db fleet.txt
digests() { sha256sum $(ls -A | grep -v '^fill$'); }
digests >../before
refuses() { # FILE VERB...
	local file=$1 status=0
	shift
	"$pm" "$@" >../out.txt 2>../err.txt || status=$?
	digests >../after
	if [ $status != 1 ] || ! cmp -s ../before ../after || ! grep -q -- "$file" ../err.txt; then
		echo "exit $status, or something changed: $*"
		cat ../err.txt
		diff ../before ../after
		exit 1
	fi
}
pm=$1
all() {
	refuses fleet.map fmt fleet.map
	refuses fleet.map hold --map fleet.map box2-fpu-4mb
	refuses fleet.map promote --map fleet.map box2-fpu-4mb 105
	refuses fleet.map recall --map fleet.map box2-fpu-4mb 105 --to 100
	refuses roots trust append roots ../next
	refuses roots trust init $roles --audit ../log roots
	refuses roots trust rotate --trust ../next --map ../map.pub --key ../root.key --audit ../log roots
	refuses map.dsse sign --key ../map.key --audit ../log fleet.map map.dsse
	refuses audit.jsonl sign --key ../map.key fleet.map map.dsse
	refuses audit.jsonl sign --key ../map.key --audit audit.jsonl fleet.map ../never.dsse
	[ ! -e ../never.dsse ] || { echo "signed without a record"; exit 1; }
	refuses made.key keygen --no-passphrase made
	refuses image.index manifest create image --class box2 --version 6
	refuses plot.svg simulate fleet.map --fleet ../fleet.db --svg plot.svg
	refuses fleet.txt fleet export ../fleet.db fleet.txt
	refuses "map.dsse\|--out: " fleet watch ../fleet.db --once --map fleet.map --abort 'below-minimum>0' --out map.dsse
}
dd if=/dev/zero of=fill bs=1k count=1000 2>/dev/null && exit 1
all
rm fill
mount -o remount,ro .
all
EOF
export roles
unshare -m bash inside.sh "$pm" "$example" || fail "a full disk, or one that cannot be written"
# Half a pair of keys is none: the next try must not find it there already.
mkdir pair.pub
"$pm" keygen --no-passphrase pair 2>err.txt && fail "a key pair without its public half"
grep -q pair.pub err.txt && [ ! -e pair.key ] || fail "half a pair of keys was left"
cp "$example" fleet.map
"$pm" hold --map fleet.map box2-fpu-4mb >/dev/full 2>err.txt && fail "a change that nobody was shown"
cmp fleet.map "$example" && grep -q "fleet.map is as it was" err.txt || fail "a change that nobody was shown was made"
echo "full disks: every file is as it was"
