#!/bin/sh
# attack.sh - for tests of attacks; sourced after case.sh.
#
#   attack_host NAME [N]        a host on the boxes' switch, as any stranger (address .66), or with the headend's own (1)
#   attack_send HOST VERB ...   tests/e2e/forger.c from there, on the session of the fleet
#   attack_mapped FILE          puts a signed map on the air past all checks of carousel-tx: the headend is in wrong hands
#   attack_heartbeat KEY SECONDS SEQUENCE FILE [EPOCH SERIAL]   a signed heartbeat, SECONDS from now
#   refused BOX ROLE            how many documents of that role the box has refused; nothing: none
#   has_refused BOX ROLE        whether it has any
#   has_alarm BOX ERROR [NOTE]  whether its event log has that alarm
#   is_untouched BOX            no other slot than the first was ever handed to the boot loader
#   status_has BOX TEXT         a piece of its status, without blanks

attack_host() {
	net_host "$1"
	net_plug "$1" air "${2:-66}"
}

attack_send() {
	attack_from=$1 attack_verb=$2
	shift 2
	net_in "$attack_from" forger "$attack_verb" --group "$fleet_group" --interface eth0 --tsi "$fleet_tsi" "$@"
}

attack_mapped() {
	cp "$1" "$fleet/catalogue/map.dsse"
	echo $(($(cat "$fleet/catalogue/generation" 2>/dev/null || echo 0) + 1)) >"$fleet/catalogue/generation"
}

attack_heartbeat() {
	printf '{"session":"main","sequence":%s,"time":%s,"epoch":%s,"serial":%s,"map_sha256":"%064d","rate_bps":1000}' \
		"$3" $(($(date +%s) + $2)) "${5:-1}" "${6:-1}" 7 >"$4.json"
	policy-map sign --role heartbeat --key "$fleet/keys/$1.key" "$4.json" "$4" >/dev/null
}

status_line() {
	fleet_rx "$1" status --json 2>/dev/null | tr -d ' \n'
}

refused() {
	status_line "$1" | sed -n 's/.*"refused":{\([^}]*\)}.*/\1/p' | tr ',' '\n' | sed -n "s/^\"$2\":\\([0-9]*\\)\$/\\1/p"
}

has_refused() {
	[ "$(refused "$1" "$2")" -gt 0 ] 2>/dev/null
}

has_alarm() {
	grep '"event":"alarm"' "$fleet/boxes/$1/state/events.jsonl" 2>/dev/null |
		grep -q "\"error\":\"$2\".*\"note\":\"${3:-}"
}

is_untouched() {
	[ "$(cat "$fleet/boxes/$1/boot/running")" = 0 ] && ! grep -q '^1' "$fleet/boxes/$1/boot/order" 2>/dev/null &&
		! grep -q trial "$fleet/boxes/$1/boot/slot1" 2>/dev/null
}

status_has() {
	status_line "$1" | grep -qF "$2"
}

status_number() { # BOX KEY
	status_line "$1" | grep -o "\"$2\":[0-9]*" | head -n 1 | cut -d: -f2
}
