/* life_cut - cuts the power at every changing call of a box's whole life, from the first packet to the confirmed image
 * or to the old one for good, over every scheme of this build.
 *
 * usage: life_cut [EVERY [PART PARTS]]     every EVERY-th cut point (default 1: all), one of PARTS parts of them */
#include "tests/lib/life_run.h"

#include "common/carousel_error.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define LIFE_LOSS  15u
#define LIFE_BYTES (4096u * 47 + 1234) /* three blocks of 64 symbols, the last chunk cut */

static const struct life_shape life_shapes[] = {
	{{FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 1024, 64, 0, LIFE_BYTES, 1}, 700, true, false, true, LIFE_HEALTHY},
	{{FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 1000, 66, 0, LIFE_BYTES, 2}, 0, true, false, false, LIFE_SICK},
	{{FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 2048, 16, 32, LIFE_BYTES, 3}, 0, true, true, true,
		LIFE_HEALTHY},
	{{FEC_SMALL_BLOCK, FEC_INSTANCE_ISA_L_CAUCHY, OBJECT_LINEAR, 1000, 20, 30, LIFE_BYTES, 4}, 700, false, true,
		true, LIFE_SICK},
	{{FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 1024, 64, 128, LIFE_BYTES, 5}, 700, true, true, true, LIFE_SICK},
	{{FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 66, 200, LIFE_BYTES, 6}, 0, true, false, true, LIFE_HEALTHY},
	{{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, LIFE_BYTES, 7}, 0, true, false, true, LIFE_HEALTHY},
	{{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 66, 0, LIFE_BYTES, 8}, 5000, false, true, true, LIFE_HEALTHY},
	{{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, LIFE_BYTES, 9}, 700, true, true, false, LIFE_SICK},
};

static struct life_sweep life_all = {.loss_percent = LIFE_LOSS, .every = 1, .parts = 1};

static void test_lives(void **state)
{
	uint64_t all = 0;
	(void)state;
	for (size_t i = 0; i < sizeof life_shapes / sizeof *life_shapes; i++) {
		const struct life_shape *s = &life_shapes[i];
		struct life_sweep sweep = life_all;
		uint64_t tried;
		if (!fec_scheme_is_available(s->image.encoding_id, s->image.instance_id))
			continue;
		sweep.shape = s;
		tried = life_sweep(&sweep);
		all += tried;
		printf("life, encoding %u.%u %-7s slot +%-4u %s%s, %s: %llu cuts\n", s->image.encoding_id,
			s->image.instance_id, object_layout_name(s->image.kind), s->slack,
			s->comes_late ? "comes late" : "from the start", s->has_index ? ", with index" : "",
			s->story == LIFE_HEALTHY ? "confirmed" : "falls back", (unsigned long long)tried);
		fflush(stdout);
	}
	printf("%llu power cuts in whole lives tried; at each and after it:\n%s", (unsigned long long)all,
		life_rules());
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lives)};
	if (argc > 1)
		life_all.every = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 3) {
		life_all.part = (unsigned)strtoul(argv[2], NULL, 10);
		life_all.parts = (unsigned)strtoul(argv[3], NULL, 10);
	}
	if (life_all.every == 0 || life_all.parts == 0)
		return 2;
	return cmocka_run_group_tests_name("life_cut", tests, NULL, NULL);
}
