#include "tests/lib/test.h"

#include "carousel-tx/occupancy.h"
#include "common/carousel_error.h"
#include "sim/collector.h"
#include "tests/lib/fault_alloc.h"

#include <math.h>

/* Where the formula holds, played receivers say the same. */
static void test_agrees_with_the_formula(void **state)
{
	static const struct {
		struct collector_object object;
		double loss, tolerance;
	} cases[] = {
		{{200, 255, 20, 4, .begin = -1}, 0.10, 0.01},
		{{200, 255, 20, 4, .begin = -1}, 0.25, 0.01},
		{{100, 120, 50, 4, .begin = -1}, 0.20, 0.015},
		{{3000, 3000, 1, 4, .begin = -1}, 0.05, 0.02},
		{{24, 32, 80, 4, .begin = -1}, 0.20, 0.02},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct collector_object *o = &cases[i].object;
		const struct channel_config channel = {.loss = cases[i].loss};
		const struct completion_loss loss = {.mean = cases[i].loss};
		const struct occupancy_image image = {
			o->source_symbols, o->encoding_symbols, o->num_blocks, o->chunk_symbols, 0};
		struct collector c;
		assert_int_equal(collector_init(&c, NULL, o, &channel, 1000, 3), 0);
		assert_int_equal(c.count, COLLECTOR_RECEIVERS);
		for (double q = 0.05; q < 0.98; q += 0.15) {
			const double wanted = occupancy_symbols(&image, &loss, q), got = collector_symbols(&c, q);
			if (fabs(got / wanted - 1) > cases[i].tolerance)
				fail_msg("%u/%u x %u, %g: %g after %g, by the formula %g", (unsigned)o->source_symbols,
					(unsigned)o->encoding_symbols, (unsigned)o->num_blocks, cases[i].loss, q, got,
					wanted);
		}
		collector_deinit(&c);
	}
}

/* The tail goes on as it falls: what one draws beyond the last receiver is later, and not by far. */
static void test_tail(void **state)
{
	const struct collector_object object = {200, 255, 10, 4, .begin = -1};
	struct channel_config channel = {0};
	struct collector c;
	double last = 0;
	(void)state;
	assert_int_equal(channel_config_parse(&channel, "loss=10%,burst=30"), 0);
	assert_int_equal(collector_init(&c, NULL, &object, &channel, 1000, 3), 0);
	for (double q = 0; q <= 1; q += 0.001) {
		assert_true(collector_symbols(&c, q) >= last);
		last = collector_symbols(&c, q);
	}
	assert_true(fabs(collector_symbols(&c, 0.98) / collector_symbols(&c, 0.9801) - 1) < 0.01);
	assert_true(collector_symbols(&c, 1 - 1e-7) > collector_symbols(&c, 0.9999));
	assert_true(isfinite(collector_symbols(&c, 1)));
	collector_deinit(&c);
}

static void test_bit_errors_lose_packets(void **state)
{
	const struct collector_object object = {24, 32, 80, 4, .begin = -1};
	const struct channel_config damaged = {.bit_error = 1.25e-5}, lossy = {.loss = 1 - pow(1 - 1.25e-5, 8000)};
	struct collector a, b;
	(void)state;
	assert_int_equal(collector_init(&a, NULL, &object, &damaged, 1000, 3), 0);
	assert_int_equal(collector_init(&b, NULL, &object, &lossy, 1000, 4), 0);
	assert_true(fabs(collector_symbols(&a, 0.5) / collector_symbols(&b, 0.5) - 1) < 0.03);
	collector_deinit(&a);
	collector_deinit(&b);
}

static void test_what_never_completes(void **state)
{
	const struct collector_object object = {4, 4, 2, 4, .begin = -1};
	const struct channel_config nothing = {.loss = 1}, perfect = {0};
	struct collector c;
	(void)state;
	assert_int_equal(collector_init(&c, NULL, &object, &nothing, 1000, 3), 0);
	assert_true(isinf(collector_symbols(&c, 0)) && isinf(collector_symbols(&c, 1)));
	collector_deinit(&c);
	assert_int_equal(collector_init(&c, NULL, &object, &perfect, 1000, 3), 0);
	assert_true(collector_symbols(&c, 0.3) == 8 && collector_symbols(&c, 1) == 8);
	collector_deinit(&c);
}

static void test_refuses(void **state)
{
	static const struct collector_object bad[] = {{0, 4, 1, 1, .begin = -1}, {5, 4, 1, 1, .begin = -1},
		{4, 4, 0, 1, .begin = -1}, {4, 4, 1, 0, .begin = -1}, {4, 4, 1, 5, .begin = -1},
		{4, 1u << 16, 1u << 15, 1, .begin = -1}};
	const struct channel_config perfect = {0};
	struct collector c;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(collector_init(&c, NULL, &bad[i], &perfect, 1000, 1), CAROUSEL_E_RANGE);
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	static const struct collector_object object = {4, 5, 2, 4, .begin = -1};
	static const struct channel_config perfect = {0};
	struct collector c;
	int result = collector_init(&c, allocator, &object, &perfect, 1000, 1);
	(void)user;
	collector_deinit(&c);
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
		cmocka_unit_test(test_agrees_with_the_formula),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_bit_errors_lose_packets),
		cmocka_unit_test(test_what_never_completes),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
