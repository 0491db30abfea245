/* signatures.h - what is said of who signed: shared by verify and trust verify. */
#ifndef POLICY_MAP_CLI_SIGNATURES_H
#define POLICY_MAP_CLI_SIGNATURES_H

#include "policy-map/cli/document.h"

/* What the keys of one role of one root say about an envelope: {"root_version","role","threshold","good","keys":[{
 * "keyid","type","state"}]}; state is "signed", "missing", "bad-signature" or "unknown-key". */
json_t *signatures_of_role(const struct trust_root *, const char *role, const struct envelope *, bool *good);
/* An array of such reports for people, on stdout. */
void signatures_print(const char *path, const json_t *reports);

#endif
