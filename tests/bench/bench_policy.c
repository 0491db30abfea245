/* bench_policy - reading maps, deciding, and a fleet of two million boxes: import, and every question asked of it.
 * Yardsticks: hashing the same bytes with SHA-256, and reading the same file line by line. */
#include "common/envelope.h"
#include "common/io/clock.h"
#include "policy-map/fleet/fleet_file.h"
#include "policy-map/fleet/fleet_import.h"
#include "policy-map/fleet/fleet_kpi.h"
#include "policy-map/fleet/what_if.h"
#include "tests/lib/bench.h"
#include "tests/lib/fleet_site.h"
#include "tests/lib/test.h"

#include <sodium.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define RUNS      5u
#define OVERRIDES 100000u
#define BOXES     2000000u
#define DECISIONS 100000u
#define SIGNED    200000u
#define SHA       "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const char head[] =
	"carousel-map 1\nepoch 1\nserial 7\nissued 2026-11-21T10:00:00Z\n"
	"image box 100 " SHA " size=1 manifest=" SHA "\nimage box 105 " SHA " size=1 manifest=" SHA "\n";
static const char rollout[] = "map box * 75 100 105 120 ramp=5%,20%@+48h,100%@+7d\nmap box * 75 100 100 120\n";
static const char before[] = "map box * 75 100 100 120\n";

struct text {
	char *bytes;
	size_t len;
	struct policy_map *map;
	uint64_t seen;
};

static struct policy_map *parse(const char *bytes, size_t len)
{
	struct policy_map *map;
	if (policy_map_parse(NULL, bytes, len, NULL, &map, NULL) != 0)
		abort();
	return map;
}

static struct text make_text(const char *rows, unsigned overrides)
{
	struct text t = {.bytes = malloc(8u << 20)};
	if (t.bytes == NULL)
		abort();
	t.len = (size_t)sprintf(t.bytes, "%s%s", head, rows);
	for (unsigned i = 0; i < overrides; i++)
		t.len += (size_t)sprintf(t.bytes + t.len, "override %08x box 100 100 105 200\n", i * 2654435761u);
	t.map = parse(t.bytes, t.len);
	return t;
}

static void parse_work(void *user)
{
	struct text *t = user;
	policy_map_free(parse(t->bytes, t->len));
}

static void hash_work(void *user)
{
	struct text *t = user;
	uint8_t digest[HASH_SHA256_BYTES];
	if (hash_sha256(t->bytes, t->len, digest) != 0)
		abort();
	t->seen += digest[0];
}

static void decide_work(void *user)
{
	struct text *t = user;
	char id[16];
	for (unsigned i = 0; i < DECISIONS; i++) {
		const struct policy_box box = {.id = id, .class_name = "box", .version = 42 + i % 100};
		struct policy_decision d;
		snprintf(id, sizeof id, "%08x", i * 40503u);
		policy_decide(t->map, &box, 0, &d);
		t->seen += d.target;
	}
}

/* Of all threads. */
static double process_cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double since(uint64_t start_ns)
{
	return (double)(bench_cpu_ns() - start_ns) / 1e9;
}

/* The same boxes in no order, as a factory's list would have them. */
static FILE *make_list(void)
{
	FILE *file = tmpfile();
	uint64_t random = 1;
	if (file == NULL)
		abort();
	for (unsigned i = 0; i < BOXES; i++) {
		uint64_t draw = test_random(&random);
		fprintf(file, "%012llx,box,%s,%u\n", (unsigned long long)(draw & 0xffffffffffffu),
			draw >> 60 ? "production" : "beta", 42 + (unsigned)(draw >> 50) % 80);
	}
	rewind(file);
	return file;
}

static double read_list(FILE *file)
{
	uint64_t start = bench_cpu_ns();
	char line[256];
	uint64_t lines = 0;
	while (fgets(line, sizeof line, file))
		lines++;
	rewind(file);
	if (lines != BOXES)
		abort();
	return since(start);
}

/* The same boxes as reports, in the form that boxes write. */
static FILE *make_reports(FILE *list)
{
	FILE *file = tmpfile();
	char line[256];
	if (file == NULL)
		abort();
	while (fgets(line, sizeof line, list)) {
		char *id = line, *class_name = strchr(id, ','), *category, *version;
		*class_name++ = '\0';
		category = strchr(class_name, ',');
		*category++ = '\0';
		version = strchr(category, ',');
		*version++ = '\0';
		version[strcspn(version, "\n")] = '\0';
		fprintf(file,
			"{\"box_id\":\"%s\",\"class\":\"%s\",\"category\":\"%s\",\"version\":%s,\"epoch\":1,"
			"\"serial\":2026112101,\"state\":\"up-to-date\",\"reason\":\"current\",\"time\":1795255000,"
			"\"kpi\":{\"failures\":%d}}\n",
			id, class_name, category, version, id[0] == '0');
	}
	rewind(list);
	rewind(file);
	return file;
}

struct fleet_bench {
	struct bench_report *report;
	struct fleet_db *db;
	double reading;
};

static void fleet_row(const struct fleet_bench *b, const char *name, const char *params, uint64_t start_ns)
{
	bench_report_row(b->report, name, params, since(start_ns), "s", 10, "reading lines", b->reading, 1);
}

static void bench_import(const struct fleet_bench *b, const char *params, FILE *file,
	int (*import)(struct fleet_import *, FILE *), uint64_t now_s)
{
	struct fleet_import im = {.db = b->db, .now_s = now_s};
	uint64_t start = bench_cpu_ns();
	if (import(&im, file) != 0 || im.taken != BOXES)
		abort();
	fleet_row(b, "fleet import", params, start);
}

static int count_rows(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	(void)class_name;
	(void)category;
	(void)version;
	*(uint64_t *)user += count;
	return 0;
}

static int write_row(void *user, const struct fleet_box *b)
{
	return fleet_file_write(user, &(struct fleet_file_row){FLEET_FILE_BOX, b->id, b->class_name, b->category,
					      b->version, 1, b->since_s, b->seen_s});
}

/* What lint asks the database, and what export writes; then the simulator's reader over that. */
static void bench_walks(const struct fleet_bench *b)
{
	static struct fleet_file_reader reader;
	struct fleet_file_row row;
	FILE *file = tmpfile();
	uint64_t boxes = 0, start = bench_cpu_ns();
	if (file == NULL || fleet_db_each_version(b->db, count_rows, &boxes) != 0)
		abort();
	fleet_row(b, "lint --fleet", "2000000 boxes", start);
	start = bench_cpu_ns();
	if (fleet_file_write_head(file) != 0 || fleet_db_each(b->db, write_row, file) != 0)
		abort();
	fleet_row(b, "fleet export", "2000000 boxes", start);
	rewind(file);
	start = bench_cpu_ns();
	for (fleet_file_init(&reader, file); fleet_file_next(&reader, &row) == 0;)
		boxes--;
	fleet_row(b, "fleet file read", "2000000 boxes", start);
	if (boxes != 0)
		abort();
	fclose(file);
}

/* Signed reports of enrolled boxes, the keys as a list for `fleet import --keys`. */
static FILE *make_signed(FILE *keys)
{
	FILE *file = tmpfile();
	struct key_secret key = fleet_site_key(1);
	uint64_t random = 3;
	if (file == NULL)
		abort();
	for (unsigned i = 0; i < SIGNED; i++) {
		char id[16], payload[512], enrol[256], *line;
		snprintf(id, sizeof id, "%012llx", (unsigned long long)(test_random(&random) & 0xffffffffffffu));
		snprintf(payload, sizeof payload,
			"{\"box_id\":\"%s\",\"class\":\"box\",\"category\":\"production\",\"version\":105,\"epoch\":1,"
			"\"serial\":2026112101,\"state\":\"up-to-date\",\"reason\":\"current\",\"time\":1795255000,"
			"\"kpi\":{\"failures\":0}}",
			id);
		line = fleet_site_signed(ENVELOPE_TYPE_REPORT, payload, &key);
		fleet_site_enrol(enrol, sizeof enrol, id, &key);
		fputs(line, file);
		fputs(enrol, keys);
		free(line);
	}
	rewind(file);
	rewind(keys);
	return file;
}

/* One pass over signed reports: what it costs of all cores, and how long it takes. The yardstick is that many checks
 * of a signature. */
static void bench_signed(struct bench_report *report, FILE *keys, FILE *file, unsigned jobs, double checking)
{
	char path[FLEET_SITE_PATH_BYTES], params[64];
	struct fleet_import im = {.now_s = 1795255200, .jobs = jobs};
	uint64_t wall = 0;
	double cpu;
	rewind(keys);
	rewind(file);
	if (fleet_site_open("bench_policy_signed", path, &im.db) != 0 || fleet_import_keys(&im, keys) != 0)
		abort();
	im.taken = 0;
	cpu = process_cpu_s();
	wall = clock_monotonic_ns();
	if (fleet_import_reports(&im, file) != 0 || im.signed_lines != SIGNED)
		abort();
	cpu = process_cpu_s() - cpu;
	snprintf(params, sizeof params, "%u signed, %u threads, processor", SIGNED, jobs);
	bench_report_row(report, "fleet import", params, cpu, "s", 0, "checking signatures", checking, 1);
	snprintf(params, sizeof params, "1000000 signed, %u threads, processor", jobs);
	bench_report_row(report, "fleet import", params, cpu * 1e6 / SIGNED, "s", 0, NULL, 0, 1);
	snprintf(params, sizeof params, "%u signed, %u threads, clock", SIGNED, jobs);
	bench_report_row(
		report, "fleet import", params, (double)(clock_monotonic_ns() - wall) / 1e9, "s", 0, NULL, 0, 1);
	fleet_site_close(im.db, path);
}

static void check_work(void *user)
{
	const struct envelope *e = user;
	const struct key_secret key = fleet_site_key(1);
	const struct key_public *const keys[] = {&key.public_key};
	for (unsigned i = 0; i < 100; i++) {
		if (envelope_verify(e, keys, 1, 1) != 0)
			abort();
	}
}

static void bench_signatures(struct bench_report *report)
{
	FILE *keys = tmpfile(), *file = keys ? make_signed(keys) : NULL;
	struct envelope e;
	char line[4096];
	double checking;
	if (file == NULL || fgets(line, sizeof line, file) == NULL || envelope_parse(NULL, &e, line, strlen(line)) != 0)
		abort();
	checking = bench_median(check_work, &e, RUNS) / 100 * SIGNED;
	envelope_deinit(NULL, &e);
	for (unsigned jobs = 1; jobs <= 2; jobs++)
		bench_signed(report, keys, file, jobs, checking);
	fclose(keys);
	fclose(file);
}

static void bench_questions(const struct fleet_bench *b, const struct text *old_map, const struct text *new_map)
{
	const struct fleet_kpi_options options = {.now_s = 1795355200, .silent_s = 86400};
	struct what_if_rollout r;
	struct what_if_paths paths;
	struct what_if_diff d;
	struct fleet_kpi kpi;
	uint64_t start = bench_cpu_ns();
	if (what_if_diff(b->db, old_map->map, new_map->map, UINT64_MAX, &d) != 0)
		abort();
	fleet_row(b, "diff --fleet", "2000000 boxes", start);
	what_if_diff_deinit(&d);
	start = bench_cpu_ns();
	if (what_if_paths(b->db, old_map->map, new_map->map, &paths) != 0)
		abort();
	fleet_row(b, "diff --paths --fleet", "2000000 boxes", start);
	what_if_paths_deinit(&paths);
	start = bench_cpu_ns();
	if (fleet_kpi(b->db, new_map->map, &options, &kpi) != 0)
		abort();
	fleet_row(b, "fleet kpi", "2000000 boxes", start);
	fleet_kpi_deinit(&kpi);
	start = bench_cpu_ns();
	if (what_if_rollout(b->db, new_map->map, 30, 5000, &r) != 0)
		abort();
	fleet_row(b, "simulate", "2000000 boxes, 30 days", start);
	what_if_rollout_deinit(&r);
}

static void bench_fleet(struct bench_report *report, const struct text *old_map, const struct text *new_map)
{
	char path[] = "/tmp/bench_policy.XXXXXX";
	FILE *list = make_list(), *reports = make_reports(list);
	struct fleet_bench b = {report, NULL, read_list(list)};
	int fd = mkstemp(path);
	if (fd < 0 || close(fd) != 0 || fleet_db_open(path, false, &b.db) != 0)
		abort();
	bench_import(&b, "2000000 new boxes, CSV", list, fleet_import_csv, 1795255200);
	bench_import(&b, "2000000 known boxes, reports", reports, fleet_import_reports, 1795255200);
	bench_questions(&b, old_map, new_map);
	bench_walks(&b);
	fleet_site_close(b.db, path);
	fclose(list);
	fclose(reports);
}

int main(void)
{
	struct bench_report *report = sodium_init() < 0 ? NULL : bench_report_new("policy");
	struct text big = make_text(rollout, OVERRIDES), small = make_text(rollout, 0), old_map = make_text(before, 0);
	double hashing = bench_median(hash_work, &big, RUNS);
	bench_report_row(report, "parse a map", "100000 overrides", bench_median(parse_work, &big, RUNS), "s", 0,
		"SHA-256 of it", hashing, RUNS);
	bench_report_row(report, "decide", "100000 overrides", bench_median(decide_work, &big, RUNS) / DECISIONS * 1e9,
		"ns", 0, NULL, 0, RUNS);
	bench_report_row(report, "decide", "2 rows", bench_median(decide_work, &small, RUNS) / DECISIONS * 1e9, "ns", 0,
		NULL, 0, RUNS);
	bench_fleet(report, &old_map, &small);
	bench_signatures(report);
	for (unsigned i = 0; i < 3; i++) {
		struct text *t = i == 0 ? &big : i == 1 ? &small : &old_map;
		policy_map_free(t->map);
		free(t->bytes);
	}
	return bench_report_finish(report) == 0 ? 0 : 1;
}
