#!/bin/sh
# Wireshark's dissector reads our packets and sees the fields that we meant. It knows FEC Encoding IDs 0, 6 and 129.
set -eu
BUILD=${BUILD:-build}
if ! command -v tshark >/dev/null; then
	echo "tshark is not installed (Debian package tshark)"
	exit 77
fi
mkdir -p "$BUILD/tests/interop"
capture=$BUILD/tests/interop/packets.pcap
"$BUILD/bin/write_packets" "$capture"

fields="frame.number rmt-lct.tsi rmt-lct.toi rmt-lct.cci rmt-lct.codepoint rmt-lct.flags.close_session rmt-lct.hlen
rmt-lct.flute_version rmt-lct.fdt_instance_id rmt-lct.cenc rmt-fec.sbn rmt-fec.esi rmt-fec.sbl rmt-fec.fti.transfer_length
rmt-fec.fti.encoding_symbol_length rmt-fec.fti.max_source_block_length rmt-fec.fti.num_blocks rmt-fec.fti.alignment"
set --
for field in $fields; do set -- "$@" -e "$field"; done
tshark -r "$capture" -d udp.port==4001,alc -T fields -E separator='|' "$@" 2>"$capture.err" >"$capture.seen"

expect() {
	line=$(sed -n "${1}p" "$capture.seen")
	[ "$line" = "$2" ] || {
		echo "packet $1: tshark saw   $line"
		echo "packet $1: we expected  $2"
		exit 1
	}
}
length=$(tshark -r "$capture" -d udp.port==4001,alc -Y 'frame.number == 1' -T fields -e rmt-fec.fti.transfer_length 2>/dev/null)
expect 1 "1|4001|0|00000011|0|0|52|2|77|0|0|0x00000000||$length|1024|20||"
expect 2 "2|4001|5|00000011|0|0|32||||1|0x00000015||40960|1024|20||"
expect 3 "3|4001|6|00000011|5|0|28|||||||40960||||"
expect 4 "4|4001|7|00000011|6|0|32||||1|0x00000015||40960|1024||2|8"
expect 5 "5|4001|8|00000011|129|0|32||||1|0x00000015|20|40960|1024|20||"
expect 6 "6|4001||00000000|0|1|12|||||||||||"
[ "$(wc -l <"$capture.seen")" = 6 ] || { echo "tshark saw another number of packets" && exit 1; }
tshark -r "$capture" -d udp.port==4001,alc -V 2>/dev/null | grep -q 'Content-Location="urn:carousel:image:box:105"' || {
	echo "tshark did not find the FDT's XML"
	exit 1
}
if tshark -r "$capture" -d udp.port==4001,alc -V 2>/dev/null | grep -qi malformed; then
	echo "tshark calls a packet malformed"
	exit 1
fi
echo "6 packets dissected as meant"
