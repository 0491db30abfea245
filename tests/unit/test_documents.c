#include "carousel-rx/documents.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/fake_tx.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define CLASS "box"

static int lab_open(void **state)
{
	struct fake_tx *tx = calloc(1, sizeof(*tx));
	assert_non_null(tx);
	fake_tx_init(tx, 1, 1);
	*state = tx;
	return 0;
}

static int lab_close(void **state)
{
	fake_tx_deinit(*state);
	free(*state);
	return 0;
}

static char *map_text(struct fake_tx *tx, unsigned epoch, unsigned serial, const char *more)
{
	char text[1024];
	snprintf(text, sizeof(text),
		"carousel-map 1\nepoch %u\nserial %u\nissued 2026-11-21T10:00:00Z\nexpires 2027-02-21T00:00:00Z\n%s",
		epoch, serial, more);
	return fake_tx_sign(tx, ENVELOPE_TYPE_MAP, text, strlen(text), FAKE_KEY_MAP);
}

/* The next root, signed. */
static char *root_text(struct fake_tx *tx, uint32_t version, uint32_t epoch)
{
	char *payload, *text;
	size_t len;
	tx->root.version = version;
	tx->root.epoch = epoch;
	assert_int_equal(trust_root_print(NULL, &tx->root, &payload, &len), 0);
	text = fake_tx_sign(tx, ENVELOPE_TYPE_ROOT, payload, len, FAKE_KEY_ROOT);
	memory_free(NULL, payload);
	return text;
}

/* Checks and takes; frees the text. */
static int take(struct documents *d, enum object_role role, char *text, bool *changed)
{
	struct document_outcome o;
	int result = documents_check(d, role, text, strlen(text), &o);
	*changed = false;
	if (result == 0) {
		result = documents_take(d, &o, changed);
		document_outcome_deinit(d, &o);
	}
	free(text);
	return result;
}

static void open_documents(struct documents *d, struct fake_tx *tx)
{
	assert_int_equal(documents_init(d, NULL, CLASS, "1", tx->root_text, strlen(tx->root_text)), 0);
}

static void test_maps_only_grow(void **state)
{
	struct fake_tx *tx = *state;
	struct documents d;
	bool changed;
	open_documents(&d, tx);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 10, ""), &changed), 0);
	assert_true(changed);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 10, ""), &changed), 0);
	assert_false(changed);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 10, "# x\n"), &changed), CAROUSEL_E_CONFLICT);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 9, ""), &changed), CAROUSEL_E_ROLLBACK);
	/* No map raises the epoch by itself: nothing could ever come after the last one. */
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 2, 1, ""), &changed), CAROUSEL_E_RANGE);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, UINT32_MAX, 1, ""), &changed), CAROUSEL_E_RANGE);
	assert_int_equal(d.map->epoch, 1);
	assert_int_equal(take(&d, OBJECT_ROLE_TRUST_ROOT, root_text(tx, 2, 2), &changed), 0);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 2, 1, ""), &changed), 0);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 99, ""), &changed), CAROUSEL_E_ROLLBACK);
	assert_int_equal(d.map->epoch, 2);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 2, 1, "map x\n"), &changed) != 0, 1);
	/* A document of another kind in its place. */
	assert_int_equal(take(&d, OBJECT_ROLE_SCHEDULE, map_text(tx, 2, 2, ""), &changed), CAROUSEL_E_WRONG_TYPE);
	assert_int_equal(take(&d, OBJECT_ROLE_IMAGE, map_text(tx, 2, 2, ""), &changed), CAROUSEL_E_WRONG_TYPE);
	documents_deinit(&d);
}

static void test_a_root_may_ask_for_an_epoch(void **state)
{
	struct fake_tx *tx = *state;
	struct documents d;
	bool changed;
	open_documents(&d, tx);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 10, ""), &changed), 0);
	assert_int_equal(take(&d, OBJECT_ROLE_TRUST_ROOT, root_text(tx, 2, 5), &changed), 0);
	assert_true(changed);
	assert_null(d.map);
	assert_int_equal(d.num_roots, 1);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 4, 99, ""), &changed), CAROUSEL_E_ROLLBACK);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 5, 1, ""), &changed), 0);
	documents_deinit(&d);
}

/* A document in which no signature was checked is none that was verified: its sender has proved nothing. */
static void test_nothing_signed_is_no_proof(void **state)
{
	struct fake_tx *tx = *state;
	struct fake_image other;
	struct documents d;
	bool changed;
	char *forged;
	open_documents(&d, tx);
	assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, strdup("\n\n"), &changed), CAROUSEL_E_MALFORMED);
	assert_int_equal(take(&d, OBJECT_ROLE_TRUST_ROOT, strdup("\n"), &changed), CAROUSEL_E_MALFORMED);
	assert_int_equal(take(&d, OBJECT_ROLE_TRUST_ROOT, strdup(tx->root_text), &changed), 0);
	assert_false(changed);
	assert_int_equal(take(&d, OBJECT_ROLE_TRUST_ROOT, root_text(tx, 2, 1), &changed), 0);
	/* A root older than the one held, by nobody's key: it is not looked at, so it vouches for nothing. */
	forged = root_text(tx, 1, 1);
	assert_int_equal(take(&d, OBJECT_ROLE_TRUST_ROOT, forged, &changed), CAROUSEL_E_ROLLBACK);
	/* Manifests of other classes are verified and not kept, whatever else is in the object. */
	fake_image_init(&other, tx, "other", 1, 5000, 2);
	char *text = calloc(1, strlen(other.manifest_text) + 8);
	strcat(strcat(text, "{}\n"), other.manifest_text);
	assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, text, &changed), 0);
	assert_int_equal(d.num_manifests, 0);
	fake_image_deinit(&other);
	documents_deinit(&d);
}

static void test_manifests_of_the_class(void **state)
{
	struct fake_tx *tx = *state;
	struct fake_image images[3];
	struct documents d;
	char *text = calloc(1, 16384);
	bool changed;
	open_documents(&d, tx);
	fake_image_init(&images[0], tx, CLASS, 1, 5000, 1);
	fake_image_init(&images[1], tx, "other", 1, 5000, 2);
	fake_image_init(&images[2], tx, CLASS, 2, 5000, 3);
	for (unsigned i = 0; i < 3; i++)
		strcat(strcat(text, images[i].manifest_text), "\n{}\n");
	assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, text, &changed), 0);
	assert_int_equal(d.num_manifests, 2);
	assert_non_null(documents_manifest(&d, images[0].manifest_sha256));
	assert_null(documents_manifest(&d, images[1].manifest_sha256));
	assert_int_equal(documents_manifest(&d, images[2].manifest_sha256)->version, 2);
	assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, strdup(images[0].manifest_text), &changed), 0);
	assert_false(changed);
	for (unsigned i = 0; i < 3; i++)
		fake_image_deinit(&images[i]);
	documents_deinit(&d);
}

/* More manifests than there is room for: those that the map names stay. */
static void test_manifests_make_room(void **state)
{
	struct fake_tx *tx = *state;
	struct fake_image named, image;
	struct documents d;
	char line[512], rows[600];
	bool changed;
	open_documents(&d, tx);
	fake_image_init(&named, tx, CLASS, 1000, 5000, 99);
	fake_image_line(&named, line, sizeof(line));
	snprintf(rows, sizeof(rows), "map " CLASS " * 1 1 1000 1000\n%s", line);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 1, rows), &changed), 0);
	assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, strdup(named.manifest_text), &changed), 0);
	for (uint32_t v = 1; v < 30; v++) {
		fake_image_init(&image, tx, CLASS, v, 5000, v);
		assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, strdup(image.manifest_text), &changed), 0);
		assert_non_null(documents_manifest(&d, image.manifest_sha256));
		assert_non_null(documents_manifest(&d, named.manifest_sha256));
		fake_image_deinit(&image);
	}
	assert_int_equal(d.num_manifests, DOCUMENTS_MAX_MANIFESTS);
	fake_image_deinit(&named);
	documents_deinit(&d);
}

struct check_input {
	const struct documents *documents;
	enum object_role role;
};

static int check(void *user, const uint8_t *data, size_t len)
{
	const struct check_input *in = user;
	struct document_outcome o;
	int result = documents_check(in->documents, in->role, (const char *)data, len, &o);
	if (result == 0)
		document_outcome_deinit(in->documents, &o);
	return result;
}

static void test_truncations_of_documents(void **state)
{
	struct fake_tx *tx = *state;
	struct documents d;
	struct fake_image image;
	char *text;
	open_documents(&d, tx);
	struct check_input in = {&d, OBJECT_ROLE_MAP};
	text = map_text(tx, 1, 1, "");
	text[strcspn(text, "\n")] = 0; /* without its line end it is whole as well */
	test_truncations(check, &in, (const uint8_t *)text, strlen(text));
	free(text);
	fake_image_init(&image, tx, CLASS, 1, 5000, 1);
	in.role = OBJECT_ROLE_MANIFEST;
	image.manifest_text[strcspn(image.manifest_text, "\n")] = 0;
	for (size_t n = 1; n < strlen(image.manifest_text); n += 7) {
		char *copy = malloc(n);
		memcpy(copy, image.manifest_text, n);
		assert_int_not_equal(check(&in, (const uint8_t *)copy, n), 0);
		free(copy);
	}
	fake_image_deinit(&image);
	documents_deinit(&d);
}

static void test_saved_and_loaded(void **state)
{
	struct fake_tx *tx = *state;
	struct fake_image image;
	struct documents d, back;
	char *text, *again;
	size_t len, again_len;
	unsigned refused;
	bool changed;
	open_documents(&d, tx);
	fake_image_init(&image, tx, CLASS, 1, 5000, 1);
	assert_int_equal(take(&d, OBJECT_ROLE_MAP, map_text(tx, 1, 10, ""), &changed), 0);
	assert_int_equal(take(&d, OBJECT_ROLE_MANIFEST, strdup(image.manifest_text), &changed), 0);
	assert_int_equal(documents_save(&d, &text, &len), 0);
	open_documents(&back, tx);
	assert_int_equal(documents_load(&back, text, len, &refused), 0);
	assert_int_equal(refused, 0);
	assert_int_equal(back.map->serial, 10);
	assert_int_equal(back.num_manifests, 1);
	assert_int_equal(documents_save(&back, &again, &again_len), 0);
	assert_int_equal(again_len, len);
	assert_memory_equal(again, text, len);
	documents_deinit(&back);
	/* What was changed on disk is not held. */
	text[len / 4] ^= 1;
	open_documents(&back, tx);
	assert_int_equal(documents_load(&back, text, len, &refused), 0);
	assert_int_equal(refused, 1);
	assert_null(back.map);
	documents_deinit(&back);
	memory_free(NULL, text);
	memory_free(NULL, again);
	fake_image_deinit(&image);
	documents_deinit(&d);
}

static void test_root_must_be_one(void **state)
{
	struct fake_tx *tx = *state;
	struct documents d;
	char *text = map_text(tx, 1, 1, "");
	assert_int_equal(documents_init(&d, NULL, CLASS, "1", text, strlen(text)), CAROUSEL_E_WRONG_TYPE);
	assert_int_not_equal(documents_init(&d, NULL, CLASS, "1", "x", 1), 0);
	free(text);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct fake_tx *tx = ((void **)user)[0];
	const char *map = ((void **)user)[1];
	struct document_outcome o;
	struct documents d;
	bool changed;
	char *text = NULL;
	size_t len;
	int result = documents_init(&d, a, CLASS, "1", tx->root_text, strlen(tx->root_text));
	if (result)
		return result;
	result = documents_check(&d, OBJECT_ROLE_MAP, map, strlen(map), &o);
	if (result == 0) {
		result = documents_take(&d, &o, &changed);
		document_outcome_deinit(&d, &o);
	}
	if (result == 0)
		result = documents_save(&d, &text, &len);
	memory_free(a, text);
	documents_deinit(&d);
	return result;
}

static void test_no_memory(void **state)
{
	char *map = map_text(*state, 1, 1, "map " CLASS " * 1 2 3 4\n");
	void *user[2] = {*state, map};
	assert_true(fault_alloc_all(attempt, user) > 3);
	free(map);
}

#define WITH_LAB(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_LAB(test_maps_only_grow),
		WITH_LAB(test_a_root_may_ask_for_an_epoch),
		WITH_LAB(test_nothing_signed_is_no_proof),
		WITH_LAB(test_manifests_of_the_class),
		WITH_LAB(test_manifests_make_room),
		WITH_LAB(test_truncations_of_documents),
		WITH_LAB(test_saved_and_loaded),
		WITH_LAB(test_root_must_be_one),
		WITH_LAB(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
