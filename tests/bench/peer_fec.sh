#!/bin/sh
# Carousel's RaptorQ and a peer in one go, block size after block size, on the machine as it is now.
# usage: peer_fec.sh DIRECTORY     of a checkout of wirehair 2 (github.com/catid/wirehair)
set -eu
cd "$(dirname "$0")/../.."
peer=${1:?usage: peer_fec.sh DIRECTORY}
build=${BUILD:-build}
mkdir -p "$build/bench"
${CXX:-c++} -O3 -march=native -I "$peer/include" -I "$peer" tests/bench/peer_wirehair.cpp "$peer"/*.cpp \
	-o "$build/bench/peer_wirehair"
for k in 100 1000 10000 50000; do
	"$build/tests/bench/bench_fec" -l 0 -k $k | grep -E 'setup|repair |decode-[12]0%'
done
"$build/bench/peer_wirehair"
