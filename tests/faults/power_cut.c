/* power_cut - cuts the power at every changing call of whole receptions, over every scheme of this build.
 *
 * usage: power_cut [EVERY [PART PARTS]]     every EVERY-th cut point (default 1: all), one of PARTS parts of them
 *
 * What is crossed with each cut point: see cut_table. */
#include "tests/lib/power_run.h"

#include "common/carousel_error.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define CUT_LOSS  15u
#define CUT_BYTES (4096u * 47 + 1234) /* three blocks of 64 symbols, the last chunk cut */

static const char cut_table[] =
	"  scheme      no-code, small-block RS (two backends), RS over GF(2^8), RaptorQ with N = 1, 3 and 5\n"
	"  layout      striped, T = 1024 or 2048; linear, T = 1000, where chunks and symbols do not meet\n"
	"  blocks      at least three of K = 64 and more (small-block RS: six and more of K = 16), the tail padded\n"
	"  slot        ends within a symbol's place; full of noise\n"
	"  box         hears it from the start; comes late, symbols lie in foreign places and the spill\n"
	"  index       without; with; with, and a false symbol for which a block is dropped\n"
	"  memory      a block fits, or is decoded in strips from the slot\n"
	"  power       at each write, sync, truncate, replacement; every other time again while recovering\n"
	"  unsynced    all lost; all kept; or, in strips, each 4096 bytes, 512 bytes or stretch of bytes by its own "
	"luck, in any "
	"order\n";

static const struct {
	struct store_fixture_shape image;
	uint16_t sub_blocks;
} cut_shapes[] = {
	{{FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 1024, 64, 0, CUT_BYTES, 1}, 1},
	{{FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 1000, 66, 0, CUT_BYTES, 2}, 1},
	{{FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 2048, 16, 32, CUT_BYTES, 3}, 1},
	{{FEC_SMALL_BLOCK, FEC_INSTANCE_ISA_L_CAUCHY, OBJECT_LINEAR, 1000, 20, 30, CUT_BYTES, 4}, 1},
	{{FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 1024, 64, 128, CUT_BYTES, 5}, 1},
	{{FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 66, 200, CUT_BYTES, 6}, 1},
	{{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, CUT_BYTES, 7}, 1},
	{{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 66, 0, CUT_BYTES, 8}, 1},
	{{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 66, 0, CUT_BYTES, 9}, 3},
	{{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1024, 64, 0, CUT_BYTES, 10}, 5},
};

static struct power_sweep cut_all = {.loss_percent = CUT_LOSS, .every = 1, .parts = 1};
static uint64_t cut_tried;

static void cut_shape(const struct store_fixture_shape *shape, uint16_t sub_blocks, bool repair_first, bool with_index,
	bool has_forger)
{
	struct power_sweep sweep = cut_all;
	uint64_t tried;
	sweep.shape = shape;
	sweep.sub_blocks = sub_blocks;
	sweep.repair_first = repair_first;
	sweep.with_index = with_index;
	sweep.has_forger = has_forger;
	tried = power_sweep(&sweep);
	cut_tried += tried;
	printf("encoding %u.%u %-7s N %u, %s%s%s: %llu cuts\n", shape->encoding_id, shape->instance_id,
		object_layout_name(shape->kind), sub_blocks, repair_first ? "comes late" : "from the start",
		with_index ? ", with index" : "", has_forger ? ", a false symbol" : "", (unsigned long long)tried);
	fflush(stdout);
}

static void test_power_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cut_shapes / sizeof *cut_shapes; i++) {
		const struct store_fixture_shape *shape = &cut_shapes[i].image;
		uint16_t n = cut_shapes[i].sub_blocks;
		if (!fec_scheme_is_available(shape->encoding_id, shape->instance_id))
			continue;
		cut_shape(shape, n, false, false, false);
		/* Symbols of sub-blocks lie in many chunks: the index has no say in them. */
		if (n == 1)
			cut_shape(shape, n, false, true, false);
		if (shape->encoding_id == FEC_COMPACT_NO_CODE)
			continue;
		cut_shape(shape, n, true, false, false);
		if (n == 1)
			cut_shape(shape, n, true, true, true);
	}
	printf("%llu power cuts tried in receptions, over\n%s", (unsigned long long)cut_tried, cut_table);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};
	if (argc > 1)
		cut_all.every = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 3) {
		cut_all.part = (unsigned)strtoul(argv[2], NULL, 10);
		cut_all.parts = (unsigned)strtoul(argv[3], NULL, 10);
	}
	if (cut_all.every == 0 || cut_all.parts == 0)
		return 2;
	return cmocka_run_group_tests_name("power_cut", tests, NULL, NULL);
}
