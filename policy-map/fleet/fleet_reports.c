/* Reports of boxes: lines are taken in batches, whose parsing and whose signatures a crew of threads shares, and are
 * put into the database in the order of the file. So the outcome is the same with any number of threads. While the crew
 * works on one batch, the caller puts the last one and reads the next. */
#include "policy-map/fleet/fleet_intake.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "common/memory.h"
#include "policy-map/box_report.h"
#include "policy-map/policy.h"

#include <stdlib.h>
#include <string.h>

/* Few lines for one thread stay in its cache; several need enough to be worth waking them. */
#define LINES_ALONE  32u
#define LINES_THREAD 128u
#define LINE_BYTES   1024u /* of a usual line, at most: the text of a batch is so long, or one line */

struct report_line {
	uint64_t line;
	int result;
	const char *text; /* within the batch's; NULL: passed over by the reader */
	size_t len;
	bool is_signed; /* it is an envelope */
	bool has_key;   /* the box is enrolled */
	struct key_public key;
	struct box_report report;
	struct envelope envelope;
};

struct batch {
	struct report_line *lines;
	char *text;
	size_t count, used;
	int end; /* what ended it, when it was not full: NOT_FOUND at the end of the file, or an error */
};

struct reports {
	struct intake *intake;
	struct crew *crew;
	unsigned jobs;
	size_t max_lines, max_text;
	struct batch batches[2];
};

/* ---- a batch, by whoever holds it ---- */

static int parse_line(struct report_line *l)
{
	struct envelope *e = &l->envelope;
	int result;
	l->is_signed = strstr(l->text, "\"payload\"") != NULL;
	if (!l->is_signed)
		return box_report_parse(&l->report, (const uint8_t *)l->text, l->len);
	result = envelope_parse(NULL, e, l->text, l->len);
	if (result)
		return result;
	if (strcmp(e->type, ENVELOPE_TYPE_REPORT) != 0)
		return CAROUSEL_E_WRONG_TYPE;
	return box_report_parse(&l->report, e->payload, e->payload_len);
}

static void parse(void *user, size_t from, size_t to)
{
	struct batch *b = user;
	for (size_t i = from; i < to; i++) {
		if (b->lines[i].result == 0)
			b->lines[i].result = parse_line(&b->lines[i]);
	}
}

/* An enrolled box is believed only under its own signature. */
static void verify(void *user, size_t from, size_t to)
{
	struct batch *b = user;
	for (size_t i = from; i < to; i++) {
		struct report_line *l = &b->lines[i];
		const struct key_public *const keys[] = {&l->key};
		if (l->result == 0 && l->has_key && (!l->is_signed || envelope_verify(&l->envelope, keys, 1, 1) != 0))
			l->result = CAROUSEL_E_SIGNATURE;
	}
}

/* ---- in the order of the file, by the caller ---- */

static void add_line(struct batch *b, const struct line_reader *r, int result, const char *text, size_t len)
{
	struct report_line *l = &b->lines[b->count++];
	l->line = r->line;
	l->result = result;
	l->text = NULL;
	l->len = len;
	l->is_signed = l->has_key = false;
	l->envelope.signed_bytes = NULL;
	if (text == NULL)
		return;
	l->text = memcpy(b->text + b->used, text, len + 1);
	b->used += len + 1;
}

static void read_batch(struct reports *s, struct batch *b)
{
	struct line_reader *r = &s->intake->reader;
	b->count = b->used = 0;
	while (b->end == 0 && b->count < s->max_lines && s->max_text - b->used > LINE_READER_MAX) {
		char *text = NULL;
		size_t len = 0;
		int result = line_reader_next(r, 0, &text, &len);
		if (intake_is_over(result))
			b->end = result;
		else if (result || len)
			add_line(b, r, result, text, text ? strlen(text) : 0);
		s->intake->im->lines += b->end == 0;
	}
}

static void look_up_keys(struct reports *s, struct batch *b, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct report_line *l = &b->lines[i];
		int result =
			l->result ? CAROUSEL_E_NOT_FOUND : fleet_db_key(s->intake->im->db, l->report.box_id, &l->key);
		l->has_key = result == 0;
		if (result && result != CAROUSEL_E_NOT_FOUND)
			l->result = result;
	}
}

static int put_report(struct intake *x, const struct report_line *l)
{
	const struct box_report *r = &l->report;
	int64_t failed = box_report_kpi(r, "failed_version", 0);
	const struct fleet_news news = {.box_id = r->box_id,
		.class_name = r->class_name,
		.category = r->category,
		.state = r->state,
		.reason = r->reason,
		.version = r->version,
		.epoch = r->epoch,
		.serial = r->serial,
		.failures = box_report_kpi(r, "failures", 0),
		.failed_version = failed > 0 && failed <= POLICY_VERSION_MAX ? (uint32_t)failed : 0,
		.heard_s = intake_heard(x, r->time_s ? r->time_s : x->im->now_s),
		.trust = l->has_key ? FLEET_SIGNED : FLEET_UNSIGNED};
	return fleet_db_put(x->im->db, &news);
}

static int count_line(struct intake *x, const struct report_line *l, int result)
{
	char value[FLEET_IMPORT_VALUE_BYTES];
	const struct envelope *e = &l->envelope;
	x->column = NULL;
	if (result == CAROUSEL_E_SIGNATURE) {
		x->column = "box_id";
		x->value = l->report.box_id;
	} else if (result == CAROUSEL_E_WRONG_TYPE) {
		x->column = "payloadType";
		x->value = e->type;
	} else if (result && l->text && x->im->bad < x->im->max_faults) {
		x->value = value;
		x->column = e->signed_bytes ? box_report_fault(e->payload, e->payload_len, value, sizeof value)
					    : box_report_fault((const uint8_t *)l->text, l->len, value, sizeof value);
	}
	return intake_count(x, l->line, result, l->text, l->len);
}

static int put_batch(struct reports *s, struct batch *b)
{
	int result = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct report_line *l = &b->lines[i];
		if (result == 0)
			result = count_line(s->intake, l, l->result ? l->result : put_report(s->intake, l));
		envelope_deinit(NULL, &l->envelope);
	}
	b->count = 0;
	return result;
}

/* ---- one batch after the other ---- */

/* A part of it for each thread. */
static void share(struct reports *s, struct batch *b, crew_work_fn work)
{
	size_t part = (b->count + s->jobs - 1) / s->jobs;
	for (size_t from = 0; from < b->count; from += part) {
		size_t to = b->count - from < part ? b->count : from + part;
		if (work == verify)
			look_up_keys(s, b, from, to);
		crew_give(s->crew, work, b, from, to);
	}
}

static int take_batches(struct reports *s)
{
	struct batch *now = &s->batches[0], *other = &s->batches[1], *next;
	int result;
	read_batch(s, now);
	do {
		share(s, now, parse);
		result = put_batch(s, other);
		crew_wait(s->crew);
		share(s, now, verify);
		other->end = now->end;
		if (result == 0)
			read_batch(s, other);
		crew_wait(s->crew);
		next = other;
		other = now;
		now = next;
	} while (result == 0 && other->count);
	for (unsigned i = 0; i < 2; i++) {
		for (size_t k = 0; k < s->batches[i].count; k++)
			envelope_deinit(NULL, &s->batches[i].lines[k].envelope);
	}
	return result ? result : now->end == CAROUSEL_E_NOT_FOUND ? 0 : now->end;
}

static int take_reports(struct intake *x, void *user)
{
	struct reports s = {.intake = x, .jobs = x->im->jobs > 1 ? x->im->jobs : 1};
	int result;
	(void)user;
	if (s.jobs > CREW_MOST)
		s.jobs = CREW_MOST;
	s.max_lines = s.jobs > 1 ? (size_t)LINES_THREAD * s.jobs : LINES_ALONE;
	s.max_text = s.max_lines * LINE_BYTES + LINE_READER_MAX + 1;
	result = crew_new(&s.crew, s.jobs);
	for (unsigned i = 0; i < 2 && result == 0; i++) {
		s.batches[i].lines = memory_alloc(NULL, s.max_lines, sizeof *s.batches[i].lines);
		s.batches[i].text = memory_alloc(NULL, s.max_text, 1);
		if (s.batches[i].lines == NULL || s.batches[i].text == NULL)
			result = CAROUSEL_E_MEMORY;
	}
	if (result == 0)
		result = take_batches(&s);
	crew_free(s.crew);
	for (unsigned i = 0; i < 2; i++) {
		memory_free(NULL, s.batches[i].lines);
		memory_free(NULL, s.batches[i].text);
	}
	return result;
}

int fleet_import_reports(struct fleet_import *im, FILE *file)
{
	const struct intake_kind kind = {FLEET_KIND_REPORTS, true, take_reports, NULL};
	return intake_run(im, file, &kind);
}
