/* catalogue.h - the manifests of a catalogue directory, found by the digest of their payload. */
#ifndef POLICY_MAP_CLI_CATALOGUE_H
#define POLICY_MAP_CLI_CATALOGUE_H

#include "common/io/cli.h"
#include "policy-map/manifest.h"
#include "policy-map/trust.h"

#include <stdbool.h>

#define CATALOGUE_MAX_MANIFESTS 4096u

struct catalogue_entry {
	uint8_t sha256[HASH_SHA256_BYTES]; /* of the payload */
	struct manifest manifest;
	bool is_signed; /* as the role image of the trust asks for */
};

struct catalogue {
	struct catalogue_entry **entries;
	size_t count, cap;
};

/* Reads DIR/objects/<digest>/manifest.dsse, or the *.dsse and *.manifest files of DIR itself when it has no objects.
 * Without trust (NULL) no signature is looked at. A file that is no manifest is an error. */
int catalogue_load(const struct cli *, const char *dir, const struct trust *, struct catalogue *);
void catalogue_deinit(struct catalogue *);
/* NULL: none. Of several with this payload one that is signed. */
const struct catalogue_entry *catalogue_find(const struct catalogue *, const uint8_t sha256[HASH_SHA256_BYTES]);

#endif
