#!/bin/bash
# fleet watch goes on over all that passes - a map that is being replaced, a database that is away, a draft that cannot be
# written, a hook that fails, a reader that has gone - says so, not again and again, and drafts the hold when it can.
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
. tests/lib/scratch.sh

reports() { # FIRST LAST FAILURES
	for i in $(seq "$1" "$2"); do
		echo "{\"box_id\":\"00b$i\",\"class\":\"box2-fpu-4mb\",\"category\":\"beta\",\"version\":105,\"kpi\":{\"failures\":$3}}"
	done
}
fresh() {
	rm -rf work && mkdir -p work/drafts
	cp "$example" work/fleet.map
	reports 100 199 0 | "$pm" fleet import work/fleet.db - >/dev/null
}
begin() { # OPTIONS...: a watch that looks twenty times a second
	timeout 60 "$pm" fleet watch work/fleet.db --map work/fleet.map --abort 'failure>5%' --interval 50ms \
		--out work/drafts/hold.map "$@" >out.txt 2>err.txt &
	watcher=$!
	await 2 'heard of' out.txt
}
await() { # COUNT WORDS FILE: so many lines with these words, within ten seconds
	for _ in $(seq 200); do
		[ "$(grep -c "$2" "$3")" -ge "$1" ] && return
		kill -0 $watcher 2>/dev/null || {
			cat err.txt
			fail "the watch has ended instead of: $2"
		}
		sleep 0.05
	done
	cat err.txt
	fail "no \"$2\" in $3"
}
fails_now() { reports 200 220 1 | "$pm" fleet import work/fleet.db - >/dev/null; }
drafts() { # the watch ends with its draft
	local status=0
	wait $watcher || status=$?
	[ $status = 3 ] || {
		cat err.txt
		fail "exit $status, not 3"
	}
	grep -q hold work/drafts/hold.map || fail "no draft"
}
never_starts() { # WORDS OPTIONS...: told of at once
	local status=0 words=$1
	shift
	timeout 20 "$pm" fleet watch "$@" >out.txt 2>err.txt </dev/null || status=$?
	[ $status = 1 ] && grep -q -- "$words" err.txt || {
		cat err.txt
		fail "exit $status of: fleet watch $*"
	}
}

# ---- what would never come right ends it before the first look ----
fresh
with="--abort failure>5% --interval 50ms"
never_starts "gone.map: there is no such thing" work/fleet.db --map gone.map --out work/d $with
never_starts "this is no map" work/fleet.db --map work/fleet.db --out work/d $with
never_starts "gone.db: there is no such thing" gone.db --map work/fleet.map --out work/d $with
never_starts "this is no fleet database" work/fleet.map --map "$example" --out work/d $with
never_starts "out: gone/: No such file" work/fleet.db --map work/fleet.map --out gone/d $with
never_starts "out: gone/: No such file" work/fleet.db --map work/fleet.map --out gone/d $with --once
never_starts "hook: no-such-hook: there is no such program" work/fleet.db --map work/fleet.map --out work/d $with --hook no-such-hook
never_starts "hook: ./no-such-hook: there is no such program" work/fleet.db --map work/fleet.map --out work/d $with --hook ./no-such-hook
never_starts "gone.map" work/fleet.db --map gone.map --out work/d $with --once
status=0
"$pm" fleet watch work/fleet.db --map work/fleet.map --abort 'silent>5,failure>x' --out work/d 2>err.txt || status=$?
[ $status = 2 ] && grep -q 'abort: "failure>x": ' err.txt || fail "which condition is wrong"
status=0
"$pm" fleet watch work/fleet.db --map work/fleet.map --abort 'silent>5' --out - 2>err.txt || status=$?
[ $status = 2 ] || fail "a draft on stdout"

# ---- a map in the middle of being replaced, a database that is away ----
begin
head -c 60 "$example" >work/fleet.map
await 1 "fleet.map:.*; the watch goes on" err.txt
sleep 0.5
[ "$(wc -l <err.txt)" = 1 ] || fail "told again and again: $(cat err.txt)"
cp "$example" work/fleet.map
await 1 "all is well again, after [0-9]* looks that failed" err.txt
looks=$(wc -l <out.txt)
mv work/fleet.db work/away.db
sleep 0.5
kill -0 $watcher || fail "a database that is away ends the watch"
mv work/away.db work/fleet.db
await $((looks + 3)) "heard of" out.txt
fails_now
drafts

# ---- a draft that cannot be written now is written later ----
fresh
begin
rmdir work/drafts
fails_now
await 1 "hold.map: .*; the watch goes on" err.txt
mkdir work/drafts
drafts

# ---- a hook that fails is called again; it gives up some time, and says so ----
cat >hook.sh <<'EOF'
#!/bin/sh
echo called >>calls
[ "$(wc -l <calls)" -ge "$(cat wanted)" ]
EOF
chmod +x hook.sh
for wanted in 3 100; do
	fresh
	rm -f calls
	echo $wanted >wanted
	begin --hook ./hook.sh
	fails_now
	drafts
	[ "$(wc -l <calls)" = $((wanted < 5 ? wanted : 5)) ] || fail "the hook was called $(wc -l <calls) times"
	[ "$(grep -c 'hook.sh: failed with exit status 1' err.txt)" = $((wanted < 5 ? wanted - 1 : 5)) ] || fail "a hook that fails is told of"
done
grep -q "was not called with success: somebody has to be told of work/drafts/hold.map" err.txt || fail "a hook that never worked"
# SIGTERM between two calls: the draft is there, and so is the status.
fresh
rm -f calls
fails_now
timeout 60 "$pm" fleet watch work/fleet.db --map work/fleet.map --abort 'failure>5%' --interval 30s --hook ./hook.sh \
	--out work/drafts/hold.map >out.txt 2>err.txt &
watcher=$!
for _ in $(seq 200); do
	[ -e calls ] && break
	sleep 0.05
done
kill -TERM $watcher
drafts
[ "$(wc -l <calls)" = 1 ] || fail "the hook was called $(wc -l <calls) times after SIGTERM"

# ---- nobody reads of it any more: the draft is written all the same, and the hook has its own SIGPIPE ----
fresh
cat >hook.sh <<'EOF'
#!/bin/sh
grep SigIgn /proc/self/status >ignored
EOF
timeout 60 "$pm" fleet watch work/fleet.db --map work/fleet.map --abort 'failure>5%' --interval 50ms --hook ./hook.sh \
	--out work/drafts/hold.map > >(head -n 1 >out.txt) 2>err.txt &
watcher=$!
await 1 'heard of' out.txt
await 1 'stdout: .*; the watch goes on' err.txt
fails_now
drafts
grep -q "0000$" ignored || fail "the hook inherits what the watch passes over: $(cat ignored)"
echo "fleet watch: goes on"
