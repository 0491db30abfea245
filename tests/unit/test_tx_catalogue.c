/* covers: carousel-tx/daemon/intake.c policy-map/files/copy_map_file.c carousel-tx/daemon/catalogue.c
 * carousel-tx/daemon/change.c carousel-tx/daemon/leftovers.c carousel-tx/daemon/air.c */
#include "tests/lib/test.h"

#include "carousel-tx/daemon/air.h"
#include "carousel-tx/daemon/change.h"
#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/chunk_index.h"
#include "policy-map/files/copy_map_file.h"
#include "tests/lib/tx_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT, MAP, IMAGE, OTHER, NUM_KEYS };

static const struct change_by by = {.who = "me", .now_s = 1000};

struct fixture {
	char dir[64], cat[80];
	uint8_t lie_sha256, lie_index, lie_copy_map; /* what a manifest is to say wrongly */
	uint32_t minutes;                            /* of a manifest: makes it another one of the same image */
	const char *from;                            /* the image file that it has a copy map from, version 1 */
	struct key_secret keys[NUM_KEYS];
	struct catalogue_error error;
};

static const char *path_of(const struct fixture *f, const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
	return path;
}

static void put(const struct fixture *f, const char *name, const void *data, size_t len)
{
	assert_int_equal(file_replace(path_of(f, name), data, len, 0644), 0);
}

static void sign_to(struct fixture *f, const char *name, const char *type, const void *payload, size_t len, int key)
{
	struct key_signer signer = key_secret_signer(&f->keys[key]);
	struct envelope envelope;
	char *text;
	size_t text_len;
	assert_int_equal(envelope_init(NULL, &envelope, type, payload, len), 0);
	assert_int_equal(envelope_sign(&envelope, &signer), 0);
	assert_int_equal(envelope_print(NULL, &envelope, &text, &text_len), 0);
	put(f, name, text, text_len);
	free(text);
	envelope_deinit(NULL, &envelope);
}

static void root_to(struct fixture *f, const char *name, uint32_t version, int signer)
{
	static const char *const roles[] = {"root", "map", "image", "heartbeat"};
	struct trust_root *root = calloc(1, sizeof *root);
	char *payload;
	size_t len;
	root->version = version;
	root->epoch = 1;
	for (int i = 0; i < 3; i++)
		root->keys[root->num_keys++] = f->keys[i].public_key;
	for (int i = 0; i < 4; i++) {
		struct trust_role *role = &root->roles[root->num_roles++];
		snprintf(role->name, sizeof role->name, "%s", roles[i]);
		role->threshold = role->num_keys = 1;
		memcpy(role->key_ids[0], f->keys[i < 3 ? i : MAP].public_key.id, KEY_ID_BYTES);
	}
	assert_int_equal(trust_root_print(NULL, root, &payload, &len), 0);
	sign_to(f, name, ENVELOPE_TYPE_ROOT, payload, len, signer);
	free(payload);
	free(root);
}

static void add_copy_map(struct fixture *f, struct manifest *m, const uint8_t *index, size_t index_len)
{
	struct copy_map_builder *builder;
	struct copy_map_header header;
	const uint8_t *file;
	size_t len;
	int result =
		copy_map_file_build(index, index_len, m->sha256, path_of(f, f->from), &builder, &file, &len, &header);
	assert_int_equal(result, 0);
	m->num_copy_maps = 1;
	m->copy_maps[0].from_version = 1;
	memcpy(m->copy_maps[0].from_sha256, header.from_sha256, HASH_SHA256_BYTES);
	assert_int_equal(hash_sha256(file, len, m->copy_maps[0].sha256), 0);
	m->copy_maps[0].sha256[0] ^= f->lie_copy_map;
	copy_map_builder_free(builder);
}

/* An image file of random bytes and its manifest; returns the map's line for it. */
static const char *image_to(struct fixture *f, const char *image, const char *manifest_name, const char *class_name,
	uint32_t version, uint64_t seed, int signer)
{
	static char line[4][512];
	static unsigned next;
	struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 64};
	struct manifest *m = calloc(1, sizeof *m);
	uint8_t *bytes = fixture_bytes(50000, seed), digest[32];
	struct chunk_index_builder *builder;
	char *payload, image_hex[HASH_SHA256_TEXT_BYTES], manifest_hex[HASH_SHA256_TEXT_BYTES];
	const uint8_t *index;
	size_t len;
	char *out = line[next++ % 4];
	put(f, image, bytes, 50000);
	snprintf(m->class_name, sizeof m->class_name, "%s", class_name);
	m->version = version;
	m->minutes = f->minutes;
	assert_int_equal(hash_sha256(bytes, 50000, m->sha256), 0);
	assert_int_equal(object_layout_choose(&m->layout, &wish, 50000), 0);
	assert_int_equal(chunk_index_builder_new(NULL, 50000, &builder), 0);
	assert_int_equal(chunk_index_builder_push(builder, bytes, 50000), 0);
	assert_int_equal(chunk_index_builder_finish(builder, &index, &len), 0);
	m->index_chunk_bytes = 4096;
	m->index_bytes = len;
	assert_int_equal(hash_sha256(index, len, m->index_sha256), 0);
	m->sha256[0] ^= f->lie_sha256;
	m->index_sha256[0] ^= f->lie_index;
	if (f->from)
		add_copy_map(f, m, index, len);
	assert_int_equal(manifest_print(NULL, m, &payload, &len), 0);
	assert_int_equal(hash_sha256(payload, len, digest), 0);
	sign_to(f, manifest_name, ENVELOPE_TYPE_MANIFEST, payload, len, signer);
	snprintf(out, sizeof line[0], "image %s %" PRIu32 " %s size=50000 manifest=%s\n", class_name, version,
		hash_sha256_text(image_hex, m->sha256), hash_sha256_text(manifest_hex, digest));
	chunk_index_builder_free(builder);
	free(payload);
	free(bytes);
	free(m);
	return out;
}

static void map_to(struct fixture *f, const char *name, unsigned serial, const char *lines, int signer)
{
	char text[2048];
	int len = snprintf(text, sizeof text,
		"carousel-map 1\nepoch 1\nserial %u\nissued 2026-11-21T10:00:00Z\nmap box production 1 1 1 9 "
		"weight=7\n%s",
		serial, lines);
	sign_to(f, name, ENVELOPE_TYPE_MAP, text, (size_t)len, signer);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	uint8_t seed[KEY_SEED_BYTES] = {0};
	snprintf(f->dir, sizeof f->dir, "/tmp/test_tx_catalogue.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->cat, sizeof f->cat, "%s/cat", f->dir);
	for (int i = 0; i < NUM_KEYS; i++) {
		seed[0] = (uint8_t)(i + 1);
		if (key_secret_init(&f->keys[i], KEY_ED25519, seed))
			return -1;
	}
	root_to(f, "roots", 1, ROOT);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
	free(f);
	return system(command);
}

static void install_root(struct fixture *f)
{
	struct change_report report;
	assert_int_equal(change_set_root(f->cat, &by, path_of(f, "roots"), &report, &f->error), 0);
	assert_int_equal(report.version, 1);
}

static int publish(struct fixture *f, const char *image, const char *manifest)
{
	struct change_report report;
	const struct change_publication what = {
		.image = path_of(f, image), .manifest = path_of(f, manifest), .weight = 2};
	return change_publish(f->cat, &by, &what, &report, &f->error);
}

static int set_map(struct fixture *f, const char *name)
{
	struct change_report report;
	return change_set_map(f->cat, &by, path_of(f, name), &report, &f->error);
}

static void test_publish(void **state)
{
	struct fixture *f = *state;
	struct catalogue *c;
	struct change_report report;
	struct change_publication what = {.weight = 2};
	image_to(f, "image", "manifest", "box", 1, 1, IMAGE);
	assert_int_equal(publish(f, "image", "manifest"), CAROUSEL_E_NOT_FOUND); /* no such directory */
	assert_non_null(strstr(f->error.message, "set-root makes it"));
	assert_int_equal(mkdir(f->cat, 0755), 0);
	assert_int_equal(publish(f, "image", "manifest"), CAROUSEL_E_NOT_FOUND); /* no trust root */
	assert_non_null(strstr(f->error.message, "set-root installs it"));
	install_root(f);
	assert_int_equal(publish(f, "image", "manifest"), 0);
	what.image = path_of(f, "image");
	what.manifest = path_of(f, "manifest");
	assert_int_equal(change_publish(f->cat, &by, &what, &report, &f->error), 0);
	assert_true(report.is_same);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(c->num_objects, 1);
	assert_int_equal(c->objects[0]->weight, 2);
	assert_int_equal(c->objects[0]->published_s, 1000);
	assert_non_null(tx_catalogue_find(c, "box", 1));
	assert_null(tx_catalogue_find(c, "box", 2));
	tx_catalogue_free(c);
}

static void test_publish_refuses(void **state)
{
	struct fixture *f = *state;
	install_root(f);
	image_to(f, "image", "manifest", "box", 1, 1, IMAGE);
	image_to(f, "forged", "forged.m", "box", 3, 3, OTHER);
	image_to(f, "second", "second.m", "box", 1, 2, IMAGE);
	image_to(f, "image", "renamed.m", "other", 1, 1, IMAGE);
	assert_int_equal(publish(f, "forged", "forged.m"), CAROUSEL_E_SIGNATURE);
	assert_int_equal(publish(f, "second", "manifest"), CAROUSEL_E_DIGEST);
	assert_int_equal(publish(f, "image", "roots"), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(publish(f, "image", "image"), CAROUSEL_E_SYNTAX);
	assert_int_equal(publish(f, "none", "manifest"), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(publish(f, "image", "manifest"), 0);
	assert_int_equal(publish(f, "second", "second.m"), CAROUSEL_E_CONFLICT);
	assert_non_null(strstr(f->error.message, "another digest"));
	assert_int_equal(publish(f, "image", "renamed.m"), CAROUSEL_E_EXISTS);
	assert_int_equal(publish(f, "second", "manifest"), CAROUSEL_E_DIGEST);
	put(f, "short", "x", 1);
	assert_int_equal(publish(f, "short", "manifest"), CAROUSEL_E_DIGEST);
	/* Signed, and wrong all the same: everything is computed again. */
	f->lie_sha256 = 1;
	image_to(f, "lie", "lie.m", "box", 4, 4, IMAGE);
	assert_int_equal(publish(f, "lie", "lie.m"), CAROUSEL_E_DIGEST);
	f->lie_sha256 = 0;
	f->lie_index = 1;
	image_to(f, "lie", "lie.m", "box", 4, 4, IMAGE);
	assert_int_equal(publish(f, "lie", "lie.m"), CAROUSEL_E_DIGEST);
}

/* A box takes an image by its manifest: the old one must not stay without a word. */
static void test_publish_with_another_manifest(void **state)
{
	struct fixture *f = *state;
	struct change_report report;
	struct change_publication what = {.weight = 1};
	struct key_signer other = key_secret_signer(&f->keys[OTHER]);
	struct envelope envelope;
	char *text, *more;
	size_t len, more_len;
	install_root(f);
	image_to(f, "image", "manifest", "box", 1, 1, IMAGE);
	assert_int_equal(publish(f, "image", "manifest"), 0);
	f->minutes = 7;
	image_to(f, "image", "other.m", "box", 1, 1, IMAGE);
	assert_int_equal(publish(f, "image", "other.m"), CAROUSEL_E_CONFLICT);
	assert_non_null(strstr(f->error.message, "withdraw it first"));
	/* One more signature of the same payload makes no other manifest. */
	assert_int_equal(file_read(path_of(f, "manifest"), 100000, NULL, &text, &len), 0);
	assert_int_equal(envelope_parse(NULL, &envelope, text, len), 0);
	assert_int_equal(envelope_sign(&envelope, &other), 0);
	assert_int_equal(envelope_print(NULL, &envelope, &more, &more_len), 0);
	put(f, "twice.m", more, more_len);
	/* And not signed at all: said so. */
	put(f, "unsigned.m", envelope.payload, envelope.payload_len);
	what.image = path_of(f, "image");
	what.manifest = path_of(f, "twice.m");
	assert_int_equal(change_publish(f->cat, &by, &what, &report, &f->error), 0);
	assert_true(report.is_same);
	assert_int_equal(publish(f, "image", "unsigned.m"), CAROUSEL_E_SIGNATURE);
	assert_non_null(strstr(f->error.message, "not signed"));
	assert_int_equal(change_withdraw(f->cat, &by, "box", 1, &report, &f->error), 0);
	assert_int_equal(publish(f, "image", "other.m"), 0);
	envelope_deinit(NULL, &envelope);
	free(text);
	free(more);
}

static bool is_there(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0;
}

static const char *in_tmp(const struct fixture *f, const char *name)
{
	char below[64];
	snprintf(below, sizeof below, "cat/tmp/%s", name);
	return path_of(f, below);
}

/* What lies in tmp/ goes, links and directories as well; what a link names stays. */
static void test_leftovers(void **state)
{
	struct change_report report;
	struct fixture *f = *state;
	char moved[PATH_MAX];
	install_root(f);
	image_to(f, "image", "manifest", "box", 1, 1, IMAGE);
	assert_int_equal(mkdir(path_of(f, "outside"), 0755), 0);
	put(f, "outside/precious", "x", 1);
	assert_int_equal(file_mkdir(in_tmp(f, "publish/image"), 0755), 0);
	assert_int_equal(file_mkdir(in_tmp(f, "withdrawn/a/b/c"), 0755), 0);
	put(f, "cat/tmp/withdrawn/a/b/c/file", "x", 1);
	put(f, "cat/tmp/stray", "x", 1);
	assert_int_equal(symlink("../../outside", in_tmp(f, "link")), 0);
	assert_int_equal(symlink("../../../../../outside", in_tmp(f, "withdrawn/a/b/link")), 0);
	assert_int_equal(symlink("../../outside/precious", in_tmp(f, "damaged")), 0);
	assert_int_equal(publish(f, "image", "manifest"), 0);
	assert_true(is_there(path_of(f, "outside/precious")));
	assert_int_equal(rmdir(in_tmp(f, "")), 0);
	/* An object that is a link: withdrawn is the link alone. */
	{
		struct catalogue *c;
		assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
		assert_int_equal(tx_catalogue_object_path(moved, f->cat, c->objects[0]->manifest.sha256, NULL), 0);
		tx_catalogue_free(c);
	}
	assert_int_equal(rename(moved, path_of(f, "elsewhere")), 0);
	assert_int_equal(symlink("../../elsewhere", moved), 0);
	assert_int_equal(change_withdraw(f->cat, &by, "box", 1, &report, &f->error), 0);
	assert_false(is_there(moved));
	assert_true(is_there(path_of(f, "elsewhere/image")));
	/* tmp itself elsewhere: nothing is removed there, and it is said. */
	assert_int_equal(rmdir(in_tmp(f, "")), 0);
	assert_int_equal(symlink("../outside", path_of(f, "cat/tmp")), 0);
	assert_true(publish(f, "image", "manifest") != 0);
	assert_non_null(strstr(f->error.message, "/tmp: "));
	assert_true(is_there(path_of(f, "outside/precious")));
}

/* Deeper than anything of ours: it stays, and becomes no part of an object. */
static void test_leftovers_too_deep(void **state)
{
	struct fixture *f = *state;
	char deep[PATH_MAX];
	install_root(f);
	image_to(f, "image", "manifest", "box", 1, 1, IMAGE);
	snprintf(deep, sizeof deep, "%s", in_tmp(f, "publish"));
	for (int i = 0; i < 40; i++)
		strcat(deep, "/d");
	assert_int_equal(file_mkdir(deep, 0755), 0);
	assert_int_equal(publish(f, "image", "manifest"), CAROUSEL_E_EXISTS);
	assert_true(is_there(deep));
}

static void test_maps(void **state)
{
	struct change_report report;
	struct fixture *f = *state;
	static const char epoch_2[] = "carousel-map 1\nepoch 2\nserial 7\nissued 2026-11-21T10:00:00Z\n";
	const char *one, *two;
	char wrong[512];
	install_root(f);
	sign_to(f, "epoch2", ENVELOPE_TYPE_MAP, epoch_2, sizeof epoch_2 - 1, MAP);
	assert_int_equal(set_map(f, "epoch2"), CAROUSEL_E_RANGE);
	one = image_to(f, "one", "one.m", "box", 1, 1, IMAGE);
	two = image_to(f, "two", "two.m", "box", 2, 2, IMAGE);
	assert_int_equal(publish(f, "one", "one.m"), 0);
	map_to(f, "map5", 5, one, MAP);
	map_to(f, "map5b", 5, "", MAP);
	map_to(f, "map4", 4, one, MAP);
	map_to(f, "map6two", 6, two, MAP);
	map_to(f, "map6forged", 6, one, OTHER);
	snprintf(wrong, sizeof wrong, "%s", one);
	wrong[strlen(wrong) - 2] ^= 1;
	map_to(f, "map6wrong", 6, wrong, MAP);
	map_to(f, "map6", 6, "", MAP);
	assert_int_equal(change_withdraw(f->cat, &by, "box", 9, &report, &f->error), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(set_map(f, "map5"), 0);
	assert_int_equal(set_map(f, "map5"), 0);
	assert_int_equal(set_map(f, "map4"), CAROUSEL_E_ROLLBACK);
	assert_int_equal(set_map(f, "map5b"), CAROUSEL_E_CONFLICT);
	assert_int_equal(set_map(f, "map6two"), CAROUSEL_E_NO_IMAGE);
	assert_int_equal(set_map(f, "map6wrong"), CAROUSEL_E_NO_IMAGE);
	assert_int_equal(set_map(f, "map6forged"), CAROUSEL_E_SIGNATURE);
	assert_int_equal(change_withdraw(f->cat, &by, "box", 1, &report, &f->error), CAROUSEL_E_REFUSED);
	assert_int_equal(set_map(f, "map6"), 0);
	assert_int_equal(change_withdraw(f->cat, &by, "box", 1, &report, &f->error), 0);
	assert_int_equal(change_withdraw(f->cat, &by, "box", 1, &report, &f->error), CAROUSEL_E_NOT_FOUND);
}

static void test_copy_maps(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX], name[CATALOGUE_COPY_MAP_NAME_BYTES];
	struct catalogue *c;
	install_root(f);
	image_to(f, "old", "old.m", "box", 1, 1, IMAGE);
	f->from = "old";
	image_to(f, "new", "new.m", "box", 2, 2, IMAGE);
	f->lie_copy_map = 1;
	image_to(f, "new", "lie.m", "box", 2, 2, IMAGE);
	assert_int_equal(publish(f, "new", "new.m"), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(publish(f, "old", "old.m"), 0);
	assert_int_equal(publish(f, "new", "lie.m"), CAROUSEL_E_DIGEST);
	assert_int_equal(publish(f, "new", "new.m"), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(c->num_objects, 2);
	assert_int_equal(c->objects[1]->copy_map_bytes[0], COPY_MAP_HEADER_BYTES);
	assert_int_equal(tx_catalogue_object_path(
				 path, f->cat, c->objects[1]->manifest.sha256, tx_catalogue_copy_map_name(name, 1)),
		0);
	tx_catalogue_free(c);
	assert_int_equal(truncate(path, COPY_MAP_HEADER_BYTES + 1), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(c->num_refused, 1);
	assert_non_null(strstr(c->refused_error.message, "copy-map-1"));
	tx_catalogue_free(c);
}

/* What the log cannot take is not done. */
static void test_nothing_without_the_log(void **state)
{
	struct fixture *f = *state;
	const char *line;
	struct catalogue *c;
	struct change_report report;
	install_root(f);
	line = image_to(f, "image", "manifest", "box", 1, 1, IMAGE);
	image_to(f, "other", "other.m", "box", 2, 2, IMAGE);
	map_to(f, "map1", 1, line, MAP);
	root_to(f, "root2", 2, ROOT);
	assert_int_equal(publish(f, "image", "manifest"), 0);
	put(f, "cat/audit.jsonl", "{}\n", 3);
	assert_int_equal(publish(f, "other", "other.m"), CAROUSEL_E_MALFORMED);
	assert_non_null(strstr(f->error.message, "audit.jsonl"));
	assert_int_equal(set_map(f, "map1"), CAROUSEL_E_MALFORMED);
	assert_int_equal(change_withdraw(f->cat, &by, "box", 1, &report, &f->error), CAROUSEL_E_MALFORMED);
	assert_int_equal(change_set_root(f->cat, &by, path_of(f, "root2"), &report, &f->error), CAROUSEL_E_MALFORMED);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(c->num_objects, 1);
	assert_int_equal(c->trust.root.version, 1);
	assert_null(c->map);
	tx_catalogue_free(c);
}

static void test_roots(void **state)
{
	struct fixture *f = *state;
	struct change_report report;
	install_root(f);
	root_to(f, "root2", 2, ROOT);
	root_to(f, "root2forged", 2, OTHER);
	root_to(f, "root4", 4, ROOT);
	assert_int_equal(
		change_set_root(f->cat, &by, path_of(f, "root2forged"), &report, &f->error), CAROUSEL_E_SIGNATURE);
	assert_int_equal(change_set_root(f->cat, &by, path_of(f, "root4"), &report, &f->error), CAROUSEL_E_NEED_MORE);
	assert_int_equal(change_set_root(f->cat, &by, path_of(f, "root2"), &report, &f->error), 0);
	assert_int_equal(report.version, 2);
	assert_int_equal(change_set_root(f->cat, &by, path_of(f, "roots"), &report, &f->error), 0);
	assert_int_equal(report.version, 2); /* an old one changes nothing */
}

/* What lies in the catalogue and does not hold is left out and named; the rest counts. */
static void test_damage(void **state)
{
	struct fixture *f = *state;
	struct catalogue *c;
	const char *one;
	char path[PATH_MAX], *text;
	size_t len;
	install_root(f);
	one = image_to(f, "one", "one.m", "box", 1, 1, IMAGE);
	image_to(f, "two", "two.m", "box", 2, 2, IMAGE);
	assert_int_equal(publish(f, "one", "one.m"), 0);
	assert_int_equal(publish(f, "two", "two.m"), 0);
	map_to(f, "map", 5, one, MAP);
	assert_int_equal(set_map(f, "map"), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(
		tx_catalogue_object_path(path, f->cat, tx_catalogue_find(c, "box", 2)->manifest.sha256, "index"), 0);
	tx_catalogue_free(c);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(c->num_objects, 1);
	assert_int_equal(c->num_refused, 1);
	assert_int_equal(c->refused_error.code, CAROUSEL_E_DIGEST);
	assert_non_null(strstr(c->refused_error.message, "index"));
	assert_non_null(c->map);
	tx_catalogue_free(c);
	/* Published anew it is whole again. */
	assert_int_equal(publish(f, "two", "two.m"), 0);
	/* Every truncation of the map: it counts for nothing, and nothing else suffers. */
	assert_int_equal(file_read(path_of(f, "cat/map.dsse"), 100000, NULL, &text, &len), 0);
	for (size_t n = 0; n + 1 < len; n += 7) {
		put(f, "cat/map.dsse", text, n);
		assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
		assert_null(c->map);
		assert_true(c->map_error.code != 0);
		assert_int_equal(c->num_objects, 2);
		tx_catalogue_free(c);
	}
	free(text);
	/* Without roots that hold nothing can be trusted. */
	put(f, "cat/roots.dsse", "{}\n", 3);
	assert_true(tx_catalogue_load(&c, f->cat, NULL, &f->error) != 0);
	assert_null(c);
}

static void test_a_change_waits_for_no_other(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];
	int fd;
	install_root(f);
	image_to(f, "one", "one.m", "box", 1, 1, IMAGE);
	assert_int_equal(tx_catalogue_path(path, f->cat, "lock"), 0);
	assert_int_equal(file_lock(path, &fd), 0);
	assert_int_equal(publish(f, "one", "one.m"), CAROUSEL_E_BUSY);
	close(fd);
	assert_int_equal(publish(f, "one", "one.m"), 0);
}

static size_t count_images(const struct tx *tx)
{
	json_t *status = tx_status(tx, 0), *objects = json_object_get(status, "objects"), *object;
	size_t i, count = 0;
	json_array_foreach(objects, i, object) count +=
		strcmp(json_string_value(json_object_get(object, "role")), "image") == 0;
	json_decref(status);
	return count;
}

static void test_air_follows_the_catalogue(void **state)
{
	struct change_report report;
	struct fixture *f = *state;
	const struct tx_channel_config channel = {.name = "main", .rate_bps = 8000000};
	struct tx_config config = {.tsi = 1, .channels = &channel, .num_channels = 1};
	struct catalogue *before = NULL, *c;
	struct air air, mapped;
	struct tx *tx, *other;
	const char *one;
	install_root(f);
	one = image_to(f, "one", "one.m", "box", 1, 1, IMAGE);
	image_to(f, "two", "two.m", "box", 2, 2, IMAGE);
	assert_int_equal(publish(f, "one", "one.m"), 0);
	map_to(f, "map", 5, one, MAP);
	assert_int_equal(set_map(f, "map"), 0);
	assert_int_equal(tx_new(&tx, &config, 0), 0);
	assert_int_equal(tx_new(&other, &config, 0), 0);
	air_init(&air, tx, NULL, false);
	air_init(&mapped, other, NULL, true);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(air_apply(&air, before, c, 0), 0);
	assert_int_equal(count_images(tx), 1);
	before = c;
	assert_int_equal(publish(f, "two", "two.m"), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(air_apply(&air, before, c, 0), 0);
	assert_int_equal(count_images(tx), 2);
	assert_int_equal(air_apply(&mapped, NULL, c, 0), 0);
	assert_int_equal(count_images(other), 1);
	tx_catalogue_free(before);
	before = c;
	assert_int_equal(change_withdraw(f->cat, &by, "box", 2, &report, &f->error), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(air_apply(&air, before, c, 0), 0);
	assert_int_equal(count_images(tx), 1);
	tx_catalogue_free(before);
	tx_catalogue_free(c);
	air_deinit(&air);
	air_deinit(&mapped);
	tx_free(tx);
	tx_free(other);
}

/* Writes into the image of box 1 where it lies: other bytes, no more and no less. */
static void spoil(struct fixture *f, const struct catalogue *c, char path[PATH_MAX])
{
	int fd;
	assert_int_equal(
		tx_catalogue_object_path(path, f->cat, tx_catalogue_find(c, "box", 1)->manifest.sha256, "image"), 0);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "spoilt", 6, 100), 6);
	close(fd);
}

/* What is written into the file of an image on the air does not go on the air; the next reading of the catalogue takes
 * the image off; published again it goes on from the good file, without a restart. */
static void test_a_file_that_changes_on_the_air(void **state)
{
	struct fixture *f = *state;
	const struct tx_channel_config channel = {.name = "main", .rate_bps = 80000};
	struct tx_config config = {.tsi = 1, .channels = &channel, .num_channels = 1, .read_ahead_bytes = 1};
	struct change_publication what = {0};
	struct catalogue *before, *c;
	struct change_report report;
	struct listener l;
	char path[PATH_MAX], text[4 * PATH_MAX], *dump;
	uint64_t now = 1000000000, packets;
	json_t *status, *object;
	struct air air;
	struct tx *tx;
	size_t i;
	install_root(f);
	image_to(f, "one", "one.m", "box", 1, 1, IMAGE);
	assert_int_equal(publish(f, "one", "one.m"), 0);
	assert_int_equal(tx_new(&tx, &config, now), 0);
	air_init(&air, tx, NULL, false);
	assert_int_equal(tx_catalogue_load(&before, f->cat, NULL, &f->error), 0);
	assert_int_equal(air_apply(&air, NULL, before, now), 0);
	spoil(f, before, path);
	listener_init(&l);
	fixture_run(tx, 0, &l, &now, now + 10 * 1000000000ull, 0);
	status = tx_status(tx, now);
	dump = json_dumps(json_object_get(status, "warnings"), 0);
	assert_non_null(strstr(dump, "box 1: its image cannot be read or encoded: same identity, different content"));
	free(dump);
	json_array_foreach(json_object_get(status, "objects"), i,
		object) if (strcmp(json_string_value(json_object_get(object, "role")), "image") == 0)
		assert_int_equal(json_integer_value(json_object_get(object, "packets")), 0);
	json_decref(status);
	/* Its size alone says nothing: who holds another file looks at what is in this one. */
	assert_int_equal(tx_catalogue_load(&c, f->cat, NULL, &f->error), 0);
	assert_int_equal(c->num_objects, 1);
	assert_int_equal(tx_catalogue_check_files(c, c->objects[0], &f->error), CAROUSEL_E_DIGEST);
	tx_catalogue_free(c);
	for (i = 0; i < 2; i++) {
		assert_int_equal(tx_catalogue_load(&c, f->cat, before, &f->error), 0);
		assert_int_equal(c->num_objects, 0);
		assert_int_equal(c->refused_error.code, CAROUSEL_E_DIGEST);
		assert_non_null(strstr(c->refused_error.message, "/image"));
		assert_int_equal(air_apply(&air, before, c, now), 0);
		assert_int_equal(count_images(tx), 0);
		tx_catalogue_free(before);
		before = c;
	}
	/* The same command mends it, though all looks as if it were there. */
	what.image = path_of(f, "one");
	what.manifest = path_of(f, "one.m");
	assert_int_equal(change_publish(f->cat, &by, &what, &report, &f->error), 0);
	assert_false(report.is_same);
	assert_false(is_there(in_tmp(f, "damaged")));
	assert_int_equal(tx_catalogue_load(&c, f->cat, before, &f->error), 0);
	assert_int_equal(c->num_objects, 1);
	assert_int_equal(air_apply(&air, before, c, now), 0);
	tx_catalogue_free(before);
	before = c;
	packets = l.packets;
	fixture_run(tx, 0, &l, &now, now + 2 * 1000000000ull, 0);
	assert_true(l.packets > packets + 10);
	/* The same bytes in another file: it goes on from that. */
	put(f, "copy", "", 0);
	snprintf(text, sizeof text, "cp '%s' '%s' && mv '%s' '%s'", path_of(f, "one"), path_of(f, "copy"),
		path_of(f, "copy"), path);
	assert_int_equal(system(text), 0);
	assert_int_equal(tx_catalogue_load(&c, f->cat, before, &f->error), 0);
	assert_int_equal(c->num_objects, 1);
	assert_false(tx_catalogue_is_stamp(&c->objects[0]->stamp, &before->objects[0]->stamp));
	assert_int_equal(air_apply(&air, before, c, now), 0);
	assert_int_equal(count_images(tx), 1);
	assert_true(tx_catalogue_is_stamp(&c->objects[0]->stamp, &air.images[0].stamp));
	tx_catalogue_free(before);
	tx_catalogue_free(c);
	listener_deinit(&l);
	air_deinit(&air);
	tx_free(tx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_with_another_manifest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leftovers_too_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_without_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_change_waits_for_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_air_follows_the_catalogue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_that_changes_on_the_air, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
