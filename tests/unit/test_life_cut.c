/* A sample of the power cuts through a box's whole life that `make check-faults` tries in full, over the daemon's own
 * storage files and boot directory; and the medium that loses what was not synced. */
#include "tests/lib/flash_fs.h"
#include "tests/lib/life_run.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <fcntl.h>
#include <unistd.h>

#define SAMPLE_BYTES (4096u * 47 + 1234)
#define SAMPLE_FILE  FLASH_ROOT "/file"

static void sample(const struct life_shape *shape, unsigned every)
{
	const struct life_sweep sweep = {.shape = shape, .loss_percent = 15, .every = every, .parts = 1};
	if (fec_scheme_is_available(shape->image.encoding_id, shape->image.instance_id))
		assert_true(life_sweep(&sweep) > 50);
}

static void test_confirmed(void **state)
{
	static const struct life_shape shape = {.image = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, SAMPLE_BYTES, 1},
		.is_device = true,
		.has_index = true,
		.story = LIFE_HEALTHY};
	(void)state;
	sample(&shape, 29);
}

static void test_falls_back(void **state)
{
	static const struct life_shape shape = {
		.image = {FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 66, 200, SAMPLE_BYTES, 2},
		.slack = 700,
		.comes_late = true,
		.story = LIFE_SICK};
	(void)state;
	sample(&shape, 29);
}

static void test_small_blocks_and_no_code(void **state)
{
	static const struct life_shape shapes[] = {
		{.image = {FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 2048, 16, 32, SAMPLE_BYTES, 3},
			.comes_late = true,
			.is_device = true,
			.has_index = true,
			.story = LIFE_HEALTHY},
		{.image = {FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 1000, 66, 0, SAMPLE_BYTES, 4},
			.is_device = true,
			.story = LIFE_HEALTHY},
	};
	(void)state;
	sample(&shapes[0], 37);
	sample(&shapes[1], 37);
}

/* The last cut of a story without its rest: every call that changes something from the boot flags on. */
static void test_the_end_of_a_life(void **state)
{
	static const struct life_shape shape = {
		.image = {FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 1024, 64, 128, SAMPLE_BYTES, 5},
		.slack = 700,
		.is_device = true,
		.has_index = true,
		.story = LIFE_SICK};
	struct life_air *air = life_air_new(&shape);
	struct life_case c = {.loss_percent = 15, .seed = 1, .tear = 512, .luck = POWER_RANDOM};
	uint64_t calls = life_run(air, &c);
	(void)state;
	for (c.cut_at = calls - 120; c.cut_at <= calls; c.cut_at++)
		life_run(air, &c);
	life_air_free(air);
}

/* ---- the medium itself -------------------------------------------------------------------------- */

static void expect_file(const char *content)
{
	size_t len;
	char *text;
	int result = file_read(SAMPLE_FILE, 100, NULL, &text, &len);
	assert_int_equal(result, content ? 0 : CAROUSEL_E_NOT_FOUND);
	if (content)
		assert_string_equal(text, content);
	memory_free(NULL, text);
}

static void test_names_and_bytes_are_lost_apart(void **state)
{
	int fd;
	(void)state;
	flash_init(512);
	fd = open(SAMPLE_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(file_pwrite(fd, "one", 3, 0), 0);
	assert_int_equal(file_sync(fd), 0);
	expect_file("one");
	/* The bytes were synced, the name was not. */
	flash_power_on(POWER_ALL_LOST, 1);
	expect_file(NULL);
	fd = open(SAMPLE_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(file_pwrite(fd, "two", 3, 0), 0);
	assert_int_equal(file_sync_parent(SAMPLE_FILE), 0);
	flash_power_on(POWER_ALL_LOST, 1);
	expect_file("");
	/* Atomic replacement is: at each of its calls the old or the new. */
	assert_int_equal(file_replace(SAMPLE_FILE, "old", 3, 0644), 0);
	for (uint64_t n = 1; n <= 6; n++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			char *text;
			size_t len;
			flash.cut_at = flash.calls + n;
			(void)file_replace(SAMPLE_FILE, "new", 3, 0644);
			flash_power_on(POWER_RANDOM, seed);
			assert_int_equal(file_read(SAMPLE_FILE, 100, NULL, &text, &len), 0);
			assert_true(strcmp(text, "old") == 0 || strcmp(text, "new") == 0);
			memory_free(NULL, text);
			assert_int_equal(file_replace(SAMPLE_FILE, "old", 3, 0644), 0);
		}
	}
	flash_deinit();
}

static void test_a_device_ends(void **state)
{
	static const uint8_t bytes[1000];
	uint64_t size;
	int fd;
	(void)state;
	flash_init(512);
	flash_add_slot(SAMPLE_FILE, bytes, sizeof(bytes), true);
	fd = open(SAMPLE_FILE, O_RDWR | O_CLOEXEC);
	assert_int_equal(file_size(fd, &size), 0);
	assert_int_equal(size, sizeof(bytes));
	assert_int_equal(file_pwrite(fd, bytes, 10, 991), CAROUSEL_E_NO_SPACE);
	assert_int_equal(file_pwrite(fd, bytes, 10, 990), 0);
	assert_false(flash_is_synced(SAMPLE_FILE));
	assert_int_equal(file_sync(fd), 0);
	assert_true(flash_is_synced(SAMPLE_FILE));
	assert_false(flash_was_read_back(SAMPLE_FILE, 1000));
	close(fd);
	flash_deinit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_bytes_are_lost_apart),
		cmocka_unit_test(test_a_device_ends),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_falls_back),
		cmocka_unit_test(test_small_blocks_and_no_code),
		cmocka_unit_test(test_the_end_of_a_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
