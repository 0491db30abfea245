#include "common/config.h"

#include "common/carousel_error.h"
#include "common/units.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_MAX_SECTIONS 256u
#define CONFIG_MAX_KEYS     4096u
#define CONFIG_ERROR_BYTES  512u

struct config_key {
	struct config_key *next;
	char *name, *value;
	unsigned line;
	bool is_consumed;
};

struct config_section {
	struct config_section *next;
	struct config *config;
	char *kind, *name;
	struct config_key *keys, **keys_end;
	unsigned line; /* 0: asked for, but not in the text */
	bool is_known;
};

struct config {
	const struct carousel_allocator *allocator;
	struct config_section *sections, **sections_end;
	char *file_name;
	unsigned section_count, key_count;
	int error;
	char message[CONFIG_ERROR_BYTES];
	struct config_section nowhere; /* what getters work on when there was no memory for a section */
};

__attribute__((format(printf, 4, 0))) static void config_set_error(
	struct config *c, unsigned line, int code, const char *format, va_list args)
{
	int at;
	if (c->error != 0)
		return;
	c->error = code;
	at = line ? snprintf(c->message, sizeof c->message, "%s:%u: ", c->file_name, line)
		  : snprintf(c->message, sizeof c->message, "%s: ", c->file_name);
	if (at > 0 && (size_t)at < sizeof c->message)
		vsnprintf(c->message + at, sizeof c->message - (size_t)at, format, args);
}

__attribute__((format(printf, 4, 5))) static void config_error_at(
	struct config *c, unsigned line, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	config_set_error(c, line, code, format, args);
	va_end(args);
}

static struct config_section *config_section_find(const struct config *c, const char *kind, const char *name)
{
	for (struct config_section *s = c->sections; s; s = s->next)
		if (strcmp(s->kind, kind) == 0 && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* Sets MEMORY and returns NULL when there is none. */
static struct config_section *config_section_add(
	struct config *c, const char *kind, size_t kind_len, const char *name, size_t name_len, unsigned line)
{
	struct config_section *s = memory_alloc(c->allocator, 1, sizeof *s);
	if (s == NULL)
		goto no_memory;
	s->kind = memory_copy_string(c->allocator, kind, kind_len);
	s->name = memory_copy_string(c->allocator, name, name_len);
	if (s->kind == NULL || s->name == NULL)
		goto no_memory;
	s->config = c;
	s->line = line;
	s->keys_end = &s->keys;
	*c->sections_end = s;
	c->sections_end = &s->next;
	return s;
no_memory:
	if (s) {
		memory_free(c->allocator, s->kind);
		memory_free(c->allocator, s->name);
		memory_free(c->allocator, s);
	}
	config_error_at(c, line, CAROUSEL_E_MEMORY, "no memory");
	return NULL;
}

/* ---- parsing ---------------------------------------------------------------------------------- */

/* inih is built without line numbers in its handler, and does not tell of sections or of lines that it cuts, so the
 * function that feeds it lines watches for all three. */
struct config_feed {
	struct config *config;
	const char *text;
	size_t left;
	unsigned line;
	struct config_section *section;
};

static bool config_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void config_feed_section(struct config_feed *f, const char *line)
{
	struct config *c = f->config;
	const char *kind = line + 1, *end = strchr(line, ']'), *name;
	size_t kind_len, name_len;
	if (end == NULL) {
		config_error_at(c, f->line, CAROUSEL_E_SYNTAX, "a section needs ']'");
		return;
	}
	while (kind < end && config_is_blank(*kind))
		kind++;
	name = kind;
	while (name < end && !config_is_blank(*name))
		name++;
	kind_len = (size_t)(name - kind);
	while (name < end && config_is_blank(*name))
		name++;
	while (end > name && config_is_blank(end[-1]))
		end--;
	name_len = (size_t)(end - name);
	if (kind_len == 0) {
		config_error_at(c, f->line, CAROUSEL_E_SYNTAX, "a section needs a name");
		return;
	}
	if (++c->section_count > CONFIG_MAX_SECTIONS) {
		config_error_at(c, f->line, CAROUSEL_E_LIMIT, "more than %u sections", CONFIG_MAX_SECTIONS);
		return;
	}
	for (const struct config_section *s = c->sections; s; s = s->next) {
		if (strlen(s->kind) == kind_len && memcmp(s->kind, kind, kind_len) == 0 &&
			strlen(s->name) == name_len && memcmp(s->name, name, name_len) == 0) {
			config_error_at(c, f->line, CAROUSEL_E_EXISTS, "section is there already, at line %u", s->line);
			return;
		}
	}
	f->section = config_section_add(c, kind, kind_len, name, name_len, f->line);
}

static char *config_feed_line(char *buffer, int capacity, void *stream)
{
	struct config_feed *f = stream;
	const char *start = f->text, *end;
	size_t len;
	if (f->left == 0 || f->config->error != 0)
		return NULL;
	end = memchr(start, '\n', f->left);
	len = end ? (size_t)(end - start) : f->left;
	f->text += end ? len + 1 : len;
	f->left -= end ? len + 1 : len;
	f->line++;
	/* Blanks in front would make inih take the line for a continuation of the one before. */
	while (len && config_is_blank(*start)) {
		start++;
		len--;
	}
	if (capacity < 2 || len > (size_t)capacity - 2) {
		config_error_at(f->config, f->line, CAROUSEL_E_LIMIT, "line is longer than %d bytes", capacity - 2);
		return NULL;
	}
	memcpy(buffer, start, len);
	buffer[len] = '\n';
	buffer[len + 1] = '\0';
	if (buffer[0] == '[')
		config_feed_section(f, buffer);
	return buffer;
}

static int config_add_key(void *user, const char *section, const char *name, const char *value)
{
	struct config_feed *f = user;
	struct config *c = f->config;
	struct config_key *k;
	(void)section;
	if (c->error != 0)
		return 0;
	if (f->section == NULL)
		f->section = config_section_add(c, "", 0, "", 0, f->line);
	if (f->section == NULL)
		return 0;
	for (k = f->section->keys; k; k = k->next) {
		if (strcmp(k->name, name) == 0) {
			config_error_at(c, f->line, CAROUSEL_E_EXISTS, "%s is set already, at line %u", name, k->line);
			return 0;
		}
	}
	if (++c->key_count > CONFIG_MAX_KEYS) {
		config_error_at(c, f->line, CAROUSEL_E_LIMIT, "more than %u keys", CONFIG_MAX_KEYS);
		return 0;
	}
	k = memory_alloc(c->allocator, 1, sizeof *k);
	if (k == NULL) {
		config_error_at(c, f->line, CAROUSEL_E_MEMORY, "no memory");
		return 0;
	}
	*f->section->keys_end = k;
	f->section->keys_end = &k->next;
	k->line = f->line;
	k->name = memory_copy_string(c->allocator, name, strlen(name));
	k->value = memory_copy_string(c->allocator, value, strlen(value));
	if (k->name == NULL || k->value == NULL)
		config_error_at(c, f->line, CAROUSEL_E_MEMORY, "no memory");
	return 1;
}

int config_parse(struct config **out, const struct carousel_allocator *allocator, const char *text, size_t len,
	const char *file_name)
{
	struct config *c = memory_alloc(allocator, 1, sizeof *c);
	struct config_feed feed = {.config = c, .text = text, .left = len};
	int line;
	*out = NULL;
	if (c == NULL)
		return CAROUSEL_E_MEMORY;
	c->allocator = allocator;
	c->sections_end = &c->sections;
	c->nowhere.config = c;
	c->nowhere.kind = c->nowhere.name = c->message + sizeof c->message - 1;
	c->file_name = memory_copy_string(allocator, file_name, strlen(file_name));
	if (c->file_name == NULL) {
		config_free(c);
		return CAROUSEL_E_MEMORY;
	}
	if (len > CONFIG_MAX_BYTES)
		config_error_at(c, 0, CAROUSEL_E_LIMIT, "longer than %u bytes", CONFIG_MAX_BYTES);
	else if (memchr(text, '\0', len))
		config_error_at(c, 0, CAROUSEL_E_MALFORMED, "has NUL bytes");
	line = c->error == 0 ? ini_parse_stream(config_feed_line, &feed, config_add_key, &feed) : 0;
	if (line != 0)
		config_error_at(
			c, line > 0 ? (unsigned)line : 0, CAROUSEL_E_SYNTAX, "neither [section] nor key = value");
	if (c->error == CAROUSEL_E_MEMORY) {
		config_free(c);
		return CAROUSEL_E_MEMORY;
	}
	*out = c;
	return c->error;
}

void config_free(struct config *c)
{
	struct config_section *next_section;
	if (c == NULL)
		return;
	for (struct config_section *s = c->sections; s; s = next_section) {
		struct config_key *next_key;
		for (struct config_key *k = s->keys; k; k = next_key) {
			next_key = k->next;
			memory_free(c->allocator, k->name);
			memory_free(c->allocator, k->value);
			memory_free(c->allocator, k);
		}
		next_section = s->next;
		memory_free(c->allocator, s->kind);
		memory_free(c->allocator, s->name);
		memory_free(c->allocator, s);
	}
	memory_free(c->allocator, c->file_name);
	memory_free(c->allocator, c);
}

/* ---- sections --------------------------------------------------------------------------------- */

struct config_section *config_section(struct config *c, const char *kind, const char *name)
{
	struct config_section *s = config_section_find(c, kind, name ? name : "");
	if (s == NULL)
		s = config_section_add(c, kind, strlen(kind), name ? name : "", name ? strlen(name) : 0, 0);
	if (s == NULL)
		s = &c->nowhere;
	s->is_known = true;
	return s;
}

struct config_section *config_next(struct config *c, const char *kind, const struct config_section *previous)
{
	struct config_section *s = previous ? previous->next : c->sections;
	while (s && (strcmp(s->kind, kind) != 0 || s->line == 0))
		s = s->next;
	if (s)
		s->is_known = true;
	return s;
}

const char *config_section_name(const struct config_section *s)
{
	return s->name;
}

unsigned config_section_line(const struct config_section *s)
{
	return s->line;
}

static struct config_key *config_find(const struct config_section *s, const char *key)
{
	for (struct config_key *k = s->keys; k; k = k->next)
		if (strcmp(k->name, key) == 0)
			return k;
	return NULL;
}

bool config_has(const struct config_section *s, const char *key)
{
	return config_find(s, key) != NULL;
}

/* ---- getters ---------------------------------------------------------------------------------- */

static struct config_key *config_take(struct config_section *s, const char *key)
{
	struct config_key *k = config_find(s, key);
	if (k)
		k->is_consumed = true;
	return k;
}

const char *config_string(struct config_section *s, const char *key, const char *fallback)
{
	const struct config_key *k = config_take(s, key);
	return k ? k->value : fallback;
}

const char *config_required(struct config_section *s, const char *key)
{
	const struct config_key *k = config_take(s, key);
	if (k && k->value[0])
		return k->value;
	config_fail(s, key, CAROUSEL_E_NOT_FOUND, "must be set");
	return "";
}

struct config_unit {
	int (*parse)(const char *, uint64_t *);
	const char *form; /* what the message asks for */
	uint64_t divisor; /* the range is shown in this unit */
	const char *shown;
};

static uint64_t config_number(struct config_section *s, const char *key, uint64_t fallback, uint64_t min, uint64_t max,
	const struct config_unit *unit)
{
	const struct config_key *k = config_take(s, key);
	uint64_t value;
	int result;
	if (k == NULL)
		return fallback;
	result = unit->parse(k->value, &value);
	if (result == CAROUSEL_E_SYNTAX) {
		config_fail(s, key, result, "\"%s\" is not %s", k->value, unit->form);
		return fallback;
	}
	if (result != 0 || value < min || value > max) {
		config_fail(s, key, CAROUSEL_E_RANGE, "%s is not within %llu to %llu%s", k->value,
			(unsigned long long)(min / unit->divisor), (unsigned long long)(max / unit->divisor),
			unit->shown);
		return fallback;
	}
	return value;
}

uint64_t config_u64(struct config_section *s, const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
	static const struct config_unit unit = {units_parse_u64, "a whole number", 1, ""};
	return config_number(s, key, fallback, min, max, &unit);
}

uint64_t config_bytes(struct config_section *s, const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
	static const struct config_unit unit = {units_parse_bytes, "a number of bytes (suffix K, M or G)", 1, " bytes"};
	return config_number(s, key, fallback, min, max, &unit);
}

uint64_t config_rate_bps(struct config_section *s, const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
	static const struct config_unit unit = {
		units_parse_rate, "a rate in bits per second (suffix k, M or G)", 1, " bit/s"};
	return config_number(s, key, fallback, min, max, &unit);
}

uint64_t config_duration_ns(struct config_section *s, const char *key, uint64_t fallback, uint64_t min, uint64_t max)
{
	static const struct config_unit unit = {
		units_parse_duration, "a duration (suffix ms, s, m, h or d)", 1000000, " ms"};
	return config_number(s, key, fallback, min, max, &unit);
}

double config_share(struct config_section *s, const char *key, double fallback, double min, double max)
{
	const struct config_key *k = config_take(s, key);
	double value;
	int result;
	if (k == NULL)
		return fallback;
	result = units_parse_share(k->value, &value);
	if (result == 0 && value >= min && value <= max)
		return value;
	config_fail(s, key, result == CAROUSEL_E_SYNTAX ? result : CAROUSEL_E_RANGE,
		"\"%s\" is not a share within %g to %g (or the same in %%)", k->value, min, max);
	return fallback;
}

bool config_bool(struct config_section *s, const char *key, bool fallback)
{
	const struct config_key *k = config_take(s, key);
	int value = fallback;
	if (k && units_parse_bool(k->value, &value) != 0)
		config_fail(s, key, CAROUSEL_E_UNKNOWN_WORD, "\"%s\" is neither yes nor no", k->value);
	return value != 0;
}

int config_enum(struct config_section *s, const char *key, int fallback, const char *const *words)
{
	const struct config_key *k = config_take(s, key);
	char list[256] = "";
	if (k == NULL)
		return fallback;
	for (int i = 0; words[i]; i++) {
		size_t at = strlen(list);
		if (strcmp(k->value, words[i]) == 0)
			return i;
		snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", words[i]);
	}
	config_fail(s, key, CAROUSEL_E_UNKNOWN_WORD, "\"%s\" is none of %s", k->value, list);
	return fallback;
}

void config_fail(struct config_section *s, const char *key, int code, const char *format, ...)
{
	const struct config_key *k = key ? config_find(s, key) : NULL;
	const char *name = key ? key : "", *colon = key ? ": " : "";
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (k || s->line || s->kind[0] == '\0')
		config_error_at(s->config, k ? k->line : s->line, code, "%s%s%s", name, colon, text);
	else
		config_error_at(s->config, 0, code, "[%s%s%s]: %s%s%s", s->kind, s->name[0] ? " " : "", s->name, name,
			colon, text);
}

int config_end(struct config *c)
{
	for (const struct config_section *s = c->sections; s && c->error == 0; s = s->next) {
		if (!s->is_known && s->line && s->kind[0])
			config_error_at(c, s->line, CAROUSEL_E_UNKNOWN_WORD, "unknown section [%s%s%s]", s->kind,
				s->name[0] ? " " : "", s->name);
		for (const struct config_key *k = s->keys; k && c->error == 0; k = k->next)
			if (!k->is_consumed)
				config_error_at(c, k->line, CAROUSEL_E_UNKNOWN_WORD, "unknown key \"%s\"", k->name);
	}
	return c->error;
}

const char *config_error(const struct config *c)
{
	return c->message;
}
