#include "tests/lib/tx_session.h"

#include "fec/fec.h"
#include "tests/lib/test.h"

struct key_secret fixture_secret;
static struct key_signer signer;

const struct tx_channel_config fixture_slow = {.name = "main", .rate_bps = 8000000};

int fixture_signer(void **state)
{
	static const uint8_t seed[KEY_SEED_BYTES] = {7};
	(void)state;
	if (key_secret_init(&fixture_secret, KEY_ED25519, seed))
		return -1;
	signer = key_secret_signer(&fixture_secret);
	return 0;
}

struct tx_config fixture_config(const struct tx_channel_config *channel)
{
	return (struct tx_config){.tsi = FIXTURE_TSI,
		.channels = channel,
		.num_channels = 1,
		.heartbeat_signer = &signer,
		.session_name = "main"};
}

struct tx *fixture_tx(const struct tx_config *config, uint64_t now_ns)
{
	struct tx *tx;
	assert_int_equal(tx_new(&tx, config, now_ns), 0);
	tx_set_wall_clock(tx, FIXTURE_WALL_NS, now_ns);
	return tx;
}

void fixture_publish_with(struct tx *tx, struct published *p, const char *class_name, uint32_t version, size_t len,
	uint8_t encoding_id, enum object_layout_kind kind, uint32_t num_maps, const struct tx_copy_map *maps,
	uint64_t now_ns)
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
		.num_copy_maps = num_maps,
		.copy_maps = maps,
		.weight = 1};
	assert_int_equal(hash_sha256(p->bytes, len, p->spec.sha256), 0);
	assert_int_equal(object_layout_choose(&p->spec.layout, &wish, len), 0);
	assert_int_equal(tx_add_image(tx, &p->spec, now_ns), 0);
}

void fixture_publish(struct tx *tx, struct published *p, const char *class_name, uint32_t version, size_t len,
	uint8_t encoding_id, enum object_layout_kind kind, uint64_t now_ns)
{
	fixture_publish_with(tx, p, class_name, version, len, encoding_id, kind, 0, NULL, now_ns);
}

void published_free(struct published *p)
{
	assert_int_equal(p->image.released, 1);
	assert_int_equal(p->index_source.released, 1);
	free(p->bytes);
	free(p->index);
}

void assert_decodes(struct listener *l, const struct fdt_file *file, const uint8_t *bytes, size_t len)
{
	const struct heard_object *o = listener_find(l, FIXTURE_TSI, file->toi);
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
