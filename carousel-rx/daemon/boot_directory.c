#include "carousel-rx/daemon/boot_directory.h"

#include "common/io/file.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAG_MAX_BYTES 64u
#define TRIES_MAX      100u

enum slot_flag { SLOT_GOOD, SLOT_BAD, SLOT_TRIAL };

static int flag_path(const struct boot_directory *dir, const char *name, char *path, size_t cap)
{
	int len = snprintf(path, cap, "%s/%s", dir->path, name);
	return len > 0 && (size_t)len < cap ? 0 : CAROUSEL_E_ARGUMENT;
}

/* A missing file gives "". */
static int flag_read(const struct boot_directory *dir, const char *name, char text[FLAG_MAX_BYTES])
{
	char path[sizeof dir->path + 16];
	char *data = NULL;
	size_t len = 0;
	int err = flag_path(dir, name, path, sizeof path);
	text[0] = 0;
	if (err)
		return err;
	err = file_read(path, FLAG_MAX_BYTES - 1, NULL, &data, &len);
	if (err == CAROUSEL_E_NOT_FOUND)
		return 0;
	if (err)
		return err == CAROUSEL_E_LIMIT ? CAROUSEL_E_MALFORMED : err;
	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == ' '))
		len--;
	memcpy(text, data, len);
	text[len] = 0;
	memory_free(NULL, data);
	return strlen(text) == len ? 0 : CAROUSEL_E_MALFORMED;
}

static int flag_write(const struct boot_directory *dir, const char *name, const char *text)
{
	char path[sizeof dir->path + 16], line[FLAG_MAX_BYTES];
	int err = flag_path(dir, name, path, sizeof path);
	int len = snprintf(line, sizeof line, "%s\n", text);
	return err ? err : file_replace(path, line, (size_t)len, 0644);
}

static const char *slot_name(int slot)
{
	return slot ? "slot1" : "slot0";
}

static int slot_read(const struct boot_directory *dir, int slot, enum slot_flag *flag, unsigned *tries)
{
	char text[FLAG_MAX_BYTES];
	int err = flag_read(dir, slot_name(slot), text);
	char *end = NULL;
	unsigned long number;
	*tries = 0;
	if (err)
		return err;
	if (text[0] == 0 || strcmp(text, "good") == 0) {
		*flag = SLOT_GOOD;
		return 0;
	}
	if (strcmp(text, "bad") == 0) {
		*flag = SLOT_BAD;
		return 0;
	}
	if (strncmp(text, "trial ", 6) != 0)
		return CAROUSEL_E_MALFORMED;
	number = strtoul(text + 6, &end, 10);
	if (end == text + 6 || *end || number > TRIES_MAX)
		return CAROUSEL_E_MALFORMED;
	*flag = SLOT_TRIAL;
	*tries = (unsigned)number;
	return 0;
}

static int slot_write_trial(const struct boot_directory *dir, int slot, unsigned tries)
{
	char text[FLAG_MAX_BYTES];
	snprintf(text, sizeof text, "trial %u", tries);
	return flag_write(dir, slot_name(slot), text);
}

static int order_read(const struct boot_directory *dir, int *first)
{
	char text[FLAG_MAX_BYTES];
	int err = flag_read(dir, "order", text);
	if (err)
		return err;
	if (text[0] == 0 || strcmp(text, "0 1") == 0)
		*first = 0;
	else if (strcmp(text, "1 0") == 0)
		*first = 1;
	else
		return CAROUSEL_E_MALFORMED;
	return 0;
}

static int order_write(const struct boot_directory *dir, int first)
{
	return flag_write(dir, "order", first ? "1 0" : "0 1");
}

static int running_read(const struct boot_directory *dir, int *running)
{
	char text[FLAG_MAX_BYTES];
	int err = flag_read(dir, "running", text);
	if (err)
		return err;
	if (text[0] == 0)
		return CAROUSEL_E_NOT_FOUND;
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return CAROUSEL_E_MALFORMED;
	*running = text[0] == '1';
	return 0;
}

static int directory_state(void *user, struct carousel_boot_state *state)
{
	const struct boot_directory *dir = user;
	enum slot_flag flag, first_flag;
	unsigned tries, first_tries;
	int first, running;
	int err = running_read(dir, &running);
	if (err == 0)
		err = order_read(dir, &first);
	if (err == 0)
		err = slot_read(dir, running, &flag, &tries);
	if (err == 0)
		err = slot_read(dir, first, &first_flag, &first_tries);
	if (err)
		return err;
	state->running = running;
	state->target = !running;
	state->is_confirmed = flag == SLOT_GOOD;
	state->is_trial = flag == SLOT_TRIAL;
	/* A slot with trials left has not been tried yet: the box was not booted since. */
	state->fell_back = first != running && first_flag == SLOT_TRIAL && first_tries == 0;
	return 0;
}

/* The order goes first: with the power cut in between, the box boots the other slot and finds this one to be marked
 * once more. What reads as marked is marked again: that it once reached the medium nobody knows. */
static int directory_mark_bad(void *user, int slot)
{
	const struct boot_directory *dir = user;
	int first;
	int err = order_read(dir, &first);
	if (err == 0 && first == slot)
		err = order_write(dir, !slot);
	return err ? err : flag_write(dir, slot_name(slot), "bad");
}

static int directory_try_slot(void *user, int slot, unsigned tries)
{
	const struct boot_directory *dir = user;
	int err = tries > 0 && tries <= TRIES_MAX ? slot_write_trial(dir, slot, tries) : CAROUSEL_E_ARGUMENT;
	return err ? err : order_write(dir, slot);
}

static int directory_confirm(void *user, int slot)
{
	const struct boot_directory *dir = user;
	return flag_write(dir, slot_name(slot), "good");
}

int boot_directory_init(struct boot_directory *dir, const char *path, struct carousel_boot *boot)
{
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof dir->path)
		return CAROUSEL_E_ARGUMENT;
	memcpy(dir->path, path, len + 1);
	*boot = (struct carousel_boot){dir, directory_state, directory_mark_bad, directory_try_slot, directory_confirm};
	return 0;
}

int boot_directory_boot(const struct boot_directory *dir, int *slot)
{
	int first;
	int err = order_read(dir, &first);
	for (int i = 0; err == 0 && i < 2; i++) {
		int candidate = i ? !first : first;
		enum slot_flag flag;
		unsigned tries;
		err = slot_read(dir, candidate, &flag, &tries);
		if (err || flag == SLOT_BAD || (flag == SLOT_TRIAL && tries == 0))
			continue;
		if (flag == SLOT_TRIAL)
			err = slot_write_trial(dir, candidate, tries - 1);
		if (err == 0)
			err = flag_write(dir, "running", candidate ? "1" : "0");
		*slot = candidate;
		return err;
	}
	return err ? err : CAROUSEL_E_NOT_FOUND;
}
