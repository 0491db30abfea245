/* U-Boot's environment through fw_printenv and fw_setenv: BOOT_ORDER "A B", BOOT_A_LEFT, BOOT_B_LEFT as U-Boot's own
 * bootmeth and others count them, and carousel_trial, which names the slot that is not confirmed yet. */
#include "carousel-rx/daemon/boot_adapter.h"
#include "carousel-rx/daemon/child.h"

#include "common/carousel_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UBOOT_TIMEOUT_MS 30000
#define UBOOT_GOOD_TRIES 3

static char uboot_letter(int slot)
{
	return slot ? 'B' : 'A';
}

/* A variable's value without line end; "" when it is not set. */
static int uboot_get(const struct boot_adapter *b, const char *name, char value[64])
{
	char program[] = "fw_printenv", option_c[] = "-c", option_n[] = "-n", path[512], variable[32];
	char *argv[7];
	size_t n = 0;
	int result;
	argv[n++] = program;
	if (b->environment) {
		snprintf(path, sizeof(path), "%s", b->environment);
		argv[n++] = option_c;
		argv[n++] = path;
	}
	snprintf(variable, sizeof(variable), "%s", name);
	argv[n++] = option_n;
	argv[n++] = variable;
	argv[n] = NULL;
	result = child_run(argv, NULL, value, 64, UBOOT_TIMEOUT_MS);
	value[strcspn(value, "\n")] = 0;
	if (result == CAROUSEL_E_REFUSED) {
		value[0] = 0; /* not set */
		return 0;
	}
	return result;
}

/* All lines at once: fw_setenv writes the environment as a whole. */
static int uboot_set(const struct boot_adapter *b, const char *script)
{
	char program[] = "fw_setenv", option_c[] = "-c", option_s[] = "-s", dash[] = "-", path[512];
	char *argv[7];
	size_t n = 0;
	argv[n++] = program;
	if (b->environment) {
		snprintf(path, sizeof(path), "%s", b->environment);
		argv[n++] = option_c;
		argv[n++] = path;
	}
	argv[n++] = option_s;
	argv[n++] = dash;
	argv[n] = NULL;
	return child_run(argv, script, NULL, 0, UBOOT_TIMEOUT_MS);
}

static int uboot_state(void *user, struct carousel_boot_state *state)
{
	struct boot_adapter *b = user;
	char trial[64], order[64], left[64], name[16];
	int first, result;
	memset(state, 0, sizeof(*state));
	result = boot_running_slot(b->cmdline, &state->running);
	if (result == 0)
		result = uboot_get(b, "carousel_trial", trial);
	if (result == 0)
		result = uboot_get(b, "BOOT_ORDER", order);
	if (result)
		return result;
	first = order[0] == 'B';
	snprintf(name, sizeof(name), "BOOT_%c_LEFT", uboot_letter(first));
	result = uboot_get(b, name, left);
	if (result)
		return result;
	state->target = !state->running;
	state->is_trial = trial[0] == uboot_letter(state->running);
	state->is_confirmed = !state->is_trial;
	state->fell_back = first != state->running && strtoul(left, NULL, 10) == 0;
	return 0;
}

static int uboot_mark_bad(void *user, int slot)
{
	char script[128];
	snprintf(script, sizeof(script), "BOOT_ORDER %c %c\nBOOT_%c_LEFT 0\ncarousel_trial\n", uboot_letter(!slot),
		uboot_letter(slot), uboot_letter(slot));
	return uboot_set(user, script);
}

static int uboot_try(void *user, int slot, unsigned tries)
{
	char script[128];
	snprintf(script, sizeof(script), "BOOT_%c_LEFT %u\ncarousel_trial %c\nBOOT_ORDER %c %c\n", uboot_letter(slot),
		tries, uboot_letter(slot), uboot_letter(slot), uboot_letter(!slot));
	return uboot_set(user, script);
}

static int uboot_confirm(void *user, int slot)
{
	char script[128];
	snprintf(script, sizeof(script), "BOOT_%c_LEFT %d\ncarousel_trial\n", uboot_letter(slot), UBOOT_GOOD_TRIES);
	return uboot_set(user, script);
}

void boot_uboot_table(struct boot_adapter *b, struct carousel_boot *boot)
{
	*boot = (struct carousel_boot){b, uboot_state, uboot_mark_bad, uboot_try, uboot_confirm};
}
