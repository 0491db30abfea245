#include "fec/raptorq/raptorq.h"

#include "common/bytes.h"
#include "common/carousel_error.h"

#include <string.h>
#include <zlib.h>

/* File: "RQPLAN", version (u16), K' (u16), then eight u32 counts, the sections below, CRC-32 of all before it.
 * Little endian. Sections are arrays of u16, the last one of octets. */
enum { FILE_VERSION = 1, NUM_COUNTS = 8, HEADER_BYTES = 6 + 2 + 2 + NUM_COUNTS * 4, NUM_SECTIONS = 12 };
static const uint8_t file_magic[6] = "RQPLAN";

struct section {
	void **array;
	size_t count, size;
};

static void list_sections(struct raptorq_plan *plan, struct section s[NUM_SECTIONS])
{
	struct raptorq_program *prog = &plan->program;
	const size_t words = (prog->rank + 15) / 16, width = prog->rank + plan->params.h;
	const struct section all[NUM_SECTIONS] = {
		{(void **)&prog->order_row, prog->peeled, 2},
		{(void **)&prog->column_slot, plan->params.l, 2},
		{(void **)&prog->runs, 2 * (size_t)prog->num_runs, 2},
		{(void **)&prog->check_runs, 2 * (size_t)prog->num_check_runs, 2},
		{(void **)&prog->sources, prog->num_sources + (size_t)prog->num_check_sources, 2},
		{(void **)&prog->pi, 3 * (size_t)prog->peeled, 2},
		{(void **)&prog->check_row, prog->rank, 2},
		{(void **)&prog->combined_slot, prog->num_combined, 2},
		{(void **)&prog->combined_bits, (prog->inactive + (size_t)15) / 16 * prog->num_combined, 2},
		{(void **)&prog->inverse, words * prog->inactive, 2},
		{(void **)&prog->open, prog->inactive, 2},
		{(void **)&prog->hdpc_inverse, prog->num_free * width, 1},
	};
	memcpy(s, all, sizeof all);
}

/* Memory of a plan whose counts are set: the plan, its sections, the HDPC pairs. */
static struct raptorq_plan *plan_alloc(const struct carousel_allocator *allocator, const struct raptorq_plan *counts)
{
	struct raptorq_plan copy = *counts, *plan;
	struct section s[NUM_SECTIONS];
	size_t bytes = sizeof *plan + counts->params.k_prime + counts->params.s;
	uint8_t *at;
	list_sections(&copy, s);
	for (int i = 0; i < NUM_SECTIONS; i++)
		bytes += s[i].count * s[i].size;
	plan = memory_alloc(allocator, 1, bytes);
	if (plan == NULL)
		return NULL;
	*plan = *counts;
	at = (uint8_t *)(plan + 1);
	list_sections(plan, s);
	for (int i = 0; i < NUM_SECTIONS; i++) {
		*s[i].array = at;
		at += s[i].count * s[i].size;
	}
	plan->pairs = at;
	plan->program.hdpc_pairs = at;
	for (uint32_t j = 0; j < plan->params.k_prime + plan->params.s; j++)
		plan->pairs[j] = raptorq_hdpc_pair(&plan->params, j);
	return plan;
}

static struct raptorq_tuple *layout(struct raptorq_build *b, struct raptorq_arena *a)
{
	raptorq_build_layout(b, a);
	raptorq_build_layout_dense(b, a);
	raptorq_build_layout_scratch(b, a);
	return raptorq_arena_take(a, b->max_rows, sizeof(struct raptorq_tuple));
}

static int build_plan(struct raptorq_build *b, struct raptorq_tuple *tuples)
{
	for (uint32_t isi = 0; isi < b->params->k_prime; isi++)
		raptorq_tuple_init(b->params, isi, &tuples[isi]);
	b->tuples = tuples;
	/* Section 5.3.3.4.2: the matrix of the source rows always has full rank. */
	return raptorq_build_run(b, b->params->k_prime) ? CAROUSEL_E_INTERNAL : 0;
}

int raptorq_plan_new(const struct carousel_allocator *allocator, const struct fec_block *block, struct fec_plan **out)
{
	struct raptorq_plan counts = {.base = {&fec_scheme_raptorq, *block, allocator}}, *plan;
	struct raptorq_build b = {.params = &counts.params, .kernels = gf256_kernels(), .symbolic_bytes = GF256_LINE};
	struct raptorq_arena arena = {NULL, 0};
	struct raptorq_tuple *tuples;
	struct section from[NUM_SECTIONS], to[NUM_SECTIONS];
	uint8_t *mem;
	int error = raptorq_params_init(&counts.params, block->num_source);
	if (error)
		return error;
	b.max_rows = counts.params.k_prime;
	layout(&b, &arena);
	mem = memory_alloc(allocator, 1, arena.used + 64);
	if (mem == NULL)
		return CAROUSEL_E_MEMORY;
	arena = (struct raptorq_arena){mem + (64 - (uintptr_t)mem % 64), 0};
	tuples = layout(&b, &arena);
	error = build_plan(&b, tuples);
	if (error)
		goto out;
	counts.program = b.program;
	plan = plan_alloc(allocator, &counts);
	if (plan == NULL) {
		error = CAROUSEL_E_MEMORY;
		goto out;
	}
	list_sections(&counts, from);
	list_sections(plan, to);
	for (int i = 0; i < NUM_SECTIONS; i++)
		memcpy(*to[i].array, *from[i].array, to[i].count * to[i].size);
	*out = &plan->base;
out:
	memory_free(allocator, mem);
	return error;
}

void raptorq_plan_free(struct fec_plan *plan)
{
	if (plan)
		memory_free(plan->allocator, plan);
}

/* ---- file ------------------------------------------------------------------------------------------- */

static void counts_of(struct raptorq_program *prog, uint32_t *counts[NUM_COUNTS])
{
	uint32_t *const all[NUM_COUNTS] = {&prog->peeled, &prog->inactive, &prog->rank, &prog->num_free,
		&prog->num_runs, &prog->num_sources, &prog->num_check_sources, &prog->num_combined};
	memcpy(counts, all, sizeof all);
}

int raptorq_plan_save(const struct fec_plan *base, uint8_t *buf, size_t *len)
{
	struct raptorq_plan plan;
	struct section s[NUM_SECTIONS];
	size_t need = HEADER_BYTES + 4;
	uint32_t *counts[NUM_COUNTS];
	uint8_t *at = buf;
	memcpy(&plan, base, sizeof plan);
	list_sections(&plan, s);
	for (int i = 0; i < NUM_SECTIONS; i++)
		need += s[i].count * s[i].size;
	if (buf == NULL || *len < need) {
		*len = need;
		return buf ? CAROUSEL_E_LIMIT : 0;
	}
	*len = need;
	memcpy(at, file_magic, sizeof file_magic);
	bytes_put_le16(at + 6, FILE_VERSION);
	bytes_put_le16(at + 8, (uint16_t)plan.params.k_prime);
	counts_of(&plan.program, counts);
	for (int i = 0; i < NUM_COUNTS; i++)
		bytes_put_le32(at + 10 + 4 * i, *counts[i]);
	at += HEADER_BYTES;
	for (int i = 0; i < NUM_SECTIONS; i++) {
		for (size_t j = 0; s[i].size == 2 && j < s[i].count; j++)
			bytes_put_le16(at + 2 * j, ((const uint16_t *)*s[i].array)[j]);
		if (s[i].size == 1 && s[i].count)
			memcpy(at, *s[i].array, s[i].count);
		at += s[i].count * s[i].size;
	}
	bytes_put_le32(at, (uint32_t)crc32(0, buf, (uInt)(need - 4)));
	return 0;
}

/* The counts of a file before anything is sized by them. */
static int check_counts(const struct raptorq_plan *plan, size_t left)
{
	const struct raptorq_program *prog = &plan->program;
	struct raptorq_plan copy = *plan;
	struct section s[NUM_SECTIONS];
	if (prog->peeled > plan->params.w || prog->inactive > raptorq_max_inactive(&plan->params) ||
		prog->peeled + prog->inactive != plan->params.l || prog->rank > prog->inactive ||
		prog->num_free > plan->params.h || prog->rank + prog->num_free != prog->inactive ||
		prog->num_runs > prog->peeled || prog->num_combined > plan->params.s || prog->num_sources > left ||
		prog->num_check_sources > left)
		return CAROUSEL_E_MALFORMED;
	list_sections(&copy, s);
	for (int i = 0; i < NUM_SECTIONS; i++) {
		if (s[i].count * s[i].size > left)
			return CAROUSEL_E_MALFORMED;
		left -= s[i].count * s[i].size;
	}
	return left ? CAROUSEL_E_MALFORMED : 0;
}

static int all_below(const uint16_t *array, size_t count, uint32_t limit)
{
	uint32_t most = 0;
	for (size_t i = 0; i < count; i++)
		most = array[i] > most ? array[i] : most;
	return count == 0 || most < limit;
}

static int runs_fit(const struct gf256_run *runs, uint32_t num_runs, uint32_t ops, uint32_t sources)
{
	uint64_t total_ops = 0, total_sources = 0;
	for (uint32_t i = 0; i < num_runs; i++) {
		total_ops += runs[i].count;
		total_sources += (uint64_t)runs[i].count * (runs[i].arity & ~GF256_RUN_COMBINED);
	}
	return total_ops == ops && total_sources == sources;
}

/* Every index of a file stays inside what it indexes, whatever the file says. */
static int check_indexes(const struct raptorq_plan *plan)
{
	const struct raptorq_program *prog = &plan->program;
	const uint32_t slots = prog->peeled + prog->inactive + 1, rows = plan->params.k_prime + plan->params.s;
	return all_below(prog->combined_slot, prog->num_combined, slots) &&
			       all_below(prog->order_row, prog->peeled, rows) &&
			       all_below(prog->check_row, prog->rank, rows) &&
			       all_below(prog->column_slot, plan->params.l, slots - 1) &&
			       all_below(prog->sources, prog->num_sources + (size_t)prog->num_check_sources, slots) &&
			       all_below(prog->pi, 3 * (size_t)prog->peeled, slots) &&
			       runs_fit(prog->runs, prog->num_runs, prog->peeled, prog->num_sources) &&
			       runs_fit(prog->check_runs, prog->num_check_runs, prog->rank, prog->num_check_sources)
		       ? 0
		       : CAROUSEL_E_MALFORMED;
}

int raptorq_plan_load(const struct carousel_allocator *allocator, const struct fec_block *block, const uint8_t *buf,
	size_t len, struct fec_plan **out)
{
	struct raptorq_plan counts = {.base = {&fec_scheme_raptorq, *block, allocator}}, *plan;
	struct section s[NUM_SECTIONS];
	uint32_t *fields[NUM_COUNTS];
	const uint8_t *at = buf + HEADER_BYTES;
	int error = raptorq_params_init(&counts.params, block->num_source);
	if (error)
		return error;
	if (len < HEADER_BYTES + 4 || memcmp(buf, file_magic, sizeof file_magic) != 0 ||
		bytes_get_le16(buf + 6) != FILE_VERSION)
		return CAROUSEL_E_MALFORMED;
	if (bytes_get_le32(buf + len - 4) != crc32(0, buf, (uInt)(len - 4)))
		return CAROUSEL_E_CRC;
	if (bytes_get_le16(buf + 8) != counts.params.k_prime)
		return CAROUSEL_E_CONFLICT;
	counts_of(&counts.program, fields);
	for (int i = 0; i < NUM_COUNTS; i++)
		*fields[i] = bytes_get_le32(buf + 10 + 4 * i);
	counts.program.num_check_runs = counts.program.rank;
	error = check_counts(&counts, len - HEADER_BYTES - 4);
	if (error)
		return error;
	plan = plan_alloc(allocator, &counts);
	if (plan == NULL)
		return CAROUSEL_E_MEMORY;
	list_sections(plan, s);
	for (int i = 0; i < NUM_SECTIONS; i++) {
		for (size_t j = 0; s[i].size == 2 && j < s[i].count; j++)
			((uint16_t *)*s[i].array)[j] = bytes_get_le16(at + 2 * j);
		if (s[i].size == 1 && s[i].count)
			memcpy(*s[i].array, at, s[i].count);
		at += s[i].count * s[i].size;
	}
	error = check_indexes(plan);
	if (error)
		raptorq_plan_free(&plan->base);
	else
		*out = &plan->base;
	return error;
}
