/* token.h - keys that live in a PKCS#11 token (an HSM, a smart card) and never leave it.
 *
 * token.c alone uses OpenSSL's engine API, which is deprecated but is what Debian's libengine-pkcs11-openssl offers. */
#ifndef POLICY_MAP_CLI_TOKEN_H
#define POLICY_MAP_CLI_TOKEN_H

#include "common/io/cli.h"
#include "common/key.h"

#include <stdbool.h>

struct token;

/* True for names that are RFC 7512 URIs. */
bool token_is_uri(const char *name);
/* Opens the private key that a "pkcs11:..." URI names; ECDSA P-256 only. The module is that of $PKCS11_MODULE_PATH or
 * of p11-kit. Says on stderr what is wrong and returns an exit status. */
int token_open(const struct cli *, const char *uri, const char *pin, struct token **, struct key_signer *);
void token_close(struct token *);

#endif
