#!/bin/sh
# What Carousel needs from Debian: `check` lists what is missing, `install` installs it, `ensure` installs only
# when something is missing. DEPS=no forbids installing.
set -eu

build="gcc make pkg-config libc6-dev libuv1-dev libssl-dev libsodium-dev zlib1g-dev libdeflate-dev liberasurecode-dev libexpat1-dev
libjansson-dev libinih-dev libmicrohttpd-dev libsqlite3-dev scdoc"
tests="libcmocka-dev libisal-dev iproute2 nftables ethtool u-boot-qemu libubootenv-tool squashfs-tools e2fsprogs uftp udpcast time
clang-format procps openssl softhsm2 libengine-pkcs11-openssl python3-minimal git"

missing=""
for package in $build $tests; do
	status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done

case "${1:-check}" in
check)
	[ -z "$missing" ] && echo "deps: nothing is missing" && exit 0
	echo "deps: missing:$missing"
	exit 1
	;;
install | ensure)
	if [ -z "$missing" ]; then
		[ "$1" = ensure ] || echo "deps: nothing is missing"
		exit 0
	fi
	echo "deps: missing:$missing"
	if [ "${DEPS:-yes}" = no ]; then
		echo "deps: DEPS=no forbids installing; install these packages and try again" >&2
		exit 1
	fi
	sudo=""
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
	;;
*)
	echo "usage: deps.sh check | install | ensure" >&2
	exit 2
	;;
esac
