#!/bin/sh
# Carousel's RaptorQ and its peers in one go, block size after block size, on the machine as it is now.
# usage: peer_fec.sh DIRECTORY     with one checkout a folder, whichever there are:
#        wirehair/ (github.com/catid/wirehair)   nanorq/ with deps/oblas/ (github.com/sleepybishop/nanorq)   raptorq/ (github.com/cberner/raptorq; rustc 1.85 or later)
set -eu
cd "$(dirname "$0")/../.."
peers=$(cd "${1:?usage: peer_fec.sh DIRECTORY}" && pwd)
build=$(mkdir -p "${BUILD:-build}/bench" && cd "${BUILD:-build}" && pwd)
built=""

if [ -d "$peers/wirehair" ]; then
	${CXX:-c++} -O3 -march=native -I "$peers/wirehair/include" -I "$peers/wirehair" tests/bench/peer_wirehair.cpp "$peers"/wirehair/*.cpp \
		-o "$build/bench/peer_wirehair"
	built="$built wirehair"
fi
if [ -d "$peers/nanorq" ]; then
	make -s -C "$peers/nanorq" libnanorq.a > /dev/null
	${CC:-cc} -O3 -march=native -I "$peers/nanorq/include" tests/bench/peer_nanorq.c "$peers/nanorq/libnanorq.a" -o "$build/bench/peer_nanorq"
	built="$built nanorq"
fi
if [ -d "$peers/raptorq" ]; then
	rust="${RUSTC:-rustc} --edition 2024 -C opt-level=3 -C codegen-units=1 -C target-cpu=native"
	$rust --crate-type lib --crate-name raptorq --cfg 'feature="std"' "$peers/raptorq/src/lib.rs" --out-dir "$build/bench"
	$rust --extern raptorq="$build/bench/libraptorq.rlib" tests/bench/peer_raptorq.rs -o "$build/bench/peer_raptorq"
	built="$built raptorq"
fi
for k in 100 1000 10000 50000; do
	"$build/tests/bench/bench_fec" -l 0 -k $k | grep -E 'setup|repair |decode-[12]0%'
	for peer in $built; do
		"$build/bench/peer_$peer" $k
	done
done
