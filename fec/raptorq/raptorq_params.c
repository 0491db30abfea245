#include "fec/raptorq/raptorq_params.h"

#include "common/carousel_error.h"
#include "fec/raptorq/raptorq_tables.h"

#include <stdbool.h>
#include <stddef.h>

static struct raptorq_modulus modulus(uint32_t m)
{
	return (struct raptorq_modulus){m, UINT64_MAX / m + 1};
}

/* The fraction x / m in 64 bits, times m (Lemire, Kaser and Kurz, "Faster remainder by direct computation"). m = 1
 * makes the inverse wrap to 0, and 0 is right. */
static inline uint32_t remainder_of(uint32_t x, struct raptorq_modulus m)
{
	__extension__ typedef unsigned __int128 wide;
	return (uint32_t)((wide)(m.inverse * x) * m.m >> 64);
}

/* RFC 6330 section 5.3.5.1 before the modulus. */
static inline uint32_t random_word(uint32_t y, uint32_t i)
{
	return raptorq_rand[0][(y + i) & 255] ^ raptorq_rand[1][((y >> 8) + i) & 255] ^
	       raptorq_rand[2][((y >> 16) + i) & 255] ^ raptorq_rand[3][((y >> 24) + i) & 255];
}

static bool is_prime(uint32_t n)
{
	for (uint32_t d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return n > 1;
}

int raptorq_params_init(struct raptorq_params *p, uint32_t num_source)
{
	size_t low = 0, high = RAPTORQ_NUM_SYSTEMATIC;
	const struct raptorq_systematic *row;
	while (low < high) {
		const size_t middle = (low + high) / 2;
		if (raptorq_systematic[middle].k_prime < num_source)
			low = middle + 1;
		else
			high = middle;
	}
	if (num_source == 0 || low == RAPTORQ_NUM_SYSTEMATIC)
		return CAROUSEL_E_OTI;
	row = &raptorq_systematic[low];
	p->k_prime = row->k_prime;
	p->s = row->s;
	p->h = row->h;
	p->w = row->w;
	p->l = p->k_prime + p->s + p->h;
	p->p = p->l - p->w;
	for (p->p1 = p->p; !is_prime(p->p1);)
		p->p1++;
	p->u = p->p - p->h;
	p->b = p->w - p->s;
	p->tuple_a = (53591 + row->j * 997u) | 1;
	p->tuple_b = 10267 * (row->j + 1u);
	p->mod_w = modulus(p->w);
	p->mod_w1 = modulus(p->w - 1);
	p->mod_p1 = modulus(p->p1);
	p->mod_p11 = modulus(p->p1 - 1);
	p->mod_s = modulus(p->s);
	return 0;
}

/* Section 5.3.5.2, by counting the thresholds that v has passed. */
static uint32_t degree(uint32_t v, uint32_t w)
{
	uint32_t d = 1;
	if (v >= raptorq_degree[4])
		d = v >= raptorq_degree[10] ? 11 : 5;
	while (v >= raptorq_degree[d])
		d++;
	return d < w - 2 ? d : w - 2;
}

void raptorq_tuple_init(const struct raptorq_params *p, uint32_t isi, struct raptorq_tuple *t)
{
	const uint32_t y = p->tuple_b + isi * p->tuple_a, d = degree(random_word(y, 0) & 0xfffff, p->w);
	const uint32_t a1 = 1 + remainder_of(random_word(isi, 4), p->mod_p11);
	const uint32_t d1 = d < 4 ? 2 + (random_word(isi, 3) & 1) : 2;
	uint32_t b1 = remainder_of(random_word(isi, 5), p->mod_p1);
	t->d = (uint16_t)d;
	t->a = (uint16_t)(1 + remainder_of(random_word(y, 1), p->mod_w1));
	t->b = (uint16_t)remainder_of(random_word(y, 2), p->mod_w);
	t->pi[2] = RAPTORQ_NO_PI;
	for (uint32_t j = 0; j < d1; j++) {
		while (b1 >= p->p)
			b1 = b1 + a1 >= p->p1 ? b1 + a1 - p->p1 : b1 + a1;
		t->pi[j] = (uint16_t)b1;
		b1 = b1 + a1 >= p->p1 ? b1 + a1 - p->p1 : b1 + a1;
	}
}

uint32_t raptorq_ldpc_columns(const struct raptorq_params *p, uint32_t row, uint16_t *columns)
{
	uint32_t count = 0, once = row, twice = row;
	for (uint32_t base = 0; base < p->b; base += p->s) {
		once = once ? once - 1 : p->s - 1;
		twice = twice >= 2 ? twice - 2 : twice + p->s - 2;
		if (base + row < p->b)
			columns[count++] = (uint16_t)(base + row);
		if (base + once < p->b)
			columns[count++] = (uint16_t)(base + once);
		if (base + twice < p->b)
			columns[count++] = (uint16_t)(base + twice);
	}
	columns[count++] = (uint16_t)(p->b + row);
	return count;
}

uint32_t raptorq_ldpc_rows(const struct raptorq_params *p, uint32_t column, uint16_t rows[3])
{
	uint32_t a, b;
	if (column >= p->b) {
		rows[0] = (uint16_t)(column - p->b);
		return 1;
	}
	b = remainder_of(column, p->mod_s);
	a = 1 + (column - b) / p->s;
	for (uint32_t i = 0; i < 3; i++) {
		rows[i] = (uint16_t)b;
		b = b + a >= p->s ? b + a - p->s : b + a;
	}
	return 3;
}

uint8_t raptorq_hdpc_pair(const struct raptorq_params *p, uint32_t j)
{
	const uint32_t one = random_word(j + 1, 6) % p->h;
	const uint32_t two = (one + random_word(j + 1, 7) % (p->h - 1) + 1) % p->h;
	return (uint8_t)(one | two << 4);
}
