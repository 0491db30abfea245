/* covers: carousel-rx/store/replay.c carousel-rx/store/held.c carousel-rx/store/decode.c carousel-rx/store/compact.c
 *
 * A sample of the power cuts that `make check-faults` tries in full. */
#include "tests/lib/power_run.h"
#include "tests/lib/test.h"

#define SAMPLE_BYTES (4096u * 47 + 1234)

static void sample(uint8_t encoding_id, uint16_t instance_id, enum object_layout_kind kind, uint32_t most, bool late,
	bool with_index, uint16_t sub_blocks)
{
	const struct store_fixture_shape shape = {.encoding_id = encoding_id,
		.instance_id = instance_id,
		.kind = kind,
		.symbol_size = encoding_id == FEC_SMALL_BLOCK ? 2048
			       : kind == OBJECT_STRIPED       ? 1024
							      : 1000,
		.block_symbols = encoding_id == FEC_SMALL_BLOCK ? 16 : 66,
		.max_encoding_symbols = most,
		.image_bytes = SAMPLE_BYTES,
		.seed = 1};
	const struct power_sweep sweep = {.shape = &shape,
		.loss_percent = 15,
		.repair_first = late,
		.with_index = with_index,
		.sub_blocks = sub_blocks,
		.every = encoding_id == FEC_COMPACT_NO_CODE ? 3
			 : sub_blocks > 1                   ? 31
							    : 13,
		.parts = 1};
	if (fec_scheme_is_available(encoding_id, instance_id))
		assert_true(power_sweep(&sweep) > 100);
}

static void test_no_code(void **state)
{
	(void)state;
	sample(FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 0, false, false, 1);
}

static void test_small_block(void **state)
{
	(void)state;
	sample(FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 32, true, false, 1);
}

/* What is written while a block is dropped is little: every cut. */
static void test_a_false_symbol(void **state)
{
	static const struct store_fixture_shape shape = {
		FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 2048, 16, 64, 4096u * 24 + 1234, 1};
	const struct power_sweep sweep = {.shape = &shape,
		.loss_percent = 15,
		.repair_first = true,
		.with_index = true,
		.has_forger = true,
		.every = 1,
		.parts = 1};
	(void)state;
	assert_true(power_sweep(&sweep) > 100);
}

static void test_reed_solomon(void **state)
{
	(void)state;
	sample(FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 200, true, true, 1);
}

/* A symbol's pieces lie apart: a cut may come between two of them. */
static void test_sub_blocks(void **state)
{
	(void)state;
	sample(FEC_RAPTORQ, 0, OBJECT_LINEAR, 0, true, false, 3);
}

static void test_raptorq(void **state)
{
	(void)state;
	sample(FEC_RAPTORQ, 0, OBJECT_STRIPED, 0, false, true, 1);
	sample(FEC_RAPTORQ, 0, OBJECT_LINEAR, 0, true, false, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_code),
		cmocka_unit_test(test_small_block),
		cmocka_unit_test(test_a_false_symbol),
		cmocka_unit_test(test_reed_solomon),
		cmocka_unit_test(test_raptorq),
		cmocka_unit_test(test_sub_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
