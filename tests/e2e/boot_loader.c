/* boot_loader DIRECTORY - plays the boot loader of a box with a boot directory (carousel-rx.5): picks the slot that
 * boots now, counts a trial down, writes `running`, and prints 0 or 1. Exit 1 when no slot can be booted. */
#include "carousel-rx/daemon/boot_directory.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct boot_directory dir;
	struct carousel_boot boot;
	int slot = 0, err;
	if (argc != 2) {
		fprintf(stderr, "usage: boot_loader DIRECTORY\n");
		return 2;
	}
	err = boot_directory_init(&dir, argv[1], &boot);
	if (err == 0)
		err = boot_directory_boot(&dir, &slot);
	if (err) {
		fprintf(stderr, "boot_loader: %s: %s\n", argv[1], carousel_strerror(err));
		return 1;
	}
	printf("%d\n", slot);
	return 0;
}
