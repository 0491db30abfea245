/* bench_store - an image through the symbol store on files: bytes written / image size, memory (VmHWM of the receiving
 * process), CPU time, state beside the slot, and what fits through.
 *
 * usage: bench_store [MIB [DIRECTORY]]     default 1024 MiB (64 with CAROUSEL_BENCH_SHORT) in $BUILD/bench
 *
 * A child makes image and repair symbols beforehand and leaves them in files; another child receives them: one thread
 * offers symbols as fast as they are taken, two run the jobs. */
#include "carousel-rx/job.h"
#include "carousel-rx/store/store.h"
#include "common/carousel_error.h"
#include "common/hash.h"
#include "fec/fec.h"
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_BYTES (9u * 1024 * 1024) /* what the receiver leaves the store by default */

struct scene {
	const char *name;
	uint8_t encoding_id;
	uint16_t instance_id;
	uint32_t block_symbols, max_encoding_symbols;
	unsigned loss_percent;
	bool repair_only;
	double most_written; /* goal of the write amplification */
};

struct site {
	char dir[512];
	uint64_t image_bytes;
	struct object_layout layout;
	uint32_t repair; /* symbols a block in the repair file */
};

struct result {
	uint8_t sha_is_right;
	double seconds, cpu_s;
	uint64_t hwm_bytes, store_peak, written, journal, scratch, spill, heard, dropped;
};

/* ---- files --------------------------------------------------------------------------------------- */

static int open_at(const struct site *s, const char *name, int flags)
{
	char path[600];
	int fd;
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	fd = open(path, flags, 0644);
	if (fd < 0) {
		perror(path);
		_exit(1);
	}
	return fd;
}

static void put(int fd, const void *data, size_t len, uint64_t off)
{
	if (pwrite(fd, data, len, (off_t)off) != (ssize_t)len) {
		perror("pwrite");
		_exit(1);
	}
}

static void get(int fd, void *data, size_t len, uint64_t off)
{
	memset(data, 0, len);
	if (pread(fd, data, len, (off_t)off) < 0) {
		perror("pread");
		_exit(1);
	}
}

struct files {
	int fd[RX_NUM_FILES];
	uint64_t slot_bytes, most[RX_NUM_FILES];
};

static int file_size_of(void *user, enum carousel_rx_file f, uint64_t *bytes)
{
	struct files *files = user;
	struct stat st;
	if (fstat(files->fd[f], &st) != 0)
		return CAROUSEL_E_STORAGE;
	*bytes = f == RX_SLOT_TARGET ? files->slot_bytes : (uint64_t)st.st_size;
	return 0;
}

static int file_read(void *user, enum carousel_rx_file f, uint64_t off, void *dst, size_t len)
{
	struct files *files = user;
	ssize_t n = pread(files->fd[f], dst, len, (off_t)off);
	return n == (ssize_t)len ? 0 : n < 0 ? CAROUSEL_E_STORAGE : CAROUSEL_E_NEED_MORE;
}

static int file_write(void *user, enum carousel_rx_file f, uint64_t off, const void *src, size_t len)
{
	struct files *files = user;
	if (off + len > files->most[f])
		files->most[f] = off + len;
	return pwrite(files->fd[f], src, len, (off_t)off) == (ssize_t)len ? 0 : CAROUSEL_E_STORAGE;
}

static int file_sync(void *user, enum carousel_rx_file f)
{
	return fdatasync(((struct files *)user)->fd[f]) == 0 ? 0 : CAROUSEL_E_STORAGE;
}

static int file_truncate(void *user, enum carousel_rx_file f, uint64_t bytes)
{
	return ftruncate(((struct files *)user)->fd[f], (off_t)bytes) == 0 ? 0 : CAROUSEL_E_STORAGE;
}

static int file_replace(void *user, enum carousel_rx_file f, const void *data, size_t len)
{
	(void)user;
	(void)f;
	(void)data;
	(void)len;
	return CAROUSEL_E_UNSUPPORTED;
}

/* ---- the headend's part, beforehand ---------------------------------------------------------------- */

static void make_image(const struct site *s)
{
	int fd = open_at(s, "image", O_RDWR | O_CREAT | O_TRUNC);
	uint64_t seed = 1;
	uint64_t *buf = malloc(1 << 20);
	for (uint64_t at = 0; at < s->image_bytes; at += 1 << 20) {
		for (size_t i = 0; i < (1 << 20) / 8; i++)
			buf[i] = test_random(&seed);
		put(fd, buf, s->image_bytes - at < 1 << 20 ? s->image_bytes - at : 1 << 20, at);
	}
	free(buf);
	close(fd);
}

struct source {
	const struct site *site;
	int fd;
	uint32_t sbn;
};

static int source_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct source *s = user;
	uint64_t at;
	memset(dst, 0, len);
	if (object_symbol_offset(&s->site->layout, s->sbn, esi, &at) == 0)
		get(s->fd, dst, len, at + off);
	return 0;
}

/* `repair` symbols of every block, symbol by symbol, all blocks in turn. */
static void make_repair(const struct site *s)
{
	const struct fec_oti *oti = &s->layout.oti;
	int image = open_at(s, "image", O_RDONLY), out = open_at(s, "repair", O_RDWR | O_CREAT | O_TRUNC);
	uint8_t *symbols = malloc((size_t)s->repair * oti->symbol_size);
	for (uint32_t sbn = 0; s->repair && sbn < oti->num_blocks; sbn++) {
		struct source source = {s, image, sbn};
		const struct fec_symbols access = {&source, NULL, source_read, NULL};
		struct fec_encoder *encoder;
		struct fec_block block;
		static struct fec_plan *plan;
		size_t bytes;
		void *mem;
		fec_block_of(oti, sbn, &block);
		bytes = (fec_encoder_bytes(&block) + 63) / 64 * 64;
		mem = aligned_alloc(64, bytes);
		if (mem == NULL || (plan == NULL && fec_plan_new(NULL, &block, &plan)) ||
			fec_encoder_init(&encoder, mem, bytes, plan, &access) ||
			fec_encoder_symbols(encoder, block.num_source, 1, s->repair, symbols, oti->symbol_size))
			_exit(1);
		for (uint32_t i = 0; i < s->repair; i++)
			put(out, symbols + (size_t)i * oti->symbol_size, oti->symbol_size,
				((uint64_t)i * oti->num_blocks + sbn) * oti->symbol_size);
		fec_encoder_deinit(encoder);
		free(mem);
	}
	free(symbols);
	close(image);
	close(out);
}

/* ---- threads that run jobs --------------------------------------------------------------------------- */

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake, finished;
	struct carousel_job *todo[2], *done[2];
	int num_todo, num_done, under_way;
	bool stop;
};

static void *pool_thread(void *user)
{
	struct pool *p = user;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct carousel_job *job;
		while (p->num_todo == 0 && !p->stop)
			pthread_cond_wait(&p->wake, &p->lock);
		if (p->num_todo == 0)
			break;
		job = p->todo[--p->num_todo];
		pthread_mutex_unlock(&p->lock);
		job->run(job);
		pthread_mutex_lock(&p->lock);
		p->done[p->num_done++] = job;
		pthread_cond_signal(&p->finished);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Hands finished jobs back and new ones out; waits for one to finish when asked. */
static void pool_turn(struct pool *p, struct store *store, bool wait)
{
	struct carousel_job *job;
	pthread_mutex_lock(&p->lock);
	while (wait && p->under_way && p->num_done == 0)
		pthread_cond_wait(&p->finished, &p->lock);
	while (p->num_done) {
		job = p->done[--p->num_done];
		p->under_way--;
		job->done(job, now_ns());
	}
	while (p->under_way < 2 && (job = store_next_job(store, now_ns())) != NULL) {
		p->todo[p->num_todo++] = job;
		p->under_way++;
		pthread_cond_signal(&p->wake);
	}
	pthread_mutex_unlock(&p->lock);
}

/* ---- the box's part ------------------------------------------------------------------------------------ */

struct box {
	const struct site *site;
	struct store *store;
	struct pool pool;
	struct result *result;
	unsigned loss_percent;
	uint64_t seed;
	unsigned since_turn;
};

static enum store_phase box_phase(const struct box *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	if (p.error) {
		fprintf(stderr, "bench_store: %s\n", carousel_strerror(p.error));
		_exit(1);
	}
	return p.phase;
}

static void box_hear(struct box *b, uint32_t sbn, uint32_t esi, const uint8_t *symbol)
{
	size_t len = b->site->layout.oti.symbol_size;
	if (test_random(&b->seed) % 100 < b->loss_percent)
		return;
	b->result->heard++;
	while (store_add(b->store, sbn, esi, symbol, len, now_ns()) == CAROUSEL_E_LIMIT) {
		b->result->dropped++;
		pool_turn(&b->pool, b->store, true);
	}
	if (++b->since_turn % 64 == 0)
		pool_turn(&b->pool, b->store, false);
}

static void box_source_pass(struct box *b)
{
	const struct object_layout *l = &b->site->layout;
	int fd = open_at(b->site, "image", O_RDONLY);
	uint8_t *buf = malloc(256 * 1024);
	for (uint64_t at = 0; at < l->image_bytes; at += 256 * 1024) {
		get(fd, buf, 256 * 1024, at);
		for (uint64_t off = at; off < at + 256 * 1024 && off < l->image_bytes; off += l->oti.symbol_size) {
			uint32_t sbn, esi;
			if (object_symbol_at(l, off, &sbn, &esi) == 0)
				box_hear(b, sbn, esi, buf + (off - at));
		}
	}
	free(buf);
	close(fd);
}

static void box_repair_pass(struct box *b)
{
	const struct fec_oti *oti = &b->site->layout.oti;
	int fd = open_at(b->site, "repair", O_RDONLY);
	uint8_t *symbol = malloc(oti->symbol_size);
	for (uint32_t i = 0; i < b->site->repair && box_phase(b) == STORE_RECEIVING; i++) {
		for (uint32_t sbn = 0; sbn < oti->num_blocks; sbn++) {
			struct fec_block block;
			if (!store_wants(b->store, sbn))
				continue;
			fec_block_of(oti, sbn, &block);
			get(fd, symbol, oti->symbol_size, ((uint64_t)i * oti->num_blocks + sbn) * oti->symbol_size);
			box_hear(b, sbn, block.num_source + i, symbol);
		}
	}
	free(symbol);
	close(fd);
}

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

static void box_wait(struct box *b, enum store_phase phase)
{
	while (box_phase(b) == phase) {
		store_flush(b->store);
		pool_turn(&b->pool, b->store, true);
	}
}

static void box_run(const struct site *s, const struct scene *scene, struct result *result)
{
	static const char *const names[RX_NUM_FILES] = {
		"slot", "running", "journal", "scratch", "spill", "index", "state", "documents", "events"};
	struct files files = {.slot_bytes = s->image_bytes};
	const struct carousel_rx_storage storage = {
		&files, file_size_of, file_read, file_write, file_sync, file_truncate, file_replace};
	const struct store_config config = {.storage = &storage, .memory_bytes = MEMORY_BYTES};
	struct store_image image = {.layout = s->layout};
	struct box b = {.site = s, .result = result, .loss_percent = scene->loss_percent, .seed = 7};
	struct store_progress p;
	struct rusage usage;
	pthread_t thread[2];
	uint64_t start;
	size_t now;
	int sha = open_at(s, "sha256", O_RDONLY);
	get(sha, image.sha256, 32, 0);
	for (int i = 0; i < RX_NUM_FILES; i++)
		files.fd[i] = open_at(s, names[i], O_RDWR | O_CREAT | O_TRUNC);
	pthread_mutex_init(&b.pool.lock, NULL);
	pthread_cond_init(&b.pool.wake, NULL);
	pthread_cond_init(&b.pool.finished, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, pool_thread, &b.pool);
	start = now_ns();
	if (store_new(&b.store, &config) || store_begin(b.store, &image, start)) {
		fprintf(stderr, "bench_store: the image does not fit the memory\n");
		_exit(1);
	}
	box_wait(&b, STORE_OPENING);
	if (!scene->repair_only)
		box_source_pass(&b);
	box_repair_pass(&b);
	/* Ends when everything heard was worked on: not complete means that the repair file was too short. */
	for (int i = 0; i < 2000 && box_phase(&b) == STORE_RECEIVING; i++) {
		store_flush(b.store);
		pool_turn(&b.pool, b.store, true);
		usleep(b.pool.under_way ? 0 : 1000);
	}
	result->seconds = (double)(now_ns() - start) / 1e9;
	store_verify(b.store);
	box_wait(&b, STORE_VERIFYING);
	getrusage(RUSAGE_SELF, &usage);
	store_progress(b.store, &p);
	result->sha_is_right = p.phase == STORE_VERIFIED;
	result->cpu_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	result->hwm_bytes = status_bytes("VmHWM");
	store_memory(b.store, &now, &result->store_peak);
	result->written = p.bytes_written;
	result->journal = files.most[RX_JOURNAL];
	result->scratch = files.most[RX_SCRATCH];
	result->spill = files.most[RX_SPILL];
	_exit(write(open_at(s, "result", O_WRONLY | O_CREAT | O_TRUNC), result, sizeof *result) == sizeof *result ? 0
														  : 1);
}

/* ---- scenes --------------------------------------------------------------------------------------------- */

static void in_child(void (*work)(const struct site *), const struct site *s)
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

static void make_digest(const struct site *s)
{
	struct hash_stream h;
	uint8_t digest[32], *buf = malloc(1 << 20);
	int fd = open_at(s, "image", O_RDONLY);
	hash_stream_init(&h);
	for (uint64_t at = 0; at < s->image_bytes; at += 1 << 20) {
		size_t len = s->image_bytes - at < 1 << 20 ? (size_t)(s->image_bytes - at) : 1 << 20;
		get(fd, buf, len, at);
		hash_stream_update(&h, buf, len);
	}
	hash_stream_final(&h, digest);
	put(open_at(s, "sha256", O_WRONLY | O_CREAT | O_TRUNC), digest, 32, 0);
}

static void report(struct bench_report *r, const struct site *s, const struct scene *scene, const struct result *x)
{
	char params[128];
	double image = (double)s->image_bytes, mib = 1024.0 * 1024.0;
	snprintf(params, sizeof params, "%s, %.0f MiB, loss %u %%", scene->name, image / mib, scene->loss_percent);
	bench_report_row(
		r, "written / image size", params, (double)x->written / image, "", scene->most_written, NULL, 0, 1);
	bench_report_row(r, "memory, VmHWM", params, (double)x->hwm_bytes / mib, "MiB", 16, NULL, 0, 1);
	bench_report_row(r, "memory of the store", params, (double)x->store_peak / mib, "MiB", 9, NULL, 0, 1);
	bench_report_row(r, "state beside the slot", params, (double)(x->journal + x->scratch + x->spill) / mib, "MiB",
		32, NULL, 0, 1);
	bench_report_row(r, "journal", params, (double)x->journal / mib, "MiB", 0, NULL, 0, 1);
	bench_report_row(r, "CPU, all threads, verify included", params, x->cpu_s, "s", 0, NULL, 0, 1);
	bench_report_row(r, "received and decoded", params, image * 8 / x->seconds / 1e9, "Gbit/s", 0, NULL, 0, 1);
}

static void run_scene(struct bench_report *r, struct site *s, const struct scene *scene)
{
	const struct object_layout_wish wish = {.kind = OBJECT_STRIPED,
		.encoding_id = scene->encoding_id,
		.instance_id = scene->instance_id,
		.symbol_size = 1024,
		.block_symbols = scene->block_symbols,
		.max_encoding_symbols = scene->max_encoding_symbols};
	struct result result = {0};
	uint32_t source;
	int status = 1;
	pid_t pid;
	if (!fec_scheme_is_available(scene->encoding_id, scene->instance_id))
		return;
	if (object_layout_choose(&s->layout, &wish, s->image_bytes))
		exit(1);
	source = s->layout.oti.max_block_symbols;
	s->repair = scene->repair_only    ? source + 16
		    : scene->loss_percent ? source * (scene->loss_percent + 3) / 90 + 16
					  : 0;
	if (scene->max_encoding_symbols && s->repair > scene->max_encoding_symbols - source)
		s->repair = scene->max_encoding_symbols - source;
	in_child(make_repair, s);
	pid = fork();
	if (pid == 0)
		box_run(s, scene, &result);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
	get(open_at(s, "result", O_RDONLY), &result, sizeof result, 0);
	if (!result.sha_is_right) {
		fprintf(stderr, "bench_store: %s did not arrive\n", scene->name);
		exit(1);
	}
	report(r, s, scene, &result);
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
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 0, false, 1.01},
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 5, false, 1.3},
		{"RaptorQ", FEC_RAPTORQ, 0, 16384, 0, 10, false, 1.3},
		{"RaptorQ, repair alone", FEC_RAPTORQ, 0, 16384, 0, 0, true, 3.1},
		{"Reed-Solomon", FEC_REED_SOLOMON_GF256, 0, 160, 255, 10, false, 1.3},
	};
	const char *build = getenv("BUILD");
	struct site site = {0};
	struct bench_report *r = bench_report_new("store");
	unsigned long mib = argc > 1 ? strtoul(argv[1], NULL, 10) : getenv("CAROUSEL_BENCH_SHORT") ? 64 : 1024;
	if (r == NULL || mib == 0 || mib > 4096)
		return 2;
	snprintf(site.dir, sizeof site.dir, "%s%s",
		argc > 2 ? argv[2]
		: build  ? build
			 : "build",
		argc > 2 ? "" : "/bench/store.files");
	mkdir(site.dir, 0755);
	site.image_bytes = (uint64_t)mib << 20;
	in_child(make_image, &site);
	in_child(make_digest, &site);
	for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
		run_scene(r, &site, &scenes[i]);
	report_text(r, build ? build : "build", "lib/libcarousel-rx.so");
	report_text(r, build ? build : "build", "bin/carousel-rx");
	return bench_report_finish(r) ? 1 : 0;
}
