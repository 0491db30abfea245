/* GRUB's environment block through grub-editenv: ORDER "AB", and for each slot A_OK, A_TRY. GRUB's script boots the
 * first slot of the order whose OK is 1 and whose TRY is not 0, and counts TRY down. */
#include "carousel-rx/daemon/boot_adapter.h"
#include "carousel-rx/daemon/child.h"

#include "common/carousel_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRUB_TIMEOUT_MS 30000
#define GRUB_GOOD_TRIES 3

static char grub_letter(int slot)
{
	return slot ? 'B' : 'A';
}

static int grub_call(const struct boot_adapter *b, const char *arguments, char *output, size_t cap)
{
	char line[1024], *argv[CHILD_MAX_WORDS];
	int len = snprintf(line, sizeof(line), "grub-editenv %s %s", b->environment, arguments);
	if (len < 0 || (size_t)len >= sizeof(line) || child_words(line, argv) < 3)
		return CAROUSEL_E_ARGUMENT;
	return child_run(argv, NULL, output, cap, GRUB_TIMEOUT_MS);
}

/* The value of a variable in what `list` prints, or "". Borrowed. */
static const char *grub_value(const char *list, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = list; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) == 0 && at[len] == '=')
			return at + len + 1;
	}
	return "";
}

static int grub_state(void *user, struct carousel_boot_state *state)
{
	struct boot_adapter *b = user;
	char list[1025], name[16];
	int first, result;
	memset(state, 0, sizeof(*state));
	result = boot_running_slot(b->cmdline, &state->running);
	if (result == 0)
		result = grub_call(b, "list", list, sizeof(list));
	if (result)
		return result;
	first = grub_value(list, "ORDER")[0] == 'B';
	state->target = !state->running;
	state->is_trial = grub_value(list, "carousel_trial")[0] == grub_letter(state->running);
	state->is_confirmed = !state->is_trial;
	snprintf(name, sizeof(name), "%c_TRY", grub_letter(first));
	state->fell_back = first != state->running && strtoul(grub_value(list, name), NULL, 10) == 0;
	return 0;
}

static int grub_mark_bad(void *user, int slot)
{
	char arguments[128];
	snprintf(arguments, sizeof(arguments), "set ORDER=%c%c %c_OK=0 %c_TRY=0 carousel_trial=-", grub_letter(!slot),
		grub_letter(slot), grub_letter(slot), grub_letter(slot));
	return grub_call(user, arguments, NULL, 0);
}

static int grub_try(void *user, int slot, unsigned tries)
{
	char arguments[128];
	snprintf(arguments, sizeof(arguments), "set %c_OK=1 %c_TRY=%u carousel_trial=%c ORDER=%c%c", grub_letter(slot),
		grub_letter(slot), tries, grub_letter(slot), grub_letter(slot), grub_letter(!slot));
	return grub_call(user, arguments, NULL, 0);
}

static int grub_confirm(void *user, int slot)
{
	char arguments[128];
	snprintf(arguments, sizeof(arguments), "set %c_OK=1 %c_TRY=%d carousel_trial=-", grub_letter(slot),
		grub_letter(slot), GRUB_GOOD_TRIES);
	return grub_call(user, arguments, NULL, 0);
}

void boot_grub_table(struct boot_adapter *b, struct carousel_boot *boot)
{
	*boot = (struct carousel_boot){b, grub_state, grub_mark_bad, grub_try, grub_confirm};
}
