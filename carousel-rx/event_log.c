#include "carousel-rx/event_log.h"

#include <string.h>

int event_log_init(struct event_log *l, const struct carousel_allocator *a)
{
	*l = (struct event_log){.allocator = a, .waiting = memory_alloc(a, EVENT_LOG_WAIT_BYTES, 1)};
	return l->waiting ? 0 : CAROUSEL_E_MEMORY;
}

void event_log_deinit(struct event_log *l)
{
	memory_free(l->allocator, l->waiting);
	*l = (struct event_log){0};
}

void event_log_push(struct event_log *l, const char *line)
{
	size_t len = strlen(line);
	if (len >= EVENT_LOG_WAIT_BYTES - l->len) {
		l->lost++;
		return;
	}
	memcpy(l->waiting + l->len, line, len);
	l->waiting[l->len + len] = '\n';
	l->len += len + 1;
}

int event_log_take(struct event_log *l, char **lines, size_t *len)
{
	*lines = NULL;
	*len = 0;
	if (l->len == 0)
		return 0;
	*lines = memory_copy_string(l->allocator, l->waiting, l->len);
	if (*lines == NULL)
		return CAROUSEL_E_MEMORY;
	*len = l->len;
	l->len = 0;
	return 0;
}

void event_log_put_back(struct event_log *l, const char *lines, size_t len)
{
	if (len > EVENT_LOG_WAIT_BYTES - l->len) {
		l->lost++;
		return;
	}
	memmove(l->waiting + len, l->waiting, l->len);
	memcpy(l->waiting, lines, len);
	l->len += len;
}

/* The newer half of the file from the start of a line on, and the new lines behind it. */
static int event_log_rotate(const struct carousel_rx_storage *s, const struct carousel_allocator *a, uint64_t size,
	const char *lines, size_t len)
{
	size_t keep = EVENT_LOG_MAX_BYTES / 2, skip = 0;
	char *text = memory_alloc(a, keep + len, 1);
	int result;
	if (text == NULL)
		return CAROUSEL_E_MEMORY;
	result = s->read(s->user, RX_EVENTS, size - keep, text, keep);
	if (result == 0) {
		while (skip < keep && text[skip] != '\n')
			skip++;
		if (skip < keep)
			skip++;
		memcpy(text + keep, lines, len);
		result = s->replace(s->user, RX_EVENTS, text + skip, keep - skip + len);
	}
	memory_free(a, text);
	return result;
}

int event_log_write(
	const struct carousel_rx_storage *s, const struct carousel_allocator *a, const char *lines, size_t len)
{
	uint64_t size;
	int result = s->size(s->user, RX_EVENTS, &size);
	if (result)
		return result;
	if (size > EVENT_LOG_MAX_BYTES - EVENT_LOG_WAIT_BYTES)
		return event_log_rotate(s, a, size, lines, len);
	result = s->write(s->user, RX_EVENTS, size, lines, len);
	return result ? result : s->sync(s->user, RX_EVENTS);
}
