/* catalogue.h - the manifests of a catalogue directory, found by the digest of their payload. */
#ifndef POLICY_MAP_CLI_CATALOGUE_H
#define POLICY_MAP_CLI_CATALOGUE_H

#include "common/io/cli.h"
#include "policy-map/manifest.h"

#define CATALOGUE_MAX_MANIFESTS 4096u

struct catalogue_entry {
	uint8_t sha256[HASH_SHA256_BYTES]; /* of the payload */
	struct manifest manifest;
};

struct catalogue {
	struct catalogue_entry **entries;
	size_t count, cap;
};

/* Reads DIR/objects/<digest>/manifest.dsse, or the *.dsse and *.manifest files of DIR itself when it has no objects.
 * Signatures are not looked at: that is for verify and for the headend. A file that is no manifest is an error. */
int catalogue_load(const struct cli *, const char *dir, struct catalogue *);
void catalogue_deinit(struct catalogue *);
const struct manifest *catalogue_find(const struct catalogue *, const uint8_t sha256[HASH_SHA256_BYTES]);

#endif
