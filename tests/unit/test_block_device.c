/* covers: carousel-rx/daemon/storage_files.c carousel-rx/store/geometry.c
 *
 * Slots whose size is no multiple of the symbol size: a block device of the system (a loop device, where one may be
 * made), and a file of the same size with nothing configured. A place that the slot's end cuts holds only its own
 * symbol. */
#include "carousel-rx/daemon/storage_files.h"
#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT_BYTES (512u * 379) /* 189.5 symbols of 1024 */

struct box {
	char dir[64], slots[2][80];
	struct storage_files_config config;
	struct storage_files files;
	struct carousel_rx_storage storage;
	struct store_fixture fixture;
	struct store *store;
	uint64_t now_ns;
};

static void box_init(struct box *b, uint64_t image_bytes, uint16_t symbol_size)
{
	const struct store_fixture_shape shape = {.encoding_id = FEC_RAPTORQ,
		.kind = OBJECT_LINEAR,
		.symbol_size = symbol_size,
		.block_symbols = 64,
		.seed = 4};
	struct store_fixture_shape with_size = shape;
	char dir[] = "/tmp/test_block_device.XXXXXX";
	memset(b, 0, sizeof(*b));
	assert_non_null(mkdtemp(dir));
	memcpy(b->dir, dir, sizeof(dir));
	with_size.image_bytes = image_bytes;
	store_fixture_init(&b->fixture, &with_size);
	for (int i = 0; i < 2; i++) {
		int fd;
		snprintf(b->slots[i], sizeof(b->slots[i]), "%s/slot%d", dir, i);
		fd = open(b->slots[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0 && ftruncate(fd, SLOT_BYTES) == 0);
		close(fd);
		b->config.slots[i] = b->slots[i];
	}
}

static void box_deinit(struct box *b)
{
	char command[128];
	store_free(b->store);
	storage_files_close(&b->files);
	store_fixture_deinit(&b->fixture);
	snprintf(command, sizeof(command), "rm -rf '%s'", b->dir);
	assert_int_equal(system(command), 0);
}

static void box_open(struct box *b)
{
	char state[80];
	const struct store_config config = {.storage = &b->storage};
	snprintf(state, sizeof(state), "%s/state", b->dir);
	b->config.state_dir = state;
	assert_int_equal(storage_files_open(&b->files, &b->config, &b->storage), 0);
	assert_int_equal(store_new(&b->store, &config), 0);
	assert_int_equal(store_begin(b->store, &b->fixture.image, b->now_ns), 0);
	store_fixture_jobs(b->store, b->now_ns);
}

static void box_restart(struct box *b)
{
	store_free(b->store);
	storage_files_close(&b->files);
	box_open(b);
}

/* A late box, killed again and again. */
static void box_receive(struct box *b)
{
	struct store_fixture_air air = {.seed = 3,
		.loss_percent = 15,
		.repair_only = true,
		.now_ns = &b->now_ns,
		.step_ns = 1000000,
		.jobs_every = 9,
		.max_symbols = 70};
	struct store_progress p = {.phase = STORE_RECEIVING};
	for (uint32_t i = 0; i < 40 && p.phase == STORE_RECEIVING; i++) {
		air.first_repair = i * 40;
		store_fixture_receive(&b->fixture, b->store, &air);
		store_flush(b->store);
		store_fixture_jobs(b->store, b->now_ns);
		box_restart(b);
		store_progress(b->store, &p);
	}
	assert_int_equal(p.phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b->store), 0);
	store_fixture_jobs(b->store, b->now_ns);
	store_progress(b->store, &p);
	assert_int_equal(p.phase, STORE_VERIFIED);
}

/* Every size of the image up to the slot's end, over symbols that end elsewhere. */
static void check_slot(struct box *b)
{
	uint64_t bytes = 0;
	box_open(b);
	assert_int_equal(b->storage.size(b->storage.user, RX_SLOT_TARGET, &bytes), 0);
	assert_int_equal(bytes, SLOT_BYTES);
	box_receive(b);
	assert_int_equal(
		b->storage.write(b->storage.user, RX_SLOT_TARGET, SLOT_BYTES - 3, "over", 4), CAROUSEL_E_NO_SPACE);
}

static const struct {
	uint64_t image_bytes;
	uint16_t symbol_size;
} shapes[] = {{SLOT_BYTES, 1024}, {SLOT_BYTES, 1000}, {SLOT_BYTES - 1, 1024}, {SLOT_BYTES - 700, 1000}};

static void test_a_file_of_an_odd_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct box b;
		struct stat st;
		box_init(&b, shapes[i].image_bytes, shapes[i].symbol_size);
		check_slot(&b);
		assert_int_equal(stat(b.slots[1], &st), 0);
		assert_int_equal(st.st_size, SLOT_BYTES);
		box_deinit(&b);
	}
}

/* Slot 1 becomes a loop device over its file; -1: there can be none here. */
static int attach(struct box *b, char path[32])
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), file, device, number;
	struct loop_config config = {0};
	if (control < 0)
		return -1;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	snprintf(path, 32, "/dev/loop%d", number);
	device = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -1;
	file = open(b->slots[1], O_RDWR | O_CLOEXEC);
	assert_true(file >= 0);
	config.fd = (uint32_t)file;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR; /* it goes with the last who has it open */
	if (ioctl(device, LOOP_CONFIGURE, &config)) {
		close(device);
		device = -1;
	}
	close(file);
	b->config.slots[1] = path;
	return device;
}

static void test_a_block_device_of_an_odd_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct box b;
		char path[32];
		int device;
		box_init(&b, shapes[i].image_bytes, shapes[i].symbol_size);
		device = attach(&b, path);
		if (device < 0) {
			box_deinit(&b);
			skip();
		}
		check_slot(&b);
		store_free(b.store);
		b.store = NULL;
		storage_files_close(&b.files);
		close(device);
		box_deinit(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_of_an_odd_size),
		cmocka_unit_test(test_a_block_device_of_an_odd_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
