/* Any bytes as what comes into the fleet database, and as what leaves it: the first byte says as which. */
#include "tests/fuzz/fuzz.h"

#include "common/carousel_error.h"
#include "policy-map/box_report.h"
#include "policy-map/files/line_reader.h"
#include "policy-map/fleet/fleet_file.h"
#include "policy-map/fleet/fleet_import.h"

#include <stdio.h>
#include <string.h>

static FILE *open_bytes(const uint8_t *data, size_t len)
{
	FILE *file = fmemopen(NULL, len + 1, "w+");
	FUZZ_ASSERT(file && fwrite(data, 1, len, file) == len && fflush(file) == 0);
	FUZZ_ASSERT(fseek(file, 0, SEEK_SET) == 0);
	return file;
}

/* Both readers of a report say the same. */
static void report(const uint8_t *data, size_t len)
{
	static struct box_report fast, full;
	int result = box_report_parse_any(&full, data, len);
	FUZZ_ASSERT(box_report_parse(&fast, data, len) == result);
	FUZZ_ASSERT(result != 0 || memcmp(&fast, &full, sizeof fast) == 0);
}

struct seen {
	uint64_t boxes, counted;
};

static int see_box(void *user, const struct fleet_box *b)
{
	struct seen *s = user;
	s->boxes++;
	FUZZ_ASSERT(policy_is_box_id(b->id) && policy_is_name(b->class_name) && policy_is_name(b->category));
	FUZZ_ASSERT(b->since_s <= 1000 && b->seen_s <= 1000);
	return 0;
}

static int see_version(void *user, const char *class_name, const char *category, uint32_t version, uint64_t count)
{
	struct seen *s = user;
	(void)class_name;
	(void)category;
	(void)version;
	s->counted += count;
	return 0;
}

static void see_fault(void *user, const struct fleet_import_fault *f)
{
	(void)user;
	FUZZ_ASSERT(f->line && f->error && strlen(f->value) < sizeof f->value);
	for (const char *c = f->value; *c; c++)
		FUZZ_ASSERT(*c >= 0x20 && *c < 0x7f);
}

/* Lines that were taken are boxes with good names, none of them heard of in the future. */
static void import(const uint8_t *data, size_t len, int (*function)(struct fleet_import *, FILE *))
{
	struct fleet_import im = {.now_s = 1000, .max_faults = 1000, .report = see_fault};
	struct seen seen = {0};
	FILE *file = open_bytes(data, len);
	int result;
	FUZZ_ASSERT(fleet_db_open(":memory:", false, &im.db) == 0);
	result = function(&im, file);
	FUZZ_ASSERT(result == 0 || result == CAROUSEL_E_SYNTAX || result == CAROUSEL_E_UNSUPPORTED ||
		    result == CAROUSEL_E_WRONG_TYPE || result == CAROUSEL_E_REFUSED);
	FUZZ_ASSERT(fleet_db_each(im.db, see_box, &seen) == 0);
	FUZZ_ASSERT(fleet_db_each_version(im.db, see_version, &seen) == 0);
	FUZZ_ASSERT(seen.boxes == seen.counted && seen.boxes <= im.taken);
	FUZZ_ASSERT(im.taken + im.older + im.bad <= im.lines);
	fleet_db_close(im.db);
	fclose(file);
}

/* What was read, written again, reads the same. */
static void fleet_file(const uint8_t *data, size_t len)
{
	static struct fleet_file_reader reader, again;
	struct fleet_file_row row, other;
	FILE *file = open_bytes(data, len), *copy = tmpfile();
	uint64_t rows = 0;
	FUZZ_ASSERT(copy && fleet_file_write_head(copy) == 0);
	fleet_file_init(&reader, file);
	for (; fleet_file_next(&reader, &row) == 0; rows++)
		FUZZ_ASSERT(fleet_file_write(copy, &row) == 0);
	rewind(copy);
	fleet_file_init(&again, copy);
	for (; rows; rows--)
		FUZZ_ASSERT(fleet_file_next(&again, &other) == 0);
	fclose(file);
	fclose(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	switch (data[0]) {
	case 'r':
		report(data + 1, len - 1);
		break;
	case 'l':
		import(data + 1, len - 1, fleet_import_reports);
		break;
	case 'c':
		import(data + 1, len - 1, fleet_import_csv);
		break;
	case 'k':
		import(data + 1, len - 1, fleet_import_keys);
		break;
	case 'f':
		fleet_file(data + 1, len - 1);
		break;
	}
	return 0;
}
