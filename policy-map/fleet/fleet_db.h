/* fleet_db.h - the fleet database: which box has run which version since when, as far as anybody has heard.
 *
 * SQLite, in one file, in the policy-map program only. A box's newest row is in `box`, what it ran before in `history`.
 */
#ifndef POLICY_MAP_FLEET_FLEET_DB_H
#define POLICY_MAP_FLEET_FLEET_DB_H

#include "common/key.h"
#include "policy-map/box_report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fleet_db;

enum fleet_trust {
	FLEET_FROM_LIST, /* factory or billing */
	FLEET_UNSIGNED,  /* the box has no enrolled key */
	FLEET_SIGNED,    /* by the box's enrolled key */
};

struct fleet_box {
	const char *id, *class_name, *category, *state, *reason; /* borrowed for the call */
	uint32_t version;
	uint64_t since_s; /* this version was first seen */
	uint64_t seen_s;  /* last heard of; 0: never, it is only on a list */
	uint64_t serial;
	int64_t failures; /* as it reported */
	enum fleet_trust trust;
};

/* Opens or makes the file. Errors: STORAGE,
 * NOT_FOUND (with must_exist), UNSUPPORTED (a schema of a newer program), MEMORY. */
int fleet_db_open(const char *path, bool must_exist, struct fleet_db **);
void fleet_db_close(struct fleet_db *);
/* SQLite's words for the last error; borrowed. */
const char *fleet_db_message(const struct fleet_db *);

/* Everything between begin and commit counts together; close without commit takes it back. */
int fleet_db_begin(struct fleet_db *);
int fleet_db_commit(struct fleet_db *);

/* Takes what was heard of a box at time now_s. A change of version moves the old one to the history; older news than
 * what is held (by time) is dropped with ROLLBACK. Errors: STORAGE, ROLLBACK. */
int fleet_db_put(struct fleet_db *, const struct box_report *, enum fleet_trust, uint64_t now_s);
/* Errors of key functions: STORAGE, NOT_FOUND. */
int fleet_db_put_key(struct fleet_db *, const char *box_id, const struct key_public *);
int fleet_db_key(struct fleet_db *, const char *box_id, struct key_public *);

/* All boxes in the order of their ids; a non-zero result of `take` ends it and is handed on. */
int fleet_db_each(struct fleet_db *, int (*take)(void *user, const struct fleet_box *), void *user);
/* Distinct (class, category, version) with their numbers of boxes, ordered by them. */
int fleet_db_each_version(struct fleet_db *,
	int (*take)(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count),
	void *user);
bool fleet_db_has_box(struct fleet_db *, const char *box_id);

/* What the history says of one box, oldest first, its present version last. */
int fleet_db_history(struct fleet_db *, const char *box_id,
	int (*take)(void *user, uint32_t version, uint64_t since_s, uint64_t until_s), void *user);

#endif
