#include "policy-map/key_file.h"

#include "common/carousel_error.h"
#include "common/hash.h"
#include "common/json_fields.h"

#include <sodium.h>
#include <string.h>

#define FORMAT           "carousel-secret-key/1"
#define METHOD_NONE      "none"
#define METHOD_ARGON2ID  "argon2id13-xsalsa20-poly1305"
#define MAX_OPERATIONS   10u
#define MIN_MEMORY_BYTES 8192u
#define MAX_MEMORY_BYTES ((uint64_t)1 << 30)
#define SEALED_BYTES     (KEY_SEED_BYTES + crypto_secretbox_MACBYTES)
#define PEM_BEGIN        "-----BEGIN PUBLIC KEY-----"
#define PEM_END          "-----END PUBLIC KEY-----"

static int derive(uint8_t key[crypto_secretbox_KEYBYTES], const char *passphrase, size_t len, const uint8_t *salt,
	uint64_t operations, uint64_t memory_bytes)
{
	if (operations < 1 || operations > MAX_OPERATIONS || memory_bytes < MIN_MEMORY_BYTES ||
		memory_bytes > MAX_MEMORY_BYTES)
		return CAROUSEL_E_RANGE;
	return crypto_pwhash(key, crypto_secretbox_KEYBYTES, passphrase, len, salt, operations, (size_t)memory_bytes,
		       crypto_pwhash_ALG_ARGON2ID13) == 0
		       ? 0
		       : CAROUSEL_E_MEMORY;
}

static json_t *hex_string(const uint8_t *bytes, size_t len)
{
	char text[2 * KEY_MAX_DER_BYTES + 1];
	json_t *json = json_string(hash_hex(text, bytes, len));
	sodium_memzero(text, sizeof text);
	return json;
}

int key_file_print_secret(const struct carousel_allocator *a, const struct key_secret *secret,
	const struct key_file_protection *protection, char **text, size_t *len)
{
	uint8_t sealed[SEALED_BYTES], key[crypto_secretbox_KEYBYTES];
	json_t *json = json_pack("{s:s,s:s,s:o,s:s}", "format", FORMAT, "type", key_type_name(secret->public_key.type),
		"keyid", hex_string(secret->public_key.id, KEY_ID_BYTES), "method",
		protection ? METHOD_ARGON2ID : METHOD_NONE);
	int result = 0;
	if (protection) {
		result = derive(key, protection->passphrase, protection->passphrase_len, protection->salt,
			protection->operations, protection->memory_bytes);
		if (result) {
			json_decref(json);
			return result;
		}
		crypto_secretbox_easy(sealed, secret->seed, KEY_SEED_BYTES, protection->nonce, key);
		json_fields_set(&json, "operations", json_integer((json_int_t)protection->operations));
		json_fields_set(&json, "memory_bytes", json_integer((json_int_t)protection->memory_bytes));
		json_fields_set(&json, "salt", hex_string(protection->salt, KEY_FILE_SALT_BYTES));
		json_fields_set(&json, "nonce", hex_string(protection->nonce, KEY_FILE_NONCE_BYTES));
		json_fields_set(&json, "seed", hex_string(sealed, sizeof sealed));
		sodium_memzero(key, sizeof key);
	} else {
		json_fields_set(&json, "seed", hex_string(secret->seed, KEY_SEED_BYTES));
	}
	result = json_fields_print(a, json, text, len);
	if (result == 0)
		(*text)[(*len)++] = '\n'; /* in place of the NUL, which files do not want */
	return result;
}

static int open_seed(struct json_fields *f, uint8_t seed[KEY_SEED_BYTES], const char *passphrase, size_t len)
{
	uint8_t salt[KEY_FILE_SALT_BYTES], nonce[KEY_FILE_NONCE_BYTES], sealed[SEALED_BYTES],
		key[crypto_secretbox_KEYBYTES];
	uint64_t operations = json_fields_u64(f, "operations", 1, MAX_OPERATIONS);
	uint64_t memory_bytes = json_fields_u64(f, "memory_bytes", MIN_MEMORY_BYTES, MAX_MEMORY_BYTES);
	int result;
	json_fields_hex(f, "salt", salt, sizeof salt);
	json_fields_hex(f, "nonce", nonce, sizeof nonce);
	json_fields_hex(f, "seed", sealed, sizeof sealed);
	if (f->error)
		return f->error;
	if (passphrase == NULL)
		return CAROUSEL_E_NEED_MORE;
	result = derive(key, passphrase, len, salt, operations, memory_bytes);
	if (result == 0 && crypto_secretbox_open_easy(seed, sealed, sizeof sealed, nonce, key) != 0)
		result = CAROUSEL_E_PERMISSION;
	sodium_memzero(key, sizeof key);
	return result;
}

static int parse_secret(struct key_secret *secret, struct json_fields *f, const char *passphrase, size_t len)
{
	char format[32], type_name[32], method[40];
	uint8_t seed[KEY_SEED_BYTES], id[KEY_ID_BYTES];
	enum key_type type;
	int result = 0;
	json_fields_string(f, "format", format, sizeof format);
	json_fields_string(f, "type", type_name, sizeof type_name);
	json_fields_string(f, "method", method, sizeof method);
	json_fields_hex(f, "keyid", id, sizeof id);
	if (f->error)
		return f->error;
	if (strcmp(format, FORMAT) != 0 || key_type_parse(type_name, &type) != 0)
		return CAROUSEL_E_UNSUPPORTED;
	if (strcmp(method, METHOD_NONE) == 0) {
		json_fields_hex(f, "seed", seed, sizeof seed);
		result = f->error;
	} else {
		result = strcmp(method, METHOD_ARGON2ID) == 0 ? open_seed(f, seed, passphrase, len)
							      : CAROUSEL_E_UNSUPPORTED;
	}
	if (result == 0)
		result = key_secret_init(secret, type, seed);
	if (result == 0 && memcmp(secret->public_key.id, id, sizeof id) != 0) {
		key_secret_deinit(secret);
		result = CAROUSEL_E_MALFORMED;
	}
	sodium_memzero(seed, sizeof seed);
	return result;
}

int key_file_parse_secret(
	struct key_secret *secret, const char *text, size_t len, const char *passphrase, size_t passphrase_len)
{
	struct json_fields f;
	json_t *json;
	int result = json_fields_load(text, len, KEY_FILE_MAX_BYTES, &json);
	memset(secret, 0, sizeof *secret);
	if (result)
		return result;
	json_fields_init(&f, json);
	result = f.error ? f.error : parse_secret(secret, &f, passphrase, passphrase_len);
	json_decref(json);
	return result;
}

int key_file_print_public(const struct carousel_allocator *a, const struct key_public *key, char **text, size_t *len)
{
	uint8_t der[KEY_MAX_DER_BYTES];
	char base64[sodium_base64_ENCODED_LEN(KEY_MAX_DER_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	size_t der_len = key_public_der(key, der), base64_len;
	char *out = memory_alloc(a, sizeof PEM_BEGIN + sizeof PEM_END + sizeof base64 + 8, 1), *p = out;
	if (out == NULL)
		return CAROUSEL_E_MEMORY;
	sodium_bin2base64(base64, sizeof base64, der, der_len, sodium_base64_VARIANT_ORIGINAL);
	base64_len = strlen(base64);
	p = stpcpy(p, PEM_BEGIN "\n");
	for (size_t at = 0; at < base64_len; at += 64) {
		size_t n = base64_len - at < 64 ? base64_len - at : 64;
		memcpy(p, base64 + at, n);
		p += n;
		*p++ = '\n';
	}
	p = stpcpy(p, PEM_END "\n");
	*text = out;
	*len = (size_t)(p - out);
	return 0;
}

int key_file_parse_public(struct key_public *key, const char *text, size_t len)
{
	uint8_t der[KEY_MAX_DER_BYTES];
	const char *begin, *end;
	size_t der_len;
	if (len > KEY_FILE_MAX_BYTES)
		return CAROUSEL_E_LIMIT;
	begin = memmem(text, len, PEM_BEGIN, sizeof PEM_BEGIN - 1);
	if (begin == NULL)
		return CAROUSEL_E_SYNTAX;
	begin += sizeof PEM_BEGIN - 1;
	end = memmem(begin, len - (size_t)(begin - text), PEM_END, sizeof PEM_END - 1);
	if (end == NULL)
		return CAROUSEL_E_SYNTAX;
	if (sodium_base642bin(der, sizeof der, begin, (size_t)(end - begin), "\r\n", &der_len, NULL,
		    sodium_base64_VARIANT_ORIGINAL) != 0)
		return CAROUSEL_E_MALFORMED;
	return key_public_parse_der(key, der, der_len);
}
