#!/bin/bash
# carousel-sim impair between two networks: the loss is the one asked for, the same seed loses the same packets, the
# loss can be changed while it runs, delays and both families work, and a daemon that is alive keeps its socket.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/netns.sh
net_need
tool=${BUILD:-build}/bin/udp_tool
sim=${BUILD:-build}/bin/carousel-sim
work=$(mktemp -d)
trap 'net_down; rm -rf "$work"' EXIT
net_switch before
net_switch after
for host in headend impair box1; do net_host $host; done
net_plug headend before 1
net_plug impair before 2
net_plug impair after 2
net_plug box1 after 11

failed=0
wait_for() { # COMMAND...: until it succeeds, at most 5 s
	for _ in $(seq 100); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
check() { # WORD GOT WANTED
	if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: got $2, wanted $3" && failed=1; fi
}
near() { # WORD GOT WANTED DEVIATION
	if awk "BEGIN { exit !($2 > $3 - $4 && $2 < $3 + $4) }"; then
		echo "ok: $1: $2 is about $3"
	else
		echo "FAILED: $1: got $2, wanted $3 +- $4" && failed=1
	fi
}
field() { # FILE NAME
	sed -n "s/.*\"$2\":\"\{0,1\}\([^,}\"]*\).*/\1/p" "$1"
}
control() { # REQUEST
	python3 - "$work/socket" "$1" <<-'PYTHON'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.settimeout(5)
		s.connect(sys.argv[1])
		s.sendall(sys.argv[2].encode() + b"\n")
		print(s.makefile().readline(), end="")
	PYTHON
}
start_impair() { # IN OUT OPTIONS...
	local in=$1 out=$2
	shift 2
	ip netns exec "$(net impair)" "$sim" impair --in "$in" --out "$out" --in-interface eth0 --out-interface eth1 --duration 60s \
		--control "$work/socket" "$@" >"$work/impair" 2>&1 &
	impair=$!
	wait_for test -S "$work/socket" || check "impair starts" "$(cat "$work/impair")" yes
}
stop_impair() {
	kill -TERM $impair
	wait $impair
	check "impair ends well" $? 0
	check "its socket is gone" "$(ls "$work/socket" 2>/dev/null)" ""
}
listen() { # OPTIONS...
	rm -f "$work/ready"
	net_in box1 timeout 30 "$tool" receive --interface eth0 --quiet 400ms --ready "$work/ready" "$@" >"$work/box1" 2>&1 &
	box1=$!
	wait_for test -e "$work/ready" || check "box1 listens" "$(cat "$work/box1")" yes
}
send() { # TO COUNT OPTIONS...
	local to=$1 count=$2
	shift 2
	net_in headend "$tool" send --to "$to" --interface eth0 --count "$count" --size 1024 --rate 200M "$@" >"$work/sent"
	wait $box1
}

n=20000
for families in '239.77.1.1:4001 239.77.2.2:4002' '[ff3e::77:1]:4001 [ff3e::77:2]:4002'; do
	# shellcheck disable=SC2086
	set -- $families
	before=""
	for run in 1 2; do
		start_impair "$1" "$2" --loss 10% --seed 42
		listen --group "$2"
		send "$1" $n
		stop_impair
		check "$1 run $run: all came to impair" "$(field "$work/impair" received)" $n
		# Four standard deviations of n draws at 10 %: sqrt(0.1 * 0.9 / 20000) * 4 = 0.0085.
		near "$1 run $run: loss" "$(field "$work/impair" measured_loss)" 0.10 0.0085
		check "$1 run $run: the box has what passed" "$(field "$work/box1" received)" "$(field "$work/impair" passed)"
		check "$1 run $run: intact" "$(field "$work/box1" corrupt)" 0
		check "$1 run $run: in order" "$(field "$work/box1" disordered)" 0
		check "$1 run $run: its own source" "$(field "$work/box1" foreign)" 0
		[ -z "$before" ] || check "the same seed, the same number" "$(field "$work/impair" passed)" "$before"
		before=$(field "$work/impair" passed)
	done
done

start_impair 239.77.1.1:4001 239.77.2.2:4002
listen --group 239.77.2.2:4002
send 239.77.1.1:4001 $n
check "no loss: all arrive" "$(field "$work/box1" received)" $n
control '{"id":1,"op":"set","args":{"loss":0.5}}' >"$work/answer"
check "set loss" "$(field "$work/answer" loss)" 0.5
listen --group 239.77.2.2:4002
send 239.77.1.1:4001 $n
near "half is lost now" "$(field "$work/box1" received)" $((n / 2)) $((n / 50))
control '{"id":2,"op":"status"}' >"$work/answer"
check "status counts" "$(field "$work/answer" received)" $((2 * n))
control '{"id":3,"op":"set","args":{"loss":1.5}}' >"$work/answer"
check "an impossible loss" "$(field "$work/answer" code)" out-of-range
control '{"id":4,"op":"set","args":{"los":0.5}}' >"$work/answer"
check "an unknown key" "$(field "$work/answer" code)" unknown-word
net_in impair "$sim" impair --in 239.77.9.9:1 --out 239.77.9.8:1 --control "$work/socket" 2>"$work/second"
check "a second one leaves the first one's socket alone" $? 1
control '{"id":5,"op":"set","args":{"loss":"0","delay":"20ms","jitter":"30ms","duplicate":"10%"}}' >/dev/null
listen --group 239.77.2.2:4002
send 239.77.1.1:4001 2000
near "duplicates" "$(field "$work/box1" received)" 2200 60
check "intact" "$(field "$work/box1" corrupt)" 0
[ "$(field "$work/box1" disordered)" -gt 100 ]
check "jitter changes the order" $? 0
stop_impair

# Every model live, in IPv6, changed by the control socket while it runs. Bounds: four standard deviations.
g=ff3e::77
start_impair "[$g:1]:4001" "[$g:2]:4002" --seed 3
relay() { # ANSWER-OF: sends n packets through what was set
	listen --group "[$g:2]:4002"
	send "[$g:1]:4001" $n
	control '{"id":9,"op":"status"}' >"$work/after"
	check "no socket was too small" "$(field "$work/after" socket_drops)" 0
}
set_model() { # JSON
	control "{\"id\":6,\"op\":\"set\",\"args\":$1}" >"$work/answer"
	check "set $1" "$(field "$work/answer" ok)" true
}
set_model '{"gilbert":"0.0125 0.1125 0 1"}'
relay
# Bursts of 9 packets, 10 % in all: the variance of the mean is that of single losses times (1 + r) / (1 - r), r = 0.875.
near "Gilbert-Elliott loses a tenth" "$(field "$work/box1" received)" $((n * 9 / 10)) 660
set_model '{"trace":"sim/scenarios/ships.trace"}'
relay
lost=$("$sim" fit sim/scenarios/ships.trace --json | tee "$work/fit" | sed -n 's/.*"lost":\([0-9]*\).*/\1/p')
all=$(sed -n 's/.*"packets":\([0-9]*\).*/\1/p' "$work/fit")
near "a trace loses what it says" "$(field "$work/box1" received)" $((n - n * lost / all)) 1100
set_model '{"loss":0,"bit-error":1e-5}'
relay
# 8192 bits a packet: 1 - (1 - 1e-5)^8192 = 7.87 % of them damaged.
near "damaged" "$(field "$work/box1" corrupt)" $((n * 787 / 10000)) 152
check "and all there" "$(field "$work/box1" received)" $n
set_model '{"bit-error":0,"reorder":"5%","reorder-by":"20ms"}'
relay
check "reordering loses nothing" "$(field "$work/box1" received)" $n
check "and spoils nothing" "$(field "$work/box1" corrupt)" 0
near "late ones" "$(field "$work/after" reordered)" $((n / 20)) 124
# They come in bunches, of which the box sees the first out of order.
[ "$(field "$work/box1" disordered)" -gt 50 ]
check "the box sees them late" $? 0
set_model '{"reorder":0,"outages":"0s-40s"}'
listen --group "[$g:2]:4002" --wait 1s
send "[$g:1]:4001" 2000
check "nothing passes in an outage" "$(field "$work/box1" received)" 0
set_model '{"outages":"never"}'
relay
check "all passes after it" "$(field "$work/box1" received)" $n
stop_impair
"$sim" impair --in 239.77.1.1:4001 --out 239.77.2.2:4002 --trace gone.trace 2>"$work/usage"
check "a trace that is missing" "$? $(grep -c 'trace: gone.trace: there is no such thing here' "$work/usage")" "2 1"
"$sim" impair --in 239.77.1.1:4001 --out 239.77.2.2:4002 --outages 5s-1s 2>"$work/usage"
check "windows backwards" "$? $(grep -c 'outages: "5s-1s" is not a list of windows' "$work/usage")" "2 1"

"$sim" impair --in 239.77.1.1:4001 2>"$work/usage"
check "usage error" $? 2
"$sim" impair --in 239.77.1.1:4001 --out 239.77.1.1:4001 2>"$work/usage"
check "the same group in and out" $? 2
"$sim" impair --help >/dev/null
check "help" $? 0
exit $failed
