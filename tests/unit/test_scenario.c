/* covers: sim/scenario.c sim/scenario_group.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/policy_map.h"
#include "sim/scenario.h"
#include "tests/lib/fault_alloc.h"

#include <stdio.h>

static const char map[] =
	"carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T00:00:00Z\n"
	"map box * 105 105 105 120\n"
	"image box 105 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 size=1 "
	"manifest=sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752\n";
static const char trace[] = "carousel-trace 1\n90 10\n";

#define HEAD  "[scenario]\nduration = 1h\n[transmitter]\nrate = 1M\n[map 1]\nfile = a.map\n"
#define FEC   "[scenario]\nduration = 1h\n[transmitter]\nrate = 1M\n"
#define GROUP "[group g]\nclass = box\nversion = 90\n"

static int read_file(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	const char *content = strcmp(name, "a.map") == 0 ? map : strcmp(name, "a.trace") == 0 ? trace : NULL;
	if (strcmp(name, "bad") == 0)
		content = "nonsense\n";
	if (strcmp(name, "silence") == 0)
		content = "carousel-trace 1\n0 5000\n";
	if (content == NULL)
		return CAROUSEL_E_NOT_FOUND;
	*len = strlen(content);
	assert_true(*len < limit);
	*text = memory_copy_string(user, content, *len);
	return *text ? 0 : CAROUSEL_E_MEMORY;
}

static int open_file(void *user, const char *name, FILE **file)
{
	static const char fleet[] = "carousel-fleet 1\nbox 00a1 box beta 91 0 0\nbox 00a2 other production 7 0 0\n";
	(void)user;
	if (strcmp(name, "fleet") != 0 && strcmp(name, "bad") != 0)
		return CAROUSEL_E_NOT_FOUND;
	*file = name[0] == 'b' ? fmemopen((void *)(uintptr_t) "carousel-fleet 1\nbox x\n", 23, "r")
			       : fmemopen((void *)(uintptr_t)fleet, sizeof fleet - 1, "r");
	return *file ? 0 : CAROUSEL_E_MEMORY;
}

static int parse(struct scenario **s, const char *text)
{
	return scenario_parse(s, NULL, text, strlen(text), "a.ini", NULL,
		&(struct scenario_files){.read = read_file, .open = open_file});
}

static const char full[] =
	"[scenario]\ntitle = all of it\nduration = 10d\nseed = 7\n"
	"[transmitter]\nrate = 2M\ncontrol-share = 4%\nheadends = 2\nsymbol-size = 512\nblock-symbols = 100\n"
	"[image b]\nclass = box\nversion = 105\nsize = 64M\nweight = 3\nat = 1h\nuntil = 2h\n"
	"[map late]\nfile = a.map\nat = 2h\n[map early]\nfile = a.map\n"
	"[event 2]\ndo = restart-transmitter\nat = 5h\nfor = 1m\n[event 1]\ndo = restart-transmitter\nat = 4h\n"
	"[group a]\nboxes = 5\nclass = box\nversion = 90\nloss = 5%\nburst = 10\nreorder = 1%\n"
	"on = 7h-23h\non-spread = 1h\noutages = 1h-2h\njoin = 1d\njoin-spread = 2d\nhave = 90%\n"
	"[group b]\nboxes = 7\nclass = box\ncategory = beta\nversion = 4294967295\ntrace = a.trace\noffers = ask\n"
	"accept = 50%\naccept-after = 1h\ntrial-failure = 2%\nreboot = 30s\nwrite-rate = 8M\nkill-every = 1d\n"
	"outage-every = 6h\noutage-length = 10m\n"
	"[expect x]\ngroup = a\nversion = 105\nat = 5d\nat-least = 10%\nat-most = 90%\n";

static void test_reads_everything(void **state)
{
	struct scenario *s;
	struct scenario_box box;
	uint32_t number;
	(void)state;
	assert_int_equal(parse(&s, full), 0);
	assert_string_equal(s->title, "all of it");
	assert_int_equal(s->transmitter.headends, 2);
	assert_int_equal(s->num_images, 1);
	assert_int_equal(s->num_maps, 2);
	assert_true(s->maps[0].at_ns == 0 && s->maps[1].at_ns == 7200000000000u);
	assert_true(s->events[0].at_ns < s->events[1].at_ns);
	assert_int_equal(s->num_groups, 2);
	assert_int_equal(s->boxes, 12);
	assert_int_equal(s->groups[0].channel.kind, CHANNEL_GILBERT);
	assert_ptr_equal(s->groups[0].channel.outages, &s->groups[0].outages);
	assert_int_equal(s->groups[1].channel.kind, CHANNEL_TRACE);
	assert_in_range(s->groups[1].outages.num_windows, 15, 70);
	assert_int_equal(s->groups[1].offers, CAROUSEL_RX_OFFERS_ASK);
	assert_ptr_equal(scenario_group_of(s, 4, &number), &s->groups[0]);
	assert_int_equal(number, 4);
	assert_ptr_equal(scenario_group_of(s, 11, &number), &s->groups[1]);
	assert_int_equal(number, 6);
	scenario_box_of(&s->groups[1], 4000000000u, &box);
	assert_string_equal(box.id, "b-4000000000");
	assert_string_equal(scenario_error(s), "");
	scenario_free(s);
}

static void test_says_file_line_and_what(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} bad[] = {
		{"[scenario]\n", CAROUSEL_E_NOT_FOUND, "a.ini:1: duration: must be set"},
		{HEAD "[groups g]\nclass = box\nversion = 1\n", CAROUSEL_E_UNKNOWN_WORD,
			"a.ini:7: unknown section [groups g]"},
		{HEAD "[group g]\nversion = 1\n", CAROUSEL_E_NOT_FOUND, "a.ini:7: class: must be set"},
		{HEAD GROUP "colour = red\n", CAROUSEL_E_UNKNOWN_WORD, "a.ini:10: unknown key \"colour\""},
		{HEAD GROUP "loss = 120%\n", CAROUSEL_E_RANGE,
			"a.ini:10: loss: \"120%\" is not a share, 0 to 1 or 0% to 100%"},
		{HEAD GROUP "jitter = 2h\n", CAROUSEL_E_RANGE,
			"a.ini:10: jitter: \"2h\" is not a duration such as 20ms, 1h at most"},
		{HEAD GROUP "gilbert = 0.1 0\n", CAROUSEL_E_RANGE,
			"a.ini:10: gilbert: \"0.1 0\" is not TO_BAD TO_GOOD [LOSS_GOOD LOSS_BAD], each 0 to 1 or 0% to "
			"100%, TO_GOOD more than 0"},
		{HEAD GROUP "loss = 50%\nburst = 0.5\n", CAROUSEL_E_RANGE,
			"a.ini:11: burst: \"0.5\" is not 1 to 1e9 packets, set after a loss below 100% that bursts of "
			"this "
			"length can make up"},
		{HEAD GROUP "slot = 1\n", CAROUSEL_E_RANGE,
			"a.ini:10: slot: 1 is not within 4096 to 68719476736 bytes"},
		{HEAD GROUP "gilbert = 1 0.5 1 1\n", CAROUSEL_E_REFUSED,
			"a.ini:10: gilbert: nothing ever arrives: this can never complete"},
		{HEAD GROUP "outages = 0s-30d\n", CAROUSEL_E_REFUSED,
			"a.ini:10: outages: nothing ever arrives: this can never complete"},
		{HEAD GROUP "trace = silence\n", CAROUSEL_E_REFUSED,
			"a.ini:10: trace: nothing ever arrives: this can never complete"},
		{HEAD GROUP "loss = 100%\n", CAROUSEL_E_REFUSED,
			"a.ini:10: loss: nothing ever arrives: this can never complete"},
		{HEAD GROUP "on = never\n", CAROUSEL_E_REFUSED, "a.ini:10: on: never on: this can never complete"},
		{HEAD GROUP "on = 9h-8h\n", CAROUSEL_E_RANGE,
			"a.ini:10: on: \"9h-8h\" is no list of windows such as 7h-23h,23h-24h"},
		{HEAD GROUP "trace = no\n", CAROUSEL_E_NOT_FOUND, "a.ini:10: trace: no: there is no such thing here"},
		{HEAD GROUP "trace = bad\n", CAROUSEL_E_SYNTAX,
			"a.ini:10: trace: bad:1: text does not follow its grammar"},
		{HEAD GROUP "outages = 1h-2h\noutage-every = 1h\n", CAROUSEL_E_CONFLICT,
			"a.ini:10: outages: either a list or outage-every"},
		{HEAD GROUP "boxes = 10000001\n", CAROUSEL_E_RANGE,
			"a.ini:10: boxes: 10000001 is not within 1 to 10000000"},
		{HEAD "[group G]\nclass = box\nversion = 1\n", CAROUSEL_E_SYNTAX,
			"a.ini:7: group: boxes are called after their group: at most 50 of [0-9a-z._:-]"},
		{HEAD "[group "
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		      "aaaaaa"
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nclass = box\nversion = 1\n",
			CAROUSEL_E_SYNTAX,
			"a.ini:7: group: boxes are called after their group: at most 50 of [0-9a-z._:-]"},
		{HEAD GROUP "[map 2]\nfile = bad\n", CAROUSEL_E_SYNTAX, NULL},
		{HEAD GROUP "[map 2]\nfile = gone\n", CAROUSEL_E_NOT_FOUND,
			"a.ini:11: file: gone: there is no such thing here"},
		{HEAD GROUP "[weather]\n", CAROUSEL_E_UNKNOWN_WORD, "a.ini:10: unknown section [weather]"},
		{HEAD GROUP "[image a]\nclass = box\nversion = 1\nsize = 1M\nat = 2h\nuntil = 1h\n", CAROUSEL_E_RANGE,
			"a.ini:15: until: must be later than at"},
		{HEAD GROUP "[image a]\nclass = box\nversion = 1\nsize = 1M\n[image b]\nclass = box\nversion = 1\nsize "
			    "= 1M\n",
			CAROUSEL_E_EXISTS, "a.ini:16: version: [image a] is that of the same class"},
		{HEAD GROUP "[expect e]\nversion = 1\n", CAROUSEL_E_NOT_FOUND,
			"a.ini:10: at-least: this or at-most must be set"},
		{HEAD GROUP "[expect e]\ngroup = z\nversion = 1\nat-most = 0\n", CAROUSEL_E_NOT_FOUND,
			"a.ini:11: group: there is no [group z]"},
		{HEAD GROUP "[event e]\ndo = dance\n", CAROUSEL_E_UNKNOWN_WORD,
			"a.ini:11: do: \"dance\" is none of restart-transmitter"},
		{"[scenario]\nduration = 1h\n[transmitter]\nrate = -5\n[map 1]\nfile = a.map\n" GROUP,
			CAROUSEL_E_SYNTAX, NULL},
		{HEAD "[group g]\nfleet = gone\n", CAROUSEL_E_NOT_FOUND,
			"a.ini:8: fleet: gone: there is no such thing here"},
		{HEAD "[group g]\nfleet = bad\n", CAROUSEL_E_SYNTAX,
			"a.ini:8: fleet: bad:2: text does not follow its grammar"},
		{HEAD "[group g]\nfleet = fleet\nclass = none\n", CAROUSEL_E_NOT_FOUND,
			"a.ini:8: fleet: fleet: no such box in it"},
		{HEAD "[group g]\nfleet = fleet\nboxes = 3\n", CAROUSEL_E_CONFLICT,
			"a.ini:9: boxes: the fleet's file says which boxes there are"},
		{HEAD GROUP "[image a]\nclass = box\nversion = 1\nsize = 64G\n", CAROUSEL_E_RANGE,
			"a.ini:13: size: too large for blocks of this scheme"},
		{FEC "fec = turbo\n", CAROUSEL_E_UNKNOWN_WORD,
			"a.ini:5: fec: \"turbo\" is none of raptorq, reed-solomon, small-block, none"},
		{FEC "symbol-size = 1000\n", CAROUSEL_E_RANGE, "a.ini:5: symbol-size: must divide 4096"},
		{FEC "fec = reed-solomon\nblock-symbols = 256\n", CAROUSEL_E_RANGE,
			"a.ini:6: block-symbols: 256 is not within 4 to 255"},
		{FEC "fec = small-block\nencoding-symbols = 20\n", CAROUSEL_E_RANGE,
			"a.ini:6: encoding-symbols: 20 is not within 24 to 32"},
		{FEC "encoding-symbols = 255\n", CAROUSEL_E_UNKNOWN_WORD, "a.ini:5: unknown key \"encoding-symbols\""},
		{HEAD, CAROUSEL_E_NOT_FOUND, "a.ini:1: group: a scenario needs a [group]"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct scenario *s;
		int result = parse(&s, bad[i].text);
		assert_non_null(s);
		if (bad[i].message)
			assert_string_equal(scenario_error(s), bad[i].message);
		assert_int_equal(result, bad[i].code);
		scenario_free(s);
	}
}

/* The boxes of a real fleet, all and those of a class. */
static void test_fleet_of_a_file(void **state)
{
	struct scenario_box box;
	struct scenario *s;
	(void)state;
	assert_int_equal(parse(&s, HEAD "[group a]\nfleet = fleet\n[group b]\nfleet = fleet\nclass = other\n"), 0);
	assert_int_equal(s->boxes, 3);
	scenario_box_of(&s->groups[0], 0, &box);
	assert_string_equal(box.id, "00a1");
	assert_string_equal(box.category, "beta");
	assert_int_equal(box.version, 91);
	scenario_box_of(&s->groups[1], 0, &box);
	assert_string_equal(box.id, "00a2");
	assert_string_equal(box.class_name, "other");
	scenario_free(s);
}

static void test_fec_schemes(void **state)
{
	static const struct {
		const char *keys;
		uint8_t id;
		uint32_t k, n, blocks;
	} schemes[] = {
		{"", FEC_RAPTORQ, 1024, 0, 1},
		{"fec = reed-solomon\n", FEC_REED_SOLOMON_GF256, 172, 255, 6},
		{"fec = reed-solomon\nblock-symbols = 100\nencoding-symbols = 120\n", FEC_REED_SOLOMON_GF256, 96, 120,
			11},
		{"fec = small-block\n", FEC_SMALL_BLOCK, 24, 32, 43},
		{"fec = none\n", FEC_COMPACT_NO_CODE, 1024, 0, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		struct scenario *s;
		char text[600];
		snprintf(text, sizeof text,
			FEC "%s[map 1]\nfile = a.map\n" GROUP "[image a]\nclass = box\nversion = 1\nsize = 1M\n",
			schemes[i].keys);
		assert_int_equal(parse(&s, text), 0);
		assert_int_equal(s->images[0].layout.oti.encoding_id, schemes[i].id);
		assert_int_equal(s->images[0].layout.oti.max_block_symbols, schemes[i].k);
		assert_int_equal(s->images[0].layout.oti.max_encoding_symbols, schemes[i].n);
		assert_int_equal(s->images[0].layout.oti.num_blocks, schemes[i].blocks);
		scenario_free(s);
	}
}

static void test_seed_in_place_of_the_scenarios(void **state)
{
	const uint64_t seed = 99;
	struct scenario *a, *b;
	(void)state;
	assert_int_equal(parse(&a, full), 0);
	assert_int_equal(scenario_parse(&b, NULL, full, sizeof full - 1, "a.ini", &seed,
				 &(struct scenario_files){.read = read_file}),
		0);
	assert_true(a->seed == 7 && b->seed == 99);
	assert_true(a->groups[1].outages.windows[0].start_ns != b->groups[1].outages.windows[0].start_ns);
	scenario_free(a);
	scenario_free(b);
}

/* The scenario's own images stand in the map with the digests that are handed in; others stay. */
static void test_map_text(void **state)
{
	struct scenario_digests digests;
	struct policy_map *parsed;
	struct scenario *s;
	char *text;
	size_t len;
	(void)state;
	assert_int_equal(parse(&s, full), 0);
	assert_int_equal(scenario_name_digests(&s->images[0], &digests), 0);
	assert_int_equal(scenario_map_text(s, &s->maps[0], &digests, &text, &len), 0);
	assert_int_equal(policy_map_parse(NULL, text, len, NULL, &parsed, NULL), 0);
	assert_int_equal(parsed->num_images, 1);
	assert_int_equal(parsed->images[0].size_bytes, 64u << 20);
	assert_memory_equal(parsed->images[0].sha256, digests.sha256, 32);
	assert_memory_equal(parsed->images[0].manifest_sha256, digests.manifest, 32);
	policy_map_free(parsed);
	memory_free(NULL, text);
	s->images[0].version = 104;
	assert_int_equal(scenario_map_text(s, &s->maps[0], &digests, &text, &len), 0);
	assert_int_equal(policy_map_parse(NULL, text, len, NULL, &parsed, NULL), 0);
	assert_int_equal(parsed->num_images, 2);
	policy_map_free(parsed);
	memory_free(NULL, text);
	scenario_free(s);
}

static void test_truncated(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof full - 1; n++) {
		char *copy = malloc(n ? n : 1);
		struct scenario *s;
		memcpy(copy, full, n);
		if (scenario_parse(&s, NULL, copy, n, "a.ini", NULL, &(struct scenario_files){.read = read_file}) != 0)
			assert_string_not_equal(scenario_error(s), "");
		scenario_free(s);
		free(copy);
	}
}

static int attempt(const struct carousel_allocator *allocator, void *user)
{
	struct scenario *s;
	int result = scenario_parse(&s, allocator, full, sizeof full - 1, "a.ini", NULL,
		&(struct scenario_files){.user = (void *)(uintptr_t)allocator, .read = read_file});
	(void)user;
	scenario_free(s);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_in_range(fault_alloc_all(attempt, NULL), 50, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_everything),
		cmocka_unit_test(test_says_file_line_and_what),
		cmocka_unit_test(test_fleet_of_a_file),
		cmocka_unit_test(test_fec_schemes),
		cmocka_unit_test(test_seed_in_place_of_the_scenarios),
		cmocka_unit_test(test_map_text),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
