/* loop.h - what a daemon needs of libuv: descriptors, exact deadlines, signals, jobs on the thread pool.
 *
 * Everything but loop_job_fn runs on the thread of loop_run(). */
#ifndef COMMON_IO_LOOP_H
#define COMMON_IO_LOOP_H

#include <stddef.h>
#include <stdint.h>

#define LOOP_READ  1u
#define LOOP_WRITE 2u
#define LOOP_NEVER UINT64_MAX

struct loop;
struct loop_watch;
struct loop_timer;

/* Errors: MEMORY, IO. */
int loop_new(struct loop **);
/* Runs until loop_stop(), or until no watch, timer or job is left. Jobs under way are waited for and their
 * done functions called before it returns. 0 or IO. */
int loop_run(struct loop *);
/* From any callback: loop_run() returns after it. */
void loop_stop(struct loop *);
/* Frees watches and timers that are left; descriptors stay open. NULL is legal. */
void loop_free(struct loop *);

/* fd -> callback; events is what is ready (LOOP_READ | LOOP_WRITE; an error or hang-up counts as all that was asked
 * for). The descriptor stays the caller's and must outlive the watch. Errors: MEMORY, IO (fd cannot be polled). */
typedef void (*loop_fd_fn)(void *user, unsigned events);
int loop_watch_new(struct loop *, int fd, unsigned events, loop_fd_fn, void *user, struct loop_watch **);
/* Other events to wait for; 0 pauses. */
int loop_watch_set(struct loop_watch *, unsigned events);
/* Legal in its own callback. NULL is legal. */
void loop_watch_free(struct loop_watch *);

/* A timer that follows a core's own deadline: before the loop sleeps deadline(user) is asked (absolute, CLOCK_MONOTONIC
 * nanoseconds; LOOP_NEVER: none), and once it has passed on_deadline(user, now_ns) is called. Precise to the kernel's
 * high-resolution timers (tens of microseconds), not to libuv's millisecond. deadline() must be cheap. */
typedef uint64_t (*loop_deadline_fn)(void *user);
typedef void (*loop_on_deadline_fn)(void *user, uint64_t now_ns);
int loop_timer_new(struct loop *, loop_deadline_fn, loop_on_deadline_fn, void *user, struct loop_timer **);
/* Legal in its own callback. NULL is legal. */
void loop_timer_free(struct loop_timer *);

/* SIGTERM, SIGINT and SIGHUP to one callback (SIGPIPE is ignored from then on). Errors: IO. */
typedef void (*loop_signal_fn)(void *user, int signal_number);
int loop_on_signals(struct loop *, loop_signal_fn, void *user);

/* run(user) on a thread of the pool, then done(user) on the loop's thread. Errors: MEMORY, IO. */
typedef void (*loop_job_fn)(void *user);
int loop_job(struct loop *, loop_job_fn run, loop_job_fn done, void *user);
/* Jobs given whose done function has not been called yet. */
unsigned loop_jobs(const struct loop *);

#endif
