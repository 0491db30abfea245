/* The same measurements as bench_fec on another RaptorQ, nanorq (tests/bench/peer_fec.sh builds and runs it). */
#include <nanorq.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { T = 1280, RUNS = 41 };

struct times {
	double copy[RUNS], setup[RUNS], repair[RUNS], decode[RUNS];
	unsigned count;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double decode(
	nanorq *encoder, unsigned k, unsigned percent, const uint8_t *data, const uint8_t *repair, uint8_t *out)
{
	const unsigned wanted = k * percent / 100;
	struct ioctx *io = ioctx_from_mem(out, (size_t)k * T);
	const double start = now();
	nanorq *decoder = nanorq_decoder_new(nanorq_oti_common(encoder), nanorq_oti_scheme_specific(encoder));
	unsigned lost = 0;
	double used;

	srand(1);
	for (unsigned i = 0; i < k; i++)
		if ((unsigned)rand() % (k - i) < wanted - lost)
			lost++;
		else
			nanorq_decoder_add_symbol(decoder, (void *)(data + (size_t)i * T), nanorq_tag(0, i), io);
	for (unsigned i = 0; i < lost + 2; i++)
		nanorq_decoder_add_symbol(decoder, (void *)(repair + (size_t)i * T), nanorq_tag(0, k + i), io);
	if (!nanorq_repair_block(decoder, io, 0))
		fprintf(stderr, "nanorq did not decode\n");
	used = now() - start;
	nanorq_free(decoder);
	io->destroy(io);
	if (memcmp(data, out, (size_t)k * T) != 0)
		fprintf(stderr, "nanorq decoded something else\n");
	return used;
}

static void run(unsigned k, unsigned percent, const uint8_t *data, uint8_t *out, uint8_t *repair, struct times *t)
{
	const unsigned made = k * percent / 100 + 16;
	struct ioctx *io = ioctx_from_mem(data, (size_t)k * T);
	nanorq *encoder = nanorq_encoder_new_ex((size_t)k * T, T, (uint16_t)k, 0, 8);
	double start = now();

	memcpy(out, data, (size_t)k * T);
	t->copy[t->count] = now() - start;
	nanorq_precalculate(encoder);
	start = now();
	nanorq_generate_symbols(encoder, 0, io);
	t->setup[t->count] = now() - start;
	start = now();
	for (unsigned i = 0; i < made; i++)
		nanorq_encode(encoder, repair + (size_t)i * T, k + i, 0, io);
	t->repair[t->count] = (now() - start) / made * k;
	memset(out, 0, (size_t)k * T);
	t->decode[t->count++] = decode(encoder, k, percent, data, repair, out);
	nanorq_free(encoder);
	io->destroy(io);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double gbps(unsigned k, double *v, unsigned count)
{
	qsort(v, count, sizeof(*v), by_value);
	return (double)k * T * 8 / v[count / 2] / 1e9;
}

int main(int argc, char **argv)
{
	static const unsigned ks[] = {100, 1000, 10000, 50000};
	const unsigned only = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;

	for (unsigned j = 0; j < sizeof(ks) / sizeof(*ks); j++)
		for (unsigned percent = 10, k = ks[j]; percent <= 20 && (only == 0 || k == only); percent += 10) {
			uint8_t *data = malloc((size_t)k * T), *out = malloc((size_t)k * T);
			uint8_t *repair = malloc((size_t)(k * percent / 100 + 16) * T);
			struct times t = {.count = 0};

			if (data == NULL || out == NULL || repair == NULL)
				return 1;
			for (size_t i = 0; i < (size_t)k * T; i++)
				data[i] = (uint8_t)rand();
			for (int n = k <= 1000 ? RUNS : k <= 10000 ? 9 : 5; n > 0; n--)
				run(k, percent, data, out, repair, &t);
			printf("nanorq       K=%-6u setup %.2f  repair %.2f  decode-%u%% %.2f Gbit/s  (memcpy %.0f)\n",
				k, gbps(k, t.setup, t.count), gbps(k, t.repair, t.count), percent,
				gbps(k, t.decode, t.count), gbps(k, t.copy, t.count));
			free(data);
			free(out);
			free(repair);
		}
	return 0;
}
