#include "policy-map/fleet/crew.h"

#include "common/carousel_error.h"
#include "common/io/workers.h"
#include "common/memory.h"

struct crew {
	struct loop *loop;
	struct workers *workers; /* NULL: the caller works himself */
	unsigned given;          /* and not done yet */
};

struct crew_job {
	struct crew *crew;
	crew_work_fn work;
	void *user;
	size_t from, to;
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
	if (result == 0 && threads > 1)
		result = loop_new(&c->loop);
	if (result == 0 && threads > 1)
		result = workers_new(&c->workers, c->loop, threads < CREW_MOST ? threads : CREW_MOST, nothing, NULL);
	if (result) {
		crew_free(c);
		return result;
	}
	*out = c;
	return 0;
}

static void run(void *user)
{
	struct crew_job *job = user;
	job->work(job->user, job->from, job->to);
}

static void done(void *user)
{
	struct crew_job *job = user;
	if (--job->crew->given == 0)
		loop_stop(job->crew->loop);
	memory_free(NULL, job);
}

void crew_give(struct crew *c, crew_work_fn work, void *user, size_t from, size_t to)
{
	struct crew_job *job = c->workers ? memory_alloc(NULL, 1, sizeof *job) : NULL;
	if (job) {
		*job = (struct crew_job){c, work, user, from, to};
		if (workers_job(c->workers, run, done, job) == 0) {
			c->given++;
			return;
		}
		memory_free(NULL, job);
	}
	work(user, from, to);
}

void crew_wait(struct crew *c)
{
	while (c->given && loop_run(c->loop) == 0) {
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
