/* audit.h - a log whose lines are chained by digest: a line that is changed, taken out or put in breaks every later
 * one.
 *
 * One JSON object a line: {"number":2,"previous":SHA256,"time":SECONDS,"who":..,"action":..,"subject":..,"sha256":..}.
 * `previous` is the SHA-256 of the whole line before, zeros for the first. That lines are missing at the end can only
 * be seen by whoever noted a later digest: verify prints it for that. */
#ifndef POLICY_MAP_AUDIT_H
#define POLICY_MAP_AUDIT_H

#include "common/hash.h"
#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

#define AUDIT_MAX_LINE_BYTES 2048u

struct audit_entry {
	uint64_t number; /* from 1 */
	uint64_t time_s;
	uint8_t previous[HASH_SHA256_BYTES];
	char who[129];                     /* key id, or user name */
	char action[24];                   /* "sign", "publish", "withdraw", "set-map" */
	char subject[257];                 /* what it was done to */
	uint8_t sha256[HASH_SHA256_BYTES]; /* of its bytes; zeros: none */
};

/* The end of a chain: what the next line continues. */
struct audit_chain {
	uint64_t number;
	uint8_t head[HASH_SHA256_BYTES];
};

/* Errors: SYNTAX, MALFORMED, RANGE, LIMIT, MEMORY. */
int audit_parse(struct audit_entry *, const char *line, size_t len);
/* Takes one line (without its end) as the next of the chain. Errors: those of parsing, CONFLICT (it does not continue).
 */
int audit_follow(struct audit_chain *, const char *line, size_t len, struct audit_entry *);
/* Numbers the entry, points it at the chain and prints it with its line end; the chain moves on. *line is owned by the
 * caller. Errors: MEMORY, MALFORMED (a text that is not UTF-8). */
int audit_print(
	const struct carousel_allocator *, struct audit_chain *, struct audit_entry *, char **line, size_t *len);

#endif
