#include "tests/lib/test.h"

#include "carousel-rx/store/esi_set.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"

/* Against a plain table, in both forms. */
static void compare(uint32_t blocks, uint32_t max_repair, uint32_t range, uint32_t base)
{
	struct esi_set set;
	uint8_t *held = calloc(blocks, range);
	uint64_t seed = blocks;
	assert_non_null(held);
	assert_int_equal(esi_set_init(&set, NULL, blocks, max_repair), 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t sbn = (uint32_t)(test_random(&seed) % blocks), at = (uint32_t)(test_random(&seed) % range);
		uint8_t *h = &held[sbn * range + at];
		assert_int_equal(esi_set_has(&set, sbn, base + at), *h);
		switch (test_random(&seed) % 64) {
		case 0:
			esi_set_clear_block(&set, sbn);
			memset(held + sbn * range, 0, range);
			break;
		case 1:
			esi_set_remove(&set, sbn, base + at);
			*h = 0;
			break;
		default:
			esi_set_add(&set, sbn, base + at);
			*h = 1;
		}
	}
	esi_set_deinit(&set);
	free(held);
}

static void test_like_a_table(void **state)
{
	(void)state;
	compare(7, 55, 55, 0);
	compare(3, 1u << 24, 4000, 0);
	compare(5, 1u << 24, 1000, 16000000);
}

/* Out of pages: what is not remembered is taken for new; what was remembered stays. */
static void test_out_of_pages(void **state)
{
	struct esi_set set;
	uint32_t remembered = 0;
	(void)state;
	assert_int_equal(esi_set_init(&set, NULL, 1, 1u << 24), 0);
	for (uint32_t i = 0; i < 30000; i++)
		esi_set_add(&set, 0, i * 512);
	for (uint32_t i = 0; i < 30000; i++) {
		remembered += esi_set_has(&set, 0, i * 512);
		assert_false(esi_set_has(&set, 0, i * 512 + 1));
	}
	assert_int_equal(remembered, set.num_pages);
	esi_set_clear_block(&set, 0);
	esi_set_add(&set, 0, 5);
	assert_true(esi_set_has(&set, 0, 5));
	esi_set_deinit(&set);
}

static void test_past_the_end(void **state)
{
	struct esi_set set;
	(void)state;
	assert_int_equal(esi_set_init(&set, NULL, 2, 40), 0);
	esi_set_add(&set, 1, 1u << 20);
	assert_false(esi_set_has(&set, 1, 1u << 20));
	esi_set_remove(&set, 1, 1u << 20);
	esi_set_deinit(&set);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct esi_set set;
	int result = esi_set_init(&set, a, 4, *(uint32_t *)user);
	if (result == 0)
		esi_set_deinit(&set);
	return result;
}

static void test_no_memory(void **state)
{
	uint32_t few = 30, many = 1u << 24;
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &few), 1);
	assert_int_equal(fault_alloc_all(attempt, &many), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_a_table),
		cmocka_unit_test(test_out_of_pages),
		cmocka_unit_test(test_past_the_end),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
