#!/bin/sh
# Makes real update images out of Debian packages:
#   images.sh board CLASS VERSION U-BOOT-BOARD OUT   squashfs with that board's U-Boot and an os-release
#   images.sh plain CLASS VERSION MEGABYTES OUT      squashfs with an os-release and that much incompressible filling (tests)
#   images.sh root  CLASS VERSION MEGABYTES OUT      ext4 root file system filled with installed package files
# Times, ids and order are fixed, so that two versions differ where a release differs and nowhere else.
set -eu
die() {
	echo "images.sh: $*" >&2
	exit 1
}
[ $# -eq 5 ] || die "usage: images.sh board|plain|root CLASS VERSION BOARD|MEGABYTES OUT"
kind=$1 class=$2 version=$3 what=$4 out=$5
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/etc" "$tree/boot"
cat >"$tree/etc/os-release" <<EOF
ID=carousel-box
NAME="Carousel box"
IMAGE_ID=$class
IMAGE_VERSION=$version
EOF
case $kind in
board)
	board=/usr/lib/u-boot/$what
	[ -d "$board" ] || die "no board $what in u-boot-qemu"
	for file in u-boot.bin u-boot.rom uboot.elf; do
		[ -e "$board/$file" ] && cp "$board/$file" "$tree/boot/"
	done
	# The version changes the boot environment too, as a release would.
	printf 'bootdelay=0\nversion=%s\nbootargs=root=/dev/vda ro image=%s\n' "$version" "$class" >"$tree/boot/uboot.env.txt"
	rm -f "$out"
	SOURCE_DATE_EPOCH=1700000000 mksquashfs "$tree" "$out" -quiet -no-progress -noappend -all-root -no-xattrs -processors 1 >/dev/null
	;;
plain)
	head -c "$((what * 1024 * 1024))" /dev/zero |
		openssl enc -aes-128-ctr -nosalt -K "$(printf '%032x' "$version")" -iv 0 >"$tree/filling" 2>/dev/null
	rm -f "$out"
	SOURCE_DATE_EPOCH=1700000000 mksquashfs "$tree" "$out" -quiet -no-progress -noappend -all-root -no-xattrs -noD -noF \
		-processors 1 >/dev/null
	;;
root)
	bytes=$((what * 1024 * 1024))
	mkdir -p "$tree/usr/lib" "$tree/usr/share"
	# Installed package files, in a fixed order, until about nine tenths of the image are full.
	# A release replaces some of them: every twelfth, another one in each version, has other content of the same size.
	filled=0
	number=0
	for file in $(find /usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /lib/arm-linux-gnueabihf /usr/lib/gcc -xdev -type f \
		-size +100k -size -4M 2>/dev/null | LC_ALL=C sort); do
		size=$(stat -c %s "$file")
		number=$((number + 1))
		[ $((filled + size)) -lt $((bytes * 80 / 100)) ] || continue
		copy=$tree/usr/lib/$(echo "$file" | tr / _)
		if [ $(((number + version) % 12)) -eq 0 ]; then
			tr "\\000-\\377" "\\377\\000-\\376" <"$file" | head -c "$size" >"$copy"
			truncate -s "$size" "$copy"
		else
			cp "$file" "$copy"
		fi
		filled=$((filled + size))
	done
	[ $filled -gt $((bytes / 2)) ] || die "only $filled bytes of package files found"
	# A release changes its programs: those that the version replaces come from the release's own package set.
	mkdir -p "$tree/usr/lib/release"
	for program in /usr/bin/make /usr/bin/unsquashfs; do
		[ -e "$program" ] && cp "$program" "$tree/usr/lib/release/$version-$(basename "$program")"
	done
	find "$tree" -exec touch -h -d @1700000000 {} +
	rm -f "$out"
	truncate -s "$bytes" "$out"
	E2FSPROGS_FAKE_TIME=1700000000 mke2fs -q -t ext4 -d "$tree" -L "root-$version" -E hash_seed=4fd3f10c-6d43-4f1e-8a4f-6c6b3c3f7a01 \
		-U 4fd3f10c-6d43-4f1e-8a4f-6c6b3c3f7a02 -N 512 -m 0 -O ^has_journal,^metadata_csum_seed -E root_owner=0:0,lazy_itable_init=0 "$out"
	;;
*) die "unknown kind $kind" ;;
esac
