/* Any sequence of datagrams to a whole receiver: dropped or used, never fatal, never at the boot loader.
 * Input: records of u8 (tenths of a second to wait), u16 big-endian length, so many bytes. */
#include "tests/fuzz/fuzz.h"

#include "carousel_rx.h"
#include "common/envelope.h"
#include "policy-map/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES (1u << 16)

/* ---- a box whose files are arrays ------------------------------------------------------------------ */

struct fuzz_file {
	uint8_t bytes[SLOT_BYTES];
	size_t len;
};

static struct fuzz_file fuzz_files[RX_NUM_FILES];

static int fuzz_size(void *user, enum carousel_rx_file file, uint64_t *bytes)
{
	(void)user;
	*bytes = file <= RX_SLOT_RUNNING ? SLOT_BYTES : fuzz_files[file].len;
	return 0;
}

static int fuzz_read(void *user, enum carousel_rx_file file, uint64_t off, void *dst, size_t len)
{
	(void)user;
	if (off > fuzz_files[file].len || len > fuzz_files[file].len - off)
		return CAROUSEL_E_NEED_MORE;
	memcpy(dst, fuzz_files[file].bytes + off, len);
	return 0;
}

static int fuzz_write(void *user, enum carousel_rx_file file, uint64_t off, const void *src, size_t len)
{
	(void)user;
	if (off > SLOT_BYTES || len > SLOT_BYTES - off)
		return CAROUSEL_E_NO_SPACE;
	memcpy(fuzz_files[file].bytes + off, src, len);
	if (off + len > fuzz_files[file].len)
		fuzz_files[file].len = (size_t)off + len;
	return 0;
}

static int fuzz_sync(void *user, enum carousel_rx_file file)
{
	(void)user;
	(void)file;
	return 0;
}

static int fuzz_truncate(void *user, enum carousel_rx_file file, uint64_t bytes)
{
	(void)user;
	if (bytes > SLOT_BYTES)
		return CAROUSEL_E_NO_SPACE;
	fuzz_files[file].len = (size_t)bytes;
	return 0;
}

static int fuzz_replace(void *user, enum carousel_rx_file file, const void *data, size_t len)
{
	fuzz_files[file].len = 0;
	return fuzz_write(user, file, 0, data, len);
}

static int fuzz_boot_state(void *user, struct carousel_boot_state *state)
{
	(void)user;
	*state = (struct carousel_boot_state){.target = 1, .is_confirmed = 1};
	return 0;
}

static int fuzz_boot_mark(void *user, int slot)
{
	(void)user;
	(void)slot;
	return 0;
}

/* Nobody who has no keys brings a box so far. */
static int fuzz_boot_try(void *user, int slot, unsigned tries)
{
	(void)user;
	(void)slot;
	(void)tries;
	abort();
}

/* ---- a root whose keys nobody has -------------------------------------------------------------------- */

static char *fuzz_root(size_t *len)
{
	static const char *const roles[] = {"root", "map", "image", "heartbeat"};
	static const uint8_t seed[KEY_SEED_BYTES] = {42};
	struct trust_root root = {.version = 1, .epoch = 1};
	struct key_secret secret;
	struct key_signer signer;
	struct envelope e;
	char *payload, *text;
	size_t payload_len;
	FUZZ_ASSERT(key_secret_init(&secret, KEY_ED25519, seed) == 0);
	root.keys[root.num_keys++] = secret.public_key;
	for (unsigned i = 0; i < 4; i++) {
		struct trust_role *role = &root.roles[root.num_roles++];
		snprintf(role->name, sizeof(role->name), "%s", roles[i]);
		role->threshold = role->num_keys = 1;
		memcpy(role->key_ids[0], secret.public_key.id, KEY_ID_BYTES);
	}
	FUZZ_ASSERT(trust_root_print(NULL, &root, &payload, &payload_len) == 0);
	FUZZ_ASSERT(envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, payload, payload_len) == 0);
	signer = key_secret_signer(&secret);
	FUZZ_ASSERT(envelope_sign(&e, &signer) == 0);
	FUZZ_ASSERT(envelope_print(NULL, &e, &text, len) == 0);
	envelope_deinit(NULL, &e);
	memory_free(NULL, payload);
	return text;
}

static void fuzz_work(struct carousel_rx *rx, uint64_t now_ns)
{
	for (unsigned i = 0; i < 10000; i++) {
		struct carousel_job *job = carousel_rx_next_job(rx);
		if (job) {
			carousel_job_run(job);
			FUZZ_ASSERT(carousel_rx_job_done(rx, job, now_ns) == 0);
		} else if (carousel_rx_deadline(rx) <= now_ns) {
			FUZZ_ASSERT(carousel_rx_on_deadline(rx, now_ns) == 0);
		} else {
			return;
		}
	}
	abort(); /* never at rest */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct carousel_rx_storage storage = {
		NULL, fuzz_size, fuzz_read, fuzz_write, fuzz_sync, fuzz_truncate, fuzz_replace};
	static const struct carousel_boot boot = {NULL, fuzz_boot_state, fuzz_boot_mark, fuzz_boot_try, fuzz_boot_mark};
	static char *root;
	static size_t root_len;
	struct carousel_rx_config config = {.storage = &storage,
		.boot = &boot,
		.box_id = "1",
		.hardware_class = "box",
		.version = "42",
		.tsi = 4001};
	struct carousel_rx *rx;
	uint64_t now_ns = 1;
	if (root == NULL)
		root = fuzz_root(&root_len);
	for (int i = 0; i < RX_NUM_FILES; i++)
		fuzz_files[i].len = i <= RX_SLOT_RUNNING ? SLOT_BYTES : 0;
	config.trust_root = root;
	config.trust_root_len = root_len;
	FUZZ_ASSERT(carousel_rx_new(&rx, &config, now_ns) == 0);
	while (len >= 3) {
		size_t size = (size_t)data[1] << 8 | data[2];
		struct carousel_datagram d = {.source = {.family = 4, .ip = {10}}};
		int result;
		size = size < len - 3 ? size : len - 3;
		now_ns += data[0] * 100000000u;
		d.data = data + 3;
		d.len = size;
		result = carousel_rx_recv(rx, &d, now_ns);
		FUZZ_ASSERT(!carousel_error_is_fatal(result));
		fuzz_work(rx, now_ns);
		data += 3 + size;
		len -= 3 + size;
	}
	FUZZ_ASSERT(carousel_rx_state(rx) == CAROUSEL_RX_WAITING_MAP);
	carousel_rx_free(rx);
	return 0;
}
