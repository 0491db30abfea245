/* bench_guest - what a foreground process loses to a box that receives, decodes and hashes beside it, on one core: at
 * idle priority, at normal, and without the box. And what the box loses to a foreground that never pauses: for how long
 * what it has received would not outlive a power cut.
 *
 * usage: bench_guest [-d DIRECTORY]     1 s a measurement (0.3 with CAROUSEL_BENCH_SHORT), 12 s (5) of power cut; files
 * in $BUILD/bench */
#include "common/io/priority.h"
#include "fec/fec.h"
#include "tests/lib/bench.h"
#include "tests/lib/store_site.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IMAGE_BYTES  (48u << 20)
#define AIR_BPS      40000000u
#define RISK_BPS     160000000u /* so that there is much to decode within the seconds of a measurement */
#define MEMORY_BYTES (6528u * 1024)
#define FILE_BYTES   (64u << 20)
#define PIECE        4096u
#define WAKE_NS      2000000u
#define MOST_WAKES   4096u
#define ROUNDS       3u /* in turn, so that a machine that becomes busy does so for all */

enum mode { MODE_ALONE, MODE_RECEIVE_IDLE, MODE_RECEIVE_NORMAL, MODE_SCAN_IDLE, MODE_SCAN_NORMAL, MODES };

struct bench {
	struct store_site site;
	double seconds;
	int read_fd, write_fd;
	uint8_t *piece; /* aligned, for direct I/O */
	uint64_t seed;
	double p50_us, p99_us;
	double risk_seconds;
	struct store_site_risk *risk; /* shared with the box */
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the box --------------------------------------------------------------------------------------------- */

static void box_give_way(void)
{
	if (priority_set_idle())
		fprintf(stderr, "bench_guest: idle priority is refused\n");
}

static void box_pass(struct store_site_box *b)
{
	store_site_box_source_pass(b);
	store_site_box_repair_pass(b);
	store_site_box_settle(b);
}

/* Until it is killed: receives the image again and again with 10 % loss, or scans and hashes a slot that holds it. */
static void box_run(const struct bench *bench, enum mode mode, uint64_t rate_bps, int ready)
{
	const struct store_site *s = &bench->site;
	static struct store_site_box b;
	const struct store_config config = {.memory_bytes = MEMORY_BYTES};
	bool is_scan = mode == MODE_SCAN_IDLE || mode == MODE_SCAN_NORMAL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	b.loss_percent = 10;
	b.seed = 7;
	b.on_background = mode == MODE_RECEIVE_IDLE || mode == MODE_SCAN_IDLE ? box_give_way : NULL;
	store_site_box_open(&b, s, config);
	b.files.risk = bench->risk;
	if (is_scan)
		box_pass(&b);
	else
		b.rate_bps = rate_bps;
	if (write(ready, "x", 1) != 1)
		_exit(1);
	for (;;) {
		if (is_scan)
			store_site_box_settle(&b);
		else
			box_pass(&b);
		(void)store_site_box_verify(&b);
		b.paced = 0;
		store_site_box_begin(&b);
	}
}

static pid_t box_start(const struct bench *b, enum mode mode, uint64_t rate_bps)
{
	int ends[2];
	char byte;
	pid_t pid;
	if (mode == MODE_ALONE)
		return 0;
	if (pipe(ends) != 0 || (pid = fork()) < 0) {
		perror("bench_guest");
		exit(1);
	}
	if (pid == 0)
		box_run(b, mode, rate_bps, ends[1]);
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		fprintf(stderr, "bench_guest: the box does not start\n");
		exit(1);
	}
	close(ends[0]);
	usleep(500000); /* until there is something to decode */
	return pid;
}

static void box_stop(pid_t pid)
{
	if (pid == 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- the foreground: how often in so many seconds --------------------------------------------------------- */

static uint64_t work_cpu(struct bench *b)
{
	for (unsigned i = 0; i < 20000; i++)
		(void)test_random(&b->seed);
	return 1;
}

static uint64_t work_write(struct bench *b)
{
	uint64_t at = test_random(&b->seed) % (FILE_BYTES / PIECE) * PIECE;
	return pwrite(b->write_fd, b->piece, PIECE, (off_t)at) == (ssize_t)PIECE && fdatasync(b->write_fd) == 0;
}

static uint64_t work_read(struct bench *b)
{
	uint64_t at = test_random(&b->seed) % (FILE_BYTES / PIECE) * PIECE;
	return pread(b->read_fd, b->piece, PIECE, (off_t)at) == (ssize_t)PIECE;
}

static double per_second(struct bench *b, uint64_t (*work)(struct bench *))
{
	uint64_t start = now_ns(), end = start + (uint64_t)(b->seconds * 1e9), count = 0;
	while (now_ns() < end)
		count += work(b);
	return (double)count * 1e9 / (double)(now_ns() - start);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* A player that wakes up every two milliseconds: how late. */
static void wake_up(struct bench *b)
{
	static double late_us[MOST_WAKES];
	uint64_t due = now_ns(), end = due + (uint64_t)(b->seconds * 1e9);
	unsigned count = 0;
	while (due < end && count < MOST_WAKES) {
		struct timespec at;
		due += WAKE_NS;
		at = (struct timespec){.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		late_us[count++] = (double)(now_ns() - due) / 1000;
		work_cpu(b);
	}
	qsort(late_us, count, sizeof *late_us, by_value);
	b->p50_us = late_us[count / 2];
	b->p99_us = late_us[count * 99 / 100];
}

/* ---- the table --------------------------------------------------------------------------------------------- */

static void describe_disk(const char *dir, char text[64])
{
	char path[128], line[128] = "unknown";
	struct stat st;
	FILE *f;
	if (stat(dir, &st) != 0)
		return;
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/queue/scheduler", major(st.st_dev), minor(st.st_dev));
	f = fopen(path, "r");
	if (f && fgets(line, sizeof line, f))
		line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
	snprintf(text, 64, "I/O scheduler %.40s", strchr(line, '[') ? strchr(line, '[') : line);
	if (strchr(text, ']'))
		strchr(text, ']')[1] = '\0';
}

static void bench_open(struct bench *b, const char *dir)
{
	char path[600];
	const struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 8192};
	snprintf(b->site.dir, sizeof b->site.dir, "%s", dir);
	b->site.image_bytes = IMAGE_BYTES;
	store_site_make(&b->site);
	if (object_layout_choose(&b->site.layout, &wish, IMAGE_BYTES))
		exit(1);
	b->site.repair = b->site.layout.oti.max_block_symbols * 13 / 87 + 16;
	store_site_make_repair(&b->site);
	snprintf(path, sizeof path, "%s/foreground", dir);
	b->piece = aligned_alloc(PIECE, PIECE);
	b->write_fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	memset(b->piece, 0x5a, PIECE);
	for (uint64_t at = 0; at < FILE_BYTES; at += PIECE)
		if (pwrite(b->write_fd, b->piece, PIECE, (off_t)at) != (ssize_t)PIECE)
			exit(1);
	fsync(b->write_fd);
	b->read_fd = open(path, O_RDONLY | O_DIRECT);
	if (b->read_fd < 0)
		b->read_fd = open(path, O_RDONLY);
}

enum measure { CPU, WRITES, READS, LATE_P50, LATE_P99, MEASURES };

/* Everything once, beside a box of this mode. */
static void measure(struct bench *b, enum mode mode, double value[MEASURES])
{
	pid_t box = box_start(b, mode, AIR_BPS);
	value[CPU] = per_second(b, work_cpu);
	value[WRITES] = per_second(b, work_write);
	value[READS] = per_second(b, work_read);
	wake_up(b);
	value[LATE_P50] = b->p50_us;
	value[LATE_P99] = b->p99_us;
	box_stop(box);
}

/* The longest time from a symbol's being written to its being synced, in seconds, beside somebody who never pauses. */
static double measure_risk(struct bench *b, enum mode mode)
{
	const uint64_t start = now_ns(), end = start + (uint64_t)(b->risk_seconds * 1e9);
	uint64_t longest, taken, written;
	pid_t box;
	memset(b->risk, 0, sizeof *b->risk);
	box = box_start(b, mode, RISK_BPS);
	while (now_ns() < end)
		work_cpu(b);
	longest = b->risk->longest_ns;
	taken = b->risk->taken_ns ? b->risk->taken_ns : b->risk->written_ns;
	written = now_ns();
	if (taken && written > taken && written - taken > longest)
		longest = written - taken;
	box_stop(box);
	return (double)longest / 1e9;
}

static void report_risk(struct bench_report *r, struct bench *b)
{
	static const struct {
		enum mode mode;
		const char *name;
	} rows[] = {{MODE_RECEIVE_IDLE, "box receives 160 Mbit/s, idle, processor busy"},
		{MODE_RECEIVE_NORMAL, "box receives 160 Mbit/s, normal, processor busy"}};
	double normal = measure_risk(b, MODE_RECEIVE_NORMAL);
	for (unsigned i = 0; i < 2; i++)
		bench_report_row(r, "written to synced, longest", rows[i].name,
			rows[i].mode == MODE_RECEIVE_NORMAL ? normal : measure_risk(b, rows[i].mode), "s", 0,
			rows[i].mode == MODE_RECEIVE_NORMAL ? NULL : rows[1].name, normal, 1);
}

static double median(const double value[ROUNDS][MODES][MEASURES], unsigned mode, unsigned what)
{
	double sorted[ROUNDS];
	for (unsigned i = 0; i < ROUNDS; i++)
		sorted[i] = value[i][mode][what];
	qsort(sorted, ROUNDS, sizeof *sorted, by_value);
	return sorted[ROUNDS / 2];
}

static void report(struct bench_report *r, const double value[ROUNDS][MODES][MEASURES], const char *disk)
{
	static const char *const modes[MODES] = {"alone", "box receives 40 Mbit/s, idle",
		"box receives 40 Mbit/s, normal", "box hashes its slot, idle", "box hashes its slot, normal"};
	static const struct {
		const char *name, *unit;
		bool is_disk;
	} rows[MEASURES] = {{"processor", "rounds/s", false}, {"4 KiB written and synced", "1/s", true},
		{"4 KiB read", "1/s", true}, {"wakes up late, p50", "us", false}, {"wakes up late, p99", "us", false}};
	char params[160];
	for (unsigned what = 0; what < MEASURES; what++) {
		for (unsigned mode = 0; mode < MODES; mode++) {
			snprintf(params, sizeof params, "%s%s%s", modes[mode], rows[what].is_disk ? ", " : "",
				rows[what].is_disk ? disk : "");
			bench_report_row(r, rows[what].name, params, median(value, mode, what), rows[what].unit, 0,
				mode ? modes[0] : NULL, median(value, 0, what), ROUNDS);
		}
	}
}

int main(int argc, char **argv)
{
	static double value[ROUNDS][MODES][MEASURES];
	const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
	bool is_short = getenv("CAROUSEL_BENCH_SHORT") != NULL;
	struct bench b = {.seconds = is_short ? 0.3 : 1, .risk_seconds = is_short ? 5 : 12, .seed = 3};
	struct bench_report *r = bench_report_new("guest");
	char dir[500], disk[64] = "";
	cpu_set_t one;
	int option;
	snprintf(dir, sizeof dir, "%s/bench/guest.files", build);
	while ((option = getopt(argc, argv, "d:")) != -1) {
		if (option != 'd')
			return 2;
		snprintf(dir, sizeof dir, "%s", optarg);
	}
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	mkdir(dir, 0755);
	b.risk = mmap(NULL, sizeof *b.risk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b.risk == MAP_FAILED)
		return 1;
	bench_open(&b, dir);
	describe_disk(dir, disk);
	if (sched_setaffinity(0, sizeof one, &one) != 0)
		fprintf(stderr, "bench_guest: not bound to one core\n");
	for (unsigned round = 0; round < ROUNDS; round++)
		for (int mode = MODE_ALONE; mode < MODES; mode++)
			measure(&b, (enum mode)mode, value[round][mode]);
	report(r, (const double(*)[MODES][MEASURES])value, disk);
	report_risk(r, &b);
	return bench_report_finish(r) ? 1 : 0;
}
