/* object.h - one object of the session and its streams, one a channel. */
#ifndef CAROUSEL_TX_OBJECT_H
#define CAROUSEL_TX_OBJECT_H

#include "carousel-tx/counters.h"
#include "carousel-tx/cursor.h"
#include "carousel-tx/document.h"
#include "carousel-tx/encoder.h"
#include "carousel-tx/feed.h"
#include "carousel-tx/meter.h"
#include "carousel-tx/packet.h"
#include "carousel-tx/tx.h"

#define TX_CLASS_BYTES 80u /* as the FDT has it */

struct tx_stream {
	struct tx_cursor cursor;
	struct tx_feed feed; /* image, index and copy map with payload */
	struct tx_symbol symbol;
	bool has_symbol;
	uint32_t fti_countdown;
	uint64_t symbols_sent;
	struct tx_meter meter;            /* of wire bytes */
	uint64_t pass_start_ns, cycle_ns; /* cycle: how long the last whole pass took, 0: none yet */
	uint64_t passes;
	uint64_t virtual_time; /* scheduler: wire bytes over weight */
	uint64_t due_ns;       /* documents: when the next round is due */
	uint32_t round_left;   /* documents: packets left of the round that has begun */
	uint32_t rounds;       /* documents: of those that come faster, done */
};

struct tx_object {
	struct tx_object *next;
	enum tx_role role;
	char class_name[TX_CLASS_BYTES];
	uint32_t version;
	uint32_t from_version;             /* of a copy map; 0: of nothing */
	uint8_t sha256[HASH_SHA256_BYTES]; /* of a document's or copy map's bytes; of the image for image and index */
	uint32_t toi;
	uint32_t weight;
	struct object_layout layout;
	struct tx_header header;
	struct tx_counter *counter; /* NULL: an FDT instance, whose numbers are its own */
	struct tx_document document;
	uint64_t content_bytes; /* before any content encoding */
	bool is_document, has_payload, is_gzip;
	struct tx_source source;
	struct tx_encoder_object encoder;
	struct tx_object *image;     /* of an index or copy map: the image that it goes with */
	struct tx_object *companion; /* of an image: its index and copy maps, of each of them the next one */
	uint64_t begins_ns;          /* of an image: announced only until then */
	int trouble;                 /* of its last job; 0: none */
	bool is_removed;             /* off the air, waits for its jobs */
	uint32_t num_streams;
	struct tx_stream *streams;
};

struct tx_object_spec {
	enum tx_role role;
	const char *class_name; /* may be NULL */
	uint32_t version, from_version;
	const uint8_t *sha256; /* NULL: of the bytes */
	uint32_t weight;
	/* A document: its bytes; else a layout and a source, which is taken over in any case. */
	const void *bytes;
	size_t len;
	uint64_t content_bytes; /* of a document, before it was compressed (is_gzip) */
	bool is_gzip;
	uint8_t encoding_id;
	const struct object_layout *layout;
	struct tx_source source;
	bool has_payload;
};

struct tx_object_context {
	const struct tx_config *config; /* with its defaults filled in */
	struct tx_counters *counters;
	struct tx_encoder *encoder;
};

/* Errors: those of tx_set_document() and tx_add_image(). */
int tx_object_new(const struct tx_object_context *, const struct tx_object_spec *, struct tx_object **);
/* No job may be under way (tx_object_jobs). NULL is legal. */
void tx_object_free(const struct tx_object_context *, struct tx_object *);
unsigned tx_object_jobs(const struct tx_object *);

/* True when the stream's next symbol is there and may be sent. */
bool tx_object_is_ready(const struct tx_object_context *, struct tx_object *, uint32_t channel);
/* Writes the packet that tx_object_is_ready() spoke of, and goes on to the next symbol. LIMIT: cap is too small.
 * wire_overhead: bytes below UDP's payload, for the statistics. */
int tx_object_next_packet(const struct tx_object_context *, struct tx_object *, uint32_t channel, uint32_t cci,
	uint8_t *buffer, size_t cap, struct tx_packet *, uint64_t now_ns);

/* Packets of one pass, or of one round of a document: its symbols and a few more of its repair symbols. */
uint64_t tx_object_pass_packets(const struct tx_object *);

#endif
