/* tx_session.h - a transmitter's session for tests: one signer, one slow channel, images of random bytes. */
#ifndef TESTS_LIB_TX_SESSION_H
#define TESTS_LIB_TX_SESSION_H

#include "tests/lib/tx_fixture.h"

#define FIXTURE_START_NS (1000 * 1000000000ull)
#define FIXTURE_WALL_NS  (1795341600ull * 1000000000ull)
#define FIXTURE_TSI      4001u

extern struct key_secret fixture_secret;            /* of the heartbeats; set by fixture_signer() */
extern const struct tx_channel_config fixture_slow; /* 8 Mbit/s */

/* The set-up of a group of tests. */
int fixture_signer(void **state);
struct tx_config fixture_config(const struct tx_channel_config *);
struct tx *fixture_tx(const struct tx_config *, uint64_t now_ns);

struct published {
	uint8_t *bytes, *index;
	struct ram_source image, index_source;
	struct tx_image spec;
};

/* An image of random bytes; its index is as good as any bytes to the core. */
void fixture_publish(struct tx *, struct published *, const char *class_name, uint32_t version, size_t len,
	uint8_t encoding_id, enum object_layout_kind, uint64_t now_ns);
/* The same with copy maps. */
void fixture_publish_with(struct tx *, struct published *, const char *class_name, uint32_t version, size_t len,
	uint8_t encoding_id, enum object_layout_kind, uint32_t num_maps, const struct tx_copy_map *, uint64_t now_ns);
/* After tx_free(): its sources must have been released, each once. */
void published_free(struct published *);
/* What was heard of the file is these bytes. */
void assert_decodes(struct listener *, const struct fdt_file *, const uint8_t *bytes, size_t len);

#endif
