/* life_loader.h - the boot loaders of a box on the medium of flash_fs.h, each behind the daemon's own adapter.
 *
 * The programs that the adapters call are played in this process, over files of the medium, when the test program is
 * linked with -Wl,--wrap=child_run: fw_printenv and fw_setenv over two copies of an environment, each with a CRC and a
 * counter, of which the older is written; grub-editenv, which empties the file and writes it, as the real one does; and
 * a box maker's hook. So the power may go before, in and after each of their calls. */
#ifndef TESTS_LIB_LIFE_LOADER_H
#define TESTS_LIB_LIFE_LOADER_H

#include "carousel-rx/daemon/boot_adapter.h"

enum life_loader_kind {
	LIFE_LOADER_DIRECTORY,
	LIFE_LOADER_UBOOT,     /* libubootenv's fw_setenv, whose script counts trials down */
	LIFE_LOADER_UBOOT_OLD, /* U-Boot's own fw_setenv, whose script counts every boot down */
	LIFE_LOADER_GRUB,      /* whose script counts every boot down */
	LIFE_LOADER_EXEC,
};
const char *life_loader_name(enum life_loader_kind);

struct life_loader {
	enum life_loader_kind kind;
	struct boot_adapter adapter;
};

/* Puts the flags of a new box on the medium, under `dir`, a directory of it: slot 0 boots. */
void life_loader_blank(enum life_loader_kind, const char *dir);
/* The daemon's adapter in a box that booted `running`; borrows the loader and `dir`. */
void life_loader_open(
	struct life_loader *, enum life_loader_kind, const char *dir, int running, struct carousel_boot *);
/* What the boot loader does at power-on. Errors: NOT_FOUND (no slot can be booted), those of files. */
int life_loader_boot(enum life_loader_kind, const char *dir, int *slot);

/* The flags that a cut now would leave at least: the slot that comes first, and what a slot is: "good", "bad" or
 * "trial N". */
int life_loader_first(enum life_loader_kind, const char *dir);
void life_loader_flag(enum life_loader_kind, const char *dir, int slot, char text[16]);

#endif
