/* A sample of the power cuts through a box's whole life that `make check-faults` tries in full, over the daemon's own
 * storage files and boot directory; and the medium that loses what was not synced. */
#include "tests/lib/flash_fs.h"
#include "tests/lib/life_run.h"
#include "tests/lib/test.h"

#include "carousel-rx/daemon/storage_files.h"
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
	const struct life_sweep sweep = {.shape = &shape, .loss_percent = 15, .every = 1, .parts = 1, .last = 120};
	(void)state;
	assert_true(life_sweep(&sweep) > 120);
}

/* Reception is the same for all: from the verified image on each has flags of its own. */
static void test_boot_loaders(void **state)
{
	static const enum life_loader_kind loaders[] = {
		LIFE_LOADER_UBOOT, LIFE_LOADER_UBOOT_OLD, LIFE_LOADER_GRUB, LIFE_LOADER_EXEC};
	struct life_shape shape = {
		.image = {FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 1024, 64, 0, SAMPLE_BYTES, 6}, .is_device = true};
	struct life_sweep sweep = {.shape = &shape, .loss_percent = 15, .every = 37, .parts = 1};
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		shape.loader = loaders[i / 2];
		shape.story = i % 2 ? LIFE_SICK : LIFE_HEALTHY;
		assert_true(life_sweep(&sweep) > 20);
	}
}

/* Whichever call of an adapter fails: it says so, and asked once more it does what it should, on the medium itself. */
static void test_a_flag_that_did_not_last(void **state)
{
	static const char *const dir = FLASH_ROOT "/boot";
	(void)state;
	for (unsigned kind = LIFE_LOADER_DIRECTORY; kind <= LIFE_LOADER_EXEC; kind++) {
		for (unsigned n = 1; n <= 24; n++) {
			struct life_loader loader;
			struct carousel_boot boot;
			char flag[16];
			flash_init(512);
			flash_add_directory(dir);
			life_loader_blank(kind, dir);
			life_loader_open(&loader, kind, dir, 0, &boot);
			/* Past the point at which the counter of U-Boot's copies begins anew. */
			for (unsigned i = 0; i < 4; i++)
				assert_int_equal(boot.confirm(boot.user, 0), 0);
			flash.failure = FLASH_EIO;
			flash.fail_at = flash.calls + n;
			if (boot.mark_bad(boot.user, 1))
				assert_int_equal(boot.mark_bad(boot.user, 1), 0);
			life_loader_flag(kind, dir, 1, flag);
			if (strcmp(flag, "bad") != 0)
				fail_msg("boot loader %s, call %u: %s", life_loader_name(kind), n, flag);
			flash.fail_at = flash.calls + n;
			if (boot.try_slot(boot.user, 1, 2))
				assert_int_equal(boot.try_slot(boot.user, 1, 2), 0);
			flash_power_on(POWER_ALL_LOST, 1);
			life_loader_flag(kind, dir, 1, flag);
			assert_string_equal(flag, "trial 2");
			assert_int_equal(life_loader_first(kind, dir), 1);
			flash_deinit();
		}
	}
}

/* A call fails once, a page cannot be read: the life goes on, and what counts is what the medium holds. */
static void test_failures(void **state)
{
	static const struct life_shape shape = {.image = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 64, 0, SAMPLE_BYTES, 7},
		.slack = 700,
		.story = LIFE_HEALTHY};
	struct life_sweep sweep = {
		.shape = &shape, .trouble = LIFE_FAILURES, .loss_percent = 15, .every = 3, .parts = 1};
	(void)state;
	assert_true(life_sweep(&sweep) > 50);
	sweep.trouble = LIFE_BAD_PAGES;
	sweep.every = 7;
	assert_true(life_sweep(&sweep) > 50);
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

/* What the storage makes has a name that lasts, before anything is synced into it. */
static void test_files_that_are_made_stay(void **state)
{
	static const char *const paths[] = {FLASH_ROOT "/b", FLASH_ROOT "/state/journal", FLASH_ROOT "/state/spill"};
	static const enum carousel_rx_file files[] = {RX_SLOT_TARGET, RX_JOURNAL, RX_SPILL};
	const struct storage_files_config config = {
		.slots = {FLASH_ROOT "/a", FLASH_ROOT "/b"}, .slot_bytes = 10000, .state_dir = FLASH_ROOT "/state"};
	struct storage_files storage;
	struct carousel_rx_storage s;
	(void)state;
	flash_init(512);
	flash_add_directory(FLASH_ROOT "/state");
	assert_int_equal(storage_files_open(&storage, &config, &s), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(s.write(s.user, files[i], 0, "data", 4), 0);
		assert_int_equal(s.sync(s.user, files[i]), 0);
	}
	storage_files_close(&storage);
	flash_power_on(POWER_ALL_LOST, 1);
	for (unsigned i = 0; i < 3; i++) {
		size_t len;
		const uint8_t *data = flash_durable(paths[i], &len);
		assert_non_null(data);
		assert_int_equal(len, 4);
		assert_memory_equal(data, "data", 4);
	}
	flash_deinit();
}

/* A page that is worn cannot be written in part: the storage writes it as a whole, and what lay beside is lost. */
static void test_a_worn_page_is_written_anew(void **state)
{
	static uint8_t bytes[10000], back[10000];
	const struct storage_files_config config = {
		.slots = {FLASH_ROOT "/a", FLASH_ROOT "/b"}, .state_dir = FLASH_ROOT "/state"};
	(void)state;
	memset(bytes, 7, sizeof(bytes));
	for (size_t page = 0; page < 3; page++) {
		for (unsigned is_device = 0; is_device < 2; is_device++) {
			struct storage_files storage;
			struct carousel_rx_storage s;
			uint64_t size;
			flash_init(512);
			flash_add_directory(FLASH_ROOT "/state");
			flash_add_slot(FLASH_ROOT "/a", bytes, sizeof(bytes), is_device);
			flash_add_slot(FLASH_ROOT "/b", bytes, sizeof(bytes), is_device);
			assert_int_equal(storage_files_open(&storage, &config, &s), 0);
			flash_spoil(FLASH_ROOT "/b", page);
			assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 0, back, sizeof(back)), CAROUSEL_E_STORAGE);
			assert_int_equal(s.write(s.user, RX_SLOT_TARGET, page * 4096 + 100, "here", 4), 0);
			assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 0, back, sizeof(back)), 0);
			assert_memory_equal(back + page * 4096 + 100, "here", 4);
			for (size_t i = 0; i < sizeof(back); i++)
				if (i / 4096 != page)
					assert_int_equal(back[i], 7);
			assert_int_equal(s.size(s.user, RX_SLOT_TARGET, &size), 0);
			assert_int_equal(size, sizeof(bytes));
			storage_files_close(&storage);
			flash_deinit();
		}
	}
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
		cmocka_unit_test(test_files_that_are_made_stay),
		cmocka_unit_test(test_a_worn_page_is_written_anew),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_falls_back),
		cmocka_unit_test(test_small_blocks_and_no_code),
		cmocka_unit_test(test_the_end_of_a_life),
		cmocka_unit_test(test_boot_loaders),
		cmocka_unit_test(test_a_flag_that_did_not_last),
		cmocka_unit_test(test_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
