/* signatures.h - what is said of who signed: shared by verify and trust verify. */
#ifndef POLICY_MAP_CLI_SIGNATURES_H
#define POLICY_MAP_CLI_SIGNATURES_H

#include "policy-map/cli/document.h"

/* What the keys of one role of one root say about an envelope: {"root_version","role","threshold","good","keys":[{
 * "keyid","type","state"}]}; state is "signed", "missing", "bad-signature" or "unknown-key". */
json_t *signatures_of_role(const struct trust_root *, const char *role, const struct envelope *, bool *good);
/* Does the role name this key? */
bool signatures_has_part(const struct trust_root *, const char *role, const uint8_t key_id[KEY_ID_BYTES]);
/* A root counts signatures by its own keys of role root and by those of the root before it (NULL: not at hand).
 * CLI_FAILED, and a word on it, when the key `name` is none of them: what it signs would count for nothing. */
int signatures_check_root_signer(const struct cli *, const char *name, const uint8_t key_id[KEY_ID_BYTES],
	const struct trust_root *, const struct trust_root *before);
/* An array of such reports for people, on stdout. */
void signatures_print(const char *path, const json_t *reports);

#endif
