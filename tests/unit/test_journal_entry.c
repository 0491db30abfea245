#include "tests/lib/test.h"

#include "carousel-rx/store/journal_entry.h"
#include "common/bytes.h"
#include "tests/lib/ram_storage.h"

#define ENTRIES 9000u

struct desk {
	struct ram_storage storage;
	struct object_layout layout;
	struct geometry geometry;
	struct place_io io;
	struct journal journal;
};

static void desk_init(struct desk *d)
{
	struct fec_oti oti = {.transfer_length = 64 * 1024, .symbol_size = 1024, .max_block_symbols = 32};
	const struct journal_image image = {.layout = &d->layout};
	memset(d, 0, sizeof(*d));
	ram_storage_init(&d->storage, 64 * 1024);
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(object_layout_init(&d->layout, OBJECT_LINEAR, &oti, oti.transfer_length), 0);
	assert_int_equal(geometry_init(&d->geometry, &d->layout, 64 * 1024), 0);
	d->io = (struct place_io){&d->storage.table, &d->geometry, 0};
	assert_int_equal(journal_init(&d->journal, &image), 0);
	assert_int_equal(journal_create(&d->journal, &d->io), 0);
}

static void desk_deinit(struct desk *d)
{
	journal_deinit(&d->journal);
	ram_storage_deinit(&d->storage);
}

/* Types come in stretches, blocks too; places and ESIs over their whole range. */
static struct journal_entry entry_of(uint32_t i, enum journal_type *type)
{
	static const enum journal_type types[] = {JOURNAL_FOREIGN, JOURNAL_OWN, JOURNAL_FOREIGN, JOURNAL_DROP_SPILL};
	uint64_t seed = i;
	uint32_t number = (uint32_t)test_random(&seed);
	*type = types[i / 1500 % 4];
	return (struct journal_entry){i / 7, number & 0xffff, number >> 8, (uint32_t)test_random(&seed)};
}

static void test_there_and_back(void **state)
{
	static uint8_t scan_buf[JOURNAL_SCAN_BYTES];
	struct desk d;
	struct journal_payload payload = {.cap = 2000, .type = JOURNAL_OWN};
	struct journal_scan scan;
	struct journal_record r;
	uint32_t seen = 0;
	(void)state;
	payload.buf = malloc(payload.cap);
	desk_init(&d);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		enum journal_type type;
		const struct journal_entry e = entry_of(i, &type);
		assert_int_equal(journal_entry_put(&payload, &d.journal, &d.io, type, &e), 0);
	}
	assert_int_equal(journal_entry_flush(&payload, &d.journal, &d.io), 0);
	journal_scan_init(&scan, &d.journal, &d.io, scan_buf, d.storage.file[RX_JOURNAL].now_len);
	while (journal_scan_next(&scan, &r) == 0) {
		struct journal_entries it;
		struct journal_entry e;
		journal_entries_init(&it, &r);
		while (r.type != JOURNAL_EPOCH && journal_entries_next(&it, &e)) {
			enum journal_type type;
			const struct journal_entry wanted = entry_of(seen++, &type);
			assert_int_equal(type, r.type);
			assert_memory_equal(&e, &wanted, sizeof(e));
		}
	}
	assert_int_equal(seen, ENTRIES);
	free(payload.buf);
	desk_deinit(&d);
}

/* Cut anywhere, and sections that promise more than there is: never read past the end. */
static void test_truncated(void **state)
{
	uint8_t whole[JOURNAL_SECTION_BYTES + 3 * JOURNAL_PACKED_BYTES] = {5, 0, 7, 0, 3, 0};
	(void)state;
	for (size_t len = 0; len <= sizeof(whole); len++) {
		uint8_t *copy = malloc(len ? len : 1);
		struct journal_record r = {.type = JOURNAL_FOREIGN, .payload = copy, .len = len};
		struct journal_entries it;
		struct journal_entry e;
		uint32_t count = 0;
		memcpy(copy, whole, len);
		for (journal_entries_init(&it, &r); journal_entries_next(&it, &e);) {
			assert_int_equal(e.a, 5);
			assert_int_equal(e.b, 7 + count++);
		}
		assert_int_equal(
			count, len < JOURNAL_SECTION_BYTES ? 0 : (len - JOURNAL_SECTION_BYTES) / JOURNAL_PACKED_BYTES);
		if (len >= JOURNAL_SECTION_BYTES)
			memset(copy + 4, 0xff, 2);
		for (journal_entries_init(&it, &r); journal_entries_next(&it, &e);)
			assert_true(count-- > 0);
		r.type = JOURNAL_OWN;
		for (journal_entries_init(&it, &r); journal_entries_next(&it, &e);)
			count++;
		assert_int_equal(count, len / JOURNAL_ENTRY_BYTES);
		free(copy);
	}
}

/* Symbols in places that follow each other, as repair symbols alone lie, share their block and place. */
static void test_runs_are_short(void **state)
{
	struct desk d;
	struct journal_payload payload = {.cap = JOURNAL_MAX_PAYLOAD, .type = JOURNAL_FOREIGN};
	(void)state;
	payload.buf = malloc(payload.cap);
	desk_init(&d);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct journal_entry e = {1, i, 5000 + i, i};
		assert_int_equal(journal_entry_put(&payload, &d.journal, &d.io, JOURNAL_FOREIGN, &e), 0);
	}
	assert_int_equal(payload.len, JOURNAL_SECTION_BYTES + 1000 * JOURNAL_PACKED_BYTES);
	free(payload.buf);
	desk_deinit(&d);
}

/* What a section cannot name must not be received: after a restart it would be another block's. */
static void test_more_than_a_section_names(void **state)
{
	struct fec_oti oti = {.transfer_length = 65536, .symbol_size = 1, .max_block_symbols = 1};
	struct object_layout layout;
	struct geometry geometry;
	(void)state;
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	assert_int_equal(object_layout_init(&layout, OBJECT_LINEAR, &oti, oti.transfer_length), 0);
	assert_int_equal(geometry_init(&geometry, &layout, 65536), 0);
	layout.oti.num_blocks++;
	assert_int_equal(geometry_init(&geometry, &layout, 65536), CAROUSEL_E_UNSUPPORTED);
	layout.oti.num_blocks = 1;
	layout.oti.max_block_symbols = 65537;
	assert_int_equal(geometry_init(&geometry, &layout, 65536), CAROUSEL_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_runs_are_short),
		cmocka_unit_test(test_more_than_a_section_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
