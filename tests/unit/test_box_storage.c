#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/box_storage.h"
#include "tests/lib/fault_alloc.h"

static void test_files(void **state)
{
	struct box_storage s;
	uint64_t bytes = 1;
	uint8_t out[8];
	(void)state;
	assert_int_equal(box_storage_init(&s, NULL, 4096, true), 0);
	const struct carousel_rx_storage *t = &s.table;
	assert_int_equal(t->size(t->user, RX_STATE, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(t->read(t->user, RX_STATE, 0, out, 1), CAROUSEL_E_NEED_MORE);
	assert_int_equal(t->write(t->user, RX_JOURNAL, 1000, "abc", 3), 0);
	assert_int_equal(t->size(t->user, RX_JOURNAL, &bytes), 0);
	assert_int_equal(bytes, 1003);
	assert_int_equal(t->read(t->user, RX_JOURNAL, 998, out, 5), 0);
	assert_memory_equal(out, "\0\0abc", 5);
	assert_int_equal(t->read(t->user, RX_JOURNAL, 999, out, 5), CAROUSEL_E_NEED_MORE);
	assert_int_equal(t->read(t->user, RX_JOURNAL, UINT64_MAX, out, 2), CAROUSEL_E_NEED_MORE);
	assert_int_equal(t->truncate(t->user, RX_JOURNAL, 1001), 0);
	assert_int_equal(t->truncate(t->user, RX_JOURNAL, 1003), 0);
	assert_int_equal(t->read(t->user, RX_JOURNAL, 1000, out, 3), 0);
	assert_memory_equal(out, "a\0\0", 3);
	assert_int_equal(t->replace(t->user, RX_STATE, "state", 5), 0);
	assert_int_equal(t->replace(t->user, RX_STATE, "st", 2), 0);
	assert_int_equal(t->size(t->user, RX_STATE, &bytes), 0);
	assert_int_equal(bytes, 2);
	assert_int_equal(t->sync(t->user, RX_STATE), 0);
	assert_int_equal(t->write(t->user, RX_STATE, UINT64_MAX - 1, "abc", 3), CAROUSEL_E_NO_SPACE);
	box_storage_deinit(&s);
}

static void test_slots_change_places(void **state)
{
	static const uint8_t name[32] = {7};
	struct box_storage s;
	uint64_t bytes;
	uint8_t out[40];
	(void)state;
	assert_int_equal(box_storage_init(&s, NULL, 100, true), 0);
	const struct carousel_rx_storage *t = &s.table;
	assert_int_equal(t->size(t->user, RX_SLOT_TARGET, &bytes), 0);
	assert_int_equal(bytes, 100);
	assert_int_equal(t->write(t->user, RX_SLOT_TARGET, 10, "new", 3), 0);
	assert_int_equal(t->write(t->user, RX_SLOT_TARGET, 98, "end", 3), CAROUSEL_E_NO_SPACE);
	assert_int_equal(t->read(t->user, RX_SLOT_RUNNING, 10, out, 3), 0);
	assert_memory_equal(out, "\0\0\0", 3);
	s.running = 1;
	assert_int_equal(t->read(t->user, RX_SLOT_RUNNING, 10, out, 3), 0);
	assert_memory_equal(out, "new", 3);
	/* A slot reads as zeros up to its end, and no further. */
	assert_int_equal(t->read(t->user, RX_SLOT_RUNNING, 60, out, 40), 0);
	assert_int_equal(t->read(t->user, RX_SLOT_RUNNING, 61, out, 40), CAROUSEL_E_NEED_MORE);
	assert_int_equal(box_storage_fill(&s, 0, name, (const uint8_t *)"image", 5), 0);
	assert_int_equal(t->read(t->user, RX_SLOT_TARGET, 0, out, 6), 0);
	assert_memory_equal(out, "image\0", 6);
	assert_int_equal(box_storage_fill(&s, 0, name, (const uint8_t *)"image", 101), CAROUSEL_E_NO_SPACE);
	box_storage_deinit(&s);
	/* Without payload a slot begins with the image's name. */
	assert_int_equal(box_storage_init(&s, NULL, 100, false), 0);
	assert_int_equal(box_storage_fill(&s, 1, name, (const uint8_t *)"image", 5), 0);
	assert_int_equal(t->read(t->user, RX_SLOT_TARGET, 0, out, 32), 0);
	assert_memory_equal(out, name, 32);
	box_storage_deinit(&s);
}

/* The odd chunks of four. */
static void test_parts_of_an_image(void **state)
{
	static const uint8_t name[32] = {7}, other[32] = {8}, nothing[32], bits[1] = {0x0a};
	uint8_t image[4 * 8 - 3], out[96];
	struct box_storage s;
	(void)state;
	for (unsigned i = 0; i < sizeof image; i++)
		image[i] = (uint8_t)(100 + i);
	assert_int_equal(box_storage_init(&s, NULL, 100, true), 0);
	const struct carousel_rx_storage *t = &s.table;
	assert_int_equal(box_storage_fill_parts(&s, 1, name, image, sizeof image, bits, 8), 0);
	assert_int_equal(t->read(t->user, RX_SLOT_TARGET, 0, out, sizeof image), 0);
	assert_memory_equal(out + 8, image + 8, 8);
	assert_memory_equal(out + 24, image + 24, 5);
	assert_memory_not_equal(out, image, 8);
	assert_memory_not_equal(out + 16, image + 16, 8);
	assert_memory_not_equal(out, out + 16, 8);
	assert_false(box_storage_has_parts_of(&s, 1, name));
	box_storage_forget(&s, 1, true); /* bytes stay until others are written */
	assert_int_equal(t->read(t->user, RX_SLOT_TARGET, 8, out, 8), 0);
	assert_memory_equal(out, image + 8, 8);
	assert_int_equal(box_storage_fill_parts(&s, 1, name, image, 101, bits, 8), CAROUSEL_E_NO_SPACE);
	box_storage_deinit(&s);
	/* Without payload: no name of a whole image, that of the one in parts, a bit a chunk. */
	assert_int_equal(box_storage_init(&s, NULL, 100, false), 0);
	assert_int_equal(box_storage_fill_parts(&s, 1, name, NULL, 4 * 8 - 3, bits, 8), 0);
	assert_int_equal(t->read(t->user, RX_SLOT_TARGET, 0, out, 65), 0);
	assert_memory_equal(out, nothing, 32);
	assert_memory_equal(out + 32, name, 32);
	assert_int_equal(out[64], 0x0a);
	assert_true(box_storage_has_parts_of(&s, 1, name));
	assert_false(box_storage_has_parts_of(&s, 1, other));
	box_storage_forget(&s, 1, false);
	assert_true(box_storage_has_parts_of(&s, 1, name));
	box_storage_forget(&s, 1, true);
	assert_false(box_storage_has_parts_of(&s, 1, name));
	box_storage_deinit(&s);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct box_storage s;
	int result = box_storage_init(&s, allocator, 100, true);
	(void)user;
	if (result != 0)
		return result;
	result = s.table.write(&s, RX_EVENTS, 1000, "x", 1);
	box_storage_deinit(&s);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_slots_change_places),
		cmocka_unit_test(test_parts_of_an_image),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
