#include "common/io/control_client.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/unix_socket.h"
#include "common/memory.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_MAX_EVENTS 64u

struct control_client {
	int fd;
	json_int_t last_id;
	json_t *events; /* array of those that came while an answer was waited for */
	size_t in_len;
	char in[CONTROL_LINE_BYTES];
};

int control_client_open(struct control_client **out, const char *path)
{
	struct control_client *c = memory_alloc(NULL, 1, sizeof *c);
	int result;
	*out = NULL;
	if (c == NULL)
		return CAROUSEL_E_MEMORY;
	c->events = json_array();
	result = c->events ? unix_socket_connect(path, &c->fd) : CAROUSEL_E_MEMORY;
	if (result != 0) {
		json_decref(c->events);
		memory_free(NULL, c);
		return result;
	}
	*out = c;
	return 0;
}

void control_client_close(struct control_client *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	json_decref(c->events);
	memory_free(NULL, c);
}

int control_client_fd(const struct control_client *c)
{
	return c->fd;
}

/* A time on the monotonic clock; UINT64_MAX for ever. */
static uint64_t client_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* Waits until the descriptor is ready: 0, NEED_MORE (deadline), IO. */
static int client_wait(const struct control_client *c, short events, uint64_t deadline)
{
	struct pollfd poll_fd = {.fd = c->fd, .events = events};
	for (;;) {
		const uint64_t now = clock_monotonic_ns();
		const uint64_t left_ms = deadline <= now ? 0 : (deadline - now + 999999) / 1000000;
		const int timeout = deadline == UINT64_MAX ? -1 : left_ms > 3600000 ? 3600000 : (int)left_ms;
		const int ready = poll(&poll_fd, 1, timeout);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return CAROUSEL_E_IO;
		if (ready == 0 && clock_monotonic_ns() >= deadline)
			return CAROUSEL_E_NEED_MORE;
	}
}

static int client_send(const struct control_client *c, const char *data, size_t len, uint64_t deadline)
{
	while (len) {
		ssize_t put = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (put < 0 && errno == EAGAIN) {
			int result = client_wait(c, POLLOUT, deadline);
			if (result != 0)
				return result;
			continue;
		}
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EPIPE)
			return 0; /* what it said before it closed is still to be read */
		if (put <= 0)
			return CAROUSEL_E_IO;
		data += put;
		len -= (size_t)put;
	}
	return 0;
}

/* The next line as JSON: 0, NEED_MORE (deadline), MALFORMED, IO (closed). */
static int client_read(struct control_client *c, uint64_t deadline, json_t **out)
{
	for (;;) {
		char *end = memchr(c->in, '\n', c->in_len);
		ssize_t got;
		int result;
		if (end) {
			const size_t len = (size_t)(end - c->in);
			*out = json_loadb(c->in, len, JSON_REJECT_DUPLICATES, NULL);
			c->in_len -= len + 1;
			memmove(c->in, end + 1, c->in_len);
			return json_is_object(*out) ? 0 : (json_decref(*out), CAROUSEL_E_MALFORMED);
		}
		if (c->in_len == sizeof c->in)
			return CAROUSEL_E_MALFORMED;
		result = client_wait(c, POLLIN, deadline);
		if (result != 0)
			return result;
		got = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			return CAROUSEL_E_IO;
		c->in_len += (size_t)got;
	}
}

static void client_keep_event(struct control_client *c, json_t *event)
{
	if (json_array_size(c->events) >= CLIENT_MAX_EVENTS)
		json_array_remove(c->events, 0);
	(void)json_array_append(c->events, event);
}

static void client_message(char *out, const char *text)
{
	if (out)
		snprintf(out, CONTROL_MESSAGE_BYTES, "%s", text ? text : "");
}

static int client_error_code(const char *name)
{
	for (int number = 1; name && number < CAROUSEL_ERROR_NUMBERS; number++)
		if (strcmp(carousel_error_name(-number), name) == 0)
			return -number;
	return CAROUSEL_E_MALFORMED;
}

/* Takes an answer apart: 0 or the daemon's error. */
static int client_answer(json_t *answer, json_t **result, char *message)
{
	const json_t *ok = json_object_get(answer, "ok"), *error = json_object_get(answer, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	if (json_is_true(ok)) {
		if (result)
			*result = json_incref(json_object_get(answer, "result"));
		return 0;
	}
	client_message(message, json_string_value(json_object_get(error, "message")));
	return client_error_code(code);
}

static int client_send_request(struct control_client *c, const char *op, json_t *args, uint64_t deadline)
{
	json_t *empty = args ? NULL : json_object();
	json_t *request = json_pack("{s:I, s:s, s:O}", "id", ++c->last_id, "op", op, "args", args ? args : empty);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	int result = CAROUSEL_E_MEMORY;
	if (text) {
		text[len++] = '\n'; /* in the place of the NUL */
		result = len > CONTROL_LINE_BYTES ? CAROUSEL_E_LIMIT : client_send(c, text, len, deadline);
	}
	free(text);
	json_decref(request);
	json_decref(empty);
	return result;
}

int control_client_request(struct control_client *c, const char *op, json_t *args, int timeout_ms, json_t **out,
	char message[CONTROL_MESSAGE_BYTES])
{
	const uint64_t deadline = client_deadline(timeout_ms);
	int result = client_send_request(c, op, args, deadline);
	if (out)
		*out = NULL;
	while (result == 0) {
		json_t *line = NULL;
		const json_t *id;
		result = client_read(c, deadline, &line);
		if (result != 0)
			break;
		id = json_object_get(line, "id");
		if (json_object_get(line, "event")) {
			client_keep_event(c, line);
		} else if (json_is_null(id) || (json_is_integer(id) && json_integer_value(id) == c->last_id)) {
			/* Without an id: the daemon could not read the request, or turns this connection away. */
			result = client_answer(line, out, message);
			json_decref(line);
			return result;
		}
		json_decref(line);
	}
	if (result == CAROUSEL_E_NEED_MORE) {
		client_message(message, "no answer in time");
		return CAROUSEL_E_BUSY;
	}
	client_message(
		message, result == CAROUSEL_E_IO ? "the daemon closed the connection" : carousel_strerror(result));
	return result;
}

int control_client_subscribe(struct control_client *c, const char *const *events, int timeout_ms)
{
	json_t *args = json_object(), *names = events ? json_array() : NULL;
	int result;
	for (size_t i = 0; events && events[i]; i++)
		(void)json_array_append_new(names, json_string(events[i]));
	if (names)
		(void)json_object_set(args, "events", names);
	result = control_client_request(c, "subscribe", args, timeout_ms, NULL, NULL);
	json_decref(names);
	json_decref(args);
	return result;
}

int control_client_read_event(struct control_client *c, int timeout_ms, json_t **event)
{
	const uint64_t deadline = client_deadline(timeout_ms);
	*event = NULL;
	if (json_array_size(c->events)) {
		*event = json_incref(json_array_get(c->events, 0));
		json_array_remove(c->events, 0);
		return 0;
	}
	for (;;) {
		json_t *line = NULL;
		int result = client_read(c, deadline, &line);
		if (result != 0)
			return result;
		if (json_object_get(line, "event")) {
			*event = line;
			return 0;
		}
		json_decref(line);
	}
}
