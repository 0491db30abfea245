/* job.h - a piece of work that touches files or moves a block's bytes: run by any thread, once. */
#ifndef CAROUSEL_TX_JOB_H
#define CAROUSEL_TX_JOB_H

#include <stdint.h>

struct tx_object;

struct tx_job {
	struct tx_object *object;    /* whose it is; NULL: the session's */
	int (*run)(struct tx_job *); /* touches only what the job owns while it runs */
	int result;                  /* of run */
	/* On the core's thread afterwards: takes the outcome over, and frees the job. 0, or the error to be told. */
	int (*done)(struct tx_job *, uint64_t now_ns);
};

#endif
