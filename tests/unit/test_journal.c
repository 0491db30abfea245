/* covers: carousel-rx/store/journal.c */
#include "tests/lib/test.h"

#include "carousel-rx/store/journal.h"
#include "common/bytes.h"
#include "tests/lib/ram_storage.h"

struct desk {
	struct ram_storage storage;
	struct object_layout layout;
	struct journal_image image;
	struct geometry geometry;
	struct place_io io;
	struct journal journal;
	uint8_t scan[JOURNAL_SCAN_BYTES];
};

static void desk_init(struct desk *d)
{
	struct fec_oti oti = {.transfer_length = 64 * 1024, .symbol_size = 1024, .max_block_symbols = 32};
	memset(d, 0, sizeof(*d));
	ram_storage_init(&d->storage, 64 * 1024);
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(object_layout_init(&d->layout, OBJECT_LINEAR, &oti, oti.transfer_length), 0);
	assert_int_equal(geometry_init(&d->geometry, &d->layout, 64 * 1024), 0);
	d->image.layout = &d->layout;
	memset(d->image.sha256, 7, sizeof(d->image.sha256));
	d->io = (struct place_io){&d->storage.table, &d->geometry, 0};
	assert_int_equal(journal_init(&d->journal, &d->image), 0);
	assert_int_equal(journal_open(&d->journal, &d->io), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(journal_create(&d->journal, &d->io), 0);
}

static void desk_deinit(struct desk *d)
{
	journal_deinit(&d->journal);
	ram_storage_deinit(&d->storage);
}

/* Records whose payload is their number, of growing length. */
static void desk_append(struct desk *d, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		uint8_t payload[400];
		for (size_t at = 0; at < sizeof(payload); at += 4)
			bytes_put_le32(payload + at, i);
		assert_int_equal(journal_append(&d->journal, &d->io, JOURNAL_OWN, payload, 4 + i % 100 * 4), 0);
	}
}

/* A bit for each OWN record found, up to 64; *end as the scan has it. */
static uint64_t desk_scan(struct desk *d, struct journal_scan *scan)
{
	struct journal_record r;
	uint64_t found = 0;
	int result;
	journal_scan_init(scan, &d->journal, &d->io, d->scan, d->storage.file[RX_JOURNAL].now_len);
	while ((result = journal_scan_next(scan, &r)) == 0) {
		if (r.type != JOURNAL_OWN)
			continue;
		assert_true(bytes_get_le32(r.payload) < 64);
		assert_int_equal(r.len, 4 + bytes_get_le32(r.payload) % 100 * 4);
		found |= 1ull << bytes_get_le32(r.payload);
	}
	assert_int_equal(result, CAROUSEL_E_NEED_MORE);
	return found;
}

static void test_reads_back(void **state)
{
	struct desk d;
	struct journal_scan scan;
	(void)state;
	desk_init(&d);
	desk_append(&d, 0, 64);
	assert_true(desk_scan(&d, &scan) == UINT64_MAX);
	assert_int_equal(scan.end, d.storage.file[RX_JOURNAL].now_len);
	assert_int_equal(scan.bytes_damaged, 0);
	journal_deinit(&d.journal);
	assert_int_equal(journal_init(&d.journal, &d.image), 0);
	assert_int_equal(journal_open(&d.journal, &d.io), 0);
	assert_true(desk_scan(&d, &scan) == UINT64_MAX);
	desk_deinit(&d);
}

static void test_many_buffers_long(void **state)
{
	struct desk d;
	struct journal_scan scan;
	struct journal_record r;
	uint8_t *payload = calloc(1, JOURNAL_MAX_PAYLOAD);
	uint32_t found = 0;
	(void)state;
	desk_init(&d);
	for (uint32_t i = 0; i < 9; i++) {
		bytes_put_le32(payload, i);
		assert_int_equal(
			journal_append(&d.journal, &d.io, JOURNAL_OWN, payload, i % 2 ? JOURNAL_MAX_PAYLOAD : 1000), 0);
	}
	assert_int_equal(
		journal_append(&d.journal, &d.io, JOURNAL_OWN, payload, JOURNAL_MAX_PAYLOAD + 4), CAROUSEL_E_INTERNAL);
	journal_scan_init(&scan, &d.journal, &d.io, d.scan, d.storage.file[RX_JOURNAL].now_len);
	while (journal_scan_next(&scan, &r) == 0)
		found += r.type == JOURNAL_OWN && bytes_get_le32(r.payload) == found;
	assert_int_equal(found, 9);
	free(payload);
	desk_deinit(&d);
}

/* One bit flipped costs one record. */
static void test_any_bit_flipped(void **state)
{
	struct desk d;
	struct journal_scan scan;
	uint64_t len;
	(void)state;
	desk_init(&d);
	desk_append(&d, 0, 20);
	len = d.storage.file[RX_JOURNAL].now_len;
	for (uint64_t bit = 8 * JOURNAL_START; bit < 8 * len; bit += 3) {
		uint8_t *byte = d.storage.file[RX_JOURNAL].now + bit / 8;
		uint64_t found;
		*byte ^= (uint8_t)(1u << bit % 8);
		found = desk_scan(&d, &scan);
		assert_true(__builtin_popcountll(found) >= 19);
		/* The first record is the epoch's. */
		if (bit >= 8 * (JOURNAL_START + JOURNAL_HEAD_BYTES))
			assert_int_equal(__builtin_popcountll(found), 19);
		assert_true(scan.bytes_damaged > 0);
		*byte ^= (uint8_t)(1u << bit % 8);
	}
	desk_deinit(&d);
}

static void test_truncated_anywhere(void **state)
{
	struct desk d;
	struct journal_scan scan;
	uint64_t len;
	(void)state;
	desk_init(&d);
	desk_append(&d, 0, 20);
	len = d.storage.file[RX_JOURNAL].now_len;
	for (uint64_t cut = JOURNAL_START; cut < len; cut++) {
		uint64_t found;
		d.storage.file[RX_JOURNAL].now_len = cut;
		found = desk_scan(&d, &scan);
		assert_true(scan.end <= cut);
		/* A prefix of them. */
		assert_true((found & (found + 1)) == 0 && found < 1u << 20);
	}
	for (uint64_t cut = 0; cut < JOURNAL_START; cut += 7) {
		d.storage.file[RX_JOURNAL].now_len = cut;
		(void)journal_open(&d.journal, &d.io);
		assert_int_equal(desk_scan(&d, &scan), 0);
	}
	desk_deinit(&d);
}

static void test_superblock(void **state)
{
	struct desk d;
	(void)state;
	desk_init(&d);
	for (size_t bit = 0; bit < 64 * 8; bit++) {
		d.storage.file[RX_JOURNAL].now[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(journal_open(&d.journal, &d.io), CAROUSEL_E_NOT_FOUND);
		d.storage.file[RX_JOURNAL].now[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(journal_open(&d.journal, &d.io), 0);
	desk_deinit(&d);
}

static void test_of_another_image(void **state)
{
	struct desk d;
	struct journal_scan scan;
	struct journal other;
	(void)state;
	desk_init(&d);
	desk_append(&d, 0, 5);
	d.image.sha256[31] ^= 1;
	assert_int_equal(journal_init(&other, &d.image), 0);
	assert_int_equal(journal_open(&other, &d.io), CAROUSEL_E_NOT_FOUND);
	journal_deinit(&other);
	d.image.sha256[31] ^= 1;
	d.layout.oti.symbol_size = 512;
	assert_int_equal(journal_init(&other, &d.image), 0);
	assert_int_equal(journal_open(&other, &d.io), CAROUSEL_E_NOT_FOUND);
	journal_deinit(&other);
	/* Made anew for the same image: the records of before are of another generation. */
	assert_int_equal(journal_create(&d.journal, &d.io), 0);
	assert_int_equal(desk_scan(&d, &scan), 0);
	desk_deinit(&d);
}

/* What a power cut left behind a lost record must not come back behind its successor. */
static void test_left_over_records_stay_dead(void **state)
{
	struct desk d;
	struct journal_scan scan;
	uint64_t lost;
	uint8_t hole[JOURNAL_HEAD_BYTES + 4] = {0};
	(void)state;
	desk_init(&d);
	desk_append(&d, 0, 1);
	lost = d.journal.end;
	desk_append(&d, 1, 1);
	desk_append(&d, 2, 1);
	/* The second and third never reached the medium, and the box restarts behind the first. */
	ram_storage_set(&d.storage, RX_SCRATCH, d.storage.file[RX_JOURNAL].now + lost, d.journal.end - lost);
	d.storage.file[RX_JOURNAL].now_len = lost;
	assert_true(desk_scan(&d, &scan) == 1);
	assert_int_equal(journal_resume(&d.journal, &d.io, &scan), 0);
	/* Then the third turns up after all, behind the new epoch. */
	assert_int_equal(d.io.storage->write(d.io.storage->user, RX_JOURNAL, d.journal.end, hole, 4), 0);
	assert_int_equal(d.io.storage->write(d.io.storage->user, RX_JOURNAL, d.journal.end + 4,
				 d.storage.file[RX_SCRATCH].now + JOURNAL_HEAD_BYTES + 8, JOURNAL_HEAD_BYTES + 12),
		0);
	assert_true(desk_scan(&d, &scan) == 1);
	desk_deinit(&d);
}

static void test_replaced_by_another(void **state)
{
	struct desk d;
	struct journal to;
	struct journal_scan scan;
	(void)state;
	desk_init(&d);
	desk_append(&d, 0, 10);
	journal_fork(&to, &d.journal, journal_after(&d.journal));
	assert_true(to.start >= d.journal.end && to.start % 4096 == 0);
	for (uint32_t i = 20; i < 22; i++) {
		uint8_t payload[400];
		for (size_t at = 0; at < sizeof(payload); at += 4)
			bytes_put_le32(payload + at, i);
		assert_int_equal(journal_append(&to, &d.io, JOURNAL_OWN, payload, 4 + i * 4), 0);
	}
	/* Until it is made known the old one counts. */
	assert_int_equal(journal_open(&d.journal, &d.io), 0);
	assert_true(desk_scan(&d, &scan) == 0x3ff);
	assert_int_equal(journal_replace(&d.journal, &d.io, &to), 0);
	assert_true(desk_scan(&d, &scan) == 3ull << 20);
	assert_int_equal(journal_open(&d.journal, &d.io), 0);
	assert_true(desk_scan(&d, &scan) == 3ull << 20);
	desk_deinit(&d);
}

static void test_storage_fails(void **state)
{
	struct desk d;
	(void)state;
	desk_init(&d);
	d.storage.fail_with = CAROUSEL_E_NO_SPACE;
	assert_int_equal(journal_append(&d.journal, &d.io, JOURNAL_OWN, "four", 4), CAROUSEL_E_NO_SPACE);
	assert_int_equal(journal_create(&d.journal, &d.io), CAROUSEL_E_NO_SPACE);
	assert_int_equal(journal_sync_data(&d.journal, &d.io), CAROUSEL_E_NO_SPACE);
	desk_deinit(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_many_buffers_long),
		cmocka_unit_test(test_any_bit_flipped),
		cmocka_unit_test(test_truncated_anywhere),
		cmocka_unit_test(test_superblock),
		cmocka_unit_test(test_of_another_image),
		cmocka_unit_test(test_left_over_records_stay_dead),
		cmocka_unit_test(test_replaced_by_another),
		cmocka_unit_test(test_storage_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
