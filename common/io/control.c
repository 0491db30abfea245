#include "common/io/control.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/unix_socket.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONTROL_MAX_PEERS 16u
#define CONTROL_MAX_QUEUE (1u << 20)
#define CONTROL_MAX_HELD  16u
#define CONTROL_IDLE_NS   300000000000u

struct control_held {
	uint64_t token;
	json_t *id; /* owned */
};

struct control_peer {
	struct control *control;
	struct control_peer *next;
	struct loop_watch *watch;
	int fd;
	bool is_dead; /* to be swept once nobody works on it */
	struct ucred who;
	void *data;
	bool is_subscribed;
	json_t *events; /* NULL: all */
	struct control_held held[CONTROL_MAX_HELD];
	unsigned held_count;
	uint64_t quiet_since_ns; /* the last whole line, or the beginning of half a one */
	char *out;               /* what the socket did not take yet */
	size_t out_len, out_cap;
	size_t in_len;
	char in[CONTROL_LINE_BYTES];
};

struct control {
	struct control_config config;
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer *timer; /* of connections that have been quiet for too long */
	struct control_peer *peers;
	unsigned peer_count, depth;
	uint64_t last_token;
	int fd;
	int reserve_fd; /* given up for a moment to turn a connection away when descriptors have run out */
	dev_t device;   /* of the socket file, so that only our own is removed */
	ino_t inode;
	char *path;
};

/* ---- output ----------------------------------------------------------------------------------- */

static void control_peer_drop(struct control_peer *p, const char *why)
{
	if (p->is_dead)
		return;
	p->is_dead = true;
	if (why)
		log_write(p->control->config.log, CAROUSEL_LOG_NOTICE, "control: connection of pid %d dropped: %s",
			(int)p->who.pid, why);
}

static int control_queue(struct control_peer *p, const char *data, size_t len)
{
	const size_t wanted = p->out_len + len;
	if (len > p->control->config.max_queue_bytes || p->out_len > p->control->config.max_queue_bytes - len)
		return CAROUSEL_E_LIMIT;
	if (wanted > p->out_cap) {
		size_t cap = p->out_cap ? p->out_cap : 4096;
		char *bigger;
		while (cap < wanted)
			cap *= 2;
		bigger = memory_alloc(NULL, cap, 1);
		if (bigger == NULL)
			return CAROUSEL_E_MEMORY;
		if (p->out_len)
			memcpy(bigger, p->out, p->out_len);
		memory_free(NULL, p->out);
		p->out = bigger;
		p->out_cap = cap;
	}
	memcpy(p->out + p->out_len, data, len);
	p->out_len = wanted;
	return 0;
}

static void control_flush(struct control_peer *p)
{
	size_t done = 0;
	while (!p->is_dead && done < p->out_len) {
		ssize_t put = send(p->fd, p->out + done, p->out_len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			break;
		if (put <= 0) {
			control_peer_drop(p, NULL);
			return;
		}
		done += (size_t)put;
	}
	if (done) {
		p->out_len -= done;
		memmove(p->out, p->out + done, p->out_len);
	}
	if (!p->is_dead)
		(void)loop_watch_set(p->watch, p->out_len ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* One JSON text as a line. False when it would be too long. */
static bool control_send_text(struct control_peer *p, const char *text)
{
	const size_t len = strlen(text);
	if (len >= CONTROL_LINE_BYTES)
		return false;
	if (p->is_dead)
		return true;
	if (control_queue(p, text, len) != 0 || control_queue(p, "\n", 1) != 0)
		control_peer_drop(p, "it does not read what it is sent");
	else
		control_flush(p);
	return true;
}

/* Takes ownership of message; NULL means that there was no memory for it. */
static bool control_send(struct control_peer *p, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	bool is_short = true;
	json_decref(message);
	if (text == NULL)
		control_peer_drop(p, "no memory for a line");
	else
		is_short = control_send_text(p, text);
	free(text);
	return is_short;
}

static void control_send_error(struct control_peer *p, json_t *id, int code, const char *message)
{
	(void)control_send(
		p, json_pack("{s:O, s:b, s:{s:s, s:s}}", "id", id, "ok", 0, "error", "code", carousel_error_name(code),
			   "message", message && message[0] ? message : carousel_strerror(code)));
}

/* Takes ownership of result, not of id. */
static void control_send_answer(struct control_peer *p, json_t *id, int code, const char *message, json_t *result)
{
	if (code != 0) {
		json_decref(result);
		control_send_error(p, id, code, message);
		return;
	}
	if (result == NULL)
		result = json_object();
	if (!control_send(p, json_pack("{s:O, s:b, s:o}", "id", id, "ok", 1, "result", result)))
		control_send_error(p, id, CAROUSEL_E_LIMIT, "the answer is longer than a line may be");
}

/* ---- requests --------------------------------------------------------------------------------- */

/* Takes the request of that token off the list; the caller owns the id. NULL when it is not there. */
static json_t *control_release(struct control_peer *p, uint64_t token)
{
	for (unsigned i = 0; i < p->held_count; i++) {
		if (p->held[i].token == token) {
			json_t *id = p->held[i].id;
			p->held[i] = p->held[--p->held_count];
			return id;
		}
	}
	return NULL;
}

static int control_subscribe(struct control_peer *p, json_t *args, const char **message)
{
	json_t *events = json_object_get(args, "events"), *name;
	size_t i;
	if (events && !json_is_array(events)) {
		*message = "events must be a list of names";
		return CAROUSEL_E_ARGUMENT;
	}
	json_array_foreach(events, i, name)
	{
		if (!json_is_string(name)) {
			*message = "events must be a list of names";
			return CAROUSEL_E_ARGUMENT;
		}
	}
	json_decref(p->events);
	p->events = json_incref(events);
	p->is_subscribed = true;
	return 0;
}

static void control_dispatch(struct control_peer *p, json_t *id, const char *op, json_t *args)
{
	struct control *c = p->control;
	struct control_request request = {.peer = p, .op = op, .args = args};
	int result;
	if (strcmp(op, "subscribe") == 0) {
		const char *message = NULL;
		result = control_subscribe(p, args, &message);
		control_send_answer(p, id, result, message, NULL);
		return;
	}
	if (p->held_count == CONTROL_MAX_HELD) {
		control_send_error(
			p, id, CAROUSEL_E_BUSY, "too many requests of this connection wait for their answers");
		return;
	}
	request.token = ++c->last_token;
	p->held[p->held_count++] = (struct control_held){request.token, json_incref(id)};
	result = c->config.request(c->config.user, &request);
	if (result == CONTROL_LATER)
		return;
	id = control_release(p, request.token);
	if (id) {
		control_send_answer(p, id, result, request.message, request.result);
		json_decref(id);
	} else {
		json_decref(request.result);
	}
}

static void control_line(struct control_peer *p, const char *line, size_t len)
{
	json_error_t error;
	json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	json_t *id = json_object_get(message, "id"), *op = json_object_get(message, "op");
	json_t *args = json_object_get(message, "args"), *none = json_object(), *null = json_null();
	if (!json_is_number(id) && !json_is_string(id))
		id = null;
	if (message == NULL)
		control_send_error(p, null, CAROUSEL_E_SYNTAX, error.text);
	else if (!json_is_object(message) || !json_is_string(op))
		control_send_error(p, id, CAROUSEL_E_MALFORMED, "a request is an object with \"op\"");
	else if (args && !json_is_object(args))
		control_send_error(p, id, CAROUSEL_E_MALFORMED, "args must be an object");
	else if (none == NULL)
		control_send_error(p, id, CAROUSEL_E_MEMORY, NULL);
	else
		control_dispatch(p, id, json_string_value(op), args ? args : none);
	json_decref(none);
	json_decref(message);
}

static void control_read(struct control_peer *p)
{
	char *line = p->in, *end;
	ssize_t got;
	do
		got = recv(p->fd, p->in + p->in_len, sizeof p->in - p->in_len, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		control_peer_drop(p, NULL);
		return;
	}
	if (p->in_len == 0 || memchr(p->in + p->in_len, '\n', (size_t)got))
		p->quiet_since_ns = clock_monotonic_ns();
	p->in_len += (size_t)got;
	while (!p->is_dead && (end = memchr(line, '\n', p->in_len)) != NULL) {
		const size_t len = (size_t)(end - line);
		p->in_len -= len + 1;
		if (len)
			control_line(p, line, len);
		line = end + 1;
	}
	memmove(p->in, line, p->in_len);
	if (p->in_len == sizeof p->in) {
		control_send_error(p, json_null(), CAROUSEL_E_LIMIT, "a line is longer than it may be");
		control_peer_drop(p, "it sent a line that is too long");
	}
}

/* ---- connections ------------------------------------------------------------------------------ */

static void control_peer_free(struct control_peer *p)
{
	if (p->control->config.closed)
		p->control->config.closed(p->control->config.user, p);
	while (p->held_count)
		json_decref(p->held[--p->held_count].id);
	json_decref(p->events);
	loop_watch_free(p->watch);
	close(p->fd);
	memory_free(NULL, p->out);
	memory_free(NULL, p);
}

/* Frees what has died. Connections die while callbacks still hold them, so this waits until the outermost has returned;
 * closed() may send events, and with them kill more. */
static void control_sweep(struct control *c)
{
	bool is_again = c->depth == 0;
	c->depth++;
	while (is_again) {
		struct control_peer **link = &c->peers;
		is_again = false;
		while (*link) {
			struct control_peer *p = *link;
			if (!p->is_dead) {
				link = &p->next;
				continue;
			}
			*link = p->next;
			c->peer_count--;
			control_peer_free(p);
			is_again = true;
			break;
		}
	}
	c->depth--;
}

static void control_on_peer(void *user, unsigned events)
{
	struct control_peer *p = user;
	struct control *c = p->control;
	c->depth++;
	if (events & LOOP_WRITE)
		control_flush(p);
	if ((events & LOOP_READ) && !p->is_dead)
		control_read(p);
	c->depth--;
	control_sweep(c);
}

/* When a connection has been quiet for too long. Half a line ends in time, whoever sent it; one that waits for events
 * or an answer, or to which the daemon has tied something, may be as quiet as it likes. */
static uint64_t control_peer_deadline(const struct control_peer *p)
{
	if (p->is_dead || (p->in_len == 0 && (p->is_subscribed || p->held_count || p->data)))
		return LOOP_NEVER;
	return p->quiet_since_ns + p->control->config.idle_ns;
}

static uint64_t control_deadline(void *user)
{
	const struct control *c = user;
	uint64_t deadline = LOOP_NEVER;
	for (const struct control_peer *p = c->peers; p; p = p->next)
		if (control_peer_deadline(p) < deadline)
			deadline = control_peer_deadline(p);
	return deadline;
}

static void control_on_deadline(void *user, uint64_t now_ns)
{
	struct control *c = user;
	for (struct control_peer *p = c->peers; p; p = p->next)
		if (control_peer_deadline(p) <= now_ns)
			control_peer_drop(p, p->in_len ? "it did not finish its line" : "it had nothing to say");
	control_sweep(c);
}

static void control_peer_new(struct control *c, int fd)
{
	struct control_peer *p = memory_alloc(NULL, 1, sizeof *p);
	socklen_t len = sizeof p->who;
	if (p == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &p->who, &len) != 0 ||
		loop_watch_new(c->loop, fd, LOOP_READ, control_on_peer, p, &p->watch) != 0) {
		memory_free(NULL, p);
		close(fd);
		return;
	}
	p->control = c;
	p->fd = fd;
	p->quiet_since_ns = clock_monotonic_ns();
	p->next = c->peers;
	c->peers = p;
	c->peer_count++;
}

static void control_turn_away(int fd)
{
	static const char busy[] =
		"{\"id\":null,\"ok\":false,\"error\":{\"code\":\"busy\",\"message\":\"too many connections\"}}\n";
	(void)send(fd, busy, sizeof busy - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void control_on_accept(void *user, unsigned events)
{
	struct control *c = user;
	int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		close(c->reserve_fd);
		fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			control_turn_away(fd);
		c->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	} else if (fd >= 0 && c->peer_count >= c->config.max_peers) {
		control_turn_away(fd);
	} else if (fd >= 0) {
		control_peer_new(c, fd);
	}
}

int control_new(struct control **out, struct loop *loop, const struct control_config *config)
{
	struct control *c = memory_alloc(NULL, 1, sizeof *c);
	struct stat status;
	int result;
	*out = NULL;
	if (c == NULL)
		return CAROUSEL_E_MEMORY;
	c->config = *config;
	c->loop = loop;
	c->fd = c->reserve_fd = -1;
	if (c->config.max_peers == 0)
		c->config.max_peers = CONTROL_MAX_PEERS;
	if (c->config.max_queue_bytes == 0)
		c->config.max_queue_bytes = CONTROL_MAX_QUEUE;
	if (c->config.idle_ns == 0)
		c->config.idle_ns = CONTROL_IDLE_NS;
	c->path = memory_copy_string(NULL, config->path, strlen(config->path));
	c->config.path = c->path;
	result = c->path ? unix_socket_listen(c->path, &c->fd) : CAROUSEL_E_MEMORY;
	if (result == 0 && stat(c->path, &status) != 0)
		result = file_error(errno);
	if (result == 0) {
		c->device = status.st_dev;
		c->inode = status.st_ino;
		c->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		result = loop_watch_new(loop, c->fd, LOOP_READ, control_on_accept, c, &c->watch);
	}
	if (result == 0)
		result = loop_timer_new(loop, control_deadline, control_on_deadline, c, &c->timer);
	if (result != 0) {
		control_free(c);
		return result;
	}
	*out = c;
	return 0;
}

void control_free(struct control *c)
{
	struct stat status;
	if (c == NULL)
		return;
	for (struct control_peer *p = c->peers; p; p = p->next)
		p->is_dead = true;
	control_sweep(c);
	loop_timer_free(c->timer);
	loop_watch_free(c->watch);
	if (c->fd >= 0) {
		if (stat(c->path, &status) == 0 && status.st_dev == c->device && status.st_ino == c->inode)
			(void)unlink(c->path);
		close(c->fd);
	}
	if (c->reserve_fd >= 0)
		close(c->reserve_fd);
	memory_free(NULL, c->path);
	memory_free(NULL, c);
}

/* ---- answers and events ----------------------------------------------------------------------- */

void control_answer(struct control *c, uint64_t token, int code, const char *message, json_t *result)
{
	c->depth++;
	for (struct control_peer *p = c->peers; p; p = p->next) {
		json_t *id = control_release(p, token);
		if (id) {
			control_send_answer(p, id, code, message, result);
			json_decref(id);
			result = NULL;
			break;
		}
	}
	json_decref(result);
	c->depth--;
	control_sweep(c);
}

static bool control_peer_wants(const struct control_peer *p, const char *event)
{
	json_t *name;
	size_t i;
	if (p->is_dead || !p->is_subscribed)
		return false;
	if (p->events == NULL)
		return true;
	json_array_foreach(p->events, i, name) if (strcmp(json_string_value(name), event) == 0) return true;
	return false;
}

int control_has_subscriber(const struct control *c, const char *event)
{
	for (const struct control_peer *p = c->peers; p; p = p->next)
		if (control_peer_wants(p, event))
			return 1;
	return 0;
}

void control_event(struct control *c, const char *event, uint64_t time_ns, json_t *data)
{
	char *text = NULL;
	json_t *message;
	if (!control_has_subscriber(c, event)) {
		json_decref(data);
		return;
	}
	message = json_pack("{s:s, s:I, s:o}", "event", event, "time_ns", (json_int_t)time_ns, "data", data);
	if (message)
		text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	c->depth++;
	for (struct control_peer *p = c->peers; p && text; p = p->next)
		if (control_peer_wants(p, event) && !control_send_text(p, text))
			log_write(c->config.log, CAROUSEL_LOG_WARNING, "control: event %s is longer than a line may be",
				event);
	free(text);
	c->depth--;
	control_sweep(c);
}

uid_t control_peer_uid(const struct control_peer *p)
{
	return p->who.uid;
}

pid_t control_peer_pid(const struct control_peer *p)
{
	return p->who.pid;
}

void control_peer_set_data(struct control_peer *p, void *data)
{
	p->data = data;
}

void *control_peer_data(const struct control_peer *p)
{
	return p->data;
}
