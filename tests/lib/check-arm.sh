#!/bin/sh
# Builds the codec and its tests for 64-bit ARM and runs them on an emulated CPU: NEON against plain C. Without the cross
# compiler or the emulator (gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user-static) it says so and does nothing.
set -eu
cd "$(dirname "$0")/../.."
out=${BUILD:-build}/arm
cc=aarch64-linux-gnu-gcc
run=qemu-aarch64-static
for tool in $cc $run; do
	command -v "$tool" >/dev/null || {
		echo "check-arm: skipped, there is no $tool"
		exit 0
	}
done
mkdir -p "$out"
objects=""
for source in fec/gf256/*.c fec/raptorq/*.c common/bytes.c common/memory.c common/error.c \
	tests/lib/test.c tests/lib/fault_alloc.c; do
	object=$out/$(echo "$source" | tr / _).o
	$cc -std=c11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -DWITH_RS=0 -Itests/lib/arm -I. -Icommon -c "$source" -o "$object"
	objects="$objects $object"
done
for test in tests/unit/test_gf256.c tests/unit/test_raptorq.c tests/unit/test_raptorq_params.c \
	tests/unit/test_raptorq_plan.c tests/vectors/raptorq-vectors.c; do
	name=$(basename "$test" .c)
	# shellcheck disable=SC2086
	$cc -static -std=c11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -DWITH_RS=0 -Itests/lib/arm -I. -Icommon "$test" \
		$objects -o "$out/$name"
done
for test in test_gf256 test_raptorq test_raptorq_params test_raptorq_plan; do
	timeout 600 $run "$out/$test" >"$out/$test.log" || {
		cat "$out/$test.log"
		exit 1
	}
	echo "ok   $test ($(grep -c OK "$out/$test.log"))"
done
for mask in 0 0xffffffff; do
	CAROUSEL_CPU_MASK=$mask timeout 600 $run "$out/raptorq-vectors" tests/vectors/raptorq-vectors.csv
done
