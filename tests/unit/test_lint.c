/* covers: policy-map/lint_images.c policy-map/lint_rollout.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/lint.h"
#include "policy-map/policy.h"

#include <stdio.h>

#define SHA_A          "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define SHA_B          "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define IMAGE(version) "image    a  " version "  " SHA_A "  size=1000 manifest=" SHA_A "\n"
#define ISSUED         1795255200u

struct found {
	unsigned count[LINT_NUM_CODES];
	uint32_t line[LINT_NUM_CODES];
	unsigned errors, warnings;
};

static struct found found;
static struct manifest manifests[2];

static void note(void *user, const struct lint_finding *f)
{
	(void)user;
	found.count[f->code]++;
	found.line[f->code] = f->line;
	assert_true(f->message[0] != '\0');
}

static struct policy_map *parse(const char *text)
{
	const struct policy_map_options strict = {.strict = true};
	struct policy_map_error error;
	struct policy_map *map;
	if (policy_map_parse(NULL, text, strlen(text), &strict, &map, &error) != 0)
		fail_msg("%u:%u: %s\n%s", error.line, error.column, error.message, text);
	return map;
}

static const char *with_head(const char *serial, const char *lines)
{
	static char text[2][1 << 16];
	static unsigned turn;
	turn ^= 1;
	snprintf(text[turn], sizeof text[turn],
		"carousel-map 1\nepoch    1\nserial   %s\nissued   2026-11-21T10:00:00Z\n%s", serial, lines);
	return text[turn];
}

static void lint(const char *lines, const struct lint_context *context)
{
	const char *text = with_head("7", lines);
	struct policy_map *map = parse(text);
	struct lint_context c = context ? *context : (struct lint_context){0};
	memset(&found, 0, sizeof found);
	c.report = note;
	assert_int_equal(lint_map(map, text, strlen(text), &c, &found.errors, &found.warnings), 0);
	policy_map_free(map);
}

/* Exactly this finding, once, on this line. */
static void expect_with(const char *lines, const struct lint_context *context, enum lint_code code, uint32_t line)
{
	lint(lines, context);
	for (int i = 0; i < LINT_NUM_CODES; i++) {
		if (found.count[i] != (i == (int)code))
			fail_msg("%s%s: %u times", lines, lint_code_name((enum lint_code)i), found.count[i]);
	}
	assert_int_equal(found.line[code], line);
	assert_int_equal(found.errors, lint_is_error(code));
	assert_int_equal(found.warnings, !lint_is_error(code));
}

static void test_clean(void **state)
{
	static const char lines[] =
		"map      a  beta        1 2 5 9\nmap      a  production  1 2 5 9  ramp=5%,100%@+7d\n"
		"map      a  production  1 2 4 9\nmember   00a1  beta\noverride 00a1  a  4 4 4 4\n"
		"image    a  4  " SHA_A "  size=1000 manifest=" SHA_A "\nimage    a  5  " SHA_B
		"  size=1000 manifest=" SHA_B "\n";
	(void)state;
	lint(lines, NULL);
	assert_int_equal(found.errors, 0);
	assert_int_equal(found.warnings, 0);
}

static void test_rows(void **state)
{
	(void)state;
	expect_with("map      a  *  1 2 5 9\nmap      a  *  1 2 5 9\n" IMAGE("5"), NULL, LINT_TWO_BASES, 6);
	expect_with("map      a  *  1 2 5 9  ramp=5%\n" IMAGE("5"), NULL, LINT_LAST_GATED, 5);
	expect_with("map      a  *  1 2 5 9\nmap      a  *  1 2 5 9  until=2026-12-01T00:00Z\n" IMAGE("5"), NULL,
		LINT_LAST_GATED, 6);
	expect_with("map      a  *  1 2 5 9  ramp=5%\nmap      a  *  1 6 7 9\n" IMAGE("5") IMAGE("7"), NULL,
		LINT_GATE_FLIPS, 5);
	expect_with("map      a  *  1 2 5 9  ramp=5%\nmap      a  *  1 2 3 4\n" IMAGE("3") IMAGE("5"), NULL,
		LINT_GATE_FLIPS, 5);
	expect_with("map      a  *  1 2 5 9  ramp=5%\nmap      a  *  1 2 3 4  from=2026-12-01T00:00Z\nmap      a  *  1 "
		    "2 3 5\n" IMAGE("3") IMAGE("5"),
		NULL, LINT_GATE_FLIPS, 5);
	expect_with("map      a  *  1 2 3 9\n", NULL, LINT_NO_IMAGE, 5);
	expect_with("map      a  *  1 2 3 9\noverride 00a1  a  1 2 4 4\n" IMAGE("3"), NULL, LINT_NO_IMAGE, 6);
	expect_with("map      a  beta  1 2 5 9\n" IMAGE("5"), NULL, LINT_NO_PRODUCTION, 5);
}

static void test_boxes(void **state)
{
	(void)state;
	expect_with(
		"map      a  *  1 2 5 9\nmember   00a1  beta\nmember   00a1  x\n" IMAGE("5"), NULL, LINT_DUPLICATE, 7);
	expect_with("map      a  *  1 2 5 9\noverride 00a1  a  5 5 5 5\noverride 00a1  a  5 5 5 5\n" IMAGE("5"), NULL,
		LINT_DUPLICATE, 7);
	expect_with("map      a  *  4 4 5 9\noverride 00a1  a  3 3 3 3\n" IMAGE("3") IMAGE("5"), NULL,
		LINT_OVERRIDE_BELOW, 6);
	expect_with("map      a  *  1 2 5 9\n" IMAGE("5") IMAGE("5"), NULL, LINT_DUPLICATE, 7);
}

static void test_ramps(void **state)
{
	struct policy_map *previous = parse(with_head("6",
		"map      a  *  1 2 5 9  ramp=4%,9%@+1d,100%@+8d\nmap      a  *  1 2 4 9\n" IMAGE("4") IMAGE("5")));
	const struct lint_context context = {.previous = previous};
	(void)state;
	expect_with("map      a  *  1 2 5 9  ramp=5.01%,100%@+7d\nmap      a  *  1 2 4 9\n" IMAGE("4") IMAGE("5"), NULL,
		LINT_RAMP_STEEP, 5);
	expect_with("map      a  *  1 2 5 9  ramp=5%,100%@+167h\nmap      a  *  1 2 4 9\n" IMAGE("4") IMAGE("5"), NULL,
		LINT_RAMP_STEEP, 5);
	expect_with("map      a  *  1 2 5 9  ramp=4%,8%@+1d,100%@+8d\nmap      a  *  1 2 4 9\n" IMAGE("4") IMAGE("5"),
		&context, LINT_RAMP_LOWERED, 5);
	expect_with("map      a  *  1 2 6 9\n" IMAGE("6"), &context, LINT_RAMP_STEEP, 5);
	/* A gated row that goes: neither promoted, nor followed by a newer one, nor recalled. */
	expect_with("map      a  *  1 2 4 9\n" IMAGE("4"), &context, LINT_RAMP_LOWERED, 5);
	lint("map      a  *  1 2 4 4\n" IMAGE("4"), &context);
	assert_int_equal(found.warnings, 0);
	lint("map      b  *  1 2 4 4\nimage    b  4  " SHA_A "  size=1000 manifest=" SHA_A "\n", &context);
	assert_int_equal(found.count[LINT_RAMP_LOWERED], 0);
	policy_map_free(previous);
}

static void test_against_the_last_signed(void **state)
{
	struct policy_map *same = parse(with_head("7", "map      a  *  1 2 5 9\n" IMAGE("5")));
	struct policy_map *lower = parse(
		with_head("6", "map      a  *  1 2 5 9\nimage    a  5  " SHA_B "  size=1000 manifest=" SHA_A "\n"));
	const struct lint_context context = {.previous = same}, changed = {.previous = lower};
	(void)state;
	expect_with("map      a  *  1 2 5 9\n" IMAGE("5"), &context, LINT_SERIAL, 3);
	expect_with("map      a  *  1 2 5 9\n" IMAGE("5"), &changed, LINT_DIGEST_CHANGED, 6);
	policy_map_free(same);
	policy_map_free(lower);
}

static void test_text_and_time(void **state)
{
	const struct lint_context context = {.now_s = ISSUED}, slot = {.slot_bytes = 999};
	(void)state;
	expect_with("map      a  *  1 2 5 9  # why\n" IMAGE("5"), NULL, LINT_COMMENT, 5);
	expect_with("map a * 1 2 5 9\n" IMAGE("5"), NULL, LINT_NOT_CANONICAL, 5);
	expect_with(
		"expires  2026-12-05T09:59:59Z\nmap      a  *  1 2 5 9\n" IMAGE("5"), &context, LINT_EXPIRES_SOON, 5);
	expect_with("map      a  *  1 2 5 9\n" IMAGE("5"), &slot, LINT_TOO_LARGE, 6);
	lint("expires  2026-12-05T10:00:00Z\nmap      a  *  1 2 5 9\n" IMAGE("5"), &context);
	assert_int_equal(found.warnings, 0);
}

static const struct manifest *find_manifest(void *user, const uint8_t sha256[HASH_SHA256_BYTES])
{
	(void)user;
	return sha256[0] == 0x9f ? &manifests[0] : sha256[0] == 0x60 ? &manifests[1] : NULL;
}

static void test_manifests(void **state)
{
	const struct lint_context context = {.manifest = find_manifest};
	static const char two[] = "map      a  *  1 2 4 4\nimage    a  4  " SHA_A "  size=1000 manifest=" SHA_A
				  "\nimage    a  5  " SHA_A "  size=1000 manifest=" SHA_B "\n";
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		strcpy(manifests[i].class_name, "a");
		manifests[i].version = 4 + i;
		manifests[i].layout.image_bytes = 1000;
		assert_int_equal(hash_parse_sha256(SHA_A, strlen(SHA_A), manifests[i].sha256), 0);
	}
	manifests[0].data_format = 1;
	manifests[1].data_format = 2;
	expect_with(two, &context, LINT_DATA_FORMAT, 5);
	manifests[0].num_reads_data_formats = 1;
	manifests[0].reads_data_formats[0] = 2;
	lint(two, &context);
	assert_int_equal(found.errors, 0);
	expect_with("map      a  *  1 2 5 9\n" IMAGE("5"), &context, LINT_MANIFEST_DIFFERS, 6);
	expect_with("map      a  *  1 2 4 9\nimage    a  4  " SHA_A "  size=1001 manifest=" SHA_A "\n", &context,
		LINT_MANIFEST_DIFFERS, 6);
	expect_with("map      a  *  1 2 4 9\nimage    a  4  " SHA_A "  size=1000 manifest=sha256:"
		    "0000000000000000000000000000000000000000000000000000000000000000\n",
		&context, LINT_NO_MANIFEST, 6);
}

static bool box_is_known(void *user, const char *id)
{
	(void)user;
	return strcmp(id, "00a1") == 0;
}

static uint64_t boxes_above(void *user, const char *class_name, uint32_t version)
{
	(void)user;
	return strcmp(class_name, "a") == 0 && version < 9 ? 3 : 0;
}

static void test_fleet(void **state)
{
	const struct lint_context known = {.box_is_known = box_is_known}, above = {.boxes_above = boxes_above};
	(void)state;
	expect_with("map      a  *  1 2 5 9\noverride 00a1  *  never\noverride 00a2  *  never\n" IMAGE("5"), &known,
		LINT_UNKNOWN_BOX, 7);
	expect_with("map      a  *  1 2 5 8\n" IMAGE("5"), &above, LINT_MAXIMUM_LOWERED, 5);
	lint("map      a  *  1 2 5 9\n" IMAGE("5"), &above);
	assert_int_equal(found.warnings, 0);
}

/* ---- every rule, and where it points ---- */

#define TWO(version, digest) "image    a  " version "  " digest "  size=1000 manifest=" digest "\n"
#define TWO_IMAGES           IMAGE("4") TWO("5", SHA_B)

/* A map that breaks one rule, and file:line:column of the finding. Lines count from the fifth of the file. */
struct rule {
	enum lint_code code;
	unsigned line, column;
	const char *lines;
};

static const struct rule syntax_rules[] = {
	/* order of the four numbers */
	{LINT_SYNTAX, 5, 20, "map a production 3 2 5 9\n"},
	{LINT_SYNTAX, 5, 22, "map a production 1 6 5 9\n"},
	{LINT_SYNTAX, 5, 24, "map a production 1 2 5 4\n"},
	/* versions 0 and 4294967295 as current */
	{LINT_SYNTAX, 5, 22, "map a production 0 0 0 9\n"},
	{LINT_SYNTAX, 5, 22, "map a production 1 1 4294967295 4294967295\n"},
	{LINT_SYNTAX, 5, 21, "override 00a1 a 0 0 0 0\n"},
	/* unknown words and options */
	{LINT_SYNTAX, 5, 1, "mpa a production 1 2 5 9\n"},
	{LINT_SYNTAX, 5, 27, "map a production 1 2 5 9  rmap=5%\n"},
	{LINT_SYNTAX, 5, 27, "map a production 1 2 5 9  never\n"},
	{LINT_SYNTAX, 6, 25, "map a * 1 2 5 9\noverride 00a1 a 5 5 5 5 until=2026-12-01T00:00Z\n"},
	/* illegal ids, names and values */
	{LINT_SYNTAX, 5, 8, "member 00A1 beta\n"},
	{LINT_SYNTAX, 5, 10, "override 00/a1 a never\n"},
	{LINT_SYNTAX, 5, 5, "map * production 1 2 5 9\n"},
	{LINT_SYNTAX, 5, 26, "map a production 1 2 5 9 ramp=5%,4%@+1d\n"},
	{LINT_SYNTAX, 5, 26, "map a production 1 2 5 9 from=yesterday\n"},
	{LINT_SYNTAX, 5, 11, "image a 5 sha256:00 size=1 manifest=sha256:00\n"},
};

static void test_syntax_rules(void **state)
{
	const struct policy_map_options strict = {.strict = true};
	(void)state;
	for (size_t i = 0; i < sizeof syntax_rules / sizeof *syntax_rules; i++) {
		const struct rule *r = &syntax_rules[i];
		const char *text = with_head("7", r->lines);
		struct policy_map_error e;
		struct policy_map *map;
		if (policy_map_parse(NULL, text, strlen(text), &strict, &map, &e) == 0)
			fail_msg("no error: %s", r->lines);
		if (e.line != r->line || e.column != r->column)
			print_error(
				"%u:%u, not %u:%u: %s: %s", e.line, e.column, r->line, r->column, e.message, r->lines);
		assert_true(e.line == r->line && e.column == r->column && e.message[0]);
	}
}

static const struct rule rules[] = {
	{LINT_TWO_BASES, 6, 1, "map      a  *  1 2 5 9\nmap      a  *  1 2 5 9\n" IMAGE("5")},
	{LINT_LAST_GATED, 5, 25, "map      a  *  1 2 5 9  ramp=5%\n" IMAGE("5")},
	{LINT_GATE_FLIPS, 5, 20, "map      a  *  1 2 5 9  ramp=5%\nmap      a  *  1 2 4 4\n" IMAGE("4") IMAGE("5")},
	{LINT_GATE_FLIPS, 5, 20, "map      a  *  1 2 3 9  ramp=5%\nmap      a  *  4 4 4 4\n" IMAGE("3") IMAGE("4")},
	{LINT_NO_IMAGE, 5, 20, "map      a  *  1 2 3 9\n"},
	{LINT_NO_IMAGE, 6, 23, "map      a  *  1 2 3 9\noverride 00a1  a  1 2 4 4\n" IMAGE("3")},
	{LINT_DUPLICATE, 7, 10, "map      a  *  1 2 5 9\nmember   00a1  beta\nmember   00a1  beta\n" IMAGE("5")},
	{LINT_DUPLICATE, 7, 10,
		"map      a  *  1 2 5 9\noverride 00a1  a  5 5 5 5\noverride 00a1  a  5 5 5 5\n" IMAGE("5")},
	{LINT_DUPLICATE, 7, 13, "map      a  *  1 2 5 9\n" IMAGE("5") IMAGE("5")},
	{LINT_TOO_LARGE, 6, 89,
		"map      a  *  1 2 5 9\nimage    a  5  " SHA_A "  size=946270874881 manifest=" SHA_A "\n"},
	{LINT_OVERRIDE_BELOW, 6, 23, "map      a  *  4 4 5 9\noverride 00a1  a  3 3 3 3\n" IMAGE("3") IMAGE("5")},
	{LINT_RAMP_STEEP, 5, 25, "map      a  *  1 2 5 9  ramp=5.01%,100%@+7d\nmap      a  *  1 2 4 9\n" TWO_IMAGES},
	{LINT_RAMP_STEEP, 5, 25, "map      a  *  1 2 5 9  ramp=5%,100%@+167h\nmap      a  *  1 2 4 9\n" TWO_IMAGES},
	{LINT_NO_PRODUCTION, 5, 13, "map      a  beta  1 2 5 9\n" IMAGE("5")},
	{LINT_COMMENT, 5, 25, "map      a  *  1 2 5 9  # why\n" IMAGE("5")},
	{LINT_COMMENT, 5, 1, "# the whole line\nmap      a  *  1 2 5 9\n" IMAGE("5")},
	{LINT_NOT_CANONICAL, 5, 5, "map a * 1 2 5 9\n" IMAGE("5")},
	{LINT_NOT_CANONICAL, 6, 10,
		"map      a  *  1 2 5 9\nimage     a  5  " SHA_A "  size=1000 manifest=" SHA_A "\n"},
	{LINT_NOT_CANONICAL, 5, 23, "map      a  *  1 2 5 9 \n" IMAGE("5")},
	{LINT_NOT_CANONICAL, 6, 179, "map      a  *  1 2 5 9\nimage    a  5  " SHA_A "  size=1000 manifest=" SHA_A},
	{LINT_RAMP_FLAT, 5, 25, "map      a  *  1 2 5 9  ramp=5%,5%@+1d,100%@+8d\nmap      a  *  1 2 4 9\n" TWO_IMAGES},
	{LINT_RAMP_FLAT, 5, 25, "map      a  *  1 2 5 9  ramp=0%\nmap      a  *  1 2 4 9\n" TWO_IMAGES},
};

static const struct rule *expected;

static void note_place(void *user, const struct lint_finding *f)
{
	note(user, f);
	if (f->code != expected->code || f->line != expected->line || f->column != expected->column)
		fail_msg("%u:%u: %s [%s], not %u:%u [%s]: %s", f->line, f->column, f->message, lint_code_name(f->code),
			expected->line, expected->column, lint_code_name(expected->code), expected->lines);
}

/* This finding at this place, and no other. */
static void expect_at(const struct rule *r, const struct lint_context *context)
{
	const char *text = with_head("7", r->lines);
	struct policy_map *map = parse(text);
	struct lint_context c = context ? *context : (struct lint_context){0};
	memset(&found, 0, sizeof found);
	c.report = note_place;
	expected = r;
	assert_int_equal(lint_map(map, text, strlen(text), &c, &found.errors, &found.warnings), 0);
	if (found.count[r->code] != 1)
		fail_msg("%s: not found: %s", lint_code_name(r->code), r->lines);
	assert_int_equal(found.errors, lint_is_error(r->code));
	assert_int_equal(found.warnings, !lint_is_error(r->code));
	policy_map_free(map);
}

static const struct manifest *publish(void *user, size_t i)
{
	(void)user;
	return i < 2 ? &manifests[i] : NULL;
}

static void set_manifests(void)
{
	memset(manifests, 0, sizeof manifests);
	for (unsigned i = 0; i < 2; i++) {
		const char *digest = i ? SHA_B : SHA_A;
		strcpy(manifests[i].class_name, "a");
		manifests[i].version = 4 + i;
		manifests[i].layout.image_bytes = 1000;
		manifests[i].layout.oti = (struct fec_oti){.encoding_id = 6,
			.transfer_length = 4096,
			.symbol_size = 1024,
			.num_blocks = 1,
			.num_sub_blocks = 1,
			.alignment = 4};
		manifests[i].data_format = 1 + i;
		assert_int_equal(hash_parse_sha256(digest, strlen(digest), manifests[i].sha256), 0);
	}
}

static void test_every_rule(void **state)
{
	struct policy_map *same = parse(with_head("7", "map      a  *  1 2 5 9\n" IMAGE("5")));
	struct policy_map *lower = parse(with_head("6", "map      a  *  1 2 5 9  ramp=2%,9%@+1d,100%@+8d\n"
							"map      a  *  1 2 4 9\n" TWO_IMAGES));
	const struct lint_context after_same = {.previous = same}, after_lower = {.previous = lower},
				  at_issue = {.now_s = ISSUED}, slot = {.slot_bytes = 999},
				  known = {.box_is_known = box_is_known}, above = {.boxes_above = boxes_above},
				  manifests_only = {.manifest = find_manifest},
				  catalogue = {.manifest = find_manifest, .published = publish};
	struct lint_context limits = catalogue;
	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		expect_at(&rules[i], NULL);
#define EXPECT(context, code, line, column, lines) expect_at(&(struct rule){code, line, column, lines}, &(context))
	EXPECT(after_same, LINT_SERIAL, 3, 10, "map      a  *  1 2 5 9\n" IMAGE("5"));
	EXPECT(after_lower, LINT_DIGEST_CHANGED, 6, 16, "map      a  *  1 2 5 9\n" IMAGE("5"));
	EXPECT(after_lower, LINT_RAMP_STEEP, 5, 20, "map      a  *  1 2 6 9\n" IMAGE("6"));
	EXPECT(after_lower, LINT_RAMP_LOWERED, 5, 25,
		"map      a  *  1 2 5 9  ramp=2%,100%@+8d\nmap      a  *  1 2 4 9\n" TWO_IMAGES);
	EXPECT(at_issue, LINT_EXPIRES_SOON, 5, 10,
		"expires  2026-12-05T09:59:59Z\nmap      a  *  1 2 5 9\n" IMAGE("5"));
	EXPECT(slot, LINT_TOO_LARGE, 6, 89, "map      a  *  1 2 5 9\n" IMAGE("5"));
	EXPECT(known, LINT_UNKNOWN_BOX, 6, 10, "map      a  *  1 2 5 9\noverride 00a2  *  never\n" IMAGE("5"));
	EXPECT(known, LINT_UNKNOWN_BOX, 6, 10, "map      a  *  1 2 5 9\nmember   00a2  beta\n" IMAGE("5"));
	EXPECT(above, LINT_MAXIMUM_LOWERED, 5, 22, "map      a  *  1 2 5 8\n" IMAGE("5"));
	set_manifests();
	EXPECT(catalogue, LINT_NO_MANIFEST, 6, 99,
		"map      a  *  1 2 4 9\nimage    a  4  " SHA_A "  size=1000 manifest=sha256:"
		"0000000000000000000000000000000000000000000000000000000000000000\n");
	EXPECT(catalogue, LINT_MANIFEST_DIFFERS, 6, 99,
		"map      a  *  1 2 4 9\nimage    a  4  " SHA_A "  size=1001 manifest=" SHA_A "\n");
	manifests[1].version = 4; /* the same version twice */
	EXPECT(catalogue, LINT_DIGEST_CHANGED, 6, 16, "map      a  *  1 2 4 9\n" IMAGE("4"));
	manifests[1].version = 5;
	/* Format 2 comes from a version that is published though the map no longer names it. */
	EXPECT(catalogue, LINT_DATA_FORMAT, 5, 20, "map      a  *  1 2 4 4\n" IMAGE("4"));
	EXPECT(manifests_only, LINT_DATA_FORMAT, 5, 20, "map      a  *  1 2 4 4\n" TWO_IMAGES);
	EXPECT(catalogue, LINT_DATA_FORMAT, 6, 23, "map      a  *  1 2 5 9\noverride 00a1  a  4 4 4 4\n" TWO_IMAGES);
	limits.fec_limits = (struct fec_limits){.max_block_symbols = 3};
	EXPECT(limits, LINT_TOO_LARGE, 6, 99, "map      a  *  1 2 4 9\n" IMAGE("4"));
	limits.fec_limits = (struct fec_limits){.max_symbol_size = 1023};
	EXPECT(limits, LINT_TOO_LARGE, 6, 99, "map      a  *  1 2 4 9\n" IMAGE("4"));
	limits.fec_limits = (struct fec_limits){.max_transfer_length = 999};
	EXPECT(limits, LINT_TOO_LARGE, 6, 89, "map      a  *  1 2 4 9\n" IMAGE("4"));
	limits.fec_limits =
		(struct fec_limits){.max_transfer_length = 4096, .max_block_symbols = 4, .max_symbol_size = 1024};
	lint("map      a  *  1 2 4 9\n" IMAGE("4"), &limits);
	assert_int_equal(found.errors, 0);
	policy_map_free(same);
	policy_map_free(lower);
}

/* A later map that does not say from when its ramp counts puts off the steps of the one before. */
static void test_a_ramp_that_begins_anew(void **state)
{
	static const char gated[] =
		"map      a  *  1 2 5 9  ramp=2%,9%@+1d,100%@+8d\nmap      a  *  1 2 4 9\n" TWO_IMAGES;
	static const char early[] =
		"carousel-map 1\nepoch    1\nserial   6\nissued   2026-11-19T10:00:00Z\n"
		"map      a  *  1 2 5 9  ramp=2%,9%@+1d,100%@+8d\nmap      a  *  1 2 4 9\n" TWO_IMAGES;
	struct policy_map *previous = parse(early);
	const struct lint_context context = {.previous = previous};
	(void)state;
	EXPECT(context, LINT_RAMP_LOWERED, 5, 25, gated);
	lint("map      a  *  1 2 5 9  from=2026-11-19T10:00:00Z ramp=2%,9%@+1d,100%@+8d\nmap      a  *  1 2 4 "
	     "9\n" TWO_IMAGES,
		&context);
	assert_int_equal(found.warnings, 0);
	policy_map_free(previous);
}

static void test_too_many_rows(void **state)
{
	char lines[8192] = "";
	(void)state;
	for (unsigned i = 0; i < 64; i++)
		strcat(lines, "map      a  *  1 2 5 9  ramp=5%\n");
	strcat(lines, "map      a  *  1 2 5 9\n" IMAGE("5"));
	expect_at(&(struct rule){LINT_TOO_MANY_ROWS, 69, 1, lines}, NULL);
}

/* ---- what a map without errors promises ---- */

static uint32_t number(uint64_t *random, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(test_random(random) % (high - low + 1));
}

static void random_row(char *out, size_t cap, uint64_t *random, bool gated)
{
	uint32_t n[4], from = number(random, 22, 26);
	char gate[64] = "";
	n[0] = number(random, 1, 4);
	n[1] = number(random, n[0], 6);
	n[2] = number(random, n[1], 8);
	n[3] = number(random, n[2], 9);
	if (gated)
		snprintf(gate, sizeof gate, "from=2026-11-%uT00:00Z until=2026-11-%uT00:00Z ramp=50%%", from,
			number(random, from + 1, 29));
	snprintf(out, cap, "map a * %u %u %u %u %s\n", n[0], n[1], n[2], n[3], gate);
}

/* A box of any version follows what the map says at each hour. Whenever the row that it followed closes and a later
 * one takes its place, the box stays where it is. Returns how often that was so. */
static unsigned check_no_flip(const struct policy_map *map)
{
	unsigned closed = 0;
	for (uint32_t start = 1; start < 10; start++) {
		struct policy_box box = {.id = "00a1", .class_name = "a", .version = start};
		struct policy_decision before = {0}, d;
		for (uint64_t hour = 0; hour < 12 * 24; hour += 6, before = d) {
			assert_int_equal(policy_decide(map, &box, ISSUED + hour * 3600, &d), 0);
			assert_true(d.reason != POLICY_REASON_NO_ROW && d.reason != POLICY_REASON_NO_IMAGE);
			if (before.line && d.line > before.line && box.version == before.numbers.current) {
				assert_int_equal(d.verdict, POLICY_NONE);
				closed++;
			}
			if (d.verdict != POLICY_NONE)
				box.version = d.target;
		}
	}
	return closed;
}

static void test_no_box_flips_back(void **state)
{
	uint64_t random = 99;
	unsigned passed = 0, closed = 0;
	(void)state;
	for (int round = 0; round < 6000; round++) {
		char lines[4096] = "";
		size_t len = 0;
		struct policy_map *map;
		unsigned rows = number(&random, 1, 3);
		for (unsigned i = 0; i < rows; i++) {
			random_row(lines + len, sizeof lines - len, &random, i + 1 < rows);
			len += strlen(lines + len);
		}
		for (unsigned v = 1; v < 10; v++)
			len += (size_t)sprintf(lines + len, "image a %u " SHA_A " size=1 manifest=" SHA_A "\n", v);
		lint(lines, NULL);
		if (found.errors)
			continue;
		passed++;
		map = parse(with_head("7", lines));
		closed += check_no_flip(map);
		policy_map_free(map);
	}
	assert_in_range(passed, 1000, 5999);
	assert_true(closed > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_boxes),
		cmocka_unit_test(test_ramps),
		cmocka_unit_test(test_against_the_last_signed),
		cmocka_unit_test(test_text_and_time),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_fleet),
		cmocka_unit_test(test_syntax_rules),
		cmocka_unit_test(test_every_rule),
		cmocka_unit_test(test_a_ramp_that_begins_anew),
		cmocka_unit_test(test_too_many_rows),
		cmocka_unit_test(test_no_box_flips_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
