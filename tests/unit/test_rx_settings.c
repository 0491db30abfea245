/* covers: carousel-rx/daemon/settings.c */
#include "carousel-rx/daemon/settings.h"
#include "common/carousel_error.h"
#include "common/io/file.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECEIVER "[receiver]\nbox-id = 00a1\ntrust-root = roots\nstate-dir = state\n"
#define SESSION  "[session main]\ngroup = 232.1.1.95:4001\ntsi = 4001\n"
#define SLOTS    "[slots]\nslot0 = a\nslot1 = b\n"
#define BOOT     "[boot]\ndirectory = boot\n"

struct fixture {
	char dir[64], path[96];
	struct settings settings;
	char message[256];
};

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_rx_settings.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/rx.ini", f->dir);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text)
{
	settings_free(&f->settings);
	assert_int_equal(file_replace(f->path, text, strlen(text), 0600), 0);
	return settings_load(&f->settings, f->path, f->message);
}

static void test_least(void **state)
{
	struct fixture *f = *state;
	const struct settings *s = &f->settings;
	assert_int_equal(load(f, RECEIVER SESSION SLOTS BOOT), 0);
	assert_string_equal(s->box_id, "00a1");
	assert_string_equal(s->socket, SETTINGS_SOCKET);
	assert_string_equal(s->os_release, "/etc/os-release");
	assert_int_equal(s->tsi, 4001);
	assert_int_equal(s->num_sessions, 1);
	assert_int_equal(s->sessions[0].group.port, 4001);
	assert_int_equal(s->sessions[0].source.family, 0);
	assert_int_equal(s->boot, SETTINGS_BOOT_DIRECTORY);
	assert_int_equal(s->log_level, CAROUSEL_LOG_NOTICE);
	assert_true(s->follows_map);
	assert_false(s->has_normal_priority);
	assert_int_equal(s->memory_bytes, 17 << 19); /* of 16 MiB for the whole process */
	assert_int_equal(settings_load_root(&f->settings, f->message), CAROUSEL_E_NOT_FOUND);
	settings_free(&f->settings);
}

static void test_everything(void **state)
{
	struct fixture *f = *state;
	const struct settings *s = &f->settings;
	assert_int_equal(
		load(f, RECEIVER
			"category = beta\nos-release = osr\nevents = e\nsocket = s\ninterface = eth0\n"
			"follow-map = no\nprefetch = always\noffers = monthly\nhardware-floor = 90\n"
			"max-attempts = 5\nboot-tries = 2\nmandatory-wait = 2d\nreboot-command = /sbin/reboot -f\n"
			"reboot-exit = yes\ntrusted-clock = yes\nmemory = 72M\nspill = 1M\nwrite-rate = 8M\n"
			"priority = normal\n"
			"sync-interval = 500ms\nsocket-buffer = 1M\n" SESSION
			"source = 198.51.100.7\n[session six]\ngroup = [ff15::95]:4002\nsource = 2001:db8::1\n"
			"interface = eth1\n" SLOTS "size = 64M\n[boot]\nadapter = exec\ncommand = /bin/true x\n"
			"[log]\nlevel = debug\n"),
		0);
	assert_string_equal(s->category, "beta");
	assert_int_equal(s->offers, CAROUSEL_RX_OFFERS_MONTHLY);
	assert_int_equal(s->prefetch, CAROUSEL_RX_PREFETCH_ALWAYS);
	assert_int_equal(s->num_sessions, 2);
	assert_string_equal(s->sessions[0].interface, "eth0");
	assert_string_equal(s->sessions[1].interface, "eth1");
	assert_int_equal(s->sessions[1].group.family, 6);
	assert_int_equal(s->sessions[0].source.family, 4);
	assert_int_equal(s->slot_bytes, 64 << 20);
	assert_true(s->has_normal_priority);
	assert_int_equal(s->memory_bytes, 129 << 19);
	assert_int_equal(s->boot, SETTINGS_BOOT_EXEC);
	assert_true(s->exits_on_reboot);
	settings_free(&f->settings);
}

static void test_box_id_from_a_file(void **state)
{
	struct fixture *f = *state;
	char text[512], id[96];
	snprintf(id, sizeof(id), "%s/id", f->dir);
	snprintf(text, sizeof(text), "[receiver]\nbox-id-file = %s\ntrust-root = r\nstate-dir = s\n" SESSION SLOTS BOOT,
		id);
	assert_int_equal(load(f, text), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(file_replace(id, " 00:A1:b2 more\n", 15, 0600), 0);
	assert_int_equal(load(f, text), 0);
	assert_string_equal(f->settings.box_id, "00:a1:b2");
	assert_int_equal(file_replace(id, "\n", 1, 0600), 0);
	assert_int_equal(load(f, text), CAROUSEL_E_SYNTAX);
	assert_int_equal(file_replace(id, "a/b\n", 4, 0600), 0);
	assert_int_equal(load(f, text), CAROUSEL_E_SYNTAX);
	unlink(id);
	assert_int_equal(mkfifo(id, 0600), 0);
	alarm(20);
	assert_int_equal(load(f, text), CAROUSEL_E_ARGUMENT);
	alarm(0);
	assert_non_null(strstr(f->message, "/id: not a regular file"));
	settings_free(&f->settings);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *says;
	} cases[] = {
		{SESSION SLOTS BOOT, CAROUSEL_E_ARGUMENT, "box-id"},
		{RECEIVER "box-id-file = x\n" SESSION SLOTS BOOT, CAROUSEL_E_ARGUMENT, "box-id"},
		{"[receiver]\nbox-id = UP/\ntrust-root = r\nstate-dir = s\n" SESSION SLOTS BOOT, CAROUSEL_E_SYNTAX,
			"box id"},
		{"[receiver]\nbox-id = a\nstate-dir = s\n" SESSION SLOTS BOOT, CAROUSEL_E_NOT_FOUND, "trust-root"},
		{RECEIVER SLOTS BOOT, CAROUSEL_E_NOT_FOUND, "session"},
		{RECEIVER "[session m]\ngroup = 1.2.3.4\ntsi = 1\n" SLOTS BOOT, CAROUSEL_E_ADDRESS, "group"},
		{RECEIVER "[session m]\ntsi = 1\n" SLOTS BOOT, CAROUSEL_E_NOT_FOUND, "group"},
		{RECEIVER "[session m]\ngroup = 232.1.1.1:1\ntsi = 0\n" SLOTS BOOT, CAROUSEL_E_RANGE, "tsi"},
		{RECEIVER "[session m]\ngroup = 232.1.1.1:1\n" SLOTS BOOT, CAROUSEL_E_NOT_FOUND, "tsi"},
		{RECEIVER SESSION "[session n]\ngroup = 232.1.1.1:1\ntsi = 4002\n" SLOTS BOOT, CAROUSEL_E_CONFLICT,
			"tsi"},
		{RECEIVER SESSION "[slots]\nslot0 = a\n" BOOT, CAROUSEL_E_NOT_FOUND, "slot1"},
		{RECEIVER SESSION SLOTS, CAROUSEL_E_NOT_FOUND, "directory"},
		{RECEIVER SESSION SLOTS "[boot]\nadapter = exec\n", CAROUSEL_E_NOT_FOUND, "command"},
		{RECEIVER SESSION SLOTS "[boot]\nadapter = lilo\n", CAROUSEL_E_UNKNOWN_WORD, "adapter"},
		{RECEIVER "version = 105\n" SESSION SLOTS BOOT, CAROUSEL_E_UNKNOWN_WORD, "version"},
		{RECEIVER "memory = 1M\n" SESSION SLOTS BOOT, CAROUSEL_E_RANGE, "memory"},
		{RECEIVER "offers = maybe\n" SESSION SLOTS BOOT, CAROUSEL_E_UNKNOWN_WORD, "offers"},
		{RECEIVER "category = a b\n" SESSION SLOTS BOOT, CAROUSEL_E_SYNTAX, "category"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result = load(f, cases[i].text);
		if (result != cases[i].error || strstr(f->message, cases[i].says) == NULL)
			fail_msg("case %zu: %s: %s", i, carousel_error_name(result), f->message);
	}
	settings_free(&f->settings);
	assert_int_equal(settings_load(&f->settings, "/nonexistent/rx.ini", f->message), CAROUSEL_E_NOT_FOUND);
	settings_free(&f->settings);
}

static void test_too_many_sessions(void **state)
{
	struct fixture *f = *state;
	char text[2048] = RECEIVER SLOTS BOOT;
	for (unsigned i = 0; i <= SETTINGS_MAX_SESSIONS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"[session s%u]\ngroup = 232.1.1.%u:1\ntsi = 1\n", i, i + 1);
	assert_int_equal(load(f, text), CAROUSEL_E_LIMIT);
	settings_free(&f->settings);
}

#define WITH_FIXTURE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FIXTURE(test_least),
		WITH_FIXTURE(test_everything),
		WITH_FIXTURE(test_box_id_from_a_file),
		WITH_FIXTURE(test_refuses),
		WITH_FIXTURE(test_too_many_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
