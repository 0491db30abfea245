/* boot_directory.h - a boot loader whose flags are files in a directory (carousel-rx.5, "BOOT DIRECTORY").
 *
 *     order          "0 1": the slots in the order in which the boot loader tries them
 *     slot0, slot1   "good", "bad", or "trial N": N boots are left to prove it
 *     running        "0" or "1": written by the boot loader, the slot it booted
 *
 * Each file is replaced atomically and synced. A missing order is "0 1", a missing slot file "good". */
#ifndef CAROUSEL_RX_DAEMON_BOOT_DIRECTORY_H
#define CAROUSEL_RX_DAEMON_BOOT_DIRECTORY_H

#include "carousel_rx.h"

struct boot_directory {
	char path[512];
};

/* Fills in the adapter, which borrows *dir. Errors: ARGUMENT (path too long). */
int boot_directory_init(struct boot_directory *dir, const char *path, struct carousel_boot *);

/* What a boot loader does with the directory at power-on, for boxes whose boot loader can run it (an initramfs), for
 * tests and the demo: takes the first slot of the order that is good or has a trial left, counts the trial down,
 * writes `running`. Errors: NOT_FOUND (no slot can be booted), MALFORMED, STORAGE and other errors of files. */
int boot_directory_boot(const struct boot_directory *, int *slot);

#endif
