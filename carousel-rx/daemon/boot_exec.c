/* An external program knows the boot loader: COMMAND state | mark-bad SLOT | try SLOT TRIES | confirm SLOT. */
#include "carousel-rx/daemon/boot_adapter.h"
#include "carousel-rx/daemon/child.h"

#include "common/carousel_error.h"

#include <stdio.h>
#include <string.h>

#define EXEC_TIMEOUT_MS 30000

static int exec_call(const struct boot_adapter *b, const char *arguments, char *output, size_t cap)
{
	char line[1024], *argv[CHILD_MAX_WORDS];
	int len = snprintf(line, sizeof(line), "%s %s", b->command, arguments);
	if (len < 0 || (size_t)len >= sizeof(line) || child_words(line, argv) < 2)
		return CAROUSEL_E_ARGUMENT;
	return child_run(argv, NULL, output, cap, EXEC_TIMEOUT_MS);
}

/* "key=0" or "key=1" as a word of the answer. Errors: MALFORMED. */
static int exec_flag(const char *answer, const char *key, int *value)
{
	size_t len = strlen(key);
	for (const char *at = answer; (at = strstr(at, key)) != NULL; at += len) {
		bool is_word = at == answer || at[-1] == ' ' || at[-1] == '\n';
		if (is_word && at[len] == '=' && (at[len + 1] == '0' || at[len + 1] == '1')) {
			*value = at[len + 1] - '0';
			return 0;
		}
	}
	return CAROUSEL_E_MALFORMED;
}

static int exec_state(void *user, struct carousel_boot_state *state)
{
	char answer[512];
	int result = exec_call(user, "state", answer, sizeof(answer));
	memset(state, 0, sizeof(*state));
	if (result == 0)
		result = exec_flag(answer, "running", &state->running);
	if (result == 0)
		result = exec_flag(answer, "confirmed", &state->is_confirmed);
	if (result)
		return result;
	state->target = !state->running;
	state->is_trial = !state->is_confirmed;
	if (exec_flag(answer, "fell-back", &state->fell_back))
		state->fell_back = 0;
	return 0;
}

static int exec_mark_bad(void *user, int slot)
{
	char arguments[32];
	snprintf(arguments, sizeof(arguments), "mark-bad %d", slot);
	return exec_call(user, arguments, NULL, 0);
}

static int exec_try(void *user, int slot, unsigned tries)
{
	char arguments[32];
	snprintf(arguments, sizeof(arguments), "try %d %u", slot, tries);
	return exec_call(user, arguments, NULL, 0);
}

static int exec_confirm(void *user, int slot)
{
	char arguments[32];
	snprintf(arguments, sizeof(arguments), "confirm %d", slot);
	return exec_call(user, arguments, NULL, 0);
}

void boot_exec_table(struct boot_adapter *b, struct carousel_boot *boot)
{
	*boot = (struct carousel_boot){b, exec_state, exec_mark_bad, exec_try, exec_confirm};
}
