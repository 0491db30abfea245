/* policy_map.h - the version map: a flat text file, the very bytes that are signed (policy-map.5).
 *
 * A box reads leniently: lines with an unknown first word are ignored, a line with an unknown option is treated
 * as absent. Tools read strictly: both are errors. A line of a known kind that breaks its grammar
 * or its numbers' order is an error for both, and the map counts for nothing. */
#ifndef POLICY_MAP_POLICY_MAP_H
#define POLICY_MAP_POLICY_MAP_H

#include "common/address.h"
#include "common/hash.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_MAP_MAX_BYTES   (8u << 20)
#define POLICY_MAP_MAX_WORDS   32u
#define POLICY_MAP_MAX_LINES   250000u /* of each kind */
#define POLICY_MAX_SESSIONS    64u
#define POLICY_MAX_RAMP_STEPS  12u
#define POLICY_MAX_NAME_BYTES  64u /* every name, box id, salt and flag value; without NUL */
#define POLICY_VERSION_NONE    0u
#define POLICY_VERSION_MAX     4294967294u
#define POLICY_VERSION_SPECIAL 4294967295u /* as 0: a special build */

/* All strings are borrowed from the map and end with NUL. Lines count from 1. */
struct policy_session {
	const char *name;
	struct udp_address group;  /* multicast, with its port */
	struct udp_address source; /* family 0: any source */
	uint32_t tsi;
	uint32_t line;
};

struct policy_numbers {
	uint32_t minimum, acceptable, current, maximum;
};

struct policy_ramp_step {
	uint32_t permyriad; /* of the boxes, 0 to 10000 */
	uint64_t after_s;   /* since `from`, else since `issued` */
};

struct policy_row {
	const char *class_name, *category; /* category "*": any */
	struct policy_numbers numbers;
	uint64_t from_s, until_s; /* 0: no such gate */
	const char *salt;         /* NULL: "class/current" */
	uint32_t retry;           /* 0: not given */
	uint32_t weight;          /* for the scheduler; 0: not given */
	uint32_t line;
	bool hold;
	uint8_t num_steps; /* 0: no ramp */
	struct policy_ramp_step steps[POLICY_MAX_RAMP_STEPS];
};

struct policy_member {
	const char *box_id, *category;
	uint32_t line;
};

struct policy_override {
	const char *box_id, *class_name; /* class "*", with never only: any */
	struct policy_numbers numbers;
	uint32_t line;
	uint32_t retry;
	bool never;
};

struct policy_flag {
	const char *class_name, *category, *name, *value;
	uint32_t line;
};

struct policy_image {
	const char *class_name;
	uint32_t version;
	uint32_t line;
	uint64_t size_bytes;
	uint8_t sha256[HASH_SHA256_BYTES];
	uint8_t manifest_sha256[HASH_SHA256_BYTES]; /* of the manifest's payload */
};

/* Each kind in the order of the file, and an index beside it for look-ups (equal keys keep the order of the file). */
struct policy_map {
	uint32_t epoch;
	uint64_t serial;
	uint64_t issued_s, expires_s;      /* UTC, seconds since 1970; expires 0: never */
	uint8_t sha256[HASH_SHA256_BYTES]; /* of the text */
	size_t num_sessions, num_rows, num_members, num_overrides, num_flags, num_images;
	struct policy_session *sessions;
	struct policy_row *rows;
	struct policy_member *members;
	struct policy_override *overrides;
	struct policy_flag *flags;
	struct policy_image *images;
	const struct policy_row **rows_by_name; /* class, category */
	const struct policy_member **members_by_id;
	const struct policy_override **overrides_by_id;
	const struct policy_image **images_by_version; /* class, version */
	size_t num_ignored;                            /* lines that a strict reader would refuse */
	const struct carousel_allocator *allocator;
	char *text; /* words end with NUL; owned */
};

struct policy_map_error {
	int code;
	uint32_t line, column; /* from 1; column in bytes; 0: the file as a whole */
	char message[192];
};

struct policy_map_options {
	bool strict;
	/* A box keeps only the members and overrides that are its own; NULL keeps all. */
	const char *only_box_id;
	/* When set, every bad line is reported and the parse goes on; it fails in the end all the same. */
	void (*report)(void *user, const struct policy_map_error *);
	void *user;
};

/* text: len bytes, borrowed for the call. The allocator is borrowed until free. error may be NULL.
 * Errors: SYNTAX, RANGE, UNKNOWN_WORD, DUPLICATE (a header line twice), UNSUPPORTED (another version of the format),
 * LIMIT, MEMORY. */
int policy_map_parse(const struct carousel_allocator *, const char *text, size_t len, const struct policy_map_options *,
	struct policy_map **, struct policy_map_error *error);
void policy_map_free(struct policy_map *);

/* Writes a map in its canonical form: columns aligned, comments and blank lines kept, every word as it was. Canonical
 * text comes back byte for byte. *out is owned by the caller. Errors: as a strict parse of lines into words: SYNTAX,
 * LIMIT, MEMORY. */
int policy_map_format(const struct carousel_allocator *, const char *text, size_t len, char **out, size_t *out_len,
	struct policy_map_error *error);

/* -1, 0, 1: orders by (epoch, serial). */
int policy_map_compare(const struct policy_map *, const struct policy_map *);

/* Look-ups; NULL when there is none. */
const struct policy_image *policy_map_image(const struct policy_map *, const char *class_name, uint32_t version);
const struct policy_member *policy_map_member(const struct policy_map *, const char *box_id);
/* The first in the file that applies to this box and class. */
const struct policy_override *policy_map_override(
	const struct policy_map *, const char *box_id, const char *class_name);
/* Rows of exactly (class, category), in file order. */
const struct policy_row *const *policy_map_rows(
	const struct policy_map *, const char *class_name, const char *category, size_t *count);
/* The value of a flag for (class, category), else for (class, "*"). */
const char *policy_map_flag(const struct policy_map *, const char *class_name, const char *category, const char *name);

/* Word rules, shared with manifests and the programs. Names of classes and categories: 1 to 64 printable ASCII
 * characters without blank, '"' and '\', not "*", not starting with '#'. Box ids: [0-9a-z._:-]{1,64}. */
#define POLICY_NAME_RULE "1 to 64 printable ASCII characters, no blank, \" or \\, not beginning with #"
bool policy_is_name(const char *);
bool policy_is_box_id(const char *);

#endif
