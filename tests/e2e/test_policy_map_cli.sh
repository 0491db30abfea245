#!/bin/bash
# policy-map from nothing to a signed map: keys, a root by two of two, a manifest, a map, a rotation.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh

# refuses WORDS... : the command must exit 1 and write nothing to stdout that looks like success
refuses() {
	local expected=$1
	shift
	"$@" >out.txt 2>err.txt && fail "accepted: $*"
	[ -z "$expected" ] || grep -q -- "$expected" err.txt || {
		cat err.txt
		fail "no \"$expected\" from: $*"
	}
}

# ---- keys ----
for name in root1 root2 root3 map1 map2 image1 beat1; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" keygen --no-passphrase --type ecdsa-p256 image2 >/dev/null
[ "$(stat -c %a map1.key)" = 600 ] || fail "a secret key that others can read"
refuses "is there already" "$pm" keygen --no-passphrase map1
refuses "no terminal" "$pm" keygen other </dev/null
exec 3<<<"correct horse"
"$pm" keygen --passphrase-fd 3 --kdf-memory 64K locked >/dev/null
exec 3<&-
grep -q '"method":"argon2id' locked.key || fail "the key is not encrypted"
openssl pkey -pubin -in image2.pub -noout -text | grep -q prime256v1 || fail "OpenSSL does not read image2.pub"
openssl pkey -pubin -in map1.pub -noout -text | grep -qi ed25519 || fail "OpenSSL does not read map1.pub"
[ "$(openssl pkey -pubin -in map1.pub -outform DER | sha256sum | cut -d' ' -f1)" = "$("$pm" keygen --no-passphrase --json k2 >/dev/null && sed 's/.*"keyid":"\([0-9a-f]*\)".*/\1/' map1.key)" ] ||
	fail "the key id is not the digest of the DER key"

# ---- root 1: two of two root keys ----
"$pm" trust init --root 2:root1.pub,root2.pub --map map1.pub --image image1.pub,image2.pub --heartbeat beat1.pub --key root1.key 1.root 2>/dev/null
refuses "" "$pm" verify 1.root
grep -c missing out.txt | grep -qx 1 || fail "verify does not say whose signature is missing"
refuses "too few valid signatures" "$pm" trust show 1.root
refuses "carries signatures already" "$pm" sign --role root --key root2.key 1.root 2.root
"$pm" sign --role root --add --key root2.key 1.root roots.dsse
"$pm" verify roots.dsse >/dev/null || fail "two of two is not enough"
"$pm" trust show roots.dsse | grep -q "root version 1, epoch 1"

# ---- a manifest ----
head -c 300000 /dev/urandom >image.bin
line=$("$pm" manifest create image.bin --class box2-fpu-4mb --version 105 --label 3.2.1 --title "Faster" --minutes 3 --restart)
[ -s image.bin.manifest ] && [ -s image.bin.index ] || fail "no manifest or no index"
echo "$line" | grep -q "sha256:$(sha256sum image.bin | cut -d' ' -f1)" || fail "wrong digest of the image"
grep -q "$(sha256sum image.bin.index | cut -d' ' -f1)" image.bin.manifest || fail "wrong digest of the index"
"$pm" sign --role image --key image2.key --trust roots.dsse image.bin.manifest image.bin.manifest.dsse
"$pm" verify --trust roots.dsse --role image image.bin.manifest.dsse >/dev/null || fail "signed manifest"
"$pm" manifest show image.bin.manifest.dsse | grep -q '"label": "3.2.1"' || fail "manifest show"
refuses "none of role" "$pm" sign --key map1.key --trust roots.dsse image.bin.manifest wrong.dsse
[ ! -e wrong.dsse ] || fail "a file was left behind"
sed 's/"minutes"/"minuets"/' image.bin.manifest >typo.manifest
refuses 'member "minuets" is not known' "$pm" sign --key image1.key typo.manifest wrong.dsse
refuses "signed by role image, not map" "$pm" sign --role map --key map1.key image.bin.manifest wrong.dsse
"$pm" manifest sign --key image1.key image.bin.manifest by-verb.dsse
"$pm" verify --trust roots.dsse --role image by-verb.dsse >/dev/null || fail "manifest sign"
refuses "signed by role map, not image" "$pm" manifest sign --key image1.key "$example" wrong.dsse

cat >texts.json <<EOF
{"title":{"de":"Schneller","en":"Much faster","pt-BR":"Mais"},"notes":{"de":"Zeile\nnoch eine"}}
EOF
"$pm" manifest create image.bin --class x --version 7 --title Faster --texts texts.json --out texts.m --index-out texts.i >/dev/null
"$pm" manifest show --json texts.m | grep -q '"title":{"en":"Much faster","de":"Schneller","pt-BR":"Mais"},"notes":{"de":"Zeile\\nnoch eine"}' ||
	fail "texts in several languages"
for bad in '{"titel":{"de":"x"}}' '{"title":"x"}' '{"title":{"de":5}}' '{"title":{"de":"a\nb"}}' '[1]' '{}' 'x' '{"notes":{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":"x"}}'; do
	echo "$bad" >texts.json
	refuses "texts.json" "$pm" manifest create image.bin --class x --version 7 --texts texts.json --out wrong.m --index-out wrong.i
	[ ! -e wrong.m ] || fail "a manifest in spite of $bad"
done

# ---- a map ----
cp "$example" fleet.map
"$pm" fmt --check fleet.map || fail "the example is not canonical"
sed 's/  */ /g' fleet.map >loose.map
refuses "not in canonical form" "$pm" fmt --check loose.map
sed -i '/^#/d; /^ *#/d' loose.map
"$pm" fmt loose.map && "$pm" fmt --check loose.map || fail "fmt"
"$pm" show fleet.map | grep -q "box2-fpu-4mb-debug" || fail "show"
sed 's/production  75 100 100 120/& hold/; /^image.* 217 /d' fleet.map >held.map
"$pm" show held.map >out.txt
grep -qx 'box2-fpu-4mb        75/100/105/120  75/100/100/120 HOLD ~105  -                2' out.txt || fail "the grid"
grep -qx 'box2-fpu-4mb-debug  -               -                         0/200/217/999 !  1' out.txt || fail "the grid of debug builds"
grep -qx 'override 00a1b2c3d5  \*  never' out.txt || fail "show does not list overrides"
"$pm" show --json held.map | grep -q '"gated":\[{"current":105,"line":[0-9]*,"hold":false}\]' || fail "the grid as JSON"
"$pm" sign --role map --key map1.key --trust roots.dsse fleet.map map.dsse
"$pm" verify --trust roots.dsse map.dsse >/dev/null || fail "signed map"
"$pm" show --json map.dsse | grep -q '"serial":2026112101' || fail "show --json of a signed map"
sed 's/ramp=/rmap=/' fleet.map >typo.map
refuses "typo.map:12:.*unknown option" "$pm" sign --role map --key map1.key typo.map wrong.dsse
sed 's/"payload":"./"payload":"Z/' map.dsse >forged.dsse
refuses "" "$pm" verify --trust roots.dsse forged.dsse
exec 3<<<"wrong horse"
refuses "wrong passphrase" "$pm" sign --role map --key locked.key --passphrase-fd 3 fleet.map wrong.dsse
exec 3<&-
exec 3<<<"correct horse"
"$pm" sign --role map --key locked.key --passphrase-fd 3 fleet.map other.dsse
exec 3<&-
refuses "" "$pm" verify --trust roots.dsse other.dsse
refuses "no terminal" "$pm" sign --role map --key locked.key fleet.map wrong.dsse </dev/null
[ ! -e wrong.dsse ] || fail "a file was left behind"

# ---- explain ----
explain() {
	"$pm" explain --map map.dsse --class box2-fpu-4mb --box-id 00a1b2c3ff "$@" | head -n 1
}
[ "$(explain --version 42)" = "mandatory 100: below-minimum" ] || fail "explain 42"
[ "$(explain --version 82)" = "offer 100: below-acceptable" ] || fail "explain 82"
[ "$(explain --version 102)" = "none: newer-than-current" ] || fail "explain 102"
[ "$(explain --version 121)" = "recall 100: above-maximum" ] || fail "explain 121"
[ "$(explain --version 42 --at 2026-11-28T12:00Z)" = "mandatory 105: below-minimum" ] || fail "explain after the ramp"
[ "$(explain --version unreadable)" = "none: version-unreadable" ] || fail "explain unreadable"
[ "$(explain --version 42 --floor 101)" = "none: below-hardware-floor" ] || fail "explain floor"
"$pm" explain --json --map map.dsse --class x --box-id 1 --version 7 | grep -q '"reason":"no-row"' || fail "explain --json"

# ---- rotation: map1 is revoked, the root moves to keys 2 and 3 ----
"$pm" trust rotate --trust roots.dsse --root 2:root2.pub,root3.pub --map map2.pub --epoch 2 --key root2.key,root3.key 2.root 2>err.txt
grep -q 'root version 2, 2 signatures; `policy-map verify --trust roots.dsse 2.root`' err.txt || fail "the hint of trust rotate"
refuses "does not continue" "$pm" trust append roots.dsse 2.root
refuses "" "$pm" verify --trust roots.dsse 2.root
refuses "trust is needed: the keys of root version 1" "$pm" verify 2.root
# A signature that would count for nothing is refused, and so is one that may: nothing is written.
refuses "root1.key: this key is none of role root in version 2; when it is one of version 1, --trust" "$pm" sign --add --key root1.key 2.root 2.root.full
refuses "map1.key: this key is none of role root, neither in version 1 nor in version 2" "$pm" sign --add --trust roots.dsse --key map1.key 2.root 2.root.full
refuses "map1.key: this key is none of role root in version 1" "$pm" sign --add --key map1.key 1.root 2.root.full
refuses "map1.key: this key is none of role root in version 1" "$pm" trust init --root root1.pub --map map1.pub --image image1.pub --heartbeat beat1.pub --key map1.key 2.root.full
refuses "image1.key: this key is none of role root, neither" "$pm" trust rotate --trust roots.dsse --map map2.pub --key root1.key,image1.key 2.root.full
[ ! -e 2.root.full ] || fail "a root with a stranger's signature was written"
"$pm" sign --add --trust roots.dsse --key root3.key 2.root by-new.root || fail "a key that only the new root names"
"$pm" sign --add --trust roots.dsse --key root1.key 2.root 2.root.full
"$pm" verify --trust roots.dsse 2.root.full >/dev/null || fail "rotation signed by both thresholds"
"$pm" trust append roots.dsse 2.root.full
"$pm" trust show roots.dsse | grep -q "root version 2, epoch 2" || fail "chain of two"
[ "$(wc -l <roots.dsse)" = 2 ] || fail "one root a line"
"$pm" trust verify roots.dsse >out.txt || fail "trust verify"
[ "$(grep -c '^  signed' out.txt)" = 6 ] || fail "trust verify does not say who signed"
head -n 1 roots.dsse >held.dsse
tail -n 1 roots.dsse >next.dsse
"$pm" trust verify --trust held.dsse next.dsse | grep -q "boxes follow it from root version 1 to version 2, epoch 2" || fail "trust verify --trust"
refuses "it begins with version 2, and boxes that hold an older root can never follow" "$pm" trust verify next.dsse
grep -q "boxes follow it from root version 2 to version 2" out.txt || fail "from which version on"
refuses "can never follow" "$pm" trust verify --json next.dsse
grep -q '"good":false,"from":2,"version":2' out.txt || fail "trust verify --json of a chain that begins too late"
"$pm" trust verify --trust next.dsse next.dsse >/dev/null || fail "no box holds an older one"
cat held.dsse 2.root >bad.dsse
refuses "bad.dsse:2: boxes would not follow this root: too few" "$pm" trust verify bad.dsse
grep -q "missing" out.txt || fail "trust verify does not say whose signature is missing"
refuses "bad.dsse:2" "$pm" trust verify --json bad.dsse
grep -q '"good":false' out.txt || fail "trust verify --json"
cat next.dsse held.dsse >bad.dsse
"$pm" trust verify --trust held.dsse bad.dsse >/dev/null || fail "held links are passed over"
: >empty.dsse
refuses "no root" "$pm" trust verify empty.dsse
refuses "another kind" "$pm" trust verify map.dsse
refuses "" "$pm" verify --trust roots.dsse map.dsse
refuses "asks for 2" "$pm" sign --role map --key map2.key --trust roots.dsse fleet.map map.dsse
sed -i 's/^epoch .*/epoch    2/' fleet.map
"$pm" sign --role map --key map2.key --trust roots.dsse fleet.map map.dsse
"$pm" verify --json --trust roots.dsse map.dsse | grep -q '"good":true' || fail "map by the new key"
refuses "it only ever grows" "$pm" trust rotate --trust roots.dsse --epoch 1 3.root

# ---- lint ----
"$pm" lint --json fleet.map | grep -q '"errors":0' || fail "lint of a good map"
refuses "serial-not-above" "$pm" lint --previous map.dsse fleet.map
refuses "serial-not-above" "$pm" sign --role map --key map2.key --previous map.dsse fleet.map wrong.dsse
sed 's/^image.*105.*//' fleet.map >noimage.map
column=$(sed -n 11p noimage.map | grep -bo ' 105 ' | cut -d: -f1)
refuses "noimage.map:11:$((column + 2)): error: no image line for current: box2-fpu-4mb 105 .no-image." "$pm" lint noimage.map
refuses "" "$pm" lint --json noimage.map
grep -q '{"severity":"error","code":"no-image","line":11,"column":'$((column + 2))',"message":"' out.txt || fail "lint --json"
"$pm" lint --fec-symbol 1000 --slot 1G fleet.map 2>/dev/null >&2 || fail "FEC limits count for manifests only"
refuses "2 errors" "$pm" sign --role map --key map2.key noimage.map wrong.dsse
[ ! -e wrong.dsse ] || fail "a map with errors was signed"
refuses "" "$pm" lint --strict fleet.map

# ---- release verbs ----
head -c 200000 /dev/urandom >new.bin
"$pm" manifest create new.bin --class box2-fpu-4mb --version 110 >/dev/null
cp fleet.map work.map
"$pm" promote --map work.map box2-fpu-4mb 110 --category production --ramp 1%,100%@+7d --manifest new.bin.manifest --issued 2026-11-22T09:00:00Z >out.txt
grep -q '^+ .*map box2-fpu-4mb production 75 100 110 120 ramp=1%,100%@+7d' out.txt || fail "promote adds a gated row"
grep -q '^serial   2026112201$' work.map || fail "the serial follows the day"
grep -q '^image .* 110 .*manifest=sha256:' work.map || fail "promote adds the image line"
"$pm" fmt --check work.map && "$pm" lint --previous map.dsse work.map 2>/dev/null >&2 || fail "a promoted map is clean"
refuses "no row" "$pm" promote --map work.map box9 110
refuses "a row is at a newer version" "$pm" promote --map work.map box2-fpu-4mb 102
refuses 'from: a time such as .* not "2026-11-21T12:00Z hold"' "$pm" promote --map work.map box2-fpu-4mb 110 --from '2026-11-21T12:00Z hold'
refuses "ramp: growing shares" "$pm" promote --map work.map box2-fpu-4mb 110 --ramp '5%,4%@+1d'
cp work.map before.map
refuses "no-image" "$pm" promote --map work.map box2-fpu-4mb 111
cmp -s work.map before.map || fail "a refused edit changed the file"
"$pm" promote --map work.map box2-fpu-4mb 110 --category production --issued 2026-11-29T09:00:00Z >/dev/null
grep -q 'production .* 75 100 110 120$' work.map || fail "promote without a ramp finishes the roll-out"
"$pm" hold --map work.map box2-fpu-4mb --category production >/dev/null
[ "$(grep -c hold work.map)" = 1 ] || fail "hold"
"$pm" release --map work.map box2-fpu-4mb >/dev/null
grep -q hold work.map && fail "release"
"$pm" recall --map work.map --dry-run box2-fpu-4mb 102 --to 100 2>&1 >/dev/null | grep -q "work.map:[0-9]*: note: the override of 00a1b2c3d4 still lets it run 102" || fail "an override that a recall does not reach"
"$pm" recall --map work.map box2-fpu-4mb 105 --to 100 >/dev/null
[ "$("$pm" explain --map work.map --class box2-fpu-4mb --box-id 1 --version 105 | head -n 1)" = "recall 100: above-maximum" ] || fail "recall"
[ "$("$pm" explain --map work.map --class box2-fpu-4mb --box-id 1 --category beta --version 110 | head -n 1)" = "recall 100: above-maximum" ] || fail "recall beta"
"$pm" diff fleet.map work.map | grep -q '^- .*75 100 105 120' || fail "diff"
"$pm" diff --paths fleet.map work.map | grep -q 'production  110 -> 100  recall' || fail "diff --paths"
"$pm" diff --json --paths fleet.map work.map | grep -q '"action":"recall"' || fail "diff --paths --json"
refuses "only boxes of a --fleet" "$pm" diff fleet.map work.map --at end

# ---- fleet ----
{
	echo box_id,class,category,version
	for i in 1 2 3 4 5 6 7 8 9; do echo "00a$i,box2-fpu-4mb,production,42"; done
	echo "00aa,box2-fpu-4mb,production,110"
	echo "00AB,box2-fpu-4mb,production,110"
} >fleet.csv
"$pm" fleet import --csv fleet.db fleet.csv 2>err.txt | grep -q "10 taken" || fail "fleet import"
grep -q "fleet.csv:12: skipped" err.txt || fail "a bad line is named"
echo '{"box_id":"00a1","class":"box2-fpu-4mb","category":"production","version":100,"kpi":{"failures":1}}' >reports.json
"$pm" fleet import fleet.db reports.json | grep -q "1 taken (0 signed, 1 not)" || fail "a report"
"$pm" fleet show fleet.db --box 00a1 | tail -n 2 | grep -c '^ .*  20' | grep -qx 2 || fail "history"
"$pm" fleet kpi fleet.db --map work.map --json | grep -q '"below_minimum":8' || fail "kpi"
"$pm" fleet export fleet.db fleet.txt && grep -q '^boxes box2-fpu-4mb production 42 8$' fleet.txt && grep -q '^box 00aa ' fleet.txt || fail "fleet export"
"$pm" diff fleet.map work.map --fleet fleet.db | grep -q "^1 of 10 boxes" || fail "diff --fleet"
"$pm" diff --paths fleet.map work.map --fleet fleet.db | grep -q "^ *8  box2-fpu-4mb  production  42 -> 100  mandatory" || fail "diff --paths --fleet"
"$pm" diff --paths --json fleet.map work.map --fleet fleet.db | grep -q '"from":110,"to":100,"action":"recall","line":[0-9]*,"override":false,"boxes":1}' || fail "diff --paths --fleet --json"
"$pm" lint work.map --fleet fleet.db 2>&1 | grep -q "1 boxes run a version above maximum 104" || fail "lint --fleet"
"$pm" simulate fleet.map --fleet fleet.db --days 9 --svg ramp.svg | grep -q "^2026-11-29 .*90.00" || fail "simulate"
grep -q "</svg>" ramp.svg || fail "no plot"

for i in $(seq 100 199); do
	echo "{\"box_id\":\"00b$i\",\"class\":\"box2-fpu-4mb\",\"category\":\"beta\",\"version\":105,\"kpi\":{\"failures\":$((i % 50 == 0))}}"
done >reports.json
"$pm" fleet import watch.db reports.json >/dev/null
"$pm" fleet watch watch.db --once --map fleet.map --abort 'failure>2%' --out draft.map >/dev/null || fail "2 of 100 are not more than 2 %"
[ ! -e draft.map ] || fail "a draft without need"
cat >hook.sh <<'EOF'
#!/bin/sh
echo "hook $1 $CAROUSEL_DRAFT $CAROUSEL_MAP $CAROUSEL_FLEET $CAROUSEL_CLASSES: $CAROUSEL_WHY"
exit 7
EOF
chmod +x hook.sh
# aborts WORDS... : exits 3 and leaves a draft that can be signed
aborts() {
	rm -f draft.map
	set +e
	timeout 60 "$pm" fleet watch watch.db --out draft.map "$@" >out.txt 2>err.txt
	status=$?
	set -e
	[ $status = 3 ] || {
		cat out.txt err.txt
		fail "fleet watch $* exits $status, not 3"
	}
	[ "$(grep -c hold draft.map)" = 3 ] || fail "the draft holds the class"
	"$pm" lint --previous map.dsse draft.map >/dev/null 2>&1 || fail "the draft can be signed"
}
aborts --once --map map.dsse --abort 'failure>1%' --hook ./hook.sh
grep -q '^hook draft.map draft.map map.dsse watch.db box2-fpu-4mb: box2-fpu-4mb: failure 2 of 100 boxes$' out.txt || fail "what the hook is told"
grep -q 'hook.sh: failed with exit status 7' err.txt || fail "a hook that fails is told of, and the draft stays"
aborts --once --map map.dsse --abort 'silent>1000,failure>1' --hook ./no-such-hook
grep -q 'no-such-hook: No such file' err.txt || fail "a hook that is not there"
printf '#!/bin/sh\nsleep 30\n' >hook.sh
aborts --once --map map.dsse --abort 'failure>1%' --hook ./hook.sh --hook-timeout 200ms
grep -q 'killed after' err.txt || fail "a hook that hangs"
refuses "" "$pm" fleet watch watch.db --once --map map.dsse --abort 'failure>x' --out draft.map
"$pm" fleet watch watch.db --once --map map.dsse --abort 'failure>1%' --min-boxes 101 --out no.map >/dev/null || fail "a share of too few boxes"
cp draft.map held.map
"$pm" fleet watch watch.db --once --json --map held.map --abort 'failure>1' --window 1h --out no.map | grep -q '"abort":false' || fail "a class on hold is not held again"
[ ! -e no.map ] || fail "a draft without need"
# It goes on looking: what is imported meanwhile is seen; SIGTERM ends it in peace.
"$pm" fleet watch watch.db --map fleet.map --abort 'failure>2%' --interval 50ms --out no.map >out.txt &
watcher=$!
sleep 1
kill -TERM $watcher
wait $watcher || fail "SIGTERM ends a watch with 0"
[ "$(wc -l <out.txt)" -ge 3 ] || fail "one look only"
(
	sleep 0.4
	for i in $(seq 200 210); do
		echo "{\"box_id\":\"00b$i\",\"class\":\"box2-fpu-4mb\",\"category\":\"beta\",\"version\":105,\"kpi\":{\"failures\":1}}"
	done >more.json
	"$pm" fleet import watch.db more.json >/dev/null
) &
aborts --map map.dsse --abort 'failure>5%' --interval 50ms
wait
grep -q '111 heard of, 13 failed, 0 patched: ABORT' out.txt || fail "what was imported meanwhile is seen"

# ---- bad databases, bad moments ----
refuses "this is no fleet database" "$pm" fleet show fleet.csv
refuses "there is no such thing" "$pm" fleet show none.db
[ ! -e none.db ] || fail "a question makes no database"
"$pm" fleet import fleet.db reports.json --json | grep -q '"known":false' || fail "a file that is new"
"$pm" fleet import fleet.db reports.json --json | grep -q '"known":true' || fail "the same file again"
refuses "lacks one of box_id" "$pm" fleet import --csv fleet.db - <<<"box_id,version"
refuses "UTF-16" "$pm" fleet import --csv fleet.db - <<<$'\xff\xfeb'
before=$("$pm" fleet show fleet.db --json)
mkfifo pipe
"$pm" fleet import --csv fleet.db pipe >/dev/null 2>&1 &
importer=$!
{
	for i in $(seq 2000); do echo "00c$i,box2-fpu-4mb,production,42"; done
	sleep 0.3
	kill -9 $importer
} >pipe 2>/dev/null || true
wait $importer 2>/dev/null || true
[ "$("$pm" fleet show fleet.db --json)" = "$before" ] || fail "an import that was killed left something behind"
"$pm" fleet import --csv fleet.db - <<<"00d1,box2-fpu-4mb,production,42" | grep -q "1 taken" || fail "an import after one that was killed"
before=$("$pm" fleet show fleet.db --json)
if unshare -m true 2>/dev/null; then
	cat >small.sh <<'EOF'
set -eu
mkdir small
mount -t tmpfs -o size=400k none small
cp fleet.db small/
for i in $(seq 20000); do echo "00e$i,box2-fpu-4mb,production,42"; done >many.csv
if "$1" fleet import --csv small/fleet.db many.csv >out.txt 2>err.txt; then exit 1; fi
grep -q "full" err.txt
"$1" fleet show small/fleet.db --json >after.json
mount -o remount,ro small
"$1" fleet show small/fleet.db --json >after-ro.json
if "$1" fleet import small/fleet.db more.json 2>err-ro.txt; then exit 1; fi
EOF
	unshare -m sh small.sh "$pm" || fail "a full disk, and one that cannot be written: $(cat err.txt err-ro.txt)"
	[ "$(cat after.json)" = "$before" ] && [ "$(cat after-ro.json)" = "$before" ] || fail "what is left on a full disk"
	grep -qi "read-only\|readonly\|cannot be written" err-ro.txt || fail "a database that cannot be written: $(cat err-ro.txt)"
fi

# ---- audit ----
"$pm" sign --role map --key map1.key --audit audit.log fleet.map a.dsse
POLICY_MAP_AUDIT=audit.log "$pm" sign --role map --add --key map2.key a.dsse b.dsse
"$pm" audit verify audit.log | grep -q "2 entries" || fail "audit verify"
head=$("$pm" audit verify audit.log | sed 's/.*head //')
"$pm" audit verify --head "$head" audit.log >/dev/null || fail "audit head"
sed 's/map a.dsse/map c.dsse/' audit.log >changed.log
refuses "changed.log:2: the chain is broken" "$pm" audit verify changed.log
sed 1d audit.log >changed.log
refuses "changed.log:1: the chain is broken" "$pm" audit verify changed.log
sed '$d' audit.log >changed.log
refuses "lines are missing" "$pm" audit verify --head "$head" changed.log
cp audit.log.head changed.log.head
refuses "missing at the end" "$pm" audit verify changed.log
refuses "missing at the end" "$pm" sign --role map --key map1.key --audit changed.log fleet.map d.dsse
refuses "no such thing" "$pm" audit verify no.log
[ ! -e d.dsse ] || fail "signed although the log could not be written"
printf '{"number":3' >>audit.log
refuses "audit.log:3:.*half an entry" "$pm" audit show audit.log
"$pm" sign --role map --key map1.key --audit audit.log fleet.map d.dsse
"$pm" audit show audit.log | grep -q "mend *11 bytes" || fail "half an entry is not mended"
refuses "" "$pm" sign --role map --key map1.key --audit audit.log fleet.map nowhere/e.dsse
"$pm" audit show audit.log | grep -q "not-done *sign map nowhere/e.dsse" || fail "what was not done is not told"
mkdir keep
"$pm" trust init --root 2:root1.pub,root2.pub --map map1.pub --image image1.pub --heartbeat beat1.pub --key root1.key,root2.key keep/1.root 2>/dev/null
"$pm" audit show keep/audit.jsonl | grep -c "sign *root keep/1.root" | grep -qx 2 || fail "trust init is not in the log"
"$pm" trust rotate --trust keep/1.root --map map2.pub --key root1.key,root2.key --audit audit.log keep/2.root 2>/dev/null
"$pm" audit show audit.log | grep -c "sign *root keep/2.root" | grep -qx 2 || fail "trust rotate is not in the log"

# ---- usage ----
set +e
"$pm" sign fleet.map x >/dev/null 2>&1
[ $? = 2 ] || fail "a usage error exits 2"
"$pm" sign --help >/dev/null || fail "--help exits 0"
echo "policy-map: all good"
