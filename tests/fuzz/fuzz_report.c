/* Any two reports, as merge reads them: refused, or taken; what is taken can be written, read again, looked at and
 * joined. The second begins after a line "%%". */
#include "tests/fuzz/fuzz.h"

#include "sim/report.h"

#include <string.h>

static struct report *read_report(const char *text, size_t len)
{
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct report *r = NULL;
	if (root)
		FUZZ_ASSERT((report_from_json(&r, NULL, root) == 0) == (r != NULL));
	json_decref(root);
	return r;
}

static int count(void *user, const char *text, size_t len)
{
	(void)text;
	*(size_t *)user += len;
	return 0;
}

static void look(const struct report *r)
{
	json_t *root = report_json(r, NULL), *again;
	struct report *back;
	size_t bytes = 0;
	FUZZ_ASSERT(root != NULL && report_from_json(&back, NULL, root) == 0);
	again = report_json(back, NULL);
	FUZZ_ASSERT(json_equal(root, again));
	json_decref(root);
	json_decref(again);
	report_free(back);
	for (size_t i = 0; i < r->num_curves && i < 4; i++) {
		const char *name = r->groups[r->curves[i]->group].name;
		(void)report_share_at(r, name, r->curves[i]->version, r->duration_ns / 2);
		(void)report_time_of(r, NULL, r->curves[i]->version, 0.5);
	}
	FUZZ_ASSERT(report_csv(r, 16, count, &bytes) == 0 && bytes > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *cut = memmem(text, len, "\n%%\n", 4);
	const size_t first = cut ? (size_t)(cut - text) : len;
	struct report *a = read_report(text, first), *b = cut ? read_report(cut + 4, len - first - 4) : NULL;
	if (a)
		look(a);
	if (a && b && report_merge(a, b) == 0)
		look(a);
	report_free(a);
	report_free(b);
	return 0;
}
