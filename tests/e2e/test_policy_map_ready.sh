#!/bin/bash
# ready, item by item: a case in which it passes, one in which it fails, one in which it is skipped for want of a file, and
# what it says of each.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
. tests/lib/scratch.sh

for name in root1 root2 root3 map1 map2 image1 beat1; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
roots() { # FILE ROOTS MAP HEARTBEAT OPTIONS...
	"$pm" trust init --root "$2" --map "$3" --image image1.pub --heartbeat "$4" --key root1.key,root2.key --audit roots.log "${@:5}" "$1" 2>/dev/null
}
roots good.root 2:root1.pub,root2.pub,root3.pub map1.pub beat1.pub
roots weak.root 1:root1.pub,root2.pub map1.pub map1.pub
roots tight.root 2:root1.pub,root2.pub 2:map1.pub,map2.pub beat1.pub
roots later.root 2:root1.pub,root2.pub,root3.pub map1.pub beat1.pub --epoch 2

# ---- maps: their rows are what differs ----
mkdir shelf bare
for version in 1 2 3; do
	head -c 50000 /dev/urandom >image.$version
	"$pm" manifest create image.$version --class box --version $version >line.$version
	"$pm" sign --role image --key image1.key image.$version.manifest shelf/$version.dsse
	cp image.$version.manifest bare/$version.manifest
done
year=$(($(date +%Y) + 1))
expires=$year-12-31T00:00:00Z
map() { # NAME SERIAL, rows on stdin: all images, and the map signed beside it
	{
		printf 'carousel-map 1\nepoch 1\nserial %s\nissued 2026-11-21T10:00:00Z\n%s\n' "$2" "${expires:+expires $expires}"
		cat - line.*
	} >"$1"
	"$pm" fmt "$1"
	"$pm" sign --key map1.key --audit good.log "$1" "$1.dsse" 2>/dev/null || true
}
rows() { # NAME ROW...: of the class box
	local name=$1
	shift
	for row in "$@"; do echo "map box $row"; done | map "$name" 2
}
fleet() { # DB LINES...
	printf '%s\n' "${@:2}" | "$pm" fleet import --csv "$1" - >/dev/null
}
fleet full.db 00f1,box,production,1 00f2,box,production,2 00f3,box,beta,1
fleet new.db 00f1,box,production,2 00f3,box,beta,2
fleet nobeta.db 00f1,box,production,1
fleet other.db 00f1,box,production,1 00f2,other,production,1
: | "$pm" fleet import --csv empty.db - >/dev/null

cases=0
says() { # ITEM OUTCOME WORDS MAP OPTIONS...
	local item=$1 outcome=$2 words=$3 map=$4 status=0
	shift 4
	case " $* " in *" --trust "*) ;; *) set -- --trust good.root "$@" ;; esac
	"$pm" ready "$map" "$@" >out.txt 2>err.txt || status=$?
	grep -q "^$outcome  *$item  *.*$words" out.txt || {
		cat out.txt err.txt
		fail "$item of $map $*: not $outcome: $words"
	}
	[ "$outcome" = passed ] || [ $status = 1 ] || fail "exit $status although $item $outcome"
	cases=$((cases + 1))
}

rows good "beta 1 1 2 2" "production 1 1 2 2 ramp=5%,100%@+7d" "production 1 1 1 2"
whole="--catalogue shelf --fleet full.db --audit good.log"
"$pm" ready good.dsse --trust good.root $whole >out.txt 2>&1 || {
	cat out.txt
	fail "not ready, with nothing wrong"
}
[ "$(grep -c '^passed' out.txt)" = 13 ] && grep -q "^ready: 0 failed, 0 skipped" out.txt || fail "thirteen items"
[ "$("$pm" ready good.dsse --trust good.root $whole --json | grep -o '"outcome":"passed"' | wc -l)" = 13 ] || fail "ready --json"

# ---- roots and signatures ----
says root-threshold passed "2 of 3 root keys must sign: one stolen key is not enough" good.dsse
says root-threshold FAILED "1 of 2 root keys must sign: one stolen key is enough" good.dsse --trust weak.root
says root-spare-key passed "3 root keys, 2 needed: one may be lost$" good.dsse
says root-spare-key FAILED "2 root keys, 2 needed: none may be lost" good.dsse --trust tight.root
says heartbeat-key passed "no online key has a part" good.dsse
says heartbeat-key FAILED "an online key is also one of role map" good.dsse --trust weak.root
says map-signed passed "signed by enough of role map: root version 1 asks for 1" good.dsse
says map-signed FAILED "signed by too few of role map: root version 1 asks for 2" good.dsse --trust tight.root
says map-signed FAILED "nobody signed it" good
says map-epoch passed "map 1, root 1" good.dsse
says map-epoch FAILED "map 1, root 2" good.dsse --trust later.root
sed 's/^epoch .*/epoch    2/' good >epoch2
says map-epoch FAILED "map 2, root 1" epoch2
says audit passed "1 of 1 signatures under this map" good.dsse --audit good.log
says audit FAILED "0 of 1 signatures under this map" good.dsse --audit roots.log
says audit FAILED "0 entries; 0 of 1" good.dsse --audit none.log
says audit FAILED "0 of 0 signatures" good --audit good.log
{ cat good.log && echo '{"number":7}'; } >cut.log
says audit FAILED "1 good entries, and then the chain is broken" good.dsse --audit cut.log
says audit skipped "give --audit" good.dsse

# ---- lint, catalogue, fleet, expiry ----
says lint passed "0 errors, 0 warnings" good.dsse
sed '/^image .* 2 /d' good >noimage
says lint FAILED "2 errors" noimage
says lint FAILED "could not be run" good.dsse --catalogue gone
says catalogue passed "of 3 images 3 are published, 3 with a manifest that the role image signed" good.dsse --catalogue shelf
says catalogue FAILED "of 3 images 3 are published, 0 with" good.dsse --catalogue bare
mkdir part && cp shelf/[12].dsse part/
says catalogue FAILED "of 3 images 2 are published" good.dsse --catalogue part
says catalogue FAILED "cannot be read" good.dsse --catalogue gone
says catalogue skipped "give --catalogue" good.dsse
says fleet passed "3 boxes, 0 without a row" good.dsse --fleet full.db
says fleet FAILED "2 boxes, 1 without a row, such as 00f2" good.dsse --fleet other.db
says fleet FAILED "there is no box in the database" good.dsse --fleet empty.db
says fleet FAILED "cannot be opened" good.dsse --fleet gone.db
says fleet skipped "give --fleet" good.dsse
says expiry passed "[0-9]* days from now" good.dsse
expires=$(date -u -d '+13 days' +%Y-%m-%dT%H:%MZ) rows soon "production 1 1 2 2"
says expiry FAILED "1[23] days from now, two weeks are needed" soon.dsse
expires=2026-11-21T10:00:01Z rows past "production 1 1 2 2"
says expiry FAILED "expired, [0-9]* days ago" past.dsse
expires= rows never "production 1 1 2 2"
says expiry FAILED "no expires line" never.dsse

# ---- who goes first, and how many at once ----
both() { # OUTCOME WORDS MAP OPTIONS...: the two items say the same
	says beta-first "$@"
	says ramp "$@"
}
says beta-first passed "box: 2 is for 100 % of beta and 5 % of production" good.dsse
says beta-first passed "2 is for 100 % of beta and 5 % of production" good.dsse --fleet full.db
says beta-first FAILED "no box of the fleet is in beta" good.dsse --fleet nobeta.db
says ramp passed "box: 2 goes from 0 % to 5 % of production at once$" good.dsse
rows nobeta "production 1 1 2 2 ramp=5%,100%@+7d" "production 1 1 1 2"
says beta-first FAILED "no row for beta" nobeta.dsse
rows lazy "beta 1 1 1 2" "production 1 1 2 2 ramp=5%,100%@+7d" "production 1 1 1 2"
says beta-first FAILED "2 is for 0 % of beta and 5 % of production" lazy.dsse
rows held "beta 1 1 2 2 hold" "production 1 1 2 2 ramp=5%,100%@+7d" "production 1 1 1 2"
says beta-first FAILED "2 is for 0 % of beta" held.dsse
rows same "beta 1 1 2 2 ramp=5%,100%@+7d" "beta 1 1 1 2" "production 1 1 2 2 ramp=5%,100%@+7d" "production 1 1 1 2"
says beta-first FAILED "2 is for 5 % of beta and 5 % of production" same.dsse
rows any "* 1 1 2 2 ramp=5%,100%@+7d" "* 1 1 1 2"
says beta-first FAILED "no row for beta" any.dsse
says ramp passed "2 goes from 0 % to 5 %" any.dsse
rows steep "beta 1 1 2 2" "production 1 1 2 2 ramp=6%,100%@+7d" "production 1 1 1 2"
says ramp FAILED "2 goes from 0 % to 6 % of production at once, more than 5 %" steep.dsse
rows later "beta 1 1 2 2" "production 1 1 2 2 from=2026-12-01T00:00Z" "production 1 1 1 2"
says ramp FAILED "2 goes from 0 % to 100 % of production at once" later.dsse
rows until "beta 1 1 2 2" "production 1 1 2 2 until=2026-12-01T00:00Z" "production 1 1 1 2"
says ramp FAILED "2 goes from 0 % to 100 %" until.dsse
rows begun "beta 1 1 2 2" "production 1 1 2 2 from=2026-11-01T00:00Z ramp=5%,100%@+7d" "production 1 1 1 2"
says ramp FAILED "2 goes from 0 % to 100 %" begun.dsse
rows two "beta 1 1 3 3" "production 1 1 3 3 ramp=1%,100%@+7d" "production 1 1 2 3 ramp=20%,100%@+7d" "production 1 1 1 3"
says ramp FAILED "2 goes from 0 % to 20 %" two.dsse
says beta-first passed "2 is for 100 % of beta and 20 % of production" two.dsse
rows kept "production 1 1 1 3 until=2026-12-01T00:00Z" "production 1 1 2 3"
both skipped "2 without a ramp; give --previous or --fleet" kept.dsse

# ---- a first roll-out without gates, and what a fleet or the map before say of it ----
rows flat "beta 2 2 2 2" "production 2 2 2 2"
both skipped "box: 2 without a ramp; give --previous or --fleet to see whether it is new" flat.dsse
both passed "box: none of 1 production boxes changes" flat.dsse --fleet new.db
says ramp FAILED "1 of 2 production boxes change at once" flat.dsse --fleet full.db
says beta-first FAILED "2 is for 100 % of beta and 100 % of production" flat.dsse --fleet full.db
rows calm "beta 1 1 2 2" "production 1 1 2 2"
both passed "none of 2 production boxes changes" calm.dsse --fleet full.db
rows stopped "beta 1 1 2 2" "production 2 2 2 2 hold"
both passed "nothing is new in production" stopped.dsse
before() { # ROW...: by the map before
	for row in "$@"; do echo "map box $row"; done | map before 1
}
before "beta 2 2 2 2" "production 2 2 2 2"
both passed "nothing is new in production" flat.dsse --previous before.dsse
both passed "nothing is new in production" flat.dsse --previous before.dsse --fleet full.db
before "production 1 1 1 2"
says ramp FAILED "2 goes from 0 % to 100 % of production" flat.dsse --previous before.dsse
says beta-first FAILED "2 is for 100 % of beta and 100 % of production" flat.dsse --previous before.dsse
before "beta 1 1 2 2" "production 1 1 1 2"
says beta-first passed "beta had 2 by the map before" flat.dsse --previous before.dsse
before "beta 3 3 3 3" "production 3 3 3 3"
both passed "goes back to 2, which is for all at once" flat.dsse --previous before.dsse
before "production 1 1 2 2 ramp=1%,100%@+7d" "production 1 1 1 2"
says ramp passed "2 goes from 1 % to 5 % of production at once" good.dsse --previous before.dsse
rows steps "beta 1 1 2 2" "production 1 1 2 2 ramp=20%,100%@+7d" "production 1 1 1 2"
says ramp FAILED "2 goes from 1 % to 20 % of production at once" steps.dsse --previous before.dsse
before "beta 1 1 2 2" "production 1 1 2 2 from=2026-11-01T00:00Z ramp=5%,100%@+7d" "production 1 1 1 2"
both passed "nothing is new in production" begun.dsse --previous before.dsse
{ sed -n '1,/^issued/p' good && echo "map other beta 1 1 1 1" && echo "image other 1 $(sed 's/^image  *box  *1//' line.1)"; } >elsewhere
both skipped "2 without a ramp; give --fleet" flat.dsse --previous elsewhere
rows onlybeta "beta 1 1 2 2"
both passed "no row for production" onlybeta.dsse
says way-back passed "no row for production" onlybeta.dsse

# ---- a way back; no class at all ----
says way-back passed "box: 1 images older than 2 in the map$" good.dsse
sed '/^image .* 1 /d; /production .* 1 2$/d; s/ramp=.*//' good >oneway
says way-back FAILED "0 images older than 2 in the map: a recall has nothing to go back to" oneway
sed 's/^\(map *box\) /\1-debug /; s/^\(image *box\) /\1-debug /' good >debug
says classes FAILED "rows for no class but those for debugging" debug
echo "ready: $cases cases"
