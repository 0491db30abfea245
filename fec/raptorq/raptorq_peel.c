#include "fec/raptorq/raptorq_peel.h"

#include <string.h>

/* Rows that wait with one active column are kept by their degree, so that the schedule has long stretches of
 * operations with the same number of sources; LDPC rows wait in the last class. */
enum { ACTIVE, PEELED, INACTIVE, CLASS_LDPC = RAPTORQ_MAX_DEGREE };

void raptorq_peel_scratch(struct raptorq_peel *x, struct raptorq_arena *a, uint32_t max_rows, uint32_t max_entries)
{
	const struct raptorq_params *p = x->params;
	const size_t rows = (size_t)max_rows + p->s;
	x->ldpc_base = max_rows;
	x->state = raptorq_arena_take(a, p->w, 1);
	x->column_start = raptorq_arena_take(a, p->w + 1, sizeof *x->column_start);
	x->column_rows = raptorq_arena_take(a, max_entries, 2);
	x->row_degree = raptorq_arena_take(a, rows, 2);
	x->row_xor = raptorq_arena_take(a, rows, 2);
	x->row_next = raptorq_arena_take(a, rows, 2);
	x->parent = raptorq_arena_take(a, p->w, 2);
	x->size = raptorq_arena_take(a, p->w, 2);
	x->list_next = raptorq_arena_take(a, p->w, 2);
	x->list_prev = raptorq_arena_take(a, p->w, 2);
}

/* The columns of the LT rows, and for each column its rows (compressed, filled from the end). */
static void read_lt_rows(struct raptorq_peel *x)
{
	const struct raptorq_params *p = x->params;
	uint32_t *start = x->column_start;
	memset(start, 0, (p->w + 1) * sizeof *start);
	for (uint32_t i = 0; i < x->num_rows; i++) {
		const struct raptorq_tuple *t = &x->tuples[i];
		uint32_t column = t->b, sum = 0;
		for (uint32_t d = t->d; d; d--) {
			start[column]++;
			sum ^= column;
			column = raptorq_lt_next(p, t, column);
		}
		x->row_degree[i] = t->d;
		x->row_xor[i] = (uint16_t)sum;
	}
	for (uint32_t c = 0, sum = 0; c <= p->w; c++)
		start[c] = sum += c < p->w ? start[c] : 0;
	for (uint32_t i = x->num_rows; i-- > 0;) {
		const struct raptorq_tuple *t = &x->tuples[i];
		uint32_t column = t->b;
		for (uint32_t d = t->d; d; d--) {
			x->column_rows[--start[column]] = (uint16_t)i;
			column = raptorq_lt_next(p, t, column);
		}
	}
}

static void read_ldpc_rows(struct raptorq_peel *x)
{
	const struct raptorq_params *p = x->params;
	uint16_t *degree = x->row_degree + x->ldpc_base, *sum = x->row_xor + x->ldpc_base;
	uint32_t step = 0, in_block = 0;
	for (uint32_t s = 0; s < p->s; s++) {
		degree[s] = 1;
		sum[s] = (uint16_t)(p->b + s);
	}
	for (uint32_t column = 0; column < p->b; column++) {
		uint32_t row = in_block;
		if (in_block == 0)
			step++;
		for (unsigned i = 0; i < 3; i++) {
			degree[row]++;
			sum[row] ^= (uint16_t)column;
			row = row + step >= p->s ? row + step - p->s : row + step;
		}
		in_block = in_block + 1 == p->s ? 0 : in_block + 1;
	}
}

/* ---- components of the graph whose edges are the rows with two active columns -------------------- */

static void list_push(struct raptorq_peel *x, uint32_t root)
{
	const unsigned list = 31u - (unsigned)__builtin_clz(x->size[root]);
	const uint16_t next = x->lists[list];
	x->list_next[root] = next;
	x->list_prev[root] = RAPTORQ_NONE;
	if (next != RAPTORQ_NONE)
		x->list_prev[next] = (uint16_t)root;
	x->lists[list] = (uint16_t)root;
}

static void list_remove(struct raptorq_peel *x, uint32_t root)
{
	const unsigned list = 31u - (unsigned)__builtin_clz(x->size[root]);
	const uint16_t next = x->list_next[root], prev = x->list_prev[root];
	if (next != RAPTORQ_NONE)
		x->list_prev[next] = prev;
	if (prev != RAPTORQ_NONE)
		x->list_next[prev] = next;
	else
		x->lists[list] = next;
}

static uint32_t find(struct raptorq_peel *x, uint32_t column)
{
	uint16_t *parent = x->parent;
	while (parent[column] != column) {
		parent[column] = parent[parent[column]];
		column = parent[column];
	}
	return column;
}

static void join(struct raptorq_peel *x, uint32_t one, uint32_t two)
{
	one = find(x, one);
	two = find(x, two);
	if (one == two)
		return;
	if (x->size[one] < x->size[two]) {
		const uint32_t swap = one;
		one = two;
		two = swap;
	}
	if (x->size[one] > 1)
		list_remove(x, one);
	if (x->size[two] > 1)
		list_remove(x, two);
	x->parent[two] = (uint16_t)one;
	x->size[one] = (uint16_t)(x->size[one] + x->size[two]);
	list_push(x, one);
}

/* One active column of a row; there is one. */
static uint32_t active_column(const struct raptorq_peel *x, uint32_t row)
{
	uint16_t columns[256];
	uint32_t column, i = 0;
	if (row < x->num_rows) {
		const struct raptorq_tuple *t = &x->tuples[row];
		for (column = t->b; x->state[column] != ACTIVE;)
			column = raptorq_lt_next(x->params, t, column);
		return column;
	}
	raptorq_ldpc_columns(x->params, row - x->ldpc_base, columns);
	while (x->state[columns[i]] != ACTIVE)
		i++;
	return columns[i];
}

static void add_edge(struct raptorq_peel *x, uint32_t row)
{
	const uint32_t one = active_column(x, row);
	join(x, one, one ^ x->row_xor[row]);
}

/* ---- peeling --------------------------------------------------------------------------------------- */

static void push_ripe(struct raptorq_peel *x, uint32_t row)
{
	const unsigned class = row < x->num_rows ? x->tuples[row].d - 1u : CLASS_LDPC;
	x->row_next[row] = x->ripe[class];
	x->ripe[class] = (uint16_t)row;
	x->num_ripe[class]++;
}

static inline void reduce_row(struct raptorq_peel *x, uint32_t row, uint32_t column)
{
	const unsigned left = --x->row_degree[row];
	x->row_xor[row] ^= (uint16_t)column;
	if (left == 1)
		push_ripe(x, row);
	else if (left == 2)
		add_edge(x, row);
}

static void take_column(struct raptorq_peel *x, uint32_t column, uint8_t state)
{
	uint16_t ldpc[3];
	const uint32_t n = raptorq_ldpc_rows(x->params, column, ldpc), end = x->column_start[column + 1];
	x->state[column] = state;
	for (uint32_t i = x->column_start[column]; i < end; i++)
		reduce_row(x, x->column_rows[i], column);
	for (uint32_t i = 0; i < n; i++)
		reduce_row(x, x->ldpc_base + ldpc[i], column);
}

static void peel_ripe(struct raptorq_peel *x)
{
	for (;;) {
		unsigned class = 0;
		for (unsigned c = 1; c <= CLASS_LDPC; c++)
			if (x->num_ripe[c] > x->num_ripe[class])
				class = c;
		if (x->num_ripe[class] == 0)
			return;
		while (x->num_ripe[class]) {
			const uint32_t row = x->ripe[class], column = x->row_xor[row];
			x->ripe[class] = x->row_next[row];
			x->num_ripe[class]--;
			if (x->row_degree[row] != 1)
				continue; /* another row has solved its column: it is a check now */
			x->row_degree[row] = 0;
			x->order_row[x->peeled] = (uint16_t)row;
			x->column_slot[column] = (uint16_t)x->peeled++;
			take_column(x, column, PEELED);
		}
	}
}

/* No row has one active column. Taking one column of a component out of the game solves the whole component, so the
 * largest is best. Without components, a column of a row with the fewest active ones. */
static uint32_t choose_inactive(struct raptorq_peel *x)
{
	uint32_t best = RAPTORQ_NONE, fewest = ~0u;
	for (int list = 16; list >= 0; list--)
		for (uint32_t root; (root = x->lists[list]) != RAPTORQ_NONE; list_remove(x, root))
			if (x->state[root] == ACTIVE)
				return root;
	for (uint32_t row = 0; row < x->ldpc_base + x->params->s && fewest > 3; row++)
		if (x->row_degree[row] && x->row_degree[row] < fewest) {
			fewest = x->row_degree[row];
			best = row;
		}
	if (best != RAPTORQ_NONE)
		return active_column(x, best);
	for (best = 0; x->state[best] != ACTIVE;)
		best++;
	return best;
}

void raptorq_peel_run(struct raptorq_peel *x)
{
	const struct raptorq_params *p = x->params;
	memset(x->state, ACTIVE, p->w);
	memset(x->lists, 0xff, sizeof x->lists);
	memset(x->ripe, 0xff, sizeof x->ripe);
	memset(x->num_ripe, 0, sizeof x->num_ripe);
	for (uint32_t c = 0; c < p->w; c++) {
		x->parent[c] = (uint16_t)c;
		x->size[c] = 1;
	}
	memset(x->row_degree + x->num_rows, 0, (x->ldpc_base - x->num_rows) * sizeof *x->row_degree);
	x->peeled = 0;
	x->inactive = p->p;
	read_lt_rows(x);
	read_ldpc_rows(x);
	for (uint32_t row = 0; row < x->num_rows; row++)
		if (x->row_degree[row] == 1)
			push_ripe(x, row);
		else if (x->row_degree[row] == 2)
			add_edge(x, row);
	for (;;) {
		uint32_t column;
		peel_ripe(x);
		if (x->peeled + x->inactive == p->l)
			break;
		column = choose_inactive(x);
		x->column_slot[column] = (uint16_t)x->inactive++;
		take_column(x, column, INACTIVE);
	}
	for (uint32_t c = 0; c < p->w; c++)
		if (x->state[c] == INACTIVE)
			x->column_slot[c] = (uint16_t)(x->column_slot[c] + x->peeled);
	for (uint32_t i = 0; i < p->p; i++)
		x->column_slot[p->w + i] = (uint16_t)(x->peeled + i);
}
