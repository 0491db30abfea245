#include "sim/gilbert.h"

#include "common/carousel_error.h"
#include "sim/statistics.h"

#include <math.h>

#define GILBERT_BINS       24u
#define GILBERT_ITERATIONS 80u

const char *gilbert_model_name(enum gilbert_model model)
{
	static const char *const names[] = {"bernoulli", "gilbert", "gilbert-elliott"};
	return names[model];
}

/* ---- runs --------------------------------------------------------------------------------------- */

/* Walks a trace as runs that alternate and are never empty. */
struct run_walk {
	const struct trace *trace;
	size_t at;
	bool is_lost_half;
};

static bool run_next(struct run_walk *w, bool *lost, uint64_t *length)
{
	*length = 0;
	while (w->at < w->trace->num_runs) {
		const struct trace_run *run = &w->trace->runs[w->at];
		const uint64_t n = w->is_lost_half ? run->lost : run->received;
		if (n && *length && w->is_lost_half != *lost)
			return true;
		if (n) {
			*lost = w->is_lost_half;
			*length += n;
		}
		w->at += w->is_lost_half;
		w->is_lost_half = !w->is_lost_half;
	}
	return *length != 0;
}

/* Bin of a run length: 1, 2-3, 4-7, ... */
static unsigned run_bin(uint64_t length)
{
	unsigned bin = 0;
	while (length > 1 && bin < GILBERT_BINS - 1) {
		length /= 2;
		bin++;
	}
	return bin;
}

struct run_counts {
	uint64_t bins[2][GILBERT_BINS]; /* received, lost */
	uint64_t runs[2], packets[2], longest[2], follow[2];
};

static void run_count(const struct trace *t, struct run_counts *counts)
{
	struct run_walk walk = {.trace = t};
	uint64_t length;
	bool lost = false;
	*counts = (struct run_counts){0};
	while (run_next(&walk, &lost, &length)) {
		counts->bins[lost][run_bin(length)]++;
		counts->runs[lost]++;
		counts->packets[lost] += length;
		if (length > counts->longest[lost])
			counts->longest[lost] = length;
	}
	/* Packets of each kind that another packet follows: the last run's last one has no successor. */
	counts->follow[0] = counts->packets[0] - !lost;
	counts->follow[1] = counts->packets[1] - lost;
}

/* ---- the model's run lengths --------------------------------------------------------------------- */

/* One packet of a kind and the step to the next: a vector over (good, bad) times a matrix. */
struct gilbert_step {
	double m[2][2];
};

static struct gilbert_step gilbert_step_of(const struct channel_gilbert *g, bool lost)
{
	const double good = lost ? g->loss_good : 1 - g->loss_good, bad = lost ? g->loss_bad : 1 - g->loss_bad;
	return (struct gilbert_step){
		{{good * (1 - g->to_bad), good * g->to_bad}, {bad * g->to_good, bad * (1 - g->to_good)}}};
}

static struct gilbert_step gilbert_step_times(const struct gilbert_step *a, const struct gilbert_step *b)
{
	struct gilbert_step c;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 2; k++)
			c.m[i][k] = a->m[i][0] * b->m[0][k] + a->m[i][1] * b->m[1][k];
	return c;
}

double gilbert_run_tail(const struct channel_gilbert *g, bool lost, uint64_t n)
{
	const double bad = g->to_bad / (g->to_bad + g->to_good);
	const struct gilbert_step other = gilbert_step_of(g, !lost);
	struct gilbert_step power = gilbert_step_of(g, lost), result = {{{1, 0}, {0, 1}}};
	double start[2], emit[2], first, tail;
	if (n <= 1)
		return 1;
	/* The state in which a run begins: stationary, the packet before was of the other kind, this one is not. */
	emit[0] = lost ? g->loss_good : 1 - g->loss_good;
	emit[1] = lost ? g->loss_bad : 1 - g->loss_bad;
	start[0] = (1 - bad) * other.m[0][0] + bad * other.m[1][0];
	start[1] = (1 - bad) * other.m[0][1] + bad * other.m[1][1];
	first = start[0] * emit[0] + start[1] * emit[1];
	for (uint64_t left = n - 1; left; left /= 2) {
		if (left & 1)
			result = gilbert_step_times(&result, &power);
		power = gilbert_step_times(&power, &power);
	}
	tail = (start[0] * result.m[0][0] + start[1] * result.m[1][0]) * emit[0] +
	       (start[0] * result.m[0][1] + start[1] * result.m[1][1]) * emit[1];
	return first > 0 ? tail / first : 0;
}

static struct gilbert_goodness gilbert_goodness_of(
	const struct channel_gilbert *g, const struct run_counts *counts, bool lost, unsigned fitted)
{
	struct gilbert_goodness fit = {0};
	const double runs = (double)counts->runs[lost];
	double expected = 0, observed = 0, last_expected = 0, last_observed = 0;
	unsigned bins = 0;
	for (unsigned bin = 0; bin < GILBERT_BINS; bin++) {
		const uint64_t from = (uint64_t)1 << bin;
		const double tail = bin == GILBERT_BINS - 1 ? 0 : gilbert_run_tail(g, lost, 2 * from);
		expected += runs * (gilbert_run_tail(g, lost, from) - tail);
		observed += (double)counts->bins[lost][bin];
		/* What is left beyond this bin must fill a bin of its own, or belong to this one. */
		if (expected < 5 || (bin < GILBERT_BINS - 1 && runs * tail < 5))
			continue;
		fit.chi_square += (observed - expected) * (observed - expected) / expected;
		last_expected = expected;
		last_observed = observed;
		expected = observed = 0;
		bins++;
	}
	if (bins && expected > 0) {
		fit.chi_square -= (last_observed - last_expected) * (last_observed - last_expected) / last_expected;
		expected += last_expected;
		observed += last_observed;
		fit.chi_square += (observed - expected) * (observed - expected) / expected;
	}
	fit.degrees = bins > 1 + fitted ? bins - 1 - fitted : bins > 1;
	fit.p_value = statistics_chi_square_p(fit.chi_square, fit.degrees);
	return fit;
}

/* ---- the four-parameter model: Baum and Welch ----------------------------------------------------- */

struct gilbert_forward {
	float good, bad; /* state probabilities given all packets up to this one */
};

/* Fills in the forward probabilities; returns the log likelihood. */
static double gilbert_forward(
	const struct channel_gilbert *g, const uint8_t *lost, size_t count, struct gilbert_forward *forward)
{
	double bad = g->to_bad / (g->to_bad + g->to_good), likelihood = 0, product = 1;
	for (size_t i = 0; i < count; i++) {
		const double b = bad * (lost[i] ? g->loss_bad : 1 - g->loss_bad);
		const double a = (1 - bad) * (lost[i] ? g->loss_good : 1 - g->loss_good);
		const double sum = a + b > 1e-300 ? a + b : 1e-300;
		if (forward)
			forward[i] = (struct gilbert_forward){(float)(a / sum), (float)(b / sum)};
		bad = (a * g->to_bad + b * (1 - g->to_good)) / sum;
		product *= sum;
		if (product < 1e-250) {
			likelihood += log(product);
			product = 1;
		}
	}
	return likelihood + log(product);
}

static double gilbert_bounded(double p)
{
	return fmin(fmax(p, 1e-9), 1 - 1e-9);
}

/* One re-estimation; returns the log likelihood of the model before it. */
static double gilbert_improve(
	struct channel_gilbert *g, const uint8_t *lost, size_t count, struct gilbert_forward *forward)
{
	const double likelihood = gilbert_forward(g, lost, count, forward);
	double back_good = 1, back_bad = 1, good = 0, bad = 0, good_lost = 0, bad_lost = 0;
	double leave_good = 0, leave_bad = 0, from_good = 0, from_bad = 0;
	for (size_t i = count; i-- > 0;) {
		const double a = forward[i].good * back_good, b = forward[i].bad * back_bad, sum = a + b;
		const double in_good = a / sum, in_bad = b / sum;
		double emit_good, emit_bad, scale;
		good += in_good;
		bad += in_bad;
		good_lost += lost[i] ? in_good : 0;
		bad_lost += lost[i] ? in_bad : 0;
		if (i == 0)
			break;
		emit_good = (lost[i] ? g->loss_good : 1 - g->loss_good) * back_good;
		emit_bad = (lost[i] ? g->loss_bad : 1 - g->loss_bad) * back_bad;
		const double gg = forward[i - 1].good * (1 - g->to_bad) * emit_good;
		const double gb = forward[i - 1].good * g->to_bad * emit_bad;
		const double bg = forward[i - 1].bad * g->to_good * emit_good;
		const double bb = forward[i - 1].bad * (1 - g->to_good) * emit_bad;
		const double total = gg + gb + bg + bb;
		leave_good += gb / total;
		from_good += (gg + gb) / total;
		leave_bad += bg / total;
		from_bad += (bg + bb) / total;
		back_good = (1 - g->to_bad) * emit_good + g->to_bad * emit_bad;
		back_bad = g->to_good * emit_good + (1 - g->to_good) * emit_bad;
		scale = back_good + back_bad;
		back_good /= scale;
		back_bad /= scale;
	}
	g->to_bad = gilbert_bounded(leave_good / from_good);
	g->to_good = gilbert_bounded(leave_bad / from_bad);
	g->loss_good = gilbert_bounded(good_lost / good);
	g->loss_bad = gilbert_bounded(bad_lost / bad);
	return likelihood;
}

static int gilbert_fit_elliott(const struct trace *t, const struct carousel_allocator *allocator,
	const struct channel_gilbert *simple, double loss, struct gilbert_candidate *best)
{
	const uint64_t all = t->received + t->lost;
	const size_t count = all < GILBERT_MAX_PACKETS ? (size_t)all : GILBERT_MAX_PACKETS;
	const struct channel_gilbert starts[] = {
		{gilbert_bounded(simple->to_bad / 4), gilbert_bounded(simple->to_good / 4), gilbert_bounded(loss / 4),
			0.8},
		{0.001, 0.01, gilbert_bounded(loss / 4), gilbert_bounded(fmin(0.9, 4 * loss))}};
	uint8_t *lost = memory_alloc(allocator, count, 1);
	struct gilbert_forward *forward = memory_alloc(allocator, count, sizeof *forward);
	struct run_walk walk = {.trace = t};
	uint64_t length;
	size_t filled = 0;
	bool is_lost = false;
	int result = CAROUSEL_E_MEMORY;
	if (lost == NULL || forward == NULL)
		goto out;
	while (filled < count && run_next(&walk, &is_lost, &length))
		for (; length && filled < count; length--)
			lost[filled++] = is_lost;
	best->log_likelihood = -INFINITY;
	for (unsigned s = 0; s < 2; s++) {
		struct channel_gilbert g = starts[s];
		double before = -INFINITY, likelihood = -1e300;
		for (unsigned i = 0; i < GILBERT_ITERATIONS && likelihood - before > 0.01; i++) {
			before = likelihood;
			likelihood = gilbert_improve(&g, lost, count, forward);
		}
		likelihood = gilbert_forward(&g, lost, count, NULL);
		if (likelihood > best->log_likelihood) {
			best->log_likelihood = likelihood;
			best->model = g;
		}
	}
	/* Of the whole trace, as the other models' are. */
	best->log_likelihood *= (double)all / (double)count;
	if (best->model.loss_bad < best->model.loss_good)
		best->model = (struct channel_gilbert){
			best->model.to_good, best->model.to_bad, best->model.loss_bad, best->model.loss_good};
	result = 0;
out:
	memory_free(allocator, forward);
	memory_free(allocator, lost);
	return result;
}

/* ---- all three -------------------------------------------------------------------------------------- */

static double log_term(double count, double p)
{
	return count > 0 ? count * log(p) : 0;
}

int gilbert_fit(const struct trace *t, const struct carousel_allocator *allocator, struct gilbert_fit *fit)
{
	static const unsigned parameters[] = {1, 2, 4};
	/* Of them, what the lengths of one kind of run depend on: of the two of Gilbert's model one each. */
	static const unsigned fitted[] = {1, 1, 4};
	const double packets = (double)(t->received + t->lost), loss = (double)t->lost / packets;
	struct gilbert_candidate *bernoulli, *simple;
	struct run_counts counts;
	int result;
	*fit = (struct gilbert_fit){0};
	if (t->received + t->lost < GILBERT_MIN_PACKETS || t->received == 0 || t->lost == 0)
		return CAROUSEL_E_NEED_MORE;
	run_count(t, &counts);
	fit->packets = t->received + t->lost;
	fit->lost = t->lost;
	fit->bursts = counts.runs[1];
	fit->longest_burst = counts.longest[1];
	fit->mean_burst = (double)t->lost / (double)counts.runs[1];
	bernoulli = &fit->candidates[GILBERT_BERNOULLI];
	bernoulli->model = (struct channel_gilbert){loss, 1 - loss, 0, 1};
	bernoulli->log_likelihood = log_term((double)t->lost, loss) + log_term((double)t->received, 1 - loss);
	simple = &fit->candidates[GILBERT_SIMPLE];
	/* Each run but the first began with a change of state. */
	simple->model.to_bad = gilbert_bounded((double)counts.runs[1] / (double)(counts.follow[0] + 1));
	simple->model.to_good = gilbert_bounded((double)counts.runs[0] / (double)(counts.follow[1] + 1));
	simple->model.loss_bad = 1;
	simple->log_likelihood = log_term((double)counts.runs[1], simple->model.to_bad) +
				 log_term((double)counts.follow[0] - (double)counts.runs[1], 1 - simple->model.to_bad) +
				 log_term((double)counts.runs[0], simple->model.to_good) +
				 log_term((double)counts.follow[1] - (double)counts.runs[0], 1 - simple->model.to_good);
	result = gilbert_fit_elliott(t, allocator, &simple->model, loss, &fit->candidates[GILBERT_ELLIOTT]);
	if (result != 0)
		return result;
	for (unsigned m = 0; m < GILBERT_NUM_MODELS; m++) {
		struct gilbert_candidate *c = &fit->candidates[m];
		c->bic = parameters[m] * log(packets) - 2 * c->log_likelihood;
		c->lost_runs = gilbert_goodness_of(&c->model, &counts, true, fitted[m]);
		c->received_runs = gilbert_goodness_of(&c->model, &counts, false, fitted[m]);
		if (c->bic < fit->candidates[fit->best].bic)
			fit->best = (enum gilbert_model)m;
	}
	return 0;
}
