/* lint.h - what is wrong with a map that can be parsed, and what a release manager should look at twice.
 *
 * Pure: what it needs to know from outside comes in by pointers and callbacks. A map without errors gives every box
 * one decision at any time, and no box that followed a gated row is sent back when the gate closes. */
#ifndef POLICY_MAP_LINT_H
#define POLICY_MAP_LINT_H

#include "policy-map/manifest.h"
#include "policy-map/policy_map.h"

#include <stdbool.h>
#include <stdint.h>

/* X(SYMBOL, is an error, "name"). Names never change. */
#define LINT_LIST(X)                                                                                                   \
	X(SYNTAX, true, "syntax")                                                                                      \
	X(TWO_BASES, true, "two-ungated-rows")                                                                         \
	X(TOO_MANY_ROWS, true, "too-many-rows")                                                                        \
	X(LAST_GATED, true, "last-row-gated")                                                                          \
	X(GATE_FLIPS, true, "gate-flips-back")                                                                         \
	X(NO_IMAGE, true, "no-image")                                                                                  \
	X(NO_MANIFEST, true, "no-manifest")                                                                            \
	X(MANIFEST_DIFFERS, true, "manifest-differs")                                                                  \
	X(DIGEST_CHANGED, true, "digest-changed")                                                                      \
	X(SERIAL, true, "serial-not-above")                                                                            \
	X(DUPLICATE, true, "duplicate")                                                                                \
	X(TOO_LARGE, true, "image-too-large")                                                                          \
	X(DATA_FORMAT, true, "data-format")                                                                            \
	X(RAMP_FLAT, true, "ramp-does-not-grow")                                                                       \
	X(OVERRIDE_BELOW, false, "override-below-minimum")                                                             \
	X(MAXIMUM_LOWERED, false, "maximum-below-installed")                                                           \
	X(RAMP_LOWERED, false, "ramp-lowered")                                                                         \
	X(RAMP_STEEP, false, "ramp-steep")                                                                             \
	X(UNKNOWN_BOX, false, "unknown-box")                                                                           \
	X(EXPIRES_SOON, false, "expires-soon")                                                                         \
	X(NO_PRODUCTION, false, "no-production-row")                                                                   \
	X(COMMENT, false, "comment")                                                                                   \
	X(NOT_CANONICAL, false, "not-canonical")

#define LINT_ENUM(symbol, is_error, name) LINT_##symbol,
enum lint_code { LINT_LIST(LINT_ENUM) LINT_NUM_CODES };

struct lint_finding {
	enum lint_code code;
	uint32_t line, column; /* from 1, in bytes */
	char message[192];
};

struct lint_context {
	const struct policy_map *previous; /* last signed; NULL: none is known */
	uint64_t now_s;                    /* UTC; 0: not known */
	uint64_t slot_bytes;               /* of the smallest slot; 0: not known */
	struct fec_limits fec_limits;      /* of the weakest boxes; zeros: those of the schemes */
	void *user;                        /* of the callbacks, which may be NULL */
	/* The manifest with this digest, or NULL. */
	const struct manifest *(*manifest)(void *user, const uint8_t sha256[HASH_SHA256_BYTES]);
	/* Every manifest that is published, one after the other; NULL behind the last. */
	const struct manifest *(*published)(void *user, size_t i);
	/* Is there a box of this id? */
	bool (*box_is_known)(void *user, const char *box_id);
	/* How many boxes of a class run a version above `version`. */
	uint64_t (*boxes_above)(void *user, const char *class_name, uint32_t version);
	void (*report)(void *user, const struct lint_finding *);
};

/* Looks through a map and its text. *errors and *warnings are counted. Errors: MEMORY. */
int lint_map(const struct policy_map *, const char *text, size_t len, const struct lint_context *, unsigned *errors,
	unsigned *warnings);

bool lint_is_error(enum lint_code);
const char *lint_code_name(enum lint_code);

#endif
