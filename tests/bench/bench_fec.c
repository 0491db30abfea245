/* bench_fec - speed of the RaptorQ codec beside memcpy and ISA-L, as text and as JSON.
 *
 * bench_fec [-k K] [-l LEVEL] [-q] FILE.json   Figures are medians, in Gbit/s of source data, T = 1280.
 * setup    source block -> intermediate symbols, the plan being there already
 * repair   intermediate symbols -> repair symbols, in batches of 256 and one by one
 * decode   packets in memory -> source block: a decoder from nothing, identities, plan, bytes, and the copying of the
 *          source symbols that were received
 * strips   the same in column strips of 256 octets, every symbol through read and write as if it were in a file
 * bytes    what the codec is given to work in, beside the bounds 1.25 * K * T + 64 * K + 1 MiB and
 *          1.1 * K * strip + 64 * K + 1 MiB */
#include "common/carousel_error.h"
#include "fec/gf256/gf256.h"
#include "fec/scheme.h"
#include "tests/lib/test.h"

#include <isa-l.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { T = 1280, MAX_RUNS = 41, BATCH = 256, GATHER_ROWS = 7 };

static const struct fec_scheme *const rq = &fec_scheme_raptorq;

/* Best of three peers on this kind of machine, and the goal of twice that. */
struct goal {
	uint32_t k;
	double setup, decode, repair;
};
static const struct goal goals[] = {{10, 0, 0, 0}, {100, 56, 21.6, 200}, {1000, 54, 21.6, 150}, {10000, 28, 13.6, 120},
	{16384, 0, 0, 0}, {50000, 10.8, 7.4, 38}};

struct bench {
	FILE *json;
	int rows;
	const struct gf256_kernels *kernels;
	uint32_t k;
	struct fec_block block;
	uint8_t *source, *out, *repair;
	uint32_t num_repair;
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	void *encoder_mem, *decoder_mem;
	size_t encoder_bytes, decoder_bytes;
	double memcpy_gbps, mad_gbps;
	uint32_t *packets; /* ESIs received, for decode */
	uint32_t num_packets;
	size_t strip; /* 0: the whole symbol, straight from memory */
};

/* Time of the CPU, not of the clock: other programs on the machine take none of it, only of the caches and memory. */
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The median time of one call, after a first that does not count; at least 5 runs, about 0.3 s. */
static double median_of(void (*run)(struct bench *), struct bench *b, unsigned *runs)
{
	double times[MAX_RUNS], start;
	unsigned n = 0;
	run(b);
	for (start = now(); n < MAX_RUNS && (n < 5 || now() - start < 0.3); n++) {
		unsigned times_over = 0;
		const double from = now();
		double to;
		do {
			run(b);
			times_over++;
			to = now();
		} while (to - from < 0.0005);
		times[n] = (to - from) / times_over;
	}
	qsort(times, n, sizeof *times, compare);
	*runs = n;
	return times[n / 2];
}

static double gbps(const struct bench *b, double seconds)
{
	return (double)b->k * T * 8 / seconds / 1e9;
}

static void report(struct bench *b, const char *name, double value, double goal, unsigned runs, const char *extra)
{
	char wanted[48] = "";
	if (goal > 0)
		snprintf(wanted, sizeof wanted, "goal %5.1f %s", goal, value >= goal ? "reached" : "NOT reached");
	printf("%-12s K=%-6u %-14s %8.2f Gbit/s  %5.3f of memcpy  %5.3f of gf_vect_mad  %s %s\n", b->kernels->name,
		b->k, name, value, value / b->memcpy_gbps, value / b->mad_gbps, wanted, extra);
	fflush(stdout);
	fprintf(b->json,
		"%s\n {\"name\":\"%s\",\"params\":{\"scheme\":\"raptorq\",\"k\":%u,\"t\":%d,\"kernels\":\"%s\"},"
		"\"value\":%.3f,\"unit\":\"Gbit/s\",\"goal\":%.1f,\"yardstick\":{\"memcpy\":%.2f,\"gf_vect_mad\":%.2f},"
		"\"ratio\":{\"memcpy\":%.4f,\"gf_vect_mad\":%.4f},\"runs\":%u}",
		b->rows++ ? "," : "", name, b->k, T, b->kernels->name, value, goal, b->memcpy_gbps, b->mad_gbps,
		value / b->memcpy_gbps, value / b->mad_gbps, runs);
}

/* ---- yardsticks ---------------------------------------------------------------------------------------- */

static void run_memcpy(struct bench *b)
{
	memcpy(b->out, b->source, (size_t)b->k * T);
}

static void run_mad(struct bench *b)
{
	static uint8_t table[32], coef = 0x53;
	gf_vect_mul_init(coef, table);
	for (uint32_t i = 0; i < b->k; i++)
		gf_vect_mad(T, 1, 0, table, b->source + (size_t)i * T, b->out + (size_t)i * T);
}

/* ---- measured ------------------------------------------------------------------------------------------- */

static const uint8_t *source_direct(void *user, uint32_t esi)
{
	const struct bench *b = user;
	return esi < b->k ? b->source + (size_t)esi * T : b->repair + (size_t)(esi - b->k) * T;
}

static int write_out(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	const struct bench *b = user;
	memcpy(b->out + (size_t)esi * T + off, src, len);
	return 0;
}

static int read_source(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, source_direct(user, esi) + off, len);
	return 0;
}

static struct fec_symbols access_of(struct bench *b)
{
	return (struct fec_symbols){b, b->strip ? NULL : source_direct, read_source, write_out};
}

static void must(int error)
{
	if (error) {
		fprintf(stderr, "bench_fec: %s\n", carousel_strerror(error));
		exit(1);
	}
}

static void run_plan(struct bench *b)
{
	struct fec_plan *plan;
	must(rq->plan_new(NULL, &b->block, &plan));
	rq->plan_free(plan);
}

static void run_setup(struct bench *b)
{
	const struct fec_symbols access = access_of(b);
	must(rq->encoder_init(&b->encoder, b->encoder_mem, b->encoder_bytes, b->plan, &access));
}

static void run_repair(struct bench *b)
{
	must(rq->encoder_symbols(b->encoder, b->k + 1000, 1, BATCH, b->repair, T));
}

static void run_single(struct bench *b)
{
	for (uint32_t i = 0; i < BATCH; i++)
		must(rq->encoder_symbols(b->encoder, b->k + 1000 + i, 1, 1, b->repair + (size_t)i * T, T));
}

/* What a single repair symbol is held against: the sum of as many random rows, nothing else. */
static void run_gather(struct bench *b)
{
	const struct gf256_run run = {GATHER_ROWS, 1};
	uint64_t seed = 1;
	for (uint32_t i = 0; i < BATCH; i++) {
		uint16_t rows[GATHER_ROWS];
		uint8_t *dst = b->repair + (size_t)i * T;
		for (unsigned r = 0; r < GATHER_ROWS; r++)
			rows[r] = (uint16_t)(test_random(&seed) % b->k);
		for (size_t off = 0; off < T; off += 256)
			b->kernels->gather(&(struct gf256_gather){b->source, T, off, 4, &run, 1, rows, &dst, off});
	}
}

static void run_decode_plan(struct bench *b)
{
	struct fec_decoder *d;
	must(rq->decoder_init(&d, b->decoder_mem, b->decoder_bytes, &b->block, b->strip));
	for (uint32_t i = 0; i < b->num_packets; i++)
		must(rq->decoder_add(d, b->packets[i]));
	must(rq->decoder_plan(d));
}

static void run_decode(struct bench *b)
{
	const struct fec_symbols access = access_of(b);
	struct fec_decoder *d;
	must(rq->decoder_init(&d, b->decoder_mem, b->decoder_bytes, &b->block, b->strip));
	for (uint32_t i = 0; i < b->num_packets; i++) {
		const uint32_t esi = b->packets[i];
		must(rq->decoder_add(d, esi));
		if (esi < b->k)
			memcpy(b->out + (size_t)esi * T, b->source + (size_t)esi * T, T);
	}
	must(rq->decoder_plan(d));
	must(rq->decoder_apply(d, &access));
}

/* Loses `percent` of the source symbols, at random, and takes as many repair symbols and two more. */
static void lose(struct bench *b, unsigned percent)
{
	uint64_t seed = percent;
	uint32_t lost = 0, target = (b->k * percent + 99) / 100;
	b->num_packets = 0;
	for (uint32_t esi = 0; esi < b->k; esi++)
		if (test_random(&seed) % (b->k - esi) < target - lost)
			lost++;
		else
			b->packets[b->num_packets++] = esi;
	for (uint32_t i = 0; i < lost + 2; i++)
		b->packets[b->num_packets++] = b->k + i;
}

static void *area(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 4095) & ~(size_t)4095);
	if (p == NULL)
		must(CAROUSEL_E_MEMORY);
	memset(p, 1, bytes);
	return p;
}

static void open_block(struct bench *b, uint32_t k)
{
	uint64_t seed = k;
	b->k = k;
	b->block = (struct fec_block){.encoding_id = FEC_RAPTORQ,
		.num_source = k,
		.esi_limit = FEC_RAPTORQ_MAX_ESI + 1,
		.symbol_size = T,
		.num_sub_blocks = 1,
		.alignment = 4};
	b->num_repair = (k > BATCH ? k : BATCH) + 8;
	b->source = area((size_t)k * T);
	b->out = area((size_t)k * T);
	b->repair = area((size_t)b->num_repair * T);
	b->packets = area((k + 64) * sizeof *b->packets);
	for (size_t i = 0; i < (size_t)k * T; i += 8) {
		const uint64_t x = test_random(&seed);
		memcpy(b->source + i, &x, 8);
	}
	b->encoder_bytes = rq->encoder_bytes(&b->block);
	b->encoder_mem = area(b->encoder_bytes);
	b->decoder_bytes = rq->decoder_bytes(&b->block, 0);
	b->decoder_mem = area(b->decoder_bytes);
	must(rq->plan_new(NULL, &b->block, &b->plan));
}

static void close_block(struct bench *b)
{
	rq->plan_free(b->plan);
	free(b->source);
	free(b->out);
	free(b->repair);
	free(b->packets);
	free(b->encoder_mem);
	free(b->decoder_mem);
}

static void bench_repair(struct bench *b, const struct goal *goal)
{
	const double batch_k = (double)BATCH / b->k;
	unsigned runs = 0;
	double ceiling, single;
	char text[64];
	const double batch = median_of(run_repair, b, &runs);
	report(b, "repair", gbps(b, batch / batch_k), goal->repair, runs, "");
	ceiling = gbps(b, median_of(run_gather, b, &runs) / batch_k);
	single = gbps(b, median_of(run_single, b, &runs) / batch_k);
	snprintf(text, sizeof text, "%.2f of a gather of %d rows (%.1f)", single / ceiling, GATHER_ROWS, ceiling);
	report(b, "repair-single", single, 0.8 * ceiling, runs, text);
}

static void bench_decode(struct bench *b, const struct goal *goal, unsigned percent)
{
	unsigned runs = 0;
	char name[32], text[64];
	double whole, plan;
	lose(b, percent);
	memset(b->out, 0, (size_t)b->k * T);
	plan = median_of(run_decode_plan, b, &runs);
	whole = median_of(run_decode, b, &runs);
	must(memcmp(b->out, b->source, (size_t)b->k * T) ? CAROUSEL_E_INTERNAL : 0);
	snprintf(name, sizeof name, b->strip ? "strips-%u%%" : "decode-%u%%", percent);
	snprintf(text, sizeof text, "identities and plan %.3f ms = %.0f %%", plan * 1e3, plan / whole * 100);
	report(b, name, gbps(b, whole), !b->strip && (percent == 10 || percent == 20) ? goal->decode : 0, runs, text);
}

static void report_bytes(struct bench *b, const char *name, size_t bytes, double bound)
{
	printf("%-12s K=%-6u %-14s %8.2f MiB, bound %.2f MiB %s\n", b->kernels->name, b->k, name,
		(double)bytes / 1048576, bound / 1048576, (double)bytes <= bound ? "kept" : "NOT kept");
	fprintf(b->json,
		",\n {\"name\":\"%s\",\"params\":{\"scheme\":\"raptorq\",\"k\":%u,\"t\":%d},\"value\":%zu,"
		"\"unit\":\"bytes\",\"goal\":%.0f,\"runs\":1}",
		name, b->k, T, bytes, bound);
}

static void bench_bytes(struct bench *b)
{
	const double k = b->k, fixed = 64 * k + 1048576;
	report_bytes(b, "bytes-encode", rq->encoder_bytes(&b->block), 1.25 * k * T + fixed);
	report_bytes(b, "bytes-decode", rq->decoder_bytes(&b->block, 0), 1.25 * k * T + fixed);
	report_bytes(b, "bytes-strips", rq->decoder_bytes(&b->block, 256), 1.1 * k * 256 + fixed);
}

static void bench_block(struct bench *b, const struct goal *goal)
{
	unsigned runs = 0;
	char text[96];
	double setup;
	open_block(b, goal->k);
	b->memcpy_gbps = gbps(b, median_of(run_memcpy, b, &runs));
	b->mad_gbps = gbps(b, median_of(run_mad, b, &runs));
	snprintf(text, sizeof text, "plan %.3f ms; memcpy %.0f, gf_vect_mad %.0f Gbit/s",
		median_of(run_plan, b, &runs) * 1e3, b->memcpy_gbps, b->mad_gbps);
	setup = median_of(run_setup, b, &runs);
	report(b, "setup", gbps(b, setup), goal->setup, runs, text);
	bench_repair(b, goal);
	must(rq->encoder_symbols(b->encoder, b->k, 1, b->num_repair, b->repair, T));
	bench_decode(b, goal, 1);
	bench_decode(b, goal, 10);
	bench_decode(b, goal, 20);
	bench_decode(b, goal, 100);
	b->strip = 256;
	bench_decode(b, goal, 10);
	b->strip = 0;
	bench_bytes(b);
	close_block(b);
}

int main(int argc, char **argv)
{
	static const unsigned levels[] = {~0u, 7, 3, 1, 0};
	struct bench b = {.rows = 0};
	uint32_t only_k = 0;
	int only_level = -1, option;
	const char *machine = getenv("BENCH_MACHINE"), *commit = getenv("BENCH_COMMIT");
	while ((option = getopt(argc, argv, "k:l:")) != -1)
		if (option == 'k')
			only_k = (uint32_t)atoi(optarg);
		else if (option == 'l')
			only_level = atoi(optarg);
	b.json = fopen(optind < argc ? argv[optind] : "/dev/null", "w");
	if (b.json == NULL)
		return 2;
	fprintf(b.json, "{\"machine\":\"%s\",\"commit\":\"%s\",\"rows\":[", machine ? machine : "",
		commit ? commit : "");
	for (int l = 0; l < (int)(sizeof levels / sizeof *levels); l++) {
		if (only_level >= 0 && l != only_level)
			continue;
		gf256_set_cpu_mask(levels[l]);
		if (l && gf256_kernels() == b.kernels)
			continue;
		b.kernels = gf256_kernels();
		for (size_t i = 0; i < sizeof goals / sizeof *goals; i++)
			if (only_k == 0 || goals[i].k == only_k)
				bench_block(&b, &goals[i]);
	}
	fprintf(b.json, "\n]}\n");
	return fclose(b.json) != 0;
}
