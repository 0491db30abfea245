#!/bin/sh
# netns.sh - a small network of the test's own: namespaces joined by veth pairs and bridges. Sourced, not run.
#
#   net_need                     exit 77 with a word when no namespace can be made here
#   net_host NAME                a namespace; "$(net NAME)" is its name for `ip netns exec`
#   net_switch NAME              a namespace with a bridge: an Ethernet switch (multicast goes to every port)
#   net_plug HOST SWITCH N       host's interface eth<k> on the switch, 10.83.<s>.N/24 and fd83:<s>::N/64
#   net_join HOST_A HOST_B       the two joined directly: ethX on both, 10.83.<s>.1 and .2, fd83:<s>::1 and ::2
#   net_in HOST COMMAND...       runs it there
#   net_exec HOST COMMAND... &   becomes it there: $! is then the command's own pid
#   net_sent HOST                datagrams that the host's interfaces have sent, IGMP, MLD and neighbour discovery apart
#   net_lose HOST PERCENT        drops that share of the multicast datagrams that come in there (nftables)
#   net_down                     ends what runs there and removes all; called on exit
#
# Names hold the shell's pid, so that runs side by side do not meet. Nothing here reaches the machine's own network.

net_id=c$$
net_hosts=""
net_segment=0

net() {
	echo "$net_id-$1"
}

net_need() {
	if ! ip netns add "$net_id-probe" 2>/dev/null; then
		echo "no network namespace can be made here (root or CAP_NET_ADMIN is wanted)"
		exit 77
	fi
	ip netns del "$net_id-probe"
	trap 'net_down' EXIT
	trap 'exit 130' INT TERM
}

net_host() {
	ip netns add "$(net "$1")"
	net_hosts="$net_hosts $1"
	eval "net_ports_$1=0"
	ip -n "$(net "$1")" link set lo up
	# Addresses are usable at once, and no host speaks before it is asked to.
	ip netns exec "$(net "$1")" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations
		echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter' 2>/dev/null || true
}

net_switch() {
	net_host "$1"
	net_segment=$((net_segment + 1))
	eval "net_segment_$1=$net_segment"
	ip -n "$(net "$1")" link add bridge type bridge mcast_snooping 0 forward_delay 0
	ip -n "$(net "$1")" link set bridge up
}

# net_address HOST INTERFACE SEGMENT N
net_address() {
	ns=$(net "$1")
	ip -n "$ns" link set "$2" up
	ip -n "$ns" addr add "10.83.$3.$4/24" brd + dev "$2"
	ip -n "$ns" addr add "fd83:$3::$4/64" dev "$2" nodad
	ip -n "$ns" route replace 224.0.0.0/4 dev "$2"
	ip -n "$ns" -6 route replace ff00::/8 dev "$2" table local
	# What the host itself sends, without the group membership and neighbour chatter of its kernel.
	ip netns exec "$ns" nft -f - <<EOF
table inet sent_$2 {
	counter datagrams { }
	chain out {
		type filter hook output priority 0; policy accept;
		oifname "$2" ip protocol igmp accept
		oifname "$2" icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report, nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept
		oifname "$2" counter name datagrams
	}
}
EOF
}

# net_next_port HOST: sets net_port to a new interface name of the host.
net_next_port() {
	eval "port=\$net_ports_$1"
	eval "net_ports_$1=$((port + 1))"
	net_port=eth$port
}

net_plug() {
	net_next_port "$1"
	host_port=$net_port
	net_next_port "$2"
	ip link add "$host_port" netns "$(net "$1")" type veth peer name "port$net_port" netns "$(net "$2")"
	ip -n "$(net "$2")" link set "port$net_port" master bridge up
	eval "net_address \"$1\" \"$host_port\" \"\$net_segment_$2\" \"$3\""
}

net_join() {
	net_segment=$((net_segment + 1))
	net_next_port "$1"
	a_port=$net_port
	net_next_port "$2"
	b_port=$net_port
	ip link add "$a_port" netns "$(net "$1")" type veth peer name "$b_port" netns "$(net "$2")"
	net_address "$1" "$a_port" "$net_segment" 1
	net_address "$2" "$b_port" "$net_segment" 2
}

net_in() {
	in_ns=$(net "$1")
	shift
	ip netns exec "$in_ns" "$@"
}

net_exec() {
	exec_ns=$(net "$1")
	shift
	exec ip netns exec "$exec_ns" "$@"
}

net_sent() {
	net_in "$1" nft list counters 2>/dev/null | awk '/packets/ { n += $2 } END { print n + 0 }'
}

net_lose() {
	net_in "$1" nft -f - <<EOF
table netdev lose {
	chain in {
		type filter hook ingress device eth0 priority 0; policy accept;
		ip daddr 224.0.0.0/4 ip protocol udp numgen random mod 1000 < $(awk "BEGIN { print int($2 * 10) }") drop
		ip6 daddr ff00::/8 meta l4proto udp numgen random mod 1000 < $(awk "BEGIN { print int($2 * 10) }") drop
	}
}
EOF
}

net_down() {
	for host in $net_hosts; do
		for pid in $(ip netns pids "$(net "$host")" 2>/dev/null); do
			kill "$pid" 2>/dev/null
		done
	done
	tries=0
	for host in $net_hosts; do
		while [ -n "$(ip netns pids "$(net "$host")" 2>/dev/null)" ] && [ $tries -lt 30 ]; do
			sleep 0.1
			tries=$((tries + 1))
		done
		for pid in $(ip netns pids "$(net "$host")" 2>/dev/null); do
			kill -9 "$pid" 2>/dev/null
		done
		ip netns del "$(net "$host")" 2>/dev/null
	done
	net_hosts=""
}
