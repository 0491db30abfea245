#include "policy-map/fleet/fleet_file.h"

#include "common/carousel_error.h"
#include "policy-map/map_value.h"

#include <inttypes.h>
#include <string.h>

#define MAX_WORDS 7u

void fleet_file_init(struct fleet_file_reader *r, FILE *file)
{
	r->line = 0;
	r->has_head = false;
	r->boxes_in_summary = r->boxes_listed = 0;
	r->error = line_reader_init(&r->lines, file, false);
}

/* Each line of the file has an end: one without was cut. */
static int next_line(struct fleet_file_reader *r, char **line)
{
	size_t len;
	int result = line_reader_next(&r->lines, 0, line, &len);
	r->line = r->lines.line;
	if (result)
		return result;
	if (len >= FLEET_FILE_MAX_LINE)
		return CAROUSEL_E_LIMIT;
	return r->lines.has_end ? 0 : CAROUSEL_E_TRUNCATED;
}

/* Words in place; those behind the last that is known are left out. */
static unsigned cut(char *line, char *words[MAX_WORDS])
{
	unsigned count = 0;
	for (char *p = line; *p && count < MAX_WORDS;) {
		while (*p == ' ')
			*p++ = '\0';
		if (*p == '\0')
			break;
		words[count++] = p;
		p += strcspn(p, " ");
	}
	if (count == MAX_WORDS)
		words[MAX_WORDS - 1][strcspn(words[MAX_WORDS - 1], " ")] = '\0';
	return count;
}

static int take_names(struct fleet_file_row *row, const char *class_name, const char *category, const char *version)
{
	uint64_t number = 0;
	int result = map_value_number(version, 0, UINT32_MAX, &number);
	row->class_name = class_name;
	row->category = category;
	row->version = (uint32_t)number;
	return !policy_is_name(class_name) || !policy_is_name(category) ? CAROUSEL_E_MALFORMED : result;
}

static int take_boxes(struct fleet_file_reader *r, char *const *words, unsigned count, struct fleet_file_row *row)
{
	int result = count >= 5 ? take_names(row, words[1], words[2], words[3]) : CAROUSEL_E_SYNTAX;
	if (result == 0)
		result = map_value_number(words[4], 0, INT64_MAX, &row->count);
	if (result == 0 && row->count > INT64_MAX - r->boxes_in_summary)
		result = CAROUSEL_E_RANGE;
	r->boxes_in_summary += result ? 0 : row->count;
	return result;
}

static int take_box(struct fleet_file_reader *r, char *const *words, unsigned count, struct fleet_file_row *row)
{
	int result = count >= 7 ? take_names(row, words[2], words[3], words[4]) : CAROUSEL_E_SYNTAX;
	row->kind = FLEET_FILE_BOX;
	row->count = 1;
	if (result == 0)
		row->id = words[1];
	if (result == 0 && !policy_is_box_id(row->id))
		result = CAROUSEL_E_MALFORMED;
	if (result == 0)
		result = map_value_number(words[5], 0, INT64_MAX, &row->since_s);
	if (result == 0)
		result = map_value_number(words[6], 0, INT64_MAX, &row->seen_s);
	r->boxes_listed += result == 0;
	return result;
}

static int check_head(struct fleet_file_reader *r, char *const *words, unsigned count)
{
	if (count < 2 || strcmp(words[0], "carousel-fleet") != 0)
		return CAROUSEL_E_SYNTAX;
	r->has_head = true;
	return strcmp(words[1], "1") == 0 ? 0 : CAROUSEL_E_UNSUPPORTED;
}

/* A file that was cut between two lines shows in its counts, when it has both kinds. */
static int check_end(const struct fleet_file_reader *r)
{
	if (!r->has_head)
		return CAROUSEL_E_SYNTAX;
	if (r->boxes_in_summary && r->boxes_listed && r->boxes_in_summary != r->boxes_listed)
		return r->boxes_listed < r->boxes_in_summary ? CAROUSEL_E_TRUNCATED : CAROUSEL_E_MALFORMED;
	return CAROUSEL_E_NOT_FOUND;
}

/* NEED_MORE: a line that is none of ours. */
static int take_line(struct fleet_file_reader *r, struct fleet_file_row *row)
{
	char *line = NULL, *words[MAX_WORDS];
	unsigned count;
	int result = next_line(r, &line);
	if (result)
		return result == CAROUSEL_E_NOT_FOUND ? check_end(r) : result;
	count = cut(line, words);
	memset(row, 0, sizeof *row);
	if (!r->has_head)
		return (result = check_head(r, words, count)) ? result : CAROUSEL_E_NEED_MORE;
	if (count && strcmp(words[0], "boxes") == 0)
		return take_boxes(r, words, count, row);
	if (count && strcmp(words[0], "box") == 0)
		return take_box(r, words, count, row);
	return CAROUSEL_E_NEED_MORE;
}

int fleet_file_next(struct fleet_file_reader *r, struct fleet_file_row *row)
{
	int result = r->error;
	while (result == 0) {
		result = take_line(r, row);
		if (result == 0)
			return 0;
		if (result == CAROUSEL_E_NEED_MORE)
			result = 0;
	}
	return r->error = result;
}

int fleet_file_write_head(FILE *file)
{
	return fputs("carousel-fleet 1\n", file) < 0 ? CAROUSEL_E_IO : 0;
}

int fleet_file_write(FILE *file, const struct fleet_file_row *row)
{
	int n = row->kind == FLEET_FILE_BOXES
			? fprintf(file, "boxes %s %s %" PRIu32 " %" PRIu64 "\n", row->class_name, row->category,
				  row->version, row->count)
			: fprintf(file, "box %s %s %s %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", row->id, row->class_name,
				  row->category, row->version, row->since_s, row->seen_s);
	return n < 0 ? CAROUSEL_E_IO : 0;
}
