/* The fleet model: a million boxes of several kinds, ten million, and the boxes of a real fleet's file. CPU seconds on
 * one core, resident memory. Yardstick: one decision of policy_decide() a box. */
#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/policy.h"
#include "sim/fleet.h"
#include "tests/lib/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MILLION 1000000u

static FILE *real_fleet; /* what a scenario finds under any name */

static int read_beside(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	char path[256];
	(void)user;
	if ((size_t)snprintf(path, sizeof path, "sim/scenarios/%s", name) >= sizeof path)
		return CAROUSEL_E_LIMIT;
	return file_read(path, limit, NULL, text, len);
}

static int open_fleet(void *user, const char *name, FILE **file)
{
	(void)user;
	(void)name;
	rewind(real_fleet);
	*file = real_fleet;
	return 0;
}

static struct scenario *scenario_of(const char *text, size_t len, const char *name)
{
	const struct scenario_files files = {.read = read_beside, .open = open_fleet};
	struct scenario *s;
	if (scenario_parse(&s, NULL, text, len, name, NULL, &files) != 0) {
		fprintf(stderr, "%s\n", scenario_error(s));
		abort();
	}
	return s;
}

/* So many boxes in all, in the shares that the story has. */
static struct scenario *story_of(const char *name, uint64_t boxes)
{
	char file[64], *text;
	struct scenario *s;
	uint64_t before, all = 0;
	size_t len;
	snprintf(file, sizeof file, "%s.ini", name);
	if (read_beside(NULL, file, 1u << 20, &text, &len) != 0)
		abort();
	s = scenario_of(text, len, file);
	free(text);
	before = s->boxes;
	for (size_t i = 0; i < s->num_groups; i++) {
		s->groups[i].boxes = (uint32_t)(s->groups[i].boxes * boxes / before);
		s->groups[i].first_box = all;
		all += s->groups[i].boxes;
	}
	s->boxes = all;
	return s;
}

static long resident_kib(void)
{
	struct rusage usage;
	return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

/* Decisions alone. */
static double decide_all(const struct scenario *s)
{
	struct policy_map *map;
	const uint64_t start = bench_cpu_ns();
	unsigned sum = 0;
	if (policy_map_parse(NULL, s->maps[0].text, s->maps[0].len, NULL, &map, NULL) != 0)
		abort();
	for (uint64_t number = 0; number < s->boxes; number++) {
		struct policy_decision d;
		struct scenario_box who;
		uint32_t in_group;
		const struct scenario_group *g = scenario_group_of(s, number, &in_group);
		scenario_box_of(g, in_group, &who);
		policy_decide(map,
			&(struct policy_box){.id = who.id,
				.class_name = who.class_name,
				.category = who.category,
				.version = who.version},
			0, &d);
		sum += d.reason;
	}
	policy_map_free(map);
	return sum ? (double)(bench_cpu_ns() - start) / 1e9 : 0;
}

static void bench_scenario(struct bench_report *report, struct scenario *s, const char *what)
{
	struct report *r;
	uint64_t start = bench_cpu_ns();
	double seconds;
	char params[96];
	if (fleet_run(&r, NULL, s, NULL) != 0)
		abort();
	seconds = (double)(bench_cpu_ns() - start) / 1e9;
	snprintf(params, sizeof params, "%s, %llu boxes", what, (unsigned long long)s->boxes);
	bench_report_row(report, "fleet", params, seconds, "s", s->boxes > 2 * MILLION ? 0 : 10, "one decision each",
		decide_all(s), 1);
	bench_report_row(report, "memory so far", params, (double)resident_kib() / 1024, "MiB", 0, NULL, 0, 1);
	report_free(r);
	scenario_free(s);
}

static void write_fleet(uint32_t boxes)
{
	static const uint32_t versions[] = {60, 90, 90, 90, 101, 105};
	char id[32];
	struct fleet_file_row row = {.kind = FLEET_FILE_BOX,
		.id = id,
		.class_name = "box2-fpu-4mb",
		.count = 1,
		.since_s = 1763600000,
		.seen_s = 1763700000};
	real_fleet = tmpfile();
	if (real_fleet == NULL || fleet_file_write_head(real_fleet) != 0)
		abort();
	for (uint32_t i = 0; i < boxes; i++) {
		snprintf(id, sizeof id, "%012llx", 0x00a1b2c00000ull + i);
		row.category = i % 50 ? "production" : "beta";
		row.version = versions[i % 6];
		if (fleet_file_write(real_fleet, &row) != 0)
			abort();
	}
}

static void bench_real(struct bench_report *report)
{
	static const char text[] =
		"[scenario]\nduration = 3d\n[transmitter]\nrate = 2M\n"
		"[image new]\nclass = box2-fpu-4mb\nversion = 105\nsize = 64M\n"
		"[image steady]\nclass = box2-fpu-4mb\nversion = 100\nsize = 64M\n"
		"[map 1]\nfile = real.map\n[group all]\nfleet = export\nloss = 2%\non = 16h-23h\non-spread = 3h\n";
	struct scenario *s;
	uint64_t start;
	write_fleet(MILLION);
	start = bench_cpu_ns();
	s = scenario_of(text, sizeof text - 1, "real");
	bench_report_row(
		report, "fleet file read", "1000000 boxes", (double)(bench_cpu_ns() - start) / 1e9, "s", 0, NULL, 0, 1);
	bench_scenario(report, s, "a real fleet, ramp and override");
}

int main(void)
{
	struct bench_report *report = bench_report_new("fleet");
	bench_scenario(report, story_of("night", MILLION), "off at night");
	bench_scenario(report, story_of("two-million", MILLION), "ramp, rain, ships");
	bench_scenario(report, story_of("reed-solomon", MILLION), "Reed-Solomon");
	bench_scenario(report, story_of("no-code", MILLION), "no code");
	bench_scenario(report, story_of("night", 10 * MILLION), "off at night");
	bench_real(report);
	return bench_report_finish(report) ? 1 : 0;
}
