#include "tests/lib/store_site.h"

#include "carousel-rx/store/store_internal.h"
#include "common/carousel_error.h"
#include "common/hash.h"
#include "fec/fec.h"
#include "policy-map/chunk_index.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SITE_PIECE (1u << 20)

/* ---- files --------------------------------------------------------------------------------------- */

static void site_die(const char *what)
{
	perror(what);
	_exit(1);
}

static int open_at(const struct store_site *s, const char *name, int flags)
{
	char path[600];
	int fd;
	snprintf(path, sizeof path, "%s/%s", s->dir, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd < 0)
		site_die(path);
	return fd;
}

static void put(int fd, const void *data, size_t len, uint64_t off)
{
	if (pwrite(fd, data, len, (off_t)off) != (ssize_t)len)
		site_die("pwrite");
}

/* Zeros past the end. */
static void get(int fd, void *data, size_t len, uint64_t off)
{
	memset(data, 0, len);
	if (pread(fd, data, len, (off_t)off) < 0)
		site_die("pread");
}

static void file_note(struct store_site_files *files, enum carousel_rx_file f, uint64_t len)
{
	uint64_t beside = 0;
	pthread_mutex_lock(&files->lock);
	files->len[f] = len;
	if (len > files->most[f])
		files->most[f] = len;
	for (int i = RX_JOURNAL; i < RX_NUM_FILES; i++)
		beside += files->len[i];
	if (beside > files->most_beside)
		files->most_beside = beside;
	pthread_mutex_unlock(&files->lock);
}

static int file_size_of(void *user, enum carousel_rx_file f, uint64_t *bytes)
{
	struct store_site_files *files = user;
	return files->inner.size(files->inner.user, f, bytes);
}

static int file_read(void *user, enum carousel_rx_file f, uint64_t off, void *dst, size_t len)
{
	struct store_site_files *files = user;
	return files->inner.read(files->inner.user, f, off, dst, len);
}

static uint64_t site_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int file_write(void *user, enum carousel_rx_file f, uint64_t off, const void *src, size_t len)
{
	struct store_site_files *files = user;
	if (f == RX_SLOT_TARGET && files->risk && files->risk->written_ns == 0)
		files->risk->written_ns = site_now();
	if (f != RX_SLOT_TARGET && off + len > files->len[f])
		file_note(files, f, off + len);
	return files->inner.write(files->inner.user, f, off, src, len);
}

static int file_sync(void *user, enum carousel_rx_file f)
{
	struct store_site_files *files = user;
	struct store_site_risk *risk = files->risk;
	uint64_t taken_ns;
	int result;
	if (risk && f == RX_SLOT_TARGET && risk->taken_ns == 0)
		risk->taken_ns = atomic_exchange(&risk->written_ns, 0);
	result = files->inner.sync(files->inner.user, f);
	if (risk && f == RX_JOURNAL && (taken_ns = atomic_exchange(&risk->taken_ns, 0)) != 0 &&
		site_now() - taken_ns > risk->longest_ns)
		risk->longest_ns = site_now() - taken_ns;
	return result;
}

static int file_truncate(void *user, enum carousel_rx_file f, uint64_t bytes)
{
	struct store_site_files *files = user;
	file_note(files, f, bytes);
	return files->inner.truncate(files->inner.user, f, bytes);
}

static int file_replace(void *user, enum carousel_rx_file f, const void *data, size_t len)
{
	struct store_site_files *files = user;
	return files->inner.replace(files->inner.user, f, data, len);
}

static void files_open(struct store_site_files *files, const struct store_site *s)
{
	char slot[600], running[600], state[600], path[700], made[600];
	const struct storage_files_config config = {
		.slots = {running, slot}, .slot_bytes = s->image_bytes, .state_dir = state};
	memset(files, 0, sizeof *files);
	pthread_mutex_init(&files->lock, NULL);
	snprintf(running, sizeof running, "%s/running", s->dir);
	snprintf(slot, sizeof slot, "%s/slot", s->dir);
	snprintf(state, sizeof state, "%s/beside", s->dir);
	snprintf(path, sizeof path, "%s/index", state);
	(void)unlink(slot);
	(void)mkdir(state, 0755);
	(void)unlink(path);
	snprintf(made, sizeof made, "%s/index", s->dir);
	if (link(made, path))
		site_die("index");
	if (storage_files_open(&files->files, &config, &files->inner))
		site_die("storage");
	files->table = (struct carousel_rx_storage){
		files, file_size_of, file_read, file_write, file_sync, file_truncate, file_replace};
	for (int i = RX_JOURNAL; i <= RX_SPILL; i++)
		(void)file_truncate(files, (enum carousel_rx_file)i, 0);
	file_note(files, RX_INDEX, s->index_bytes);
}

/* ---- the headend's part, beforehand ---------------------------------------------------------------- */

void store_site_make(struct store_site *s)
{
	int fd = open_at(s, "image", O_RDWR | O_CREAT | O_TRUNC), out = open_at(s, "index", O_RDWR | O_CREAT | O_TRUNC);
	struct chunk_index_builder *builder;
	struct hash_stream h;
	const uint8_t *index;
	uint64_t seed = 1, *buf = malloc(SITE_PIECE);
	size_t len;
	if (buf == NULL || hash_stream_init(&h) || chunk_index_builder_new(NULL, s->image_bytes, &builder))
		site_die("memory");
	for (uint64_t at = 0; at < s->image_bytes; at += len) {
		len = s->image_bytes - at < SITE_PIECE ? (size_t)(s->image_bytes - at) : SITE_PIECE;
		for (size_t i = 0; i < SITE_PIECE / 8; i++)
			buf[i] = test_random(&seed);
		put(fd, buf, len, at);
		if (hash_stream_update(&h, buf, len) || chunk_index_builder_push(builder, buf, len))
			site_die("index");
	}
	if (hash_stream_final(&h, s->sha256) || chunk_index_builder_finish(builder, &index, &len) ||
		hash_sha256(index, len, s->index_sha256))
		site_die("index");
	put(out, index, len, 0);
	s->index_bytes = len;
	hash_stream_deinit(&h);
	chunk_index_builder_free(builder);
	free(buf);
	close(fd);
	close(out);
}

struct source {
	const struct store_site *site;
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

/* Symbol by symbol, all blocks in turn. */
void store_site_make_repair(const struct store_site *s)
{
	const struct fec_oti *oti = &s->layout.oti;
	int image = open_at(s, "image", O_RDONLY), out = open_at(s, "repair", O_RDWR | O_CREAT | O_TRUNC);
	uint8_t *symbols = malloc((size_t)s->repair * oti->symbol_size + 1);
	struct fec_plan *plan = NULL;
	for (uint32_t sbn = 0; s->repair && sbn < oti->num_blocks; sbn++) {
		struct source source = {s, image, sbn};
		const struct fec_symbols access = {&source, NULL, source_read, NULL};
		struct fec_encoder *encoder;
		struct fec_block block;
		size_t bytes;
		void *mem;
		fec_block_of(oti, sbn, &block);
		bytes = (fec_encoder_bytes(&block) + 63) / 64 * 64;
		mem = aligned_alloc(64, bytes);
		if (mem == NULL || (plan == NULL && fec_plan_new(NULL, &block, &plan)) ||
			fec_encoder_init(&encoder, mem, bytes, plan, &access) ||
			fec_encoder_symbols(encoder, block.num_source, 1, s->repair, symbols, oti->symbol_size))
			site_die("encoder");
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

struct thread_start {
	struct store_site_box *box;
	unsigned lane;
};

static void *box_thread(void *user)
{
	const struct thread_start *start = user;
	struct store_site_box *b = start->box;
	const unsigned lane = start->lane;
	free(user);
	if (lane == 0 && b->on_background)
		b->on_background();
	pthread_mutex_lock(&b->lock);
	while (!b->is_ending) {
		struct carousel_job *job = b->todo[lane];
		if (job == NULL) {
			pthread_cond_wait(&b->wake[lane], &b->lock);
			continue;
		}
		b->todo[lane] = NULL;
		pthread_mutex_unlock(&b->lock);
		job->run(job);
		pthread_mutex_lock(&b->lock);
		b->is_taken[lane] = false;
		b->done[b->num_done++] = job;
		pthread_cond_signal(&b->finished);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static uint64_t box_now(const struct store_site_box *b)
{
	return b->symbol_ns ? b->now_ns : site_now();
}

/* A thread that is free for it, or STORE_SITE_THREADS. */
static unsigned box_lane(const struct store_site_box *b, const struct carousel_job *job)
{
	unsigned lane = job->is_background ? 0 : 1, end = job->is_background ? 1 : STORE_SITE_THREADS;
	/* In virtual time nothing is late because this machine is busy. */
	if (!job->is_background && b->symbol_ns)
		return STORE_SITE_THREADS;
	while (lane < end && b->is_taken[lane])
		lane++;
	return lane < end ? lane : STORE_SITE_THREADS;
}

/* Hands finished jobs back and new ones out; waits for one to finish when asked. A job whose thread is taken is run
 * here. */
static void box_turn(struct store_site_box *b, bool wait)
{
	struct carousel_job *job;
	pthread_mutex_lock(&b->lock);
	while (wait && b->under_way && b->num_done == 0)
		pthread_cond_wait(&b->finished, &b->lock);
	while (b->num_done) {
		job = b->done[--b->num_done];
		b->under_way--;
		job->done(job, box_now(b));
	}
	while (b->under_way < STORE_SITE_THREADS && (job = store_next_job(b->store, box_now(b))) != NULL) {
		unsigned lane = box_lane(b, job);
		if (lane == STORE_SITE_THREADS) {
			pthread_mutex_unlock(&b->lock);
			job->run(job);
			pthread_mutex_lock(&b->lock);
			job->done(job, box_now(b));
			continue;
		}
		b->todo[lane] = job;
		b->is_taken[lane] = true;
		b->under_way++;
		pthread_cond_signal(&b->wake[lane]);
	}
	pthread_mutex_unlock(&b->lock);
}

/* ---- the box's part ------------------------------------------------------------------------------------ */

static enum store_phase box_phase(const struct store_site_box *b)
{
	struct store_progress p;
	store_progress(b->store, &p);
	if (p.error) {
		fprintf(stderr, "store: %s\n", carousel_strerror(p.error));
		_exit(1);
	}
	return p.phase;
}

static void box_pace(struct store_site_box *b, size_t len)
{
	uint64_t due_ns, now_ns = box_now(b);
	if (b->paced++ == 0)
		b->paced_from_ns = now_ns;
	due_ns = b->paced_from_ns + b->paced * len * 8 * 1000 / (b->rate_bps / 1000000);
	if (due_ns > now_ns + 1000000)
		usleep((useconds_t)((due_ns - now_ns) / 1000));
}

static void box_hear(struct store_site_box *b, uint32_t sbn, uint32_t esi, const uint8_t *symbol)
{
	size_t len = b->site->layout.oti.symbol_size;
	b->now_ns += b->symbol_ns;
	if (b->rate_bps)
		box_pace(b, len);
	if (test_random(&b->seed) % 100 < b->loss_percent)
		return;
	b->heard++;
	while (store_add(b->store, sbn, esi, symbol, len, box_now(b)) == CAROUSEL_E_LIMIT) {
		b->dropped++;
		box_turn(b, true);
	}
	if (++b->since_turn % 64 == 0 || b->symbol_ns)
		box_turn(b, false);
}

void store_site_box_source_pass(struct store_site_box *b)
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

void store_site_box_repair_pass(struct store_site_box *b)
{
	const struct fec_oti *oti = &b->site->layout.oti;
	int fd = open_at(b->site, "repair", O_RDONLY);
	uint8_t *symbol = malloc(oti->symbol_size);
	for (uint32_t i = 0; i < b->site->repair && box_phase(b) == STORE_RECEIVING; i++) {
		for (uint32_t sbn = 0; sbn < oti->num_blocks; sbn++) {
			struct fec_block block;
			if (box_phase(b) != STORE_RECEIVING || !map_wants(&b->store->map, sbn))
				continue;
			fec_block_of(oti, sbn, &block);
			get(fd, symbol, oti->symbol_size, ((uint64_t)i * oti->num_blocks + sbn) * oti->symbol_size);
			box_hear(b, sbn, block.num_source + i, symbol);
		}
	}
	free(symbol);
	close(fd);
}

static void box_wait(struct store_site_box *b, enum store_phase phase)
{
	while (box_phase(b) == phase) {
		store_flush(b->store);
		box_turn(b, true);
	}
}

void store_site_box_settle(struct store_site_box *b)
{
	for (int i = 0; i < 2000 && box_phase(b) == STORE_RECEIVING; i++) {
		store_flush(b->store);
		box_turn(b, true);
		usleep(b->under_way ? 0 : 1000);
	}
}

bool store_site_box_verify(struct store_site_box *b)
{
	if (store_verify(b->store) != 0)
		return false;
	box_wait(b, STORE_VERIFYING);
	return box_phase(b) == STORE_VERIFIED;
}

void store_site_box_begin(struct store_site_box *b)
{
	const struct store_site *s = b->site;
	struct store_image image = {.layout = s->layout, .has_index = true, .index_bytes = s->index_bytes};
	memcpy(image.sha256, s->sha256, 32);
	memcpy(image.index_sha256, s->index_sha256, 32);
	while (store_end(b->store) == CAROUSEL_E_BUSY)
		box_turn(b, true);
	for (int i = RX_JOURNAL; i <= RX_SPILL; i++)
		(void)file_truncate(&b->files, (enum carousel_rx_file)i, 0);
	if (store_begin(b->store, &image, box_now(b))) {
		fprintf(stderr, "store: the image does not fit the memory\n");
		_exit(1);
	}
	box_wait(b, STORE_OPENING);
	if (store_set_index(b->store))
		site_die("index");
}

void store_site_box_open(struct store_site_box *b, const struct store_site *s, struct store_config config)
{
	b->site = s;
	files_open(&b->files, s);
	config.storage = &b->files.table;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->finished, NULL);
	for (unsigned i = 0; i < STORE_SITE_THREADS; i++) {
		struct thread_start *start = malloc(sizeof *start);
		*start = (struct thread_start){b, i};
		pthread_cond_init(&b->wake[i], NULL);
		if (pthread_create(&b->thread[i], NULL, box_thread, start))
			site_die("thread");
	}
	if (store_new(&b->store, &config))
		site_die("store");
	store_site_box_begin(b);
}

void store_site_box_close(struct store_site_box *b)
{
	while (b->under_way)
		box_turn(b, true);
	pthread_mutex_lock(&b->lock);
	b->is_ending = true;
	for (unsigned i = 0; i < STORE_SITE_THREADS; i++)
		pthread_cond_signal(&b->wake[i]);
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < STORE_SITE_THREADS; i++)
		pthread_join(b->thread[i], NULL);
	store_free(b->store);
	storage_files_close(&b->files.files);
}
