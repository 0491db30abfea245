#!/bin/sh
# A loss trace recorded off the air on a link that loses a tenth: what `fit` finds in it is what the link does.
. "$(dirname "$0")/../lib/case.sh"
case_begin
case_image stb 105 2
echo "map stb production 75 100 105 120" >"$fleet/rows"
fleet_map 1 "$fleet/rows" stb-105 || exit 1
fleet_headend 8M
fleet_publish stb 105 && fleet_set_map || exit 1
net_host ear
net_plug ear air 9
net_lose ear 10
fleet_start_headend headend
record() {
	rm -f "$fleet/air.trace"
	net_in ear timeout 30 "$BUILD/bin/carousel-rx" record "$fleet/air.trace" --interface eth0 "$@"
}
check "a recording of eight seconds" record --group "$fleet_group" --tsi "$fleet_tsi" --duration 8s
"$BUILD/bin/carousel-sim" fit "$fleet/air.trace" --json >"$fleet/fit.json" || exit 1
cat "$fleet/fit.json"
lost=$(sed -n 's/.*"lost":\([0-9]*\).*/\1/p' "$fleet/fit.json")
packets=$(sed -n 's/.*"packets":\([0-9]*\).*/\1/p' "$fleet/fit.json")
check "some thousand packets" [ "$packets" -gt 3000 ]
check "eight to twelve percent of them lost" [ $((lost * 100)) -gt $((packets * 8)) -a $((lost * 100)) -lt $((packets * 12)) ]
check "the rate of the channel" grep -q '^pps [0-9][0-9][0-9]' "$fleet/air.trace"
again() {
	! net_in ear timeout 30 "$BUILD/bin/carousel-rx" record "$fleet/air.trace" --group "$fleet_group" --duration 1s
}
check "a recording that is there is not written over" again
silent() {
	! record --group 232.83.1.9:4009 --duration 1s
}
check "nothing heard is a failure" silent
check "and leaves no file" [ ! -e "$fleet/air.trace" ]
nowhere() {
	! record --group 232.83.1.9:4009 --interface nope0 2>"$fleet/why" && grep -q -- "--interface nope0: not an address" "$fleet/why"
}
check "an interface that is not there is named" nowhere
missing() {
	! net_in ear "$BUILD/bin/carousel-rx" record "$fleet/gone/air.trace" --group "$fleet_group" 2>"$fleet/why" &&
		grep -q "gone/air.trace: there is no such thing here" "$fleet/why"
}
check "a directory that is not there is named" missing
