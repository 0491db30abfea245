#include "carousel-tx/burst_blocks.h"

#include "carousel-tx/loss_chain.h"

#include <math.h>
#include <string.h>

/* Places of a cycle where receivers begin. */
#define BURST_STARTS 4u
/* Of more spare symbols, and where it took more steps than that, neighbours count as strangers. */
#define BURST_MAX_SPARE 160u
#define BURST_NOTHING   1e-15
#define BURST_MAX_STEPS 50000000.0
#define BURST_MAX_ROWS  BURST_BLOCKS_MAX_SYMBOLS
#define BURST_MAX_CHUNK 64u
#define BURST_CERTAIN   (1 - 1e-15)

enum burst_gap { BURST_NEXT, BURST_SOURCE, BURST_REPAIR, BURST_NUM_GAPS };

/* Symbols that were sent so many times. */
struct burst_times {
	unsigned times;
	struct loss_chain chain;
	struct loss_chain_step step[BURST_NUM_GAPS];
};

struct burst {
	const struct burst_blocks *b;
	unsigned rows;
	struct burst_times times[2]; /* those of the cycle that is not over yet the second */
	bool is_again[BURST_MAX_ROWS];
};

/* What a chunk and the next block's, which leaves right after it, miss. */
struct burst_pair {
	double missing[BURST_MAX_CHUNK + 1][BURST_MAX_CHUNK + 1];
};

static unsigned burst_row_symbols(const struct burst_blocks *b, unsigned row)
{
	const unsigned at = row * b->chunk;
	if (at >= b->source)
		return 1;
	return b->source - at < b->chunk ? b->source - at : b->chunk;
}

static unsigned burst_source_rows(const struct burst_blocks *b)
{
	return (b->source - 1) / b->chunk + 1;
}

static void burst_times_init(
	struct burst_times *t, const struct burst_blocks *b, const struct completion_loss *loss, unsigned times)
{
	t->times = times;
	loss_chain_init(&t->chain, loss, times);
	loss_chain_step(&t->chain, 1, &t->step[BURST_NEXT]);
	loss_chain_step(&t->chain, b->chunk * (b->num_blocks - 1) + 1, &t->step[BURST_SOURCE]);
	loss_chain_step(&t->chain, b->num_blocks, &t->step[BURST_REPAIR]);
}

/* ---- one block ------------------------------------------------------------------------------------------ */

/* By state of the chain: P(so many are missing); one more than may be stands for all above. */
typedef double burst_counts[LOSS_CHAIN_MAX_STATES][BURST_BLOCKS_MAX_SYMBOLS + 2];

static void burst_count(const struct loss_chain *c, burst_counts f, unsigned most)
{
	for (unsigned m = 0; m < c->states; m++) {
		const double missing = c->missing[m];
		f[m][most + 1] += f[m][most] * missing;
		for (unsigned d = most + 1; d-- > 0;)
			f[m][d] = f[m][d] * (1 - missing) + (d ? f[m][d - 1] * missing : 0);
	}
}

static void burst_move(unsigned states, const struct loss_chain_step *step, burst_counts f, unsigned most)
{
	burst_counts next;
	if (states == 1)
		return;
	for (unsigned to = 0; to < states; to++) {
		memset(next[to], 0, (most + 2) * sizeof next[to][0]);
		for (unsigned from = 0; from < states; from++)
			for (unsigned d = 0; d < most + 2; d++)
				next[to][d] += f[from][d] * step->to[from][to];
	}
	memcpy(f, next, states * sizeof next[0]);
}

/* The channel has forgotten which state it was in. */
static void burst_forget(unsigned before, const struct loss_chain *c, burst_counts f, unsigned most)
{
	for (unsigned d = 0; d < most + 2; d++) {
		double all = 0;
		for (unsigned m = 0; m < before; m++)
			all += f[m][d];
		for (unsigned m = 0; m < c->states; m++)
			f[m][d] = all * c->start[m];
	}
}

/* That a block misses more than its repair symbols make good. */
static double burst_fails(const struct burst *u)
{
	const unsigned spare = u->b->repair, source_rows = burst_source_rows(u->b);
	const struct burst_times *t = &u->times[u->is_again[0]];
	burst_counts f;
	double fails = 0;
	for (unsigned m = 0; m < t->chain.states; m++) {
		memset(f[m], 0, (spare + 2) * sizeof f[m][0]);
		f[m][0] = t->chain.start[m];
	}
	for (unsigned row = 0; row < u->rows; row++) {
		const struct burst_times *here = &u->times[u->is_again[row]];
		const unsigned symbols = burst_row_symbols(u->b, row);
		if (t != here)
			burst_forget(t->chain.states, &here->chain, f, spare);
		t = here;
		for (unsigned i = 0; i < symbols; i++) {
			const enum burst_gap gap = i + 1 < symbols     ? BURST_NEXT
						   : row < source_rows ? BURST_SOURCE
								       : BURST_REPAIR;
			burst_count(&t->chain, f, spare);
			burst_move(t->chain.states, &t->step[gap], f, spare);
		}
	}
	for (unsigned m = 0; m < t->chain.states; m++)
		fails += f[m][spare + 1];
	return fails;
}

/* ---- its neighbour -------------------------------------------------------------------------------------- */

static void burst_pair_init(struct burst_pair *p, const struct burst_times *t, unsigned symbols)
{
	const unsigned states = t->chain.states;
	for (unsigned a = 0; a <= symbols; a++)
		memset(p->missing[a], 0, (symbols + 1) * sizeof p->missing[a][0]);
	/* Every number of the first chunk's by itself. */
	for (unsigned first = 0; first <= symbols; first++) {
		burst_counts f;
		for (unsigned m = 0; m < states; m++) {
			memset(f[m], 0, (symbols + 2) * sizeof f[m][0]);
			f[m][0] = t->chain.start[m];
		}
		for (unsigned i = 0; i < 2 * symbols; i++) {
			if (i == symbols)
				for (unsigned m = 0; m < states; m++) {
					const double here = f[m][first];
					memset(f[m], 0, (symbols + 2) * sizeof f[m][0]);
					f[m][0] = here;
				}
			burst_count(&t->chain, f, symbols);
			burst_move(states, &t->step[BURST_NEXT], f, symbols);
		}
		for (unsigned second = 0; second <= symbols; second++)
			for (unsigned m = 0; m < states; m++)
				p->missing[first][second] += f[m][second];
	}
}

struct burst_grid {
	double at[BURST_MAX_SPARE + 1][BURST_MAX_SPARE + 2];
	unsigned most; /* above it is next to nothing, of either */
};

static unsigned burst_grid_most(const struct burst_grid *g, unsigned most)
{
	for (;; most--) {
		double all = 0;
		for (unsigned e = 0; e <= most; e++)
			all += g->at[most][e] + g->at[e][most];
		if (most == 0 || all > BURST_NOTHING)
			return most;
	}
}

/* Another row. What the first misses too much is left out; one too much of the second stands for all above. */
static void burst_add_row(struct burst_grid *g, unsigned spare, const struct burst_pair *p, unsigned symbols)
{
	const unsigned old = g->most, most = old + symbols < spare ? old + symbols : spare;
	for (unsigned d = most + 1; d-- > 0;) {
		double next[BURST_MAX_SPARE + 2] = {0};
		for (unsigned a = d > old ? d - old : 0; a <= symbols && a <= d; a++) {
			const double *from = g->at[d - a];
			for (unsigned b = 0; b <= symbols; b++) {
				const double here = p->missing[a][b];
				const unsigned fits = old + b <= spare ? old : spare - (b < spare ? b : spare);
				for (unsigned e = 0; e <= fits && b <= spare; e++)
					next[e + b] += here * from[e];
				for (unsigned e = b <= spare ? fits + 1 : 0; e <= old; e++)
					next[spare + 1] += here * from[e];
				next[spare + 1] += here * from[spare + 1];
			}
		}
		memcpy(g->at[d], next, (spare + 2) * sizeof next[0]);
	}
	g->most = burst_grid_most(g, most);
}

/* Of the failures of a block the share whose neighbour before it is done: bursts that begin here. Rows are taken for
 * independent. */
static double burst_first_share(const struct burst *u, double fails)
{
	const struct burst_blocks *b = u->b;
	const unsigned spare = b->repair;
	const double steps =
		pow((spare + 1) * (b->chunk + 1.0), 2) * burst_source_rows(b) + pow((spare + 1) * 2.0, 2) * b->repair;
	struct burst_pair pairs[2][2];
	struct burst_grid g;
	double first = 0, both = 0;
	if (u->times[1].chain.states == 1 || b->num_blocks <= 1 || spare > BURST_MAX_SPARE ||
		b->chunk > BURST_MAX_CHUNK || steps > BURST_MAX_STEPS)
		return 1 - fails;
	for (unsigned i = 0; i < 2; i++) {
		burst_pair_init(&pairs[i][0], &u->times[i], b->chunk);
		burst_pair_init(&pairs[i][1], &u->times[i], 1);
	}
	memset(&g, 0, sizeof g);
	g.at[0][0] = 1;
	for (unsigned row = 0; row < u->rows; row++) {
		const unsigned symbols = burst_row_symbols(b, row);
		struct burst_pair rest;
		if (symbols != 1 && symbols != b->chunk)
			burst_pair_init(&rest, &u->times[u->is_again[row]], symbols);
		burst_add_row(&g, spare,
			symbols == 1          ? &pairs[u->is_again[row]][1]
			: symbols == b->chunk ? &pairs[u->is_again[row]][0]
					      : &rest,
			symbols);
	}
	for (unsigned d = 0; d <= spare; d++) {
		first += g.at[d][spare + 1];
		for (unsigned e = 0; e <= spare; e++)
			both += g.at[d][e];
	}
	both += first; /* the first is done */
	return both >= BURST_CERTAIN ? 1 - fails : fmin(1, first / (1 - both));
}

/* ---- all blocks ----------------------------------------------------------------------------------------- */

/* The logarithm of the share of receivers that have all when so many rows from `start` on were sent once more. */
static double burst_log_done(struct burst *u, unsigned start, unsigned again)
{
	double fails, next;
	for (unsigned i = 0; i < u->rows; i++)
		u->is_again[(start + i) % u->rows] = i < again;
	fails = burst_fails(u);
	if (fails >= BURST_CERTAIN)
		return -INFINITY;
	next = fails * burst_first_share(u, fails) / (1 - fails);
	return next < 1 ? log1p(-fails) + (u->b->num_blocks - 1) * log1p(-next) : -INFINITY;
}

/* The row of a cycle that so many of a block's symbols come before. */
static unsigned burst_row_at(const struct burst_blocks *b, double symbols)
{
	const double source = symbols < b->source ? symbols : b->source;
	return (unsigned)round(source / b->chunk) + (unsigned)round(symbols - source);
}

double burst_blocks_done(const struct burst_blocks *b, const struct completion_loss *loss, double cycles)
{
	const unsigned whole = (unsigned)cycles, symbols = b->source + b->repair;
	struct burst u = {.b = b, .rows = burst_source_rows(b) + b->repair};
	double done = 0;
	burst_times_init(&u.times[0], b, loss, whole);
	burst_times_init(&u.times[1], b, loss, whole + 1);
	for (unsigned i = 0; i < BURST_STARTS; i++) {
		const unsigned start = burst_row_at(b, symbols * (i + 0.5) / BURST_STARTS) % u.rows;
		double left = (cycles - whole) * symbols, part;
		unsigned again = 0;
		while (again < u.rows && left >= burst_row_symbols(b, (start + again) % u.rows))
			left -= burst_row_symbols(b, (start + again++) % u.rows);
		part = left / burst_row_symbols(b, (start + again) % u.rows);
		/* Of the row that is on the air some blocks have had theirs. */
		done += exp((part < 1 ? (1 - part) * burst_log_done(&u, start, again) : 0) +
				(part > 0 ? part * burst_log_done(&u, start, again + 1) : 0)) /
			BURST_STARTS;
	}
	return done;
}
