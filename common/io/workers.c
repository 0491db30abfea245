#include "common/io/workers.h"

#include "common/carousel_error.h"
#include "common/memory.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* No lock is shared: a thread of idle priority that is put off while it holds one would hold up the loop. A job is
 * handed over by `state`, and whose move it is owns `job`. */
enum worker_state { WORKER_FREE, WORKER_GIVEN, WORKER_FINISHED };

struct worker_job {
	loop_job_fn run, done;
	void *user;
	struct worker_job *next;
};

struct worker {
	struct workers *workers;
	pthread_t thread;
	sem_t wake;
	atomic_int state;
	struct worker_job *job;
};

struct workers {
	struct worker worker[WORKERS_MOST];
	unsigned threads, jobs;
	struct worker_job *first, **last; /* that wait for a thread */
	void (*on_start)(void *);
	void *user;
	atomic_bool is_ending;
	struct loop_watch *watch;
	int event; /* readable when a worker has finished */
};

/* ---- on the worker's thread -------------------------------------------------------------------- */

static void *worker_main(void *user)
{
	struct worker *me = user;
	struct workers *w = me->workers;
	const uint64_t one = 1;
	w->on_start(w->user);
	for (;;) {
		while (sem_wait(&me->wake) != 0) {
			/* interrupted */
		}
		if (atomic_load(&w->is_ending))
			return NULL;
		me->job->run(me->job->user);
		atomic_store(&me->state, WORKER_FINISHED);
		while (write(w->event, &one, sizeof one) < 0) {
			/* interrupted: full it cannot be */
		}
	}
}

/* ---- on the loop's ----------------------------------------------------------------------------- */

static void workers_give(struct workers *w)
{
	for (unsigned i = 0; w->first && i < w->threads; i++) {
		struct worker *worker = &w->worker[i];
		if (atomic_load(&worker->state) != WORKER_FREE)
			continue;
		worker->job = w->first;
		w->first = w->first->next;
		if (w->first == NULL)
			w->last = &w->first;
		atomic_store(&worker->state, WORKER_GIVEN);
		sem_post(&worker->wake);
	}
}

static void workers_finish(struct workers *w)
{
	for (unsigned i = 0; i < w->threads; i++) {
		struct worker *worker = &w->worker[i];
		struct worker_job *job = worker->job;
		if (atomic_load(&worker->state) != WORKER_FINISHED)
			continue;
		atomic_store(&worker->state, WORKER_FREE);
		w->jobs--;
		workers_give(w);
		job->done(job->user);
		memory_free(NULL, job);
	}
}

static void workers_on_event(void *user, unsigned events)
{
	struct workers *w = user;
	uint64_t count;
	(void)events;
	if (read(w->event, &count, sizeof count) == (ssize_t)sizeof count)
		workers_finish(w);
}

/* Signals are for the loop's thread. */
static int workers_start(struct workers *w, unsigned threads)
{
	sigset_t all, before;
	int result = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (result == 0 && w->threads < threads) {
		struct worker *worker = &w->worker[w->threads];
		worker->workers = w;
		sem_init(&worker->wake, 0, 0);
		if (pthread_create(&worker->thread, NULL, worker_main, worker) == 0) {
			w->threads++;
		} else {
			sem_destroy(&worker->wake);
			result = CAROUSEL_E_IO;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

int workers_new(struct workers **out, struct loop *loop, unsigned threads, void (*on_start)(void *user), void *user)
{
	struct workers *w = memory_alloc(NULL, 1, sizeof *w);
	int result;
	*out = NULL;
	if (w == NULL)
		return CAROUSEL_E_MEMORY;
	w->last = &w->first;
	w->on_start = on_start;
	w->user = user;
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	result = w->event < 0 ? CAROUSEL_E_IO
			      : loop_watch_new(loop, w->event, LOOP_READ, workers_on_event, w, &w->watch);
	if (result == 0)
		result = workers_start(w, threads < WORKERS_MOST ? threads : WORKERS_MOST);
	if (result) {
		workers_free(w);
		return result;
	}
	*out = w;
	return 0;
}

int workers_job(struct workers *w, loop_job_fn run, loop_job_fn done, void *user)
{
	struct worker_job *job = memory_alloc(NULL, 1, sizeof *job);
	if (job == NULL)
		return CAROUSEL_E_MEMORY;
	*job = (struct worker_job){.run = run, .done = done, .user = user};
	w->jobs++;
	*w->last = job;
	w->last = &job->next;
	workers_give(w);
	return 0;
}

unsigned workers_jobs(const struct workers *w)
{
	return w->jobs;
}

void workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	while (w->jobs) {
		struct pollfd p = {.fd = w->event, .events = POLLIN};
		if (poll(&p, 1, -1) == 1)
			workers_on_event(w, LOOP_READ);
	}
	atomic_store(&w->is_ending, true);
	for (unsigned i = 0; i < w->threads; i++) {
		sem_post(&w->worker[i].wake);
		pthread_join(w->worker[i].thread, NULL);
		sem_destroy(&w->worker[i].wake);
	}
	loop_watch_free(w->watch);
	if (w->event >= 0)
		close(w->event);
	memory_free(NULL, w);
}
