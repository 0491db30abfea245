/* crew.h - work on the items of a list, done by other threads while the caller does something else. */
#ifndef POLICY_MAP_FLEET_CREW_H
#define POLICY_MAP_FLEET_CREW_H

#include <stddef.h>

#define CREW_MOST 16u

struct crew;

typedef void (*crew_work_fn)(void *user, size_t from, size_t to);

/* With one thread none is made: what is given is done at once, by the caller. At most CREW_MOST. Errors: MEMORY, IO. */
int crew_new(struct crew **, unsigned threads);
/* Has work(user, from, to) done on another thread. What it touches is its own until crew_wait() returns. */
void crew_give(struct crew *, crew_work_fn, void *user, size_t from, size_t to);
/* Returns when all that was given is done. */
void crew_wait(struct crew *);
/* Waits, too. NULL is legal. */
void crew_free(struct crew *);

#endif
