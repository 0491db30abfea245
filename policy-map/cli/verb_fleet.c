#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/json_fields.h"
#include "policy-map/cli/document.h"
#include "policy-map/cli/fleet.h"
#include "policy-map/fleet/fleet_file.h"
#include "policy-map/fleet/fleet_import.h"
#include "policy-map/map_value.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

int fleet_open(const struct cli *cli, const char *path, bool must_exist, struct fleet_db **db)
{
	int result = fleet_db_open(path, must_exist, db);
	if (result == CAROUSEL_E_MALFORMED)
		return cli_fail(cli, "%s: this is no fleet database", path);
	if (result == CAROUSEL_E_UNSUPPORTED)
		return cli_fail(cli, "%s: the database was made by another version of policy-map", path);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

int fleet_fail(const struct cli *cli, const char *path, const struct fleet_db *db, int error)
{
	if (error == CAROUSEL_E_STORAGE || error == CAROUSEL_E_MALFORMED)
		return cli_fail(cli, "%s: %s", path, fleet_db_message(db));
	return cli_fail(cli, "%s: %s", path, carousel_strerror(error));
}

int fleet_check_out(const struct cli *cli, const char *path, const char *out)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char beside[4096];
		const struct document_other other = {"the fleet database", beside, false};
		int result = snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]) < (int)sizeof beside
				     ? document_check_out(cli, out, &other, 1)
				     : cli_usage(cli, "the path is too long");
		if (result != CLI_OK)
			return result;
	}
	return CLI_OK;
}

/* ---- import ---- */

#define FAULTS_NAMED 20u

struct import_run {
	const char *path;
	json_t *faults; /* NULL: no JSON is wanted */
};

static void name_line(void *user, const struct fleet_import_fault *f)
{
	struct import_run *run = user;
	const char *quote = f->value[0] == '"' ? "" : "\""; /* JSON brings its own */
	fprintf(stderr, "%s:%" PRIu64 ": skipped: %s", run->path, f->line, carousel_strerror(f->error));
	if (f->value[0])
		fprintf(stderr, ": %s%s%s%s%s", f->column ? f->column : "", f->column ? " " : "", quote, f->value,
			quote);
	else if (f->column)
		fprintf(stderr, ": there is no %s", f->column);
	fputc('\n', stderr);
	if (run->faults == NULL)
		return;
	json_fields_append(
		&run->faults, json_pack("{s:I,s:s,s:s?,s:s}", "line", (json_int_t)f->line, "error",
				      carousel_error_name(f->error), "column", f->column, "value", f->value));
}

static int print_import(
	const struct cli *cli, const struct fleet_import *im, const struct import_run *run, bool known, bool json)
{
	if (run && im->bad > im->max_faults)
		fprintf(stderr, "%s: %" PRIu64 " more lines were skipped\n", run->path, im->bad - im->max_faults);
	if (json)
		return cli_print_json(
			cli, json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:O*}", "format", "carousel-fleet-import/1",
				     "lines", (json_int_t)im->lines, "taken", (json_int_t)im->taken, "older",
				     (json_int_t)im->older, "bad", (json_int_t)im->bad, "signed",
				     (json_int_t)im->signed_lines, "unsigned", (json_int_t)im->unsigned_lines, "known",
				     (int)known, "faults", run ? run->faults : NULL));
	if (known)
		printf("%" PRIu64 " lines, which were imported before: nothing to do\n", im->lines);
	else
		printf("%" PRIu64 " lines: %" PRIu64 " taken (%" PRIu64 " signed, %" PRIu64 " not), %" PRIu64
		       " older, %" PRIu64 " bad\n",
			im->lines, im->taken, im->signed_lines, im->unsigned_lines, im->older, im->bad);
	return CLI_OK;
}

/* What to do with a file that is of another kind than was said. */
static const char *kind_hint(enum fleet_kind kind)
{
	switch (kind) {
	case FLEET_KIND_REPORTS:
		return "these are reports of boxes, or other JSON: give none of --csv, --keys and --map for them";
	case FLEET_KIND_LIST:
		return "this is a list of boxes (CSV): give --csv";
	case FLEET_KIND_KEYS:
		return "these are keys of boxes: give --keys";
	case FLEET_KIND_MAP:
		return "this is a version map: give --map";
	case FLEET_KIND_PACKED:
		return "this is compressed: unpack it, as by gunzip -c FILE | policy-map fleet import DB -";
	default:
		return "this is a database; DB comes before FILE";
	}
}

/* A file that cannot be read at all is told from a database that cannot be written. */
static int import_failed(
	const struct cli *cli, const char *db_path, const char *path, const struct fleet_import *im, int error)
{
	if (error == CAROUSEL_E_SYNTAX)
		return cli_fail(cli, "%s:1: the header lacks one of box_id, class, version (or box_id, public)", path);
	if (error == CAROUSEL_E_WRONG_TYPE)
		return cli_fail(cli, "%s: %s", path, kind_hint(im->kind));
	if (error == CAROUSEL_E_REFUSED)
		return cli_fail(cli, "%s: each of its lines is bad: nothing was imported", path);
	if (error == CAROUSEL_E_UNSUPPORTED)
		return cli_fail(cli, "%s: this is UTF-16, or no text at all; UTF-8 is needed", path);
	if (error == CAROUSEL_E_IO)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(error));
	return fleet_fail(cli, db_path, im->db, error);
}

static int import_into(const struct cli *cli, const char *db_path, struct fleet_import *im, struct import_run *run,
	FILE *file, int (*import)(struct fleet_import *, FILE *))
{
	int result, error = import(im, file);
	if (error == 0 || error == CAROUSEL_E_DUPLICATE || error == CAROUSEL_E_REFUSED) {
		result = print_import(cli, im, run, error == CAROUSEL_E_DUPLICATE, run->faults != NULL);
		if (error != CAROUSEL_E_REFUSED || result != CLI_OK)
			return result;
	}
	return import_failed(cli, db_path, run->path, im, error);
}

static int import_file(const struct cli *cli, const char *db_path, const char *path,
	int (*import)(struct fleet_import *, FILE *), uint64_t jobs, uint64_t faults, bool json)
{
	struct import_run run = {path, json ? json_array() : NULL};
	struct fleet_import im = {.now_s = clock_wall_s(),
		.jobs = (unsigned)jobs,
		.max_faults = faults,
		.user = &run,
		.report = name_line};
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int result;
	if (file == NULL) {
		result = cli_fail(cli, "%s: %s", path, carousel_strerror(file_error(errno)));
	} else {
		result = fleet_open(cli, db_path, false, &im.db);
		if (result == CLI_OK)
			result = import_into(cli, db_path, &im, &run, file, import);
		fleet_db_close(im.db);
	}
	json_decref(run.faults);
	if (file && file != stdin)
		fclose(file);
	return result;
}

/* What the database remembers of a map: when which version was current, on hold or recalled. */
static int import_map(const struct cli *cli, const char *db_path, const char *path, bool json)
{
	struct fleet_import im = {.lines = 1};
	struct policy_map *map = NULL;
	int result = document_load_map(cli, path, false, &map), error;
	if (result == CLI_OK)
		result = fleet_open(cli, db_path, false, &im.db);
	if (result == CLI_OK) {
		error = fleet_db_begin(im.db);
		if (error == 0)
			error = fleet_db_put_map(im.db, map);
		if (error == 0)
			error = fleet_db_commit(im.db);
		im.taken = error == 0;
		result = error && error != CAROUSEL_E_DUPLICATE
				 ? fleet_fail(cli, db_path, im.db, error)
				 : print_import(cli, &im, NULL, error == CAROUSEL_E_DUPLICATE, json);
	}
	fleet_db_close(im.db);
	policy_map_free(map);
	return result;
}

/* That this process may run on. */
static uint64_t cores(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	return count < 1 ? 1 : count > (int)CREW_MOST ? CREW_MOST : (uint64_t)count;
}

static int fleet_verb_import(const struct cli *cli, int argc, char **argv)
{
	bool csv = false, keys = false, map = false, json = false;
	uint64_t jobs = cores(), faults = FAULTS_NAMED;
	const struct cli_option options[] = {
		{"csv", CLI_FLAG, &csv, 0, 0, NULL, "a list: box_id,class,category,version[,time], or with a header"},
		{"keys", CLI_FLAG, &keys, 0, 0, NULL, "lines of box_id,public key (base64 DER): enrols boxes"},
		{"map", CLI_FLAG, &map, 0, 0, NULL, "a version map: when versions were issued, held, recalled"},
		{"jobs", CLI_U64, &jobs, 1, CREW_MOST, "N", "threads that check signatures (default: one a core)"},
		{"bad", CLI_U64, &faults, 0, 0, "N", "bad lines that are named, the others are counted (default 20)"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	if (csv + keys + map > 1)
		return cli_usage(cli, "one of --csv, --keys and --map");
	if (map)
		return import_map(cli, argv[1], argv[2], json);
	return import_file(cli, argv[1], argv[2],
		keys  ? fleet_import_keys
		: csv ? fleet_import_csv
		      : fleet_import_reports,
		jobs, faults, json);
}

/* ---- export ---- */

static int write_version(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	return fleet_file_write(user, &(struct fleet_file_row){FLEET_FILE_BOXES, .class_name = class_name,
					      .category = category, .version = version, .count = count});
}

static int write_box(void *user, const struct fleet_box *b)
{
	return fleet_file_write(user, &(struct fleet_file_row){FLEET_FILE_BOX, b->id, b->class_name, b->category,
					      b->version, 1, b->since_s, b->seen_s});
}

static int export_to(struct fleet_db *db, FILE *file, bool summary)
{
	int result = fleet_db_begin_reading(db);
	if (result == 0)
		result = fleet_file_write_head(file);
	if (result == 0)
		result = fleet_db_each_version(db, write_version, file);
	if (result == 0 && !summary)
		result = fleet_db_each(db, write_box, file);
	if (result == 0)
		result = fleet_db_end_reading(db);
	return result == 0 && (ferror(file) || fflush(file) != 0) ? CAROUSEL_E_IO : result;
}

/* To a file beside the one wanted, which it replaces when it is whole. */
static int export_file(struct fleet_db *db, const char *path, bool summary)
{
	char temporary[4096];
	FILE *file;
	int result;
	if (strcmp(path, "-") == 0)
		return export_to(db, stdout, summary);
	if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
		return CAROUSEL_E_ARGUMENT;
	file = fopen(temporary, "we");
	if (file == NULL)
		return file_error(errno);
	result = export_to(db, file, summary);
	if (result == 0)
		result = file_sync(fileno(file));
	if (fclose(file) != 0 && result == 0)
		result = CAROUSEL_E_IO;
	if (result == 0 && rename(temporary, path) != 0)
		result = file_error(errno);
	if (result)
		remove(temporary);
	return result ? result : file_sync_parent(path);
}

static int fleet_verb_export(const struct cli *cli, int argc, char **argv)
{
	bool summary = false, json = false;
	const struct cli_option options[] = {
		{"summary", CLI_FLAG, &summary, 0, 0, NULL, "numbers of boxes only, no box ids"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON: the file that was written"},
	};
	struct fleet_db *db;
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 2, 2), error;
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = document_check_stdout(cli, json, argv[2], "the fleet");
	if (result == CLI_OK)
		result = fleet_check_out(cli, argv[1], argv[2]);
	if (result == CLI_OK)
		result = fleet_open(cli, argv[1], true, &db);
	if (result != CLI_OK)
		return result;
	error = export_file(db, argv[2], summary);
	if (error)
		result = fleet_fail(cli, argv[2], db, error);
	if (result == CLI_OK && json)
		result = cli_print_json(cli, json_pack("{s:s,s:o,s:b}", "format", "carousel-fleet-export/1", "file",
						     document_json_path(argv[2]), "summary", (int)summary));
	fleet_db_close(db);
	return result;
}

/* ---- show ---- */

static int show_version(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	json_t *list = user;
	if (list)
		json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I}", "class", class_name, "category", category,
						    "version", (json_int_t)version, "boxes", (json_int_t)count));
	else
		printf("%-24s %-16s %10" PRIu32 " %10" PRIu64 "\n", class_name, category, version, count);
	return 0;
}

static int show_history(void *user, uint32_t version, uint64_t since_s, uint64_t until_s)
{
	char since[MAP_VALUE_TIME_BYTES], until[MAP_VALUE_TIME_BYTES];
	json_t *list = user;
	if (list)
		json_array_append_new(list, json_pack("{s:I,s:I,s:I}", "version", (json_int_t)version, "since",
						    (json_int_t)since_s, "until", (json_int_t)until_s));
	else
		printf("%10" PRIu32 "  %s  %s\n", version, map_value_print_time(since, since_s),
			until_s ? map_value_print_time(until, until_s) : "now");
	return 0;
}

/* What is known of a box, and whose word it is. */
static int show_box(void *user, const struct fleet_box *b)
{
	static const char *const words[FLEET_NUM_TRUST] = {"list", "unsigned", "signed"};
	char seen[MAP_VALUE_TIME_BYTES];
	const char *word = (unsigned)b->trust < FLEET_NUM_TRUST ? words[b->trust] : "unknown";
	json_t **json = user;
	if (json) {
		*json = json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:s}", "box_id", b->id, "class",
			b->class_name, "category", b->category, "version", (json_int_t)b->version, "since",
			(json_int_t)b->since_s, "seen", (json_int_t)b->seen_s, "serial", (json_int_t)b->serial,
			"failures", (json_int_t)b->failures, "state", b->state, "reason", b->reason, "source", word);
		return 0;
	}
	printf("%s  %s  %s  %s\n", b->id, b->class_name, b->category, word);
	if (b->seen_s)
		printf("heard of %s: %s%s%s, map %" PRIu64 ", %" PRId64 " failures\n",
			map_value_print_time(seen, b->seen_s), b->state, b->reason[0] ? ", " : "", b->reason, b->serial,
			b->failures);
	return 0;
}

static int show_one(const struct cli *cli, const char *path, struct fleet_db *db, const char *id, bool json)
{
	json_t *list = json ? json_array() : NULL, *box = NULL;
	int result = CLI_OK, error = fleet_db_begin_reading(db);
	if (error == 0)
		error = fleet_db_box(db, id, show_box, json ? &box : NULL);
	if (error == 0)
		error = fleet_db_history(db, id, show_history, list);
	if (error == 0)
		error = fleet_db_end_reading(db);
	if (error)
		result = fleet_fail(cli, error == CAROUSEL_E_NOT_FOUND ? id : path, db, error);
	else if (json)
		result = cli_print_json(cli,
			json_pack("{s:s,s:O,s:O}", "format", "carousel-fleet-show/1", "box", box, "history", list));
	json_decref(box);
	json_decref(list);
	return result;
}

static int show_all(const struct cli *cli, const char *path, struct fleet_db *db, bool json)
{
	json_t *list = json ? json_array() : NULL;
	int error = fleet_db_each_version(db, show_version, list), result = CLI_OK;
	if (error)
		result = fleet_fail(cli, path, db, error);
	else if (json)
		result = cli_print_json(
			cli, json_pack("{s:s,s:O}", "format", "carousel-fleet-show/1", "versions", list));
	json_decref(list);
	return result;
}

static int fleet_verb_show(const struct cli *cli, int argc, char **argv)
{
	const char *box = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{"box", CLI_STRING, &box, 0, 0, "ID", "what one box ran, and since when"},
		{"json", CLI_FLAG, &json, 0, 0, NULL, "print JSON"},
	};
	struct fleet_db *db;
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	result = fleet_open(cli, argv[1], true, &db);
	if (result == CLI_OK)
		result = box ? show_one(cli, argv[1], db, box, json) : show_all(cli, argv[1], db, json);
	fleet_db_close(db);
	return result;
}

int verb_fleet(const struct cli *cli, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"import", "DB FILE [--csv | --keys | --map] [--jobs N] [--bad N]",
			"take reports of boxes, lists, keys of boxes, or signed maps", fleet_verb_import},
		{"export", "DB OUT [--summary]", "the flat file for scheduler and simulator", fleet_verb_export},
		{"show", "DB [--box ID]", "how many boxes run what; or the history of one", fleet_verb_show},
		{"watch", "DB --map MAP --abort 'failure>1%' --out DRAFT [--once]",
			"draft a hold when too much fails, and exit 3", fleet_verb_watch},
		{"kpi", "DB --map MAP", "adoption, failures, time to patch and to stop, silent boxes", fleet_verb_kpi},
	};
	const struct cli_program program = {
		"policy-map fleet", "the fleet database", verbs, sizeof verbs / sizeof *verbs};
	(void)cli;
	return cli_main(&program, argc, argv);
}
