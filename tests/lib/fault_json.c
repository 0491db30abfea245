#include "tests/lib/fault_json.h"

#include "tests/lib/test.h"

#include <jansson.h>

static struct {
	unsigned allowed, made;
	long live;
	int refused, only_one;
} fault;

static void *fault_get(size_t bytes)
{
	void *ptr;
	if (fault.made >= fault.allowed && !(fault.only_one && fault.refused)) {
		fault.refused = 1;
		return NULL;
	}
	ptr = malloc(bytes);
	fault.made += ptr != NULL;
	fault.live += ptr != NULL;
	return ptr;
}

static void fault_put(void *ptr)
{
	fault.live -= ptr != NULL;
	free(ptr);
}

static unsigned all(int (*attempt)(void *user, char **text), void *user, int only_one, const char *whole)
{
	for (unsigned allowed = 0;; allowed++) {
		char *text = NULL;
		int result;
		fault.allowed = allowed;
		fault.only_one = only_one;
		fault.made = 0;
		fault.live = 0;
		fault.refused = 0;
		result = attempt(user, &text);
		if (fault.live != 0)
			fail_msg("%ld allocations are left after %u", fault.live, allowed);
		if (result == 0 && (whole == NULL) != (text == NULL))
			fail_msg("no text after %u allocations", allowed);
		if (result == 0 && whole && strcmp(whole, text) != 0)
			fail_msg("another text after %u allocations: %s", allowed, text);
		free(text);
		if (!fault.refused) {
			assert_int_equal(result, 0);
			return fault.made;
		}
	}
}

unsigned fault_json_all(int (*attempt)(void *user, char **text), void *user)
{
	char *whole = NULL;
	unsigned made;
	assert_int_equal(attempt(user, &whole), 0);
	json_set_alloc_funcs(fault_get, fault_put);
	(void)all(attempt, user, 0, whole);
	made = all(attempt, user, 1, whole);
	json_set_alloc_funcs(malloc, free);
	free(whole);
	return made;
}
