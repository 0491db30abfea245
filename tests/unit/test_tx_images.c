/* covers: carousel-tx/feed.c carousel-tx/encoder.c */
#include "tests/lib/test.h"

#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "tests/lib/tx_fixture.h"
#include "tests/lib/tx_session.h"

#define SECOND_NS  1000000000ull
#define IMAGE_SIZE 300001u

static void one_image_of(uint8_t encoding_id, enum object_layout_kind kind, bool only_later)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct published p;
	struct listener l;
	struct fdt *fdt;
	const struct fdt_file *file;
	uint64_t now = FIXTURE_START_NS;
	fixture_publish(tx, &p, "box", 105, IMAGE_SIZE, encoding_id, kind, now);
	listener_init(&l);
	/* 1 MB/s: the image is sent in 0.33 s. Whoever comes after that hears repair symbols, or the next cycle. */
	if (only_later)
		fixture_run(tx, 0, NULL, &now, FIXTURE_START_NS + SECOND_NS, 0);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_non_null(fdt);
	file = fdt_file_of(fdt, "image", "box");
	assert_non_null(file);
	assert_int_equal(file->version, 105);
	assert_memory_equal(file->sha256, p.spec.sha256, 32);
	assert_int_equal(file->layout, kind);
	assert_decodes(&l, file, p.bytes, IMAGE_SIZE);
	assert_decodes(&l, fdt_file_of(fdt, "index", "box"), p.index, 2000);
	if (encoding_id == FEC_RAPTORQ)
		assert_int_equal(listener_find(&l, FIXTURE_TSI, file->toi)->duplicates, 0);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

static void test_image_raptorq(void **state)
{
	(void)state;
	one_image_of(FEC_RAPTORQ, OBJECT_STRIPED, false);
	one_image_of(FEC_RAPTORQ, OBJECT_STRIPED, true);
	one_image_of(FEC_RAPTORQ, OBJECT_LINEAR, true);
}

static void test_image_no_code(void **state)
{
	(void)state;
	one_image_of(FEC_COMPACT_NO_CODE, OBJECT_LINEAR, false);
	one_image_of(FEC_COMPACT_NO_CODE, OBJECT_STRIPED, true);
}

static void test_image_reed_solomon(void **state)
{
	(void)state;
	one_image_of(FEC_REED_SOLOMON_GF256, OBJECT_STRIPED, true);
#if WITH_RS
	one_image_of(FEC_SMALL_BLOCK, OBJECT_LINEAR, true);
#endif
}

/* Copy maps go with their image, each with a name and digest of its own, and leave with it. */
static void test_copy_maps(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct ram_source sources[2];
	struct tx_copy_map maps[2] = {{.from_version = 3, .bytes = 5000}, {.from_version = 4, .bytes = 96}};
	struct published p;
	uint8_t *bytes[2];
	uint64_t now = FIXTURE_START_NS;
	unsigned found = 0;
	struct listener l;
	struct fdt *fdt;
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bytes[i] = fixture_bytes((size_t)maps[i].bytes, 7 + i);
		sources[i] = (struct ram_source){.bytes = bytes[i], .len = (size_t)maps[i].bytes};
		maps[i].source = ram_source(&sources[i]);
		maps[i].sha256[0] = (uint8_t)(1 + i);
	}
	fixture_publish_with(tx, &p, "box", 5, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, 2, maps, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_non_null(fdt);
	for (uint32_t i = 0; i < fdt->num_files; i++) {
		const struct fdt_file *file = &fdt->files[i];
		if (strcmp(file->role, "copy-map") != 0)
			continue;
		assert_decodes(&l, file, bytes[found], (size_t)maps[found].bytes);
		assert_string_equal(file->content_location + 17, found ? ":box:5:4" : ":box:5:3");
		assert_memory_equal(file->sha256, maps[found].sha256, 32);
		found++;
	}
	assert_int_equal(found, 2);
	fdt_free(fdt);
	listener_deinit(&l);
	assert_int_equal(tx_remove_image(tx, p.spec.sha256), 0);
	tx_free(tx);
	assert_int_equal(sources[0].released + sources[1].released, 2);
	free(bytes[0]);
	free(bytes[1]);
	published_free(&p);
}

static bool has_warning(const struct tx *tx, uint64_t now, const char *code, const char *words)
{
	json_t *status = tx_status(tx, now), *warning;
	bool is_there = false;
	size_t i;
	json_array_foreach(json_object_get(status, "warnings"), i, warning)
	{
		is_there |= strcmp(json_string_value(json_object_get(warning, "code")), code) == 0 &&
			    strstr(json_string_value(json_object_get(warning, "message")), words) != NULL;
	}
	json_decref(status);
	return is_there;
}

static void test_a_source_that_fails_is_tried_again(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	uint64_t now = FIXTURE_START_NS;
	struct published p;
	struct listener l;
	struct fdt *fdt;
	(void)state;
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	p.image.fail = CAROUSEL_E_STORAGE;
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 5 * SECOND_NS, 0);
	assert_in_range(p.image.reads, 3, 50);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_null(listener_find(&l, FIXTURE_TSI, fdt_file_of(fdt, "image", "box")->toi));
	fdt_free(fdt);
	assert_true(has_warning(tx, now, "storage", "box 1: its image cannot be read or encoded"));
	assert_true(has_warning(tx, now, "starved", "channel main had nothing ready"));
	p.image.fail = 0;
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	assert_false(has_warning(tx, now, "storage", ""));
	fixture_run(tx, 0, NULL, &now, now + 15 * SECOND_NS, 0);
	assert_false(has_warning(tx, now, "starved", ""));
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_decodes(&l, fdt_file_of(fdt, "image", "box"), p.bytes, 100000);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* Taken off the air while a job reads it: the source is released when the job is done, not before. */
static void test_removal_waits_for_jobs(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct tx_job *jobs[8];
	unsigned count = 0;
	struct published p;
	(void)state;
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, FIXTURE_START_NS);
	while (count < 8 && (jobs[count] = tx_next_job(tx)) != NULL)
		count++;
	assert_true(count >= 2);
	assert_int_equal(tx_remove_image(tx, p.spec.sha256), 0);
	assert_int_equal(tx_remove_image(tx, p.spec.sha256), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(p.image.released, 0);
	for (unsigned i = 0; i < count; i++) {
		tx_job_run(jobs[i]);
		assert_int_equal(tx_job_done(tx, jobs[i], FIXTURE_START_NS), 0);
	}
	assert_int_equal(p.image.released, 1);
	assert_int_equal(p.index_source.released, 1);
	assert_null(tx_next_job(tx));
	tx_free(tx);
	published_free(&p);
}

static void test_images_refused(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx = fixture_tx(&config, FIXTURE_START_NS);
	struct published p;
	struct tx_image twice;
	(void)state;
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_LINEAR, FIXTURE_START_NS);
	twice = p.spec;
	p.image.released = p.index_source.released = 0;
	assert_int_equal(tx_add_image(tx, &twice, FIXTURE_START_NS), CAROUSEL_E_EXISTS);
	assert_int_equal(p.image.released, 1);
	twice.sha256[0] ^= 1;
	twice.layout.oti.num_sub_blocks = 2;
	p.image.released = p.index_source.released = 0;
	assert_int_equal(tx_add_image(tx, &twice, FIXTURE_START_NS), CAROUSEL_E_UNSUPPORTED);
	assert_int_equal(p.image.released, 1);
	assert_int_equal(p.index_source.released, 1);
	p.image.released = p.index_source.released = 0;
	tx_free(tx);
	published_free(&p);
}

/* The simulator's way: headers are there, the image's payload is left out, its length told; control is real. */
static void test_payload_left_out(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx;
	uint64_t now = FIXTURE_START_NS;
	struct published p;
	struct listener l;
	struct fdt *fdt;
	struct tx_channel_stats stats;
	const struct fdt_file *file;
	(void)state;
	config.leave_out_payload = true;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &p, "box", 1, 100000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	tx_channel_stats(tx, 0, &stats);
	assert_in_range(stats.wire_bytes, 2900000, 3100000);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	file = fdt_file_of(fdt, "image", "box");
	assert_int_equal(listener_find(&l, FIXTURE_TSI, file->toi)->packets, l.absent_packets);
	assert_true(l.absent_packets > 2000);
	assert_int_equal(p.image.reads, 0);
	assert_decodes(&l, fdt_file_of(fdt, "index", "box"), p.index, 2000);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* Budgets too small for anything: less is made ahead, the same symbols come. */
static void test_small_budgets(void **state)
{
	struct tx_config config = fixture_config(&fixture_slow);
	struct tx *tx;
	uint64_t now = FIXTURE_START_NS;
	struct published p;
	struct listener l;
	struct fdt *fdt;
	(void)state;
	config.read_ahead_bytes = config.encoder_bytes = config.spool_bytes = 1;
	tx = fixture_tx(&config, now);
	fixture_publish(tx, &p, "box", 1, IMAGE_SIZE, FEC_RAPTORQ, OBJECT_STRIPED, now);
	fixture_run(tx, 0, NULL, &now, now + SECOND_NS, 0);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 3 * SECOND_NS, 0);
	fdt = listener_fdt(&l, FIXTURE_TSI);
	assert_decodes(&l, fdt_file_of(fdt, "image", "box"), p.bytes, IMAGE_SIZE);
	fdt_free(fdt);
	listener_deinit(&l);
	tx_free(tx);
	published_free(&p);
}

/* ---- memory ------------------------------------------------------------------------------------------- */

struct counted {
	size_t now, most;
};

static void *counted_alloc(void *user, size_t bytes)
{
	struct counted *c = user;
	size_t *memory = malloc(bytes + 64);
	assert_non_null(memory);
	*memory = bytes;
	c->now += bytes;
	c->most = c->now > c->most ? c->now : c->most;
	return memory + 8;
}

static void counted_free(void *user, void *memory)
{
	struct counted *c = user;
	if (memory == NULL)
		return;
	c->now -= ((size_t *)memory)[-8];
	free((size_t *)memory - 8);
}

/* What a transmitter of `count` images needs at most, sent long enough for every kind of work. */
static size_t memory_of(unsigned count, size_t encoders, uint64_t rate_bps)
{
	struct counted counted = {0};
	const struct carousel_allocator allocator = {&counted, counted_alloc, counted_free};
	const struct tx_channel_config channel = {.name = "main", .rate_bps = rate_bps};
	struct tx_config config = fixture_config(&channel);
	struct published p[12];
	uint64_t now = FIXTURE_START_NS;
	struct tx *tx;
	config.allocator = &allocator;
	config.read_ahead_bytes = 3 << 20;
	config.encoder_bytes = encoders;
	config.spool_bytes = 24 << 20;
	tx = fixture_tx(&config, now);
	for (unsigned i = 0; i < count; i++)
		fixture_publish(tx, &p[i], "box", i + 1, 2000000, FEC_RAPTORQ, OBJECT_STRIPED, now);
	/* All of them once, and half of them again: source and repair symbols. */
	assert_true(fixture_run(tx, 0, NULL, &now, now + 3000 * SECOND_NS, count * 3000) == count * 3000);
	tx_free(tx);
	assert_int_equal(counted.now, 0);
	for (unsigned i = 0; i < count; i++)
		published_free(&p[i]);
	return counted.most;
}

/* Twelve images have the memory that is given for all, not each of them. */
static void test_budgets_are_for_all_images(void **state)
{
	(void)state;
	/* Beside the budgets one block and its encoder, and what describes the objects. */
	assert_true(memory_of(12, 1, 80000000) < (3 + 24 + 3) << 20);
}

/* Encoders are kept without being asked for where encoding again would take long; on a slow channel memory is worth
 * more. */
static void test_encoders_are_kept_for_fast_channels(void **state)
{
	const size_t none = memory_of(6, 1, 800000);
	(void)state;
	assert_true(memory_of(6, 0, 0) > none + (6 << 20));
	assert_true(memory_of(6, 0, 8000000000ull) > none + (6 << 20));
	assert_true(memory_of(6, 0, 800000) <= none + (1 << 20));
	assert_true(memory_of(6, 384 << 20, 800000) > none + (6 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_raptorq),
		cmocka_unit_test(test_image_no_code),
		cmocka_unit_test(test_image_reed_solomon),
		cmocka_unit_test(test_copy_maps),
		cmocka_unit_test(test_a_source_that_fails_is_tried_again),
		cmocka_unit_test(test_removal_waits_for_jobs),
		cmocka_unit_test(test_images_refused),
		cmocka_unit_test(test_payload_left_out),
		cmocka_unit_test(test_small_budgets),
		cmocka_unit_test(test_budgets_are_for_all_images),
		cmocka_unit_test(test_encoders_are_kept_for_fast_channels),
	};
	return cmocka_run_group_tests(tests, fixture_signer, NULL);
}
