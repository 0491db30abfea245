/* covers: carousel-tx/counters.c */
#include "tests/lib/test.h"

#include "carousel-tx/counters.h"
#include "common/carousel_error.h"
#include "tests/lib/fault_alloc.h"

#include <stdio.h>

#define SECOND_NS 1000000000ull

static struct tx_counters fresh(void)
{
	struct tx_counters c;
	assert_int_equal(tx_counters_init(&c, NULL, 4001, NULL, 0, NULL, 0), 0);
	return c;
}

/* One store that goes well; returns its text. */
static char *store(struct tx_counters *c, bool final, uint64_t now_ns)
{
	char *text;
	size_t len;
	assert_int_equal(tx_counters_print(c, final, now_ns, &text, &len), 0);
	assert_int_equal(strlen(text), len);
	tx_counters_stored(c, true);
	return text;
}

static void test_nothing_is_used_before_it_is_stored(void **state)
{
	struct tx_counters c = fresh();
	struct tx_counter *object;
	uint64_t number;
	(void)state;
	assert_false(tx_lease_take(&c, &c.heartbeat, &number));
	assert_int_equal(tx_counters_object(&c, "image:1", 1, 100, &object), 0);
	assert_int_equal(object->toi, 1);
	assert_false(tx_counters_is_ready(&c, object));
	assert_false(tx_lease_use(&c, &object->symbols, 0));
	assert_true(c.is_wanted);
	free(store(&c, false, SECOND_NS));
	assert_false(c.is_wanted);
	assert_true(tx_lease_take(&c, &c.heartbeat, &number));
	assert_int_equal(number, 1);
	assert_true(tx_counters_is_ready(&c, object));
	for (uint64_t i = 0; i < 100; i++)
		assert_true(tx_lease_use(&c, &object->symbols, i));
	assert_true(c.is_wanted);
	assert_false(tx_lease_use(&c, &object->symbols, 100));
	tx_counters_deinit(&c);
}

/* After a kill at any moment nothing that was used is used again. */
static void test_a_kill_repeats_nothing(void **state)
{
	char *text = NULL;
	uint64_t heartbeat = 0, instance = 0, position = 0;
	uint32_t toi = 0;
	(void)state;
	for (unsigned life = 0; life < 20; life++) {
		struct tx_counters c;
		struct tx_counter *kept, *own;
		char key[32];
		uint64_t number;
		assert_int_equal(tx_counters_init(&c, NULL, 4001, text, text ? strlen(text) : 0, NULL, 0), 0);
		snprintf(key, sizeof key, "map:%u", life);
		assert_int_equal(tx_counters_object(&c, "image:kept", 1, 64, &kept), 0);
		assert_int_equal(tx_counters_object(&c, key, 1, 64, &own), 0);
		assert_true(own->toi > toi);
		free(text);
		text = store(&c, false, life * SECOND_NS);
		if (tx_counters_is_ready(&c, own))
			toi = own->toi;
		assert_int_equal(kept->toi, 1);
		assert_true(kept->symbols.next >= position);
		for (unsigned i = 0; i < life * 17 && tx_lease_use(&c, &kept->symbols, kept->symbols.next); i++)
			position = kept->symbols.next;
		for (unsigned i = 0; i < life; i++) {
			if (tx_lease_take(&c, &c.heartbeat, &number)) {
				assert_true(number > heartbeat);
				heartbeat = number;
			}
			if (tx_lease_take(&c, &c.fdt_instance, &number)) {
				assert_true(number >= instance);
				instance = number + 1;
			}
		}
		tx_counters_deinit(&c);
	}
	free(text);
}

static void test_a_clean_end_wastes_nothing(void **state)
{
	struct tx_counters c = fresh();
	struct tx_counter *object;
	char *text;
	(void)state;
	assert_int_equal(tx_counters_object(&c, "image:1", 1, 1000, &object), 0);
	free(store(&c, false, SECOND_NS));
	for (uint64_t i = 0; i < 10; i++)
		assert_true(tx_lease_use(&c, &object->symbols, i));
	text = store(&c, true, 2 * SECOND_NS);
	tx_counters_deinit(&c);
	assert_int_equal(tx_counters_init(&c, NULL, 4001, text, strlen(text), NULL, 0), 0);
	assert_int_equal(tx_counters_object(&c, "image:1", 1, 1000, &object), 0);
	assert_int_equal(object->symbols.next, 10);
	tx_counters_deinit(&c);
	free(text);
}

static void test_the_lead_follows_the_rate_of_use(void **state)
{
	struct tx_counters c = fresh();
	struct tx_counter *object;
	uint64_t now = SECOND_NS, position = 0;
	unsigned stores = 0;
	(void)state;
	assert_int_equal(tx_counters_object(&c, "image:1", 1, 1000, &object), 0);
	free(store(&c, false, now));
	for (unsigned second = 0; second < 100; second++, now += SECOND_NS) {
		for (unsigned i = 0; i < 400; i++, position++) {
			assert_true(tx_lease_use(&c, &object->symbols, position));
			if (c.is_wanted) {
				free(store(&c, false, now));
				stores++;
			}
		}
	}
	assert_true(stores >= 10 && stores <= 30);
	tx_counters_deinit(&c);
}

static void test_a_store_that_fails_leases_nothing(void **state)
{
	struct tx_counters c = fresh();
	uint64_t number;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(tx_counters_print(&c, false, SECOND_NS, &text, &len), 0);
	tx_counters_stored(&c, false);
	free(text);
	assert_true(c.is_wanted);
	assert_false(tx_lease_take(&c, &c.heartbeat, &number));
	tx_counters_deinit(&c);
}

static void test_remembers_a_bounded_number(void **state)
{
	struct tx_counters c = fresh();
	struct tx_counter *object;
	char key[32];
	(void)state;
	for (unsigned i = 0; i < TX_COUNTERS_MAX_OBJECTS + 10; i++) {
		snprintf(key, sizeof key, "map:%u", i);
		assert_int_equal(tx_counters_object(&c, key, 1, 1, &object), 0);
		assert_int_equal(object->toi, i + 1);
		if (i >= 5)
			object->users--;
	}
	assert_int_equal(c.num_objects, TX_COUNTERS_MAX_OBJECTS);
	assert_string_equal(c.objects[0]->key, "map:0");
	assert_string_equal(c.objects[5]->key, "map:15");
	tx_counters_deinit(&c);
	c = fresh();
	for (unsigned i = 0; i <= TX_COUNTERS_MAX_OBJECTS; i++) {
		snprintf(key, sizeof key, "map:%u", i);
		assert_int_equal(
			tx_counters_object(&c, key, 1, 1, &object), i < TX_COUNTERS_MAX_OBJECTS ? 0 : CAROUSEL_E_LIMIT);
	}
	tx_counters_deinit(&c);
}

static void test_tois_end(void **state)
{
	static const char text[] = "[session]\nnext-toi = 4294967295\n";
	struct tx_counters c;
	struct tx_counter *object;
	(void)state;
	assert_int_equal(tx_counters_init(&c, NULL, 1, text, sizeof text - 1, NULL, 0), 0);
	assert_int_equal(tx_counters_object(&c, "map:1", 1, 1, &object), 0);
	assert_int_equal(object->toi, UINT32_MAX);
	assert_int_equal(tx_counters_object(&c, "map:2", 1, 1, &object), CAROUSEL_E_RANGE);
	tx_counters_deinit(&c);
}

static void test_bad_text_names_its_place(void **state)
{
	static const struct {
		const char *text, *where;
		int code;
	} rows[] = {
		{"[session]\nnext-toi = x\n", "counters.ini:2", CAROUSEL_E_SYNTAX},
		{"[session]\nnext-toi = 0\n", "counters.ini:2", CAROUSEL_E_RANGE},
		{"[session]\nnext-heartbeat = 18446744073709551615\n", "counters.ini:2", CAROUSEL_E_RANGE},
		{"[session]\nnext-toi = 9\n[object a]\ntoi = 9\n", "counters.ini:4", CAROUSEL_E_RANGE},
		{"[session]\nnext-toi = 9\n[object a]\nposition = 5\n", "counters.ini:3", CAROUSEL_E_RANGE},
		{"[session]\nnext-toi = 9\nfish = 1\n", "counters.ini:3", CAROUSEL_E_UNKNOWN_WORD},
		{"next-toi = 9\n", "counters.ini:1", CAROUSEL_E_UNKNOWN_WORD},
		{"[session", "counters.ini:1", CAROUSEL_E_SYNTAX},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tx_counters c;
		char message[160] = "";
		assert_int_equal(
			tx_counters_init(&c, NULL, 1, rows[i].text, strlen(rows[i].text), message, sizeof message),
			rows[i].code);
		if (strncmp(message, rows[i].where, strlen(rows[i].where)) != 0)
			fail_msg("row %zu: %s", i, message);
	}
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	static const char text[] = "[session]\nnext-toi = 3\n[object a]\ntoi = 1\n[object b]\ntoi = 2\n";
	struct tx_counters c;
	struct tx_counter *object;
	char *printed = NULL;
	size_t len;
	int result = tx_counters_init(&c, a, 1, text, sizeof text - 1, NULL, 0);
	(void)user;
	if (result)
		return result;
	result = tx_counters_object(&c, "c", 1, 1, &object);
	if (result == 0)
		result = tx_counters_print(&c, false, 1, &printed, &len);
	memory_free(a, printed);
	tx_counters_deinit(&c);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(fault_alloc_all(attempt, NULL) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_used_before_it_is_stored),
		cmocka_unit_test(test_a_kill_repeats_nothing),
		cmocka_unit_test(test_a_clean_end_wastes_nothing),
		cmocka_unit_test(test_the_lead_follows_the_rate_of_use),
		cmocka_unit_test(test_a_store_that_fails_leases_nothing),
		cmocka_unit_test(test_remembers_a_bounded_number),
		cmocka_unit_test(test_tois_end),
		cmocka_unit_test(test_bad_text_names_its_place),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
