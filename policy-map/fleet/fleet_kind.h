/* fleet_kind.h - what a file that is to be imported seems to be, by its first bytes: so that somebody who names the
 * wrong kind is told so, instead of getting a complaint about each line. */
#ifndef POLICY_MAP_FLEET_FLEET_KIND_H
#define POLICY_MAP_FLEET_FLEET_KIND_H

#include <stddef.h>

enum fleet_kind {
	FLEET_KIND_UNKNOWN,
	FLEET_KIND_REPORTS, /* lines of JSON */
	FLEET_KIND_LIST,    /* CSV of boxes and versions */
	FLEET_KIND_KEYS,    /* CSV of boxes and public keys */
	FLEET_KIND_MAP,     /* a version map, signed or not */
	FLEET_KIND_PACKED,  /* gzip, xz, zstd, bzip2, zip */
	FLEET_KIND_DATABASE /* SQLite */
};

/* Looks at the first line that is not blank. */
enum fleet_kind fleet_kind_of(const char *bytes, size_t len);
/* The delimiter of the first line: a comma, a semicolon or a tab; a comma when there is none of them. */
char fleet_kind_delimiter(const char *bytes, size_t len);

#endif
