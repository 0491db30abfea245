/* power_cut - cuts the power at every changing call of whole receptions, over every scheme of this build.
 *
 * usage: power_cut [EVERY]     every EVERY-th cut point (default 1: all) */
#include "tests/lib/power_run.h"

#include "common/carousel_error.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define CUT_LOSS  15u
#define CUT_BYTES (4096u * 47 + 1234) /* three blocks of 64 symbols, the last chunk cut */

static const struct store_fixture_shape cut_shapes[] = {
	{FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 1024, 64, 0, CUT_BYTES, 1},
	{FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 1000, 66, 0, CUT_BYTES, 2},
	{FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 2048, 16, 32, CUT_BYTES, 3},
	{FEC_SMALL_BLOCK, FEC_INSTANCE_ISA_L_CAUCHY, OBJECT_STRIPED, 2048, 16, 28, CUT_BYTES, 4},
	{FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 1024, 64, 128, CUT_BYTES, 5},
	{FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 66, 200, CUT_BYTES, 6},
	{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, CUT_BYTES, 7},
	{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 66, 0, CUT_BYTES, 8},
};

static unsigned cut_every = 1;
static uint64_t cut_tried;

static void cut_shape(const struct store_fixture_shape *shape, bool repair_first, bool with_index, bool has_forger)
{
	const struct power_sweep sweep = {.shape = shape,
		.loss_percent = CUT_LOSS,
		.repair_first = repair_first,
		.with_index = with_index,
		.has_forger = has_forger,
		.every = cut_every};
	uint64_t tried = power_sweep(&sweep);
	cut_tried += tried;
	printf("encoding %u.%u %-7s %s%s%s: %llu cuts\n", shape->encoding_id, shape->instance_id,
		object_layout_name(shape->kind), repair_first ? "comes late" : "from the start",
		with_index ? ", with index" : "", has_forger ? ", a false symbol" : "", (unsigned long long)tried);
	fflush(stdout);
}

static void test_power_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cut_shapes / sizeof *cut_shapes; i++) {
		const struct store_fixture_shape *shape = &cut_shapes[i];
		if (!fec_scheme_is_available(shape->encoding_id, shape->instance_id))
			continue;
		cut_shape(shape, false, false, false);
		cut_shape(shape, false, true, false);
		if (shape->encoding_id == FEC_COMPACT_NO_CODE)
			continue;
		cut_shape(shape, true, false, false);
		cut_shape(shape, true, true, true);
	}
	printf("%llu power cuts tried\n", (unsigned long long)cut_tried);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};
	if (argc > 1)
		cut_every = (unsigned)strtoul(argv[1], NULL, 10);
	if (cut_every == 0)
		return 2;
	return cmocka_run_group_tests_name("power_cut", tests, NULL, NULL);
}
