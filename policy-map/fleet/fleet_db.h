/* fleet_db.h - the fleet database: which box has run which version since when, as far as anybody has heard.
 *
 * SQLite, in one file, in the policy-map program only. A box's newest row is in `box`, what it ran before in `history`,
 * when a version first failed in `failure`, and which maps were signed in `map` and `map_row`. Readers see the state
 * before an import or after it. */
#ifndef POLICY_MAP_FLEET_FLEET_DB_H
#define POLICY_MAP_FLEET_FLEET_DB_H

#include "common/key.h"
#include "policy-map/policy_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_MAX_NAMES 65536u  /* classes, categories, states and reasons together */
#define FLEET_BATCH     524288u /* boxes that are held in memory until they are sorted and put: some 50 MB */

struct fleet_db;

enum fleet_trust {
	FLEET_FROM_LIST, /* factory or billing */
	FLEET_UNSIGNED,  /* the box has no enrolled key */
	FLEET_SIGNED,    /* by the box's enrolled key */
	FLEET_NUM_TRUST
};

/* What was heard of a box; borrowed for the call. */
struct fleet_news {
	const char *box_id, *class_name, *category, *state, *reason;
	uint32_t version;
	uint32_t epoch; /* of the map that the box holds, with serial; 0: not told */
	uint64_t serial;
	int64_t failures;        /* as it counts them */
	uint32_t failed_version; /* the last of them; 0: not told */
	uint64_t heard_s;        /* when this was so */
	bool is_undated;         /* heard_s is only when it came in: the box has no clock */
	enum fleet_trust trust;
};

struct fleet_box {
	const char *id, *class_name, *category, *state, *reason; /* borrowed for the call */
	uint32_t version;
	uint64_t since_s; /* this version was first seen */
	uint64_t seen_s;  /* last heard of; 0: never, it is only on a list */
	uint64_t serial;
	int64_t failures;        /* as it reported */
	uint64_t failed_s;       /* when that number last rose; 0: never */
	uint32_t failed_version; /* 0: not told */
	uint32_t changes;        /* of version that were seen */
	enum fleet_trust trust;
	uint32_t class_number; /* one for each class, from 1 to FLEET_MAX_NAMES */
};

struct fleet_counts {
	uint64_t taken[FLEET_NUM_TRUST];
	uint64_t older; /* than what is held: passed over */
};

/* Opens the file; without must_exist it may be made. Errors: NOT_FOUND (with must_exist), MALFORMED (this is no fleet
 * database), UNSUPPORTED (a schema of another program version), BUSY, PERMISSION, READ_ONLY, NO_SPACE, STORAGE, MEMORY.
 * A database on a medium that cannot be written is opened for reading. */
int fleet_db_open(const char *path, bool must_exist, struct fleet_db **);
void fleet_db_close(struct fleet_db *);
/* SQLite's words for the last error; borrowed. */
const char *fleet_db_message(const struct fleet_db *);

/* Everything between begin and commit counts together; close without commit takes it back. Errors: BUSY (another import
 * runs for longer than this one waits), and those of storage. */
int fleet_db_begin(struct fleet_db *);
int fleet_db_commit(struct fleet_db *);
void fleet_db_roll_back(struct fleet_db *);
/* What is read between the two is of one moment. */
int fleet_db_begin_reading(struct fleet_db *);
int fleet_db_end_reading(struct fleet_db *);

/* Takes what was heard of a box, between begin and commit, by which it is in the file at the latest. A change of
 * version moves the old one to the history. Older news than what is held (by time, then by map; by map first when it
 * has no date) and lists about boxes that speak for themselves are passed over and counted. Errors: LIMIT
 * (FLEET_MAX_NAMES), and those of storage. */
int fleet_db_put(struct fleet_db *, const struct fleet_news *);
void fleet_db_counts(const struct fleet_db *, struct fleet_counts *);

/* Errors of key functions: NOT_FOUND, and those of storage. */
int fleet_db_put_key(struct fleet_db *, const char *box_id, const struct key_public *);
int fleet_db_key(struct fleet_db *, const char *box_id, struct key_public *);

/* Remembers a file by its digest. DUPLICATE: it is known. */
int fleet_db_put_file(struct fleet_db *, const uint8_t sha256[HASH_SHA256_BYTES], uint64_t now_s);
/* Remembers when which version was current, on hold or recalled. DUPLICATE: the map is known. */
int fleet_db_put_map(struct fleet_db *, const struct policy_map *);

/* All boxes in the order of their ids; class and category are the same pointers for the same names throughout. A
 * non-zero result of `take` ends it and is handed on. */
int fleet_db_each(struct fleet_db *, int (*take)(void *user, const struct fleet_box *), void *user);
/* Distinct (class, category, version) with their numbers of boxes, ordered by them. */
int fleet_db_each_version(struct fleet_db *,
	int (*take)(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count),
	void *user);
bool fleet_db_has_box(struct fleet_db *, const char *box_id);
/* The one box. NOT_FOUND. */
int fleet_db_box(struct fleet_db *, const char *box_id, int (*take)(void *user, const struct fleet_box *), void *user);

/* What the history says of one box, oldest first, its present version last. */
int fleet_db_history(struct fleet_db *, const char *box_id,
	int (*take)(void *user, uint32_t version, uint64_t since_s, uint64_t until_s), void *user);

/* A version that failed on some box, and the first map after that which stopped it: no row without hold has it as
 * current, and a row with it is on hold or has a maximum below it. */
struct fleet_stop {
	const char *class_name;
	uint32_t version; /* 0: the boxes did not tell which; any hold of the class counts */
	uint64_t first_failure_s, failures;
	bool is_stopped, is_recall; /* else a hold */
	uint32_t epoch;
	uint64_t serial, stopped_s;
};

/* Every version that failed, ordered by class and version. */
int fleet_db_each_stop(struct fleet_db *, int (*take)(void *user, const struct fleet_stop *), void *user);
/* When a version of a class became current: the first known map with it, after the last in which the class had only
 * others (before a recall, say). 0: in none. */
uint64_t fleet_db_first_issued(struct fleet_db *, const char *class_name, uint32_t version);

#endif
