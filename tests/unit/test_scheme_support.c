#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "fec/scheme_support.h"
#include "tests/lib/fec_round.h"

static void test_held_symbols(void **state)
{
	const struct fec_block block = fec_round_block(FEC_REED_SOLOMON_GF256, 0, 5, 9, 8);
	void *mem = malloc(fec_held_bytes(&block));
	struct fec_held held;
	uint32_t count, esis[5];
	(void)state;
	memset(mem, 0xff, fec_held_bytes(&block));
	fec_held_init(&held, mem, &block);
	assert_int_equal(fec_held_bytes(&block) % 64, 0);
	assert_int_equal(fec_held_add(&held, 9), CAROUSEL_E_SYMBOL);
	assert_int_equal(fec_held_add(&held, UINT32_MAX), CAROUSEL_E_SYMBOL);
	for (uint32_t esi = 8; esi > 4; esi--)
		assert_int_equal(fec_held_add(&held, esi), 0);
	assert_int_equal(fec_held_add(&held, 8), CAROUSEL_E_DUPLICATE);
	assert_int_equal(fec_held_plan(&held), CAROUSEL_E_NEED_MORE);
	fec_held_missing(&held, &count);
	assert_int_equal(count, 0);
	assert_int_equal(fec_held_add(&held, 2), 0);
	assert_int_equal(fec_held_plan(&held), 0);
	assert_int_equal(fec_held_plan(&held), 0);
	assert_int_equal(fec_held_missing(&held, &count)[2], 3);
	assert_int_equal(count, 4);
	fec_held_choose(&held, esis);
	assert_true(esis[0] == 2 && esis[1] == 5 && esis[4] == 8);
	assert_int_equal(fec_held_add(&held, 3), 0);
	fec_held_missing(&held, &count);
	assert_int_equal(count, 0);
	free(mem);
}

static const uint8_t *none(void *user, uint32_t esi)
{
	(void)user;
	(void)esi;
	return NULL;
}

static const uint8_t *there(void *user, uint32_t esi)
{
	return (const uint8_t *)user + esi * 4;
}

static int copy(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	memcpy(dst, (const uint8_t *)user + esi * 4 + off, len);
	return esi == 2 ? CAROUSEL_E_STORAGE : 0;
}

static void test_fetch_and_load(void **state)
{
	uint8_t data[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, buf[12];
	const struct fec_symbols reads = {data, NULL, copy, NULL}, nulls = {data, none, copy, NULL};
	const struct fec_symbols directs = {data, there, NULL, NULL};
	const struct fec_block two = fec_round_block(0, 0, 2, 2, 4), three = fec_round_block(0, 0, 3, 3, 4);
	const uint8_t *at;
	(void)state;
	assert_int_equal(fec_symbols_fetch(&reads, 1, 1, 3, buf, &at), 0);
	assert_true(at == buf && at[0] == 5);
	assert_int_equal(fec_symbols_fetch(&nulls, 1, 2, 2, buf, &at), 0);
	assert_true(at == buf && at[0] == 6);
	assert_int_equal(fec_symbols_fetch(&directs, 1, 2, 2, buf, &at), 0);
	assert_true(at == data + 6);
	assert_int_equal(fec_symbols_load(&reads, &two, buf), 0);
	assert_memory_equal(buf, data, 8);
	assert_int_equal(fec_symbols_load(&reads, &three, buf), CAROUSEL_E_STORAGE);
	memset(buf, 0, sizeof buf);
	assert_int_equal(fec_symbols_load(&directs, &three, buf), 0);
	assert_memory_equal(buf, data, 12);
}

static int check(void *user, const uint8_t *data, size_t len)
{
	return fec_plan_identity_check(user, data, len);
}

static void test_plan_identities(void **state)
{
	struct fec_block block = fec_round_block(FEC_REED_SOLOMON_GF256, 0, 5, 9, 8), other = block;
	uint8_t saved[FEC_PLAN_IDENTITY_BYTES];
	size_t len = 0;
	(void)state;
	assert_int_equal(fec_plan_identity_save(&block, NULL, &len), 0);
	assert_int_equal(len, sizeof saved);
	len--;
	assert_int_equal(fec_plan_identity_save(&block, saved, &len), CAROUSEL_E_LIMIT);
	assert_int_equal(fec_plan_identity_save(&block, saved, &len), 0);
	assert_int_equal(fec_plan_identity_check(&block, saved, len), 0);
	other.num_source = 6;
	assert_int_equal(fec_plan_identity_check(&other, saved, len), CAROUSEL_E_CONFLICT);
	test_truncations(check, &block, saved, len);
	for (size_t i = 5; i < sizeof saved; i++) {
		saved[i] ^= 0x10;
		assert_int_equal(fec_plan_identity_check(&block, saved, len), CAROUSEL_E_CRC);
		saved[i] ^= 0x10;
	}
	saved[4] = 2;
	assert_int_equal(fec_plan_identity_check(&block, saved, len), CAROUSEL_E_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_symbols),
		cmocka_unit_test(test_fetch_and_load),
		cmocka_unit_test(test_plan_identities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
