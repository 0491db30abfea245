/* covers: common/io/control.c common/io/control_client.c common/io/unix_socket.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/control_client.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A daemon on a thread of its own; the tests are its clients. */
struct daemon {
	struct loop *loop;
	struct control *control;
	pthread_t thread;
	int stop[2]; /* a byte here ends it, whatever state its connections are in */
	struct loop_watch *stop_watch;
	uint64_t held;
	unsigned closed;
	void *locked_by;
	unsigned unlocked;
	uint64_t idle_ns;
};

static char directory[] = "/tmp/carousel-test-control-XXXXXX";
static char path[128];

static int op_fill(struct control_request *r)
{
	char *text = malloc(60001);
	memset(text, 'x', 60000);
	text[60000] = '\0';
	r->result = json_string(text);
	free(text);
	return 0;
}

static int on_request(void *user, struct control_request *r)
{
	struct daemon *d = user;
	if (strcmp(r->op, "echo") == 0) {
		r->result = json_incref(r->args);
		return 0;
	}
	if (strcmp(r->op, "fail") == 0) {
		snprintf(r->message, sizeof r->message, "nothing of class %s",
			json_string_value(json_object_get(r->args, "class")));
		return CAROUSEL_E_NO_IMAGE;
	}
	if (strcmp(r->op, "who") == 0) {
		r->result = json_pack("{s:I, s:I}", "uid", (json_int_t)control_peer_uid(r->peer), "pid",
			(json_int_t)control_peer_pid(r->peer));
		return 0;
	}
	if (strcmp(r->op, "hold") == 0) {
		d->held = r->token;
		return CONTROL_LATER;
	}
	if (strcmp(r->op, "release") == 0) {
		control_answer(d->control, d->held, 0, NULL, json_string("late"));
		control_answer(d->control, d->held, 0, NULL, json_string("twice"));
		return 0;
	}
	if (strcmp(r->op, "event") == 0) {
		control_event(d->control, json_string_value(json_object_get(r->args, "name")), 42,
			json_pack("{s:i}", "n", 1));
		return 0;
	}
	if (strcmp(r->op, "lock") == 0) {
		d->locked_by = r->peer;
		control_peer_set_data(r->peer, d);
		return 0;
	}
	if (strcmp(r->op, "is-locked") == 0) {
		r->result = json_boolean(d->locked_by != NULL);
		return 0;
	}
	if (strcmp(r->op, "fill") == 0)
		return op_fill(r);
	if (strcmp(r->op, "too-long") == 0) {
		r->result = json_array();
		for (int i = 0; i < 20000; i++)
			json_array_append_new(r->result, json_integer(12345));
		return 0;
	}
	return CAROUSEL_E_UNKNOWN_WORD;
}

static void on_closed(void *user, struct control_peer *peer)
{
	struct daemon *d = user;
	d->closed++;
	if (control_peer_data(peer)) {
		assert_ptr_equal(d->locked_by, peer);
		d->locked_by = NULL;
		d->unlocked++;
		control_event(d->control, "unlocked", 43, json_object());
	}
}

static void on_stop(void *user, unsigned events)
{
	struct daemon *d = user;
	(void)events;
	loop_stop(d->loop);
}

static void *daemon_main(void *user)
{
	struct daemon *d = user;
	loop_run(d->loop);
	return NULL;
}

static int open_daemon(void **state, uint64_t idle_ns)
{
	struct daemon *d = calloc(1, sizeof *d);
	const struct control_config config = {.path = path,
		.max_peers = 4,
		.max_queue_bytes = 200000,
		.idle_ns = idle_ns,
		.request = on_request,
		.closed = on_closed,
		.user = d};
	*state = d;
	d->idle_ns = idle_ns;
	if (pipe(d->stop) != 0 || loop_new(&d->loop) != 0 || control_new(&d->control, d->loop, &config) != 0 ||
		loop_watch_new(d->loop, d->stop[0], LOOP_READ, on_stop, d, &d->stop_watch) != 0)
		return -1;
	return pthread_create(&d->thread, NULL, daemon_main, d);
}

static int setup(void **state)
{
	return open_daemon(state, 0);
}

static int setup_impatient(void **state)
{
	return open_daemon(state, 100000000);
}

static struct control_client *client(void)
{
	const struct timeval patience = {.tv_sec = 5};
	struct control_client *c;
	assert_int_equal(control_client_open(&c, path), 0);
	setsockopt(control_client_fd(c), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return c;
}

static int teardown(void **state)
{
	struct daemon *d = *state;
	if (write(d->stop[1], "x", 1) != 1)
		return -1;
	pthread_join(d->thread, NULL);
	control_free(d->control);
	loop_free(d->loop);
	close(d->stop[0]);
	close(d->stop[1]);
	free(d);
	return access(path, F_OK) == -1 ? 0 : -1;
}

/* What a raw connection gets for some bytes it sends, up to the end of a line. */
static void raw(const char *data, size_t len, char *answer, size_t cap)
{
	struct control_client *c = client();
	size_t got = 0;
	assert_int_equal(send(control_client_fd(c), data, len, MSG_NOSIGNAL), len);
	while (got < cap - 1) {
		ssize_t n = recv(control_client_fd(c), answer + got, cap - 1 - got, 0);
		assert_true(n > 0);
		got += (size_t)n;
		if (answer[got - 1] == '\n')
			break;
	}
	answer[got] = '\0';
	control_client_close(c);
}

static void test_requests(void **state)
{
	struct control_client *c = client();
	char message[CONTROL_MESSAGE_BYTES];
	json_t *args = json_pack("{s:s}", "class", "box2"), *result;
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(control_client_request(c, "echo", args, 1000, &result, message), 0);
		assert_true(json_equal(result, args));
		json_decref(result);
	}
	assert_int_equal(control_client_request(c, "fail", args, 1000, &result, message), CAROUSEL_E_NO_IMAGE);
	assert_null(result);
	assert_string_equal(message, "nothing of class box2");
	assert_int_equal(control_client_request(c, "dance", NULL, 1000, NULL, message), CAROUSEL_E_UNKNOWN_WORD);
	assert_string_equal(message, carousel_strerror(CAROUSEL_E_UNKNOWN_WORD));
	assert_int_equal(control_client_request(c, "who", NULL, 1000, &result, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(result, "uid")), getuid());
	assert_int_equal(json_integer_value(json_object_get(result, "pid")), getpid());
	json_decref(result);
	assert_int_equal(control_client_request(c, "too-long", NULL, 1000, &result, NULL), CAROUSEL_E_LIMIT);
	json_decref(args);
	control_client_close(c);
}

static void test_wire(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{"{\"id\":1,\"op\":\"echo\",\"args\":{\"a\":\"b\\n\"}}\n",
			"{\"id\":1,\"ok\":true,\"result\":{\"a\":\"b\\n\"}}\n"},
		{"\n{\"id\":\"x\",\"op\":\"event\",\"args\":{\"name\":\"n\"}}\n",
			"{\"id\":\"x\",\"ok\":true,\"result\":{}}\n"},
		{"{\"op\":\"echo\"}\r\n", "{\"id\":null,\"ok\":true,\"result\":{}}\n"},
		{"{\"id\":[1],\"op\":\"echo\"}\n", "{\"id\":null,\"ok\":true,\"result\":{}}\n"},
		{"{\"id\":2,\"op\":7}\n", "{\"id\":2,\"ok\":false,\"error\":{\"code\":\"malformed\",\"message\":\"a "
					  "request is an object with \\\"op\\\"\"}}"
					  "\n"},
		{"{\"id\":2,\"op\":\"echo\",\"args\":[]}\n", "{\"id\":2,\"ok\":false,\"error\":{\"code\":\"malformed\","
							     "\"message\":\"args must be an object\"}}\n"},
		{"{\"id\":2,\"op\":\"subscribe\",\"args\":{\"events\":[1]}}\n",
			"{\"id\":2,\"ok\":false,\"error\":{\"code\":\"bad-argument\",\"message\":\"events must be a "
			"list of names\"}}\n"},
	};
	char answer[400];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		raw(rows[i].request, strlen(rows[i].request), answer, sizeof answer);
		assert_string_equal(answer, rows[i].answer);
	}
	raw("nonsense\n", 9, answer, sizeof answer);
	assert_non_null(strstr(answer, "\"code\":\"syntax\""));
	raw("[]\n", 3, answer, sizeof answer);
	assert_non_null(strstr(answer, "\"code\":\"malformed\""));
}

static void test_long_lines_end_the_connection(void **state)
{
	char *line = malloc(CONTROL_LINE_BYTES + 1), answer[400];
	struct control_client *c = client();
	(void)state;
	memset(line, ' ', CONTROL_LINE_BYTES);
	raw(line, CONTROL_LINE_BYTES, answer, sizeof answer);
	assert_non_null(strstr(answer, "\"code\":\"limit\""));
	memcpy(line, "{\"op\":\"echo\"}", 13);
	line[CONTROL_LINE_BYTES - 1] = '\n';
	raw(line, CONTROL_LINE_BYTES, answer, sizeof answer);
	assert_string_equal(answer, "{\"id\":null,\"ok\":true,\"result\":{}}\n");
	free(line);
	control_client_close(c);
}

static void test_events(void **state)
{
	static const char *const wanted[] = {"state", NULL};
	struct control_client *all = client(), *some = client(), *none = client();
	json_t *args = json_pack("{s:s}", "name", "state"), *other = json_pack("{s:s}", "name", "other"), *event;
	(void)state;
	assert_int_equal(control_client_subscribe(all, NULL, 1000), 0);
	assert_int_equal(control_client_subscribe(some, wanted, 1000), 0);
	assert_int_equal(control_client_request(some, "event", other, 1000, NULL, NULL), 0);
	assert_int_equal(control_client_request(some, "event", args, 1000, NULL, NULL), 0);
	assert_int_equal(control_client_read_event(some, 1000, &event), 0);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "state");
	assert_int_equal(json_integer_value(json_object_get(event, "time_ns")), 42);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(event, "data"), "n")), 1);
	json_decref(event);
	assert_int_equal(control_client_read_event(some, 20, &event), CAROUSEL_E_NEED_MORE);
	assert_int_equal(control_client_read_event(all, 1000, &event), 0);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "other");
	json_decref(event);
	assert_int_equal(control_client_read_event(all, 1000, &event), 0);
	json_decref(event);
	assert_int_equal(control_client_read_event(none, 20, &event), CAROUSEL_E_NEED_MORE);
	json_decref(args);
	json_decref(other);
	control_client_close(all);
	control_client_close(some);
	control_client_close(none);
}

static void test_late_answers(void **state)
{
	struct control_client *waiting = client(), *other = client(), *gone = client();
	json_t *line = NULL;
	char answer[CONTROL_MESSAGE_BYTES];
	ssize_t n;
	static const char hold[] = "{\"id\":9,\"op\":\"hold\"}\n{\"op\":\"echo\"}\n";
	(void)state;
	assert_int_equal(send(control_client_fd(waiting), hold, sizeof hold - 1, 0), sizeof hold - 1);
	/* Once the request behind it is answered, it is held. */
	assert_true(recv(control_client_fd(waiting), answer, sizeof answer, 0) > 0);
	assert_int_equal(control_client_request(other, "release", NULL, 1000, NULL, NULL), 0);
	n = recv(control_client_fd(waiting), answer, sizeof answer, 0);
	assert_true(n > 0);
	line = json_loadb(answer, (size_t)n, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(line, "id")), 9);
	assert_string_equal(json_string_value(json_object_get(line, "result")), "late");
	json_decref(line);
	/* One that does not wait for its answer harms nobody. */
	assert_int_equal(control_client_request(gone, "hold", NULL, 20, NULL, answer), CAROUSEL_E_BUSY);
	control_client_close(gone);
	assert_int_equal(control_client_request(other, "release", NULL, 1000, NULL, NULL), 0);
	control_client_close(waiting);
	control_client_close(other);
}

static void test_only_so_many_requests_wait(void **state)
{
	struct control_client *c = client();
	char message[CONTROL_MESSAGE_BYTES];
	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(control_client_request(c, "hold", NULL, 1, NULL, message), CAROUSEL_E_BUSY);
	assert_int_equal(control_client_request(c, "hold", NULL, 1000, NULL, message), CAROUSEL_E_BUSY);
	assert_string_equal(message, "too many requests of this connection wait for their answers");
	control_client_close(c);
}

static void test_a_lock_lives_as_long_as_its_connection(void **state)
{
	struct control_client *owner = client(), *watcher = client();
	json_t *result, *event;
	struct daemon *d = *state;
	assert_int_equal(control_client_subscribe(watcher, NULL, 1000), 0);
	assert_int_equal(control_client_request(owner, "lock", NULL, 1000, NULL, NULL), 0);
	assert_int_equal(control_client_request(watcher, "is-locked", NULL, 1000, &result, NULL), 0);
	assert_true(json_is_true(result));
	json_decref(result);
	control_client_close(owner);
	assert_int_equal(control_client_read_event(watcher, 1000, &event), 0);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "unlocked");
	json_decref(event);
	assert_int_equal(control_client_request(watcher, "is-locked", NULL, 1000, &result, NULL), 0);
	assert_true(json_is_false(result));
	json_decref(result);
	assert_int_equal(d->unlocked, 1);
	control_client_close(watcher);
}

static void test_too_many_connections(void **state)
{
	struct control_client *c[4], *fifth;
	char message[CONTROL_MESSAGE_BYTES] = "";
	(void)state;
	for (int i = 0; i < 4; i++) {
		c[i] = client();
		assert_int_equal(control_client_request(c[i], "echo", NULL, 1000, NULL, NULL), 0);
	}
	fifth = client();
	assert_int_equal(control_client_request(fifth, "echo", NULL, 1000, NULL, message), CAROUSEL_E_BUSY);
	assert_string_equal(message, "too many connections");
	control_client_close(fifth);
	for (int i = 0; i < 4; i++)
		control_client_close(c[i]);
}

/* Whether the daemon has closed it, within `wait_ms`. */
static bool is_closed(struct control_client *c, int wait_ms)
{
	struct pollfd p = {.fd = control_client_fd(c), .events = POLLIN};
	char byte;
	return poll(&p, 1, wait_ms) == 1 && recv(control_client_fd(c), &byte, 1, MSG_DONTWAIT) == 0;
}

/* Quiet connections would keep everybody else out: half a line and nothing at all end in time, what waits does not. */
static void test_quiet_connections_end(void **state)
{
	struct control_client *half = client(), *silent = client(), *waiting, *locked;
	const uint64_t since_ns = clock_monotonic_ns();
	const struct daemon *d = *state;
	char message[CONTROL_MESSAGE_BYTES];
	assert_int_equal(control_client_subscribe(half, NULL, 1000), 0);
	assert_int_equal(send(control_client_fd(half), "{\"op\":", 6, 0), 6);
	assert_true(is_closed(half, 5000));
	assert_true(is_closed(silent, 5000));
	assert_true(clock_monotonic_ns() - since_ns >= d->idle_ns);
	control_client_close(half);
	control_client_close(silent);
	waiting = client();
	locked = client();
	half = client();
	assert_int_equal(control_client_request(waiting, "hold", NULL, 1, NULL, message), CAROUSEL_E_BUSY);
	assert_int_equal(control_client_request(locked, "lock", NULL, 1000, NULL, NULL), 0);
	assert_int_equal(control_client_subscribe(half, NULL, 1000), 0);
	usleep((useconds_t)(3 * d->idle_ns / 1000));
	assert_false(is_closed(waiting, 0));
	assert_int_equal(control_client_request(locked, "echo", NULL, 1000, NULL, NULL), 0);
	assert_int_equal(control_client_request(half, "echo", NULL, 1000, NULL, NULL), 0);
	control_client_close(waiting);
	control_client_close(locked);
	control_client_close(half);
}

/* A byte now and then does not make half a line younger. */
static void test_half_a_line_in_drops_ends(void **state)
{
	struct control_client *c = client();
	const struct daemon *d = *state;
	unsigned sent = 0;
	while (sent < 100 && send(control_client_fd(c), " ", 1, MSG_NOSIGNAL) == 1) {
		usleep((useconds_t)(d->idle_ns / 4000));
		sent++;
	}
	assert_in_range(sent, 3, 40);
	control_client_close(c);
}

static void test_who_does_not_read_is_dropped(void **state)
{
	static const char fill[] = "{\"op\":\"fill\"}\n";
	struct control_client *slow = client(), *other = client();
	bool is_dropped = false;
	(void)state;
	for (int i = 0; i < 5000 && !is_dropped; i++) {
		is_dropped = send(control_client_fd(slow), fill, sizeof fill - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0;
		usleep(1000);
	}
	assert_true(is_dropped);
	assert_int_equal(control_client_request(other, "echo", NULL, 1000, NULL, NULL), 0);
	control_client_close(slow);
	control_client_close(other);
}

/* Many requests at once, read slowly but read: none is lost. */
static void test_pipelined_requests(void **state)
{
	static const char two[] = "{\"op\":\"fill\"}\n{\"op\":\"fill\"}\n";
	struct control_client *c = client();
	size_t got = 0, lines = 0;
	char buffer[4096];
	(void)state;
	assert_int_equal(send(control_client_fd(c), two, sizeof two - 1, 0), sizeof two - 1);
	while (lines < 2) {
		ssize_t n = recv(control_client_fd(c), buffer, sizeof buffer, 0);
		assert_true(n > 0);
		got += (size_t)n;
		for (ssize_t i = 0; i < n; i++)
			lines += buffer[i] == '\n';
	}
	assert_int_equal(got, 2 * (60000 + strlen("{\"id\":null,\"ok\":true,\"result\":\"\"}\n")));
	control_client_close(c);
}

static int nobody(void *user, struct control_request *r)
{
	(void)user;
	(void)r;
	return 0;
}

static void test_socket_files(void **state)
{
	const struct control_config config = {.path = path, .request = nobody};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct control_client *c;
	struct control *first, *second;
	struct loop *loop;
	struct stat status;
	char long_path[300];
	int fd;
	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(control_client_open(&c, path), CAROUSEL_E_NOT_FOUND);
	/* Stale: bound once, and nobody listens. */
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	assert_int_equal(control_client_open(&c, path), CAROUSEL_E_REFUSED);
	assert_int_equal(control_new(&first, loop, &config), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	/* Alive. */
	assert_int_equal(control_new(&second, loop, &config), CAROUSEL_E_EXISTS);
	assert_null(second);
	assert_int_equal(access(path, F_OK), 0);
	/* What has taken its place in the meantime is not removed with it. */
	assert_int_equal(unlink(path), 0);
	fd = creat(path, 0600);
	close(fd);
	control_free(first);
	assert_int_equal(access(path, F_OK), 0);
	/* No socket at all. */
	assert_int_equal(control_new(&first, loop, &config), CAROUSEL_E_EXISTS);
	assert_int_equal(unlink(path), 0);
	memset(long_path, 'x', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(control_new(&first, loop, &(struct control_config){.path = long_path, .request = nobody}),
		CAROUSEL_E_ARGUMENT);
	assert_int_equal(control_client_open(&c, long_path), CAROUSEL_E_ARGUMENT);
	assert_int_equal(
		control_new(&first, loop, &(struct control_config){.path = "/tmp/none/at/all", .request = nobody}),
		CAROUSEL_E_NOT_FOUND);
	loop_free(loop);
}

static int group_setup(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/control.sock", directory);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wire, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines_end_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_so_many_requests_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lock_lives_as_long_as_its_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_does_not_read_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quiet_connections_end, setup_impatient, teardown),
		cmocka_unit_test_setup_teardown(test_half_a_line_in_drops_ends, setup_impatient, teardown),
		cmocka_unit_test_setup_teardown(test_pipelined_requests, setup, teardown),
		cmocka_unit_test(test_socket_files),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
