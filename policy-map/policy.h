/* policy.h - the four-version rule: one pure function from a map and a box to a decision.
 *
 * No clock, allocation or I/O; the same arguments always give the same decision. */
#ifndef POLICY_MAP_POLICY_H
#define POLICY_MAP_POLICY_H

#include "common/hash.h"
#include "policy-map/policy_map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_DEFAULT_CATEGORY "production"
#define POLICY_MAX_ATTEMPTS     2u

/* X(SYMBOL, number, "name", "sentence"). Numbers and names never change. */
#define POLICY_DECISION_LIST(X)                                                                                        \
	X(NONE, 0, "none", "nothing is to be done")                                                                    \
	X(OFFER, 1, "offer", "the user is asked whether to install current")                                           \
	X(MANDATORY, 2, "mandatory", "current is installed without asking")                                            \
	X(RECALL, 3, "recall", "current is installed without asking, downwards")

#define POLICY_REQUEST_LIST(X)                                                                                         \
	X(REFUSED, 0, "refused", "nothing may be installed")                                                           \
	X(LOCAL_ONLY, 1, "local-only", "only an image brought by hand may be installed")                               \
	X(INSTALL, 2, "install", "current is installed")                                                               \
	X(REINSTALL, 3, "reinstall", "current is installed once more")                                                 \
	X(ACCEPT, 4, "accept", "the offer is accepted")                                                                \
	X(NOW, 5, "now", "what must be done is done at once")

#define POLICY_REASON_LIST(X)                                                                                          \
	X(VERSION_UNREADABLE, 1, "version-unreadable", "the installed version cannot be read")                         \
	X(SPECIAL_BUILD, 2, "special-build", "the installed version is a special build")                               \
	X(OVERRIDE_NEVER, 3, "override-never", "an override says never")                                               \
	X(NO_ROW, 4, "no-row", "no row of the map is for this box")                                                    \
	X(HOLD, 5, "hold", "the row is on hold")                                                                       \
	X(BELOW_MINIMUM, 6, "below-minimum", "installed is below minimum")                                             \
	X(BELOW_ACCEPTABLE, 7, "below-acceptable", "installed is below acceptable")                                    \
	X(ACCEPTABLE, 8, "acceptable", "installed is acceptable though not current")                                   \
	X(CURRENT, 9, "current", "installed is current")                                                               \
	X(NEWER_THAN_CURRENT, 10, "newer-than-current", "installed is newer than current and not above maximum")       \
	X(ABOVE_MAXIMUM, 11, "above-maximum", "installed is above maximum")                                            \
	X(NO_IMAGE, 12, "no-image", "the map names no image of current")                                               \
	X(BELOW_HARDWARE_FLOOR, 13, "below-hardware-floor", "current is older than the hardware can run")              \
	X(FAILED_BEFORE, 14, "failed-before", "the image failed here as often as may be")                              \
	X(DECLINED, 15, "declined", "the user declined this image")

#define POLICY_ENUM_DECISION(symbol, number, name, sentence) POLICY_##symbol = (number),
#define POLICY_ENUM_REQUEST(symbol, number, name, sentence)  POLICY_REQUEST_##symbol = (number),
#define POLICY_ENUM_REASON(symbol, number, name, sentence)   POLICY_REASON_##symbol = (number),
enum policy_verdict { POLICY_DECISION_LIST(POLICY_ENUM_DECISION) };
enum policy_request { POLICY_REQUEST_LIST(POLICY_ENUM_REQUEST) };
enum policy_reason { POLICY_REASON_LIST(POLICY_ENUM_REASON) };

/* An image that failed here: how often, and the row's retry= when it last did. */
struct policy_failure {
	uint8_t sha256[HASH_SHA256_BYTES];
	uint32_t attempts;
	uint32_t retry;
};

/* All borrowed. */
struct policy_box {
	const char *id;
	const char *class_name;
	const char *category; /* the box's own setting; NULL or "": production. A member line goes before it. */
	uint32_t version;     /* 0 and 4294967295: a special build */
	bool version_unreadable;
	const struct policy_failure *failures;
	size_t num_failures;
	uint32_t max_attempts; /* 0: POLICY_MAX_ATTEMPTS */
	const uint8_t (*declined)[HASH_SHA256_BYTES];
	size_t num_declined;
	uint32_t hardware_floor;
	bool has_trusted_clock;
	uint64_t clock_s; /* UTC; counts only with has_trusted_clock, and only for map_expired */
};

struct policy_decision {
	enum policy_verdict verdict;
	enum policy_reason reason; /* why this verdict */
	enum policy_reason
		rule; /* the line of the table that holds; differs from reason when something stands in its way */
	enum policy_request request;      /* what is done when the user asks */
	uint32_t target;                  /* version to install, for the verdict or at request; 0: none */
	const struct policy_image *image; /* of target; borrowed from the map; NULL: none */
	struct policy_numbers numbers;    /* that were used; zeros without row and override */
	uint32_t line;                    /* of the map, of the row or override; 0: none */
	uint32_t retry;                   /* of the row; to be kept with a failure */
	const char *category;             /* that counted */
	const char *class_name;
	bool is_override;
	bool map_expired; /* by a trusted clock; raises an alarm, blocks nothing */
	bool alarm;       /* the box cannot read its version */
};

/* Design: the two tables of the four-version rule. gate_time_s: newest verified heartbeat, 0 when none was heard;
 * never the box's own clock. Always fills in a decision; errors: ARGUMENT (no map, box, id or class). */
int policy_decide(const struct policy_map *, const struct policy_box *, uint64_t gate_time_s, struct policy_decision *);

/* The lot of a box in a ramp: u64be(BLAKE2b-64(salt || 0x00 || id)) mod 10000. */
uint32_t policy_lot(const char *salt, const char *box_id);
/* The share that a row's ramp admits at a time; 10000 without a ramp. */
uint32_t policy_ramp_permyriad(const struct policy_map *, const struct policy_row *, uint64_t gate_time_s);
/* Does the row wait for a time, end at one, or let in only a share? */
bool policy_row_is_gated(const struct policy_row *);
/* The share that all gates of a row admit at a time: none before it begins, none after its end, else its ramp's. */
uint32_t policy_row_share(const struct policy_map *, const struct policy_row *, uint64_t now_s);
/* True when the row's gates admit the box at a time. */
bool policy_row_admits(const struct policy_map *, const struct policy_row *, const char *box_id, uint64_t gate_time_s);

/* The gate times at which a row admits a box: from *from_s on and before *until_s (UINT64_MAX: for ever). Shares never
 * fall, so there is one such span; false: there is none. */
bool policy_row_span(
	const struct policy_map *, const struct policy_row *, const char *box_id, uint64_t *from_s, uint64_t *until_s);

/* Stable names and sentences; "unknown" for other numbers. Static. */
const char *policy_verdict_name(enum policy_verdict);
const char *policy_request_name(enum policy_request);
const char *policy_reason_name(enum policy_reason);
const char *policy_reason_sentence(enum policy_reason);

#endif
