/* counters.h - what must survive a restart so that no TOI, FDT instance, heartbeat or symbol is used twice.
 *
 * Numbers are leased ahead: what is stored is a bound that nothing sent has reached. After a kill the transmitter goes
 * on at the bound. Kept as INI text (carousel-tx.5, counters.ini), so that an operator can read it. */
#ifndef CAROUSEL_TX_COUNTERS_H
#define CAROUSEL_TX_COUNTERS_H

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TX_COUNTERS_KEY_BYTES   96u /* "image:<sha256>:<oti fingerprint>" */
#define TX_COUNTERS_MAX_OBJECTS 1280u

struct tx_lease {
	uint64_t next, leased, pending; /* next to use; stored bound; bound being stored */
	uint64_t stored_next;           /* next when the bound was last stored, to measure the rate of use */
};

struct tx_counter { /* one object, on the air or remembered */
	char key[TX_COUNTERS_KEY_BYTES];
	uint32_t toi;
	uint32_t step;           /* senders that shared the ESIs */
	struct tx_lease symbols; /* positions of the cursor */
	uint32_t lead_min;       /* positions leased ahead at least */
	bool is_stored, is_pending;
	unsigned users; /* objects on the air, or about to leave it */
};

struct tx_counters {
	const struct carousel_allocator *allocator;
	bool unleased; /* nothing is stored: every number may be used */
	bool is_wanted, is_storing;
	uint64_t stored_ns; /* when the last store began */
	uint32_t tsi;
	struct tx_lease toi, fdt_instance, heartbeat;
	struct tx_counter **objects; /* ordered by first use */
	size_t num_objects, cap_objects;
};

/* text NULL: a new session. Errors: SYNTAX, RANGE, LIMIT, EXISTS, UNKNOWN_WORD (a line of text that is not ours),
 * MEMORY. message (may be NULL): where and why. */
int tx_counters_init(struct tx_counters *, const struct carousel_allocator *, uint32_t tsi, const char *text,
	size_t len, char *message, size_t message_cap);
void tx_counters_deinit(struct tx_counters *);

/* Takes the next number; false while it is not leased (a store is then wanted). */
bool tx_lease_take(struct tx_counters *, struct tx_lease *, uint64_t *number);
/* True when `position` may be used; notes it as used, and wants a store in time. */
bool tx_lease_use(struct tx_counters *, struct tx_lease *, uint64_t position);

/* The entry of an object, made with a new TOI when there is none; the caller is one more user. Forgets the oldest
 * without users when there are too many. Errors: LIMIT, RANGE (no TOI is left), MEMORY. */
int tx_counters_object(struct tx_counters *, const char *key, uint32_t step, uint32_t lead_min, struct tx_counter **);
/* True when the entry is on disk, so that its TOI may be seen. Wants a store otherwise. */
bool tx_counters_is_ready(struct tx_counters *, struct tx_counter *);

/* The text to store: bounds ahead of what is used by ten seconds' use, or without any lead when `final`. Then _stored()
 * says how it ended. Owned by the caller. Errors: MEMORY, LIMIT. */
int tx_counters_print(struct tx_counters *, bool final, uint64_t now_ns, char **text, size_t *len);
void tx_counters_stored(struct tx_counters *, bool good);

#endif
