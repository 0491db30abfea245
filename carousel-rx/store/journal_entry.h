/* journal_entry.h - the entries of OWN, FOREIGN, SPILL and DROP records.
 *
 * Four 32-bit fields each; as there may be as many FOREIGN ones as an image has symbols, those are packed: sections of
 * {sbn 2, first place 2, count 2} with count * {ESI 3, check 4} for places that follow each other, zeros up to a
 * multiple of four bytes. */
#ifndef CAROUSEL_RX_STORE_JOURNAL_ENTRY_H
#define CAROUSEL_RX_STORE_JOURNAL_ENTRY_H

#include "carousel-rx/store/journal.h"

/* OWN: sbn, group, mask, XOR of checks. FOREIGN: sbn, place, ESI, check. SPILL: slot, sbn, ESI, check. */
struct journal_entry {
	uint32_t a, b, c, d;
};

#define JOURNAL_PACKED_BYTES  7u
#define JOURNAL_SECTION_BYTES 6u

/* A payload in the making; buf and cap (at most JOURNAL_MAX_PAYLOAD) are the caller's. */
struct journal_payload {
	uint8_t *buf;
	size_t cap, len;
	size_t section; /* offset of the open FOREIGN section, when there is one */
	bool has_section;
	enum journal_type type;
};

/* Adds an entry; the payload is appended to the journal first when it is full or of another type. */
int journal_entry_put(
	struct journal_payload *, struct journal *, struct place_io *, enum journal_type, const struct journal_entry *);
/* Appends what there is. */
int journal_entry_flush(struct journal_payload *, struct journal *, struct place_io *);

/* Goes through the entries of a record. False at its end, or where it makes no sense. */
struct journal_entries {
	enum journal_type type;
	const uint8_t *at;
	size_t left;
	uint32_t sbn, place, count; /* of the open section: what is left of it */
};
void journal_entries_init(struct journal_entries *, const struct journal_record *);
bool journal_entries_next(struct journal_entries *, struct journal_entry *);

#endif
