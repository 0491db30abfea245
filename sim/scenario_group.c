#include "sim/scenario_internal.h"

#include "common/carousel_error.h"
#include "policy-map/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GROUP_MAX_NAME  50u
#define GROUP_SECOND_NS 1000000000u
#define GROUP_DAY_NS    (86400ull * GROUP_SECOND_NS)
#define GROUP_YEAR_NS   (366ull * GROUP_DAY_NS)
#define GROUP_OUTAGES   0x6f7574u /* the random stream that draws outages */

static void group_read_trace(struct scenario *s, struct scenario_group *g, struct config_section *section,
	const struct scenario_files *files)
{
	const char *file = config_string(section, "trace", NULL);
	char *text = NULL;
	unsigned line = 0;
	size_t len;
	int result;
	if (file == NULL)
		return;
	result = files->read(files->user, file, TRACE_MAX_BYTES, &text, &len);
	if (result != 0) {
		config_fail(section, "trace", result, "%s: %s", file, carousel_strerror(result));
		return;
	}
	result = trace_parse(&g->trace, s->allocator, text, len, &line);
	memory_free(s->allocator, text);
	if (result != 0) {
		config_fail(section, "trace", result, "%s:%u: %s", file, line, carousel_strerror(result));
		return;
	}
	g->channel.kind = CHANNEL_TRACE;
	g->channel.trace = g->trace;
}

static void group_read_channel(struct scenario *s, struct scenario_group *g, struct config_section *section,
	const struct scenario_files *files)
{
	int result;
	for (const char *const *key = channel_config_keys; *key; key++) {
		const char *value = config_string(section, *key, NULL);
		result = value ? channel_config_set(&g->channel, *key, value) : 0;
		if (result != 0)
			config_fail(section, *key, result, "\"%s\" is not %s", value, channel_config_allowed(*key));
	}
	group_read_trace(s, g, section, files);
	if (channel_config_check(&g->channel) == 0 && channel_mean_loss(&g->channel) >= 1)
		config_fail(section,
			g->channel.kind == CHANNEL_TRACE                                       ? "trace"
			: g->channel.kind == CHANNEL_GILBERT && config_has(section, "gilbert") ? "gilbert"
											       : "loss",
			CAROUSEL_E_REFUSED, "nothing ever arrives: this can never complete");
}

static void group_read_timetables(struct scenario *s, struct scenario_group *g, struct config_section *section)
{
	const uint64_t period = config_duration_ns(section, "every", GROUP_DAY_NS, GROUP_SECOND_NS, GROUP_YEAR_NS);
	const char *on = config_string(section, "on", NULL), *outages = config_string(section, "outages", NULL);
	struct random_stream random;
	int result = on ? timetable_parse(&g->on, s->allocator, on, period) : 0;
	if (result != 0)
		config_fail(section, "on", result, "\"%s\" is no list of windows such as 7h-23h,23h-24h", on);
	else if (on && g->on.num_windows == 0)
		config_fail(section, "on", CAROUSEL_E_REFUSED, "never on: this can never complete");
	g->on_spread_ns = config_duration_ns(section, "on-spread", 0, 0, GROUP_YEAR_NS);
	g->outage_gap_ns = config_duration_ns(section, "outage-every", 0, GROUP_SECOND_NS, GROUP_YEAR_NS);
	g->outage_length_ns =
		config_duration_ns(section, "outage-length", 600ull * GROUP_SECOND_NS, 1000000, GROUP_YEAR_NS);
	if (outages && g->outage_gap_ns)
		config_fail(section, "outages", CAROUSEL_E_CONFLICT, "either a list or outage-every");
	result = 0;
	if (outages)
		result = timetable_parse(&g->outages, s->allocator, outages, 0);
	else if (g->outage_gap_ns) {
		random_init(&random, s->seed, GROUP_OUTAGES + s->num_groups);
		result = timetable_draw(
			&g->outages, s->allocator, &random, s->duration_ns, g->outage_gap_ns, g->outage_length_ns);
	}
	if (result != 0)
		config_fail(section, outages ? "outages" : "outage-every", result, "%s", carousel_strerror(result));
	if (g->outages.num_windows && g->outages.windows[0].start_ns <= g->join_ns &&
		g->outages.windows[0].end_ns >= s->duration_ns)
		config_fail(section, outages ? "outages" : "outage-every", CAROUSEL_E_REFUSED,
			"nothing ever arrives: this can never complete");
	if (g->outages.num_windows)
		g->channel.outages = &g->outages;
}

static void group_read_population(struct scenario *s, struct scenario_group *g, struct config_section *section,
	const struct scenario_files *files)
{
	const char *path = config_string(section, "fleet", NULL);
	FILE *file = NULL;
	uint64_t line = 0;
	int result = files->open ? files->open(files->user, path, &file) : CAROUSEL_E_UNSUPPORTED;
	if (config_has(section, "boxes") || config_has(section, "version"))
		config_fail(section, config_has(section, "boxes") ? "boxes" : "version", CAROUSEL_E_CONFLICT,
			"the fleet's file says which boxes there are");
	if (result == 0) {
		result = population_read(&g->population, s->allocator, file, g->class_name, g->category, &line);
		fclose(file);
	}
	if (result == CAROUSEL_E_NOT_FOUND && file)
		config_fail(section, "fleet", result, "%s: no such box in it", path);
	else if (result != 0 && line)
		config_fail(section, "fleet", result, "%s:%" PRIu64 ": %s", path, line, carousel_strerror(result));
	else if (result != 0)
		config_fail(section, "fleet", result, "%s: %s", path, carousel_strerror(result));
	g->boxes = g->population ? (uint32_t)g->population->boxes : 0;
}

/* Boxes that are alike, or those of a real fleet. */
static void group_read_who(struct scenario *s, struct scenario_group *g, struct config_section *section,
	const struct scenario_files *files)
{
	const bool has_fleet = config_has(section, "fleet");
	g->class_name = has_fleet ? config_string(section, "class", NULL) : config_required(section, "class");
	g->category = config_string(section, "category", has_fleet ? NULL : POLICY_DEFAULT_CATEGORY);
	if (g->class_name && g->class_name[0] && !policy_is_name(g->class_name))
		config_fail(section, "class", CAROUSEL_E_SYNTAX, "not the name of a class");
	if (g->category && !policy_is_name(g->category))
		config_fail(section, "category", CAROUSEL_E_SYNTAX, "not the name of a category");
	if (has_fleet) {
		group_read_population(s, g, section, files);
		return;
	}
	g->boxes = (uint32_t)config_u64(section, "boxes", 1, 1, SCENARIO_MAX_BOXES);
	if (!config_has(section, "version"))
		config_fail(section, "version", CAROUSEL_E_NOT_FOUND, "must be set");
	g->version = (uint32_t)config_u64(section, "version", 0, 0, POLICY_VERSION_SPECIAL);
}

/* Do its boxes get ids? A name that is too long must not even be tried. */
static bool group_is_named(const struct scenario_group *g)
{
	const struct scenario_group named = {.name = g->name};
	struct scenario_box box;
	if (strlen(g->name) > GROUP_MAX_NAME)
		return false;
	scenario_box_of(&named, 0, &box);
	return policy_is_box_id(box.id);
}

static void group_read_boxes(struct scenario *s, struct scenario_group *g, struct config_section *section)
{
	static const char *const offers[] = {"ask", "install", "monthly", "ignore", NULL};
	g->first_box = s->boxes;
	s->boxes += g->boxes;
	if (s->boxes > SCENARIO_MAX_BOXES)
		config_fail(section, g->population ? "fleet" : "boxes", CAROUSEL_E_LIMIT, "more than %u boxes in all",
			SCENARIO_MAX_BOXES);
	if (!group_is_named(g))
		config_fail(section, "group", CAROUSEL_E_SYNTAX,
			"boxes are called after their group: at most 50 of [0-9a-z._:-]");
	g->have = config_share(section, "have", 0, 0, 1);
	g->offers = (enum carousel_rx_offers)config_enum(section, "offers", CAROUSEL_RX_OFFERS_INSTALL, offers);
	g->accept = config_share(section, "accept", 1, 0, 1);
	g->accept_after_ns = config_duration_ns(section, "accept-after", 0, 0, GROUP_YEAR_NS);
	g->trial_failure = config_share(section, "trial-failure", 0, 0, 1);
	g->reboot_ns = config_duration_ns(section, "reboot", 60ull * GROUP_SECOND_NS, 0, GROUP_DAY_NS);
	g->slot_bytes = config_bytes(section, "slot", 0, 4096, (uint64_t)1 << 36);
	g->write_rate_bps = config_rate_bps(section, "write-rate", 0, 8000, 1000000000000);
	g->no_checksum = !config_bool(section, "udp-checksum", true);
	g->job_time_ns = config_duration_ns(section, "job-time", 0, 0, 3600ull * GROUP_SECOND_NS);
	g->kill_every_ns = config_duration_ns(section, "kill-every", 0, GROUP_SECOND_NS, GROUP_YEAR_NS);
	g->join_ns = config_duration_ns(section, "join", 0, 0, s->duration_ns);
	g->join_spread_ns = config_duration_ns(section, "join-spread", 0, 0, GROUP_YEAR_NS);
}

void scenario_read_group(struct scenario *s, struct config_section *section, const struct scenario_files *files)
{
	struct scenario_group *g = &s->groups[s->num_groups];
	g->name = config_section_name(section);
	group_read_who(s, g, section, files);
	group_read_boxes(s, g, section);
	group_read_channel(s, g, section, files);
	group_read_timetables(s, g, section);
	s->num_groups++;
}
