#include "policy-map/fleet/crew.h"

#include "common/carousel_error.h"
#include "common/io/workers.h"
#include "common/memory.h"

#include <stdatomic.h>

#define PART 8u /* items that a thread takes at a time */

struct crew {
	struct loop *loop;
	struct workers *workers; /* NULL: the caller works himself */
	unsigned threads;
	unsigned busy; /* of them */
	crew_work_fn work;
	void *user;
	size_t items;
	atomic_size_t next; /* the first that nobody has taken */
};

static void nothing(void *user)
{
	(void)user;
}

int crew_new(struct crew **out, unsigned threads)
{
	struct crew *c = memory_alloc(NULL, 1, sizeof *c);
	int result = c ? 0 : CAROUSEL_E_MEMORY;
	*out = NULL;
	if (result == 0 && threads > 1) {
		c->threads = threads < CREW_MOST ? threads : CREW_MOST;
		result = loop_new(&c->loop);
		if (result == 0)
			result = workers_new(&c->workers, c->loop, c->threads, nothing, NULL);
	}
	if (result) {
		crew_free(c);
		return result;
	}
	*out = c;
	return 0;
}

static void run(void *user)
{
	struct crew *c = user;
	for (;;) {
		size_t from = atomic_fetch_add(&c->next, PART);
		if (from >= c->items)
			return;
		c->work(c->user, from, c->items - from < PART ? c->items : from + PART);
	}
}

static void done(void *user)
{
	struct crew *c = user;
	if (--c->busy == 0)
		loop_stop(c->loop);
}

void crew_start(struct crew *c, crew_work_fn work, void *user, size_t items)
{
	c->work = work;
	c->user = user;
	c->items = items;
	atomic_store(&c->next, 0);
	if (items == 0)
		return;
	while (c->busy < c->threads && workers_job(c->workers, run, done, c) == 0)
		c->busy++;
	if (c->busy == 0)
		run(c);
}

void crew_wait(struct crew *c)
{
	while (c->busy && loop_run(c->loop) == 0) {
		/* another round */
	}
}

void crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	crew_wait(c);
	workers_free(c->workers);
	loop_free(c->loop);
	memory_free(NULL, c);
}
