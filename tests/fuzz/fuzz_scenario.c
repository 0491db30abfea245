/* Any scenario, with the files that it names: taken, or refused with a message that names the file; what is taken can
 * be played by the model. The bytes after a line "%%" are what every file that it names holds. */
#include "tests/fuzz/fuzz.h"

#include "common/carousel_error.h"
#include "sim/fleet.h"
#include "sim/scenario.h"

#include <stdio.h>
#include <string.h>

struct files {
	const char *text;
	size_t len;
};

static int read_file(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	const struct files *f = user;
	(void)name;
	if (f->len > limit)
		return CAROUSEL_E_LIMIT;
	*len = f->len;
	*text = memory_copy_string(NULL, f->text, f->len);
	return *text ? 0 : CAROUSEL_E_MEMORY;
}

static int open_file(void *user, const char *name, FILE **file)
{
	const struct files *f = user;
	(void)name;
	if (f->len == 0)
		return CAROUSEL_E_NOT_FOUND;
	*file = fmemopen((void *)(uintptr_t)f->text, f->len, "r");
	return *file ? 0 : CAROUSEL_E_MEMORY;
}

/* Few boxes and little airtime, so that a run is short. */
static void play(struct scenario *s)
{
	struct report *r;
	uint64_t boxes = 0;
	for (size_t i = 0; i < s->num_groups; i++) {
		s->groups[i].boxes = s->groups[i].boxes < 3 ? s->groups[i].boxes : 3;
		s->groups[i].first_box = boxes;
		boxes += s->groups[i].boxes;
		/* Bursts of a cyclic scheme are played for a second. */
		if (s->transmitter.wish.encoding_id != FEC_RAPTORQ)
			s->groups[i].channel =
				(struct channel_config){.loss = s->groups[i].channel.loss < 0.5 ? 0.1 : 0.6};
	}
	s->boxes = boxes;
	if (fleet_run(&r, NULL, s, NULL) != 0)
		return;
	FUZZ_ASSERT(r->downloads <= 1000000 && r->num_groups == s->num_groups);
	report_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *cut = memmem(text, len, "\n%%\n", 4);
	const size_t scenario = cut ? (size_t)(cut - text) + 1 : len;
	struct files f = {text + scenario + (cut ? 3 : 0), len - scenario - (cut ? 3 : 0)};
	const struct scenario_files files = {&f, read_file, open_file};
	struct scenario *s;
	const int result = scenario_parse(&s, NULL, text, scenario, "fuzz.ini", NULL, &files);
	if (s == NULL)
		return 0;
	FUZZ_ASSERT((result != 0) == (strncmp(scenario_error(s), "fuzz.ini", 8) == 0));
	if (result == 0) {
		FUZZ_ASSERT(s->boxes >= 1 && s->boxes <= SCENARIO_MAX_BOXES && s->num_maps >= 1);
		play(s);
	}
	scenario_free(s);
	return 0;
}
