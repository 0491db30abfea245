#include "common/io/loop.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/memory.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#define LOOP_SIGNALS 3

struct loop_watch {
	uv_poll_t poll; /* first: libuv's close callback gets its address */
	struct loop *loop;
	loop_fd_fn fn;
	void *user;
	unsigned events;
	struct loop_watch *next, **link;
};

struct loop_timer {
	struct loop *loop;
	struct loop_watch *watch; /* of the timerfd */
	int fd;
	loop_deadline_fn deadline;
	loop_on_deadline_fn on_deadline;
	void *user;
	uint64_t armed_ns;
	struct loop_timer *next, **link;
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare; /* asks the deadlines before the loop sleeps */
	uv_signal_t signals[LOOP_SIGNALS];
	bool has_prepare, has_signals, is_stopping;
	loop_signal_fn on_signal;
	void *signal_user;
	unsigned jobs;
	struct loop_watch *watches;
	struct loop_timer *timers;
};

/* ---- descriptors ------------------------------------------------------------------------------ */

static void loop_on_poll(uv_poll_t *poll, int status, int uv_events)
{
	struct loop_watch *w = (struct loop_watch *)poll;
	unsigned events = 0;
	if (uv_events & UV_READABLE)
		events |= LOOP_READ;
	if (uv_events & UV_WRITABLE)
		events |= LOOP_WRITE;
	if (status < 0 || (uv_events & UV_DISCONNECT))
		events = w->events;
	events &= w->events;
	if (events)
		w->fn(w->user, events);
}

int loop_watch_new(struct loop *loop, int fd, unsigned events, loop_fd_fn fn, void *user, struct loop_watch **out)
{
	struct loop_watch *w = memory_alloc(NULL, 1, sizeof *w);
	*out = NULL;
	if (w == NULL)
		return CAROUSEL_E_MEMORY;
	w->loop = loop;
	w->fn = fn;
	w->user = user;
	if (uv_poll_init(&loop->uv, &w->poll, fd) != 0) {
		memory_free(NULL, w);
		return CAROUSEL_E_IO;
	}
	w->next = loop->watches;
	w->link = &loop->watches;
	if (w->next)
		w->next->link = &w->next;
	loop->watches = w;
	*out = w;
	return loop_watch_set(w, events);
}

int loop_watch_set(struct loop_watch *w, unsigned events)
{
	int uv_events = 0;
	if (events == w->events)
		return 0;
	w->events = events;
	if (events & LOOP_READ)
		uv_events |= UV_READABLE;
	if (events & LOOP_WRITE)
		uv_events |= UV_WRITABLE;
	if (uv_events == 0)
		return uv_poll_stop(&w->poll) == 0 ? 0 : CAROUSEL_E_IO;
	return uv_poll_start(&w->poll, uv_events, loop_on_poll) == 0 ? 0 : CAROUSEL_E_IO;
}

static void loop_watch_closed(uv_handle_t *handle)
{
	memory_free(NULL, (struct loop_watch *)handle);
}

void loop_watch_free(struct loop_watch *w)
{
	if (w == NULL)
		return;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->events = 0;
	uv_close((uv_handle_t *)&w->poll, loop_watch_closed);
}

/* ---- deadlines -------------------------------------------------------------------------------- */

static void loop_timer_arm(struct loop_timer *t)
{
	struct itimerspec when = {.it_value = {0, 0}};
	const uint64_t deadline = t->deadline(t->user);
	if (deadline == t->armed_ns)
		return;
	t->armed_ns = deadline;
	if (deadline != LOOP_NEVER) {
		/* All zeros would disarm; 1 ns after boot is as much in the past. */
		const uint64_t at = deadline ? deadline : 1;
		when.it_value.tv_sec = (time_t)(at / 1000000000u);
		when.it_value.tv_nsec = (long)(at % 1000000000u);
	}
	(void)timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void loop_on_prepare(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;
	for (struct loop_timer *t = loop->timers; t; t = t->next)
		loop_timer_arm(t);
}

static void loop_on_timer(void *user, unsigned events)
{
	struct loop_timer *t = user;
	const uint64_t now = clock_monotonic_ns();
	uint64_t expirations;
	(void)events;
	/* Reading clears the descriptor; when it was rearmed meanwhile there is nothing to read, and nothing to do. */
	if (read(t->fd, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
		return;
	t->armed_ns = LOOP_NEVER;
	if (t->deadline(t->user) <= now)
		t->on_deadline(t->user, now);
}

int loop_timer_new(struct loop *loop, loop_deadline_fn deadline, loop_on_deadline_fn on_deadline, void *user,
	struct loop_timer **out)
{
	struct loop_timer *t = memory_alloc(NULL, 1, sizeof *t);
	int result;
	*out = NULL;
	if (t == NULL)
		return CAROUSEL_E_MEMORY;
	t->loop = loop;
	t->deadline = deadline;
	t->on_deadline = on_deadline;
	t->user = user;
	t->armed_ns = LOOP_NEVER;
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	result = t->fd < 0 ? CAROUSEL_E_IO : loop_watch_new(loop, t->fd, LOOP_READ, loop_on_timer, t, &t->watch);
	if (result != 0) {
		if (t->fd >= 0)
			close(t->fd);
		memory_free(NULL, t);
		return result;
	}
	t->next = loop->timers;
	t->link = &loop->timers;
	if (t->next)
		t->next->link = &t->next;
	loop->timers = t;
	*out = t;
	return 0;
}

void loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	loop_watch_free(t->watch);
	close(t->fd);
	memory_free(NULL, t);
}

/* ---- signals ---------------------------------------------------------------------------------- */

static void loop_on_signal(uv_signal_t *handle, int number)
{
	struct loop *loop = handle->data;
	loop->on_signal(loop->signal_user, number);
}

int loop_on_signals(struct loop *loop, loop_signal_fn fn, void *user)
{
	static const int numbers[LOOP_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
	loop->on_signal = fn;
	loop->signal_user = user;
	if (loop->has_signals)
		return 0;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < LOOP_SIGNALS; i++) {
		if (uv_signal_init(&loop->uv, &loop->signals[i]) != 0)
			return CAROUSEL_E_IO;
		loop->signals[i].data = loop;
		uv_unref((uv_handle_t *)&loop->signals[i]);
		loop->has_signals = true;
		if (uv_signal_start(&loop->signals[i], loop_on_signal, numbers[i]) != 0)
			return CAROUSEL_E_IO;
	}
	return 0;
}

/* ---- jobs ------------------------------------------------------------------------------------- */

struct loop_job {
	uv_work_t work; /* first */
	struct loop *loop;
	loop_job_fn run, done;
	void *user;
};

static void loop_job_run(uv_work_t *work)
{
	struct loop_job *job = (struct loop_job *)work;
	job->run(job->user);
}

static void loop_job_done(uv_work_t *work, int status)
{
	struct loop_job *job = (struct loop_job *)work;
	(void)status; /* nobody cancels */
	job->loop->jobs--;
	job->done(job->user);
	memory_free(NULL, job);
}

int loop_job(struct loop *loop, loop_job_fn run, loop_job_fn done, void *user)
{
	struct loop_job *job = memory_alloc(NULL, 1, sizeof *job);
	if (job == NULL)
		return CAROUSEL_E_MEMORY;
	job->loop = loop;
	job->run = run;
	job->done = done;
	job->user = user;
	if (uv_queue_work(&loop->uv, &job->work, loop_job_run, loop_job_done) != 0) {
		memory_free(NULL, job);
		return CAROUSEL_E_IO;
	}
	loop->jobs++;
	return 0;
}

unsigned loop_jobs(const struct loop *loop)
{
	return loop->jobs;
}

/* ---- the loop itself -------------------------------------------------------------------------- */

int loop_new(struct loop **out)
{
	struct loop *loop = memory_alloc(NULL, 1, sizeof *loop);
	*out = NULL;
	if (loop == NULL)
		return CAROUSEL_E_MEMORY;
	if (uv_loop_init(&loop->uv) != 0) {
		memory_free(NULL, loop);
		return CAROUSEL_E_IO;
	}
	if (uv_prepare_init(&loop->uv, &loop->prepare) != 0) {
		loop_free(loop);
		return CAROUSEL_E_IO;
	}
	loop->has_prepare = true;
	loop->prepare.data = loop;
	uv_prepare_start(&loop->prepare, loop_on_prepare);
	uv_unref((uv_handle_t *)&loop->prepare);
	*out = loop;
	return 0;
}

int loop_run(struct loop *loop)
{
	loop->is_stopping = false;
	while (!loop->is_stopping && uv_run(&loop->uv, UV_RUN_ONCE) != 0) {
	}
	while (loop->jobs)
		uv_run(&loop->uv, UV_RUN_ONCE);
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->is_stopping = true;
	uv_stop(&loop->uv);
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	while (loop->timers)
		loop_timer_free(loop->timers);
	while (loop->watches)
		loop_watch_free(loop->watches);
	for (int i = 0; i < LOOP_SIGNALS && loop->has_signals; i++)
		if (loop->signals[i].data)
			uv_close((uv_handle_t *)&loop->signals[i], NULL);
	if (loop->has_prepare)
		uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	memory_free(NULL, loop);
}
