/* Any text as a map: refused with a place, or read; then its canonical form says the same, and every box gets a
 * decision. */
#include "tests/fuzz/fuzz.h"

#include "common/carousel_error.h"
#include "policy-map/lint.h"
#include "policy-map/policy.h"

#include <string.h>

static size_t lines_of(const struct policy_map *m)
{
	return m->num_sessions + m->num_rows + m->num_members + m->num_overrides + m->num_flags + m->num_images;
}

static void decide(const struct policy_map *m)
{
	for (size_t i = 0; i < m->num_rows && i < 8; i++) {
		const struct policy_row *row = &m->rows[i];
		const uint32_t versions[] = {0, row->numbers.minimum, row->numbers.acceptable, row->numbers.current,
			row->numbers.maximum, POLICY_VERSION_MAX, POLICY_VERSION_SPECIAL};
		for (size_t k = 0; k < sizeof versions / sizeof *versions; k++) {
			const struct policy_box box = {
				.id = "00a1", .class_name = row->class_name, .version = versions[k]};
			struct policy_decision d;
			FUZZ_ASSERT(policy_decide(m, &box, k * 1000000000u, &d) == 0);
			FUZZ_ASSERT(d.reason != 0 && d.rule != 0);
			FUZZ_ASSERT(d.verdict == POLICY_NONE ||
				    (d.target >= 1 && d.target <= POLICY_VERSION_MAX && d.image));
			FUZZ_ASSERT(d.verdict != POLICY_RECALL || d.target < versions[k]);
			FUZZ_ASSERT(
				(d.verdict != POLICY_MANDATORY && d.verdict != POLICY_OFFER) || d.target > versions[k]);
		}
	}
}

static void check_canonical(const struct policy_map *m, const char *text, size_t len)
{
	const struct policy_map_options strict = {.strict = true};
	struct policy_map *again;
	char *once, *twice;
	size_t once_len, twice_len;
	FUZZ_ASSERT(policy_map_format(NULL, text, len, &once, &once_len, NULL) == 0);
	FUZZ_ASSERT(policy_map_parse(NULL, once, once_len, &strict, &again, NULL) == 0);
	FUZZ_ASSERT(lines_of(again) == lines_of(m) && policy_map_compare(again, m) == 0);
	FUZZ_ASSERT(policy_map_format(NULL, once, once_len, &twice, &twice_len, NULL) == 0);
	FUZZ_ASSERT(twice_len == once_len && memcmp(once, twice, once_len) == 0);
	policy_map_free(again);
	memory_free(NULL, once);
	memory_free(NULL, twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct policy_map_options strict = {.strict = true}, mine = {.only_box_id = "00a1"};
	const struct lint_context context = {.now_s = 1795255200};
	const char *text = (const char *)data;
	struct policy_map *m, *lenient, *own;
	struct policy_map_error error;
	unsigned errors, warnings;
	int result = policy_map_parse(NULL, text, len, &strict, &m, &error);
	int lenient_result = policy_map_parse(NULL, text, len, NULL, &lenient, NULL);
	FUZZ_ASSERT(result == error.code && (result == 0) == (m != NULL));
	if (result == 0) {
		FUZZ_ASSERT(lenient_result == 0 && lenient->num_ignored == 0 && lines_of(lenient) == lines_of(m));
		FUZZ_ASSERT(lint_map(m, text, len, &context, &errors, &warnings) == 0);
		check_canonical(m, text, len);
	}
	if (lenient_result == 0) {
		decide(lenient);
		FUZZ_ASSERT(policy_map_parse(NULL, text, len, &mine, &own, NULL) == 0);
		FUZZ_ASSERT(own->num_rows == lenient->num_rows && own->num_overrides <= lenient->num_overrides);
		policy_map_free(own);
	}
	policy_map_free(m);
	policy_map_free(lenient);
	return 0;
}
