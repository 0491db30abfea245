/* config.h - INI configuration in which each key is consumed once and a key left over is an error.
 *
 * Getters never fail one by one: the first error is kept, with file and line, later getters give their
 * fallback, and config_end() is asked once:
 *
 *     struct config *c;
 *     result = config_parse(&c, NULL, text, len, "tx.ini");
 *     struct config_section *s = config_section(c, "transmitter", NULL);
 *     ttl = config_u64(s, "ttl", 1, 0, 255);
 *     for (s = config_next(c, "channel", NULL); s; s = config_next(c, "channel", s)) ...
 *     result = config_end(c);          and when it is not 0: config_error(c) is the line to show
 *     config_free(c);
 *
 * Text: "[kind]" or "[kind name]", "key = value", comments from '#' or ';' at the start of a line and from " ;" within
 * one; lines of at most 198 bytes. Keys before the first section belong to the section of kind "". */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_MAX_BYTES (256u * 1024u)

struct config;
struct config_section;

/* Copies what it needs of text and file_name (the latter only stands in messages). *out is set whenever there was
 * memory, so that config_error() can tell; free it in any case. Errors: SYNTAX, EXISTS (a key or a section twice),
 * LIMIT (text, lines, keys), MALFORMED (NUL bytes), MEMORY (then *out is NULL). */
int config_parse(
	struct config **out, const struct carousel_allocator *, const char *text, size_t len, const char *file_name);
void config_free(struct config *);

/* The section of that kind and name (name NULL: without a name). Marks it as known. When the text has no such section
 * every getter on it gives its fallback. Never NULL; lives as long as the config. */
struct config_section *config_section(struct config *, const char *kind, const char *name);
/* Sections of a kind in file order, with or without names: the first after `previous` (NULL: the first), or NULL. */
struct config_section *config_next(struct config *, const char *kind, const struct config_section *previous);
/* "" for a section without a name. */
const char *config_section_name(const struct config_section *);
/* Line of its "[...]", 0 when the text has none. */
unsigned config_section_line(const struct config_section *);
bool config_has(const struct config_section *, const char *key);

/* Typed getters: consume the key, or give the fallback when it is absent. Strings live as long as the config; the
 * fallback of config_string may be NULL. A value out of [min, max] is an error that names the range. */
const char *config_string(struct config_section *, const char *key, const char *fallback);
uint64_t config_u64(struct config_section *, const char *key, uint64_t fallback, uint64_t min, uint64_t max);
bool config_bool(struct config_section *, const char *key, bool fallback);
/* See common/units.h for the suffixes. */
uint64_t config_bytes(struct config_section *, const char *key, uint64_t fallback, uint64_t min, uint64_t max);
uint64_t config_rate_bps(struct config_section *, const char *key, uint64_t fallback, uint64_t min, uint64_t max);
uint64_t config_duration_ns(struct config_section *, const char *key, uint64_t fallback, uint64_t min, uint64_t max);
double config_share(struct config_section *, const char *key, double fallback, double min, double max);
/* Index of the value in a NULL-terminated list of words; the error lists them. */
int config_enum(struct config_section *, const char *key, int fallback, const char *const *words);
/* A string that must be there: absent is an error (NOT_FOUND), and "" is returned. */
const char *config_required(struct config_section *, const char *key);

/* For checks that the caller makes himself (an address, a path): sets the error, if it is the first, at the line of the
 * key (or of its section when the key is absent). key NULL: it is about the section as a whole. */
void config_fail(struct config_section *, const char *key, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* 0, or the first error; a key or a section that nobody asked for is one (UNKNOWN_WORD). */
int config_end(struct config *);
/* "tx.ini:12: ttl: 300 is not within 0 to 255"; "" when there is no error. Lives as long as the config. */
const char *config_error(const struct config *);

#endif
