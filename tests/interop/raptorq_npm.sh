#!/bin/sh
# RaptorQ symbols both ways between Carousel and another codec, the npm package `raptorq` (WebAssembly). The package is
# installed below the build directory; where that cannot be done the test is skipped (77).
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
work=$build/interop/raptorq
version=1.7.24
mkdir -p "$work"
command -v node >/dev/null && command -v npm >/dev/null || {
	echo "there is no node and npm"
	exit 77
}
if [ ! -e "$work/node_modules/raptorq/raptorq.js" ]; then
	(cd "$work" && echo '{"private":true,"type":"module"}' >package.json &&
		timeout 120 npm install --no-audit --no-fund "raptorq@$version") >"$work/npm.log" 2>&1 || {
		echo "npm cannot install raptorq@$version"
		exit 77
	}
fi
package=$work/node_modules/raptorq
grep -q '"type"' "$package/package.json" || sed -i 's/^{/{ "type": "module",/' "$package/package.json"
passed=0
# K and T: the package numbers repair symbols without the K' - K of RFC 6330 section 5.3.1, so blocks are of K' symbols
# only (the vectors have others). Short last symbols; several sub-blocks (N > 1) in the last two.
for case in 10:64 18:64 101:96 1002:1280 2979:1024 2979:4096 11711:1024; do
	mtu=${case#*:}
	bytes=$((${case%:*} * mtu - 5))
	head -c "$bytes" /dev/urandom >"$work/object"
	"$build/bin/raptorq_npm" encode "$work/object" "$work/packets" "$mtu"
	node tests/interop/raptorq_npm.mjs "$package" decode "$work/packets" "$work/decoded" "$mtu" "$bytes"
	cmp "$work/object" "$work/decoded"
	node tests/interop/raptorq_npm.mjs "$package" encode "$work/object" "$work/packets" "$mtu"
	"$build/bin/raptorq_npm" decode "$work/packets" "$work/decoded" "$mtu" "$bytes"
	cmp "$work/object" "$work/decoded"
	passed=$((passed + 2))
done
echo "$passed objects passed both ways with raptorq $version"
