#include "policy-map/text_buffer.h"

#include "common/carousel_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_buffer_init(struct text_buffer *b, const struct carousel_allocator *a, size_t limit)
{
	memset(b, 0, sizeof *b);
	b->allocator = a;
	b->limit = limit;
}

static int reserve(struct text_buffer *b, size_t more)
{
	size_t wanted;
	char *bigger;
	if (b->error == 0 && more > b->limit - b->len)
		b->error = CAROUSEL_E_LIMIT;
	if (b->error || (b->cap && more < b->cap - b->len))
		return b->error;
	wanted = b->len + more < 128 ? 256 : 2 * (b->len + more);
	if (wanted > b->limit + 1)
		wanted = b->limit + 1;
	bigger = memory_alloc(b->allocator, wanted, 1);
	if (bigger == NULL)
		return b->error = CAROUSEL_E_MEMORY;
	if (b->len)
		memcpy(bigger, b->text, b->len);
	memory_free(b->allocator, b->text);
	b->text = bigger;
	b->cap = wanted;
	return 0;
}

void text_buffer_put(struct text_buffer *b, const char *bytes, size_t len)
{
	if (reserve(b, len) != 0)
		return;
	memcpy(b->text + b->len, bytes, len);
	b->len += len;
	b->text[b->len] = '\0';
}

void text_buffer_puts(struct text_buffer *b, const char *text)
{
	text_buffer_put(b, text, strlen(text));
}

void text_buffer_fill(struct text_buffer *b, char c, size_t count)
{
	if (reserve(b, count) != 0)
		return;
	memset(b->text + b->len, c, count);
	b->len += count;
	b->text[b->len] = '\0';
}

void text_buffer_printf(struct text_buffer *b, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n;
	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (n > 0)
		text_buffer_put(b, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

int text_buffer_take(struct text_buffer *b, char **text, size_t *len)
{
	text_buffer_fill(b, '\0', 0);
	if (b->error) {
		int error = b->error;
		text_buffer_deinit(b);
		return error;
	}
	*text = b->text;
	*len = b->len;
	b->text = NULL;
	return 0;
}

void text_buffer_deinit(struct text_buffer *b)
{
	memory_free(b->allocator, b->text);
	b->text = NULL;
	b->len = b->cap = 0;
}
