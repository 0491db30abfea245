#define OPENSSL_SUPPRESS_DEPRECATED
#include "policy-map/cli/token.h"

#include "common/carousel_error.h"
#include "common/memory.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct token {
	ENGINE *engine;
	EVP_PKEY *key;
};

bool token_is_uri(const char *name)
{
	return strncmp(name, "pkcs11:", 7) == 0;
}

static int fail(const struct cli *cli, const char *uri, const char *what)
{
	char reason[256] = "";
	unsigned long code = ERR_peek_last_error();
	if (code)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return cli_fail(cli, "%s: %s%s%s", uri, what, reason[0] ? ": " : "", reason);
}

static int token_sign(
	void *user, const void *message, size_t len, uint8_t signature[KEY_MAX_SIGNATURE_BYTES], size_t *signature_len)
{
	struct token *t = user;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int result = CAROUSEL_E_PERMISSION;
	*signature_len = KEY_MAX_SIGNATURE_BYTES;
	if (context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, t->key) == 1 &&
		EVP_DigestSign(context, signature, signature_len, message, len) == 1)
		result = 0;
	EVP_MD_CTX_free(context);
	return result;
}

static int read_public(EVP_PKEY *key, struct key_public *public_key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der), result = CAROUSEL_E_UNSUPPORTED;
	if (len > 0)
		result = key_public_parse_der(public_key, der, (size_t)len);
	OPENSSL_free(der);
	return result == 0 && public_key->type != KEY_ECDSA_P256 ? CAROUSEL_E_UNSUPPORTED : result;
}

static ENGINE *open_engine(const char *pin)
{
	const char *module = getenv("PKCS11_MODULE_PATH");
	ENGINE *engine;
	ENGINE_load_builtin_engines();
	engine = ENGINE_by_id("pkcs11");
	if (engine == NULL)
		return NULL;
	if ((module && ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) != 1) || ENGINE_init(engine) != 1) {
		ENGINE_free(engine);
		return NULL;
	}
	if (ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) != 1) {
		ENGINE_finish(engine);
		ENGINE_free(engine);
		return NULL;
	}
	return engine;
}

int token_open(const struct cli *cli, const char *uri, const char *pin, struct token **out, struct key_signer *signer)
{
	struct token *t = memory_alloc(NULL, 1, sizeof *t);
	*out = NULL;
	if (t == NULL)
		return cli_fail(cli, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	t->engine = open_engine(pin);
	if (t->engine == NULL) {
		token_close(t);
		return fail(
			cli, uri, "no PKCS#11 engine (libengine-pkcs11-openssl) or no module ($PKCS11_MODULE_PATH)");
	}
	t->key = ENGINE_load_private_key(t->engine, uri, NULL, NULL);
	if (t->key == NULL) {
		token_close(t);
		return fail(cli, uri, "no such key, or a wrong PIN");
	}
	if (read_public(t->key, &signer->public_key) != 0) {
		token_close(t);
		return fail(cli, uri, "only keys of ECDSA P-256 can sign");
	}
	signer->user = t;
	signer->sign = token_sign;
	*out = t;
	return CLI_OK;
}

void token_close(struct token *t)
{
	if (t == NULL)
		return;
	EVP_PKEY_free(t->key);
	if (t->engine) {
		ENGINE_finish(t->engine);
		ENGINE_free(t->engine);
	}
	memory_free(NULL, t);
}
