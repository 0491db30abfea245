/* text_buffer.h - a text that grows up to a limit, with a sticky error. */
#ifndef POLICY_MAP_TEXT_BUFFER_H
#define POLICY_MAP_TEXT_BUFFER_H

#include "common/memory.h"

#include <stddef.h>

struct text_buffer {
	const struct carousel_allocator *allocator;
	char *text; /* NUL-terminated once something was put; owned */
	size_t len, cap, limit;
	int error; /* 0, LIMIT or MEMORY */
};

void text_buffer_init(struct text_buffer *, const struct carousel_allocator *, size_t limit);
void text_buffer_put(struct text_buffer *, const char *bytes, size_t len);
void text_buffer_puts(struct text_buffer *, const char *text);
/* `count` times the character. */
void text_buffer_fill(struct text_buffer *, char, size_t count);
/* At most 1023 bytes a call. */
void text_buffer_printf(struct text_buffer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hands the text to the caller, or frees it and returns the error. */
int text_buffer_take(struct text_buffer *, char **text, size_t *len);
void text_buffer_deinit(struct text_buffer *);

#endif
