#!/bin/sh
# What a user and a running application may ask of a box, over the control socket: the rule stays what it is.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 82 1
case_image stb 105 2
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 16M
fleet_publish stb 105 && fleet_set_map || exit 1
fleet_start_headend headend
for name in asked busy sleepy; do
	case_box $name stb 82
	fleet_start_box $name $name
done

is_state() { # NAME STATE
	[ "$(fleet_state "$1")" = "$2" ]
}
says() { # WORD COMMAND...: the command's output has the word
	wanted=$1
	shift
	"$@" 2>&1 | grep -q -- "$wanted"
}
fails() {
	! "$@" 2>/dev/null
}

# Wrong usage, and a receiver that is not there.
check "a verb that is none" sh -c 'carousel-rx dance 2>/dev/null; [ $? = 2 ]'
check "an argument too many" sh -c 'carousel-rx pause now 2>/dev/null; [ $? = 2 ]'
check "a duration that is none" sh -c 'carousel-rx defer soon 2>/dev/null; [ $? = 2 ]'
check "help is no failure" says usage carousel-rx defer --help
check "no receiver there" says "no receiver runs there" carousel-rx status --socket "$fleet/none.sock"
check "the configuration is good" carousel-rx run --check-config --config "$fleet/boxes/asked/rx.ini"
sed 's/^box-id.*/box-id = 1\nspeed = 3/' "$fleet/boxes/asked/rx.ini" >"$fleet/bad.ini"
sed 's/^interface.*/interface = gone0/' "$fleet/boxes/asked/rx.ini" >"$fleet/gone.ini"
check "an interface that is not there is told of" says 'warning: .*no interface gone0' carousel-rx run --check-config --config "$fleet/gone.ini"
check "a key that is not known is named with its line" says 'bad.ini:3: .*speed' carousel-rx run --check-config --config "$fleet/bad.ini"

# Field 41 of stat is the policy; the name before it may have blanks.
has_idle_thread() { # NAME
	awk '{ sub(/.*\) /, ""); found += $39 == 5 } END { exit !found }' "/proc/$(cat "$fleet/boxes/$1/rx.pid")"/task/*/stat
}
receives_as_others_do() { # NAME
	awk '{ sub(/.*\) /, ""); exit $39 != 0 }' "/proc/$(cat "$fleet/boxes/$1/rx.pid")/stat"
}
check "decoding gives way" has_idle_thread asked
check "reception does not" receives_as_others_do asked
check "status tells the priority" says '"priority": *"idle"' fleet_rx asked status --json

check "asked is offered 105" fleet_wait 20 is_state asked offered
check "and says so" says "offer to 105" fleet_rx asked explain
check "status for people" says "^decision  offer 105" fleet_rx asked status
check "one line of watch" says "^offered" fleet_rx asked watch --count 1
check "another version is not what is offered" fails fleet_rx asked accept 104
check "put off" fleet_rx asked defer 1h
check "is scheduled" is_state asked scheduled
check "declined" fleet_rx asked decline
check "is content" is_state asked up-to-date
check "nothing is offered now" says "declined" fleet_rx asked accept
check "changed his mind" fleet_rx asked install-now
check "runs 105" fleet_wait 30 fleet_is_version asked 105

# What the box tells goes into the fleet database, signed where the box has a key there.
reports="$fleet/reports"
mkdir -p "$reports"
policy-map keygen --no-passphrase "$reports/asked" >/dev/null
fleet_rx asked report >"$reports/bare"
id=$(sed 's/.*"box_id":"\([^"]*\)".*/\1/' "$reports/bare")
echo "$id,$(sed '/^-/d' "$reports/asked.pub" | tr -d '\n')" >"$reports/keys"
fleet_rx asked report --key "$reports/asked.key" >"$reports/signed"
check "a report that nobody signed" says "1 taken (0 signed, 1 not)" policy-map fleet import "$reports/db" "$reports/bare"
check "the box gets a key" says "1 taken" policy-map fleet import --keys "$reports/db" "$reports/keys"
check "a bare report is refused now" says "0 taken.*1 bad" policy-map fleet import "$reports/db" - <"$reports/bare"
check "a signed one is taken" says "1 taken (1 signed, 0 not)" policy-map fleet import "$reports/db" "$reports/signed"
check "and tells what runs" says " 105 .* now" policy-map fleet show "$reports/db" --box "$id"

# A running application holds the lock as long as it lives, however it ends.
check "busy is offered 105" fleet_wait 20 is_state busy offered
carousel-rx inhibit --socket "$fleet/boxes/busy/rx.sock" sleep 15 &
inhibitor=$!
locked() {
	[ "$(case_number busy inhibits)" = "$1" ]
}
check "the lock is held" fleet_wait 5 locked 1
check "accepted" fleet_rx busy accept 105
check "waits for the application" is_state busy scheduled
check "and says so" says "inhibit lock" fleet_rx busy explain
kill -9 $inhibitor
wait $inhibitor 2>/dev/null
check "the lock went with its holder" fleet_wait 5 locked 0
check "busy runs 105" fleet_wait 30 fleet_is_version busy 105
check "the status of the command is handed on" sh -c "carousel-rx inhibit --socket $fleet/boxes/busy/rx.sock sh -c 'exit 7'; [ \$? = 7 ]"

# Paused over a restart; what was heard is written when it is told to end.
check "sleepy is offered 105" fleet_wait 20 is_state sleepy offered
check "paused" fleet_rx sleepy pause
fleet_stop_box sleepy
fleet_start_box sleepy sleepy
paused() {
	fleet_rx sleepy status --json 2>/dev/null | grep -q '"paused": true'
}
check "still paused after a restart" fleet_wait 10 paused
check "goes on" fleet_rx sleepy resume
check "flushed" fleet_rx sleepy flush
check "is offered what it had received" fleet_wait 20 is_state sleepy offered
