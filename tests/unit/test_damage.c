/* Held against the real receiver by test_fleet_run and test_story_damage. */
#include "tests/lib/test.h"

#include "sim/damage.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

#define RECEIVERS 200u
#define MOST      40000u

/* Mean of the symbols sent, INFINITY when one never was done; from the beginning of the cycle. */
static double mean_of(const struct damage_object *o, double loss, double damaged)
{
	const struct channel_config config = {.loss = loss};
	struct damage *d;
	double sum = 0;
	assert_int_equal(damage_new(&d, NULL, o), 0);
	for (unsigned i = 0; i < RECEIVERS; i++) {
		struct random_stream random;
		struct channel channel;
		random_init(&random, 7, i);
		channel_init(&channel, &config, 3, i);
		sum += damage_receive(d, &channel, &random, damaged, 0, MOST);
	}
	damage_free(d);
	return sum / RECEIVERS;
}

static void test_sound_channels(void **state)
{
	const struct damage_object code = {40, 12, 5, 4, false, 3}, plain = {40, 0, 5, 4, false, 3},
				   fountain = {40, 0, 5, 4, true, 3};
	(void)state;
	assert_true(mean_of(&code, 0, 0) == 200);
	assert_true(mean_of(&plain, 0, 0) == 200);
	/* A block of a fountain that has lost something needs one symbol more in a case of a hundred. */
	assert_true(mean_of(&fountain, 0, 0) >= 200 && mean_of(&fountain, 0, 0) < 201);
	assert_true(mean_of(&fountain, 0.1, 0) > 220 && mean_of(&fountain, 0.1, 0) < 260);
}

/* Without code and with the index at hand: chunks come again until each has come clean once. The largest of so many
 * geometric numbers. */
static void test_chunks_are_coupons(void **state)
{
	const struct damage_object plain = {4, 0, 50, 4, false, 0};
	const double wrong = 1 - pow(0.9, 4);
	double cycles = 0;
	(void)state;
	for (unsigned i = 0; i < 200; i++)
		cycles += 1 - pow(1 - pow(wrong, i), 50);
	assert_true(fabs(mean_of(&plain, 0, 0.1) / (200 * cycles) - 1) < 0.1);
}

static void test_damage_costs(void **state)
{
	const struct damage_object small = {64, 0, 4, 4, true, 2}, large = {256, 0, 1, 4, true, 2},
				   code = {64, 16, 4, 4, false, 2}, no_index = {64, 0, 4, 4, true, 20000};
	(void)state;
	assert_true(mean_of(&small, 0.02, 0.01) > mean_of(&small, 0.02, 0) * 1.05);
	assert_true(mean_of(&large, 0.02, 0.05) > 2 * mean_of(&small, 0.02, 0.05));
	/* Source symbols come again: there is always progress. */
	assert_true(isfinite(mean_of(&code, 0.02, 0.3)));
	assert_true(isinf(mean_of(&large, 0.02, 0.3)));
	/* An index that never comes clean. */
	assert_true(isinf(mean_of(&no_index, 0.02, 0.02)));
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	const struct damage_object o = {4, 1, 2, 4, false, 1};
	struct damage *d;
	int result = damage_new(&d, allocator, &o);
	(void)user;
	damage_free(d);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound_channels),
		cmocka_unit_test(test_chunks_are_coupons),
		cmocka_unit_test(test_damage_costs),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
