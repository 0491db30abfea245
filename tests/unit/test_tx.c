/* covers: carousel-tx/tx.c carousel-tx/session.c carousel-tx/object.c carousel-tx/feed.c carousel-tx/encoder.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/heartbeat.h"
#include "policy-map/schedule.h"
#include "tests/lib/tx_fixture.h"

#include <stdio.h>

#define SECOND_NS  1000000000ull
#define START_NS   (1000 * SECOND_NS)
#define WALL_NS    (1795341600ull * SECOND_NS)
#define TSI        4001u
#define IMAGE_SIZE 300001u

static struct key_secret secret;
static struct key_signer signer;

static int setup(void **state)
{
	static const uint8_t seed[KEY_SEED_BYTES] = {7};
	(void)state;
	if (key_secret_init(&secret, KEY_ED25519, seed))
		return -1;
	signer = key_secret_signer(&secret);
	return 0;
}

static struct tx_channel_config slow = {.name = "main", .rate_bps = 8000000};

static struct tx_config config_with(const struct tx_channel_config *channel)
{
	return (struct tx_config){.tsi = TSI,
		.channels = channel,
		.num_channels = 1,
		.heartbeat_signer = &signer,
		.session_name = "main"};
}

static struct tx *new_tx(const struct tx_config *config, uint64_t now_ns)
{
	struct tx *tx;
	assert_int_equal(tx_new(&tx, config, now_ns), 0);
	tx_set_wall_clock(tx, WALL_NS, now_ns);
	return tx;
}

struct published {
	uint8_t *bytes, *index;
	struct ram_source image, index_source;
	struct tx_image spec;
};

/* An image of random bytes; its index is as good as any bytes to the core. */
static void publish(struct tx *tx, struct published *p, const char *class_name, uint32_t version, size_t len,
	uint8_t encoding_id, enum object_layout_kind kind, uint64_t now_ns)
{
	struct object_layout_wish wish = {.kind = kind,
		.encoding_id = encoding_id,
		.instance_id = encoding_id == FEC_SMALL_BLOCK ? FEC_INSTANCE_ISA_L_CAUCHY : 0,
		.symbol_size = 1024,
		.block_symbols = encoding_id == FEC_SMALL_BLOCK ? 16 : 64,
		.max_encoding_symbols = encoding_id == FEC_SMALL_BLOCK          ? 24
					: encoding_id == FEC_REED_SOLOMON_GF256 ? 96
										: 0};
	memset(p, 0, sizeof *p);
	p->bytes = fixture_bytes(len, version);
	p->index = fixture_bytes(2000, version + 1);
	p->image = (struct ram_source){.bytes = p->bytes, .len = len};
	p->index_source = (struct ram_source){.bytes = p->index, .len = 2000};
	p->spec = (struct tx_image){.class_name = class_name,
		.version = version,
		.source = ram_source(&p->image),
		.index = ram_source(&p->index_source),
		.index_bytes = 2000,
		.weight = 1};
	assert_int_equal(hash_sha256(p->bytes, len, p->spec.sha256), 0);
	assert_int_equal(object_layout_choose(&p->spec.layout, &wish, len), 0);
	assert_int_equal(tx_add_image(tx, &p->spec, now_ns), 0);
}

static void published_free(struct published *p)
{
	assert_int_equal(p->image.released, 1);
	assert_int_equal(p->index_source.released, 1);
	free(p->bytes);
	free(p->index);
}

static void assert_decodes(struct listener *l, const struct fdt_file *file, const uint8_t *bytes, size_t len)
{
	const struct heard_object *o = listener_find(l, TSI, file->toi);
	uint8_t *decoded;
	assert_non_null(o);
	assert_int_equal(file->error, 0);
	assert_true(file->has_oti);
	if (o->has_oti)
		assert_true(fec_oti_is_equal(&file->oti, &o->oti));
	assert_int_equal(file->content_length, len);
	decoded = listener_decode(o, &file->oti, file->layout, len);
	assert_non_null(decoded);
	assert_memory_equal(decoded, bytes, len);
	free(decoded);
}

static void one_image_of(uint8_t encoding_id, enum object_layout_kind kind, bool only_later)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct published p;
	struct listener l;
	struct fdt *fdt;
	const struct fdt_file *file;
	uint64_t now = START_NS;
	publish(tx, &p, "box", 105, IMAGE_SIZE, encoding_id, kind, now);
	listener_init(&l);
	/* 1 MB/s: the image is sent in 0.33 s. Whoever comes after that hears repair symbols, or the next cycle. */
	if (only_later)
		fixture_run(tx, 0, NULL, &now, START_NS + SECOND_NS, 0);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_non_null(fdt);
	file = fdt_file_of(fdt, "image", "box");
	assert_non_null(file);
	assert_int_equal(file->version, 105);
	assert_memory_equal(file->sha256, p.spec.sha256, 32);
	assert_int_equal(file->layout, kind);
	assert_decodes(&l, file, p.bytes, IMAGE_SIZE);
	assert_decodes(&l, fdt_file_of(fdt, "index", "box"), p.index, 2000);
	if (encoding_id == FEC_RAPTORQ)
		assert_int_equal(listener_find(&l, TSI, file->toi)->duplicates, 0);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

static void test_image_raptorq(void **state)
{
	(void)state;
	one_image_of(FEC_RAPTORQ, OBJECT_STRIPED, false);
	one_image_of(FEC_RAPTORQ, OBJECT_STRIPED, true);
	one_image_of(FEC_RAPTORQ, OBJECT_LINEAR, true);
}

static void test_image_no_code(void **state)
{
	(void)state;
	one_image_of(FEC_COMPACT_NO_CODE, OBJECT_LINEAR, false);
	one_image_of(FEC_COMPACT_NO_CODE, OBJECT_STRIPED, true);
}

static void test_image_reed_solomon(void **state)
{
	(void)state;
	one_image_of(FEC_REED_SOLOMON_GF256, OBJECT_STRIPED, true);
#if WITH_RS
	one_image_of(FEC_SMALL_BLOCK, OBJECT_LINEAR, true);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_raptorq),
		cmocka_unit_test(test_image_no_code),
		cmocka_unit_test(test_image_reed_solomon),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
