#include "carousel-tx/loss_chain.h"

#include <math.h>
#include <string.h>

/* ---- one time ----------------------------------------------------------------------------------------- */

/* The losses of the two states that have this mean and this variance; *bad: the share of the worse one. */
static void chain_states(const struct completion_loss *loss, double *bad, double *loss_good, double *loss_bad)
{
	const double arrive = 1 - loss->mean;
	double apart;
	*bad = loss->bad;
	/* With two states, the worse of which loses all, where nothing is known. */
	if (*bad <= 0 || *bad >= 1)
		*bad = loss->variance / (loss->variance + arrive * arrive);
	apart = *bad > 0 ? sqrt(loss->variance / (*bad * (1 - *bad))) : 0;
	*loss_good = fmin(1, fmax(0, loss->mean - *bad * apart));
	*loss_bad = fmin(1, fmax(0, loss->mean + (1 - *bad) * apart));
}

/* P(count of n = 0, 1, ... n), each with probability p. */
static void chain_binomial(unsigned n, double p, double *out)
{
	memset(out, 0, (n + 1) * sizeof *out);
	out[0] = 1;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 2; k-- > 0;)
			out[k] = out[k] * (1 - p) + (k ? out[k - 1] * p : 0);
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

void loss_chain_init(struct loss_chain *c, const struct completion_loss *loss, unsigned times)
{
	double bad, loss_good, loss_bad;
	*c = (struct loss_chain){.states = 1, .start = {1}, .missing = {pow(loss->mean, times)}};
	if (loss->variance <= 0 || times > LOSS_CHAIN_MAX_TIMES)
		return;
	chain_states(loss, &bad, &loss_good, &loss_bad);
	c->states = times + 1;
	c->correlation = loss->correlation;
	c->bad = bad;
	chain_binomial(times, bad, c->start);
	for (unsigned m = 0; m <= times; m++)
		c->missing[m] = pow(loss_bad, m) * pow(loss_good, times - m);
}

void loss_chain_step(const struct loss_chain *c, double symbols, struct loss_chain_step *step)
{
	const unsigned times = c->states - 1;
	const double keeps = pow(c->correlation, symbols);
	double stay[LOSS_CHAIN_MAX_STATES], turn[LOSS_CHAIN_MAX_STATES];
	for (unsigned from = 0; from <= times; from++) {
		chain_binomial(from, c->bad + (1 - c->bad) * keeps, stay);
		chain_binomial(times - from, c->bad * (1 - keeps), turn);
		memset(step->to[from], 0, sizeof step->to[from]);
		for (unsigned a = 0; a <= from; a++)
			for (unsigned b = 0; b <= times - from; b++)
				step->to[from][a + b] += stay[a] * turn[b];
	}
}

/* m := m * m; the largest probabilities are never far below 1, so nothing is scaled. */
static void chain_square(unsigned states, struct loss_chain_step *m)
{
	struct loss_chain_step product;
	for (unsigned i = 0; i < states; i++)
		for (unsigned j = 0; j < states; j++) {
			double sum = 0;
			for (unsigned k = 0; k < states; k++)
				sum += m->to[i][k] * m->to[k][j];
			product.to[i][j] = sum;
		}
	*m = product;
}

static void chain_apply(unsigned states, const struct loss_chain_step *m, double *v)
{
	double next[LOSS_CHAIN_MAX_STATES];
	for (unsigned j = 0; j < states; j++) {
		next[j] = 0;
		for (unsigned i = 0; i < states; i++)
			next[j] += v[i] * m->to[i][j];
	}
	memcpy(v, next, states * sizeof *v);
}

double loss_chain_none_missing(const struct loss_chain *c, double symbols)
{
	struct loss_chain_step power;
	double v[LOSS_CHAIN_MAX_STATES], sum = 0;
	uint64_t left = symbols >= 0 ? (uint64_t)symbols : 0;
	loss_chain_step(c, 1, &power);
	for (unsigned i = 0; i < c->states; i++) {
		v[i] = c->start[i];
		for (unsigned j = 0; j < c->states; j++)
			power.to[i][j] *= 1 - c->missing[i];
	}
	for (; left; left >>= 1) {
		if (left & 1)
			chain_apply(c->states, &power, v);
		if (left > 1)
			chain_square(c->states, &power);
	}
	for (unsigned i = 0; i < c->states; i++)
		sum += v[i];
	return sum;
}
