#include "sim/headend.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "policy-map/chunk_index.h"

#include <stdio.h>
#include <string.h>

enum { HEADEND_ROOT_KEY, HEADEND_MAP_KEY, HEADEND_IMAGE_KEY, HEADEND_HEARTBEAT_KEY, HEADEND_NUM_KEYS };

/* ---- documents ------------------------------------------------------------------------------------ */

static int headend_sign(const struct headend *h, const char *type, const void *payload, size_t len, unsigned key,
	char **text, size_t *text_len)
{
	struct key_signer signer = key_secret_signer((struct key_secret *)(uintptr_t)&h->keys[key]);
	struct envelope envelope;
	int result = envelope_init(h->allocator, &envelope, type, payload, len);
	if (result != 0)
		return result;
	result = envelope_sign(&envelope, &signer);
	if (result == 0)
		result = envelope_print(h->allocator, &envelope, text, text_len);
	envelope_deinit(h->allocator, &envelope);
	return result;
}

static int headend_make_root(struct headend *h)
{
	static const char *const roles[] = {TRUST_ROLE_ROOT, TRUST_ROLE_MAP, TRUST_ROLE_IMAGE, TRUST_ROLE_HEARTBEAT};
	struct trust_root *root = memory_alloc(h->allocator, 1, sizeof *root);
	char *payload = NULL;
	size_t len;
	int result = root ? 0 : CAROUSEL_E_MEMORY;
	for (unsigned i = 0; i < HEADEND_NUM_KEYS && result == 0; i++) {
		uint8_t seed[KEY_SEED_BYTES];
		memset(seed, (int)i + 1, sizeof seed);
		result = key_secret_init(&h->keys[i], KEY_ED25519, seed);
		snprintf(root->roles[i].name, sizeof root->roles[i].name, "%s", roles[i]);
		root->roles[i].threshold = root->roles[i].num_keys = 1;
		memcpy(root->roles[i].key_ids[0], h->keys[i].public_key.id, KEY_ID_BYTES);
		root->keys[i] = h->keys[i].public_key;
	}
	if (result == 0) {
		root->version = root->epoch = 1;
		root->num_roles = root->num_keys = HEADEND_NUM_KEYS;
		result = trust_root_print(h->allocator, root, &payload, &len);
	}
	if (result == 0)
		result = headend_sign(
			h, ENVELOPE_TYPE_ROOT, payload, len, HEADEND_ROOT_KEY, &h->root_text, &h->root_len);
	memory_free(h->allocator, payload);
	memory_free(h->allocator, root);
	h->heartbeat_signer = key_secret_signer(&h->keys[HEADEND_HEARTBEAT_KEY]);
	return result;
}

static int headend_make_maps(struct headend *h, const struct scenario_digests *digests)
{
	int result = moments_init(&h->moments, h->allocator, h->scenario, digests);
	for (size_t i = 0; i < h->scenario->num_maps && result == 0; i++) {
		const struct policy_map *map = h->moments.maps[i];
		char *text;
		size_t len;
		result = scenario_map_text(h->scenario, &h->scenario->maps[i], digests, &text, &len);
		if (result != 0)
			break;
		result = headend_sign(
			h, ENVELOPE_TYPE_MAP, text, len, HEADEND_MAP_KEY, &h->maps[i].text, &h->maps[i].len);
		memory_free(h->scenario->allocator, text);
		h->maps[i].info = (struct tx_map_info){.epoch = map->epoch, .serial = map->serial};
		memcpy(h->maps[i].info.sha256, map->sha256, sizeof map->sha256);
	}
	return result;
}

/* ---- images ----------------------------------------------------------------------------------------- */

void headend_image_bytes(const char *class_name, uint32_t version, uint64_t offset, uint8_t *out, size_t len)
{
	uint64_t seed = version;
	for (; *class_name; class_name++)
		seed = seed * 257 + (uint8_t)*class_name;
	while (len) {
		const uint64_t chunk = offset / CHUNK_INDEX_CHUNK_BYTES;
		size_t at = (size_t)(offset % CHUNK_INDEX_CHUNK_BYTES), left = CHUNK_INDEX_CHUNK_BYTES - at;
		uint8_t bytes[CHUNK_INDEX_CHUNK_BYTES];
		struct random_stream random;
		random_init(&random, seed, chunk);
		for (size_t i = 0; i < sizeof bytes; i += 8) {
			const uint64_t word = random_u64(&random);
			memcpy(bytes + i, &word, 8);
		}
		left = left < len ? left : len;
		memcpy(out, bytes + at, left);
		out += left;
		offset += left;
		len -= left;
	}
}

/* An index of chunks that nobody has: digests drawn from the image's own. */
static int headend_name_index(struct headend *h, struct headend_image *image)
{
	const struct chunk_index_header header = {image->len, chunk_index_chunks(image->len)};
	struct random_stream random;
	image->index_len = (size_t)chunk_index_bytes(image->len);
	image->index = memory_alloc(h->allocator, image->index_len, 1);
	if (image->index == NULL)
		return CAROUSEL_E_MEMORY;
	chunk_index_encode_header(image->index, &header);
	random_init(&random, image->manifest.version, image->len);
	for (uint64_t i = 0; i < header.num_chunks; i++) {
		struct chunk_index_record record = {
			.rolling = (uint32_t)random_u64(&random), .repeat = CHUNK_INDEX_UNIQUE};
		for (unsigned k = 0; k < sizeof record.digest; k++)
			record.digest[k] = (uint8_t)random_u64(&random);
		chunk_index_encode_record(image->index + chunk_index_offset(i), &record);
	}
	return hash_sha256(image->index, image->index_len, image->manifest.index_sha256);
}

static int headend_real_index(struct headend *h, struct headend_image *image)
{
	struct chunk_index_builder *builder = NULL;
	const uint8_t *file;
	int result;
	image->bytes = memory_alloc(h->allocator, (size_t)image->len, 1);
	if (image->bytes == NULL)
		return CAROUSEL_E_MEMORY;
	headend_image_bytes(image->manifest.class_name, image->manifest.version, 0, image->bytes, (size_t)image->len);
	result = hash_sha256(image->bytes, (size_t)image->len, image->manifest.sha256);
	if (result == 0)
		result = chunk_index_builder_new(h->allocator, image->len, &builder);
	if (result != 0)
		return result;
	result = chunk_index_builder_push(builder, image->bytes, (size_t)image->len);
	if (result == 0)
		result = chunk_index_builder_finish(builder, &file, &image->index_len);
	if (result == 0) {
		image->index = memory_alloc(h->allocator, image->index_len, 1);
		result = image->index ? hash_sha256(file, image->index_len, image->manifest.index_sha256)
				      : CAROUSEL_E_MEMORY;
	}
	if (result == 0)
		memcpy(image->index, file, image->index_len);
	chunk_index_builder_free(builder);
	if (h->payload == HEADEND_DIGESTS) {
		memory_free(h->allocator, image->bytes);
		image->bytes = NULL;
	}
	return result;
}

static int headend_make_image(struct headend *h, size_t number, struct scenario_digests *digests)
{
	const struct scenario_image *source = &h->scenario->images[number];
	struct headend_image *image = &h->images[number];
	struct manifest *m = &image->manifest;
	char *payload;
	size_t len;
	int result;
	snprintf(m->class_name, sizeof m->class_name, "%s", source->class_name);
	m->version = source->version;
	m->index_chunk_bytes = CHUNK_INDEX_CHUNK_BYTES;
	m->restart = true;
	image->len = source->size_bytes;
	m->layout = source->layout;
	result = scenario_name_digests(source, digests);
	memcpy(m->sha256, digests->sha256, sizeof m->sha256);
	if (result == 0)
		result = h->payload == HEADEND_NAMES ? headend_name_index(h, image) : headend_real_index(h, image);
	m->index_bytes = image->index_len;
	if (result == 0)
		result = manifest_print(h->allocator, m, &payload, &len);
	if (result != 0)
		return result;
	memcpy(digests->sha256, m->sha256, sizeof m->sha256);
	result = hash_sha256(payload, len, digests->manifest);
	if (result == 0)
		result = headend_sign(h, ENVELOPE_TYPE_MANIFEST, payload, len, HEADEND_IMAGE_KEY, &image->manifest_text,
			&image->manifest_len);
	memory_free(h->allocator, payload);
	return result;
}

int headend_new(struct headend **out, const struct carousel_allocator *allocator, const struct scenario *s,
	enum headend_payload payload)
{
	struct scenario_digests digests[SCENARIO_MAX_IMAGES];
	struct headend *h = memory_alloc(allocator, 1, sizeof *h);
	int result;
	*out = NULL;
	if (h == NULL)
		return CAROUSEL_E_MEMORY;
	h->allocator = allocator;
	h->scenario = s;
	h->payload = payload;
	h->map_on_air = s->num_maps;
	h->channel = (struct tx_channel_config){.name = "main", .rate_bps = s->transmitter.rate_bps};
	result = headend_make_root(h);
	for (size_t i = 0; i < s->num_images && result == 0; i++)
		result = headend_make_image(h, i, &digests[i]);
	if (result == 0)
		result = headend_make_maps(h, digests);
	if (result == 0)
		*out = h;
	else
		headend_free(h);
	return result;
}

void headend_free(struct headend *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < SCENARIO_MAX_HEADENDS; i++) {
		tx_free(h->tx[i]);
		memory_free(h->allocator, h->counters[i].text);
	}
	for (size_t i = 0; i < SCENARIO_MAX_IMAGES; i++) {
		memory_free(h->allocator, h->images[i].manifest_text);
		memory_free(h->allocator, h->images[i].index);
		memory_free(h->allocator, h->images[i].bytes);
	}
	for (size_t i = 0; i < SCENARIO_MAX_MAPS; i++)
		memory_free(h->allocator, h->maps[i].text);
	moments_deinit(&h->moments);
	memory_free(h->allocator, h->root_text);
	memory_free(h->allocator, h);
}
