/* crew.h - work on the items of a list, done by other threads while the caller does something else. */
#ifndef POLICY_MAP_FLEET_CREW_H
#define POLICY_MAP_FLEET_CREW_H

#include <stddef.h>

#define CREW_MOST 16u

struct crew;

/* Works on the items from `from` up to `to`, which are its own meanwhile. */
typedef void (*crew_work_fn)(void *user, size_t from, size_t to);

/* With one thread none is made: the caller does the work when he gives it. At most CREW_MOST. Errors: MEMORY, IO. */
int crew_new(struct crew **, unsigned threads);
/* Has all items done, a few at a time by whichever thread is free. crew_wait() comes before the next crew_start(). */
void crew_start(struct crew *, crew_work_fn, void *user, size_t items);
/* Returns when all of it is done. */
void crew_wait(struct crew *);
/* Waits, too. NULL is legal. */
void crew_free(struct crew *);

#endif
