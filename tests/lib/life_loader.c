#include "tests/lib/life_loader.h"

#include "carousel-rx/daemon/child.h"
#include "common/bytes.h"
#include "common/carousel_error.h"
#include "common/io/file.h"
#include "common/memory.h"
#include "tests/lib/flash_fs.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#define ENV_BYTES      1024u
#define ENV_HEAD_BYTES 5u /* CRC-32, counter */
#define ENV_TRIES      3u

/* The adapters know programs and files by name: there is one box at a time. */
static const char *loader_dir;
static enum life_loader_kind loader_kind;

const char *life_loader_name(enum life_loader_kind kind)
{
	static const char *const names[] = {"directory", "u-boot", "u-boot (own tool)", "grub", "exec"};
	return names[kind];
}

static void loader_path(char path[64], const char *name)
{
	assert_true((size_t)snprintf(path, 64, "%s/%s", loader_dir, name) < 64);
}

/* ---- variables: "NAME=value\n" each ------------------------------------------------------------------ */

struct variables {
	char text[ENV_BYTES];
};

/* "" when it is not set. */
static void variables_get(const struct variables *v, const char *name, char value[32])
{
	size_t len = strlen(name);
	value[0] = 0;
	for (const char *at = v->text; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) == 0 && at[len] == '=')
			snprintf(value, 32, "%.*s", (int)strcspn(at + len + 1, "\n"), at + len + 1);
	}
}

static void variables_set(struct variables *v, const char *name, const char *value)
{
	struct variables out = {""};
	size_t len = strlen(name), used = 0;
	for (const char *at = v->text; *at;) {
		size_t line = strcspn(at, "\n") + 1;
		if (strncmp(at, name, len) != 0 || at[len] != '=') {
			memcpy(out.text + used, at, line);
			used += line;
		}
		at += line;
	}
	if (*value)
		used += (size_t)snprintf(out.text + used, sizeof(out.text) - used, "%s=%s\n", name, value);
	assert_true(used < ENV_BYTES - 64);
	*v = out;
}

/* ---- U-Boot's redundant environment -------------------------------------------------------------------- */

static const char *const env_names[2] = {"env0", "env1"};

static bool env_decode(const uint8_t *raw, size_t len, uint8_t *count, struct variables *v)
{
	if (raw == NULL || len != ENV_BYTES)
		return false;
	if (bytes_get_le32(raw) != crc32(0, raw + ENV_HEAD_BYTES, ENV_BYTES - ENV_HEAD_BYTES))
		return false;
	*count = raw[4];
	memcpy(v->text, raw + ENV_HEAD_BYTES, ENV_BYTES - ENV_HEAD_BYTES);
	return true;
}

/* As U-Boot compares them. */
static bool env_is_newer(uint8_t a, uint8_t b)
{
	return (a == 0 && b == 255) || (a > b && !(a == 255 && b == 0));
}

/* Of two copies the one that counts: -1 when neither is whole. */
static int env_choose(const uint8_t *const raw[2], const size_t len[2], uint8_t *count, struct variables *v)
{
	struct variables each[2] = {{""}, {""}};
	uint8_t counts[2] = {0, 0};
	bool is_whole[2];
	int which;
	for (int i = 0; i < 2; i++)
		is_whole[i] = env_decode(raw[i], len[i], &counts[i], &each[i]);
	if (!is_whole[0] && !is_whole[1])
		return -1;
	which = !is_whole[0] || (is_whole[1] && env_is_newer(counts[1], counts[0]));
	*v = each[which];
	*count = counts[which];
	return which;
}

static int env_read(uint8_t *count, struct variables *v)
{
	char path[64], *text[2];
	size_t len[2];
	int which = -1, result = 0;
	for (int i = 0; i < 2; i++) {
		loader_path(path, env_names[i]);
		if (file_read(path, ENV_BYTES, NULL, &text[i], &len[i]))
			result = CAROUSEL_E_IO;
	}
	if (result == 0)
		which = env_choose((const uint8_t *const[2]){(uint8_t *)text[0], (uint8_t *)text[1]}, len, count, v);
	for (int i = 0; i < 2; i++)
		memory_free(NULL, text[i]);
	return which;
}

/* Over the copy that does not count. */
static int env_write(const struct variables *v, int which, uint8_t count)
{
	uint8_t raw[ENV_BYTES] = {0};
	char path[64];
	int fd, result;
	memcpy(raw + ENV_HEAD_BYTES, v->text, strlen(v->text));
	raw[4] = (uint8_t)(count + 1);
	bytes_put_le32(raw, (uint32_t)crc32(0, raw + ENV_HEAD_BYTES, ENV_BYTES - ENV_HEAD_BYTES));
	loader_path(path, env_names[!which]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return CAROUSEL_E_IO;
	result = file_pwrite(fd, raw, sizeof(raw), 0);
	if (result == 0)
		result = file_sync(fd);
	close(fd);
	return result;
}

static int uboot_print(const char *name, char *output, size_t cap)
{
	struct variables v;
	uint8_t count;
	char value[32];
	if (env_read(&count, &v) < 0)
		return CAROUSEL_E_REFUSED;
	variables_get(&v, name, value);
	if (value[0] == 0 && loader_kind == LIFE_LOADER_UBOOT_OLD)
		return CAROUSEL_E_REFUSED;
	snprintf(output, cap, "%s\n", value);
	return 0;
}

/* Each of the two tools has its own separator. A line that the one does not understand is an error, the other passes
 * over it. */
static int uboot_script(const char *script)
{
	bool is_old = loader_kind == LIFE_LOADER_UBOOT_OLD;
	struct variables v;
	uint8_t count;
	int which = env_read(&count, &v);
	if (which < 0)
		return CAROUSEL_E_REFUSED;
	while (*script) {
		char line[64], *value;
		size_t len = strcspn(script, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, script);
		script += len + (script[len] == '\n');
		value = strpbrk(line, is_old ? " " : "=");
		if (is_old && strchr(line, '='))
			return CAROUSEL_E_REFUSED;
		if (value)
			*value++ = 0;
		if (value || is_old)
			variables_set(&v, line, value ? value : "");
	}
	return env_write(&v, which, count) ? CAROUSEL_E_REFUSED : 0;
}

/* ---- GRUB's environment block --------------------------------------------------------------------------- */

static const char grub_head[] = "# GRUB Environment Block\n";

static bool grub_decode(const char *raw, size_t len, struct variables *v)
{
	size_t used = len;
	memset(v, 0, sizeof(*v));
	if (len != ENV_BYTES || memcmp(raw, grub_head, sizeof(grub_head) - 1) != 0)
		return false;
	while (used && raw[used - 1] == '#')
		used--;
	memcpy(v->text, raw + sizeof(grub_head) - 1, used - (sizeof(grub_head) - 1));
	return true;
}

static int grub_read(const char *path, struct variables *v)
{
	char *raw;
	size_t len;
	bool is_right;
	if (file_read(path, ENV_BYTES, NULL, &raw, &len))
		return CAROUSEL_E_REFUSED;
	is_right = grub_decode(raw, len, v);
	memory_free(NULL, raw);
	return is_right ? 0 : CAROUSEL_E_REFUSED;
}

static int grub_write(const char *path, const struct variables *v, bool is_emptied)
{
	char raw[ENV_BYTES + 1];
	int fd = open(path, O_WRONLY | O_CLOEXEC | (is_emptied ? O_CREAT | O_TRUNC : 0), 0644), result;
	if (fd < 0)
		return CAROUSEL_E_REFUSED;
	memset(raw, '#', sizeof(raw));
	raw[snprintf(raw, sizeof(raw), "%s%s", grub_head, v->text)] = '#';
	result = is_emptied ? file_write(fd, raw, ENV_BYTES) : file_pwrite(fd, raw, ENV_BYTES, 0);
	if (result == 0)
		result = file_sync(fd);
	close(fd);
	return result ? CAROUSEL_E_REFUSED : 0;
}

static int grub_editenv(char *const argv[], char *output, size_t cap)
{
	struct variables v;
	int result = grub_read(argv[1], &v);
	if (result)
		return result;
	if (strcmp(argv[2], "list") == 0) {
		snprintf(output, cap, "%s", v.text);
		return 0;
	}
	assert_string_equal(argv[2], "set");
	for (char *const *arg = argv + 3; *arg; arg++) {
		char name[32];
		const char *value = strchr(*arg, '=') + 1;
		snprintf(name, sizeof(name), "%.*s", (int)(value - *arg - 1), *arg);
		variables_set(&v, name, value);
	}
	return grub_write(argv[1], &v, true);
}

/* ---- a box maker's hook, with flags in the directory of the embedded default ---------------------------- */

static int hook_state(const struct carousel_boot *boot, char *output, size_t cap)
{
	struct carousel_boot_state state;
	int result = boot->state(boot->user, &state);
	if (result)
		return CAROUSEL_E_REFUSED;
	snprintf(output, cap, "running=%d confirmed=%d fell-back=%d\n", state.running, state.is_confirmed,
		state.fell_back);
	return 0;
}

static int hook_run(char *const argv[], char *output, size_t cap)
{
	struct boot_directory directory;
	struct carousel_boot boot;
	int result = boot_directory_init(&directory, loader_dir, &boot);
	assert_int_equal(result, 0);
	if (strcmp(argv[1], "state") == 0)
		return hook_state(&boot, output, cap);
	if (strcmp(argv[1], "mark-bad") == 0)
		result = boot.mark_bad(boot.user, atoi(argv[2]));
	else if (strcmp(argv[1], "try") == 0)
		result = boot.try_slot(boot.user, atoi(argv[2]), (unsigned)atoi(argv[3]));
	else
		result = boot.confirm(boot.user, atoi(argv[2]));
	return result ? CAROUSEL_E_REFUSED : 0;
}

/* ---- the programs ------------------------------------------------------------------------------------------ */

int __wrap_child_run(char *const argv[], const char *input, char *output, size_t cap, int timeout_ms);
int __wrap_child_run(char *const argv[], const char *input, char *output, size_t cap, int timeout_ms)
{
	assert_true(timeout_ms > 0);
	if (output)
		output[0] = 0;
	if (strcmp(argv[0], "fw_printenv") == 0) {
		assert_string_equal(argv[1], "-n");
		return uboot_print(argv[2], output, cap);
	}
	if (strcmp(argv[0], "fw_setenv") == 0) {
		assert_string_equal(argv[1], "-s");
		assert_string_equal(argv[2], "/proc/self/fd/0");
		return uboot_script(input);
	}
	if (strcmp(argv[0], "grub-editenv") == 0)
		return grub_editenv(argv, output, cap);
	assert_string_equal(argv[0], "box-boot");
	return hook_run(argv, output, cap);
}

/* ---- the box ------------------------------------------------------------------------------------------------- */

static bool is_directory(enum life_loader_kind kind)
{
	return kind == LIFE_LOADER_DIRECTORY || kind == LIFE_LOADER_EXEC;
}

static bool is_uboot(enum life_loader_kind kind)
{
	return kind == LIFE_LOADER_UBOOT || kind == LIFE_LOADER_UBOOT_OLD;
}

static void loader_choose(enum life_loader_kind kind, const char *dir)
{
	loader_kind = kind;
	loader_dir = dir;
}

void life_loader_blank(enum life_loader_kind kind, const char *dir)
{
	static const char *const names[] = {"BOOT_ORDER", "BOOT_A_LEFT", "BOOT_B_LEFT"};
	static const char *const values[] = {"A B", "3", "3"};
	struct variables v = {""};
	char path[64];
	loader_choose(kind, dir);
	if (is_directory(kind))
		return;
	if (is_uboot(kind)) {
		for (int i = 0; i < 3; i++)
			variables_set(&v, names[i], values[i]);
		for (int i = 0; i < 2; i++) {
			loader_path(path, env_names[i]);
			assert_int_equal(file_replace(path, "", 0, 0644), 0);
			assert_int_equal(env_write(&v, !i, (uint8_t)(254 + i)), 0);
		}
		return;
	}
	loader_path(path, "grubenv");
	strcpy(v.text, "ORDER=AB\nA_OK=1\nA_TRY=3\nB_OK=1\nB_TRY=3\n");
	assert_int_equal(grub_write(path, &v, true), 0);
	assert_int_equal(file_sync_parent(path), 0);
}

void life_loader_open(
	struct life_loader *l, enum life_loader_kind kind, const char *dir, int running, struct carousel_boot *boot)
{
	static char path[64];
	loader_choose(kind, dir);
	memset(l, 0, sizeof(*l));
	l->kind = kind;
	snprintf(l->adapter.cmdline, sizeof(l->adapter.cmdline), "quiet carousel.slot=%d\n", running);
	l->adapter.command = "box-boot";
	loader_path(path, "grubenv");
	l->adapter.environment = kind == LIFE_LOADER_GRUB ? path : NULL;
	if (kind == LIFE_LOADER_DIRECTORY)
		assert_int_equal(boot_directory_init(&l->adapter.directory, dir, boot), 0);
	else if (kind == LIFE_LOADER_EXEC)
		boot_exec_table(&l->adapter, boot);
	else if (kind == LIFE_LOADER_GRUB)
		boot_grub_table(&l->adapter, boot);
	else
		boot_uboot_table(&l->adapter, boot);
}

/* What a boot script does with its variables: the first slot of the order that has a boot left and is not bad. */
static int script_choose(struct variables *v, bool *has_changed)
{
	bool is_grub = loader_kind == LIFE_LOADER_GRUB;
	char order[32], trial[32];
	variables_get(v, is_grub ? "ORDER" : "BOOT_ORDER", order);
	variables_get(v, "carousel_trial", trial);
	for (int i = 0; i < 2; i++) {
		char letter = order[i ? strlen(order) - 1 : 0], name[32], value[32], ok[32] = "1";
		snprintf(name, sizeof(name), "%c_OK", letter);
		if (is_grub)
			variables_get(v, name, ok);
		snprintf(name, sizeof(name), is_grub ? "%c_TRY" : "BOOT_%c_LEFT", letter);
		variables_get(v, name, value);
		if (atoi(value) <= 0 || atoi(ok) != 1)
			continue;
		*has_changed = loader_kind != LIFE_LOADER_UBOOT || trial[0] == letter;
		snprintf(value, sizeof(value), "%d", atoi(value) - 1);
		if (*has_changed)
			variables_set(v, name, value);
		return letter == 'B';
	}
	return -1;
}

int life_loader_boot(enum life_loader_kind kind, const char *dir, int *slot)
{
	struct boot_directory directory;
	struct carousel_boot boot;
	struct variables v;
	char path[64];
	uint8_t count = 0;
	bool has_changed = false;
	int which, result;
	loader_choose(kind, dir);
	if (is_directory(kind)) {
		result = boot_directory_init(&directory, dir, &boot);
		return result ? result : boot_directory_boot(&directory, slot);
	}
	loader_path(path, "grubenv");
	which = is_uboot(kind) ? env_read(&count, &v) : grub_read(path, &v) ? -1 : 0;
	if (which < 0)
		return CAROUSEL_E_NOT_FOUND;
	*slot = script_choose(&v, &has_changed);
	if (*slot < 0)
		return CAROUSEL_E_NOT_FOUND;
	if (!has_changed)
		return 0;
	return is_uboot(kind) ? env_write(&v, which, count) : grub_write(path, &v, false);
}

/* ---- what is durable ----------------------------------------------------------------------------------------- */

static void durable_variables(struct variables *v)
{
	const uint8_t *raw[2];
	size_t len[2] = {0, 0};
	char path[64];
	uint8_t count;
	if (loader_kind == LIFE_LOADER_GRUB) {
		loader_path(path, "grubenv");
		raw[0] = flash_durable(path, &len[0]);
		assert_true(raw[0] && grub_decode((const char *)raw[0], len[0], v));
		return;
	}
	for (int i = 0; i < 2; i++) {
		loader_path(path, env_names[i]);
		raw[i] = flash_durable(path, &len[i]);
	}
	assert_true(env_choose(raw, len, &count, v) >= 0);
}

static void durable_text(const char *name, const char *otherwise, char text[16])
{
	char path[64];
	size_t len = 0;
	const uint8_t *data;
	loader_path(path, name);
	data = flash_durable(path, &len);
	memset(text, 0, 16);
	if (data == NULL)
		data = (const uint8_t *)otherwise, len = strlen(otherwise);
	assert_true(len < 16);
	memcpy(text, data, len);
	text[strcspn(text, "\n")] = 0;
}

int life_loader_first(enum life_loader_kind kind, const char *dir)
{
	struct variables v;
	char text[32];
	loader_choose(kind, dir);
	if (is_directory(kind)) {
		durable_text("order", "0 1", text);
		return text[0] == '1';
	}
	durable_variables(&v);
	variables_get(&v, is_uboot(kind) ? "BOOT_ORDER" : "ORDER", text);
	return text[0] == 'B';
}

void life_loader_flag(enum life_loader_kind kind, const char *dir, int slot, char text[16])
{
	struct variables v;
	char trial[32], left[32], ok[32] = "1";
	loader_choose(kind, dir);
	if (is_directory(kind)) {
		durable_text(slot ? "slot1" : "slot0", "good", text);
		return;
	}
	durable_variables(&v);
	variables_get(&v, "carousel_trial", trial);
	if (is_uboot(kind)) {
		variables_get(&v, slot ? "BOOT_B_LEFT" : "BOOT_A_LEFT", left);
	} else {
		variables_get(&v, slot ? "B_TRY" : "A_TRY", left);
		variables_get(&v, slot ? "B_OK" : "A_OK", ok);
	}
	if (trial[0] == (slot ? 'B' : 'A'))
		snprintf(text, 16, "trial %d", atoi(ok) == 1 ? atoi(left) : 0);
	else
		strcpy(text, atoi(ok) == 1 && atoi(left) > 0 ? "good" : "bad");
}
