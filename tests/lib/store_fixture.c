#include "tests/lib/store_fixture.h"

#include "carousel-rx/job.h"
#include "common/carousel_error.h"
#include "common/hash.h"
#include "policy-map/chunk_index.h"
#include "tests/lib/test.h"

#define FIXTURE_BYTES (4096u * 100 + 1234)

static const struct store_fixture_shape fixture_all[] = {
	{FEC_COMPACT_NO_CODE, 0, OBJECT_STRIPED, 1024, 64, 0, FIXTURE_BYTES, 1},
	{FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 1000, 70, 0, FIXTURE_BYTES, 2},
	{FEC_SMALL_BLOCK, FEC_INSTANCE_RS_VAND, OBJECT_STRIPED, 1024, 16, 32, FIXTURE_BYTES, 3},
	{FEC_SMALL_BLOCK, FEC_INSTANCE_ISA_L_CAUCHY, OBJECT_LINEAR, 512, 20, 30, FIXTURE_BYTES, 4},
	{FEC_REED_SOLOMON_GF256, 0, OBJECT_STRIPED, 1024, 100, 200, FIXTURE_BYTES, 5},
	{FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 90, 255, FIXTURE_BYTES, 6},
	{FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 100, 0, FIXTURE_BYTES, 7},
	{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 100, 0, FIXTURE_BYTES, 8},
};

const struct store_fixture_shape *store_fixture_shapes(unsigned *count)
{
	static struct store_fixture_shape here[sizeof fixture_all / sizeof *fixture_all];
	*count = 0;
	for (size_t i = 0; i < sizeof fixture_all / sizeof *fixture_all; i++)
		if (fec_scheme_is_available(fixture_all[i].encoding_id, fixture_all[i].instance_id))
			here[(*count)++] = fixture_all[i];
	return here;
}

static void fixture_make_index(struct store_fixture *f)
{
	struct chunk_index_builder *builder;
	const uint8_t *file;
	size_t len;
	assert_int_equal(chunk_index_builder_new(NULL, f->image.layout.image_bytes, &builder), 0);
	assert_int_equal(chunk_index_builder_push(builder, f->data, f->image.layout.image_bytes), 0);
	assert_int_equal(chunk_index_builder_finish(builder, &file, &len), 0);
	f->index = malloc(len);
	assert_non_null(f->index);
	memcpy(f->index, file, len);
	f->image.has_index = true;
	f->image.index_bytes = len;
	assert_int_equal(hash_sha256(file, len, f->image.index_sha256), 0);
	chunk_index_builder_free(builder);
}

void store_fixture_set_index(
	const struct store_fixture *f, struct store *store, const struct carousel_rx_storage *storage)
{
	if (storage->replace(storage->user, RX_INDEX, f->index, f->image.index_bytes) == 0)
		assert_int_equal(store_set_index(store), 0);
}

static void fixture_init(struct store_fixture *f, const struct store_fixture_shape *shape, bool has_repeats)
{
	const struct object_layout_wish wish = {.kind = shape->kind,
		.encoding_id = shape->encoding_id,
		.instance_id = shape->instance_id,
		.symbol_size = shape->symbol_size,
		.block_symbols = shape->block_symbols,
		.max_encoding_symbols = shape->max_encoding_symbols};
	uint64_t seed = shape->seed;
	memset(f, 0, sizeof(*f));
	assert_int_equal(object_layout_choose(&f->image.layout, &wish, shape->image_bytes), 0);
	f->data = malloc(shape->image_bytes);
	assert_non_null(f->data);
	for (uint64_t at = 0; at < shape->image_bytes; at++)
		f->data[at] = at / 4096 % 8 == 5 ? 0 : (uint8_t)test_random(&seed);
	for (uint64_t at = 14 * 4096; has_repeats && at < shape->image_bytes; at++)
		if (at / 4096 % 8 == 6)
			f->data[at] = f->data[6 * 4096 + at % 4096];
	assert_int_equal(hash_sha256(f->data, shape->image_bytes, f->image.sha256), 0);
	fixture_make_index(f);
	f->encoder = calloc(f->image.layout.oti.num_blocks, sizeof(*f->encoder));
	f->encoder_mem = calloc(f->image.layout.oti.num_blocks, sizeof(*f->encoder_mem));
	assert_true(f->encoder && f->encoder_mem);
}

void store_fixture_init(struct store_fixture *f, const struct store_fixture_shape *shape)
{
	fixture_init(f, shape, false);
}

void store_fixture_init_repeats(struct store_fixture *f, const struct store_fixture_shape *shape)
{
	fixture_init(f, shape, true);
}

void store_fixture_init_sub_blocks(
	struct store_fixture *f, const struct store_fixture_shape *shape, uint16_t sub_blocks)
{
	fixture_init(f, shape, false);
	if (sub_blocks <= 1)
		return;
	assert_int_equal(f->image.layout.kind, OBJECT_LINEAR);
	f->image.layout.oti.num_sub_blocks = sub_blocks;
	f->image.layout.oti.alignment = 4;
	assert_int_equal(fec_oti_check(&f->image.layout.oti, NULL), 0);
}

void store_fixture_deinit(struct store_fixture *f)
{
	for (uint32_t sbn = 0; sbn < f->image.layout.oti.num_blocks; sbn++) {
		if (f->encoder[sbn])
			fec_encoder_deinit(f->encoder[sbn]);
		free(f->encoder_mem[sbn]);
	}
	for (int i = 0; i < 2; i++)
		if (f->plan[i])
			fec_plan_free(f->plan[i]);
	free(f->encoder);
	free(f->encoder_mem);
	free(f->data);
	free(f->index);
}

uint32_t store_fixture_source(const struct store_fixture *f, uint32_t sbn)
{
	struct fec_block block;
	assert_int_equal(fec_block_of(&f->image.layout.oti, sbn, &block), 0);
	return block.num_source;
}

/* The i-th piece of a source symbol, as far as the image goes. Returns whether there is one. */
static bool fixture_piece(
	const struct store_fixture *f, uint32_t sbn, uint32_t esi, uint32_t i, struct object_piece *piece)
{
	const struct object_layout *l = &f->image.layout;
	if (object_symbol_piece(l, sbn, esi, i, piece))
		return false;
	if (piece->len > l->image_bytes - piece->image_offset)
		piece->len = (uint32_t)(l->image_bytes - piece->image_offset);
	return true;
}

/* Symbols of images with sub-blocks are put together from pieces, too. */
static void fixture_source_symbol(const struct store_fixture *f, uint32_t sbn, uint32_t esi, uint8_t *out)
{
	const struct object_layout *l = &f->image.layout;
	memset(out, 0, l->oti.symbol_size);
	for (uint32_t i = 0; i < l->oti.num_sub_blocks; i++) {
		struct object_piece piece;
		if (fixture_piece(f, sbn, esi, i, &piece))
			memcpy(out + piece.symbol_offset, f->data + piece.image_offset, piece.len);
	}
}

bool store_fixture_is_padding(const struct store_fixture *f, uint32_t sbn, uint32_t esi)
{
	struct object_piece piece;
	for (uint32_t i = 0; i < f->image.layout.oti.num_sub_blocks; i++)
		if (fixture_piece(f, sbn, esi, i, &piece))
			return false;
	return true;
}

bool store_fixture_is_own(const struct store_fixture *f, uint32_t sbn, uint32_t esi, const uint8_t *slot)
{
	for (uint32_t i = 0; i < f->image.layout.oti.num_sub_blocks; i++) {
		struct object_piece piece;
		if (fixture_piece(f, sbn, esi, i, &piece) &&
			memcmp(slot + piece.image_offset, f->data + piece.image_offset, piece.len) != 0)
			return false;
	}
	return true;
}

struct fixture_block {
	const struct store_fixture *f;
	uint32_t sbn;
};

static int fixture_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct fixture_block *b = user;
	uint8_t *symbol = malloc(b->f->image.layout.oti.symbol_size);
	fixture_source_symbol(b->f, b->sbn, esi, symbol);
	memcpy(dst, symbol + off, len);
	free(symbol);
	return 0;
}

static struct fec_encoder *fixture_encoder(struct store_fixture *f, uint32_t sbn)
{
	struct fixture_block user = {f, sbn};
	const struct fec_symbols symbols = {&user, NULL, fixture_read, NULL};
	struct fec_block block;
	size_t bytes;
	int which;
	if (f->encoder[sbn])
		return f->encoder[sbn];
	assert_int_equal(fec_block_of(&f->image.layout.oti, sbn, &block), 0);
	which = f->plan[0] && f->plan_source[0] != block.num_source;
	if (f->plan[which] == NULL) {
		assert_int_equal(fec_plan_new(NULL, &block, &f->plan[which]), 0);
		f->plan_source[which] = block.num_source;
	}
	bytes = (fec_encoder_bytes(&block) + 63) / 64 * 64;
	f->encoder_mem[sbn] = aligned_alloc(64, bytes ? bytes : 64);
	assert_int_equal(fec_encoder_init(&f->encoder[sbn], f->encoder_mem[sbn], bytes, f->plan[which], &symbols), 0);
	return f->encoder[sbn];
}

void store_fixture_warm(struct store_fixture *f)
{
	for (uint32_t sbn = 0; sbn < f->image.layout.oti.num_blocks; sbn++)
		if (f->image.layout.oti.encoding_id != FEC_COMPACT_NO_CODE)
			(void)fixture_encoder(f, sbn);
}

void store_fixture_symbol(struct store_fixture *f, uint32_t sbn, uint32_t esi, uint8_t *out)
{
	if (esi < store_fixture_source(f, sbn))
		fixture_source_symbol(f, sbn, esi, out);
	else
		assert_int_equal(
			fec_encoder_symbols(fixture_encoder(f, sbn), esi, 1, 1, out, f->image.layout.oti.symbol_size),
			0);
}

unsigned store_fixture_jobs(struct store *store, uint64_t now_ns)
{
	struct carousel_job *job;
	unsigned count = 0;
	while ((job = store_next_job(store, now_ns)) != NULL) {
		job->run(job);
		assert_int_equal(job->done(job, now_ns), 0);
		assert_true(++count < 1000000);
	}
	return count;
}

struct store *store_fixture_open_tight(const struct store_fixture *f, const struct carousel_rx_storage *storage)
{
	struct store_config config = {.storage = storage, .memory_bytes = 1u << 20};
	struct store *store;
	for (;; config.memory_bytes += 64u << 10) {
		assert_int_equal(store_new(&store, &config), 0);
		if (store_begin(store, &f->image, 0) != CAROUSEL_E_LIMIT)
			break;
		store_free(store);
	}
	store_fixture_jobs(store, 0);
	return store;
}

/* Returns false when enough was heard. */
static bool fixture_hear(struct store_fixture *f, struct store *store, const struct store_fixture_air *air,
	uint64_t *seed, uint64_t *offered, uint64_t *heard, uint32_t sbn, uint32_t esi)
{
	uint8_t *symbol;
	int result;
	if (store_fixture_is_padding(f, sbn, esi) && esi < store_fixture_source(f, sbn))
		return true;
	*air->now_ns += air->step_ns;
	if (air->skip_symbols > *offered || test_random(seed) % 100 < air->loss_percent) {
		++*offered;
		return true;
	}
	++*offered;
	symbol = malloc(f->image.layout.oti.symbol_size);
	store_fixture_symbol(f, sbn, esi, symbol);
	result = store_add(store, sbn, esi, symbol, f->image.layout.oti.symbol_size, *air->now_ns);
	if (air->heard)
		air->heard(air->user, sbn, esi, result);
	free(symbol);
	if (++*heard % air->jobs_every == 0)
		store_fixture_jobs(store, *air->now_ns);
	return air->max_symbols == 0 || *heard < air->max_symbols;
}

static bool fixture_is_receiving(const struct store *store)
{
	struct store_progress p;
	store_progress(store, &p);
	return p.phase == STORE_RECEIVING;
}

uint64_t store_fixture_receive(struct store_fixture *f, struct store *store, const struct store_fixture_air *air)
{
	uint32_t blocks = f->image.layout.oti.num_blocks, most = f->image.layout.oti.max_block_symbols;
	uint64_t heard = 0, offered = 0, seed = air->seed;
	struct fec_block block;
	assert_int_equal(fec_block_of(&f->image.layout.oti, 0, &block), 0);
	for (unsigned pass = 0; pass < 40 && fixture_is_receiving(store); pass++) {
		for (uint32_t i = 0; !air->repair_only && i < most && (pass == 0 || block.encoding_id != FEC_RAPTORQ);
			i++)
			for (uint32_t sbn = 0; sbn < blocks; sbn++)
				if (i < store_fixture_source(f, sbn) &&
					!fixture_hear(f, store, air, &seed, &offered, &heard, sbn, i))
					return heard;
		for (uint32_t i = 0; i < most; i++) {
			uint32_t index = (block.encoding_id == FEC_RAPTORQ ? pass * most : 0) + i + air->first_repair;
			for (uint32_t sbn = 0; sbn < blocks; sbn++) {
				struct fec_block b;
				uint32_t esi = store_fixture_source(f, sbn) + index;
				fec_block_of(&f->image.layout.oti, sbn, &b);
				if (esi < b.esi_limit &&
					!fixture_hear(f, store, air, &seed, &offered, &heard, sbn, esi))
					return heard;
			}
			if (!fixture_is_receiving(store))
				break;
		}
		/* What still waits in RAM. */
		store_flush(store);
		store_fixture_jobs(store, *air->now_ns);
	}
	return heard;
}
