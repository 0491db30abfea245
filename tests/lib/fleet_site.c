#include "tests/lib/fleet_site.h"

#include "common/envelope.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fleet_site_open(const char *name, char path[FLEET_SITE_PATH_BYTES], struct fleet_db **db)
{
	snprintf(path, FLEET_SITE_PATH_BYTES, "/tmp/%s.%d", name, (int)getpid());
	return fleet_db_open(path, false, db);
}

void fleet_site_close(struct fleet_db *db, const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char file[FLEET_SITE_PATH_BYTES + 8];
	fleet_db_close(db);
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}

struct key_secret fleet_site_key(unsigned number)
{
	uint8_t seed[KEY_SEED_BYTES] = {1};
	struct key_secret key;
	memcpy(seed + 1, &number, sizeof number);
	if (key_secret_init(&key, KEY_ED25519, seed) != 0)
		abort();
	return key;
}

char *fleet_site_signed(const char *type, const char *payload, struct key_secret *key)
{
	const struct key_signer signer = key_secret_signer(key);
	struct envelope e;
	char *line;
	size_t len;
	if (envelope_init(NULL, &e, type, payload, strlen(payload)) != 0 || envelope_sign(&e, &signer) != 0 ||
		envelope_print(NULL, &e, &line, &len) != 0)
		abort();
	envelope_deinit(NULL, &e);
	return line;
}

void fleet_site_enrol(char *line, size_t cap, const char *box_id, const struct key_secret *key)
{
	uint8_t der[KEY_MAX_DER_BYTES];
	char base64[2 * KEY_MAX_DER_BYTES];
	sodium_bin2base64(
		base64, sizeof base64, der, key_public_der(&key->public_key, der), sodium_base64_VARIANT_ORIGINAL);
	snprintf(line, cap, "%s,%s\n", box_id, base64);
}
