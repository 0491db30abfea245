#include "carousel-rx/daemon/boot_adapter.h"

#include "common/carousel_error.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int boot_running_slot(const char *cmdline, int *slot)
{
	static const struct {
		const char *word;
		int slot;
	} known[] = {{"carousel.slot=0", 0}, {"carousel.slot=1", 1}, {"rauc.slot=A", 0}, {"rauc.slot=B", 1}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t len = strlen(known[i].word);
		for (const char *at = cmdline; (at = strstr(at, known[i].word)) != NULL; at += len) {
			bool starts = at == cmdline || at[-1] == ' ';
			bool ends = at[len] == 0 || at[len] == ' ' || at[len] == '\n';
			if (starts && ends) {
				*slot = known[i].slot;
				return 0;
			}
		}
	}
	return CAROUSEL_E_NOT_FOUND;
}

/* A file of /proc has no size to ask for. */
static int boot_read_cmdline(struct boot_adapter *b)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, b->cmdline, sizeof(b->cmdline) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (len < 0)
		return CAROUSEL_E_IO;
	b->cmdline[len] = 0;
	return 0;
}

int boot_adapter_init(struct boot_adapter *b, const struct settings *s, struct carousel_boot *boot)
{
	int result = 0;
	memset(b, 0, sizeof(*b));
	b->command = s->boot_command;
	b->environment = s->boot_environment;
	switch (s->boot) {
	case SETTINGS_BOOT_DIRECTORY:
		return boot_directory_init(&b->directory, s->boot_directory, boot);
	case SETTINGS_BOOT_EXEC:
		boot_exec_table(b, boot);
		return 0;
	case SETTINGS_BOOT_UBOOT:
		result = boot_read_cmdline(b);
		boot_uboot_table(b, boot);
		return result;
	default:
		result = boot_read_cmdline(b);
		boot_grub_table(b, boot);
		return result;
	}
}
