/* check.h - what must be true of a document before anybody signs it. */
#ifndef POLICY_MAP_CLI_CHECK_H
#define POLICY_MAP_CLI_CHECK_H

#include "policy-map/cli/document.h"

/* The role whose keys sign a type of payload, and NULL for a type that nobody signs. */
const char *check_role_of(const char *payload_type);

/* Parses strictly (a map must have no errors of lint, beside `previous_path` when that is not NULL), refuses members
 * that are not known, and gives the bytes to be signed: a map's own text, or the deterministic form of a JSON document.
 * *payload is owned by the caller. Says what is wrong on stderr. */
int check_document(const struct cli *, const char *path, const struct document *, const char *previous_path,
	char **payload, size_t *len);

#endif
