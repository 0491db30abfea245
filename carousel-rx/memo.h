/* memo.h - what a box must not forget: RX_STATE, one JSON object, replaced as a whole.
 *
 * Pure: text in, text out. Bounded: what grows pushes its oldest entry out. */
#ifndef CAROUSEL_RX_MEMO_H
#define CAROUSEL_RX_MEMO_H

#include "carousel_rx.h"
#include "common/memory.h"
#include "policy-map/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMO_MAX_FAILURES 32u
#define MEMO_MAX_DECLINED 32u
#define MEMO_MAX_BYTES    32768u

/* An image that was handed to the boot loader. */
struct memo_install {
	bool is_set;
	bool is_switched; /* the boot loader was told */
	bool has_failed;  /* and this attempt is among the failures */
	uint8_t sha256[32];
	uint32_t version, from_version, retry;
	int slot;
};

struct memo {
	enum carousel_rx_state state;
	uint32_t map_epoch;
	uint64_t map_serial;
	uint8_t map_sha256[32];
	uint64_t gate_time_s;
	struct memo_install install;
	bool is_slot_dirty; /* this slot holds an image or part of one: this one */
	int slot;
	uint8_t slot_sha256[32];
	bool has_accepted, has_asked; /* the user said yes to this image; asked for what the rule allows */
	uint8_t accepted_sha256[32];
	bool is_paused;
	uint64_t defer_until_s, offered_s; /* gate time; 0: none */
	uint8_t due_sha256[32];            /* mandatory: since when, in gate time */
	uint64_t due_since_s;
	uint8_t doubt_sha256[32]; /* this image is wrong as a whole and waits for its chunk index; zeros: none does */
	uint64_t doubt_heard;     /* symbols of it heard meanwhile */
	size_t num_failures, num_declined;
	struct policy_failure failures[MEMO_MAX_FAILURES];
	uint8_t declined[MEMO_MAX_DECLINED][32];
};

/* *text is NUL-terminated and the caller's to memory_free(). Errors: MEMORY. */
int memo_encode(const struct memo *, const struct carousel_allocator *, char **text, size_t *len);
/* Unknown members are skipped, absent ones are zero. Errors: SYNTAX, MALFORMED (another format, a value of another
 * kind), RANGE, LIMIT, MEMORY; the memo is then zeros. */
int memo_decode(struct memo *, const char *text, size_t len);

/* One more failed attempt with an image; returns how many there were. */
uint32_t memo_add_failure(struct memo *, const uint8_t sha256[32], uint32_t retry);
void memo_add_declined(struct memo *, const uint8_t sha256[32]);
/* The user has changed his mind. */
void memo_remove_declined(struct memo *, const uint8_t sha256[32]);

#endif
