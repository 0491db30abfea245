/* GRUB's environment block through grub-editenv: ORDER "AB", and for each slot A_OK, A_TRY. GRUB's script boots the
 * first slot of the order whose OK is 1 and whose TRY is not 0, and counts TRY down. */
#include "carousel-rx/daemon/boot_adapter.h"
#include "carousel-rx/daemon/child.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRUB_TIMEOUT_MS 30000
#define GRUB_GOOD_TRIES 3
#define GRUB_MOST_BYTES 65536u /* of the environment block */

static char grub_letter(int slot)
{
	return slot ? 'B' : 'A';
}

static int grub_call(const char *path, const char *arguments, char *output, size_t cap)
{
	char line[1024], *argv[CHILD_MAX_WORDS];
	int len = snprintf(line, sizeof(line), "grub-editenv %s %s", path, arguments);
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

/* Whether every "NAME=value" is there. */
static int grub_check(const char *path, const char *assignments)
{
	char list[1025], copy[128], *rest, *word;
	int result = grub_call(path, "list", list, sizeof(list));
	snprintf(copy, sizeof(copy), "%s", assignments);
	for (word = strtok_r(copy, " ", &rest); result == 0 && word; word = strtok_r(NULL, " ", &rest)) {
		char *wanted = strchr(word, '=');
		const char *value;
		*wanted++ = 0;
		value = grub_value(list, word);
		if (strncmp(value, wanted, strlen(wanted)) != 0 || value[strlen(wanted)] != '\n')
			result = CAROUSEL_E_REFUSED;
	}
	return result;
}

static int grub_copy(const char *from, const char *to)
{
	char *data;
	size_t len;
	int result = file_read(from, GRUB_MOST_BYTES, NULL, &data, &len);
	if (result)
		return result;
	result = file_replace(to, data, len, 0644);
	memory_free(NULL, data);
	return result;
}

/* grub-editenv empties the file before it writes it: it gets a copy, which then takes the file's place at once. */
static int grub_set(const struct boot_adapter *b, const char *assignments)
{
	char copy[4096], arguments[160], *path = realpath(b->environment, NULL);
	int len, result;
	if (path == NULL)
		return CAROUSEL_E_NOT_FOUND;
	len = snprintf(copy, sizeof(copy), "%s.carousel", path);
	snprintf(arguments, sizeof(arguments), "set %s", assignments);
	result = len > 0 && (size_t)len < sizeof(copy) ? grub_copy(path, copy) : CAROUSEL_E_ARGUMENT;
	if (result == 0)
		result = grub_call(copy, arguments, NULL, 0);
	if (result == 0)
		result = grub_check(copy, assignments);
	if (result == 0)
		result = grub_copy(copy, path);
	if (len > 0 && (size_t)len < sizeof(copy))
		(void)unlink(copy);
	free(path);
	return result;
}

/* Where GRUB's script counts every boot down, the slot that runs and is confirmed gets its boots back. It may fail:
 * there is another start. */
static void grub_refill(const struct boot_adapter *b, const char *list, int slot)
{
	char name[16], assignment[32];
	snprintf(name, sizeof(name), "%c_TRY", grub_letter(slot));
	if (strtoul(grub_value(list, name), NULL, 10) >= GRUB_GOOD_TRIES)
		return;
	snprintf(assignment, sizeof(assignment), "%s=%d", name, GRUB_GOOD_TRIES);
	(void)grub_set(b, assignment);
}

static int grub_state(void *user, struct carousel_boot_state *state)
{
	struct boot_adapter *b = user;
	char list[1025], name[16];
	int first, result;
	memset(state, 0, sizeof(*state));
	result = boot_running_slot(b->cmdline, &state->running);
	if (result == 0)
		result = grub_call(b->environment, "list", list, sizeof(list));
	if (result)
		return result;
	first = grub_value(list, "ORDER")[0] == 'B';
	state->target = !state->running;
	state->is_trial = grub_value(list, "carousel_trial")[0] == grub_letter(state->running);
	state->is_confirmed = !state->is_trial;
	snprintf(name, sizeof(name), "%c_TRY", grub_letter(first));
	state->fell_back = first != state->running && strtoul(grub_value(list, name), NULL, 10) == 0;
	if (state->is_confirmed)
		grub_refill(b, list, state->running);
	return 0;
}

static int grub_mark_bad(void *user, int slot)
{
	char arguments[128];
	snprintf(arguments, sizeof(arguments), "ORDER=%c%c %c_OK=0 %c_TRY=0 carousel_trial=-", grub_letter(!slot),
		grub_letter(slot), grub_letter(slot), grub_letter(slot));
	return grub_set(user, arguments);
}

static int grub_try(void *user, int slot, unsigned tries)
{
	char arguments[128];
	snprintf(arguments, sizeof(arguments), "%c_OK=1 %c_TRY=%u carousel_trial=%c ORDER=%c%c", grub_letter(slot),
		grub_letter(slot), tries, grub_letter(slot), grub_letter(slot), grub_letter(!slot));
	return grub_set(user, arguments);
}

static int grub_confirm(void *user, int slot)
{
	char arguments[128];
	snprintf(arguments, sizeof(arguments), "%c_OK=1 %c_TRY=%d carousel_trial=-", grub_letter(slot),
		grub_letter(slot), GRUB_GOOD_TRIES);
	return grub_set(user, arguments);
}

void boot_grub_table(struct boot_adapter *b, struct carousel_boot *boot)
{
	*boot = (struct carousel_boot){b, grub_state, grub_mark_bad, grub_try, grub_confirm};
}
