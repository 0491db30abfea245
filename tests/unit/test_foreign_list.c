#include "tests/lib/test.h"

#include "carousel-rx/store/foreign_list.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"

#define BLOCKS 6u
#define PLACES 200u

struct model {
	uint32_t esi[BLOCKS][PLACES]; /* plus one; 0: free */
};

static void check_block(const struct foreign_list *list, const struct model *m, uint32_t sbn)
{
	struct foreign_symbol out[PLACES];
	uint32_t count = foreign_list_copy(list, sbn, out, PLACES), wanted = 0;
	for (uint32_t i = 0; i < PLACES; i++)
		wanted += m->esi[sbn][i] != 0;
	assert_int_equal(count, wanted);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(m->esi[sbn][out[i].place], out[i].esi + 1);
}

static void compare(uint32_t max_esi, size_t pool_bytes, bool may_evict)
{
	const struct foreign_shape shape = {BLOCKS, PLACES, max_esi, pool_bytes};
	struct foreign_list list;
	struct model m = {0};
	uint64_t seed = max_esi;
	bool has_evicted = false;
	assert_int_equal(foreign_list_init(&list, NULL, &shape), 0);
	for (int i = 0; i < 30000; i++) {
		uint32_t sbn = (uint32_t)(test_random(&seed) % BLOCKS), place = (uint32_t)(test_random(&seed) % PLACES);
		if (test_random(&seed) % 500 == 0) {
			foreign_list_clear(&list, sbn);
			memset(m.esi[sbn], 0, sizeof(m.esi[sbn]));
			assert_false(foreign_list_is_evicted(&list, sbn));
		} else if (m.esi[sbn][place]) {
			foreign_list_remove(&list, sbn, place);
			m.esi[sbn][place] = 0;
		} else {
			m.esi[sbn][place] = (uint32_t)(test_random(&seed) % (max_esi + 1)) + 1;
			foreign_list_add(&list, sbn, place, m.esi[sbn][place] - 1);
		}
		has_evicted = has_evicted || foreign_list_is_evicted(&list, sbn);
		if (!foreign_list_is_evicted(&list, sbn))
			check_block(&list, &m, sbn);
	}
	assert_int_equal(has_evicted, may_evict);
	foreign_list_deinit(&list);
}

static void test_like_a_table(void **state)
{
	(void)state;
	compare(254, 0, false);
	compare(1u << 23, 1 << 20, false);
	compare(1u << 23, 3000, true);
}

/* What a job reads stays, though others need the room. */
static void test_pinned_lists_stay(void **state)
{
	const struct foreign_shape shape = {BLOCKS, PLACES, 100000, 4 * sizeof(struct foreign_extent)};
	struct foreign_list list;
	struct foreign_symbol out[PLACES];
	(void)state;
	assert_int_equal(foreign_list_init(&list, NULL, &shape), 0);
	for (uint32_t i = 0; i < 40; i++)
		foreign_list_add(&list, 0, i, 1000 + i);
	foreign_list_pin(&list, 0, true);
	for (uint32_t i = 0; i < PLACES; i++)
		foreign_list_add(&list, 1, i, i);
	assert_false(foreign_list_is_evicted(&list, 0));
	assert_true(foreign_list_is_evicted(&list, 1));
	assert_int_equal(foreign_list_copy(&list, 0, out, PLACES), 40);
	foreign_list_pin(&list, 0, false);
	for (uint32_t i = 0; i < 40; i++)
		foreign_list_add(&list, 2, i, i);
	assert_true(foreign_list_is_evicted(&list, 0));
	assert_int_equal(foreign_list_copy(&list, 2, out, PLACES), 40);
	foreign_list_deinit(&list);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct foreign_list list;
	int result = foreign_list_init(&list, a, user);
	if (result == 0)
		foreign_list_deinit(&list);
	return result;
}

static void test_no_memory(void **state)
{
	struct foreign_shape flat = {BLOCKS, PLACES, 254, 0}, pool = {BLOCKS, PLACES, 255, 5000};
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, &flat), 1);
	assert_int_equal(fault_alloc_all(attempt, &pool), 2);
	assert_true(foreign_list_bytes(&pool) <= 5000 + BLOCKS * sizeof(struct foreign_block));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_a_table),
		cmocka_unit_test(test_pinned_lists_stay),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
