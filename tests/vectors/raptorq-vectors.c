/* raptorq-vectors FILE.csv - checks encoding symbols that other codecs made: lines K,T,ESI,symbol_hex for a source
 * block whose octet i is (i * 31 + (i >> 8) * 17 + K) mod 251. Each is encoded here; and a block is decoded from
 * K symbols of which those of the file are some. Ends with `N passed, N failed`. */
#include "common/carousel_error.h"
#include "fec/gf256/gf256.h"
#include "fec/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct fec_block fec;
	uint8_t *data; /* source symbols */
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	void *mem;
};

static const uint8_t *source_direct(void *user, uint32_t esi)
{
	const struct block *b = user;
	return b->data + (size_t)esi * b->fec.symbol_size;
}

static void block_close(struct block *b)
{
	fec_scheme_raptorq.plan_free(b->plan);
	free(b->data);
	free(b->mem);
	memset(b, 0, sizeof *b);
}

static int block_open(struct block *b, unsigned k, unsigned t)
{
	const struct fec_symbols source = {b, source_direct, NULL, NULL};
	size_t bytes;
	int error;
	block_close(b);
	b->fec = (struct fec_block){.encoding_id = FEC_RAPTORQ,
		.num_source = k,
		.esi_limit = FEC_RAPTORQ_MAX_ESI + 1,
		.symbol_size = (uint16_t)t,
		.num_sub_blocks = 1,
		.alignment = 1};
	b->data = malloc((size_t)k * t);
	if (b->data == NULL)
		return CAROUSEL_E_MEMORY;
	for (size_t i = 0; i < (size_t)k * t; i++)
		b->data[i] = (uint8_t)((i * 31 + (i >> 8) * 17 + k) % 251);
	error = fec_scheme_raptorq.plan_new(NULL, &b->fec, &b->plan);
	if (error)
		return error;
	bytes = (fec_scheme_raptorq.encoder_bytes(&b->fec) + 63) & ~(size_t)63;
	b->mem = aligned_alloc(64, bytes);
	return b->mem ? fec_scheme_raptorq.encoder_init(&b->encoder, b->mem, bytes, b->plan, &source)
		      : CAROUSEL_E_MEMORY;
}

/* ---- decoding: the symbols of the file, and source symbols for the rest --------------------------------- */

struct held {
	struct block *block;
	uint8_t *out;
	const uint32_t *esi;
	const uint8_t *symbols;
	unsigned count;
};

static const uint8_t *held_direct(void *user, uint32_t esi)
{
	const struct held *h = user;
	for (unsigned i = 0; i < h->count; i++)
		if (h->esi[i] == esi)
			return h->symbols + (size_t)i * h->block->fec.symbol_size;
	return source_direct(h->block, esi);
}

static int held_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	struct held *h = user;
	memcpy(h->out + (size_t)esi * h->block->fec.symbol_size + off, src, len);
	return 0;
}

static int decodes(struct block *b, const uint32_t *esi, const uint8_t *symbols, unsigned count)
{
	const uint32_t k = b->fec.num_source;
	const size_t size = (size_t)k * b->fec.symbol_size;
	const size_t bytes = (fec_scheme_raptorq.decoder_bytes(&b->fec, 0) + 63) & ~(size_t)63;
	struct held h = {b, malloc(size), esi, symbols, count};
	const struct fec_symbols access = {&h, held_direct, NULL, held_write};
	struct fec_decoder *d;
	void *mem = aligned_alloc(64, bytes);
	int ok = h.out && mem && fec_scheme_raptorq.decoder_init(&d, mem, bytes, &b->fec, 0) == 0;
	if (ok) {
		uint32_t next = count < k ? count : k;
		memcpy(h.out, b->data, size);
		memset(h.out, 0, next * (size_t)b->fec.symbol_size);
		for (unsigned i = 0; i < count; i++)
			ok = ok && fec_scheme_raptorq.decoder_add(d, esi[i]) == 0;
		for (; next < k; next++)
			ok = ok && fec_scheme_raptorq.decoder_add(d, next) == 0;
		ok = ok && fec_scheme_raptorq.decoder_plan(d) == 0 &&
		     fec_scheme_raptorq.decoder_apply(d, &access) == 0 && memcmp(h.out, b->data, size) == 0;
	}
	free(h.out);
	free(mem);
	return ok;
}

static int unhex(const char *hex, uint8_t *out, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		unsigned octet;
		if (sscanf(hex + (size_t)2 * i, "%2x", &octet) != 1)
			return 0;
		out[i] = (uint8_t)octet;
	}
	return 1;
}

int main(int argc, char **argv)
{
	enum { MOST = 64, MAX_T = 2048 };
	static char line[2 * MAX_T + 64], hex[2 * MAX_T + 8];
	static uint8_t symbols[MOST * MAX_T], made[MAX_T];
	static uint32_t esis[MOST];
	unsigned k, t, esi, count = 0, passed = 0, failed = 0;
	struct block b = {.plan = NULL};
	const char *mask = getenv("CAROUSEL_CPU_MASK");
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	if (file == NULL) {
		fprintf(stderr, "usage: raptorq-vectors FILE.csv\n");
		return 2;
	}
	if (mask)
		gf256_set_cpu_mask((unsigned)strtoul(mask, NULL, 0));
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "%u,%u,%u,%4100[0-9a-fA-F]", &k, &t, &esi, hex) != 4)
			continue;
		if (b.plan == NULL || k != b.fec.num_source || t != b.fec.symbol_size) {
			if (count)
				*(decodes(&b, esis, symbols, count) ? &passed : &failed) += 1;
			count = 0;
			if (t == 0 || t > MAX_T || k == 0 || k > FEC_RAPTORQ_MAX_K || block_open(&b, k, t)) {
				printf("FAIL K=%u T=%u: no encoder\n", k, t);
				failed++;
				break;
			}
		}
		if (strlen(hex) == 2 * (size_t)t && count < MOST && unhex(hex, symbols + (size_t)count * t, t) &&
			fec_scheme_raptorq.encoder_symbols(b.encoder, esi, 1, 1, made, t) == 0 &&
			memcmp(made, symbols + (size_t)count * t, t) == 0) {
			passed++;
			if (esi >= k && count < k)
				esis[count++] = esi;
		} else {
			printf("FAIL K=%u T=%u ESI=%u\n", k, t, esi);
			failed++;
		}
	}
	if (count)
		*(decodes(&b, esis, symbols, count) ? &passed : &failed) += 1;
	block_close(&b);
	fclose(file);
	printf("kernels: %s\n%u passed, %u failed\n", gf256_kernels()->name, passed, failed);
	return failed || passed == 0;
}
