#include "carousel-rx/daemon/os_release.h"

#include "common/io/file.h"
#include "common/memory.h"

#include <stdbool.h>
#include <string.h>

/* Takes quotes and escapes off value[0..len); false when it does not fit or a quote is left open. */
static bool value_copy(char *out, size_t cap, const char *value, size_t len)
{
	size_t used = 0;
	char quote = 0;
	for (size_t i = 0; i < len; i++) {
		char c = value[i];
		if (quote == 0 && (c == '"' || c == '\'')) {
			quote = c;
			continue;
		}
		if (c == quote && quote) {
			quote = 0;
			continue;
		}
		if (c == '\\' && quote != '\'' && i + 1 < len)
			c = value[++i];
		if (c == 0 || used + 1 >= cap)
			return false;
		out[used++] = c;
	}
	out[used] = 0;
	return quote == 0;
}

static void line_parse(struct os_release *os, const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);
	size_t name_len = equals ? (size_t)(equals - line) : 0;
	char *out = NULL;
	if (name_len == 8 && memcmp(line, "IMAGE_ID", 8) == 0)
		out = os->image_id;
	else if (name_len == 13 && memcmp(line, "IMAGE_VERSION", 13) == 0)
		out = os->image_version;
	if (out && !value_copy(out, sizeof os->image_id, equals + 1, len - name_len - 1))
		out[0] = 0;
}

void os_release_parse(struct os_release *os, const char *text, size_t len)
{
	memset(os, 0, sizeof *os);
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line_len = end ? (size_t)(end - text) : len;
		size_t trimmed = line_len;
		while (trimmed > 0 &&
			(text[trimmed - 1] == ' ' || text[trimmed - 1] == '\r' || text[trimmed - 1] == '\t'))
			trimmed--;
		line_parse(os, text, trimmed);
		if (end == NULL)
			break;
		text += line_len + 1;
		len -= line_len + 1;
	}
}

int os_release_read(struct os_release *os, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	int err = file_read(path, OS_RELEASE_MAX_BYTES, NULL, &text, &len);
	memset(os, 0, sizeof *os);
	if (err)
		return err;
	os_release_parse(os, text, len);
	memory_free(NULL, text);
	return 0;
}
