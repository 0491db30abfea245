/* covers: fec/raptorq/raptorq_encoder.c fec/raptorq/raptorq_decoder.c fec/raptorq/raptorq_program.c
 * covers: fec/raptorq/raptorq_dense.c fec/raptorq/raptorq_replay.c fec/raptorq/raptorq_peel.c
 * Round trips through the whole scheme, in memory and through storage, and what a decoder must refuse. */
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "fec/raptorq/raptorq.h"

static const struct fec_scheme *const rq = &fec_scheme_raptorq;

struct object {
	struct fec_block block;
	uint8_t *source, *out, *repair; /* repair: symbols k, k + 1, ... */
	uint32_t num_repair;
	bool from_storage;
	unsigned reads, writes;
	int fail_after; /* the n-th read or write fails; 0: none */
	struct fec_plan *plan;
	void *mem;
	struct fec_encoder *encoder;
};

static struct fec_block block_of(uint32_t k, uint16_t t)
{
	return (struct fec_block){.encoding_id = FEC_RAPTORQ,
		.num_source = k,
		.esi_limit = FEC_RAPTORQ_MAX_ESI + 1,
		.symbol_size = t,
		.num_sub_blocks = 1,
		.alignment = 1};
}

static const uint8_t *symbol_of(const struct object *o, uint32_t esi)
{
	const uint32_t k = o->block.num_source;
	return esi < k ? o->source + (size_t)esi * o->block.symbol_size
		       : o->repair + (size_t)(esi - k) * o->block.symbol_size;
}

static const uint8_t *direct(void *user, uint32_t esi)
{
	const struct object *o = user;
	return o->from_storage ? NULL : symbol_of(o, esi);
}

static int fails(struct object *o)
{
	return o->fail_after && --o->fail_after == 0;
}

static int read_symbol(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	struct object *o = user;
	assert_true(off + len <= o->block.symbol_size);
	o->reads++;
	memcpy(dst, symbol_of(o, esi) + off, len);
	return fails(o) ? CAROUSEL_E_STORAGE : 0;
}

static int write_symbol(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	struct object *o = user;
	assert_true(off + len <= o->block.symbol_size);
	o->writes++;
	memcpy(o->out + (size_t)esi * o->block.symbol_size + off, src, len);
	return fails(o) ? CAROUSEL_E_STORAGE : 0;
}

static struct fec_symbols access_of(struct object *o)
{
	return (struct fec_symbols){o, direct, read_symbol, write_symbol};
}

static void *aligned(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	assert_non_null(p);
	return p;
}

static void open_object(struct object *o, uint32_t k, uint16_t t, uint32_t num_repair, bool from_storage)
{
	const struct fec_symbols source = access_of(o);
	uint64_t seed = k * 1000 + t;
	size_t bytes;
	*o = (struct object){.block = block_of(k, t), .from_storage = from_storage, .num_repair = num_repair};
	o->source = malloc((size_t)k * t);
	o->out = malloc((size_t)k * t);
	o->repair = malloc((size_t)num_repair * t + 1);
	for (size_t i = 0; i < (size_t)k * t; i++)
		o->source[i] = (uint8_t)test_random(&seed);
	assert_int_equal(rq->plan_new(NULL, &o->block, &o->plan), 0);
	bytes = rq->encoder_bytes(&o->block);
	o->mem = aligned(bytes);
	assert_int_equal(rq->encoder_init(&o->encoder, o->mem, bytes, o->plan, &source), 0);
	assert_int_equal(rq->encoder_symbols(o->encoder, k, 1, num_repair, o->repair, t), 0);
}

static void close_object(struct object *o)
{
	rq->encoder_deinit(o->encoder);
	rq->plan_free(o->plan);
	free(o->source);
	free(o->out);
	free(o->repair);
	free(o->mem);
}

/* Adds source symbols but those lost (one in `lost_of`; 1: all) and then repair symbols until the plan stands. */
static struct fec_decoder *plan_decoder(struct object *o, size_t strip, unsigned lost_of, void **mem)
{
	const uint32_t k = o->block.num_source;
	const size_t bytes = rq->decoder_bytes(&o->block, strip);
	struct fec_decoder *d;
	uint32_t esi = k;
	uint64_t seed = strip + lost_of;
	int result = CAROUSEL_E_NEED_MORE;
	*mem = aligned(bytes);
	assert_int_equal(rq->decoder_init(&d, *mem, bytes, &o->block, strip), 0);
	for (uint32_t i = 0; i < k; i++)
		if (test_random(&seed) % lost_of)
			assert_int_equal(rq->decoder_add(d, i), 0);
	assert_int_equal(rq->decoder_plan(d), rq->decoder_count(d) == k ? 0 : CAROUSEL_E_NEED_MORE);
	while (result == CAROUSEL_E_NEED_MORE) {
		assert_true(esi < k + o->num_repair);
		if (rq->decoder_count(d) < k)
			assert_int_equal(rq->decoder_add(d, esi++), 0);
		result = rq->decoder_plan(d);
		if (result == CAROUSEL_E_NEED_MORE && rq->decoder_count(d) >= k)
			assert_int_equal(rq->decoder_add(d, esi++), 0);
	}
	assert_int_equal(result, 0);
	return d;
}

static void round_trip(struct object *o, size_t strip, unsigned lost_of)
{
	const size_t t = o->block.symbol_size, size = o->block.num_source * t;
	const struct fec_symbols access = access_of(o);
	void *mem;
	struct fec_decoder *d = plan_decoder(o, strip, lost_of, &mem);
	uint32_t count;
	const uint32_t *missing = rq->decoder_missing(d, &count);
	memcpy(o->out, o->source, size);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(i == 0 || missing[i] > missing[i - 1]);
		memset(o->out + missing[i] * t, 0xee, t);
	}
	assert_int_equal(rq->decoder_apply(d, &access), strip == 1 ? CAROUSEL_E_UNSUPPORTED : 0);
	if (strip != 1)
		assert_memory_equal(o->out, o->source, size);
	rq->decoder_deinit(d);
	free(mem);
}

static void test_round_trips(void **state)
{
	static const uint32_t ks[] = {1, 2, 9, 10, 11, 26, 101, 257, 1000, 3001};
	static const uint16_t ts[] = {1, 8, 63, 64, 65, 130, 256, 1280};
	(void)state;
	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
		for (size_t j = 0; j < sizeof ts / sizeof *ts; j++) {
			struct object o;
			if (ks[i] > 1000 && j % 3)
				continue;
			open_object(&o, ks[i], ts[j], ks[i] + 40, j & 1);
			for (uint32_t esi = 0; esi < ks[i]; esi += 1 + ks[i] / 7) {
				uint8_t made[1280];
				assert_int_equal(rq->encoder_symbols(o.encoder, esi, 1, 1, made, ts[j]), 0);
				assert_memory_equal(made, symbol_of(&o, esi), ts[j]);
			}
			for (unsigned lost_of = 1; lost_of <= 100; lost_of *= 10)
				for (size_t strip = 0; strip <= 1024; strip = strip ? strip * 4 : 64) {
					o.from_storage = !o.from_storage;
					round_trip(&o, strip, lost_of);
				}
			o.from_storage = true;
			round_trip(&o, ts[j] + (size_t)FEC_RAPTORQ_STRIP_WORK, 10);
			round_trip(&o, 1, 3);
			close_object(&o);
		}
}

static void test_every_level_agrees(void **state)
{
	static const unsigned masks[] = {0, GF256_CPU_SSSE3, GF256_CPU_SSSE3 | GF256_CPU_AVX2,
		GF256_CPU_SSSE3 | GF256_CPU_AVX2 | GF256_CPU_GFNI, ~0u};
	uint8_t *first = NULL;
	(void)state;
	for (size_t level = 0; level < sizeof masks / sizeof *masks; level++) {
		struct object o;
		gf256_set_cpu_mask(masks[level]);
		open_object(&o, 300, 200, 340, false);
		round_trip(&o, 0, 2);
		if (first)
			assert_memory_equal(first, o.repair, 340 * 200);
		else
			first = memcpy(malloc(340 * 200), o.repair, 340 * 200);
		close_object(&o);
	}
	gf256_set_cpu_mask(~0u);
	free(first);
}

/* A few symbols of any ESI. */
struct handful {
	uint32_t esi[16], count;
	uint8_t symbols[16][64], out[10 * 64];
};

static const uint8_t *handful_direct(void *user, uint32_t esi)
{
	const struct handful *h = user;
	for (uint32_t i = 0; i < h->count; i++)
		if (h->esi[i] == esi)
			return h->symbols[i];
	return NULL;
}

static int handful_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	memcpy(((struct handful *)user)->out + esi * (size_t)64 + off, src, len);
	return 0;
}

/* Random symbols of a small block: both kinds of decoder say the same, and what they call solved is solved. */
static void test_identities_decide_like_the_real_one(void **state)
{
	struct object o;
	struct handful h;
	const struct fec_symbols access = {&h, handful_direct, NULL, handful_write};
	uint64_t seed = 7;
	unsigned failures = 0;
	size_t real_bytes, bytes;
	void *real_mem, *mem;
	(void)state;
	open_object(&o, 10, 64, 0, false);
	real_bytes = rq->decoder_bytes(&o.block, 0);
	bytes = rq->decoder_bytes(&o.block, 1);
	real_mem = aligned(real_bytes);
	mem = aligned(bytes);
	for (unsigned trial = 0; trial < 6000; trial++) {
		struct fec_decoder *real, *identity;
		int result = CAROUSEL_E_NEED_MORE;
		assert_int_equal(rq->decoder_init(&real, real_mem, real_bytes, &o.block, 0), 0);
		assert_int_equal(rq->decoder_init(&identity, mem, bytes, &o.block, 1), 0);
		for (h.count = 0; result && h.count < 16;) {
			const uint32_t esi = 10 + (uint32_t)(test_random(&seed) >> 40) % 0xfffff0;
			result = rq->decoder_add(real, esi);
			assert_int_equal(rq->decoder_add(identity, esi), result);
			if (result)
				continue;
			h.esi[h.count] = esi;
			assert_int_equal(rq->encoder_symbols(o.encoder, esi, 1, 1, h.symbols[h.count++], 64), 0);
			result = rq->decoder_plan(real);
			assert_int_equal(rq->decoder_plan(identity), result);
			failures += h.count >= 10 && result;
		}
		assert_int_equal(rq->decoder_apply(real, &access), 0);
		assert_memory_equal(h.out, o.source, 640);
	}
	/* RFC 6330 section 5.8: at most one in a hundred with K symbols. */
	assert_in_range(failures, 1, 80);
	free(real_mem);
	free(mem);
	close_object(&o);
}

static void test_refuses(void **state)
{
	struct fec_block block = block_of(20, 32);
	const size_t bytes = rq->decoder_bytes(&block, 0);
	void *mem = aligned(bytes);
	struct fec_decoder *d;
	uint32_t added = 0;
	(void)state;
	assert_int_equal(rq->decoder_init(&d, mem, bytes - 64, &block, 0), CAROUSEL_E_LIMIT);
	assert_int_equal(rq->decoder_init(&d, (uint8_t *)mem + 8, bytes, &block, 0), CAROUSEL_E_LIMIT);
	assert_int_equal(rq->decoder_init(&d, mem, bytes, &block, 0), 0);
	assert_int_equal(rq->decoder_add(d, 1u << 24), CAROUSEL_E_SYMBOL);
	assert_int_equal(rq->decoder_add(d, 0xffffff), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rq->decoder_add(d, 0xffffff), CAROUSEL_E_DUPLICATE);
	assert_int_equal(rq->decoder_apply(d, &(struct fec_symbols){0}), CAROUSEL_E_NEED_MORE);
	while (rq->decoder_add(d, 5000 + added) == 0)
		added++;
	assert_int_equal(added, 20 + 64 - 1);
	assert_int_equal(rq->decoder_add(d, 0), CAROUSEL_E_LIMIT);
	block.num_source = 0;
	assert_int_equal(rq->decoder_bytes(&block, 0), 0);
	assert_int_equal(rq->encoder_bytes(&block), 0);
	block.num_source = FEC_RAPTORQ_MAX_K + 1;
	assert_int_equal(rq->decoder_init(&d, mem, bytes, &block, 0), CAROUSEL_E_OTI);
	free(mem);
}

/* The worst choice of repair symbols there is: those of the highest degree. Memory holds, and no success is false. */
static void test_hostile_choice_of_symbols(void **state)
{
	const struct fec_block block = block_of(8000, 64);
	const size_t bytes = rq->decoder_bytes(&block, 1);
	void *mem = aligned(bytes);
	struct raptorq_params p;
	struct fec_decoder *d;
	uint32_t refused = 0;
	(void)state;
	assert_int_equal(raptorq_params_init(&p, 8000), 0);
	assert_int_equal(rq->decoder_init(&d, mem, bytes, &block, 1), 0);
	for (uint32_t esi = 8000; rq->decoder_count(d) < 8000 && esi <= FEC_RAPTORQ_MAX_ESI && refused < 10000; esi++) {
		struct raptorq_tuple t;
		raptorq_tuple_init(&p, esi + p.k_prime - 8000, &t);
		if (t.d >= 20)
			refused += rq->decoder_add(d, esi) == CAROUSEL_E_LIMIT;
	}
	assert_int_equal(refused, 10000);
	assert_int_equal(rq->decoder_plan(d), CAROUSEL_E_NEED_MORE);
	for (uint32_t esi = 0; esi < 8000; esi++)
		if (rq->decoder_add(d, esi))
			break;
	assert_int_equal(rq->decoder_plan(d), CAROUSEL_E_NEED_MORE);
	free(mem);
}

static int apply_with_failure(struct object *o, int fail_after)
{
	const struct fec_symbols access = access_of(o);
	void *mem;
	struct fec_decoder *d = plan_decoder(o, 64, 2, &mem);
	int result;
	o->reads = o->writes = 0;
	o->fail_after = fail_after;
	result = rq->decoder_apply(d, &access);
	o->fail_after = 0;
	free(mem);
	return result;
}

static void test_storage_errors_are_handed_on(void **state)
{
	struct object o;
	struct fec_symbols access;
	unsigned calls;
	(void)state;
	open_object(&o, 12, 100, 20, true);
	access = access_of(&o);
	assert_int_equal(apply_with_failure(&o, 0), 0);
	calls = o.reads + o.writes;
	assert_true(o.reads >= 24 && o.writes >= 2);
	for (unsigned n = 1; n <= calls; n++) {
		assert_int_equal(apply_with_failure(&o, (int)n), CAROUSEL_E_STORAGE);
		assert_int_equal(o.reads + o.writes, n);
	}
	o.fail_after = 3;
	assert_int_equal(
		rq->encoder_init(&o.encoder, o.mem, rq->encoder_bytes(&o.block), o.plan, &access), CAROUSEL_E_STORAGE);
	close_object(&o);
}

static void test_memory_is_bounded(void **state)
{
	static const uint32_t ks[] = {1, 10, 100, 1000, 5000, 16384, 50000, 56403};
	static const uint16_t ts[] = {1024, 1280};
	(void)state;
	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
		for (size_t j = 0; j < sizeof ts / sizeof *ts; j++) {
			const struct fec_block block = block_of(ks[i], ts[j]);
			const double k = ks[i], fixed = 64 * k + 1048576;
			assert_true((double)rq->decoder_bytes(&block, 0) <= 1.25 * k * ts[j] + fixed);
			assert_true((double)rq->encoder_bytes(&block) <= 1.25 * k * ts[j] + fixed);
			assert_true((double)rq->decoder_bytes(&block, 256) <= 1.1 * k * 256 + fixed);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_every_level_agrees),
		cmocka_unit_test(test_identities_decide_like_the_real_one),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_hostile_choice_of_symbols),
		cmocka_unit_test(test_storage_errors_are_handed_on),
		cmocka_unit_test(test_memory_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
