/* job.h - a piece of work that may touch disk or move a block's bytes: run by any thread, once. */
#ifndef CAROUSEL_RX_JOB_H
#define CAROUSEL_RX_JOB_H

#include "carousel_rx.h"

#include <stdbool.h>

struct carousel_job {
	bool is_background;                 /* nobody waits for it: reception goes on however long it takes */
	void (*run)(struct carousel_job *); /* sets result; touches only what the job owns */
	int result;
	/* On the receiver's thread afterwards: takes the job's outcome over and frees or re-arms the job.
	 * Returns 0 or a fatal code. */
	int (*done)(struct carousel_job *, uint64_t now_ns);
};

#endif
