#include "tests/lib/test.h"

#include "common/io/clock.h"
#include "common/io/loop.h"

#include <signal.h>
#include <unistd.h>

#define MS 1000000u

struct world {
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer *timer;
	int pipes[2];
	unsigned reads, deadlines, signals, runs, dones;
	uint64_t deadline, late_ns;
	int last_signal;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	w->deadline = LOOP_NEVER;
	return w && pipe(w->pipes) == 0 ? loop_new(&w->loop) : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	loop_free(w->loop);
	close(w->pipes[0]);
	close(w->pipes[1]);
	free(w);
	return 0;
}

static uint64_t get_deadline(void *user)
{
	const struct world *w = user;
	return w->deadline;
}

static void stop_at_deadline(void *user, uint64_t now)
{
	struct world *w = user;
	assert_true(now >= w->deadline);
	w->late_ns = now - w->deadline;
	w->deadlines++;
	loop_stop(w->loop);
}

static void on_readable(void *user, unsigned events)
{
	struct world *w = user;
	char byte;
	assert_int_equal(events, LOOP_READ);
	assert_int_equal(read(w->pipes[0], &byte, 1), 1);
	w->reads++;
	if (byte == 'f') {
		loop_watch_free(w->watch);
		w->watch = NULL;
	} else if (byte == 'p') {
		loop_watch_set(w->watch, 0);
		w->deadline = clock_monotonic_ns() + 20 * MS;
	} else {
		loop_stop(w->loop);
	}
}

static void test_descriptors(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_watch_new(w->loop, w->pipes[0], LOOP_READ, on_readable, w, &w->watch), 0);
	assert_int_equal(write(w->pipes[1], "xx", 2), 2);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->reads, 1);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->reads, 2);
	/* Freed in its own callback: the loop ends by itself, as nothing is left. */
	assert_int_equal(write(w->pipes[1], "fx", 2), 2);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->reads, 3);
}

static void test_a_paused_watch_is_silent(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_watch_new(w->loop, w->pipes[0], LOOP_READ, on_readable, w, &w->watch), 0);
	assert_int_equal(loop_timer_new(w->loop, get_deadline, stop_at_deadline, w, &w->timer), 0);
	assert_int_equal(write(w->pipes[1], "px", 2), 2);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->reads, 1);
	assert_int_equal(w->deadlines, 1);
	w->deadline = LOOP_NEVER;
	assert_int_equal(loop_watch_set(w->watch, LOOP_READ), 0);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->reads, 2);
}

static void on_writable(void *user, unsigned events)
{
	struct world *w = user;
	assert_int_equal(events, LOOP_WRITE);
	w->runs++;
	loop_stop(w->loop);
}

static void test_writable(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_watch_new(w->loop, w->pipes[1], LOOP_WRITE, on_writable, w, &w->watch), 0);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->runs, 1);
}

static void test_deadlines_are_finer_than_a_millisecond(void **state)
{
	struct world *w = *state;
	uint64_t best = UINT64_MAX;
	assert_int_equal(loop_timer_new(w->loop, get_deadline, stop_at_deadline, w, &w->timer), 0);
	for (unsigned i = 0; i < 200; i++) {
		w->deadline = clock_monotonic_ns() + 300000;
		assert_int_equal(loop_run(w->loop), 0);
		if (w->late_ns < best)
			best = w->late_ns;
	}
	assert_int_equal(w->deadlines, 200);
	/* The best of many, so that a busy machine does not fail it; a timer of 1 ms grain never comes near. */
	assert_true(best < 250000);
}

static void again_at_once(void *user, uint64_t now)
{
	struct world *w = user;
	(void)now;
	if (++w->deadlines == 5)
		loop_stop(w->loop);
	w->deadline = w->deadlines; /* long past */
}

static void test_a_past_deadline_fires_at_once(void **state)
{
	struct world *w = *state;
	w->deadline = 0;
	assert_int_equal(loop_timer_new(w->loop, get_deadline, again_at_once, w, &w->timer), 0);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->deadlines, 5);
}

static void free_own_timer(void *user, uint64_t now)
{
	struct world *w = user;
	(void)now;
	w->deadlines++;
	loop_timer_free(w->timer);
	w->timer = NULL;
}

static void test_a_timer_may_free_itself(void **state)
{
	struct world *w = *state;
	w->deadline = 1;
	assert_int_equal(loop_timer_new(w->loop, get_deadline, free_own_timer, w, &w->timer), 0);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->deadlines, 1);
}

static void on_signal(void *user, int number)
{
	struct world *w = user;
	w->signals++;
	w->last_signal = number;
	loop_stop(w->loop);
}

static void test_signals(void **state)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct world *w = *state;
	assert_int_equal(loop_on_signals(w->loop, on_signal, w), 0);
	assert_int_equal(loop_timer_new(w->loop, get_deadline, stop_at_deadline, w, &w->timer), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(raise(numbers[i]), 0);
		assert_int_equal(loop_run(w->loop), 0);
		assert_int_equal(w->last_signal, numbers[i]);
	}
	assert_int_equal(w->signals, 3);
	close(w->pipes[0]);
	assert_int_equal(write(w->pipes[1], "x", 1), -1); /* SIGPIPE would have ended this */
}

static void job_run(void *user)
{
	struct world *w = user;
	usleep(20000);
	w->runs++;
}

static void job_done(void *user)
{
	struct world *w = user;
	w->dones++;
}

static void test_jobs(void **state)
{
	struct world *w = *state;
	assert_int_equal(loop_job(w->loop, job_run, job_done, w), 0);
	assert_int_equal(loop_jobs(w->loop), 1);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->runs, 1);
	assert_int_equal(w->dones, 1);
	assert_int_equal(loop_jobs(w->loop), 0);
}

static void test_stopping_waits_for_jobs(void **state)
{
	struct world *w = *state;
	w->deadline = 1;
	assert_int_equal(loop_timer_new(w->loop, get_deadline, stop_at_deadline, w, &w->timer), 0);
	assert_int_equal(loop_job(w->loop, job_run, job_done, w), 0);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->dones, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_paused_watch_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadlines_are_finer_than_a_millisecond, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_past_deadline_fires_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_timer_may_free_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopping_waits_for_jobs, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
