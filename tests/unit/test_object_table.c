#include "carousel-rx/object_table.h"
#include "common/alc.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define IDLE_NS 60u

static struct fdt_file file_of(uint64_t toi, const char *role, uint64_t bytes)
{
	struct fdt_file f = {.toi = toi, .content_location = "x", .has_oti = true, .transfer_length = bytes};
	snprintf(f.role, sizeof(f.role), "%s", role);
	f.oti = (struct fec_oti){.transfer_length = bytes, .symbol_size = 100, .max_block_symbols = 10};
	assert_int_equal(fec_oti_check(&f.oti, NULL), 0);
	return f;
}

static int take(struct object_table *t, struct fdt_file *files, uint32_t count, uint64_t now_ns, uint32_t *changed)
{
	const struct fdt fdt = {.num_files = count, .files = files};
	return object_table_take(t, &fdt, "box", now_ns, IDLE_NS, changed);
}

static void test_roles(void **state)
{
	(void)state;
	for (int r = OBJECT_ROLE_TRUST_ROOT; r < OBJECT_NUM_ROLES; r++)
		assert_int_equal(object_role_parse(object_role_name((enum object_role)r)), r);
	assert_int_equal(object_role_parse("fdt"), OBJECT_ROLE_OTHER);
	assert_int_equal(object_role_parse(""), OBJECT_ROLE_OTHER);
	assert_false(object_role_is_document(OBJECT_ROLE_IMAGE));
	assert_false(object_role_is_document(OBJECT_ROLE_FDT));
	assert_true(object_role_is_document(OBJECT_ROLE_MAP));
}

static void test_finds_what_an_fdt_names(void **state)
{
	struct object_table t;
	struct fdt_file files[] = {file_of(70, "map", 100), file_of(3, "image", 5000), file_of(6, "manifest", 100),
		file_of(5, "manifest", 100), file_of(9, "song", 100), file_of(134, "map", 100)};
	uint32_t changed;
	(void)state;
	object_table_init(&t, NULL);
	strcpy(files[2].class_name, "other");
	strcpy(files[3].class_name, "box");
	files[5].content_encoding = "br"; /* one we do not have */
	assert_int_equal(take(&t, files, 6, 10, &changed), 0);
	assert_int_equal(t.count, 6);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(object_table_find(&t, 3)->role, OBJECT_ROLE_IMAGE);
		assert_int_equal(object_table_find(&t, 3)->route, OBJECT_TO_NOWHERE);
		assert_int_equal(object_table_find(&t, 5)->route, OBJECT_TO_COLLECTOR);
		assert_int_equal(object_table_find(&t, 6)->role, OBJECT_ROLE_OTHER);
		assert_int_equal(object_table_find(&t, 9)->role, OBJECT_ROLE_OTHER);
		assert_int_equal(object_table_find(&t, 70)->role, OBJECT_ROLE_MAP);
		assert_int_equal(object_table_find(&t, 134)->role, OBJECT_ROLE_OTHER);
		assert_null(object_table_find(&t, 4));
		assert_null(object_table_find(&t, 9 + OBJECT_TABLE_CACHE));
	}
	object_table_deinit(&t);
}

static void test_unusable_entries_are_for_nobody(void **state)
{
	struct object_table t;
	struct fdt_file files[] = {file_of(1, "map", 100), file_of(2, "map", 100)};
	uint32_t changed;
	(void)state;
	object_table_init(&t, NULL);
	files[0].error = CAROUSEL_E_OTI;
	files[1].has_oti = false;
	assert_int_equal(take(&t, files, 2, 10, &changed), 0);
	assert_int_equal(object_table_find(&t, 1)->route, OBJECT_TO_NOWHERE);
	assert_int_equal(object_table_find(&t, 2)->route, OBJECT_TO_NOWHERE);
	object_table_deinit(&t);
}

static void test_instances_add_up(void **state)
{
	struct object_table t;
	struct fdt_file first[] = {file_of(1, "map", 100), file_of(2, "map", 100)};
	struct fdt_file second[] = {file_of(3, "map", 100), file_of(1, "map", 100), file_of(3, "image", 900)};
	uint32_t changed;
	(void)state;
	object_table_init(&t, NULL);
	assert_int_equal(take(&t, first, 2, 10, &changed), 0);
	object_table_find(&t, 1)->is_done = true;
	assert_int_equal(take(&t, second, 3, 20, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(t.count, 3);
	assert_true(object_table_find(&t, 1)->is_done);
	/* Not listed and long not heard. */
	object_table_find(&t, 3)->heard_ns = 100;
	assert_int_equal(take(&t, first, 1, 100, &changed), 0);
	assert_int_equal(t.count, 2);
	assert_null(object_table_find(&t, 2));
	/* Another object under a TOI that was taken: begun anew. */
	first[0] = file_of(1, "map", 300);
	assert_int_equal(take(&t, first, 1, 110, &changed), 0);
	assert_int_equal(changed, 1);
	assert_false(object_table_find(&t, 1)->is_done);
	object_table_deinit(&t);
}

static void test_bounded(void **state)
{
	static struct fdt_file files[OBJECT_TABLE_MAX + 10];
	struct object_table t;
	uint32_t changed;
	(void)state;
	object_table_init(&t, NULL);
	for (uint32_t i = 0; i < OBJECT_TABLE_MAX + 10; i++)
		files[i] = file_of(1000000 - i, "other", 100);
	assert_int_equal(take(&t, files, OBJECT_TABLE_MAX + 10, 10, &changed), CAROUSEL_E_LIMIT);
	assert_int_equal(t.count, OBJECT_TABLE_MAX);
	for (uint32_t i = 1; i < t.count; i++)
		assert_true(t.objects[i - 1].toi < t.objects[i].toi);
	/* Those that are heard no more make room. */
	assert_int_equal(take(&t, files + 10, OBJECT_TABLE_MAX, 10 + IDLE_NS + 1, &changed), 0);
	assert_non_null(object_table_find(&t, 1000000 - OBJECT_TABLE_MAX - 9));
	object_table_deinit(&t);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct object_table t;
	uint32_t changed;
	int result;
	object_table_init(&t, a);
	result = take(&t, user, 30, 1, &changed);
	object_table_deinit(&t);
	return result;
}

static void test_no_memory(void **state)
{
	struct fdt_file files[30];
	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		files[i] = file_of(i + 1, "map", 100);
	assert_true(fault_alloc_all(attempt, files) >= 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_finds_what_an_fdt_names),
		cmocka_unit_test(test_unusable_entries_are_for_nobody),
		cmocka_unit_test(test_instances_add_up),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
