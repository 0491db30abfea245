/* One function for each kind of line. A parse function reads the fixed words; options come behind them. */
#include "policy-map/map_parser.h"

#include "common/carousel_error.h"
#include "policy-map/map_value.h"

#include <string.h>

struct map_kind {
	const char *word;
	unsigned positional; /* fixed words, the first one included */
	const char *const *options;
	int (*parse)(struct map_parser *, unsigned positional);
};

static int expect(struct map_parser *p, int result, unsigned word, const char *what)
{
	return result ? map_parser_fail(p, result, word, "expected %s, not '%.48s'", what, p->line.words[word]) : 0;
}

static int get_name(struct map_parser *p, unsigned word, const char *what, bool any_allowed, const char **name)
{
	const char *text = p->line.words[word];
	*name = text;
	if (policy_is_name(text) || (any_allowed && strcmp(text, "*") == 0))
		return 0;
	return map_parser_fail(
		p, CAROUSEL_E_SYNTAX, word, "expected %s (%s), not '%.48s'", what, POLICY_NAME_RULE, text);
}

static int get_box_id(struct map_parser *p, const char **id)
{
	*id = p->line.words[1];
	return expect(p, policy_is_box_id(*id) ? 0 : CAROUSEL_E_SYNTAX, 1, "a box id ([0-9a-z._:-]{1,64})");
}

static int get_u32(struct map_parser *p, unsigned word, const char *what, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t wide = 0;
	int result = expect(p, map_value_number(p->line.words[word], min, max, &wide), word, what);
	*value = (uint32_t)wide;
	return result;
}

/* minimum <= acceptable <= current <= maximum, from word `first` on. */
static int get_numbers(struct map_parser *p, unsigned first, struct policy_numbers *n)
{
	int result = get_u32(p, first, "a minimum from 0 to 4294967294", 0, POLICY_VERSION_MAX, &n->minimum);
	if (result == 0)
		result = get_u32(
			p, first + 1, "an acceptable from 0 to 4294967294", 0, POLICY_VERSION_MAX, &n->acceptable);
	if (result == 0)
		result = get_u32(p, first + 2, "a current from 1 to 4294967294", 1, POLICY_VERSION_MAX, &n->current);
	if (result == 0)
		result = get_u32(p, first + 3, "a maximum from 1 to 4294967294", 1, POLICY_VERSION_MAX, &n->maximum);
	if (result)
		return result;
	if (n->minimum > n->acceptable)
		return map_parser_fail(p, CAROUSEL_E_RANGE, first + 1, "acceptable is below minimum");
	if (n->acceptable > n->current)
		return map_parser_fail(p, CAROUSEL_E_RANGE, first + 2, "current is below acceptable");
	if (n->current > n->maximum)
		return map_parser_fail(p, CAROUSEL_E_RANGE, first + 3, "maximum is below current");
	return 0;
}

/* The value behind "name=" when the word is that option, else NULL. */
static const char *option_value(const char *word, const char *name)
{
	size_t len = strlen(name);
	return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static bool is_option(const char *word, const char *name)
{
	return strcmp(word, name) == 0 || option_value(word, name);
}

/* Unknown options make the whole line unknown, before any of its words is judged. */
static int check_options(struct map_parser *p, const struct map_kind *kind, unsigned positional)
{
	unsigned seen = 0;
	for (unsigned i = positional; i < p->line.count; i++) {
		unsigned o = 0;
		while (kind->options[o] && !is_option(p->line.words[i], kind->options[o]))
			o++;
		if (kind->options[o] == NULL) {
			if (!p->strict)
				return MAP_LINE_ABSENT;
			return map_parser_fail(
				p, CAROUSEL_E_UNKNOWN_WORD, i, "unknown option '%.48s'", p->line.words[i]);
		}
		if (seen & 1u << o)
			return map_parser_fail(p, CAROUSEL_E_DUPLICATE, i, "option '%s' twice", kind->options[o]);
		seen |= 1u << o;
	}
	if (p->line.is_overfull) {
		if (!p->strict)
			return MAP_LINE_ABSENT;
		return map_parser_fail(p, CAROUSEL_E_LIMIT, p->line.count, "more than %u words", POLICY_MAP_MAX_WORDS);
	}
	return 0;
}

/* Finds an option's value; *word is where it stands, or 0. */
static const char *find_option(struct map_parser *p, unsigned positional, const char *name, unsigned *word)
{
	for (unsigned i = positional; i < p->line.count; i++) {
		const char *value = option_value(p->line.words[i], name);
		*word = i;
		if (value)
			return value;
	}
	*word = 0;
	return NULL;
}

static int option_u32(struct map_parser *p, unsigned positional, const char *name, uint32_t min, uint32_t *out)
{
	unsigned word;
	uint64_t wide = 0;
	const char *value = find_option(p, positional, name, &word);
	int result = value ? map_value_number(value, min, UINT32_MAX, &wide) : 0;
	*out = (uint32_t)wide;
	return result ? expect(p, result, word, "a number") : 0;
}

static int option_time(struct map_parser *p, unsigned positional, const char *name, uint64_t *out)
{
	unsigned word;
	const char *value = find_option(p, positional, name, &word);
	int result = value ? map_value_time(value, out) : 0;
	return result ? expect(p, result, word, "a time such as 2026-11-21T12:00Z") : 0;
}

static int push(struct map_parser *p, void **array, size_t *cap, size_t used, size_t size)
{
	int result = memory_grow(p->allocator, array, cap, used, size, POLICY_MAP_MAX_LINES);
	return result ? map_parser_fail(p, result, 0, "too many lines of this kind") : 0;
}

static int parse_header_number(struct map_parser *p, const char *what, uint64_t max, uint64_t *value)
{
	return expect(p, map_value_number(p->line.words[1], 1, max, value), 1, what);
}

static int parse_epoch(struct map_parser *p, unsigned positional)
{
	(void)positional;
	return get_u32(p, 1, "an epoch from 1 to 4294967295", 1, UINT32_MAX, &p->map->epoch);
}

static int parse_serial(struct map_parser *p, unsigned positional)
{
	(void)positional;
	return parse_header_number(p, "a serial from 1 to 9007199254740991", (1ull << 53) - 1, &p->map->serial);
}

static int parse_issued(struct map_parser *p, unsigned positional)
{
	(void)positional;
	return expect(p, map_value_time(p->line.words[1], &p->map->issued_s), 1, "a time such as 2026-11-21T12:00:00Z");
}

static int parse_expires(struct map_parser *p, unsigned positional)
{
	(void)positional;
	return expect(
		p, map_value_time(p->line.words[1], &p->map->expires_s), 1, "a time such as 2026-11-21T12:00:00Z");
}

static int parse_session(struct map_parser *p, unsigned positional)
{
	struct policy_session s = {.line = p->line.number};
	const char *source;
	unsigned word;
	int result = get_name(p, 1, "a session's name", false, &s.name);
	if (result == 0)
		result = expect(p, udp_address_parse(p->line.words[2], &s.group), 2, "GROUP:PORT");
	if (result == 0 && !udp_address_is_multicast(&s.group))
		result = expect(p, CAROUSEL_E_ADDRESS, 2, "a multicast group");
	source = find_option(p, positional, "source", &word);
	if (result == 0 && source)
		result = expect(p, udp_address_parse_host(source, &s.source), word, "source=ADDRESS");
	if (result == 0 && source && (s.source.family != s.group.family || udp_address_is_multicast(&s.source)))
		result = map_parser_fail(
			p, CAROUSEL_E_ADDRESS, word, "the source must be a unicast address of the group's family");
	if (result == 0)
		result = option_u32(p, positional, "tsi", 0, &s.tsi);
	if (result == 0 && p->map->num_sessions >= POLICY_MAX_SESSIONS)
		result = map_parser_fail(p, CAROUSEL_E_LIMIT, 0, "more than %u sessions", POLICY_MAX_SESSIONS);
	if (result == 0)
		result = push(p, (void **)&p->map->sessions, &p->cap_sessions, p->map->num_sessions, sizeof s);
	if (result == 0)
		p->map->sessions[p->map->num_sessions++] = s;
	return result;
}

static int get_ramp(struct map_parser *p, const char *text, unsigned word, struct policy_row *row)
{
	int result = map_value_ramp(text, row->steps, &row->num_steps);
	if (result == CAROUSEL_E_RANGE)
		return map_parser_fail(
			p, result, word, "a ramp's shares and times only grow, to 100 %% at most: '%.48s'", text);
	if (result == CAROUSEL_E_LIMIT)
		return map_parser_fail(p, result, word, "a ramp of more than %u steps", POLICY_MAX_RAMP_STEPS);
	return expect(p, result, word, "a ramp such as ramp=5%,20%@+48h,100%@+7d");
}

static int parse_row_gates(struct map_parser *p, unsigned positional, struct policy_row *row)
{
	unsigned word;
	const char *ramp;
	int result = option_time(p, positional, "from", &row->from_s);
	if (result == 0)
		result = option_time(p, positional, "until", &row->until_s);
	if (result == 0 && row->from_s && row->until_s && row->until_s <= row->from_s)
		result = map_parser_fail(p, CAROUSEL_E_RANGE, positional, "until= is not after from=");
	ramp = find_option(p, positional, "ramp", &word);
	if (result == 0 && ramp)
		result = get_ramp(p, ramp, word, row);
	return result;
}

static int parse_row_options(struct map_parser *p, unsigned positional, struct policy_row *row)
{
	unsigned word;
	int result = option_u32(p, positional, "retry", 1, &row->retry);
	if (result == 0)
		result = option_u32(p, positional, "weight", 1, &row->weight);
	row->salt = find_option(p, positional, "salt", &word);
	if (result == 0 && row->salt && !policy_is_name(row->salt))
		result = expect(p, CAROUSEL_E_SYNTAX, word, "a salt (" POLICY_NAME_RULE ")");
	for (unsigned i = positional; i < p->line.count; i++)
		row->hold |= strcmp(p->line.words[i], "hold") == 0;
	return result;
}

static int parse_row(struct map_parser *p, unsigned positional)
{
	struct policy_row row = {.line = p->line.number};
	int result = get_name(p, 1, "a class", false, &row.class_name);
	if (result == 0)
		result = get_name(p, 2, "a category or *", true, &row.category);
	if (result == 0)
		result = get_numbers(p, 3, &row.numbers);
	if (result == 0)
		result = parse_row_gates(p, positional, &row);
	if (result == 0)
		result = parse_row_options(p, positional, &row);
	if (result == 0)
		result = push(p, (void **)&p->map->rows, &p->cap_rows, p->map->num_rows, sizeof row);
	if (result == 0)
		p->map->rows[p->map->num_rows++] = row;
	return result;
}

static bool is_others(const struct map_parser *p, const char *box_id)
{
	return p->only_box_id && strcmp(p->only_box_id, box_id) != 0;
}

static int parse_member(struct map_parser *p, unsigned positional)
{
	struct policy_member m = {.line = p->line.number};
	int result = get_box_id(p, &m.box_id);
	(void)positional;
	if (result == 0)
		result = get_name(p, 2, "a category", false, &m.category);
	if (result || is_others(p, m.box_id))
		return result;
	result = push(p, (void **)&p->map->members, &p->cap_members, p->map->num_members, sizeof m);
	if (result == 0)
		p->map->members[p->map->num_members++] = m;
	return result;
}

static int parse_override(struct map_parser *p, unsigned positional)
{
	struct policy_override o = {.line = p->line.number, .never = positional == 4};
	int result = get_box_id(p, &o.box_id);
	if (result == 0)
		result = get_name(p, 2, o.never ? "a class or *" : "a class", o.never, &o.class_name);
	if (result == 0 && !o.never)
		result = get_numbers(p, 3, &o.numbers);
	if (result == 0)
		result = option_u32(p, positional, "retry", 1, &o.retry);
	if (result || is_others(p, o.box_id))
		return result;
	result = push(p, (void **)&p->map->overrides, &p->cap_overrides, p->map->num_overrides, sizeof o);
	if (result == 0)
		p->map->overrides[p->map->num_overrides++] = o;
	return result;
}

static int parse_flag(struct map_parser *p, unsigned positional)
{
	struct policy_flag f = {.line = p->line.number};
	int result = get_name(p, 1, "a class", false, &f.class_name);
	(void)positional;
	if (result == 0)
		result = get_name(p, 2, "a category or *", true, &f.category);
	if (result == 0)
		result = get_name(p, 3, "a flag's name", false, &f.name);
	if (result == 0)
		result = get_name(p, 4, "a flag's value", false, &f.value);
	if (result == 0)
		result = push(p, (void **)&p->map->flags, &p->cap_flags, p->map->num_flags, sizeof f);
	if (result == 0)
		p->map->flags[p->map->num_flags++] = f;
	return result;
}

static int parse_image_digest(struct map_parser *p, const char *text, unsigned word, uint8_t *digest)
{
	return expect(p, hash_parse_sha256(text, strlen(text), digest), word, "sha256: and 64 lower-case hex digits");
}

static int parse_image(struct map_parser *p, unsigned positional)
{
	struct policy_image image = {.line = p->line.number};
	unsigned size_word, manifest_word;
	const char *size = find_option(p, positional, "size", &size_word);
	const char *manifest = find_option(p, positional, "manifest", &manifest_word);
	int result = get_name(p, 1, "a class", false, &image.class_name);
	if (result == 0)
		result = get_u32(p, 2, "a version from 1 to 4294967294", 1, POLICY_VERSION_MAX, &image.version);
	if (result == 0)
		result = parse_image_digest(p, p->line.words[3], 3, image.sha256);
	if (result == 0 && (size == NULL || manifest == NULL))
		result = map_parser_fail(p, CAROUSEL_E_SYNTAX, p->line.count, "expected size= and manifest=");
	if (result == 0)
		result = expect(p, map_value_number(size, 1, (uint64_t)1 << 40, &image.size_bytes), size_word,
			"a size from 1 to 1099511627776");
	if (result == 0)
		result = parse_image_digest(p, manifest, manifest_word, image.manifest_sha256);
	if (result == 0)
		result = push(p, (void **)&p->map->images, &p->cap_images, p->map->num_images, sizeof image);
	if (result == 0)
		p->map->images[p->map->num_images++] = image;
	return result;
}

static const char *const no_options[] = {NULL};
static const char *const session_options[] = {"source", "tsi", NULL};
static const char *const row_options[] = {"from", "until", "ramp", "hold", "retry", "weight", "salt", NULL};
static const char *const override_options[] = {"retry", NULL};
static const char *const image_options[] = {"size", "manifest", NULL};

/* The header lines come first: their place in this table is their bit in `seen`. */
#define HEADER_KINDS    4u
#define HEADER_REQUIRED 7u
static const struct map_kind kinds[] = {
	{"epoch", 2, no_options, parse_epoch},
	{"serial", 2, no_options, parse_serial},
	{"issued", 2, no_options, parse_issued},
	{"expires", 2, no_options, parse_expires},
	{"session", 3, session_options, parse_session},
	{"map", 7, row_options, parse_row},
	{"member", 3, no_options, parse_member},
	{"override", 7, override_options, parse_override},
	{"flag", 5, no_options, parse_flag},
	{"image", 4, image_options, parse_image},
};
#define NUM_KINDS (sizeof kinds / sizeof *kinds)

static unsigned positional_of(const struct map_parser *p, const struct map_kind *kind)
{
	if (kind->parse == parse_override && p->line.count > 3 && strcmp(p->line.words[3], "never") == 0)
		return 4;
	return kind->positional;
}

int map_line_parse(struct map_parser *p)
{
	unsigned k = 0, positional;
	int result;
	while (k < NUM_KINDS && strcmp(p->line.words[0], kinds[k].word) != 0)
		k++;
	if (k == NUM_KINDS) {
		if (!p->strict)
			return MAP_LINE_ABSENT;
		return map_parser_fail(p, CAROUSEL_E_UNKNOWN_WORD, 0, "unknown word '%.48s'", p->line.words[0]);
	}
	positional = positional_of(p, &kinds[k]);
	result = check_options(p, &kinds[k], positional);
	if (result)
		return result;
	if (p->line.count < positional)
		return map_parser_fail(
			p, CAROUSEL_E_SYNTAX, p->line.count, "%s: the line ends too early", kinds[k].word);
	if (k < HEADER_KINDS) {
		if (p->seen & 1u << k)
			return map_parser_fail(p, CAROUSEL_E_DUPLICATE, 0, "a second '%s' line", kinds[k].word);
		p->seen |= 1u << k;
	}
	return kinds[k].parse(p, positional);
}

int map_line_check_header(struct map_parser *p)
{
	for (unsigned k = 0; k < HEADER_KINDS; k++) {
		if ((HEADER_REQUIRED & ~p->seen) & 1u << k) {
			p->line.number = 0;
			return map_parser_fail(p, CAROUSEL_E_SYNTAX, 0, "no '%s' line", kinds[k].word);
		}
	}
	return 0;
}
