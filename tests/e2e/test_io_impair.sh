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

"$sim" impair --in 239.77.1.1:4001 2>"$work/usage"
check "usage error" $? 2
"$sim" impair --in 239.77.1.1:4001 --out 239.77.1.1:4001 2>"$work/usage"
check "the same group in and out" $? 2
"$sim" impair --help >/dev/null
check "help" $? 0
exit $failed
