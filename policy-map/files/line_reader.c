#include "policy-map/files/line_reader.h"

#include "common/carousel_error.h"

#include <string.h>

static int fill(struct line_reader *r)
{
	size_t got;
	memmove(r->buffer, r->buffer + r->from, r->to - r->from);
	r->to -= r->from;
	r->from = 0;
	got = fread(r->buffer + r->to, 1, sizeof r->buffer - r->to, r->file);
	if (got == 0 && ferror(r->file))
		return CAROUSEL_E_IO;
	r->is_at_end = got == 0;
	if (got && r->has_digest && hash_stream_update(&r->hash, r->buffer + r->to, got) != 0)
		return CAROUSEL_E_INTERNAL;
	r->to += got;
	return 0;
}

int line_reader_init(struct line_reader *r, FILE *file, bool has_digest)
{
	int result;
	memset(r, 0, offsetof(struct line_reader, buffer));
	r->file = file;
	r->next_line = 1;
	r->has_digest = has_digest;
	result = has_digest ? hash_stream_init(&r->hash) : 0;
	while (result == 0 && r->to < 3 && !r->is_at_end)
		result = fill(r);
	if (result == 0 && r->to >= 2 &&
		(memcmp(r->buffer, "\xff\xfe", 2) == 0 || memcmp(r->buffer, "\xfe\xff", 2) == 0))
		result = CAROUSEL_E_UNSUPPORTED;
	if (r->to >= 3 && memcmp(r->buffer, "\xef\xbb\xbf", 3) == 0)
		r->from = 3;
	return result;
}

void line_reader_deinit(struct line_reader *r)
{
	if (r->has_digest)
		hash_stream_deinit(&r->hash);
}

int line_reader_digest(struct line_reader *r, uint8_t sha256[HASH_SHA256_BYTES])
{
	return hash_stream_final(&r->hash, sha256) ? CAROUSEL_E_INTERNAL : 0;
}

/* Where a record ends within len bytes: the place of its LF; len when it does not end there; SIZE_MAX when its quotes
 * are against the grammar, so that it cannot be told. */
static size_t find_end(const char *text, size_t len, char delimiter)
{
	bool is_at_field = true, is_quoted = false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (is_quoted) {
			if (c != '"')
				continue;
			if (i + 1 < len && text[i + 1] == '"') {
				i++;
				continue;
			}
			is_quoted = false;
			if (i + 1 < len && text[i + 1] != delimiter && text[i + 1] != '\n' && text[i + 1] != '\r')
				return SIZE_MAX;
		} else if (c == '\n') {
			return i;
		} else {
			is_quoted = c == '"' && is_at_field;
			is_at_field = c == delimiter;
		}
	}
	return len;
}

static void count_lines(struct line_reader *r, const char *text, size_t len)
{
	for (const char *end; (end = memchr(text, '\n', len)) != NULL; text = end + 1) {
		r->next_line++;
		len -= (size_t)(end - text) + 1;
	}
}

/* Takes len bytes and the LF behind them, when there is one. */
static int take(struct line_reader *r, char delimiter, size_t len, char **text, size_t *out_len)
{
	char *start = r->buffer + r->from;
	r->has_end = r->from + len < r->to;
	r->line = r->next_line++;
	if (delimiter)
		count_lines(r, start, len);
	r->from += len + r->has_end;
	if (len && start[len - 1] == '\r')
		len--;
	start[len] = '\0'; /* the buffer is never full at the end of the file */
	*text = start;
	*out_len = len;
	return strlen(start) == len ? 0 : CAROUSEL_E_SYNTAX;
}

/* Up to the next line end, through as many buffers as it takes. */
static int skip_line(struct line_reader *r)
{
	uint64_t skipped = 0;
	r->line = r->next_line++;
	while (skipped <= LINE_READER_ENDLESS) {
		char *end = memchr(r->buffer + r->from, '\n', r->to - r->from);
		int result;
		if (end) {
			r->from = (size_t)(end - r->buffer) + 1;
			return CAROUSEL_E_LIMIT;
		}
		skipped += r->to - r->from;
		r->from = r->to;
		result = fill(r);
		if (result || r->is_at_end)
			return result ? result : CAROUSEL_E_LIMIT;
	}
	return CAROUSEL_E_UNSUPPORTED;
}

/* Quotes that nothing closes cost one line, not the rest of the file. */
static int take_first_line(struct line_reader *r, char **text, size_t *len)
{
	const char *start = r->buffer + r->from, *end = memchr(start, '\n', r->to - r->from);
	size_t first = end ? (size_t)(end - start) : r->to - r->from;
	if (first > LINE_READER_MAX)
		return skip_line(r);
	(void)take(r, 0, first, text, len);
	return CAROUSEL_E_SYNTAX;
}

int line_reader_next(struct line_reader *r, char delimiter, char **text, size_t *len)
{
	for (;;) {
		size_t left = r->to - r->from, end;
		const char *start = r->buffer + r->from, *plain;
		int result;
		if (delimiter) {
			end = find_end(start, left, delimiter);
		} else {
			plain = left ? memchr(start, '\n', left) : NULL;
			end = plain ? (size_t)(plain - start) : left;
		}
		if (end == SIZE_MAX && (r->is_at_end || left > LINE_READER_MAX || memchr(start, '\n', left)))
			return take_first_line(r, text, len);
		if (end < left && end <= LINE_READER_MAX)
			return take(r, delimiter, end, text, len);
		if (left > LINE_READER_MAX)
			return delimiter ? take_first_line(r, text, len) : skip_line(r);
		if (r->is_at_end && left == 0)
			return CAROUSEL_E_NOT_FOUND;
		if (r->is_at_end && delimiter && memchr(start, '\n', left))
			return take_first_line(r, text, len);
		if (r->is_at_end)
			return take(r, delimiter, left, text, len);
		result = fill(r);
		if (result)
			return result;
	}
}

/* ---- fields ---- */

static char *split_quoted(char *p, char **field, char delimiter)
{
	char *out = ++p;
	*field = p;
	for (;; p++) {
		if (*p == '\0')
			return NULL;
		if (*p == '"' && p[1] != '"')
			break;
		p += *p == '"';
		*out++ = *p;
	}
	*out = '\0';
	p++;
	return *p == '\0' || *p == delimiter ? p : NULL;
}

static char *split_plain(char *p, char **field, char delimiter)
{
	char *end;
	while (*p == ' ')
		p++;
	*field = p;
	for (end = p; *p && *p != delimiter; p++) {
		if (*p != ' ')
			end = p + 1;
	}
	if (end != p)
		*end = '\0';
	return p;
}

int line_reader_split(char *record, char delimiter, char **fields, unsigned max, unsigned *count)
{
	char *p = record;
	for (*count = 0;; p++) {
		bool is_last;
		if (*count == max)
			return CAROUSEL_E_LIMIT;
		p = *p == '"' ? split_quoted(p, &fields[*count], delimiter)
			      : split_plain(p, &fields[*count], delimiter);
		if (p == NULL)
			return CAROUSEL_E_SYNTAX;
		(*count)++;
		is_last = *p == '\0';
		*p = '\0';
		if (is_last)
			return 0;
	}
}
