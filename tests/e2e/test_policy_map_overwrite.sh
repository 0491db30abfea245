#!/bin/bash
# An output that names an input would be the end of it: every verb of policy-map refuses that as wrong usage, before
# any work, and all files stay what they were.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh

for name in root1 map1 image1 beat1; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" trust init --root root1.pub --map map1.pub --image image1.pub --heartbeat beat1.pub --key root1.key roots.dsse 2>/dev/null
cp "$example" am.map
"$pm" sign --key map1.key am.map map.dsse
printf '00a1,box2-fpu-4mb,production,42\n' | "$pm" fleet import --csv f.db - >/dev/null
head -c 50000 /dev/urandom >i.bin
head -c 40000 i.bin >old.bin
"$pm" manifest create old.bin --class box --version 1 >/dev/null
echo '{"title":{"de":"x"}}' >texts.json
ln map1.key other.key
ln -s f.db fleet.link
cp map1.key out.tmp
everything() {
	find . -type f -o -type l | sort | xargs sha256sum
}
everything >"$dir.before"
trap 'rm -rf "$dir" "$dir.before" "$dir.after" "$dir.err"' EXIT

# overwrites WORDS... : wrong usage, and nothing has changed
overwrites() {
	local status=0
	timeout 20 "$pm" "$@" >/dev/null 2>"$dir.err" </dev/null || status=$?
	[ $status = 2 ] && grep -q overwrit "$dir.err" || {
		cat "$dir.err"
		fail "exit $status from: $*"
	}
	everything >"$dir.after"
	cmp -s "$dir.before" "$dir.after" || fail "files changed by: $*"
}
overwrites sign --key map1.key am.map map1.key
overwrites sign --key map1.key am.map ./other.key
overwrites sign --key out.tmp am.map out
overwrites sign --key map1.key --trust roots.dsse am.map roots.dsse
overwrites sign --key map1.key am.map audit.jsonl
overwrites sign --key map1.key am.map audit.jsonl.head
overwrites sign --key map1.key --audit new.log am.map new.log
POLICY_MAP_AUDIT=$dir/audit.jsonl overwrites sign --key map1.key am.map audit.jsonl
overwrites manifest sign --key image1.key old.bin.manifest image1.key
overwrites trust init --root root1.pub --map map1.pub --image image1.pub --heartbeat beat1.pub --key root1.key root1.key
overwrites trust init --root 1:root1.pub --map map1.pub --image image1.pub --heartbeat beat1.pub root1.pub
overwrites trust rotate --trust roots.dsse --map map1.pub --key root1.key roots.dsse
overwrites trust rotate --trust roots.dsse --map map1.pub --key root1.key audit.jsonl
overwrites fleet export f.db f.db
overwrites fleet export f.db fleet.link
overwrites fleet export f.db f.db-wal
watch="fleet watch f.db --once --map am.map --abort below-minimum>0"
overwrites $watch --out f.db
overwrites $watch --out am.map
overwrites $watch --hook ./hook.sh --out hook.sh
overwrites manifest create i.bin --class box --version 2 --out i.bin
overwrites manifest create i.bin --class box --version 2 --index-out i.bin
overwrites manifest create i.bin --class box --version 2 --out z --index-out z
overwrites manifest create i.bin --class box --version 2 --out z --index-out z.tmp
overwrites manifest create i.bin --class box --version 2 --from old.bin:1 --out old.bin
overwrites manifest create i.bin --class box --version 2 --from old.bin --index-out old.bin
overwrites manifest create i.bin --class box --version 2 --from old.bin --out old.bin.manifest
overwrites manifest create i.bin --class box --version 2 --texts texts.json --out texts.json
overwrites simulate am.map --fleet f.db --svg am.map
overwrites simulate am.map --fleet f.db --svg f.db

# In place of IN, and of the map before, is how maps are signed day by day.
sed 's/^serial .*/serial 2026112199/' am.map >next.map
"$pm" sign --key map1.key --previous map.dsse next.map map.dsse || fail "in place of the map before"
"$pm" sign --key map1.key next.map next.map || fail "in place of IN"
"$pm" verify --trust roots.dsse next.map >/dev/null || fail "what was signed in place"
echo "outputs that are inputs: all refused"
