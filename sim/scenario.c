#include "sim/scenario.h"

#include "common/carousel_error.h"
#include "common/config.h"
#include "policy-map/policy_map.h"
#include "sim/scenario_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIO_SECOND_NS  1000000000u
#define SCENARIO_DAY_NS     (86400ull * SCENARIO_SECOND_NS)
#define SCENARIO_LINE_BYTES 1024u /* the longest line of a map */
#define SCENARIO_YEAR_NS    (366ull * SCENARIO_DAY_NS)

/* ---- sections ----------------------------------------------------------------------------------- */

static const struct object_layout_wish scenario_schemes[] = {
	{.encoding_id = FEC_RAPTORQ, .block_symbols = PLAN_BLOCK_SYMBOLS},
	{.encoding_id = FEC_REED_SOLOMON_GF256, .block_symbols = 200, .max_encoding_symbols = FEC_RS_MAX_N},
	{.encoding_id = FEC_SMALL_BLOCK,
		.instance_id = FEC_INSTANCE_ISA_L_CAUCHY,
		.block_symbols = 24,
		.max_encoding_symbols = FEC_SMALL_BLOCK_MAX_N},
	{.encoding_id = FEC_COMPACT_NO_CODE, .block_symbols = PLAN_BLOCK_SYMBOLS},
};

static void scenario_read_fec(struct scenario *s, struct config_section *section)
{
	static const uint32_t most[] = {FEC_RAPTORQ_MAX_K, FEC_RS_MAX_N, FEC_SMALL_BLOCK_MAX_N, 0x10000};
	const int scheme = config_enum(section, "fec", 0, plan_fec_names);
	struct object_layout_wish *wish = &s->transmitter.wish;
	*wish = scenario_schemes[scheme];
	wish->kind = OBJECT_STRIPED;
	wish->symbol_size = (uint16_t)config_u64(section, "symbol-size", PLAN_SYMBOL_SIZE, 64, OBJECT_CHUNK_BYTES);
	if (OBJECT_CHUNK_BYTES % wish->symbol_size != 0)
		config_fail(section, "symbol-size", CAROUSEL_E_RANGE, "must divide %u", OBJECT_CHUNK_BYTES);
	wish->block_symbols = (uint32_t)config_u64(section, "block-symbols", wish->block_symbols, 4, most[scheme]);
	if (wish->max_encoding_symbols)
		wish->max_encoding_symbols = (uint32_t)config_u64(
			section, "encoding-symbols", wish->max_encoding_symbols, wish->block_symbols, most[scheme]);
}

static void scenario_read_head(struct scenario *s, const uint64_t *seed)
{
	struct config_section *section = config_section(s->config, "scenario", NULL);
	s->title = config_string(section, "title", "untitled");
	s->duration_ns = config_duration_ns(section, "duration", 0, SCENARIO_SECOND_NS, SCENARIO_YEAR_NS);
	if (!config_has(section, "duration"))
		config_fail(section, "duration", CAROUSEL_E_NOT_FOUND, "must be set");
	s->seed = config_u64(section, "seed", 1, 0, INT64_MAX);
	s->has_payload = config_bool(section, "payload", false);
	if (seed)
		s->seed = *seed;
	section = config_section(s->config, "transmitter", NULL);
	if (!config_has(section, "rate"))
		config_fail(section, "rate", CAROUSEL_E_NOT_FOUND, "must be set");
	s->transmitter.rate_bps = config_rate_bps(section, "rate", 0, 16000, 1000000000000);
	s->transmitter.control_share = config_share(section, "control-share", 0.05, 0.001, 0.5);
	s->transmitter.control_period_ns = config_duration_ns(
		section, "control-period", 2 * SCENARIO_SECOND_NS, SCENARIO_SECOND_NS, 3600ull * SCENARIO_SECOND_NS);
	s->transmitter.headends = (uint32_t)config_u64(section, "headends", 1, 1, SCENARIO_MAX_HEADENDS);
	scenario_read_fec(s, section);
}

static void scenario_read_image(struct scenario *s, struct config_section *section)
{
	struct scenario_image *image = &s->images[s->num_images];
	*image = (struct scenario_image){.name = config_section_name(section),
		.class_name = config_required(section, "class"),
		.version = (uint32_t)config_u64(section, "version", 0, 1, POLICY_VERSION_MAX),
		.size_bytes = config_bytes(section, "size", 0, 4096, (uint64_t)1 << 36),
		.weight = (uint32_t)config_u64(section, "weight", 0, 0, 1000000),
		.at_ns = config_duration_ns(section, "at", 0, 0, SCENARIO_YEAR_NS),
		.until_ns = config_duration_ns(section, "until", SCENARIO_NEVER, 0, SCENARIO_YEAR_NS)};
	if (!config_has(section, "version"))
		config_fail(section, "version", CAROUSEL_E_NOT_FOUND, "must be set");
	if (!config_has(section, "size"))
		config_fail(section, "size", CAROUSEL_E_NOT_FOUND, "must be set");
	if (image->class_name[0] && !policy_is_name(image->class_name))
		config_fail(section, "class", CAROUSEL_E_SYNTAX, "not the name of a class");
	if (image->until_ns <= image->at_ns)
		config_fail(section, "until", CAROUSEL_E_RANGE, "must be later than at");
	for (size_t i = 0; i < s->num_images; i++)
		if (s->images[i].version == image->version && strcmp(s->images[i].class_name, image->class_name) == 0)
			config_fail(section, "version", CAROUSEL_E_EXISTS, "[image %s] is that of the same class",
				s->images[i].name);
	if (s->transmitter.wish.symbol_size && image->size_bytes &&
		object_layout_choose(&image->layout, &s->transmitter.wish, image->size_bytes) != 0)
		config_fail(section, "size", CAROUSEL_E_RANGE, "too large for blocks of this scheme");
	s->num_images++;
}

static void scenario_read_map(struct scenario *s, struct config_section *section, const struct scenario_files *files)
{
	struct scenario_map *map = &s->maps[s->num_maps], made;
	struct policy_map *parsed = NULL;
	struct policy_map_error error;
	int result;
	made = (struct scenario_map){.file = config_required(section, "file"),
		.at_ns = config_duration_ns(section, "at", 0, 0, SCENARIO_YEAR_NS)};
	if (made.file[0] == '\0')
		return;
	result = files->read(files->user, made.file, POLICY_MAP_MAX_BYTES, &made.text, &made.len);
	if (result != 0) {
		config_fail(section, "file", result, "%s: %s", made.file, carousel_strerror(result));
		return;
	}
	if (policy_map_parse(s->allocator, made.text, made.len, NULL, &parsed, &error) != 0)
		config_fail(section, "file", error.code, "%s:%u: %s", made.file, (unsigned)error.line, error.message);
	policy_map_free(parsed);
	for (map = &s->maps[s->num_maps]; map > s->maps && map[-1].at_ns > made.at_ns; map--)
		map[0] = map[-1];
	*map = made;
	s->num_maps++;
}

static void scenario_read_event(struct scenario *s, struct config_section *section)
{
	static const char *const kinds[] = {"restart-transmitter", NULL};
	struct scenario_event *event = &s->events[s->num_events], made;
	if (!config_has(section, "do"))
		config_fail(section, "do", CAROUSEL_E_NOT_FOUND, "must be set");
	made = (struct scenario_event){.kind = (enum scenario_event_kind)config_enum(section, "do", 0, kinds),
		.at_ns = config_duration_ns(section, "at", 0, 0, SCENARIO_YEAR_NS),
		.length_ns = config_duration_ns(section, "for", SCENARIO_SECOND_NS, 0, SCENARIO_YEAR_NS)};
	for (; event > s->events && event[-1].at_ns > made.at_ns; event--)
		event[0] = event[-1];
	*event = made;
	s->num_events++;
}

static void scenario_read_expect(struct scenario *s, struct config_section *section)
{
	struct scenario_expect *expect = &s->expects[s->num_expects];
	bool is_known = false;
	*expect = (struct scenario_expect){.name = config_section_name(section),
		.group = config_string(section, "group", NULL),
		.version = (uint32_t)config_u64(section, "version", 0, 1, POLICY_VERSION_MAX),
		.at_ns = config_duration_ns(section, "at", s->duration_ns, 0, s->duration_ns),
		.min_share = config_share(section, "at-least", 0, 0, 1),
		.max_share = config_share(section, "at-most", 1, 0, 1),
		.line = config_section_line(section)};
	if (!config_has(section, "version"))
		config_fail(section, "version", CAROUSEL_E_NOT_FOUND, "must be set");
	if (!config_has(section, "at-least") && !config_has(section, "at-most"))
		config_fail(section, "at-least", CAROUSEL_E_NOT_FOUND, "this or at-most must be set");
	if (expect->min_share > expect->max_share)
		config_fail(section, "at-most", CAROUSEL_E_RANGE, "is less than at-least");
	for (size_t i = 0; i < s->num_groups && expect->group; i++)
		is_known |= strcmp(s->groups[i].name, expect->group) == 0;
	if (expect->group && !is_known)
		config_fail(section, "group", CAROUSEL_E_NOT_FOUND, "there is no [group %s]", expect->group);
	s->num_expects++;
}

/* ---- the whole ------------------------------------------------------------------------------------ */

/* The next section of a kind, as long as there is room for it. */
static struct config_section *scenario_next(
	struct scenario *s, const char *kind, struct config_section *previous, size_t count, size_t max)
{
	struct config_section *section = config_next(s->config, kind, previous);
	if (section && count == max) {
		config_fail(section, kind, CAROUSEL_E_LIMIT, "more than %zu sections of this kind", max);
		return NULL;
	}
	return section;
}

static void scenario_read_all(struct scenario *s, const uint64_t *seed, const struct scenario_files *files)
{
	struct config_section *section;
	scenario_read_head(s, seed);
	for (section = NULL; (section = scenario_next(s, "image", section, s->num_images, SCENARIO_MAX_IMAGES));)
		scenario_read_image(s, section);
	for (section = NULL; (section = scenario_next(s, "map", section, s->num_maps, SCENARIO_MAX_MAPS));)
		scenario_read_map(s, section, files);
	for (section = NULL; (section = scenario_next(s, "group", section, s->num_groups, SCENARIO_MAX_GROUPS));)
		scenario_read_group(s, section, files);
	for (section = NULL; (section = scenario_next(s, "event", section, s->num_events, SCENARIO_MAX_EVENTS));)
		scenario_read_event(s, section);
	for (section = NULL; (section = scenario_next(s, "expect", section, s->num_expects, SCENARIO_MAX_EXPECTS));)
		scenario_read_expect(s, section);
}

/* Said last: a section that is misspelt is the better word. */
static void scenario_check_sections(struct scenario *s)
{
	struct config_section *section;
	section = config_section(s->config, "scenario", NULL);
	if (s->num_maps == 0)
		config_fail(section, "map", CAROUSEL_E_NOT_FOUND, "a scenario needs a [map]");
	if (s->num_groups == 0)
		config_fail(section, "group", CAROUSEL_E_NOT_FOUND, "a scenario needs a [group]");
}

int scenario_parse(struct scenario **out, const struct carousel_allocator *allocator, const char *text, size_t len,
	const char *file_name, const uint64_t *seed, const struct scenario_files *files)
{
	struct scenario *s = memory_alloc(allocator, 1, sizeof *s);
	int result;
	*out = NULL;
	if (s == NULL)
		return CAROUSEL_E_MEMORY;
	s->allocator = allocator;
	result = config_parse(&s->config, allocator, text, len, file_name);
	if (s->config == NULL) {
		scenario_free(s);
		return result;
	}
	*out = s;
	if (result != 0)
		return result;
	scenario_read_all(s, seed, files);
	result = config_end(s->config);
	if (result == 0) {
		scenario_check_sections(s);
		result = config_end(s->config);
	}
	return result;
}

void scenario_free(struct scenario *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->num_maps; i++)
		memory_free(s->allocator, s->maps[i].text);
	for (size_t i = 0; i < s->num_groups; i++) {
		trace_free(s->groups[i].trace);
		population_free(s->groups[i].population);
		timetable_deinit(&s->groups[i].outages, s->allocator);
		timetable_deinit(&s->groups[i].on, s->allocator);
	}
	config_free(s->config);
	memory_free(s->allocator, s);
}

const char *scenario_error(const struct scenario *s)
{
	return config_error(s->config);
}

int scenario_refuse(
	const struct scenario *s, const struct scenario_group *g, const char *key, int code, const char *why)
{
	config_fail(config_section(s->config, "group", g->name), key, code, "%s", why);
	return code;
}

/* ---- boxes ------------------------------------------------------------------------------------------ */

static void scenario_box_id(char *text, const struct scenario_group *group, uint32_t number)
{
	char digits[12];
	size_t len = strlen(group->name), at = sizeof digits;
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	memcpy(text, group->name, len);
	text[len++] = '-';
	memcpy(text + len, digits + at, sizeof digits - at);
	text[len + sizeof digits - at] = '\0';
}

void scenario_box_of(const struct scenario_group *group, uint32_t number, struct scenario_box *box)
{
	const struct population_kind *kind;
	const char *id = NULL;
	box->class_name = group->class_name;
	box->category = group->category;
	box->version = group->version;
	if (group->population) {
		kind = population_box(group->population, number, &id);
		box->class_name = kind->class_name;
		box->category = kind->category;
		box->version = kind->version;
	}
	if (id)
		snprintf(box->id, sizeof box->id, "%s", id);
	else
		scenario_box_id(box->id, group, number);
}

const struct scenario_group *scenario_group_of(const struct scenario *s, uint64_t box, uint32_t *number)
{
	size_t low = 0, high = s->num_groups;
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;
		if (s->groups[middle].first_box <= box)
			low = middle;
		else
			high = middle;
	}
	*number = (uint32_t)(box - s->groups[low].first_box);
	return &s->groups[low];
}

/* ---- maps ------------------------------------------------------------------------------------------- */

int scenario_name_digests(const struct scenario_image *image, struct scenario_digests *digests)
{
	char text[160];
	int len = snprintf(text, sizeof text, "image %s %" PRIu32 " %" PRIu64, image->class_name, image->version,
		image->size_bytes);
	int result = hash_sha256(text, (size_t)len, digests->sha256);
	return result ? result : hash_sha256(digests->sha256, sizeof digests->sha256, digests->manifest);
}

/* An "image" line of one of the scenario's own images? */
static bool scenario_is_own_image(const struct scenario *s, const char *line, size_t len)
{
	char copy[SCENARIO_LINE_BYTES + 1], *rest, *word, *class_name, *version;
	if (len > SCENARIO_LINE_BYTES)
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	word = strtok_r(copy, " \t\r", &rest);
	class_name = strtok_r(NULL, " \t\r", &rest);
	version = strtok_r(NULL, " \t\r", &rest);
	if (word == NULL || strcmp(word, "image") != 0 || version == NULL)
		return false;
	for (size_t i = 0; i < s->num_images; i++)
		if (strcmp(s->images[i].class_name, class_name) == 0 &&
			strtoul(version, NULL, 10) == s->images[i].version)
			return true;
	return false;
}

#define SCENARIO_IMAGE_LINE_BYTES 320u

int scenario_map_text(const struct scenario *s, const struct scenario_map *map, const struct scenario_digests *digests,
	char **out, size_t *out_len)
{
	const size_t cap = map->len + 1 + s->num_images * SCENARIO_IMAGE_LINE_BYTES + 1;
	const char *from = map->text, *end = map->text + map->len;
	char *text = memory_alloc(s->allocator, cap, 1);
	size_t len = 0;
	if (text == NULL)
		return CAROUSEL_E_MEMORY;
	while (from < end) {
		const char *newline = memchr(from, '\n', (size_t)(end - from));
		const size_t line = newline ? (size_t)(newline - from) : (size_t)(end - from);
		if (!scenario_is_own_image(s, from, line)) {
			memcpy(text + len, from, line);
			len += line;
			text[len++] = '\n';
		}
		from += newline ? line + 1 : line;
	}
	for (size_t i = 0; i < s->num_images; i++) {
		char image[HASH_SHA256_TEXT_BYTES], manifest[HASH_SHA256_TEXT_BYTES];
		len += (size_t)snprintf(text + len, cap - len, "image %s %" PRIu32 " %s size=%" PRIu64 " manifest=%s\n",
			s->images[i].class_name, s->images[i].version, hash_sha256_text(image, digests[i].sha256),
			s->images[i].size_bytes, hash_sha256_text(manifest, digests[i].manifest));
	}
	*out = text;
	*out_len = len;
	return 0;
}
