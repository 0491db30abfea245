/* covers: fec/raptorq/raptorq_tables.c
 * The tables against the data files, and the derived parameters against a plain reading of RFC 6330 section 5.3. */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "fec/raptorq/raptorq_params.h"
#include "fec/raptorq/raptorq_tables.h"

#include <stdio.h>

static FILE *open_csv(const char *name)
{
	char path[128], header[128];
	FILE *f;
	snprintf(path, sizeof path, "tests/vectors/%s", name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(header, sizeof header, f));
	return f;
}

static void test_tables_are_those_of_the_rfc(void **state)
{
	unsigned a, b, c, d, e, n = 0;
	FILE *f = open_csv("rfc6330-table2.csv");
	(void)state;
	for (; fscanf(f, "%u,%u,%u,%u,%u", &a, &b, &c, &d, &e) == 5; n++) {
		const struct raptorq_systematic *s = &raptorq_systematic[n];
		assert_true(s->k_prime == a && s->j == b && s->s == c && s->h == d && s->w == e);
	}
	assert_int_equal(n, RAPTORQ_NUM_SYSTEMATIC);
	fclose(f);
	f = open_csv("rfc6330-rand.csv");
	for (n = 0; fscanf(f, "%u,%u,%u,%u,%u", &a, &b, &c, &d, &e) == 5; n++)
		assert_true(raptorq_rand[0][a] == b && raptorq_rand[1][a] == c && raptorq_rand[2][a] == d &&
			    raptorq_rand[3][a] == e);
	assert_int_equal(n, 256);
	fclose(f);
	f = open_csv("rfc6330-degree.csv");
	for (n = 0; fscanf(f, "%u,%u", &a, &b) == 2; n++)
		assert_int_equal(raptorq_degree[a], b);
	assert_int_equal(n, 31);
	fclose(f);
}

static void test_params_bounds(void **state)
{
	struct raptorq_params p;
	(void)state;
	assert_int_equal(raptorq_params_init(&p, 0), CAROUSEL_E_OTI);
	assert_int_equal(raptorq_params_init(&p, 56404), CAROUSEL_E_OTI);
	assert_int_equal(raptorq_params_init(&p, 56403), 0);
	assert_int_equal(p.l, 57326);
	assert_int_equal(raptorq_params_init(&p, 1), 0);
	assert_int_equal(p.k_prime, 10);
	assert_int_equal(p.l, 27);
	assert_int_equal(p.p, 10);
	assert_int_equal(p.p1, 11);
	assert_int_equal(p.b, 10);
	assert_int_equal(raptorq_params_init(&p, 11), 0);
	assert_int_equal(p.k_prime, 12);
}

/* Rand, Deg and Tuple as section 5.3.5 writes them. */
static uint32_t rfc_rand(uint32_t y, uint32_t i, uint32_t m)
{
	return (raptorq_rand[0][(y + i) % 256] ^ raptorq_rand[1][(y / 256 + i) % 256] ^
		       raptorq_rand[2][(y / 65536 + i) % 256] ^ raptorq_rand[3][(y / 16777216 + i) % 256]) %
	       m;
}

static void check_tuple(const struct raptorq_params *p, uint32_t j, uint32_t x)
{
	uint32_t a = 53591 + j * 997, y, v, d = 1, b1, a1, d1;
	struct raptorq_tuple t;
	raptorq_tuple_init(p, x, &t);
	a += a % 2 == 0;
	y = 10267 * (j + 1) + x * a;
	v = rfc_rand(y, 0, 1u << 20);
	while (!(raptorq_degree[d - 1] <= v && v < raptorq_degree[d]))
		d++;
	d = d < p->w - 2 ? d : p->w - 2;
	assert_int_equal(t.d, d);
	assert_int_equal(t.a, 1 + rfc_rand(y, 1, p->w - 1));
	assert_int_equal(t.b, rfc_rand(y, 2, p->w));
	d1 = d < 4 ? 2 + rfc_rand(x, 3, 2) : 2;
	a1 = 1 + rfc_rand(x, 4, p->p1 - 1);
	b1 = rfc_rand(x, 5, p->p1);
	for (uint32_t i = 0; i < d1; i++) {
		while (b1 >= p->p)
			b1 = (b1 + a1) % p->p1;
		assert_int_equal(t.pi[i], b1);
		b1 = (b1 + a1) % p->p1;
	}
	if (d1 == 2)
		assert_int_equal(t.pi[2], RAPTORQ_NO_PI);
}

static void test_tuples(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < RAPTORQ_NUM_SYSTEMATIC; n += 1 + n % 5) {
		struct raptorq_params p;
		assert_int_equal(raptorq_params_init(&p, raptorq_systematic[n].k_prime), 0);
		for (uint32_t x = 0; x < 300; x++) {
			check_tuple(&p, raptorq_systematic[n].j, x);
			check_tuple(&p, raptorq_systematic[n].j, p.k_prime + x * 55555);
		}
	}
}

/* The loop of section 5.3.3.3 against rows and columns as the codec asks for them. */
static void test_ldpc_relations(void **state)
{
	static const uint32_t ks[] = {1, 101, 1002};
	(void)state;
	for (size_t n = 0; n < 3; n++) {
		struct raptorq_params p;
		uint8_t *want, *rows, *columns;
		assert_int_equal(raptorq_params_init(&p, ks[n]), 0);
		want = calloc(p.s, p.w);
		rows = calloc(p.s, p.w);
		columns = calloc(p.s, p.w);
		for (uint32_t i = 0; i < p.b; i++) {
			const uint32_t a = 1 + i / p.s;
			uint32_t b = i % p.s;
			want[b * p.w + i] ^= 1;
			b = (b + a) % p.s;
			want[b * p.w + i] ^= 1;
			b = (b + a) % p.s;
			want[b * p.w + i] ^= 1;
		}
		for (uint32_t i = 0; i < p.s; i++) {
			uint16_t list[256], pi[2];
			const uint32_t count = raptorq_ldpc_columns(&p, i, list);
			want[i * p.w + p.b + i] ^= 1;
			for (uint32_t j = 0; j < count; j++)
				rows[i * p.w + list[j]] ^= 1;
			raptorq_ldpc_pi(&p, i, pi);
			assert_int_equal(pi[0], i % p.p);
			assert_int_equal(pi[1], (i + 1) % p.p);
		}
		for (uint32_t c = 0; c < p.w; c++) {
			uint16_t list[3];
			const uint32_t count = raptorq_ldpc_rows(&p, c, list);
			for (uint32_t j = 0; j < count; j++)
				columns[list[j] * p.w + c] ^= 1;
		}
		assert_memory_equal(want, rows, p.s * p.w);
		assert_memory_equal(want, columns, p.s * p.w);
		free(want);
		free(rows);
		free(columns);
	}
}

static void test_hdpc_pairs(void **state)
{
	struct raptorq_params p;
	(void)state;
	assert_int_equal(raptorq_params_init(&p, 257), 0);
	for (uint32_t j = 0; j < p.k_prime + p.s - 1; j++) {
		const uint32_t one = rfc_rand(j + 1, 6, p.h), two = (one + rfc_rand(j + 1, 7, p.h - 1) + 1) % p.h;
		assert_int_equal(raptorq_hdpc_pair(&p, j), one | two << 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_are_those_of_the_rfc),
		cmocka_unit_test(test_params_bounds),
		cmocka_unit_test(test_tuples),
		cmocka_unit_test(test_ldpc_relations),
		cmocka_unit_test(test_hdpc_pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
