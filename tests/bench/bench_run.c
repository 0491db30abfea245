/* bench_run - thousands of real receiver cores in one process: virtual packets a second through them, and memory a box,
 * without payload; and what the same costs with it, on a few. Yardstick of a packet: the copy of its bytes. */
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "sim/run.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define MAP "carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T00:00:00Z\nmap box * 105 105 105 120\n"

struct heap {
	size_t now, peak;
};

static void *heap_alloc(void *user, size_t bytes)
{
	struct heap *h = user;
	void *p = malloc(bytes);
	h->now += malloc_usable_size(p);
	h->peak = h->now > h->peak ? h->now : h->peak;
	return p;
}

static void heap_free(void *user, void *p)
{
	struct heap *h = user;
	h->now -= malloc_usable_size(p);
	free(p);
}

static int read_map(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	(void)user;
	(void)name;
	(void)limit;
	*len = sizeof MAP - 1;
	*text = memory_copy_string(NULL, MAP, *len);
	return *text ? 0 : CAROUSEL_E_MEMORY;
}

struct shape {
	unsigned boxes, megabytes, block_symbols;
	enum headend_payload payload;
	double packets_per_s, bytes_per_box;
};

/* Boxes at 5 % of loss until all have the image. */
static void play(struct shape *shape)
{
	struct heap heap = {0};
	const struct carousel_allocator allocator = {&heap, heap_alloc, heap_free};
	const struct scenario_files files = {.read = read_map};
	const struct run_options options = {.payload = shape->payload};
	struct scenario *s;
	struct report *r;
	char text[512];
	uint64_t start;
	snprintf(text, sizeof text,
		"[scenario]\nduration = 1h\n[transmitter]\nrate = 2M\nblock-symbols = %u\n[map 1]\nfile = m\n"
		"[image i]\nclass = box\nversion = 105\nsize = %uM\n"
		"[group g]\nboxes = %u\nclass = box\nversion = 90\nloss = 5%%\nreboot = 1s\n",
		shape->block_symbols, shape->megabytes, shape->boxes);
	assert_int_equal(scenario_parse(&s, NULL, text, strlen(text), "bench", NULL, &files), 0);
	start = bench_cpu_ns();
	assert_int_equal(run_scenario(&r, &allocator, s, &options), 0);
	start = bench_cpu_ns() - start;
	assert_true(report_share_at(r, "g", 105, UINT64_MAX) == 1);
	shape->packets_per_s = (double)r->packets_received * 1e9 / (double)start;
	shape->bytes_per_box = (double)heap.peak / shape->boxes;
	report_free(r);
	scenario_free(s);
}

static uint8_t packet[1072], copy[1072];

static void work_copy(void *user)
{
	(void)user;
	for (unsigned i = 0; i < 1024; i++) {
		memcpy(copy, packet, sizeof copy);
		__asm__ volatile("" : : "r"(copy) : "memory");
	}
}

int main(int argc, char **argv)
{
	struct shape shapes[] = {
		{100, 1, 256, HEADEND_NAMES, 0, 0},
		{1000, 1, 256, HEADEND_NAMES, 0, 0},
		{3000, 1, 256, HEADEND_NAMES, 0, 0},
		{1000, 8, 8192, HEADEND_NAMES, 0, 0},
		{20, 1, 256, HEADEND_BYTES, 0, 0},
	};
	struct bench_report *report = bench_report_new(argc > 1 ? argv[1] : "run");
	const double copies = 1024 / bench_median(work_copy, NULL, 5);
	printf("%8s %8s %8s %8s %16s %14s\n", "boxes", "image", "block", "payload", "packets/s", "KiB a box");
	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		struct shape *s = &shapes[i];
		const char *payload = s->payload == HEADEND_BYTES ? "yes" : "no";
		char params[128];
		play(s);
		printf("%8u %4u MiB %8u %8s %16.0f %14.1f\n", s->boxes, s->megabytes, s->block_symbols, payload,
			s->packets_per_s, s->bytes_per_box / 1024);
		snprintf(params, sizeof params, "%u boxes, %u MiB, blocks of %u, payload %s", s->boxes, s->megabytes,
			s->block_symbols, payload);
		bench_report_row(
			report, "packets", params, s->packets_per_s, "1/s", 0, "memcpy of a packet", copies, 1);
		bench_report_row(report, "memory", params, s->bytes_per_box, "B", 0, NULL, 0, 1);
	}
	return bench_report_finish(report);
}
