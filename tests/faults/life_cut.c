/* life_cut - cuts the power at every changing call of a box's whole life, from the first packet to the confirmed image
 * or to the old one for good, over every scheme of this build and every boot loader adapter; and lets each of these
 * calls fail, and pages of its flash wear out.
 *
 * usage: life_cut [EVERY [PART PARTS]]     every EVERY-th cut point (default 1: all), one of PARTS parts of them
 *
 * What is crossed with each cut point: see life_table. */
#include "tests/lib/life_run.h"

#include "common/carousel_error.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define LIFE_LOSS          15u
#define LIFE_TROUBLE_EVERY 3u /* of the calls at which a power cut is tried one fails, or a page wears out */
#define LIFE_BYTES         (4096u * 47 + 1234) /* three blocks of 64 symbols, the last chunk cut */

static const char life_table[] =
	"  scheme       no-code, small-block RS (two backends), RS over GF(2^8), RaptorQ with N = 1 and 3\n"
	"  layout       striped; linear, where chunks and symbols do not meet\n"
	"  slot         a block device, a file; as long as the image, 700 and 5000 bytes longer\n"
	"  box          hears it from the start; comes late, symbols lie in foreign places; with and without index\n"
	"  story        confirmed; never confirmed, two attempts of three tries, then the old image for good\n"
	"  boot loader  directory; U-Boot's redundant environment behind two kinds of fw_setenv; GRUB's environment "
	"block\n"
	"               behind grub-editenv; a hook\n"
	"  power        at each call that changes a file, a name or a slot, the boot loader's and its programs' too;\n"
	"               every other time again while recovering\n"
	"  unsynced     all lost; all kept; each 4096 bytes, 512 bytes or stretch of bytes by its own luck, names too\n"
	"  failures     every third call once: EIO, where what was to be synced never is; no space; half a write\n"
	"  worn pages   of the slot that is received into, of the journal: at any time, until they are written anew\n";

static const struct life_shape life_shapes[] = {
	{{FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 1024, 64, 0, LIFE_BYTES, 1}, 700, true, false, true, LIFE_HEALTHY,
		LIFE_LOADER_UBOOT, 1},
	{{FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 1000, 66, 0, LIFE_BYTES, 2}, 0, true, false, false, LIFE_SICK,
		LIFE_LOADER_UBOOT, 1},
	{{FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 2048, 16, 32, LIFE_BYTES, 3}, 0, true, true, true,
		LIFE_HEALTHY, LIFE_LOADER_GRUB, 1},
	{{FEC_SMALL_BLOCK, FEC_INSTANCE_ISA_L_CAUCHY, OBJECT_LINEAR, 1000, 20, 30, LIFE_BYTES, 4}, 700, false, true,
		true, LIFE_SICK, LIFE_LOADER_GRUB, 1},
	{{FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 1024, 64, 128, LIFE_BYTES, 5}, 700, true, true, true, LIFE_SICK,
		LIFE_LOADER_UBOOT_OLD, 1},
	{{FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 66, 200, LIFE_BYTES, 6}, 0, true, false, true, LIFE_HEALTHY,
		LIFE_LOADER_UBOOT_OLD, 1},
	{{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, LIFE_BYTES, 7}, 0, true, false, true, LIFE_HEALTHY,
		LIFE_LOADER_DIRECTORY, 1},
	{{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 66, 0, LIFE_BYTES, 8}, 5000, false, true, true, LIFE_HEALTHY,
		LIFE_LOADER_EXEC, 1},
	{{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, LIFE_BYTES, 9}, 700, true, true, false, LIFE_SICK,
		LIFE_LOADER_DIRECTORY, 1},
	{{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 66, 0, LIFE_BYTES, 10}, 700, false, false, false, LIFE_SICK,
		LIFE_LOADER_EXEC, 3},
};

static struct life_sweep life_all = {.loss_percent = LIFE_LOSS, .every = 1, .parts = 1};

static uint64_t life_trouble(const struct life_shape *s, enum life_trouble trouble)
{
	struct life_sweep sweep = life_all;
	sweep.shape = s;
	sweep.trouble = trouble;
	if (trouble != LIFE_CUTS)
		sweep.every *= LIFE_TROUBLE_EVERY;
	return life_sweep(&sweep);
}

static void test_lives(void **state)
{
	static const char *const names[] = {"power cuts", "failures", "worn pages"};
	uint64_t all[3] = {0, 0, 0};
	(void)state;
	for (size_t i = 0; i < sizeof life_shapes / sizeof *life_shapes; i++) {
		const struct life_shape *s = &life_shapes[i];
		if (!fec_scheme_is_available(s->image.encoding_id, s->image.instance_id))
			continue;
		printf("life, encoding %u.%u %-7s N %u slot +%-4u %s%s, %s, %s:", s->image.encoding_id,
			s->image.instance_id, object_layout_name(s->image.kind), s->sub_blocks, s->slack,
			s->comes_late ? "comes late" : "from the start", s->has_index ? ", with index" : "",
			life_loader_name(s->loader), s->story == LIFE_HEALTHY ? "confirmed" : "falls back");
		for (unsigned k = 0; k < 3; k++) {
			uint64_t tried = life_trouble(s, (enum life_trouble)k);
			all[k] += tried;
			printf(" %llu %s%s", (unsigned long long)tried, names[k], k < 2 ? "," : "\n");
		}
		fflush(stdout);
	}
	printf("%llu power cuts, %llu failures, %llu worn pages in whole lives tried, over\n%s",
		(unsigned long long)all[0], (unsigned long long)all[1], (unsigned long long)all[2], life_table);
	printf("at each and after it:\n%s", life_rules());
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
