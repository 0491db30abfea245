#include "carousel-rx/event_log.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/test.h"

#include <stdio.h>

/* One line as a job would write it. */
static int append(struct event_log *l, struct ram_storage *s, const char *line)
{
	char *lines;
	size_t len;
	int result;
	event_log_push(l, line);
	assert_int_equal(event_log_take(l, &lines, &len), 0);
	result = event_log_write(&s->table, NULL, lines, len);
	if (result)
		event_log_put_back(l, lines, len);
	memory_free(NULL, lines);
	return result;
}

static void test_appends_and_rotates(void **state)
{
	struct ram_storage s;
	struct event_log l;
	const struct ram_file *f = &s.file[RX_EVENTS];
	char line[201];
	(void)state;
	ram_storage_init(&s, 4096);
	assert_int_equal(event_log_init(&l, NULL), 0);
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(line, sizeof(line), "{\"n\":%-190u}", i);
		assert_int_equal(append(&l, &s, line), 0);
		assert_true(f->now_len <= EVENT_LOG_MAX_BYTES);
	}
	assert_true(f->now_len >= EVENT_LOG_MAX_BYTES / 2);
	/* Whole lines only, the newest last. */
	assert_memory_equal(f->now, "{\"n\":", 5);
	assert_memory_equal(f->now + f->now_len - strlen(line) - 1, line, strlen(line));
	assert_int_equal(f->now[f->now_len - 1], '\n');
	assert_int_equal(f->num_pending, 0);
	event_log_deinit(&l);
	ram_storage_deinit(&s);
}

static void test_waits_while_storage_fails(void **state)
{
	struct ram_storage s;
	struct event_log l;
	(void)state;
	ram_storage_init(&s, 4096);
	assert_int_equal(event_log_init(&l, NULL), 0);
	s.fail_with = CAROUSEL_E_NO_SPACE;
	assert_int_equal(append(&l, &s, "one"), CAROUSEL_E_NO_SPACE);
	s.fail_with = 0;
	assert_int_equal(append(&l, &s, "two"), 0);
	assert_memory_equal(s.file[RX_EVENTS].now, "one\ntwo\n", 8);
	event_log_deinit(&l);
	ram_storage_deinit(&s);
}

static void test_bounded(void **state)
{
	static char line[EVENT_LOG_WAIT_BYTES];
	struct event_log l;
	char *lines;
	size_t len;
	(void)state;
	assert_int_equal(event_log_init(&l, NULL), 0);
	assert_int_equal(event_log_take(&l, &lines, &len), 0);
	assert_null(lines);
	memset(line, 'x', sizeof(line) - 2);
	event_log_push(&l, line);
	assert_int_equal(l.len, EVENT_LOG_WAIT_BYTES - 1);
	event_log_push(&l, "");
	assert_int_equal(l.len, EVENT_LOG_WAIT_BYTES);
	event_log_push(&l, "");
	assert_int_equal(l.lost, 1);
	event_log_put_back(&l, "y\n", 2);
	assert_int_equal(l.lost, 2);
	event_log_deinit(&l);
	assert_int_equal(event_log_init(&l, NULL), 0);
	line[sizeof(line) - 2] = 'x';
	event_log_push(&l, "x");
	event_log_push(&l, line); /* alone it would fit exactly */
	assert_int_equal(l.lost, 1);
	assert_int_equal(l.len, 2);
	event_log_deinit(&l);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct ram_storage *s = user;
	struct event_log l;
	char *lines = NULL;
	size_t len;
	int result = event_log_init(&l, a);
	if (result)
		return result;
	event_log_push(&l, "line");
	result = event_log_take(&l, &lines, &len);
	if (result == 0)
		result = event_log_write(&s->table, a, lines, len);
	memory_free(a, lines);
	event_log_deinit(&l);
	return result;
}

static void test_no_memory(void **state)
{
	static char old[EVENT_LOG_MAX_BYTES];
	struct ram_storage s;
	(void)state;
	ram_storage_init(&s, 4096);
	memset(old, '\n', sizeof(old));
	ram_storage_set(&s, RX_EVENTS, old, sizeof(old));
	assert_int_equal(fault_alloc_all(attempt, &s), 3);
	ram_storage_deinit(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends_and_rotates),
		cmocka_unit_test(test_waits_while_storage_fails),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
