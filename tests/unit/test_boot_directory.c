#include "tests/lib/test.h"

#include "carousel-rx/daemon/boot_directory.h"
#include "common/io/file.h"

#include <stdio.h>
#include <unistd.h>

struct fixture {
	char path[64];
	struct boot_directory dir;
	struct carousel_boot boot;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	strcpy(f->path, "/tmp/test_boot.XXXXXX");
	if (mkdtemp(f->path) == NULL || boot_directory_init(&f->dir, f->path, &f->boot) != 0)
		return -1;
	*state = f;
	return 0;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", f->path, name);
	assert_int_equal(file_replace(path, text, strlen(text), 0644), 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"order", "slot0", "slot1", "running"};
	char path[128];
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", f->path, names[i]);
		unlink(path);
	}
	rmdir(f->path);
	free(f);
	return 0;
}

static void test_update_and_confirm(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	int slot = -1;
	assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 0 && s.target == 1 && s.is_confirmed && !s.is_trial && !s.fell_back);

	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 0);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 1);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.running == 1 && s.target == 0 && !s.is_confirmed && s.is_trial && !s.fell_back);
	assert_int_equal(f->boot.confirm(f->boot.user, 1), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.is_confirmed && !s.is_trial);
}

static void test_falls_back_when_the_tries_are_used_up(void **state)
{
	struct fixture *f = *state;
	struct carousel_boot_state s;
	int slot = -1;
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 2), 0);
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 1);
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 1);
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_true(s.fell_back && s.is_confirmed && s.running == 0);
	assert_int_equal(f->boot.mark_bad(f->boot.user, 1), 0);
	assert_int_equal(f->boot.state(f->boot.user, &s), 0);
	assert_false(s.fell_back);
}

static void test_a_bad_slot_is_never_booted(void **state)
{
	struct fixture *f = *state;
	int slot = -1;
	put(f, "order", "1 0\n");
	put(f, "slot1", "bad\n");
	assert_int_equal(boot_directory_boot(&f->dir, &slot), 0);
	assert_int_equal(slot, 0);
	put(f, "slot0", "bad\n");
	assert_int_equal(boot_directory_boot(&f->dir, &slot), CAROUSEL_E_NOT_FOUND);
}

static void test_damaged_flags(void **state)
{
	static const char *const bad[] = {"goo", "trial", "trial x", "trial 5x", "trial 101", "trial -1",
		"a text that is much longer than any flag of a boot directory can be, by far and away"};
	struct fixture *f = *state;
	struct carousel_boot_state s;
	put(f, "running", "0\n");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		put(f, "slot0", bad[i]);
		assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_MALFORMED);
	}
	put(f, "slot0", "good\n");
	put(f, "order", "0 0\n");
	assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_MALFORMED);
	put(f, "order", "0 1\n");
	put(f, "running", "2\n");
	assert_int_equal(f->boot.state(f->boot.user, &s), CAROUSEL_E_MALFORMED);
	assert_int_equal(f->boot.try_slot(f->boot.user, 1, 0), CAROUSEL_E_ARGUMENT);
}

static void test_path_too_long(void **state)
{
	struct boot_directory dir;
	struct carousel_boot boot;
	char path[600];
	(void)state;
	memset(path, 'p', sizeof path);
	path[sizeof path - 1] = 0;
	assert_int_equal(boot_directory_init(&dir, path, &boot), CAROUSEL_E_ARGUMENT);
	assert_int_equal(boot_directory_init(&dir, "", &boot), CAROUSEL_E_ARGUMENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_update_and_confirm, setup, teardown),
		cmocka_unit_test_setup_teardown(test_falls_back_when_the_tries_are_used_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_bad_slot_is_never_booted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_flags, setup, teardown),
		cmocka_unit_test(test_path_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
