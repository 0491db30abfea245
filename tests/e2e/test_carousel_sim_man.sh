#!/bin/bash
# The manual pages of carousel-sim know every key, section and option that the program knows, and no other key.
set -eu
failed=0
breach() {
	echo "FAIL: $*"
	failed=1
}
page=sim/carousel-scenario.5.scd

# ---- keys: those that the readers of a scenario ask a section for, and those of channels ----
sources="sim/scenario.c sim/scenario_group.c"
known=$( {
	tr '\n' ' ' <<<"$(cat $sources)" |
		grep -oE 'config_(string|u64|bool|bytes|rate_bps|duration_ns|share|enum|required)\([[:space:]]*section,[[:space:]]*"[a-z-]+"' |
		sed 's/.*"\(.*\)"/\1/'
	sed -n '/channel_config_keys\[\] = {/,/}/p' sim/channel_config.c | grep -oE '"[a-z-]+"' | tr -d '"'
} | sort -u)
[ "$(wc -l <<<"$known")" -ge 45 ] || breach "only $(wc -l <<<"$known") keys were found in the sources"
for key in $known; do
	grep -qE "(^|, )\*$key\*" "$page" || breach "$page does not know the key $key"
done
# Lines of the page that begin with keys: "*key* = _VALUE_", several of them with commas.
told=$(grep -E '^\*[a-z-]+\*( =|,)' "$page" | grep -oE '(^|, )\*[a-z-]+\*' | grep -oE '[a-z][a-z-]*' | sort -u)
for key in $told; do
	grep -qx -- "$key" <<<"$known" || breach "$page tells of a key $key that there is not"
done

# ---- sections ----
for section in $(grep -ohE 'config_section\(s->config, "[a-z]+"|scenario_next\(s, "[a-z]+"' $sources | sed 's/.*"\(.*\)"/\1/' | sort -u); do
	grep -qE "^# \[$section( NAME)?\]" "$page" || breach "$page does not know the section $section"
done

# ---- options of the program ----
for option in $(grep -ohE '\{"[a-z-]+", CLI_' sim/cli/*.c | sed 's/{"\(.*\)".*/\1/' | sort -u); do
	grep -qF -- "*--$option*" sim/carousel-sim.1.scd || breach "carousel-sim.1 does not know --$option"
done
for verb in $(grep -ohE '^\s*\{"[a-z]+", "' sim/cli/main.c | grep -oE '[a-z]+'); do
	grep -qF -- "*carousel-sim* *$verb*" sim/carousel-sim.1.scd || breach "carousel-sim.1 does not know $verb"
done
[ $failed = 0 ] && echo "ok   $(wc -w <<<"$known") keys"
exit $failed
