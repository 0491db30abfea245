/* covers: carousel-tx/session.c carousel-tx/document.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/heartbeat.h"
#include "policy-map/schedule.h"
#include "tests/lib/tx_fixture.h"
#include "tests/lib/tx_session.h"

#define SECOND_NS 1000000000ull

static void test_documents(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	uint8_t *map = fixture_bytes(5000, 1);
	static const char roots[] = "{\"root\":1}\n", manifests[] = "{\"m\":1}\n{\"m\":2}\n";
	struct listener l;
	struct fdt *fdt;
	const struct fdt_file *file;
	uint64_t now = FIXTURE_START_NS, toi;
	(void)state;
	for (size_t i = 0; i < 5000; i++)
		map[i] = (uint8_t)('a' + map[i] % 16);
	listener_init(&l);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 5000, now), 0);
	assert_int_equal(tx_set_document(tx, TX_ROLE_TRUST_ROOT, NULL, roots, sizeof roots, now), 0);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MANIFEST, "box", manifests, sizeof manifests, now), 0);
	fixture_run(tx, 0, &l, &now, now + 6 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
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
	assert_int_equal(listener_find(&l, FIXTURE_TSI, 0)->fdt_instance, 0);
	map[0] = '!';
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, 5000, now), 0);
	fixture_run(tx, 0, &l, &now, now + 6 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_non_null(fdt);
	assert_true(listener_find(&l, FIXTURE_TSI, 0)->fdt_instance > 0);
	assert_true(fdt_file_of(fdt, "map", NULL)->toi > toi);
	fdt_free(fdt);

	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, NULL, 0, now), 0);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_null(fdt_file_of(fdt, "map", NULL));
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	free(map);
}

static void test_documents_refused(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	uint8_t *big = calloc(1, TX_MAX_DOCUMENT_BYTES + 1);
	(void)state;
	assert_non_null(big);
	assert_int_equal(tx_set_document(tx, TX_ROLE_IMAGE, NULL, "x", 1, FIXTURE_START_NS), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, "box", "x", 1, FIXTURE_START_NS), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MANIFEST, NULL, "x", 1, FIXTURE_START_NS), CAROUSEL_E_ARGUMENT);
	assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, big, TX_MAX_DOCUMENT_BYTES + 1, FIXTURE_START_NS),
		CAROUSEL_E_LIMIT);
	free(big);
	tx_free(tx);
}

/* A repeated FDT instance is byte-identical; before it expires there is a new one. */
static void test_fdt_is_renewed(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx;
	struct listener l;
	struct fdt *fdt;
	uint64_t now = FIXTURE_START_NS;
	(void)state;
	config.fdt_lifetime_ns = 60 * SECOND_NS;
	tx = fixture_tx(&config, now);
	listener_init(&l);
	for (uint32_t instance = 0; instance < 5; instance++) {
		fixture_run(tx, 0, &l, &now, FIXTURE_START_NS + (30 * instance + 28) * SECOND_NS, 0);
		fdt = listener_fdt(&l, FIXTURE_TSI);
		assert_non_null(fdt);
		assert_int_equal(listener_find(&l, FIXTURE_TSI, 0)->fdt_instance, instance);
		assert_true(listener_find(&l, FIXTURE_TSI, 0)->packets > 10);
		assert_true(fdt_expiry(fdt, FIXTURE_WALL_NS / SECOND_NS + 2208988800u) >
			    FIXTURE_WALL_NS / SECOND_NS + 2208988800u + 30 * instance + 29);
		fdt_free(fdt);
	}
	listener_deinit(&l);
	tx_free(tx);
}

static void test_heartbeats(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct tx_map_info info = {.epoch = 2, .serial = 77, .sha256 = {9}};
	const struct key_public *keys[1] = {&fixture_secret.public_key};
	struct listener l;
	uint64_t now = FIXTURE_START_NS;
	(void)state;
	tx_set_map_info(tx, &info);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 21 * SECOND_NS, 0);
	for (uint64_t sequence = 1; sequence <= 10; sequence++) {
		struct heard_object *o = listener_find(&l, FIXTURE_TSI + 1, sequence);
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
		assert_in_range(heartbeat.time_s, FIXTURE_WALL_NS / SECOND_NS + 2 * sequence - 3,
			FIXTURE_WALL_NS / SECOND_NS + 2 * sequence);
		envelope_deinit(NULL, &envelope);
	}
	assert_null(listener_find(&l, FIXTURE_TSI + 1, 12));
	listener_deinit(&l);
	tx_free(tx);
}

static void test_schedule_tells_shares(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct published a, b;
	struct listener l;
	struct fdt *fdt;
	const struct fdt_file *file;
	struct schedule schedule;
	struct envelope envelope;
	uint8_t *text;
	uint64_t now = FIXTURE_START_NS;
	(void)state;
	fixture_publish(tx, &a, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_publish(tx, &b, "other", 2, 400000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	assert_int_equal(tx_set_weight(tx, b.spec.sha256, 3), 0);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 4 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	file = fdt_file_of(fdt, "schedule", NULL);
	assert_non_null(file);
	assert_null(file->content_encoding);
	text = listener_decode(
		listener_find(&l, FIXTURE_TSI, file->toi), &file->oti, OBJECT_LINEAR, file->content_length);
	assert_int_equal(envelope_parse(NULL, &envelope, (char *)text, file->content_length), 0);
	assert_int_equal(schedule_parse(NULL, &schedule, envelope.payload, envelope.payload_len), 0);
	assert_int_equal(schedule.num_objects, 2);
	assert_true(schedule.until_s > FIXTURE_WALL_NS / SECOND_NS);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_documents_refused),
		cmocka_unit_test(test_fdt_is_renewed),
		cmocka_unit_test(test_heartbeats),
		cmocka_unit_test(test_schedule_tells_shares),
	};
	return cmocka_run_group_tests(tests, fixture_signer, NULL);
}
