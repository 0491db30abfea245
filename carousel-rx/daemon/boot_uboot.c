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

struct uboot_variable {
	const char *name;
	char value[16]; /* "": not set */
};

/* All at once: fw_setenv writes the environment as a whole, and where it is redundant over the older copy. */
static int uboot_write(const struct boot_adapter *b, const struct uboot_variable *v, size_t count, char separator)
{
	/* "-" is standard input for one fw_setenv, this for all. */
	char program[] = "fw_setenv", option_c[] = "-c", option_s[] = "-s", input[] = "/proc/self/fd/0", path[512];
	char script[256], *argv[7];
	size_t n = 0, len = 0;
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(script + len, sizeof(script) - len, "%s%.*s%s\n", v[i].name,
			v[i].value[0] || separator == '=', &separator, v[i].value);
	argv[n++] = program;
	if (b->environment) {
		snprintf(path, sizeof(path), "%s", b->environment);
		argv[n++] = option_c;
		argv[n++] = path;
	}
	argv[n++] = option_s;
	argv[n++] = input;
	argv[n] = NULL;
	return child_run(argv, script, NULL, 0, UBOOT_TIMEOUT_MS);
}

static int uboot_check(const struct boot_adapter *b, const struct uboot_variable *v, size_t count)
{
	char value[64];
	int result = 0;
	for (size_t i = 0; result == 0 && i < count; i++) {
		result = uboot_get(b, v[i].name, value);
		if (result == 0 && strcmp(value, v[i].value) != 0)
			result = CAROUSEL_E_REFUSED;
	}
	return result;
}

/* U-Boot's own tool wants "name value", libubootenv's "name=value"; what it does not understand the latter passes over
 * and calls it success. So what was written is read again. */
static int uboot_set(struct boot_adapter *b, const struct uboot_variable *v, size_t count)
{
	static const char separators[] = {' ', '='};
	/* What is there already proves nothing about the tool; nor is it known to be on the medium. */
	bool was_there = uboot_check(b, v, count) == 0;
	int result = CAROUSEL_E_REFUSED;
	for (unsigned i = 0; result == CAROUSEL_E_REFUSED && i < 2; i++) {
		if (b->uboot_separator && b->uboot_separator != separators[i])
			continue;
		result = uboot_write(b, v, count, separators[i]);
		if (result == 0)
			result = uboot_check(b, v, count);
		if (result == 0 && !was_there)
			b->uboot_separator = separators[i];
	}
	return result;
}

static struct uboot_variable uboot_left(int slot, unsigned boots)
{
	struct uboot_variable v = {.name = slot ? "BOOT_B_LEFT" : "BOOT_A_LEFT"};
	snprintf(v.value, sizeof(v.value), "%u", boots);
	return v;
}

static struct uboot_variable uboot_order(int first)
{
	struct uboot_variable v = {.name = "BOOT_ORDER"};
	snprintf(v.value, sizeof(v.value), "%c %c", uboot_letter(first), uboot_letter(!first));
	return v;
}

/* Where the boot script counts every boot down, the slot that runs and is confirmed gets its boots back. It may fail:
 * there is another start. */
static void uboot_refill(struct boot_adapter *b, int slot)
{
	const struct uboot_variable v = uboot_left(slot, UBOOT_GOOD_TRIES);
	char left[64];
	if (uboot_get(b, v.name, left) == 0 && strtoul(left, NULL, 10) < UBOOT_GOOD_TRIES)
		(void)uboot_set(b, &v, 1);
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
	if (state->is_confirmed)
		uboot_refill(b, state->running);
	return 0;
}

static int uboot_mark_bad(void *user, int slot)
{
	const struct uboot_variable v[] = {uboot_order(!slot), uboot_left(slot, 0), {.name = "carousel_trial"}};
	return uboot_set(user, v, 3);
}

static int uboot_try(void *user, int slot, unsigned tries)
{
	const struct uboot_variable v[] = {
		uboot_left(slot, tries), {.name = "carousel_trial", .value = {uboot_letter(slot)}}, uboot_order(slot)};
	return uboot_set(user, v, 3);
}

static int uboot_confirm(void *user, int slot)
{
	const struct uboot_variable v[] = {uboot_left(slot, UBOOT_GOOD_TRIES), {.name = "carousel_trial"}};
	return uboot_set(user, v, 2);
}

void boot_uboot_table(struct boot_adapter *b, struct carousel_boot *boot)
{
	*boot = (struct carousel_boot){b, uboot_state, uboot_mark_bad, uboot_try, uboot_confirm};
}
