/* bench_store - an image through the symbol store on files: bytes written / image size, memory (VmHWM of the receiving
 * process, held to 16 MiB by a cgroup where that may be made), CPU time, state beside the slot, and what fits through.
 *
 * usage: bench_store [-m MIB] [-d DIRECTORY] [-s SCENE]     default 1024 MiB (64 with CAROUSEL_BENCH_SHORT) in
 * $BUILD/bench
 *
 * One process makes image, index and repair symbols beforehand and leaves them in files; another receives them. */
#include "common/carousel_error.h"
#include "fec/fec.h"
#include "tests/lib/bench.h"
#include "tests/lib/memory_limit.h"
#include "tests/lib/store_site.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_BYTES (6528u * 1024)      /* what the receiver leaves the store by default */
#define LIMIT_BYTES  (16u * 1024 * 1024) /* of the whole process */
#define MIB          (1024.0 * 1024.0)

struct scene {
	const char *name;
	uint8_t encoding_id;
	uint16_t instance_id;
	uint32_t block_symbols, max_encoding_symbols;
	unsigned loss_percent;
	bool repair_only;
	uint64_t rate_bps;   /* of the air, in virtual time; 0: as fast as it goes */
	double most_written; /* goal of the write amplification */
	bool is_limited;     /* in a cgroup where there is one, and therefore with next to no page cache: slow */
};

struct result {
	bool is_right, is_limited;
	double seconds, cpu_s;
	uint64_t hwm_bytes, store_peak, written, beside, journal, scratch, spill;
};

static uint64_t status_bytes(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	unsigned long long kib = 0;
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, key, strlen(key)) == 0)
			sscanf(line + strlen(key), ": %llu", &kib);
	if (f)
		fclose(f);
	return kib * 1024;
}

static double real_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void receive(const struct store_site *s, const struct scene *scene, struct result *result)
{
	const struct store_config config = {.memory_bytes = MEMORY_BYTES};
	static struct store_site_box b;
	struct store_progress p;
	struct rusage usage;
	double start = real_seconds();
	size_t now;
	b.loss_percent = scene->loss_percent;
	b.seed = 7;
	if (scene->rate_bps)
		b.symbol_ns = (uint64_t)s->layout.oti.symbol_size * 8 * 1000000000u / scene->rate_bps;
	store_site_box_open(&b, s, config);
	if (!scene->repair_only)
		store_site_box_source_pass(&b);
	store_site_box_repair_pass(&b);
	store_site_box_settle(&b);
	result->seconds = real_seconds() - start;
	result->is_right = store_site_box_verify(&b);
	getrusage(RUSAGE_SELF, &usage);
	store_progress(b.store, &p);
	result->cpu_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	result->hwm_bytes = status_bytes("VmHWM");
	store_memory(b.store, &now, &result->store_peak);
	result->written = p.bytes_written;
	result->beside = b.files.most_beside;
	result->journal = b.files.most[RX_JOURNAL];
	result->scratch = b.files.most[RX_SCRATCH];
	result->spill = b.files.most[RX_SPILL];
	store_site_box_close(&b);
}

/* ---- scenes --------------------------------------------------------------------------------------------- */

static void report(struct bench_report *r, const struct store_site *s, const struct scene *scene,
	const struct result *x, const struct memory_limit *limit, uint64_t met)
{
	char params[160], memory[256];
	double image = (double)s->image_bytes;
	snprintf(params, sizeof params, "%s, %.0f MiB, loss %u %%", scene->name, image / MIB, scene->loss_percent);
	if (x->is_limited)
		snprintf(memory, sizeof memory, "%s, in a %s of 16 MiB (met %llu times)", params, limit->kind,
			(unsigned long long)met);
	else
		snprintf(memory, sizeof memory, "%s, %s", params, limit->kind);
	bench_report_row(
		r, "written / image size", params, (double)x->written / image, "", scene->most_written, NULL, 0, 1);
	bench_report_row(r, "memory, VmHWM", memory, (double)x->hwm_bytes / MIB, "MiB", 16, NULL, 0, 1);
	bench_report_row(r, "memory of the store", params, (double)x->store_peak / MIB, "MiB", 9, NULL, 0, 1);
	bench_report_row(
		r, "state beside the slot, index included", params, (double)x->beside / MIB, "MiB", 32, NULL, 0, 1);
	bench_report_row(r, "journal", params, (double)x->journal / MIB, "MiB", 0, NULL, 0, 1);
	bench_report_row(r, "CPU, all threads, verify included", params, x->cpu_s, "s", 0, NULL, 0, 1);
	if (scene->rate_bps == 0)
		bench_report_row(
			r, "received and decoded", params, image * 8 / x->seconds / 1e9, "Gbit/s", 0, NULL, 0, 1);
}

static void in_child(void (*work)(const struct store_site *), const struct store_site *s)
{
	int status = 1;
	pid_t pid = fork();
	if (pid == 0) {
		work(s);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
}

static bool choose_layout(struct store_site *s, const struct scene *scene)
{
	const struct object_layout_wish wish = {.kind = OBJECT_STRIPED,
		.encoding_id = scene->encoding_id,
		.instance_id = scene->instance_id,
		.symbol_size = 1024,
		.block_symbols = scene->block_symbols,
		.max_encoding_symbols = scene->max_encoding_symbols};
	uint32_t source;
	if (object_layout_choose(&s->layout, &wish, s->image_bytes))
		return false;
	source = s->layout.oti.max_block_symbols;
	s->repair = scene->repair_only    ? source + 16
		    : scene->loss_percent ? source * (scene->loss_percent + 3) / (97 - scene->loss_percent) + 16
					  : 0;
	if (scene->max_encoding_symbols && s->repair > scene->max_encoding_symbols - source)
		s->repair = scene->max_encoding_symbols - source;
	return true;
}

static void run_scene(struct bench_report *r, struct store_site *s, const struct scene *scene, bool is_limited)
{
	struct memory_limit limit;
	struct result *result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 1;
	pid_t pid;
	if (!fec_scheme_is_available(scene->encoding_id, scene->instance_id))
		return;
	if (result == MAP_FAILED || !choose_layout(s, scene))
		exit(1);
	in_child(store_site_make_repair, s);
	limit = (struct memory_limit){.kind = "measured alone"};
	if (scene->is_limited || is_limited)
		memory_limit_open(&limit, LIMIT_BYTES);
	pid = fork();
	if (pid == 0) {
		result->is_limited = memory_limit_enter(&limit);
		receive(s, scene, result);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0 || !result->is_right) {
		fprintf(stderr, "bench_store: %s did not arrive%s\n", scene->name,
			WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? ": it ran out of memory" : "");
		memory_limit_close(&limit);
		exit(1);
	}
	report(r, s, scene, result, &limit, memory_limit_met(&limit));
	memory_limit_close(&limit);
	munmap(result, sizeof *result);
}

/* Code and constants, as size(1) counts them. */
static void report_text(struct bench_report *r, const char *build, const char *file)
{
	char command[700], line[256];
	unsigned long text = 0;
	FILE *size;
	snprintf(command, sizeof command, "size %s/%s 2>/dev/null", build, file);
	size = popen(command, "r");
	while (size && fgets(line, sizeof line, size))
		sscanf(line, " %lu", &text);
	if (size)
		pclose(size);
	if (text)
		bench_report_row(r, "text size", file, (double)text / 1024, "KiB", 0, NULL, 0, 1);
}

int main(int argc, char **argv)
{
	static const struct scene scenes[] = {
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 0, false, 0, 1.01, false},
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 5, false, 0, 1.3, false},
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 10, false, 0, 1.3, false},
		{"RaptorQ, held to 16 MiB", FEC_RAPTORQ, 0, 16384, 0, 10, false, 0, 1.3, true},
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 40, false, 0, 3.1, false},
		{"RaptorQ, repair alone", FEC_RAPTORQ, 0, 16384, 0, 0, true, 0, 3.1, false},
		{"RaptorQ, repair alone at 10 Mbit/s", FEC_RAPTORQ, 0, 16384, 0, 0, true, 10000000, 3.1, false},
		{"Reed-Solomon", FEC_REED_SOLOMON_GF256, 0, 160, 255, 10, false, 0, 1.3, false},
	};
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build", *dir = NULL;
	unsigned long mib = getenv("CAROUSEL_BENCH_SHORT") ? 64 : 1024, only = 0;
	struct store_site site = {0};
	struct bench_report *r;
	bool all_limited = false;
	int option;
	while ((option = getopt(argc, argv, "m:d:s:l")) != -1) {
		if (option == 'm')
			mib = strtoul(optarg, NULL, 10);
		else if (option == 's')
			only = strtoul(optarg, NULL, 10);
		else if (option == 'd')
			dir = optarg;
		else if (option == 'l')
			all_limited = true;
		else
			return 2;
	}
	r = bench_report_new("store");
	if (r == NULL || mib == 0 || mib > 4096)
		return 2;
	snprintf(site.dir, sizeof site.dir, "%s%s", dir ? dir : build, dir ? "" : "/bench/store.files");
	mkdir(site.dir, 0755);
	site.image_bytes = (uint64_t)mib << 20;
	store_site_make(&site);
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		if (only == 0 || only == i + 1)
			run_scene(r, &site, &scenes[i], all_limited);
	report_text(r, build, "lib/libcarousel-rx.so");
	report_text(r, build, "bin/carousel-rx");
	return bench_report_finish(r) ? 1 : 0;
}
