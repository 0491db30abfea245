#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/trace.h"
#include "tests/lib/fault_alloc.h"

static const char valid[] = "carousel-trace 1\n# a ship\npps 244\n100 3\n0 1\ngap\n7 0\n";

static void test_reads_runs(void **state)
{
	struct trace *t;
	(void)state;
	assert_int_equal(trace_parse(&t, NULL, valid, sizeof valid - 1, NULL), 0);
	assert_int_equal(t->num_runs, 3);
	assert_int_equal(t->received, 107);
	assert_int_equal(t->lost, 4);
	assert_int_equal(t->pps, 244);
	assert_int_equal(t->runs[0].received, 100);
	assert_int_equal(t->runs[0].lost, 3);
	trace_free(t);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		int code;
		unsigned line;
	} bad[] = {
		{"", CAROUSEL_E_SYNTAX, 0},
		{"trace\n1 1\n", CAROUSEL_E_SYNTAX, 1},
		{"carousel-trace 2\n1 1\n", CAROUSEL_E_UNSUPPORTED, 1},
		{"carousel-trace 1\n", CAROUSEL_E_RANGE, 1},
		{"carousel-trace 1\n0 0\n", CAROUSEL_E_RANGE, 2},
		{"carousel-trace 1\n5\n", CAROUSEL_E_SYNTAX, 2},
		{"carousel-trace 1\n5 \n", CAROUSEL_E_SYNTAX, 2},
		{"carousel-trace 1\n5 1\n-1 2\n", CAROUSEL_E_SYNTAX, 3},
		{"carousel-trace 1\n5 1 2\n", CAROUSEL_E_SYNTAX, 2},
		{"carousel-trace 1\n4294967296 1\n", CAROUSEL_E_RANGE, 2},
		{"carousel-trace 1\n99999999999999999999999 1\n", CAROUSEL_E_RANGE, 2},
		{"carousel-trace 1\npps x\n1 1\n", CAROUSEL_E_SYNTAX, 2},
		{"carousel-trace 1\npps 1 2\n1 1\n", CAROUSEL_E_SYNTAX, 2},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct trace *t = NULL;
		unsigned line = 99;
		assert_int_equal(trace_parse(&t, NULL, bad[i].text, strlen(bad[i].text), &line), bad[i].code);
		assert_int_equal(line, bad[i].line);
		assert_null(t);
	}
}

/* Cut anywhere, a trace is an error or a shorter trace, and nothing is read past the cut. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof valid - 1; n++) {
		char *copy = malloc(n ? n : 1);
		struct trace *t = NULL;
		memcpy(copy, valid, n);
		if (trace_parse(&t, NULL, copy, n, NULL) == 0)
			assert_true(t->num_runs >= 1 && t->received + t->lost <= 111);
		trace_free(t);
		free(copy);
	}
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct trace *t;
	int result = trace_parse(&t, allocator, valid, sizeof valid - 1, NULL);
	(void)user;
	if (result == 0)
		trace_free(t);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_alloc_all(attempt, NULL), 2);
}

struct sink {
	char text[65536];
	size_t len;
	int fail;
};

static int sink_write(void *user, const char *text, size_t len)
{
	struct sink *s = user;
	if (s->fail)
		return s->fail;
	assert_true(len <= sizeof s->text - s->len - 1);
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
	return 0;
}

static void recorded(const uint32_t *sequence, size_t count, struct trace_recorder *r, struct sink *s)
{
	memset(s, 0, sizeof *s);
	trace_recorder_init(r);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(trace_recorder_recv(r, sequence[i], sink_write, s), 0);
	assert_int_equal(trace_recorder_finish(r, sink_write, s), 0);
}

static void test_records_losses_reordering_and_duplicates(void **state)
{
	static const uint32_t sequence[] = {10, 11, 13, 12, 12, 16, 17, 9};
	struct trace_recorder r;
	struct sink s;
	(void)state;
	recorded(sequence, 8, &r, &s);
	assert_string_equal(s.text, "4 2\n2 0\n");
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.received, 6);
	assert_int_equal(r.lost, 2);
}

static void test_records_over_the_wrap_and_a_restart(void **state)
{
	static const uint32_t wrap[] = {0xfffffffe, 0xffffffff, 1, 2}, restart[] = {5, 6, 1u << 30, (1u << 30) + 2};
	struct trace_recorder r;
	struct sink s;
	(void)state;
	recorded(wrap, 4, &r, &s);
	assert_string_equal(s.text, "2 1\n2 0\n");
	recorded(restart, 4, &r, &s);
	assert_string_equal(s.text, "2 0\ngap\n1 1\n1 0\n");
	assert_int_equal(r.gaps, 1);
}

/* A long recording read back is what happened. */
static void test_round_trip(void **state)
{
	static struct sink s;
	struct trace_recorder r;
	struct trace *t;
	uint64_t seed = 1, came = 0, sent = 0, bad = 0;
	uint32_t first = 4294960000u, last = 0;
	(void)state;
	memset(&s, 0, sizeof s);
	trace_recorder_init(&r);
	assert_int_equal(sink_write(&s, TRACE_HEADER_LINE, strlen(TRACE_HEADER_LINE)), 0);
	for (uint32_t i = 0; i < 50000; i++) {
		bad = test_random(&seed) % (bad ? 10 : 200) == 0 ? !bad : bad;
		if (bad)
			continue;
		came++;
		last = i;
		assert_int_equal(trace_recorder_recv(&r, first + i, sink_write, &s), 0);
	}
	assert_int_equal(trace_recorder_finish(&r, sink_write, &s), 0);
	sent = last + 1;
	assert_int_equal(trace_parse(&t, NULL, s.text, s.len, NULL), 0);
	assert_true(t->received == came);
	assert_true(t->received + t->lost == sent);
	trace_free(t);
}

static void test_hands_on_the_writers_error(void **state)
{
	static struct sink s = {.fail = CAROUSEL_E_NO_SPACE};
	struct trace_recorder r;
	int result = 0;
	(void)state;
	trace_recorder_init(&r);
	for (uint32_t i = 0; i < 4 * TRACE_WINDOW && result == 0; i += 2)
		result = trace_recorder_recv(&r, i, sink_write, &s);
	assert_int_equal(result, CAROUSEL_E_NO_SPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_runs),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_records_losses_reordering_and_duplicates),
		cmocka_unit_test(test_records_over_the_wrap_and_a_restart),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hands_on_the_writers_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
