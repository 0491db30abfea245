/* covers: carousel-rx/store/store_index.c carousel-rx/store/index_check.c
 *
 * Forged symbols, chunks of zeros, slots that hold most of an image already. */
#include "tests/lib/test.h"

#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/store_fixture.h"

struct box {
	struct store_fixture fixture;
	struct ram_storage storage;
	struct store *store;
	uint64_t now_ns;
};

static void box_open(struct box *b)
{
	const struct store_config config = {.storage = &b->storage.table};
	assert_int_equal(store_new(&b->store, &config), 0);
	assert_int_equal(store_begin(b->store, &b->fixture.image, b->now_ns), 0);
	store_fixture_jobs(b->store, b->now_ns);
}

static void box_init(struct box *b, const struct store_fixture_shape *shape)
{
	memset(b, 0, sizeof(*b));
	store_fixture_init(&b->fixture, shape);
	ram_storage_init(&b->storage, shape->image_bytes + 500);
	box_open(b);
}

static void box_deinit(struct box *b)
{
	store_free(b->store);
	ram_storage_deinit(&b->storage);
	store_fixture_deinit(&b->fixture);
}

static void box_set_index(struct box *b)
{
	store_fixture_set_index(&b->fixture, b->store, &b->storage.table);
	store_fixture_jobs(b->store, b->now_ns);
	store_flush(b->store);
	store_fixture_jobs(b->store, b->now_ns);
}

static struct store_progress box_progress(const struct box *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	return p;
}

static uint64_t box_receive(struct box *b, unsigned loss_percent, uint64_t max_symbols)
{
	const struct store_fixture_air air = {.seed = 3,
		.loss_percent = loss_percent,
		.now_ns = &b->now_ns,
		.step_ns = 1000000,
		.jobs_every = 9,
		.max_symbols = max_symbols};
	uint64_t heard = store_fixture_receive(&b->fixture, b->store, &air);
	store_flush(b->store);
	store_fixture_jobs(b->store, b->now_ns);
	return heard;
}

static void box_expect_verified(struct box *b)
{
	assert_int_equal(box_progress(b).phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b->store), 0);
	store_fixture_jobs(b->store, b->now_ns);
	assert_int_equal(box_progress(b).phase, STORE_VERIFIED);
	assert_memory_equal(b->storage.file[RX_SLOT_TARGET].now, b->fixture.data, b->fixture.image.layout.image_bytes);
}

static void box_forge(struct box *b, uint32_t sbn, uint32_t esi)
{
	uint8_t symbol[2048];
	memset(symbol, 0x5a, sizeof(symbol));
	assert_int_equal(store_add(b->store, sbn, esi, symbol, b->fixture.image.layout.oti.symbol_size, b->now_ns), 0);
}

/* A source symbol that lies in one chunk, which is not zero and lies wholly in the block. */
static uint32_t box_tellable(const struct box *b, uint32_t sbn)
{
	const struct object_layout *l = &b->fixture.image.layout;
	for (uint32_t esi = 1; esi < store_fixture_source(&b->fixture, sbn); esi++) {
		uint32_t first_sbn, last_sbn, ignored;
		uint64_t off, chunk;
		assert_int_equal(object_symbol_offset(l, sbn, esi, &off), 0);
		chunk = off / 4096;
		if (chunk % 8 == 5 || (off + l->oti.symbol_size - 1) / 4096 != chunk)
			continue;
		if (object_symbol_at(l, chunk * 4096, &first_sbn, &ignored) == 0 && first_sbn == sbn &&
			object_symbol_at(l, chunk * 4096 + 4095, &last_sbn, &ignored) == 0 && last_sbn == sbn)
			return esi;
	}
	fail();
	return 0;
}

static void each_shape(void (*test)(const struct store_fixture_shape *))
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	assert_true(count > 0);
	for (unsigned i = 0; i < count; i++)
		test(&shapes[i]);
}

static void zeros(const struct store_fixture_shape *shape)
{
	struct box b;
	uint64_t zero_chunks = 0;
	box_init(&b, shape);
	/* Noise, so that zeros must be written. */
	memset(b.storage.file[RX_SLOT_TARGET].now, 0xee, shape->image_bytes);
	box_set_index(&b);
	for (uint64_t at = 0; at + 4096 <= shape->image_bytes; at += 4096)
		zero_chunks += at / 4096 % 8 == 5;
	assert_true(box_progress(&b).symbols_have >= zero_chunks * (4096u / shape->symbol_size - 1));
	box_receive(&b, 10, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_zeros_are_known(void **state)
{
	(void)state;
	each_shape(zeros);
}

/* Symbols that lie wholly in chunks which repeat an earlier one. */
static uint64_t box_repeated(const struct box *b)
{
	const struct object_layout *l = &b->fixture.image.layout;
	uint64_t size = l->oti.symbol_size, count = 0;
	for (uint64_t at = 0; at + size <= l->image_bytes; at += size)
		count += at / 4096 % 8 == 6 && at / 4096 > 8 && (at + size - 1) / 4096 == at / 4096;
	return count;
}

static bool box_is_repeat(const struct box *b, uint32_t sbn, uint32_t esi)
{
	const struct object_layout *l = &b->fixture.image.layout;
	uint64_t at;
	return object_symbol_offset(l, sbn, esi, &at) == 0 && at / 4096 % 8 == 6 && at / 4096 > 8 &&
	       (at + l->oti.symbol_size - 1) / 4096 == at / 4096;
}

/* Every eighth chunk is the same, and none of these but the first is ever on the air. */
static void repeats(const struct store_fixture_shape *shape)
{
	struct box b;
	uint8_t symbol[2048];
	uint64_t heard = 0;
	memset(&b, 0, sizeof(b));
	store_fixture_init_repeats(&b.fixture, shape);
	ram_storage_init(&b.storage, shape->image_bytes + 500);
	box_open(&b);
	box_set_index(&b);
	for (uint32_t sbn = 0; sbn < b.fixture.image.layout.oti.num_blocks; sbn++) {
		for (uint32_t esi = 0; esi < store_fixture_source(&b.fixture, sbn); esi++) {
			if (store_fixture_is_padding(&b.fixture, sbn, esi) || box_is_repeat(&b, sbn, esi))
				continue;
			store_fixture_symbol(&b.fixture, sbn, esi, symbol);
			heard += store_add(b.store, sbn, esi, symbol, shape->symbol_size, b.now_ns) == 0;
			b.now_ns += 1000000;
			if (esi % 8 == 0)
				store_fixture_jobs(b.store, b.now_ns);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		store_flush(b.store);
		store_fixture_jobs(b.store, b.now_ns += 2000000000);
	}
	assert_true(box_repeated(&b) > 8);
	assert_true(heard + box_repeated(&b) <= box_progress(&b).symbols_needed);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_repeats_are_known(void **state)
{
	(void)state;
	each_shape(repeats);
}

static void forged_source(const struct store_fixture_shape *shape)
{
	struct box b;
	uint64_t have;
	box_init(&b, shape);
	box_set_index(&b);
	box_forge(&b, 1, box_tellable(&b, 1));
	box_receive(&b, 0, 0);
	/* What is not forged was never thrown away: at most two chunks' symbols are missing. */
	have = box_progress(&b).symbols_have;
	assert_true(box_progress(&b).symbols_needed - have <= 2u * (4096u / shape->symbol_size + 2));
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_a_forged_source_symbol_costs_its_chunk(void **state)
{
	(void)state;
	each_shape(forged_source);
}

static void forged_repair(const struct store_fixture_shape *shape)
{
	struct box b;
	if (shape->encoding_id == FEC_COMPACT_NO_CODE)
		return;
	box_init(&b, shape);
	box_set_index(&b);
	box_forge(&b, 0, store_fixture_source(&b.fixture, 0) + 5);
	for (unsigned i = 0; i < 6 && box_progress(&b).phase == STORE_RECEIVING; i++)
		box_receive(&b, 25, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

/* All but one source symbol, and a forged repair symbol: chunks that are right stay. */
static void forged_keeps(const struct store_fixture_shape *shape)
{
	uint8_t symbol[2048];
	uint32_t missing, source;
	struct box b;
	if (shape->encoding_id == FEC_COMPACT_NO_CODE)
		return;
	box_init(&b, shape);
	box_set_index(&b);
	missing = box_tellable(&b, 0);
	source = store_fixture_source(&b.fixture, 0);
	for (uint32_t esi = 0; esi < source; esi++) {
		store_fixture_symbol(&b.fixture, 0, esi, symbol);
		if (esi != missing)
			store_add(b.store, 0, esi, symbol, shape->symbol_size, b.now_ns);
	}
	box_forge(&b, 0, source + 1);
	store_flush(b.store);
	store_fixture_jobs(b.store, b.now_ns);
	assert_true(map_wants(&b.store->map, 0));
	assert_true(b.store->map.block[0].stored + 2u * (4096u / shape->symbol_size + 1) >= source);
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

/* Too large for memory: what is checked by its sums meets the index in the same reading. */
static void test_blocks_are_read_once(void **state)
{
	static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 100, 0, 4096 * 60, 12};
	uint8_t symbol[1024];
	struct box b;
	uint64_t read;
	(void)state;
	box_init(&b, &shape);
	box_set_index(&b);
	b.store->decode.held.ram = NULL;
	for (uint32_t sbn = 0; sbn < b.fixture.image.layout.oti.num_blocks; sbn++) {
		for (uint32_t esi = 0; esi < store_fixture_source(&b.fixture, sbn); esi++) {
			store_fixture_symbol(&b.fixture, sbn, esi, symbol);
			(void)store_add(b.store, sbn, esi, symbol, shape.symbol_size, b.now_ns);
		}
	}
	read = b.storage.bytes_read;
	store_flush(b.store);
	store_fixture_jobs(b.store, b.now_ns);
	assert_in_range(b.storage.bytes_read - read, shape.image_bytes, shape.image_bytes * 5 / 4);
	for (uint32_t sbn = 0; sbn < b.fixture.image.layout.oti.num_blocks; sbn++)
		assert_true(b.store->map.block[sbn].is_verified);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_a_forged_block_beside_a_good_one(void **state)
{
	static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 100, 0, 4096 * 60, 12};
	uint8_t symbol[1024], repair[1024];
	struct box b;
	const struct map_block *forged;
	uint32_t source, bad;
	(void)state;
	box_init(&b, &shape);
	box_set_index(&b);
	bad = box_tellable(&b, 1);
	assert_in_range(bad, 1, 19);
	source = store_fixture_source(&b.fixture, 1);
	box_forge(&b, 1, bad);
	for (uint32_t sbn = 0; sbn < 2; sbn++) {
		for (uint32_t esi = 0; esi <= source; esi++) {
			store_fixture_symbol(&b.fixture, sbn, esi, symbol);
			if (esi != 20 && (sbn == 0 || esi != bad))
				store_add(b.store, sbn, esi, symbol, shape.symbol_size, b.now_ns);
		}
	}
	store_flush(b.store);
	store_fixture_jobs(b.store, b.now_ns);
	/* One batch: block 0 is put into place, and of block 1 nothing: its repair symbol lies where it lay. */
	forged = &b.store->map.block[1];
	assert_true(b.store->map.block[0].is_done);
	assert_false(forged->is_done);
	assert_int_equal(forged->num_foreign, 1);
	store_fixture_symbol(&b.fixture, 1, source, repair);
	assert_memory_equal(
		b.storage.file[RX_SLOT_TARGET].now + geometry_offset(&b.store->geometry, 1, 20), repair, sizeof repair);
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

/* A forged repair symbol that lies in the place of a source symbol, which then has to lie elsewhere: its chunk is
 * right, and so it stays as well. */
static void forged_displaces(const struct store_fixture_shape *shape)
{
	const uint32_t chunk = 4096u / shape->symbol_size;
	uint8_t symbol[2048];
	uint32_t displaced, missing, source;
	struct box b;
	if (shape->encoding_id == FEC_COMPACT_NO_CODE || 4096 % shape->symbol_size != 0)
		return;
	box_init(&b, shape);
	box_set_index(&b);
	source = store_fixture_source(&b.fixture, 0);
	displaced = box_tellable(&b, 0) / chunk * chunk;
	missing = displaced + chunk;
	while (map_holds(&b.store->map, 0, missing))
		missing++;
	assert_true(b.store->map.block[0].cursor <= displaced && missing < source);
	box_forge(&b, 0, source + 1);
	for (uint32_t esi = 0; esi < source; esi++) {
		store_fixture_symbol(&b.fixture, 0, esi, symbol);
		if (esi != missing)
			store_add(b.store, 0, esi, symbol, shape->symbol_size, b.now_ns);
	}
	assert_false(map_is_own(&b.store->map, 0, displaced));
	store_flush(b.store);
	store_fixture_jobs(b.store, b.now_ns);
	assert_true(map_wants(&b.store->map, 0));
	assert_true(map_holds(&b.store->map, 0, displaced));
	assert_false(map_holds(&b.store->map, 0, source + 1));
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

/* Forged symbols of block 0, from `next` on, until it wants no more or a block's worth of them was sent; then its
 * decoding. */
static uint32_t forge_block(struct box *b, const struct store_fixture_shape *shape, uint32_t source, uint32_t next)
{
	uint8_t symbol[2048];
	while (map_wants(&b->store->map, 0) && next < source * 200) {
		memset(symbol, (int)next, sizeof(symbol));
		(void)store_add(b->store, 0, next++, symbol, shape->symbol_size, b->now_ns += 1000000);
		if (next % 16 == 0)
			store_fixture_jobs(b->store, b->now_ns);
		if (next % source == 0)
			break;
	}
	store_flush(b->store);
	store_fixture_jobs(b->store, b->now_ns += 1000000000);
	return next;
}

static uint64_t journal_file_bytes(struct box *b)
{
	uint64_t bytes;
	assert_int_equal(b->storage.table.size(&b->storage, RX_JOURNAL, &bytes), 0);
	return bytes;
}

/* A forger who never tires: blocks are decoded and dropped again and again. What lies beside the slot stays bounded. */
static void forged_for_ever(const struct store_fixture_shape *shape)
{
	uint64_t journal, most = 0, early = 0;
	uint32_t source, next;
	struct box b;
	if (shape->encoding_id != FEC_RAPTORQ)
		return;
	box_init(&b, shape);
	box_set_index(&b);
	b.store->compact_at = b.store->compact_step = 2000;
	source = next = store_fixture_source(&b.fixture, 0);
	for (unsigned round = 0; round < 60; round++) {
		next = forge_block(&b, shape, source, next);
		journal = journal_file_bytes(&b);
		most = journal > most ? journal : most;
		if (round == 20)
			early = most;
	}
	assert_true(most <= early + early / 2);
	for (unsigned i = 0; i < 6 && box_progress(&b).phase == STORE_RECEIVING; i++)
		box_receive(&b, 10, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

/* What a dropped block costs before the journal is compacted: its symbols' records once, and one for the block. */
static void forged_costs(const struct store_fixture_shape *shape)
{
	const unsigned rounds = 30;
	uint32_t source, next;
	uint64_t before;
	struct box b;
	if (shape->encoding_id != FEC_RAPTORQ)
		return;
	box_init(&b, shape);
	box_set_index(&b);
	b.store->compact_at = UINT64_MAX;
	source = next = store_fixture_source(&b.fixture, 0);
	before = journal_file_bytes(&b);
	for (unsigned round = 0; round < rounds; round++)
		next = forge_block(&b, shape, source, next);
	assert_true(next - source >= 8 * source);
	/* Less than taking each of them back would take. */
	assert_true(journal_file_bytes(&b) - before < (uint64_t)JOURNAL_ENTRY_BYTES * (next - source));
	box_deinit(&b);
}

static void test_what_a_dropped_block_costs(void **state)
{
	(void)state;
	each_shape(forged_costs);
}

static void test_a_forger_who_never_tires(void **state)
{
	(void)state;
	each_shape(forged_for_ever);
}

static void test_a_forged_repair_symbol_leaves_what_is_right(void **state)
{
	(void)state;
	each_shape(forged_keeps);
	each_shape(forged_displaces);
}

static void test_a_forged_repair_symbol_costs_its_block(void **state)
{
	(void)state;
	each_shape(forged_repair);
}

/* A source symbol of a chunk that lies in two blocks, none of it in another chunk: the first block's last one, or the
 * second's first. UINT32_MAX: the layout has none. */
static uint32_t box_on_edge(const struct box *b, uint32_t sbn, bool is_last)
{
	const struct object_layout *l = &b->fixture.image.layout;
	uint32_t esi = is_last ? store_fixture_source(&b->fixture, sbn) - 1 : 0, ignored, first_sbn, last_sbn;
	uint64_t off, chunk;
	if (object_symbol_offset(l, sbn, esi, &off))
		return UINT32_MAX;
	chunk = off / 4096;
	if ((off + l->oti.symbol_size - 1) / 4096 != chunk || chunk % 8 == 5 ||
		object_symbol_at(l, chunk * 4096, &first_sbn, &ignored) ||
		object_symbol_at(l, chunk * 4096 + 4095, &last_sbn, &ignored) || first_sbn == last_sbn)
		return UINT32_MAX;
	return esi;
}

static void forged_on_edge(const struct store_fixture_shape *shape)
{
	for (int is_last = 0; is_last < 2; is_last++) {
		struct box b;
		uint64_t missing;
		uint32_t esi;
		box_init(&b, shape);
		esi = box_on_edge(&b, 1, is_last);
		if (esi == UINT32_MAX) {
			box_deinit(&b);
			continue;
		}
		box_set_index(&b);
		box_forge(&b, 1, esi);
		box_receive(&b, 0, 0);
		assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
		assert_int_equal(store_verify(b.store), 0);
		store_fixture_jobs(b.store, b.now_ns);
		/* The chunk's symbols alone are received again. */
		missing = box_progress(&b).symbols_needed - box_progress(&b).symbols_have;
		assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
		assert_true(missing > 0 && missing <= 4096u / shape->symbol_size + 2);
		box_receive(&b, 0, 0);
		box_expect_verified(&b);
		box_deinit(&b);
	}
}

static void test_forged_in_a_chunk_of_two_blocks(void **state)
{
	/* Blocks of 90 symbols of 1000 bytes end within chunks. */
	static const struct store_fixture_shape shapes[] = {
		{FEC_RAPTORQ, 0, OBJECT_LINEAR, 1000, 90, 0, 4096u * 100 + 1234, 9},
		{FEC_COMPACT_NO_CODE, 0, OBJECT_LINEAR, 500, 90, 0, 4096u * 100 + 1234, 10},
		{FEC_REED_SOLOMON_GF256, 0, OBJECT_LINEAR, 1000, 90, 200, 4096u * 100 + 1234, 11},
	};
	(void)state;
	each_shape(forged_on_edge);
	for (unsigned i = 0; i < 3; i++) {
		struct box b;
		box_init(&b, &shapes[i]);
		assert_true(box_on_edge(&b, 1, false) != UINT32_MAX || box_on_edge(&b, 1, true) != UINT32_MAX);
		box_deinit(&b);
		forged_on_edge(&shapes[i]);
	}
}

/* Without an index the whole image is suspect in the end, and comes anew. */
static void forged_without_index(const struct store_fixture_shape *shape)
{
	struct box b;
	box_init(&b, shape);
	b.fixture.image.has_index = false;
	store_end(b.store);
	store_free(b.store);
	box_open(&b);
	assert_int_equal(store_set_index(b.store), CAROUSEL_E_ARGUMENT);
	box_forge(&b, 1, box_tellable(&b, 1));
	box_receive(&b, 0, 0);
	assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b.store), 0);
	store_fixture_jobs(b.store, b.now_ns);
	assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
	assert_int_equal(box_progress(&b).symbols_have, 0);
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_forged_without_index(void **state)
{
	(void)state;
	each_shape(forged_without_index);
}

/* Blocks that were done before the index came are checked when it comes. */
static void late_index(const struct store_fixture_shape *shape)
{
	struct box b;
	box_init(&b, shape);
	box_forge(&b, 1, box_tellable(&b, 1));
	box_receive(&b, 0, 0);
	assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
	assert_int_equal(store_verify(b.store), 0);
	store_fixture_jobs(b.store, b.now_ns);
	/* Waits for the index rather than starting over. */
	assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
	assert_int_equal(box_progress(&b).symbols_have, box_progress(&b).symbols_needed);
	box_set_index(&b);
	assert_true(box_progress(&b).symbols_have < box_progress(&b).symbols_needed);
	assert_true(box_progress(&b).symbols_needed - box_progress(&b).symbols_have <=
		    2u * (4096u / shape->symbol_size + 2));
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_a_late_index_finds_the_forged(void **state)
{
	(void)state;
	each_shape(late_index);
}

/* Rot in the slot, after everything was received: found without an index, too. */
static void rot(const struct store_fixture_shape *shape)
{
	struct box b;
	box_init(&b, shape);
	box_receive(&b, 10, 0);
	assert_int_equal(box_progress(&b).phase, STORE_COMPLETE);
	b.storage.file[RX_SLOT_TARGET].now[shape->image_bytes / 2] ^= 1;
	assert_int_equal(store_verify(b.store), 0);
	store_fixture_jobs(b.store, b.now_ns);
	assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
	assert_true(box_progress(&b).symbols_needed - box_progress(&b).symbols_have <= MAP_GROUP_PLACES);
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_rot_costs_a_group(void **state)
{
	(void)state;
	each_shape(rot);
}

/* The slot holds the image but for a few bytes, and the journal is lost. */
static void held_already(const struct store_fixture_shape *shape)
{
	struct box b;
	uint64_t heard;
	box_init(&b, shape);
	memcpy(b.storage.file[RX_SLOT_TARGET].now, b.fixture.data, shape->image_bytes);
	b.storage.file[RX_SLOT_TARGET].now[5000] ^= 0xff;
	b.storage.bytes_written = 0;
	box_set_index(&b);
	assert_true(b.storage.bytes_written < 100 * 1024);
	if (shape->kind == OBJECT_STRIPED)
		assert_true(
			box_progress(&b).symbols_needed - box_progress(&b).symbols_have <= 4096u / shape->symbol_size);
	heard = box_receive(&b, 0, 0);
	assert_true(heard > 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_what_the_slot_holds_is_found(void **state)
{
	(void)state;
	each_shape(held_already);
}

/* Symbols of chunks that lie whole in the slot, whoever put them there. */
static uint64_t box_in_chunks(const struct box *b)
{
	const struct object_layout *l = &b->fixture.image.layout;
	const uint8_t *slot = b->storage.file[RX_SLOT_TARGET].now;
	uint64_t size = l->oti.symbol_size, count = 0;
	for (uint64_t chunk = 0; chunk * 4096 < l->image_bytes; chunk++) {
		uint64_t end = (chunk + 1) * 4096 < l->image_bytes ? (chunk + 1) * 4096 : l->image_bytes;
		if (memcmp(slot + chunk * 4096, b->fixture.data + chunk * 4096, end - chunk * 4096) != 0)
			continue;
		for (uint64_t at = (chunk * 4096 + size - 1) / size * size; at < end; at += size)
			count += at + size <= end || end == l->image_bytes;
	}
	return count;
}

/* Half an image was received, and the journal is gone: everything whose chunks match the index counts again. */
static void without_journal(const struct store_fixture_shape *shape)
{
	struct box b;
	uint64_t whole, have;
	box_init(&b, shape);
	box_receive(&b, 2, b.store->geometry.real_symbols * 3 / 5);
	assert_int_equal(box_progress(&b).phase, STORE_RECEIVING);
	store_free(b.store);
	assert_int_equal(b.storage.table.truncate(&b.storage, RX_JOURNAL, 0), 0);
	whole = box_in_chunks(&b);
	assert_true(whole * 4 > b.fixture.image.layout.image_bytes / shape->symbol_size);
	box_open(&b);
	assert_int_equal(box_progress(&b).symbols_have, 0);
	b.storage.bytes_written = 0;
	box_set_index(&b);
	have = box_progress(&b).symbols_have;
	assert_true(have >= whole);
	/* Nothing but zeros and records was written. */
	assert_true(b.storage.bytes_written < shape->image_bytes / 4);
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

static void test_what_was_received_is_found_without_a_journal(void **state)
{
	(void)state;
	each_shape(without_journal);
}

static void test_a_damaged_index_is_not_used(void **state)
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	struct box b;
	(void)state;
	box_init(&b, &shapes[0]);
	for (size_t byte = 0; byte < b.fixture.image.index_bytes; byte += 97) {
		b.fixture.index[byte] ^= 4;
		box_set_index(&b);
		assert_false(b.store->decode.has_index);
		b.fixture.index[byte] ^= 4;
	}
	b.storage.file[RX_INDEX].now_len -= 1;
	assert_int_equal(store_set_index(b.store), 0);
	store_fixture_jobs(b.store, b.now_ns);
	assert_false(b.store->decode.has_index);
	box_set_index(&b);
	assert_true(b.store->decode.has_index);
	box_receive(&b, 0, 0);
	box_expect_verified(&b);
	box_deinit(&b);
}

/* Without payload a slot says which chunks it holds of which image. */
static uint64_t named(const struct store_fixture_shape *shape, bool is_of_this)
{
	struct store_config config = {.allow_absent = true};
	struct store_fixture fixture;
	struct ram_storage storage;
	struct store *store;
	struct store_progress p;
	uint32_t sbn, esi;
	store_fixture_init(&fixture, shape);
	ram_storage_init(&storage, shape->image_bytes);
	config.storage = &storage.table;
	memcpy(storage.file[RX_SLOT_TARGET].now + 32, fixture.image.sha256, 32);
	storage.file[RX_SLOT_TARGET].now[32] ^= !is_of_this;
	storage.file[RX_SLOT_TARGET].now[64] = 0x0c; /* the third and fourth chunk */
	assert_int_equal(store_new(&store, &config), 0);
	assert_int_equal(store_begin(store, &fixture.image, 0), 0);
	/* A symbol that lies where the third chunk has one: nothing of that chunk is looked for. */
	assert_int_equal(object_symbol_at(&fixture.image.layout, 2 * 4096, &sbn, &esi), 0);
	assert_int_equal(store_add(store, sbn, esi, NULL, shape->symbol_size, 0), 0);
	assert_int_equal(store_set_index(store), 0);
	store_fixture_jobs(store, 0);
	store_progress(store, &p);
	store_free(store);
	ram_storage_deinit(&storage);
	store_fixture_deinit(&fixture);
	return p.symbols_have;
}

static void test_what_a_slot_says_that_it_holds(void **state)
{
	unsigned count;
	const struct store_fixture_shape *shapes = store_fixture_shapes(&count);
	(void)state;
	for (unsigned i = 0; i < count; i++) {
		if (4096 % shapes[i].symbol_size)
			continue;
		assert_int_equal(named(&shapes[i], true), 1 + 4096 / shapes[i].symbol_size);
		assert_int_equal(named(&shapes[i], false), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeros_are_known),
		cmocka_unit_test(test_repeats_are_known),
		cmocka_unit_test(test_a_forged_source_symbol_costs_its_chunk),
		cmocka_unit_test(test_a_forged_block_beside_a_good_one),
		cmocka_unit_test(test_blocks_are_read_once),
		cmocka_unit_test(test_a_forged_repair_symbol_costs_its_block),
		cmocka_unit_test(test_a_forger_who_never_tires),
		cmocka_unit_test(test_what_a_dropped_block_costs),
		cmocka_unit_test(test_a_forged_repair_symbol_leaves_what_is_right),
		cmocka_unit_test(test_forged_in_a_chunk_of_two_blocks),
		cmocka_unit_test(test_forged_without_index),
		cmocka_unit_test(test_a_late_index_finds_the_forged),
		cmocka_unit_test(test_rot_costs_a_group),
		cmocka_unit_test(test_what_the_slot_holds_is_found),
		cmocka_unit_test(test_what_was_received_is_found_without_a_journal),
		cmocka_unit_test(test_a_damaged_index_is_not_used),
		cmocka_unit_test(test_what_a_slot_says_that_it_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
