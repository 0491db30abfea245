#include "common/carousel_error.h"

#include <stddef.h>

struct error_entry {
	const char *name;
	const char *sentence;
};

static const struct error_entry *error_find(int code)
{
	static const struct error_entry entries[CAROUSEL_ERROR_NUMBERS] = {
#define ERROR_ENTRY(symbol, number, name, sentence) [number] = {name, sentence},
		CAROUSEL_ERROR_LIST(ERROR_ENTRY)
#undef ERROR_ENTRY
	};
	if (code >= 0 || code <= -CAROUSEL_ERROR_NUMBERS || entries[-code].name == NULL)
		return NULL;
	return &entries[-code];
}

const char *carousel_strerror(int code)
{
	const struct error_entry *entry = error_find(code);
	if (code == 0)
		return "success";
	return entry ? entry->sentence : "unknown error";
}

const char *carousel_error_name(int code)
{
	const struct error_entry *entry = error_find(code);
	if (code == 0)
		return "ok";
	return entry ? entry->name : "unknown";
}

int carousel_error_is_fatal(int code)
{
	return code <= CAROUSEL_E_MEMORY;
}
