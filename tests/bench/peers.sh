#!/bin/sh
# The peers of the end-to-end benchmark, each sending the same file from one namespace to the other.
# Sourced by e2e.sh, which sets work, image, sender, receiver, sender_if, receiver_if. Each function prints
# data-phase seconds, sender CPU s, sender KiB, receiver CPU s, receiver KiB; "-" for all when the file did not arrive
# whole.

# CPU seconds (user + system) and peak KiB that `/usr/bin/time -v -o FILE` wrote.
measured() { # FILE
	awk '/User time|System time/ { cpu += $NF } /Maximum resident/ { kib = $NF } END { printf "%.2f %d", cpu, kib }' "$1"
}

# uftp asks its receivers what they miss and sends it again: it has a way back. Data phase: its own count of seconds.
peer_uftp() {
	rm -rf "$work/uftp" && mkdir "$work/uftp"
	ip netns exec "$receiver" /usr/bin/time -v -o "$work/uftpd.time" \
		uftpd -d -D "$work/uftp" -I "$receiver_if" -B 8388608 >"$work/uftpd.log" 2>&1 &
	uftpd_job=$!
	sleep 1
	timeout 120 ip netns exec "$sender" /usr/bin/time -v -o "$work/uftp.time" \
		uftp -I "$sender_if" -R -1 -B 8388608 -b 1420 "$image" >"$work/uftp.log" 2>&1 </dev/null
	for pid in $(ip netns pids "$receiver"); do
		[ "$(cat "/proc/$pid/comm")" = uftpd ] && kill "$pid"
	done
	wait $uftpd_job
	if cmp -s "$image" "$work/uftp/$(basename "$image")"; then
		seconds=$(sed -n 's/.*Completed *time: *\([0-9.]*\) seconds.*/\1/p' "$work/uftp.log")
		echo "$seconds $(measured "$work/uftp.time") $(measured "$work/uftpd.time")"
	else
		echo "- - - - -"
	fi
}

# udpcast in its one-way mode. Data phase: the size over the best running rate that its receiver shows.
peer_udpcast() { # RATE FEC
	rm -f "$work/udpcast.img"
	ip netns exec "$receiver" /usr/bin/time -v -o "$work/udpr.time" timeout 60 udp-receiver --nokbd \
		--interface "$receiver_if" -f "$work/udpcast.img" --rcvbuf 8388608 >"$work/udpr.log" 2>&1 </dev/null &
	udpcast_job=$!
	sleep 1
	# shellcheck disable=SC2086
	ip netns exec "$sender" /usr/bin/time -v -o "$work/udps.time" timeout 60 \
		udp-sender --nokbd --interface "$sender_if" -f "$image" --async $2 --max-bitrate "$1" --blocksize 1424 \
		--ttl 1 --rexmit-hello-interval 300 --autostart 3 >"$work/udps.log" 2>&1 </dev/null
	wait $udpcast_job
	if cmp -s "$image" "$work/udpcast.img"; then
		seconds=$(tr '\r' '\n' <"$work/udpr.log" | sed -n 's/.*(\([0-9.]*\) Mbps).*/\1/p' | sort -n | tail -n 1 |
			awk -v bytes="$(stat -c %s "$image")" '{ printf "%.3f", bytes * 8e-6 / $1 }')
		echo "${seconds:--} $(measured "$work/udps.time") $(measured "$work/udpr.time")"
	else
		echo "- - - - -"
	fi
}
