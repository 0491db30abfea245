/* covers: common/io/workers.c */
#include "tests/lib/test.h"

#include "common/io/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#define JOBS 200u

struct world {
	struct loop *loop;
	struct workers *workers;
	pthread_t main;
	atomic_uint starts, runs, elsewhere, together, most;
	unsigned meet; /* the first jobs wait until so many ran together, five seconds at most */
	unsigned dones, order_errors, again;
	bool stops;
};

struct job {
	struct world *world;
	unsigned number;
};

static void on_start(void *user)
{
	struct world *w = user;
	atomic_fetch_add(&w->starts, 1);
}

static void run(void *user)
{
	struct job *j = user;
	unsigned now = atomic_fetch_add(&j->world->together, 1) + 1, most = atomic_load(&j->world->most);
	while (now > most && !atomic_compare_exchange_weak(&j->world->most, &most, now)) {
	}
	for (unsigned ms = 0; j->number < j->world->meet && atomic_load(&j->world->most) < j->world->meet && ms < 5000;
		ms++)
		usleep(1000);
	if (j->number % 50 == 0)
		usleep(2000);
	atomic_fetch_add(&j->world->runs, 1);
	if (!pthread_equal(pthread_self(), j->world->main))
		atomic_fetch_add(&j->world->elsewhere, 1);
	atomic_fetch_sub(&j->world->together, 1);
}

static void done(void *user)
{
	struct job *j = user;
	struct world *w = j->world;
	assert_true(pthread_equal(pthread_self(), w->main));
	w->order_errors += j->number != w->dones;
	if (++w->dones == JOBS && w->stops)
		loop_stop(w->loop);
	if (w->again && w->dones == w->again)
		assert_int_equal(workers_job(w->workers, run, done, j), 0);
}

static void world_open(struct world *w, unsigned threads)
{
	memset(w, 0, sizeof *w);
	w->main = pthread_self();
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(workers_new(&w->workers, w->loop, threads, on_start, w), 0);
}

static void world_give(struct world *w, struct job job[JOBS])
{
	for (unsigned i = 0; i < JOBS; i++) {
		job[i] = (struct job){w, i};
		assert_int_equal(workers_job(w->workers, run, done, &job[i]), 0);
	}
	assert_int_equal(workers_jobs(w->workers), JOBS);
}

/* One thread: in their order. Several: side by side, each done on the loop's thread. */
static void test_jobs(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct job job[JOBS];
		struct world w;
		world_open(&w, threads);
		w.stops = true;
		w.meet = threads;
		world_give(&w, job);
		assert_int_equal(loop_run(w.loop), 0);
		assert_int_equal(w.dones, JOBS);
		assert_int_equal(atomic_load(&w.runs), JOBS);
		assert_int_equal(atomic_load(&w.elsewhere), JOBS);
		assert_int_equal(workers_jobs(w.workers), 0);
		assert_int_equal(atomic_load(&w.most), threads);
		if (threads == 1)
			assert_int_equal(w.order_errors, 0);
		workers_free(w.workers);
		assert_int_equal(atomic_load(&w.starts), threads);
		loop_free(w.loop);
	}
}

/* What was given is run and done before the threads go, also what a done function gives at that time. */
static void test_free_waits(void **state)
{
	struct job job[JOBS];
	struct world w;
	(void)state;
	world_open(&w, 2);
	w.again = JOBS;
	world_give(&w, job);
	workers_free(w.workers);
	assert_int_equal(w.dones, JOBS + 1);
	loop_free(w.loop);
	workers_free(NULL);
}

static void test_no_more_threads_than_most(void **state)
{
	struct world w;
	(void)state;
	world_open(&w, 1000);
	workers_free(w.workers);
	assert_int_equal(atomic_load(&w.starts), WORKERS_MOST);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_free_waits),
		cmocka_unit_test(test_no_more_threads_than_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
