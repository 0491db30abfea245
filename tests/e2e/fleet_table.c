/* fleet_table --map MAP.dsse --manifests DIRECTORY --boxes DIRECTORY
 *
 * What became of a fleet, told by what the boxes themselves left behind, against what the signed map says should have
 * become of it. Reads no scenario. Of every folder below --boxes:
 *
 *     state/events.jsonl     the box's event log: who it is, what it had, what it decided, what it heard
 *     boot/running, slot0, slot1   which slot runs, and its bytes: their SHA-256 names the version that really runs
 *     user.log               "accept" or "decline" when its user was asked
 *
 * Exit 0 when there is at least one box and every box runs what the rule says. */
#include "common/carousel_error.h"
#include "common/envelope.h"
#include "common/hash.h"
#include "common/io/cli.h"
#include "common/io/file.h"
#include "common/memory.h"
#include "policy-map/manifest.h"
#include "policy-map/policy.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BOXES      256
#define MAX_MANIFESTS  256
#define MAX_FILE_BYTES (8u << 20)

struct release {
	char class_name[MANIFEST_MAX_CLASS_BYTES];
	uint32_t version;
	uint64_t bytes;
	uint8_t sha256[HASH_SHA256_BYTES];
};

struct fleet {
	const char *boxes_dir;
	struct policy_map *map;
	struct release releases[MAX_MANIFESTS];
	size_t num_releases;
};

/* One box as its traces tell. Versions: 0 when there is no telling. */
struct box {
	char name[64], id[65], class_name[65], category[65];
	char verdict[24], reason[40], last_state[24];
	uint32_t had, says, now, expected;
	uint64_t gate_time_s;
	double seconds;
	uint64_t heard, needed;
	bool has_accepted, has_declined, is_confirmed;
	uint64_t first_ns, arrived_ns;
};

static char *read_text(const char *dir, const char *name, size_t *len)
{
	char path[1024], *text = NULL;
	size_t n = 0;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (file_read(path, MAX_FILE_BYTES, NULL, &text, &n))
		return NULL;
	if (len)
		*len = n;
	return text;
}

/* ---- what was released -------------------------------------------------------------------------- */

static int open_payload(const char *text, size_t len, struct envelope *envelope)
{
	const char *line;
	size_t line_len;
	int result = envelope_next_line(&text, &len, &line, &line_len);
	return result ? result : envelope_parse(NULL, envelope, line, line_len);
}

static int load_map(struct fleet *fleet, const char *path)
{
	const struct policy_map_options options = {.strict = true};
	struct envelope envelope;
	char *text = NULL;
	size_t len = 0;
	int result = file_read(path, MAX_FILE_BYTES, NULL, &text, &len);
	if (result == 0)
		result = open_payload(text, len, &envelope);
	if (result == 0) {
		result = policy_map_parse(
			NULL, (const char *)envelope.payload, envelope.payload_len, &options, &fleet->map, NULL);
		envelope_deinit(NULL, &envelope);
	}
	free(text);
	return result;
}

static int load_manifest(struct fleet *fleet, const char *dir, const char *name)
{
	struct release *release = &fleet->releases[fleet->num_releases];
	struct manifest *manifest = calloc(1, sizeof *manifest);
	struct envelope envelope;
	size_t len = 0;
	char *text = read_text(dir, name, &len);
	int result = text && manifest ? open_payload(text, len, &envelope) : CAROUSEL_E_NOT_FOUND;
	if (result == 0) {
		result = manifest_parse(manifest, envelope.payload, envelope.payload_len, NULL);
		envelope_deinit(NULL, &envelope);
	}
	if (result == 0) {
		memcpy(release->class_name, manifest->class_name, sizeof release->class_name);
		memcpy(release->sha256, manifest->sha256, sizeof release->sha256);
		release->version = manifest->version;
		release->bytes = manifest->layout.image_bytes;
		fleet->num_releases++;
	}
	free(manifest);
	free(text);
	return result;
}

static int load_manifests(struct fleet *fleet, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int result = dir ? 0 : CAROUSEL_E_NOT_FOUND;
	while (result == 0 && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);
		if (len < 5 || strcmp(entry->d_name + len - 5, ".dsse") != 0)
			continue;
		result = fleet->num_releases < MAX_MANIFESTS ? load_manifest(fleet, path, entry->d_name)
							     : CAROUSEL_E_LIMIT;
	}
	if (dir)
		closedir(dir);
	return result;
}

/* ---- what a box left behind --------------------------------------------------------------------- */

static uint64_t number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));
	return value > 0 ? (uint64_t)value : 0;
}

static void copy(char *out, size_t cap, const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	if (value)
		snprintf(out, cap, "%s", value);
}

static void take_event(struct box *box, const json_t *event)
{
	const json_t *who = json_object_get(event, "box"), *decision = json_object_get(event, "decision");
	const json_t *image = json_object_get(event, "image");
	uint64_t heard = number(image, "symbols_heard") + number(image, "symbols_resumed");
	box->says = (uint32_t)number(who, "version");
	if (box->first_ns == 0) {
		box->first_ns = number(event, "time_ns");
		box->had = box->says;
		copy(box->category, sizeof box->category, who, "category");
	}
	copy(box->id, sizeof box->id, who, "id");
	copy(box->class_name, sizeof box->class_name, who, "class");
	copy(box->last_state, sizeof box->last_state, event, "state");
	if (number(event, "gate_time_s"))
		box->gate_time_s = number(event, "gate_time_s");
	if (box->says == box->had && json_is_object(decision)) {
		copy(box->category, sizeof box->category, who, "category");
		copy(box->verdict, sizeof box->verdict, decision, "verdict");
		copy(box->reason, sizeof box->reason, decision, "reason");
	}
	if (heard > box->heard) {
		box->heard = heard;
		box->needed = number(image, "symbols_need");
	}
	if (strcmp(box->last_state, "up-to-date") == 0 && box->arrived_ns == 0 && box->says != box->had)
		box->arrived_ns = number(event, "time_ns");
}

static void read_events(struct box *box, const char *dir)
{
	char *text = read_text(dir, "state/events.jsonl", NULL), *rest = text, *line;
	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		json_t *event = json_loads(line, 0, NULL);
		if (event)
			take_event(box, event);
		json_decref(event);
	}
	if (box->arrived_ns > box->first_ns)
		box->seconds = (double)(box->arrived_ns - box->first_ns) / 1e9;
	free(text);
}

static bool has_image(const char *slot, const struct release *release)
{
	struct hash_stream hash;
	uint8_t buffer[65536], digest[HASH_SHA256_BYTES];
	uint64_t left = release->bytes;
	FILE *file = fopen(slot, "rb");
	bool is_good = hash_stream_init(&hash) == 0 && file;
	while (is_good && left > 0) {
		size_t want = left < sizeof buffer ? (size_t)left : sizeof buffer;
		is_good = fread(buffer, 1, want, file) == want && hash_stream_update(&hash, buffer, want) == 0;
		left -= want;
	}
	if (is_good && hash_stream_final(&hash, digest))
		is_good = false;
	hash_stream_deinit(&hash);
	if (file)
		fclose(file);
	return is_good && memcmp(digest, release->sha256, sizeof digest) == 0;
}

static void read_slots(struct box *box, const struct fleet *fleet, const char *dir)
{
	char slot[1200], flag[16];
	char *running = read_text(dir, "boot/running", NULL), *state;
	int n = running && running[0] == '1';
	snprintf(slot, sizeof slot, "%s/slot%d", dir, n);
	for (size_t i = 0; i < fleet->num_releases && box->now == 0; i++)
		if (strcmp(fleet->releases[i].class_name, box->class_name) == 0 && has_image(slot, &fleet->releases[i]))
			box->now = fleet->releases[i].version;
	snprintf(flag, sizeof flag, "boot/slot%d", n);
	state = read_text(dir, flag, NULL);
	box->is_confirmed = state == NULL || strncmp(state, "good", 4) == 0;
	free(state);
	free(running);
}

static void read_user(struct box *box, const char *dir)
{
	char *text = read_text(dir, "user.log", NULL);
	box->has_accepted = text && strstr(text, "accept");
	box->has_declined = text && strstr(text, "decline");
	free(text);
}

/* ---- what should have become of it ---------------------------------------------------------------- */

/* The four-version rule once more, in its plainest form, on the numbers that the map has for this box. */
static const char *rule_verdict(const struct policy_numbers *n, uint32_t version)
{
	if (version < n->minimum)
		return "mandatory";
	if (version < n->acceptable)
		return "offer";
	return version <= n->maximum ? "none" : "recall";
}

static void expect(struct box *box, const struct fleet *fleet, char verdict[24])
{
	const struct policy_box who = {
		.id = box->id, .class_name = box->class_name, .category = box->category, .version = box->had};
	struct policy_decision decision;
	box->expected = box->had;
	snprintf(verdict, 24, "none");
	if (policy_decide(fleet->map, &who, box->gate_time_s, &decision) || decision.numbers.current == 0)
		return;
	snprintf(verdict, 24, "%s", rule_verdict(&decision.numbers, box->had));
	if (strcmp(verdict, "mandatory") == 0 || strcmp(verdict, "recall") == 0 ||
		(strcmp(verdict, "offer") == 0 && box->has_accepted))
		box->expected = decision.numbers.current;
}

static bool print_box(const struct fleet *fleet, const char *name)
{
	struct box box = {.reason = "-", .verdict = "-"};
	char dir[512], verdict[24], symbols[48] = "-", seconds[16] = "-", now[16] = "?";
	bool is_declined, is_ok;
	snprintf(dir, sizeof dir, "%s/%s", fleet->boxes_dir, name);
	snprintf(box.name, sizeof box.name, "%s", name);
	read_events(&box, dir);
	read_user(&box, dir);
	read_slots(&box, fleet, dir);
	expect(&box, fleet, verdict);
	is_declined = box.has_declined && strcmp(box.reason, "declined") == 0;
	is_ok = box.id[0] && box.now == box.expected && box.says == box.now && box.is_confirmed &&
		(strcmp(box.verdict, verdict) == 0 || (is_declined && strcmp(verdict, "offer") == 0)) &&
		strcmp(box.last_state, "failed") != 0;
	if (box.needed)
		snprintf(symbols, sizeof symbols, "%" PRIu64 "/%" PRIu64, box.heard, box.needed);
	if (box.seconds > 0)
		snprintf(seconds, sizeof seconds, "%.1f", box.seconds);
	if (box.now)
		snprintf(now, sizeof now, "%" PRIu32, box.now);
	printf("%-12s %-18s %-11s %4" PRIu32 "  %-9s %-18s %8" PRIu32 " %4s %8s %14s  %s\n", box.name, box.class_name,
		box.category, box.had, box.verdict, box.reason, box.expected, now, seconds, symbols,
		is_ok ? "ok" : "WRONG");
	return is_ok;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int print_fleet(const struct fleet *fleet)
{
	static char names[MAX_BOXES][64];
	size_t count = 0, good = 0;
	DIR *dir = opendir(fleet->boxes_dir);
	struct dirent *entry;
	while (dir && count < MAX_BOXES && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < sizeof *names)
			strcpy(names[count++], entry->d_name);
	if (dir)
		closedir(dir);
	qsort(names, count, sizeof *names, compare_names);
	printf("%-12s %-18s %-11s %4s  %-9s %-18s %8s %4s %8s %14s  %s\n", "box", "class", "category", "had",
		"decision", "reason", "expected", "now", "seconds", "heard/needed", "ok");
	for (size_t i = 0; i < count; i++)
		good += print_box(fleet, names[i]);
	printf("%zu of %zu boxes run what the rule says\n", good, count);
	return count > 0 && good == count ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli *cli, int argc, char **argv)
{
	static struct fleet fleet;
	const char *map = NULL, *manifests = NULL;
	const struct cli_option options[] = {
		{"map", CLI_STRING, &map, 0, 0, "FILE", "the signed map"},
		{"manifests", CLI_STRING, &manifests, 0, 0, "DIR", "signed manifests of all releases, *.dsse"},
		{"boxes", CLI_STRING, &fleet.boxes_dir, 0, 0, "DIR", "a folder a box"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 0, 0);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (map == NULL || manifests == NULL || fleet.boxes_dir == NULL)
		return cli_usage(cli, "--map, --manifests and --boxes are needed");
	result = load_map(&fleet, map);
	if (result)
		return cli_fail(cli, "%s: %s", map, carousel_strerror(result));
	result = load_manifests(&fleet, manifests);
	if (result)
		return cli_fail(cli, "%s: %s", manifests, carousel_strerror(result));
	result = print_fleet(&fleet);
	policy_map_free(fleet.map);
	return result;
}

int main(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {{"print", "--map FILE --manifests DIR --boxes DIR", "the table", run}};
	const struct cli_program program = {"fleet_table", "what became of a fleet", verbs, 1};
	return cli_main(&program, argc, argv);
}
