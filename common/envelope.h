/* envelope.h - DSSE signature envelopes (Dead Simple Signing Envelope, protocol version 1.0.0).
 *
 * {"payload":BASE64,"payloadType":TYPE,"signatures":[{"keyid":HEX,"sig":BASE64},...]}
 * The signature covers PAE(type, payload) = "DSSEv1 " len(type) " " type " " len(payload) " " payload.
 * Text is one line; several envelopes in one file or object are one a line. */
#ifndef COMMON_ENVELOPE_H
#define COMMON_ENVELOPE_H

#include "common/key.h"
#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_MAX_BYTES         (12u << 20) /* of text */
#define ENVELOPE_MAX_PAYLOAD_BYTES (8u << 20)
#define ENVELOPE_MAX_SIGNATURES    16u
#define ENVELOPE_MAX_TYPE_BYTES    64u /* with NUL */

#define ENVELOPE_TYPE_ROOT      "application/vnd.carousel.root"
#define ENVELOPE_TYPE_MAP       "application/vnd.carousel.map"
#define ENVELOPE_TYPE_MANIFEST  "application/vnd.carousel.manifest"
#define ENVELOPE_TYPE_HEARTBEAT "application/vnd.carousel.heartbeat"
#define ENVELOPE_TYPE_SCHEDULE  "application/vnd.carousel.schedule"
#define ENVELOPE_TYPE_REPORT    "application/vnd.carousel.report"

struct envelope_signature {
	uint8_t key_id[KEY_ID_BYTES];
	uint8_t len;
	uint8_t bytes[KEY_MAX_SIGNATURE_BYTES];
};

struct envelope {
	char type[ENVELOPE_MAX_TYPE_BYTES];
	const uint8_t *payload; /* within signed_bytes, followed by a NUL that does not count */
	size_t payload_len;
	uint8_t *signed_bytes; /* PAE(type, payload); owned */
	size_t signed_len;
	struct envelope_signature signatures[ENVELOPE_MAX_SIGNATURES];
	unsigned num_signatures;
	unsigned num_skipped; /* signatures in a form of a key type that is not known here */
};

/* A copy of the payload, no signature yet. Errors: ARGUMENT (type), LIMIT, MEMORY. */
int envelope_init(
	const struct carousel_allocator *, struct envelope *, const char *type, const void *payload, size_t len);
/* One envelope; white space around it is allowed, a second one is not. Unknown members are skipped.
 * Nothing is verified yet. Errors: SYNTAX (no JSON), MALFORMED, LIMIT, MEMORY. On error nothing is left to deinit. */
int envelope_parse(const struct carousel_allocator *, struct envelope *, const char *text, size_t len);
void envelope_deinit(const struct carousel_allocator *, struct envelope *);

/* Adds a signature, or replaces the one of the same key. Errors: LIMIT (too many), those of the signer. */
int envelope_sign(struct envelope *, const struct key_signer *);

/* Bytes that print writes, and the text: one line with its line end. The same envelope gives the same
 * bytes. *text is owned by the caller (memory_free) and NUL-terminated. Errors: MEMORY. */
int envelope_print(const struct carousel_allocator *, const struct envelope *, char **text, size_t *len);

/* Counts the distinct keys of `keys` with a valid signature. */
unsigned envelope_count_valid(const struct envelope *, const struct key_public *const *keys, size_t num_keys);
/* 0 when at least `threshold` (> 0) distinct keys signed, else SIGNATURE. */
int envelope_verify(const struct envelope *, const struct key_public *const *keys, size_t num_keys, unsigned threshold);

/* Takes the next non-blank line off (*text, *len). Returns 0 or NOT_FOUND at the end. Borrowed. */
int envelope_next_line(const char **text, size_t *len, const char **line, size_t *line_len);

#endif
