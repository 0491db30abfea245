/* bench_rs - Reed-Solomon of RFC 5510 (FEC Encoding ID 5) and small blocks through liberasurecode (129) beside ISA-L's
 * ec_encode_data on the same shapes in the same run: Gbit/s of source data, CPU time of one thread.
 * Encoding makes all n - k repair symbols; decoding repairs min(k, n - k) lost source symbols, plan included. */
#include "fec/fec.h"
#include "tests/lib/bench.h"
#include "tests/lib/fec_round.h"
#include "tests/lib/test.h"

#include <isa-l/erasure_code.h>
#include <stdio.h>

#define RUNS 7u

struct isal {
	unsigned char *tables, **source, **out;
	int k, rows, len;
};

static void isal_open(struct isal *s, uint32_t k, uint32_t rows, size_t t)
{
	unsigned char *matrix = malloc((size_t)(k + rows) * k);
	uint64_t seed = 1;
	s->tables = malloc((size_t)32 * k * rows);
	s->source = malloc(k * sizeof *s->source);
	s->out = malloc(rows * sizeof *s->out);
	s->k = (int)k;
	s->rows = (int)rows;
	s->len = (int)t;
	gf_gen_cauchy1_matrix(matrix, (int)(k + rows), (int)k);
	ec_init_tables((int)k, (int)rows, matrix + k * k, s->tables);
	for (uint32_t i = 0; i < k; i++) {
		s->source[i] = aligned_alloc(64, (t + 63) / 64 * 64);
		for (size_t b = 0; b < t; b++)
			s->source[i][b] = (unsigned char)test_random(&seed);
	}
	for (uint32_t i = 0; i < rows; i++)
		s->out[i] = aligned_alloc(64, (t + 63) / 64 * 64);
	free(matrix);
}

static void isal_close(struct isal *s)
{
	for (int i = 0; i < s->k; i++)
		free(s->source[i]);
	for (int i = 0; i < s->rows; i++)
		free(s->out[i]);
	free(s->source);
	free(s->out);
	free(s->tables);
}

static void isal_work(void *user)
{
	const struct isal *s = user;
	ec_encode_data(s->len, s->k, s->rows, s->tables, s->source, s->out);
}

/* A block in memory: what the encoder and the decoder under test work on. */
struct ours {
	struct fec_block block;
	struct fec_round round;
	struct fec_encoder *encoder;
	uint8_t *encoder_mem, *decoder_mem, *out;
	size_t decoder_bytes;
	uint32_t lost;
};

static const uint8_t *symbol_at(void *user, uint32_t esi)
{
	const struct ours *o = user;
	return o->round.encoded + (size_t)esi * o->block.symbol_size;
}

static int symbol_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	struct ours *o = user;
	memcpy(o->out + (size_t)esi * o->block.symbol_size + off, src, len);
	return 0;
}

static void encoder_open(struct ours *o)
{
	const struct fec_symbols source = {o, symbol_at, NULL, NULL};
	const size_t bytes = fec_encoder_bytes(&o->block);
	struct fec_plan *plan;
	o->encoder_mem = aligned_alloc(64, (bytes + 63) / 64 * 64);
	if (fec_plan_new(NULL, &o->block, &plan) != 0 ||
		fec_encoder_init(&o->encoder, o->encoder_mem, bytes, plan, &source) != 0)
		abort();
	fec_plan_free(plan);
}

static void encode_work(void *user)
{
	struct ours *o = user;
	const uint32_t k = o->block.num_source;
	if (o->block.encoding_id == FEC_SMALL_BLOCK) { /* it encodes when it reads its source */
		fec_encoder_deinit(o->encoder);
		free(o->encoder_mem);
		encoder_open(o);
	}
	if (fec_encoder_symbols(o->encoder, k, 1, o->block.esi_limit - k, o->out, o->block.symbol_size) != 0)
		abort();
}

static void decode_work(void *user)
{
	struct ours *o = user;
	const struct fec_symbols symbols = {o, symbol_at, NULL, symbol_write};
	struct fec_decoder *decoder;
	if (fec_decoder_init(&decoder, o->decoder_mem, o->decoder_bytes, &o->block, 0) != 0)
		abort();
	for (uint32_t esi = o->lost; esi < o->lost + o->block.num_source; esi++)
		if (fec_decoder_add(decoder, esi) != 0)
			abort();
	if (fec_decoder_plan(decoder) != 0 || fec_decoder_apply(decoder, &symbols) != 0)
		abort();
	fec_decoder_deinit(decoder);
}

static void bench_code(struct bench_report *report, const char *name, const struct fec_block *block)
{
	const uint32_t k = block->num_source, n = block->esi_limit;
	const double gbit = (double)k * block->symbol_size * 8 / 1e9;
	struct ours o = {.block = *block, .lost = n - k < k ? n - k : k};
	struct isal isal;
	char params[64], row[64];
	double encode, decode, isal_encode, isal_decode;
	fec_round_open(&o.round, block, 1);
	o.out = malloc((size_t)n * block->symbol_size);
	o.decoder_bytes = fec_decoder_bytes(block, 0);
	o.decoder_mem = aligned_alloc(64, (o.decoder_bytes + 63) / 64 * 64);
	encoder_open(&o);
	encode = gbit / bench_median(encode_work, &o, RUNS);
	decode = gbit / bench_median(decode_work, &o, RUNS);
	isal_open(&isal, k, n - k, block->symbol_size);
	isal_encode = gbit / bench_median(isal_work, &isal, RUNS);
	isal_close(&isal);
	isal_open(&isal, k, o.lost, block->symbol_size);
	isal_decode = gbit / bench_median(isal_work, &isal, RUNS);
	isal_close(&isal);
	snprintf(params, sizeof params, "k=%u n=%u T=%u", k, n, block->symbol_size);
	snprintf(row, sizeof row, "%s encode", name);
	bench_report_row(report, row, params, encode, "Gbit/s", 0, "isa-l ec_encode_data", isal_encode, RUNS);
	snprintf(row, sizeof row, "%s decode", name);
	bench_report_row(report, row, params, decode, "Gbit/s", 0, "isa-l ec_encode_data", isal_decode, RUNS);
	fec_encoder_deinit(o.encoder);
	fec_round_close(&o.round);
	free(o.encoder_mem);
	free(o.decoder_mem);
	free(o.out);
}

int main(void)
{
	static const struct {
		uint32_t k, n;
		uint16_t t;
	} shapes[] = {{20, 25, 1024}, {100, 120, 1024}, {128, 192, 1024}, {200, 255, 1024}, {200, 255, 8192}};
	struct bench_report *report = bench_report_new("rs");
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const struct fec_block block =
			fec_round_block(FEC_REED_SOLOMON_GF256, 0, shapes[i].k, shapes[i].n, shapes[i].t);
		bench_code(report, "RFC 5510", &block);
	}
	for (uint16_t id = FEC_INSTANCE_RS_VAND; id <= FEC_INSTANCE_ISA_L_CAUCHY; id++) {
		const struct fec_block block = fec_round_block(FEC_SMALL_BLOCK, id, 20, 25, 1024);
		if (fec_scheme_is_available(FEC_SMALL_BLOCK, id))
			bench_code(report, id == FEC_INSTANCE_RS_VAND ? "129 built-in" : "129 isa-l", &block);
	}
	return bench_report_finish(report) ? 1 : 0;
}
