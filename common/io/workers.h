/* workers.h - threads of one's own beside the loop's pool, for work that runs at another priority.
 *
 * Everything but run and on_start runs on the thread of loop_run(). */
#ifndef COMMON_IO_WORKERS_H
#define COMMON_IO_WORKERS_H

#include "common/io/loop.h"

#define WORKERS_MOST 16u

struct workers;

/* on_start(user) is called first on each new thread; at most WORKERS_MOST of them. Errors: MEMORY, IO. */
int workers_new(struct workers **, struct loop *, unsigned threads, void (*on_start)(void *user), void *user);
/* run(user) on one of the threads, in the order given, then done(user) on the loop's. Errors: MEMORY. */
int workers_job(struct workers *, loop_job_fn run, loop_job_fn done, void *user);
/* Jobs given whose done function has not been called yet. */
unsigned workers_jobs(const struct workers *);
/* Runs what was given to its end and calls the done functions; before loop_free(). NULL is legal. */
void workers_free(struct workers *);

#endif
