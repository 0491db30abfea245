#include "tests/lib/test.h"

#include "carousel-rx/daemon/storage_files.h"
#include "common/carousel_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char dir[64], a[80], b[80], state[80];
	struct storage_files_config config;
	struct storage_files files;
	struct carousel_rx_storage storage;
};

/* In place of the system's, to be seen and to fail. */
static struct {
	unsigned calls, flags;
	int error, sync_error;
	unsigned dropped;
	off_t dropped_at, dropped_len;
} seen;

int sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
	(void)fd;
	assert_int_equal(offset, 0);
	assert_int_equal(len, 0);
	seen.calls++;
	seen.flags = flags;
	errno = seen.error;
	return seen.error ? -1 : 0;
}

int fdatasync(int fd)
{
	(void)fd;
	errno = seen.sync_error;
	return seen.sync_error ? -1 : 0;
}

int posix_fadvise(int fd, off_t offset, off_t len, int advice)
{
	(void)fd;
	assert_int_equal(advice, POSIX_FADV_DONTNEED);
	seen.dropped++;
	seen.dropped_at = offset;
	seen.dropped_len = len;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	strcpy(f->dir, "/tmp/test_storage.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->a, sizeof f->a, "%s/a", f->dir);
	snprintf(f->b, sizeof f->b, "%s/b", f->dir);
	snprintf(f->state, sizeof f->state, "%s/state", f->dir);
	f->config = (struct storage_files_config){
		.slots = {f->a, f->b}, .running = 0, .slot_bytes = 10000, .state_dir = f->state};
	*state = f;
	return storage_files_open(&f->files, &f->config, &f->storage);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];
	storage_files_close(&f->files);
	snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
	free(f);
	return system(command);
}

static void test_slot(void **state)
{
	struct fixture *f = *state;
	const struct carousel_rx_storage *s = &f->storage;
	uint64_t bytes;
	char data[4];
	assert_int_equal(s->size(s->user, RX_SLOT_TARGET, &bytes), 0);
	assert_int_equal(bytes, 10000);
	assert_int_equal(s->write(s->user, RX_SLOT_TARGET, 9996, "data", 4), 0);
	assert_int_equal(s->write(s->user, RX_SLOT_TARGET, 9997, "data", 4), CAROUSEL_E_NO_SPACE);
	assert_int_equal(s->write(s->user, RX_SLOT_TARGET, UINT64_MAX, "data", 4), CAROUSEL_E_NO_SPACE);
	assert_int_equal(s->read(s->user, RX_SLOT_TARGET, 9996, data, 4), 0);
	assert_memory_equal(data, "data", 4);
	assert_int_equal(s->read(s->user, RX_SLOT_TARGET, 9997, data, 4), CAROUSEL_E_NEED_MORE);
	assert_int_equal(s->sync(s->user, RX_SLOT_TARGET), 0);
	assert_int_equal(s->truncate(s->user, RX_SLOT_TARGET, 0), CAROUSEL_E_ARGUMENT);
	assert_int_equal(s->replace(s->user, RX_SLOT_TARGET, "x", 1), CAROUSEL_E_ARGUMENT);
	assert_int_equal(s->write(s->user, RX_SLOT_RUNNING, 0, "x", 1), CAROUSEL_E_READ_ONLY);
	assert_int_equal(s->read(s->user, RX_SLOT_RUNNING, 0, data, 1), CAROUSEL_E_NOT_FOUND);
}

static void test_state_files(void **state)
{
	struct fixture *f = *state;
	const struct carousel_rx_storage *s = &f->storage;
	uint64_t bytes;
	char data[8];
	assert_int_equal(s->replace(s->user, RX_STATE, "first", 5), 0);
	assert_int_equal(s->replace(s->user, RX_STATE, "two", 3), 0);
	assert_int_equal(s->size(s->user, RX_STATE, &bytes), 0);
	assert_int_equal(bytes, 3);
	assert_int_equal(s->read(s->user, RX_STATE, 0, data, 3), 0);
	assert_memory_equal(data, "two", 3);
	assert_int_equal(s->write(s->user, RX_JOURNAL, 100, "end", 3), 0);
	assert_int_equal(s->truncate(s->user, RX_JOURNAL, 50), 0);
	assert_int_equal(s->size(s->user, RX_JOURNAL, &bytes), 0);
	assert_int_equal(bytes, 50);
}

static void test_one_receiver_a_box(void **state)
{
	struct fixture *f = *state;
	struct storage_files second;
	struct carousel_rx_storage storage;
	assert_int_equal(storage_files_open(&second, &f->config, &storage), CAROUSEL_E_BUSY);
}

/* A slot that is read-only at the start: told at each write, and written as soon as it may be. */
static void test_read_only_slot(void **state)
{
	struct fixture *f = *state;
	struct storage_files_config config = f->config;
	struct storage_files files;
	struct carousel_rx_storage s;
	char state_dir[600], byte;
	bool is_root = geteuid() == 0;
	assert_int_equal(f->storage.write(f->storage.user, RX_SLOT_TARGET, 0, "y", 1), 0);
	storage_files_close(&f->files);
	snprintf(state_dir, sizeof state_dir, "%s/other", f->dir);
	config.state_dir = state_dir;
	assert_int_equal(chmod(f->dir, 0777), 0);
	assert_int_equal(chmod(f->b, 0444), 0);
	if (is_root)
		assert_int_equal(seteuid(65534), 0); /* root may write everything */
	assert_int_equal(storage_files_open(&files, &config, &s), 0);
	assert_int_equal(s.write(s.user, RX_SLOT_TARGET, 0, "x", 1), CAROUSEL_E_READ_ONLY);
	assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 0, &byte, 1), 0);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(f->b, 0644), 0);
	assert_int_equal(s.write(s.user, RX_SLOT_TARGET, 0, "x", 1), 0);
	assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 0, &byte, 1), 0);
	assert_int_equal(byte, 'x');
	storage_files_close(&files);
}

/* What is written goes to the disk bit by bit; that it cannot is told there and then. */
static void test_writes_back_bit_by_bit(void **state)
{
	static const uint8_t data[65536];
	struct fixture *f = *state;
	struct storage_files files;
	struct carousel_rx_storage s;
	storage_files_close(&f->files);
	f->config.slot_bytes = 1 << 20;
	f->config.dirty_bytes = 4 * sizeof data;
	assert_int_equal(storage_files_open(&files, &f->config, &s), 0);
	memset(&seen, 0, sizeof seen);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(s.write(s.user, RX_SLOT_TARGET, i * sizeof data, data, sizeof data), 0);
		assert_int_equal(seen.calls, (i + 1) / 4);
	}
	assert_int_equal(seen.flags, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
	assert_int_equal(s.write(s.user, RX_SCRATCH, 0, data, sizeof data), 0);
	assert_int_equal(seen.calls, 4);
	seen.error = ENOSPC;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(s.write(s.user, RX_SLOT_TARGET, 0, data, sizeof data), 0);
	assert_int_equal(seen.dropped, 0);
	assert_int_equal(s.write(s.user, RX_SLOT_TARGET, 0, data, sizeof data), CAROUSEL_E_NO_SPACE);
	assert_true(seen.dropped == 1 && seen.dropped_at == 0 && seen.dropped_len == 0);
	seen.error = EINVAL; /* a file that does not know it */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(s.write(s.user, RX_SLOT_TARGET, 0, data, sizeof data), 0);
	storage_files_close(&files);
}

/* A slot that is hashed does not push what others read out of the page cache; symbols of a block are read again. */
static void test_long_reads_are_not_kept(void **state)
{
	static uint8_t data[131072];
	struct fixture *f = *state;
	struct storage_files files;
	struct carousel_rx_storage s;
	storage_files_close(&f->files);
	f->config.slot_bytes = 1 << 20;
	assert_int_equal(storage_files_open(&files, &f->config, &s), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(s.write(s.user, RX_SLOT_TARGET, i * sizeof data, data, sizeof data), 0);
	memset(&seen, 0, sizeof seen);
	assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 4096, data, 4096), 0);
	assert_int_equal(seen.dropped, 0);
	assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 4096, data, sizeof data), 0);
	assert_int_equal(seen.dropped, 1);
	assert_int_equal(seen.dropped_at, 4096);
	assert_int_equal(seen.dropped_len, sizeof data);
	storage_files_close(&files);
}

/* Who reads a slot from its start gets what is in the slot, not what the kernel remembers. */
static void test_a_slot_is_read_back(void **state)
{
	static uint8_t data[131072];
	struct fixture *f = *state;
	struct storage_files files;
	struct carousel_rx_storage s;
	storage_files_close(&f->files);
	f->config.slot_bytes = 1 << 20;
	assert_int_equal(storage_files_open(&files, &f->config, &s), 0);
	assert_int_equal(s.write(s.user, RX_SLOT_TARGET, 0, data, sizeof data), 0);
	memset(&seen, 0, sizeof seen);
	assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 0, data, 4096), 0);
	assert_int_equal(seen.dropped, 0);
	assert_int_equal(s.read(s.user, RX_SLOT_TARGET, 0, data, sizeof data), 0);
	assert_int_equal(seen.dropped, 2); /* the whole before, this piece afterwards */
	storage_files_close(&files);
}

/* What the kernel could not write it calls clean, and gives it back as if it were written. */
static void test_what_was_not_synced_is_forgotten(void **state)
{
	static const enum carousel_rx_file each[] = {RX_SLOT_TARGET, RX_JOURNAL, RX_SPILL};
	struct fixture *f = *state;
	for (unsigned i = 0; i < 3; i++) {
		memset(&seen, 0, sizeof seen);
		assert_int_equal(f->storage.sync(f->storage.user, each[i]), 0);
		assert_int_equal(seen.dropped, 0);
		seen.sync_error = EIO;
		assert_int_equal(f->storage.sync(f->storage.user, each[i]), CAROUSEL_E_STORAGE);
		assert_true(seen.dropped == 1 && seen.dropped_at == 0 && seen.dropped_len == 0);
	}
	seen.sync_error = 0;
}

static void test_what_cannot_be_opened(void **state)
{
	struct fixture *f = *state;
	struct storage_files other;
	struct carousel_rx_storage storage;
	struct storage_files_config config = f->config;
	char path[700];
	storage_files_close(&f->files);
	config.slot_bytes = 0;
	unlink(f->b);
	assert_int_equal(storage_files_open(&other, &config, &storage), CAROUSEL_E_NOT_FOUND);
	memset(path, 'p', sizeof path);
	path[sizeof path - 1] = 0;
	config.slots[1] = path;
	assert_int_equal(storage_files_open(&other, &config, &storage), CAROUSEL_E_ARGUMENT);
	assert_int_equal(other.lock_fd, -1);
}

/* A pipe would hold the daemon up for ever, without a word. */
static void test_no_pipes(void **state)
{
	struct fixture *f = *state;
	struct storage_files other;
	struct carousel_rx_storage storage;
	char journal[100], *const paths[] = {f->a, f->b, journal};
	snprintf(journal, sizeof journal, "%s/journal", f->state);
	storage_files_close(&f->files);
	for (unsigned i = 0; i < 3; i++) {
		unlink(paths[i]);
		assert_int_equal(mkfifo(paths[i], 0600), 0);
		alarm(20);
		assert_int_equal(storage_files_open(&other, &f->config, &storage), CAROUSEL_E_ARGUMENT);
		alarm(0);
		assert_int_equal(strncmp(other.message, paths[i], strlen(paths[i])), 0);
		assert_non_null(strstr(other.message, "regular file"));
		unlink(paths[i]);
	}
	assert_int_equal(storage_files_open(&other, &f->config, &storage), 0);
	storage_files_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_receiver_a_box, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writes_back_bit_by_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_reads_are_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_slot_is_read_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_not_synced_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_pipes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
