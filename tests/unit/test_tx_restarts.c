/* covers: carousel-tx/tx.c carousel-tx/counters.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "tests/lib/tx_fixture.h"
#include "tests/lib/tx_session.h"

#define SECOND_NS 1000000000ull

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
	uint64_t now = FIXTURE_START_NS, seed = 99;
	static const char map[] = "a map";
	uint64_t toi = 0;
	(void)state;
	listener_init(&l);
	for (unsigned life = 0; life < 12; life++) {
		struct tx_config config = fixture_config(&fixture_slow);
		struct published p;
		struct tx *tx;
		config.store_counters = disk_store;
		config.store_user = &disk;
		config.counters = disk.text;
		config.counters_len = disk.len;
		tx = fixture_tx(&config, now);
		fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
		assert_int_equal(tx_set_document(tx, TX_ROLE_MAP, NULL, map, sizeof map, now), 0);
		fixture_run(tx, 0, &l, &now, now + 10 * SECOND_NS, 20 + test_random(&seed) % 300);
		fdt = listener_fdt(&l, FIXTURE_TSI);
		if (fdt) {
			/* The image keeps its TOI; every FDT instance has one number. */
			assert_true(toi == 0 || toi == fdt_file_of(fdt, "image", "box")->toi);
			toi = fdt_file_of(fdt, "image", "box")->toi;
			fdt_free(fdt);
		}
		tx_free(tx);
		published_free(&p);
	}
	assert_int_equal(listener_find(&l, FIXTURE_TSI, toi)->duplicates, 0);
	assert_true(listener_find(&l, FIXTURE_TSI, toi)->packets > 500);
	for (size_t i = 0; i < l.num_objects; i++)
		if (l.objects[i].tsi == FIXTURE_TSI + 1)
			assert_int_equal(l.objects[i].packets, 1);
	free(disk.text);
	listener_deinit(&l);
}

static void test_a_full_disk_stops_what_is_not_leased(void **state)
{
	struct disk disk = {.fail = CAROUSEL_E_NO_SPACE};
	struct tx_config config = fixture_config(&fixture_slow);
	uint64_t now = FIXTURE_START_NS;
	struct published p;
	struct tx *tx;
	json_t *status;
	(void)state;
	config.store_counters = disk_store;
	config.store_user = &disk;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
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
	struct tx_config config = fixture_config(&fixture_slow);
	uint64_t now = FIXTURE_START_NS;
	struct published p;
	struct tx *tx;
	const char *at;
	(void)state;
	config.store_counters = disk_store;
	config.store_user = &disk;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
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
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = NULL;
	(void)state;
	config.counters = "[session]\nnext-toi = -1\n";
	config.counters_len = strlen(config.counters);
	assert_int_equal(tx_new(&tx, &config, 0), CAROUSEL_E_SYNTAX);
	assert_null(tx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kills_repeat_nothing),
		cmocka_unit_test(test_a_full_disk_stops_what_is_not_leased),
		cmocka_unit_test(test_close_stores_exactly),
		cmocka_unit_test(test_bad_counters_are_refused),
	};
	return cmocka_run_group_tests(tests, fixture_signer, NULL);
}
