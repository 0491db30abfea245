/* covers: carousel-tx/tx.c carousel-tx/session.c carousel-tx/object.c carousel-tx/feed.c carousel-tx/encoder.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/heartbeat.h"
#include "policy-map/schedule.h"
#include "tests/lib/fault_alloc.h"
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

static const struct tx_copy_map *publish_copy_maps; /* two, or NULL */

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
		.num_copy_maps = publish_copy_maps ? 2 : 0,
		.copy_maps = publish_copy_maps,
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

/* Copy maps go with their image, each with a name and digest of its own, and leave with it. */
static void test_copy_maps(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct ram_source sources[2];
	struct tx_copy_map maps[2] = {{.from_version = 3, .bytes = 5000}, {.from_version = 4, .bytes = 96}};
	struct published p;
	uint8_t *bytes[2];
	uint64_t now = START_NS;
	unsigned found = 0;
	struct listener l;
	struct fdt *fdt;
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bytes[i] = fixture_bytes((size_t)maps[i].bytes, 7 + i);
		sources[i] = (struct ram_source){.bytes = bytes[i], .len = (size_t)maps[i].bytes};
		maps[i].source = ram_source(&sources[i]);
		maps[i].sha256[0] = (uint8_t)(1 + i);
	}
	publish_copy_maps = maps;
	publish(tx, &p, "box", 5, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, now);
	publish_copy_maps = NULL;
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_non_null(fdt);
	for (uint32_t i = 0; i < fdt->num_files; i++) {
		const struct fdt_file *file = &fdt->files[i];
		if (strcmp(file->role, "copy-map") != 0)
			continue;
		assert_decodes(&l, file, bytes[found], (size_t)maps[found].bytes);
		assert_string_equal(file->content_location + 17, found ? ":box:5:4" : ":box:5:3");
		assert_memory_equal(file->sha256, maps[found].sha256, 32);
		found++;
	}
	assert_int_equal(found, 2);
	fdt_free(fdt);
	listener_deinit(&l);
	assert_int_equal(tx_remove_image(tx, p.spec.sha256), 0);
	tx_free(tx);
	assert_int_equal(sources[0].released + sources[1].released, 2);
	free(bytes[0]);
	free(bytes[1]);
	published_free(&p);
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

/* ---- documents --------------------------------------------------------------------------------------- */

static void test_documents(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	uint8_t *map = fixture_bytes(5000, 1);
	static const char roots[] = "{\"root\":1}\n", manifests[] = "{\"m\":1}\n{\"m\":2}\n";
	struct listener l;
	struct fdt *fdt;
	const struct fdt_file *file;
	uint64_t now = START_NS, toi;
	(void)state;
	for (size_t i = 0; i < 5000; i++)
		map[i] = (uint8_t)('a' + map[i] % 16);
	listener_init(&l);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 5000, now), 0);
	assert_int_equal(tx_set_document(tx, TX_ROLE_TRUST_ROOT, NULL, roots, sizeof roots, now), 0);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MANIFEST, "box", manifests, sizeof manifests, now), 0);
	fixture_run(tx, 0, &l, &now, now + 6 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_non_null(fdt);
	file = fdt_file_of(fdt, "map", NULL);
	assert_non_null(file);
	assert_int_equal(file->oti.encoding_id, FEC_RAPTORQ);
	assert_string_equal(file->content_encoding, "gzip");
	assert_int_equal(file->content_length, 5000);
	assert_true(file->transfer_length < 5000);
	toi = file->toi;
	file = fdt_file_of(fdt, "manifest", "box");
	assert_int_equal(file->oti.encoding_id, FEC_COMPACT_NO_CODE);
	assert_decodes(&l, file, (const uint8_t *)manifests, sizeof manifests);
	assert_decodes(&l, fdt_file_of(fdt, "trust-root", NULL), (const uint8_t *)roots, sizeof roots);
	assert_non_null(fdt_file_of(fdt, "schedule", NULL));
	fdt_free(fdt);

	/* The same bytes change nothing; others take a new TOI and a new instance. */
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 5000, now), 0);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	assert_int_equal(listener_find(&l, TSI, 0)->fdt_instance, 0);
	map[0] = '!';
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 5000, now), 0);
	fixture_run(tx, 0, &l, &now, now + 6 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_non_null(fdt);
	assert_true(listener_find(&l, TSI, 0)->fdt_instance > 0);
	assert_true(fdt_file_of(fdt, "map", NULL)->toi > toi);
	fdt_free(fdt);

	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, NULL, 0, now), 0);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_null(fdt_file_of(fdt, "map", NULL));
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	free(map);
}

static void test_documents_refused(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	uint8_t *big = calloc(1, TX_MAX_DOCUMENT_BYTES + 1);
	(void)state;
	assert_non_null(big);
	assert_int_equal(tx_set_document(tx, TX_ROLE_IMAGE, NULL, "x", 1, START_NS), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, "box", "x", 1, START_NS), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MANIFEST, NULL, "x", 1, START_NS), CAROUSEL_E_ARGUMENT);
	assert_int_equal(
		tx_set_document(tx, TX_ROLE_MAP, NULL, big, TX_MAX_DOCUMENT_BYTES + 1, START_NS), CAROUSEL_E_LIMIT);
	free(big);
	tx_free(tx);
}

/* A repeated FDT instance is byte-identical; before it expires there is a new one. */
static void test_fdt_is_renewed(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx;
	struct listener l;
	struct fdt *fdt;
	uint64_t now = START_NS;
	(void)state;
	config.fdt_lifetime_ns = 60 * SECOND_NS;
	tx = new_tx(&config, now);
	listener_init(&l);
	for (uint32_t instance = 0; instance < 5; instance++) {
		fixture_run(tx, 0, &l, &now, START_NS + (30 * instance + 28) * SECOND_NS, 0);
		fdt = listener_fdt(&l, TSI);
		assert_non_null(fdt);
		assert_int_equal(listener_find(&l, TSI, 0)->fdt_instance, instance);
		assert_true(listener_find(&l, TSI, 0)->packets > 10);
		assert_true(fdt_expiry(fdt, WALL_NS / SECOND_NS + 2208988800u) >
			    WALL_NS / SECOND_NS + 2208988800u + 30 * instance + 29);
		fdt_free(fdt);
	}
	listener_deinit(&l);
	tx_free(tx);
}

static void test_heartbeats(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct tx_map_info info = {.epoch = 2, .serial = 77, .sha256 = {9}};
	const struct key_public *keys[1] = {&secret.public_key};
	struct listener l;
	uint64_t now = START_NS;
	(void)state;
	tx_set_map_info(tx, &info);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 21 * SECOND_NS, 0);
	for (uint64_t sequence = 1; sequence <= 10; sequence++) {
		struct heard_object *o = listener_find(&l, TSI + 1, sequence);
		struct envelope envelope;
		struct heartbeat heartbeat;
		assert_non_null(o);
		assert_int_equal(o->packets, 1);
		assert_true(o->has_oti && o->oti.encoding_id == FEC_COMPACT_NO_CODE);
		assert_int_equal(o->oti.transfer_length, strlen((char *)o->symbols[0].payload));
		assert_int_equal(
			envelope_parse(NULL, &envelope, (char *)o->symbols[0].payload, o->oti.transfer_length), 0);
		assert_string_equal(envelope.type, ENVELOPE_TYPE_HEARTBEAT);
		assert_int_equal(envelope_verify(&envelope, keys, 1, 1), 0);
		assert_int_equal(heartbeat_parse(&heartbeat, envelope.payload, envelope.payload_len), 0);
		assert_int_equal(heartbeat.sequence, sequence);
		assert_int_equal(heartbeat.serial, 77);
		assert_int_equal(heartbeat.rate_bps, 8000000);
		assert_in_range(
			heartbeat.time_s, WALL_NS / SECOND_NS + 2 * sequence - 3, WALL_NS / SECOND_NS + 2 * sequence);
		envelope_deinit(NULL, &envelope);
	}
	assert_null(listener_find(&l, TSI + 1, 12));
	listener_deinit(&l);
	tx_free(tx);
}

static void test_schedule_tells_shares(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct published a, b;
	struct listener l;
	struct fdt *fdt;
	const struct fdt_file *file;
	struct schedule schedule;
	struct envelope envelope;
	uint8_t *text;
	uint64_t now = START_NS;
	(void)state;
	publish(tx, &a, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	publish(tx, &b, "other", 2, 400000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	assert_int_equal(tx_set_weight(tx, b.spec.sha256, 3), 0);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 4 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	file = fdt_file_of(fdt, "schedule", NULL);
	assert_non_null(file);
	assert_null(file->content_encoding);
	text = listener_decode(listener_find(&l, TSI, file->toi), &file->oti, OBJECT_LINEAR, file->content_length);
	assert_int_equal(envelope_parse(NULL, &envelope, (char *)text, file->content_length), 0);
	assert_int_equal(schedule_parse(NULL, &schedule, envelope.payload, envelope.payload_len), 0);
	assert_int_equal(schedule.num_objects, 2);
	assert_true(schedule.until_s > WALL_NS / SECOND_NS);
	assert_in_range(schedule.objects[0].share_ppm, 225000, 237500);
	assert_in_range(schedule.objects[1].share_ppm, 690000, 712500);
	assert_int_equal(schedule.objects[0].cycle_s, 1);
	schedule_deinit(NULL, &schedule);
	envelope_deinit(NULL, &envelope);
	fdt_free(fdt);
	free(text);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&a);
	published_free(&b);
}

/* ---- scheduling --------------------------------------------------------------------------------------- */

static uint64_t packets_of(struct listener *l, struct fdt *fdt, const char *role, const char *class_name)
{
	return listener_find(l, TSI, fdt_file_of(fdt, role, class_name)->toi)->packets;
}

static void test_weights_and_index(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct published a, b, c;
	struct listener l;
	struct fdt *fdt;
	uint64_t now = START_NS, before;
	(void)state;
	publish(tx, &a, "a", 1, 500000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	publish(tx, &b, "b", 2, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	assert_int_equal(tx_set_weight(tx, a.spec.sha256, 4), 0);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 5 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_in_range(packets_of(&l, fdt, "image", "a") * 100 / packets_of(&l, fdt, "image", "b"), 385, 415);
	/* The index goes once with each pass of its image: 2000 bytes to 60000. */
	assert_in_range(packets_of(&l, fdt, "image", "b") / packets_of(&l, fdt, "index", "b"), 27, 33);
	before = packets_of(&l, fdt, "image", "b");
	fdt_free(fdt);

	/* One that comes later takes its share from then on, and no more. */
	publish(tx, &c, "c", 3, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_in_range(
		packets_of(&l, fdt, "image", "c") * 100 / (packets_of(&l, fdt, "image", "b") - before), 90, 111);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&a);
	published_free(&b);
	published_free(&c);
}

/* A new image is announced before its first symbol, and is not owed what it did not send meanwhile. */
static void test_lead(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx;
	struct published a, b;
	struct listener l;
	struct fdt *fdt;
	uint64_t now = START_NS, before;
	(void)state;
	config.lead_ns = SECOND_NS;
	tx = new_tx(&config, now);
	publish(tx, &a, "a", 1, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, START_NS + SECOND_NS - 1, 0);
	fdt = listener_fdt(&l, TSI);
	assert_non_null(fdt);
	assert_null(listener_find(&l, TSI, fdt_file_of(fdt, "image", "a")->toi));
	fdt_free(fdt);
	fixture_run(tx, 0, &l, &now, START_NS + 3 * SECOND_NS, 0);
	publish(tx, &b, "b", 2, 60000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, &l, &now, START_NS + 4 * SECOND_NS - 1, 0);
	fdt = listener_fdt(&l, TSI);
	assert_null(listener_find(&l, TSI, fdt_file_of(fdt, "image", "b")->toi));
	before = packets_of(&l, fdt, "image", "a");
	fdt_free(fdt);
	fixture_run(tx, 0, &l, &now, START_NS + 5 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_in_range(
		packets_of(&l, fdt, "image", "b") * 100 / (packets_of(&l, fdt, "image", "a") - before), 90, 111);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&a);
	published_free(&b);
}

static void test_control_share_and_rate(void **state)
{
	static const uint64_t rates[] = {16000, 500000, 20000000};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct tx_channel_config channel = {.name = "c", .rate_bps = rates[i]};
		struct tx_config config = config_with(&channel);
		struct tx *tx = new_tx(&config, START_NS);
		uint64_t now = START_NS, seconds = rates[i] < 100000 ? 3600 : 20, start = rates[i] / 8;
		uint8_t *map = fixture_bytes(6000, 5);
		struct tx_channel_stats stats;
		struct published p;
		json_t *status;
		publish(tx, &p, "box", 1, 50000, FEC_RAPTORQ, OBJECT_STRIPED, now);
		assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 6000, now), 0);
		assert_int_equal(tx_set_document(tx, TX_ROLE_TRUST_ROOT, NULL, map, 900, now), 0);
		fixture_run(tx, 0, NULL, &now, START_NS + seconds * SECOND_NS, 0);
		tx_channel_stats(tx, 0, &stats);
		assert_true(stats.wire_bytes <= rates[i] / 8 * seconds + 20000);
		assert_true(stats.wire_bytes + 20000 >= rates[i] / 8 * seconds);
		if (start > 256 << 10)
			start = 256 << 10;
		assert_true(stats.control_bytes <= start + rates[i] / 8 * seconds / 20 + 1500);
		/* Every document still comes, and the status tells how slowly. */
		status = tx_status(tx, now);
		assert_non_null(status);
		assert_int_equal(json_array_size(json_object_get(status, "warnings")) > 0, rates[i] == 16000);
		assert_in_range(json_integer_value(json_object_get(
					json_array_get(json_object_get(status, "channels"), 0), "sent_bps")),
			rates[i] * 9 / 10, rates[i] * 11 / 10);
		json_decref(status);
		tx_free(tx);
		published_free(&p);
		free(map);
	}
}

static void test_sequence_numbers(void **state)
{
	struct tx_config config = config_with(&slow);
	struct listener l;
	uint64_t now = START_NS;
	struct tx *tx = new_tx(&config, now);
	(void)state;
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 20 * SECOND_NS, 0);
	assert_true(l.packets > 20);
	assert_int_equal(l.cci_gaps, 0);
	listener_deinit(&l);
	tx_free(tx);
	config.no_sequence = true;
	tx = new_tx(&config, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 20 * SECOND_NS, 0);
	assert_int_equal(l.cci_gaps, l.packets - 1);
	listener_deinit(&l);
	tx_free(tx);
}

static void test_fti_interval(void **state)
{
	struct tx_config config = config_with(&slow);
	struct listener l;
	struct published p;
	struct fdt *fdt;
	struct heard_object *o;
	uint64_t now = START_NS;
	struct tx *tx;
	(void)state;
	config.fti_interval = 8;
	tx = new_tx(&config, now);
	publish(tx, &p, "box", 1, 200000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	o = listener_find(&l, TSI, fdt_file_of(fdt, "image", "box")->toi);
	assert_int_equal(o->with_fti, (o->packets + 7) / 8);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* Two channels of two headends: four streams that add up without a symbol twice. */
static void test_channels_and_headends_add_up(void **state)
{
	static const struct tx_channel_config channels[] = {
		{.name = "a", .rate_bps = 4000000}, {.name = "b", .rate_bps = 4000000}};
	struct published p[2];
	struct listener l;
	struct fdt *fdt = NULL;
	struct heard_object *o;
	uint64_t packets = 0, toi = 0;
	(void)state;
	listener_init(&l);
	for (uint32_t headend = 0; headend < 2; headend++) {
		struct tx_config config = config_with(channels);
		struct tx *tx;
		config.num_channels = 2;
		config.headend = headend;
		config.headends = 2;
		tx = new_tx(&config, START_NS);
		publish(tx, &p[headend], "box", 1, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, START_NS);
		for (uint32_t channel = 0; channel < 2; channel++) {
			uint64_t now = START_NS;
			fixture_run(tx, channel, &l, &now, START_NS + SECOND_NS / 2, 0);
		}
		fdt_free(fdt);
		fdt = listener_fdt(&l, TSI);
		toi = fdt_file_of(fdt, "image", "box")->toi;
		tx_free(tx);
	}
	o = listener_find(&l, TSI, toi);
	packets = o->packets;
	assert_int_equal(o->duplicates, 0);
	assert_true(packets > 600);
	assert_decodes(&l, fdt_file_of(fdt, "image", "box"), p[0].bytes, IMAGE_SIZE);
	fdt_free(fdt);
	listener_deinit(&l);
	published_free(&p[0]);
	published_free(&p[1]);
}

/* ---- restarts ------------------------------------------------------------------------------------------- */

struct disk {
	char *text;
	size_t len;
	unsigned stores;
	int fail;
};

static int disk_store(void *user, const char *text, size_t len)
{
	struct disk *disk = user;
	disk->stores++;
	if (disk->fail)
		return disk->fail;
	free(disk->text);
	disk->text = malloc(len + 1);
	memcpy(disk->text, text, len);
	disk->text[len] = '\0';
	disk->len = len;
	return 0;
}

/* Killed again and again at any moment: no symbol of the image, no heartbeat and no FDT instance comes twice. */
static void test_kills_repeat_nothing(void **state)
{
	struct disk disk = {0};
	struct listener l;
	struct fdt *fdt;
	uint64_t now = START_NS, seed = 99;
	static const char map[] = "a map";
	uint64_t toi = 0;
	(void)state;
	listener_init(&l);
	for (unsigned life = 0; life < 12; life++) {
		struct tx_config config = config_with(&slow);
		struct published p;
		struct tx *tx;
		config.store_counters = disk_store;
		config.store_user = &disk;
		config.counters = disk.text;
		config.counters_len = disk.len;
		tx = new_tx(&config, now);
		publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
		assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, sizeof map, now), 0);
		fixture_run(tx, 0, &l, &now, now + 10 * SECOND_NS, 20 + test_random(&seed) % 300);
		fdt = listener_fdt(&l, TSI);
		if (fdt) {
			/* The image keeps its TOI; every FDT instance has one number. */
			assert_true(toi == 0 || toi == fdt_file_of(fdt, "image", "box")->toi);
			toi = fdt_file_of(fdt, "image", "box")->toi;
			fdt_free(fdt);
		}
		tx_free(tx);
		published_free(&p);
	}
	assert_int_equal(listener_find(&l, TSI, toi)->duplicates, 0);
	assert_true(listener_find(&l, TSI, toi)->packets > 500);
	for (size_t i = 0; i < l.num_objects; i++)
		if (l.objects[i].tsi == TSI + 1)
			assert_int_equal(l.objects[i].packets, 1);
	free(disk.text);
	listener_deinit(&l);
}

static void test_a_full_disk_stops_what_is_not_leased(void **state)
{
	struct disk disk = {.fail = CAROUSEL_E_NO_SPACE};
	struct tx_config config = config_with(&slow);
	uint64_t now = START_NS;
	struct published p;
	struct tx *tx;
	json_t *status;
	(void)state;
	config.store_counters = disk_store;
	config.store_user = &disk;
	tx = new_tx(&config, now);
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	assert_int_equal(fixture_run(tx, 0, NULL, &now, now + 20 * SECOND_NS, 0), 0);
	assert_in_range(disk.stores, 3, 6);
	status = tx_status(tx, now);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(json_object_get(status, "warnings"), 2), "code")),
		"no-space");
	json_decref(status);
	disk.fail = 0;
	assert_true(fixture_run(tx, 0, NULL, &now, now + 20 * SECOND_NS, 0) > 1000);
	tx_free(tx);
	published_free(&p);
	free(disk.text);
}

static void test_close_stores_exactly(void **state)
{
	struct disk disk = {0};
	struct tx_config config = config_with(&slow);
	uint64_t now = START_NS;
	struct published p;
	struct tx *tx;
	const char *at;
	(void)state;
	config.store_counters = disk_store;
	config.store_user = &disk;
	tx = new_tx(&config, now);
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, NULL, &now, now + SECOND_NS, 500);
	tx_close(tx);
	fixture_jobs(tx, now);
	assert_null(tx_next_job(tx));
	assert_int_equal(fixture_run(tx, 0, NULL, &now, now + SECOND_NS, 0), 0);
	at = strstr(disk.text, "[object image:");
	assert_non_null(at);
	assert_in_range(strtoul(strstr(at, "position = ") + 11, NULL, 10), 450, 500);
	tx_free(tx);
	published_free(&p);
	free(disk.text);
}

static void test_bad_counters_are_refused(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = NULL;
	(void)state;
	config.counters = "[session]\nnext-toi = -1\n";
	config.counters_len = strlen(config.counters);
	assert_int_equal(tx_new(&tx, &config, 0), CAROUSEL_E_SYNTAX);
	assert_null(tx);
}

/* ---- sources ------------------------------------------------------------------------------------------------ */

static void test_a_source_that_fails_is_tried_again(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	uint64_t now = START_NS;
	struct published p;
	struct listener l;
	struct fdt *fdt;
	(void)state;
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	p.image.fail = CAROUSEL_E_STORAGE;
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 5 * SECOND_NS, 0);
	assert_in_range(p.image.reads, 3, 50);
	fdt = listener_fdt(&l, TSI);
	assert_null(listener_find(&l, TSI, fdt_file_of(fdt, "image", "box")->toi));
	fdt_free(fdt);
	p.image.fail = 0;
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_decodes(&l, fdt_file_of(fdt, "image", "box"), p.bytes, 100000);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* Taken off the air while a job reads it: the source is released when the job is done, not before. */
static void test_removal_waits_for_jobs(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct tx_job *jobs[8];
	unsigned count = 0;
	struct published p;
	(void)state;
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, START_NS);
	while (count < 8 && (jobs[count] = tx_next_job(tx)) != NULL)
		count++;
	assert_true(count >= 2);
	assert_int_equal(tx_remove_image(tx, p.spec.sha256), 0);
	assert_int_equal(tx_remove_image(tx, p.spec.sha256), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(p.image.released, 0);
	for (unsigned i = 0; i < count; i++) {
		tx_job_run(jobs[i]);
		assert_int_equal(tx_job_done(tx, jobs[i], START_NS), 0);
	}
	assert_int_equal(p.image.released, 1);
	assert_int_equal(p.index_source.released, 1);
	assert_null(tx_next_job(tx));
	tx_free(tx);
	published_free(&p);
}

static void test_images_refused(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct published p;
	struct tx_image twice;
	(void)state;
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_LINEAR, START_NS);
	twice = p.spec;
	p.image.released = p.index_source.released = 0;
	assert_int_equal(tx_add_image(tx, &twice, START_NS), CAROUSEL_E_EXISTS);
	assert_int_equal(p.image.released, 1);
	twice.sha256[0] ^= 1;
	twice.layout.oti.num_sub_blocks = 2;
	p.image.released = p.index_source.released = 0;
	assert_int_equal(tx_add_image(tx, &twice, START_NS), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(p.image.released, 1);
	assert_int_equal(p.index_source.released, 1);
	p.image.released = p.index_source.released = 0;
	tx_free(tx);
	published_free(&p);
}

/* The simulator's way: headers are there, the image's payload is left out, its length told; control is real. */
static void test_payload_left_out(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx;
	uint64_t now = START_NS;
	struct published p;
	struct listener l;
	struct fdt *fdt;
	struct tx_channel_stats stats;
	const struct fdt_file *file;
	(void)state;
	config.leave_out_payload = true;
	tx = new_tx(&config, now);
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	tx_channel_stats(tx, 0, &stats);
	assert_in_range(stats.wire_bytes, 2900000, 3100000);
	fdt = listener_fdt(&l, TSI);
	file = fdt_file_of(fdt, "image", "box");
	assert_int_equal(listener_find(&l, TSI, file->toi)->packets, l.absent_packets);
	assert_true(l.absent_packets > 2000);
	assert_int_equal(p.image.reads, 0);
	assert_decodes(&l, fdt_file_of(fdt, "index", "box"), p.index, 2000);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* Budgets too small for anything: less is made ahead, the same symbols come. */
static void test_small_budgets(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx;
	uint64_t now = START_NS;
	struct published p;
	struct listener l;
	struct fdt *fdt;
	(void)state;
	config.read_ahead_bytes = config.encoder_bytes = config.spool_bytes = 1;
	tx = new_tx(&config, now);
	publish(tx, &p, "box", 1, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, NULL, &now, now + SECOND_NS, 0);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, TSI);
	assert_decodes(&l, fdt_file_of(fdt, "image", "box"), p.bytes, IMAGE_SIZE);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

static void test_configurations_refused(void **state)
{
	struct tx_config good = config_with(&slow), bad;
	struct tx *tx = NULL;
	(void)state;
#define REFUSED(change)                                                                                                \
	do {                                                                                                           \
		bad = good;                                                                                            \
		change;                                                                                                \
		assert_int_equal(tx_new(&tx, &bad, 0), CAROUSEL_E_ARGUMENT);                                           \
	} while (0)
	REFUSED(bad.num_channels = 0);
	REFUSED(bad.num_channels = TX_MAX_CHANNELS + 1);
	REFUSED(bad.headend = 1);
	REFUSED(bad.headends = 70000);
	REFUSED(bad.flute_version = 3);
	REFUSED(bad.control_permille = 1001);
	REFUSED(bad.symbol_size = 63);
	REFUSED(bad.symbol_size = TX_MAX_PACKET_BYTES);
	REFUSED(bad.tsi = UINT32_MAX);
	assert_null(tx);
	tx_free(NULL);
}

static void test_small_buffers(void **state)
{
	struct tx_config config = config_with(&slow);
	struct tx *tx = new_tx(&config, START_NS);
	struct published p;
	struct tx_packet packet;
	uint64_t now = START_NS;
	(void)state;
	publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, START_NS);
	fixture_jobs(tx, now);
	for (unsigned i = 0; i < 40; i++, now += SECOND_NS / 100) {
		uint8_t whole[TX_MAX_PACKET_BYTES], *exact;
		int result;
		for (size_t cap = 0; cap < 1060; cap += cap < 100 ? 1 : 97) {
			exact = malloc(cap ? cap : 1);
			result = tx_next_packet(tx, 0, exact, cap, &packet, now);
			assert_true(result == CAROUSEL_E_LIMIT || result == CAROUSEL_E_NEED_MORE ||
				    (result == 0 && packet.len <= cap));
			free(exact);
		}
		result = tx_next_packet(tx, 0, whole, sizeof whole, &packet, now);
		assert_true(result == 0 || result == CAROUSEL_E_NEED_MORE);
		fixture_jobs(tx, now);
	}
	assert_int_equal(tx_next_packet(tx, 1, NULL, 0, &packet, now), CAROUSEL_E_ARGUMENT);
	tx_free(tx);
	published_free(&p);
}

struct attempt {
	uint8_t *bytes;
	struct ram_source image, index, copy_map;
};

/* Everything up to the first packets, without memory for the n-th thing. */
static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct attempt *a = user;
	struct tx_config config = config_with(&slow);
	struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 8};
	struct tx_copy_map map = {.from_version = 1, .bytes = 500};
	struct tx_image spec = {
		.class_name = "box", .version = 1, .index_bytes = 2000, .num_copy_maps = 1, .copy_maps = &map};
	uint8_t buffer[TX_MAX_PACKET_BYTES];
	struct tx_packet packet;
	struct tx *tx;
	int result;
	a->image = (struct ram_source){.bytes = a->bytes, .len = 20000};
	a->index = (struct ram_source){.bytes = a->bytes, .len = 2000};
	spec.source = ram_source(&a->image);
	spec.index = ram_source(&a->index);
	a->copy_map = (struct ram_source){.bytes = a->bytes, .len = 500};
	map.source = ram_source(&a->copy_map);
	config.allocator = allocator;
	config.heartbeat_signer = NULL; /* a heartbeat that cannot be made is left out */
	result = tx_new(&tx, &config, START_NS);
	if (result)
		return result;
	tx_set_wall_clock(tx, WALL_NS, START_NS);
	assert_int_equal(object_layout_choose(&spec.layout, &wish, 20000), 0);
	result = tx_set_document(tx, TX_ROLE_MAP, NULL, a->bytes, 3000, START_NS);
	if (result == 0) {
		result = tx_add_image(tx, &spec, START_NS);
		assert_int_equal(a->image.released, result != 0);
		assert_int_equal(a->index.released, result != 0);
		assert_int_equal(a->copy_map.released, result != 0);
	}
	if (result == 0)
		result = tx_next_packet(tx, 0, buffer, sizeof buffer, &packet, START_NS);
	tx_free(tx);
	return result;
}

static void test_no_memory(void **state)
{
	struct attempt a = {.bytes = fixture_bytes(20000, 3)};
	(void)state;
	assert_true(fault_alloc_all(attempt, &a) > 20);
	free(a.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_raptorq),
		cmocka_unit_test(test_image_no_code),
		cmocka_unit_test(test_image_reed_solomon),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_documents_refused),
		cmocka_unit_test(test_fdt_is_renewed),
		cmocka_unit_test(test_heartbeats),
		cmocka_unit_test(test_schedule_tells_shares),
		cmocka_unit_test(test_copy_maps),
		cmocka_unit_test(test_weights_and_index),
		cmocka_unit_test(test_lead),
		cmocka_unit_test(test_control_share_and_rate),
		cmocka_unit_test(test_sequence_numbers),
		cmocka_unit_test(test_fti_interval),
		cmocka_unit_test(test_channels_and_headends_add_up),
		cmocka_unit_test(test_kills_repeat_nothing),
		cmocka_unit_test(test_a_full_disk_stops_what_is_not_leased),
		cmocka_unit_test(test_close_stores_exactly),
		cmocka_unit_test(test_bad_counters_are_refused),
		cmocka_unit_test(test_a_source_that_fails_is_tried_again),
		cmocka_unit_test(test_removal_waits_for_jobs),
		cmocka_unit_test(test_images_refused),
		cmocka_unit_test(test_payload_left_out),
		cmocka_unit_test(test_small_budgets),
		cmocka_unit_test(test_configurations_refused),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
