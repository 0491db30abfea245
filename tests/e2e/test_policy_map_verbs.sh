#!/bin/bash
# Every verb of policy-map, as its own help lists them: a table of how it is called when all is well. Each is run without a
# terminal; --json gives one JSON object of the promised form; wrong use exits 2, what cannot be done exits 1 and leaves
# stdout empty; none waits for a passphrase that cannot come.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh

# No controlling terminal, nothing on stdin, five seconds.
run() {
	local status=0
	setsid -w timeout 5 "$pm" "$@" </dev/null >out.txt 2>err.txt || status=$?
	return $status
}
is_json() { # FORMAT: out.txt is one line, one object, of this format
	python3 - "$1" <<-'PYTHON' || { cat out.txt; fail "no JSON of format $1 from: $verb"; }
		import json, sys
		lines = open("out.txt").read().splitlines()
		value = json.loads(lines[0])
		assert len(lines) == 1 and value["format"] == sys.argv[1]
	PYTHON
}

# ---- the scene ----
for name in root1 root2 map image beat; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
exec 3<<<"correct horse"
"$pm" keygen --passphrase-fd 3 --kdf-memory 64K locked >/dev/null
exec 3<&-
"$pm" trust init --root root1.pub --map map.pub,locked.pub --image image.pub --heartbeat beat.pub --key root1.key roots 2>/dev/null
"$pm" trust rotate --trust roots --root root2.pub --key root1.key,root2.key root.2 2>/dev/null
head -c 300000 /dev/urandom >image.bin
head -c 200000 image.bin >old.bin
"$pm" manifest create old.bin --class box2-fpu-4mb --version 100 >/dev/null
"$pm" manifest create image.bin --class box2-fpu-4mb --version 110 >/dev/null
cp "$example" fleet.map
"$pm" sign --key map.key fleet.map map.dsse
printf 'box_id,class,category,version\n00a1,box2-fpu-4mb,production,42\n' >fleet.csv
"$pm" fleet import --csv fleet.db fleet.csv >/dev/null

# VERB | ARGUMENTS | exit status | format of --json
table='
keygen            | --no-passphrase made                                             | 0 | carousel-keygen/1
trust init        | --root root1.pub --map map.pub --image image.pub --heartbeat beat.pub --key root1.key made.root | 0 | carousel-trust/1
trust rotate      | --trust roots --map map.pub --key root1.key made.2               | 0 | carousel-trust/1
trust append      | roots.copy root.2                                                | 0 | carousel-trust/1
trust verify      | roots                                                            | 0 | carousel-trust/1
trust show        | roots                                                            | 0 | carousel-trust/1
manifest create   | image.bin --class box2-fpu-4mb --version 110 --from old.bin      | 0 | carousel-manifest/1
manifest sign     | --key image.key image.bin.manifest made.manifest                 | 0 | carousel-sign/1
manifest show     | image.bin.manifest                                               | 0 | carousel-show/1
fmt               | fleet.copy                                                       | 0 | carousel-fmt/1
lint              | fleet.map                                                        | 0 | carousel-lint/1
promote           | --map fleet.copy box2-fpu-4mb 110 --manifest image.bin.manifest  | 0 | carousel-release/1
recall            | --map fleet.copy box2-fpu-4mb 105 --to 100                       | 0 | carousel-release/1
hold              | --map fleet.copy box2-fpu-4mb                                    | 0 | carousel-release/1
release           | --map held.copy box2-fpu-4mb                                     | 0 | carousel-release/1
diff              | map.dsse fleet.map --fleet fleet.db --paths                      | 0 | carousel-diff/1
simulate          | fleet.map --fleet fleet.db --days 3                              | 0 | carousel-simulate/1
fleet import      | --csv made.db fleet.csv                                          | 0 | carousel-fleet-import/1
fleet export      | fleet.db made.txt                                                | 0 | carousel-fleet-export/1
fleet show        | fleet.db                                                         | 0 | carousel-fleet-show/1
fleet kpi         | fleet.db --map fleet.map                                         | 0 | carousel-fleet-kpi/1
fleet watch       | fleet.db --once --map fleet.map --abort failure>1% --out made.d | 0 | carousel-fleet-watch/1
sign              | --key map.key fleet.map made.dsse                                | 0 | carousel-sign/1
verify            | --trust roots map.dsse                                           | 0 | carousel-verify/1
show              | fleet.map                                                        | 0 | carousel-show/1
ready             | map.dsse --trust roots                                           | 1 | carousel-ready/1
audit verify      | audit.jsonl                                                      | 0 | carousel-audit/1
audit show        | audit.jsonl                                                      | 0 | carousel-audit/1
explain           | --map fleet.map --class box2-fpu-4mb --version 42 --box-id 1     | 0 | carousel-explain/1
'

# ---- no verb is left out ----
verbs_of() { # the verbs that a help lists
	"$pm" "$@" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'
}
for verb in $(verbs_of); do
	case $verb in
	trust | manifest | fleet | audit) for sub in $(verbs_of "$verb"); do echo "$verb $sub"; done ;;
	*) echo "$verb" ;;
	esac
done | sort >listed
echo "$table" | cut -d'|' -f1 | sed 's/ *$//' | grep . | sort >tabled
diff listed tabled || fail "the table and the help differ"

fresh() { # copies that verbs may change
	rm -f made* roots.copy fleet.copy held.copy
	cp roots roots.copy
	cp fleet.map fleet.copy
	cp fleet.map held.copy
	"$pm" hold --map held.copy box2-fpu-4mb >/dev/null
}
echo "$table" | grep . >rows
while IFS='|' read -r verb args wanted format; do
	verb=$(echo $verb) wanted=$(echo $wanted) format=$(echo $format)
	fresh
	status=0
	run $verb $args || status=$?
	[ "$status" = "$wanted" ] || {
		cat err.txt
		fail "$verb: exit $status, not $wanted"
	}
	fresh
	status=0
	run $verb $args --json || status=$?
	[ "$status" = "$wanted" ] || {
		cat err.txt
		fail "$verb --json: exit $status, not $wanted"
	}
	is_json "$format"
	# Help, wrong use.
	run $verb --help || fail "$verb --help"
	[ ! -s err.txt ] && grep -q -- --json out.txt || fail "$verb --help does not tell of --json"
	status=0
	run $verb --no-such-option || status=$?
	[ $status = 2 ] && [ ! -s out.txt ] && [ "$(wc -l <err.txt)" = 1 ] || fail "$verb --no-such-option: exit $status"
	status=0
	run $verb || status=$?
	[ $status = 2 ] && [ ! -s out.txt ] || fail "$verb without arguments: exit $status"
	# The first file that is read is not there: told by its name, exit 1, nothing on stdout.
	case $verb in
	keygen | "fleet import") continue ;;
	esac
	gone=$(echo $args | sed 's/\b\(root1.pub\|roots\|roots.copy\|image.bin\|image.key\|image.bin.manifest\|fleet.copy\|fleet.map\|held.copy\|map.dsse\|fleet.db\|audit.jsonl\|map.key\)\b/gone.file/')
	fresh
	status=0
	run $verb $gone --json || status=$?
	[ $status = 1 ] && [ ! -s out.txt ] && grep -q gone.file err.txt || {
		cat out.txt err.txt
		fail "$verb without its file: exit $status"
	}
	[ -z "$(ls made* 2>/dev/null)" ] || fail "$verb without its file left $(ls made*)"
done <rows

# ---- JSON has stdout for itself ----
fresh
for args in "sign --key map.key fleet.map -" "manifest sign --key image.key image.bin.manifest -" "fmt fleet.copy --stdout" \
	"fmt -" "trust rotate --trust roots --map map.pub -" "simulate fleet.map --fleet fleet.db --svg -" "fleet export fleet.db -" \
	"trust init --root root1.pub --map map.pub --image image.pub --heartbeat beat.pub -" \
	"manifest create image.bin --class a --version 1 --out -" "manifest create image.bin --class a --version 1 --index-out -"; do
	status=0
	run $args --json || status=$?
	[ $status = 2 ] && [ ! -s out.txt ] && grep -q "do not both go to stdout" err.txt || fail "$args --json: exit $status"
done
run simulate fleet.map --fleet fleet.db --svg - && grep -q "^<svg" out.txt && [ "$(head -c 4 out.txt)" = "<svg" ] || fail "a plot on stdout"
run manifest create image.bin --class a --version 1 --out - && python3 -c 'import json; json.load(open("out.txt"))' || fail "a manifest on stdout"

# ---- passphrases: never a prompt, never a wait, nothing left behind ----
exec 4<<<"correct horse"
fresh
for args in "keygen made" "sign --key locked.key fleet.map made.dsse" "manifest sign --key locked.key image.bin.manifest made.m" \
	"trust init --root root1.pub --map map.pub --image image.pub --heartbeat beat.pub --key locked.key made.root" \
	"trust rotate --trust roots --map map.pub --key locked.key made.2"; do
	status=0
	run $args || status=$?
	[ $status = 1 ] && grep -q "no terminal: use --passphrase-fd" err.txt || {
		cat err.txt
		fail "$args: exit $status without a terminal"
	}
	status=0
	run $args --passphrase-fd 9 || status=$?
	[ $status = 1 ] && grep -q "no passphrase on file descriptor 9" err.txt || fail "$args: exit $status with a closed descriptor"
	[ -z "$(ls made* 2>/dev/null)" ] || fail "$args left $(ls made*)"
done
run sign --key locked.key --passphrase-fd 4 fleet.map made.dsse || fail "--passphrase-fd"

# ---- a path that is not UTF-8: told of as far as JSON can, never as nothing ----
odd=$'odd\xff'
cp roots "$odd.roots"
cp image.bin "$odd.bin"
cp fleet.map "$odd.map"
odd_json() { # FORMAT ARGUMENTS...
	verb="$2 $3"
	run "${@:2}" --json || fail "$verb of a path that is not UTF-8: $(cat err.txt)"
	is_json "$1"
	grep -q 'odd?' out.txt || fail "$verb does not name the file"
}
odd_json carousel-trust/1 trust verify "$odd.roots"
odd_json carousel-manifest/1 manifest create "$odd.bin" --class box2-fpu-4mb --version 110
odd_json carousel-sign/1 sign --key map.key --audit "$odd.log" "$odd.map" "$odd.dsse"
odd_json carousel-audit/1 audit verify "$odd.log"
odd_json carousel-verify/1 verify --trust roots "$odd.dsse"
odd_json carousel-fmt/1 fmt "$odd.map"
odd_json carousel-lint/1 lint "$odd.map"
odd_json carousel-release/1 hold --map "$odd.map" box2-fpu-4mb
odd_json carousel-keygen/1 keygen --no-passphrase "$odd.new"
odd_json carousel-fleet-export/1 fleet export fleet.db "$odd.txt"

# ---- what cannot be printed has failed, for people and for programs; a draft is written all the same ----
while IFS='|' read -r verb args wanted format; do
	verb=$(echo $verb)
	for json in "" --json; do
		fresh
		status=0
		setsid -w timeout 5 "$pm" $verb $args $json </dev/null >/dev/full 2>err.txt || status=$?
		# What prints nothing when all is well has nothing to lose.
		case "$verb $json" in "trust "[iar]*" " | "trust append " | "sign " | "manifest sign " | "fmt " | "fleet export ") continue ;; esac
		[ $status = 1 ] && { [ "$verb" = ready ] || grep -q stdout err.txt; } || {
			cat err.txt
			fail "$verb $json: exit $status with nothing printed"
		}
	done
done <rows
fresh
status=0
"$pm" fleet watch fleet.db --once --json --map fleet.map --abort 'below-minimum>0' --out made.d >/dev/full 2>err.txt || status=$?
[ $status = 3 ] && grep -q hold made.d || fail "fleet watch: no draft when stdout is full"
echo "every verb: good"
