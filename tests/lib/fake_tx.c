#include "tests/lib/fake_tx.h"

#include "common/gzip.h"
#include "fec/fec.h"
#include "policy-map/chunk_index.h"
#include "policy-map/heartbeat.h"
#include "tests/lib/test.h"

#include <stdio.h>

static void fake_role(struct trust_root *root, const char *name, const struct key_public *key)
{
	struct trust_role *role = &root->roles[root->num_roles++];
	snprintf(role->name, sizeof(role->name), "%s", name);
	role->threshold = role->num_keys = 1;
	memcpy(role->key_ids[0], key->id, KEY_ID_BYTES);
}

void fake_tx_init(struct fake_tx *tx, uint32_t tsi, uint8_t key_seed)
{
	static const char *const roles[] = {TRUST_ROLE_ROOT, TRUST_ROLE_MAP, TRUST_ROLE_IMAGE, TRUST_ROLE_HEARTBEAT};
	char *payload;
	size_t len;
	memset(tx, 0, sizeof(*tx));
	tx->tsi = tsi;
	tx->fdt_id = 1;
	tx->flute_version = 2;
	tx->next_toi = 1;
	tx->time_s = 1795000000;
	tx->scheme = FEC_REED_SOLOMON_GF256;
	for (unsigned i = 0; i < FAKE_NUM_KEYS; i++) {
		uint8_t seed[KEY_SEED_BYTES];
		memset(seed, key_seed + (int)i, sizeof(seed));
		assert_int_equal(key_secret_init(&tx->keys[i], KEY_ED25519, seed), 0);
	}
	tx->root = (struct trust_root){.version = 1, .epoch = 1};
	for (unsigned i = 0; i < 4; i++) {
		tx->root.keys[tx->root.num_keys++] = tx->keys[i].public_key;
		fake_role(&tx->root, roles[i], &tx->keys[i].public_key);
	}
	assert_int_equal(trust_root_print(NULL, &tx->root, &payload, &len), 0);
	tx->root_text = fake_tx_sign(tx, ENVELOPE_TYPE_ROOT, payload, len, FAKE_KEY_ROOT);
	memory_free(NULL, payload);
}

void fake_tx_deinit(struct fake_tx *tx)
{
	for (unsigned i = 0; i < tx->num_objects; i++)
		free(tx->objects[i].bytes);
	free(tx->root_text);
}

char *fake_tx_sign(struct fake_tx *tx, const char *type, const void *payload, size_t len, enum fake_key key)
{
	struct key_signer signer = key_secret_signer(&tx->keys[key]);
	struct envelope e;
	char *text;
	size_t text_len;
	assert_int_equal(envelope_init(NULL, &e, type, payload, len), 0);
	assert_int_equal(envelope_sign(&e, &signer), 0);
	assert_int_equal(envelope_print(NULL, &e, &text, &text_len), 0);
	envelope_deinit(NULL, &e);
	return text;
}

/* ---- objects -------------------------------------------------------------------------------------- */

static struct fake_object *fake_slot(struct fake_tx *tx, const char *role, const char *class_name, uint32_t version)
{
	for (unsigned i = 0; i < tx->num_objects; i++) {
		struct fake_object *o = &tx->objects[i];
		if (strcmp(o->role, role) == 0 && strcmp(o->class_name, class_name) == 0 && o->version == version) {
			free(o->bytes);
			return o;
		}
	}
	assert_true(tx->num_objects < FAKE_TX_MAX_OBJECTS);
	return &tx->objects[tx->num_objects++];
}

static struct fake_object *fake_put(struct fake_tx *tx, const char *role, const char *class_name, uint32_t version,
	const void *bytes, size_t len, const struct object_layout *layout)
{
	struct fake_object *o = fake_slot(tx, role, class_name, version);
	memset(o, 0, sizeof(*o));
	o->toi = tx->next_toi++;
	o->layout = *layout;
	o->version = version;
	snprintf(o->role, sizeof(o->role), "%s", role);
	snprintf(o->class_name, sizeof(o->class_name), "%s", class_name);
	o->bytes = calloc(1, (size_t)layout->oti.transfer_length + 1);
	assert_non_null(o->bytes);
	memcpy(o->bytes, bytes, len);
	tx->fdt_id++;
	return o;
}

static struct object_layout fake_plain_layout(size_t len, uint8_t encoding_id)
{
	const struct object_layout_wish wish = {.kind = OBJECT_LINEAR,
		.encoding_id = encoding_id,
		.symbol_size = FAKE_TX_SYMBOL_BYTES,
		.block_symbols = 64,
		.max_encoding_symbols = encoding_id == FEC_REED_SOLOMON_GF256 ? 96 : 0};
	struct object_layout layout;
	assert_int_equal(object_layout_choose(&layout, &wish, len), 0);
	return layout;
}

struct fake_object *fake_tx_put(
	struct fake_tx *tx, const char *role, const char *class_name, const void *bytes, size_t len)
{
	struct object_layout layout =
		fake_plain_layout(len, len > FAKE_TX_SYMBOL_BYTES ? FEC_REED_SOLOMON_GF256 : FEC_COMPACT_NO_CODE);
	return fake_put(tx, role, class_name, 0, bytes, len, &layout);
}

void fake_tx_put_map(struct fake_tx *tx, const char *map_text)
{
	char *text = fake_tx_sign(tx, ENVELOPE_TYPE_MAP, map_text, strlen(map_text), FAKE_KEY_MAP);
	fake_tx_put(tx, "map", "", text, strlen(text));
	free(text);
}

void fake_tx_remove(struct fake_tx *tx, const char *role, uint32_t version)
{
	for (unsigned i = 0; i < tx->num_objects; i++) {
		struct fake_object *o = &tx->objects[i];
		if (strcmp(o->role, role) == 0 && o->version == version) {
			free(o->bytes);
			*o = tx->objects[--tx->num_objects];
			tx->fdt_id++;
			return;
		}
	}
	fail_msg("no such object");
}

/* ---- images --------------------------------------------------------------------------------------- */

static void fake_image_index(struct fake_image *image)
{
	struct chunk_index_builder *builder;
	const uint8_t *file;
	size_t len;
	assert_int_equal(chunk_index_builder_new(NULL, image->len, &builder), 0);
	assert_int_equal(chunk_index_builder_push(builder, image->bytes, image->len), 0);
	assert_int_equal(chunk_index_builder_finish(builder, &file, &len), 0);
	image->manifest.index_chunk_bytes = CHUNK_INDEX_CHUNK_BYTES;
	image->manifest.index_bytes = len;
	assert_int_equal(hash_sha256(file, len, image->manifest.index_sha256), 0);
	chunk_index_builder_free(builder);
}

void fake_image_init_bytes(struct fake_image *image, struct fake_tx *tx, const char *class_name, uint32_t version,
	const uint8_t *bytes, const struct object_layout *layout)
{
	struct manifest *m = &image->manifest;
	char *payload;
	size_t payload_len;
	memset(image, 0, sizeof(*image));
	image->len = (size_t)layout->image_bytes;
	image->bytes = malloc(image->len);
	assert_non_null(image->bytes);
	memcpy(image->bytes, bytes, image->len);
	snprintf(m->class_name, sizeof(m->class_name), "%s", class_name);
	m->version = version;
	m->layout = *layout;
	assert_int_equal(hash_sha256(image->bytes, image->len, m->sha256), 0);
	fake_image_index(image);
	assert_int_equal(manifest_print(NULL, m, &payload, &payload_len), 0);
	assert_int_equal(hash_sha256(payload, payload_len, image->manifest_sha256), 0);
	image->manifest_text = fake_tx_sign(tx, ENVELOPE_TYPE_MANIFEST, payload, payload_len, FAKE_KEY_IMAGE);
	memory_free(NULL, payload);
}

void fake_image_init(struct fake_image *image, struct fake_tx *tx, const char *class_name, uint32_t version, size_t len,
	uint64_t seed)
{
	const struct object_layout_wish wish = {.kind = OBJECT_STRIPED,
		.encoding_id = tx->scheme,
		.symbol_size = FAKE_TX_SYMBOL_BYTES,
		.block_symbols = 64,
		.max_encoding_symbols = tx->scheme == FEC_REED_SOLOMON_GF256 ? 128 : 0};
	struct object_layout layout;
	uint8_t *bytes = malloc(len);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)test_random(&seed);
	assert_int_equal(object_layout_choose(&layout, &wish, len), 0);
	fake_image_init_bytes(image, tx, class_name, version, bytes, &layout);
	free(bytes);
}

void fake_image_deinit(struct fake_image *image)
{
	free(image->bytes);
	free(image->manifest_text);
}

void fake_image_line(const struct fake_image *image, char *line, size_t cap)
{
	char sha256[HASH_SHA256_TEXT_BYTES], manifest[HASH_SHA256_TEXT_BYTES];
	hash_sha256_text(sha256, image->manifest.sha256);
	hash_sha256_text(manifest, image->manifest_sha256);
	snprintf(line, cap, "image %s %u %s size=%zu manifest=%s\n", image->manifest.class_name,
		image->manifest.version, sha256, image->len, manifest);
}

struct fake_object *fake_tx_put_image(struct fake_tx *tx, const struct fake_image *image)
{
	const struct manifest *m = &image->manifest;
	struct chunk_index_builder *builder;
	struct fake_object *o;
	struct object_layout layout;
	const uint8_t *file;
	size_t len;
	assert_int_equal(chunk_index_builder_new(NULL, image->len, &builder), 0);
	assert_int_equal(chunk_index_builder_push(builder, image->bytes, image->len), 0);
	assert_int_equal(chunk_index_builder_finish(builder, &file, &len), 0);
	layout = fake_plain_layout(len, FEC_REED_SOLOMON_GF256);
	o = fake_put(tx, "index", m->class_name, m->version, file, len, &layout);
	memcpy(o->sha256, m->sha256, sizeof(o->sha256));
	chunk_index_builder_free(builder);
	o = fake_put(tx, "image", m->class_name, m->version, image->bytes, image->len, &m->layout);
	memcpy(o->sha256, m->sha256, sizeof(o->sha256));
	return o;
}

/* ---- packets -------------------------------------------------------------------------------------- */

void fake_tx_send(struct fake_tx *tx, struct alc_packet *p, const uint8_t *payload, size_t len)
{
	uint8_t packet[4400];
	struct bytes_writer w;
	bytes_writer_init(&w, packet, sizeof(packet));
	p->lct.version = LCT_VERSION;
	p->lct.has_tsi = p->lct.has_toi = p->has_payload_id = true;
	p->lct.cci = tx->cci++;
	if (p->lct.tsi == 0)
		p->lct.tsi = tx->tsi;
	assert_int_equal(alc_write_header(&w, p), 0);
	bytes_write(&w, payload, len);
	assert_int_equal(w.error, 0);
	tx->send(tx->user, packet, w.len);
}

void fake_tx_send_heartbeat(struct fake_tx *tx, uint32_t epoch, uint64_t serial)
{
	const struct heartbeat h = {.session = "main",
		.sequence = ++tx->heartbeat_sequence,
		.time_s = tx->time_s,
		.epoch = epoch,
		.serial = serial,
		.rate_bps = 1000000};
	struct alc_packet p = {.has_fti = true};
	char payload[HEARTBEAT_MAX_BYTES], *text;
	size_t len;
	assert_int_equal(heartbeat_print(&h, payload, sizeof(payload), &len), 0);
	text = fake_tx_sign(tx, ENVELOPE_TYPE_HEARTBEAT, payload, len, FAKE_KEY_HEARTBEAT);
	len = strlen(text);
	p.lct.tsi = tx->tsi + 1;
	p.lct.toi = tx->heartbeat_sequence;
	p.lct.codepoint = FEC_COMPACT_NO_CODE;
	p.oti = (struct fec_oti){.transfer_length = len, .symbol_size = (uint16_t)len, .max_block_symbols = 1};
	assert_int_equal(fec_oti_check(&p.oti, NULL), 0);
	fake_tx_send(tx, &p, (const uint8_t *)text, len);
	free(text);
}

static void fake_fdt_file(struct fdt_file *f, const struct fake_object *o, char location[64])
{
	memset(f, 0, sizeof(*f));
	snprintf(location, 64, "carousel/%s/%llu", o->role, (unsigned long long)o->toi);
	f->toi = o->toi;
	f->content_location = location;
	f->content_encoding = o->encoding[0] ? o->encoding : NULL;
	f->has_content_length = f->has_transfer_length = f->has_oti = true;
	f->transfer_length = f->content_length = o->layout.oti.transfer_length;
	f->oti = o->layout.oti;
	memcpy(f->role, o->role, sizeof(f->role));
	memcpy(f->class_name, o->class_name, sizeof(o->class_name));
	f->version = o->version;
	f->has_sha256 = strcmp(o->role, "image") == 0 || strcmp(o->role, "index") == 0;
	memcpy(f->sha256, o->sha256, sizeof(f->sha256));
	f->layout = o->layout.kind;
}

void fake_tx_send_fdt_of(struct fake_tx *tx, const struct fdt *fdt)
{
	const size_t cap = 1u << 20;
	uint8_t *xml = malloc(cap), *packed;
	struct bytes_writer w;
	size_t packed_len;
	struct fec_oti oti = {.encoding_id = FEC_COMPACT_NO_CODE, .max_block_symbols = 64};
	assert_non_null(xml);
	bytes_writer_init(&w, xml, cap);
	assert_int_equal(fdt_write(&w, fdt, (uint8_t)tx->flute_version), 0);
	assert_int_equal(gzip_encode(NULL, xml, w.len, &packed, &packed_len), 0);
	free(xml);
	oti.transfer_length = packed_len;
	oti.symbol_size = tx->wide_fdt ? 128 : 1024;
	assert_true(packed_len <= 64 * (size_t)oti.symbol_size);
	assert_int_equal(fec_oti_check(&oti, NULL), 0);
	for (uint32_t esi = 0; (size_t)esi * oti.symbol_size < packed_len; esi++) {
		size_t off = (size_t)esi * oti.symbol_size, left = packed_len - off;
		struct alc_packet p = {.has_fti = true, .has_fdt = true, .has_cenc = true};
		p.oti = oti;
		p.id.esi = esi;
		p.flute_version = (uint8_t)tx->flute_version;
		p.fdt_instance_id = tx->fdt_id;
		p.content_encoding = ALC_CENC_GZIP;
		fake_tx_send(tx, &p, packed + off, left < oti.symbol_size ? left : oti.symbol_size);
	}
	memory_free(NULL, packed);
}

void fake_tx_send_fdt(struct fake_tx *tx)
{
	struct fdt_file files[FAKE_TX_MAX_OBJECTS];
	char locations[FAKE_TX_MAX_OBJECTS][64];
	const struct fdt fdt = {.expires_ntp_s = 4294967295u, .num_files = tx->num_objects, .files = files};
	for (unsigned i = 0; i < tx->num_objects; i++)
		fake_fdt_file(&files[i], &tx->objects[i], locations[i]);
	fake_tx_send_fdt_of(tx, &fdt);
}

struct fake_view {
	const struct fake_object *o;
	uint32_t sbn;
};

static int fake_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct fake_view *v = user;
	uint64_t at;
	int result = object_symbol_offset(&v->o->layout, v->sbn, esi, &at);
	uint8_t symbol[FAKE_TX_SYMBOL_BYTES] = {0};
	if (result == 0) {
		uint64_t left = v->o->layout.oti.transfer_length - at;
		memcpy(symbol, v->o->bytes + at, left < sizeof(symbol) ? (size_t)left : sizeof(symbol));
	}
	memcpy(dst, symbol + off, len);
	return 0;
}

static void fake_encode(const struct fake_object *o, uint32_t sbn, uint32_t esi, uint8_t *symbol)
{
	struct fake_view view = {o, sbn};
	const struct fec_symbols source = {&view, NULL, fake_read, NULL};
	struct fec_block block;
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	void *memory;
	size_t bytes;
	assert_int_equal(fec_block_of(&o->layout.oti, sbn, &block), 0);
	if (esi < block.num_source) {
		fake_read(&view, esi, 0, FAKE_TX_SYMBOL_BYTES, symbol);
		return;
	}
	bytes = fec_encoder_bytes(&block);
	memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(memory);
	assert_int_equal(fec_plan_new(NULL, &block, &plan), 0);
	assert_int_equal(fec_encoder_init(&encoder, memory, bytes, plan, &source), 0);
	assert_int_equal(fec_encoder_symbols(encoder, esi, 1, 1, symbol, FAKE_TX_SYMBOL_BYTES), 0);
	fec_encoder_deinit(encoder);
	fec_plan_free(plan);
	free(memory);
}

void fake_tx_send_symbol(struct fake_tx *tx, struct fake_object *o, uint32_t sbn, uint32_t esi)
{
	struct alc_packet p = {.has_fti = esi % 16 == 0, .oti = o->layout.oti};
	uint8_t symbol[FAKE_TX_SYMBOL_BYTES];
	size_t len = sizeof(symbol);
	struct fec_block block;
	uint64_t at;
	assert_int_equal(fec_block_of(&o->layout.oti, sbn, &block), 0);
	if (esi < block.num_source && object_symbol_offset(&o->layout, sbn, esi, &at) == OBJECT_PADDING)
		return;
	fake_encode(o, sbn, esi, symbol);
	if (o->layout.kind == OBJECT_LINEAR && sbn + 1 == o->layout.oti.num_blocks && esi + 1 == block.num_source &&
		o->layout.oti.transfer_length % len && o->layout.oti.encoding_id == FEC_COMPACT_NO_CODE)
		len = (size_t)(o->layout.oti.transfer_length % len);
	p.lct.toi = o->toi;
	p.lct.codepoint = o->layout.oti.encoding_id;
	p.id.sbn = sbn;
	p.id.esi = esi;
	fake_tx_send(tx, &p, symbol, len);
}

static void fake_pass_object(struct fake_tx *tx, struct fake_object *o)
{
	uint32_t most = 0;
	for (uint32_t sbn = 0; sbn < o->layout.oti.num_blocks; sbn++) {
		struct fec_block block;
		assert_int_equal(fec_block_of(&o->layout.oti, sbn, &block), 0);
		most = block.num_source > most ? block.num_source : most;
	}
	for (uint32_t i = 0; i < most; i++) {
		for (uint32_t sbn = 0; sbn < o->layout.oti.num_blocks; sbn++) {
			struct fec_block block;
			uint32_t esi;
			assert_int_equal(fec_block_of(&o->layout.oti, sbn, &block), 0);
			if (i >= block.num_source)
				continue;
			esi = (i + o->pass * block.num_source) % block.esi_limit;
			fake_tx_send_symbol(tx, o, sbn, esi);
		}
	}
	o->pass++;
}

void fake_tx_pass(struct fake_tx *tx)
{
	tx->time_s += 2;
	fake_tx_send_heartbeat(tx, 1, 1);
	fake_tx_send_fdt(tx);
	for (int images = 0; images < 2; images++)
		for (unsigned i = 0; i < tx->num_objects; i++)
			if ((strcmp(tx->objects[i].role, "image") == 0) == (images == 1) && !tx->objects[i].is_silent)
				fake_pass_object(tx, &tx->objects[i]);
}
