/* bench_raptorq_failure - how often K, K + 1 and K + 2 random encoding symbols do not suffice (RFC 6330 section 5.8: at
 * most 1e-2, 1e-4 and 1e-6), by deciding decodability from ESIs alone.
 *
 * bench_raptorq_failure [SECONDS FILE.json]   SECONDS of trials for each K (default 20). */
#include "common/carousel_error.h"
#include "fec/scheme.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <time.h>

enum { EXTRAS = 3 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(int error)
{
	if (error) {
		fprintf(stderr, "bench_raptorq_failure: %s\n", carousel_strerror(error));
		exit(1);
	}
}

/* Adds to failures[x] when K + x symbols were not enough. */
static void trial(
	const struct fec_block *block, void *mem, size_t bytes, uint64_t *seed, unsigned long failures[EXTRAS])
{
	const struct fec_scheme *rq = &fec_scheme_raptorq;
	struct fec_decoder *d;
	must(rq->decoder_init(&d, mem, bytes, block, 1));
	for (uint32_t extra = 0; extra < EXTRAS;) {
		const int added = rq->decoder_add(d, (uint32_t)(test_random(seed) >> 40));
		if (added == CAROUSEL_E_DUPLICATE || (added == 0 && rq->decoder_count(d) < block->num_source))
			continue;
		must(added);
		if (rq->decoder_plan(d) == 0)
			return;
		failures[extra++]++;
	}
}

int main(int argc, char **argv)
{
	static const uint32_t ks[] = {10, 101, 1024};
	static const double allowed[EXTRAS] = {1e-2, 1e-4, 1e-6};
	const double seconds = argc > 1 ? atof(argv[1]) : 20;
	FILE *json = fopen(argc > 2 ? argv[2] : "/dev/null", "w");
	const char *machine = getenv("BENCH_MACHINE"), *commit = getenv("BENCH_COMMIT");
	if (json == NULL)
		return 2;
	fprintf(json, "{\"machine\":\"%s\",\"commit\":\"%s\",\"rows\":[", machine ? machine : "", commit ? commit : "");
	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
		const struct fec_block block = {.encoding_id = FEC_RAPTORQ,
			.num_source = ks[i],
			.esi_limit = FEC_RAPTORQ_MAX_ESI + 1,
			.symbol_size = 64,
			.num_sub_blocks = 1,
			.alignment = 1};
		const size_t bytes = (fec_scheme_raptorq.decoder_bytes(&block, 1) + 63) & ~(size_t)63;
		void *mem = aligned_alloc(64, bytes);
		unsigned long failures[EXTRAS] = {0}, trials = 0;
		uint64_t seed = ks[i];
		must(mem ? 0 : CAROUSEL_E_MEMORY);
		for (const double start = now(); now() - start < seconds;)
			for (unsigned n = 0; n < 100; n++, trials++)
				trial(&block, mem, bytes, &seed, failures);
		for (unsigned x = 0; x < EXTRAS; x++) {
			const double rate = (double)failures[x] / (double)trials;
			printf("K=%-5u +%u: %lu of %lu failed: %.2e, allowed %.0e\n", ks[i], x, failures[x], trials,
				rate, allowed[x]);
			fprintf(json,
				"%s\n {\"name\":\"failure\",\"params\":{\"k\":%u,\"extra\":%u},\"value\":%.3e,"
				"\"unit\":\"probability\",\"goal\":%.0e,\"runs\":%lu}",
				i + x ? "," : "", ks[i], x, rate, allowed[x], trials);
		}
		free(mem);
	}
	fprintf(json, "\n]}\n");
	return fclose(json) != 0;
}
