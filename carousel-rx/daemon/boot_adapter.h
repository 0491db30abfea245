/* boot_adapter.h - the boot loader adapters of the daemon, one of which the configuration names. */
#ifndef CAROUSEL_RX_DAEMON_BOOT_ADAPTER_H
#define CAROUSEL_RX_DAEMON_BOOT_ADAPTER_H

#include "carousel-rx/daemon/boot_directory.h"
#include "carousel-rx/daemon/settings.h"

struct boot_adapter {
	struct boot_directory directory;
	const char *command;     /* exec */
	const char *environment; /* grubenv file; U-Boot: fw_env.config, NULL for the default */
	char cmdline[4096];      /* of the kernel: names the running slot (U-Boot, GRUB) */
	char uboot_separator;    /* of names and values in fw_setenv's scripts; 0: not known yet */
};

/* Fills in the table, which borrows the adapter and the settings. Errors: ARGUMENT, those of file_read(). */
int boot_adapter_init(struct boot_adapter *, const struct settings *, struct carousel_boot *);

/* The adapters that call programs (carousel-rx.5, "BOOT LOADERS"). */
void boot_exec_table(struct boot_adapter *, struct carousel_boot *);
void boot_uboot_table(struct boot_adapter *, struct carousel_boot *);
void boot_grub_table(struct boot_adapter *, struct carousel_boot *);

/* "carousel.slot=0" or "=1", also "rauc.slot=A" or "=B", in a kernel command line. Errors: NOT_FOUND. */
int boot_running_slot(const char *cmdline, int *slot);

#endif
