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
#define LINES_ALONE  16u
#define LINES_THREAD 128u
#define BATCHES      5u
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
};

struct reports {
	struct intake *intake;
	struct crew *crew;
	size_t max_lines, max_text;
	struct batch batches[BATCHES];
	struct batch *to_read, *to_parse, *to_look_up, *to_verify, *to_put;
	int end; /* of reading: NOT_FOUND at the end of the file, or an error */
};

/* ---- by the crew ---- */

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

/* An enrolled box is believed only under its own signature. */
static int verify_line(const struct report_line *l)
{
	const struct key_public *const keys[] = {&l->key};
	if (l->has_key && (!l->is_signed || envelope_verify(&l->envelope, keys, 1, 1) != 0))
		return CAROUSEL_E_SIGNATURE;
	return 0;
}

/* The items are the lines of both batches, those to verify first: they take longer. */
static void work(void *user, size_t from, size_t to)
{
	const struct reports *s = user;
	for (size_t i = from; i < to; i++) {
		bool is_parsed = i < s->to_verify->count;
		struct report_line *l =
			is_parsed ? &s->to_verify->lines[i] : &s->to_parse->lines[i - s->to_verify->count];
		if (l->result == 0)
			l->result = is_parsed ? verify_line(l) : parse_line(l);
	}
}

/* ---- by the caller ---- */

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
	while (s->end == 0 && b->count < s->max_lines && s->max_text - b->used > LINE_READER_MAX) {
		char *text = NULL;
		size_t len = 0;
		int result = line_reader_next(r, 0, &text, &len);
		if (intake_is_over(result))
			s->end = result;
		else if (result || len)
			add_line(b, r, result, text, text ? strlen(text) : 0);
		s->intake->im->lines += s->end == 0;
	}
}

static void look_up_keys(struct reports *s, struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
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
		.is_undated = r->time_s == 0,
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

static void forget_line(struct report_line *l)
{
	if (l->envelope.signed_bytes)
		envelope_deinit(NULL, &l->envelope);
}

static int put_batch(struct reports *s, struct batch *b)
{
	int result = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct report_line *l = &b->lines[i];
		if (result == 0)
			result = count_line(s->intake, l, l->result ? l->result : put_report(s->intake, l));
		forget_line(l);
	}
	b->count = 0;
	return result;
}

/* ---- one step after the other ---- */

static int take_batches(struct reports *s)
{
	int result = 0;
	for (unsigned step = 0; result == 0; step++) {
		s->to_put = &s->batches[step % BATCHES];
		s->to_verify = &s->batches[(step + 1) % BATCHES];
		s->to_look_up = &s->batches[(step + 2) % BATCHES];
		s->to_parse = &s->batches[(step + 3) % BATCHES];
		s->to_read = &s->batches[(step + 4) % BATCHES];
		crew_start(s->crew, work, s, s->to_verify->count + s->to_parse->count);
		result = put_batch(s, s->to_put);
		look_up_keys(s, s->to_look_up);
		read_batch(s, s->to_read);
		crew_wait(s->crew);
		if (s->end && s->to_verify->count + s->to_look_up->count + s->to_parse->count + s->to_read->count == 0)
			return result ? result : s->end == CAROUSEL_E_NOT_FOUND ? 0 : s->end;
	}
	return result;
}

static int make_batches(struct reports *s, unsigned jobs)
{
	s->max_lines = jobs > 1 ? (size_t)LINES_THREAD * jobs : LINES_ALONE;
	s->max_text = s->max_lines * LINE_BYTES + LINE_READER_MAX + 1;
	for (unsigned i = 0; i < BATCHES; i++) {
		s->batches[i].lines = memory_alloc(NULL, s->max_lines, sizeof *s->batches[i].lines);
		s->batches[i].text = memory_alloc(NULL, s->max_text, 1);
		if (s->batches[i].lines == NULL || s->batches[i].text == NULL)
			return CAROUSEL_E_MEMORY;
	}
	return 0;
}

static void free_batches(struct reports *s)
{
	for (unsigned i = 0; i < BATCHES; i++) {
		struct batch *b = &s->batches[i];
		for (size_t k = 0; k < b->count; k++)
			forget_line(&b->lines[k]);
		memory_free(NULL, b->lines);
		memory_free(NULL, b->text);
	}
}

static int take_reports(struct intake *x, void *user)
{
	struct reports s = {.intake = x};
	const unsigned jobs = x->im->jobs < CREW_MOST ? x->im->jobs : CREW_MOST;
	int result = crew_new(&s.crew, jobs);
	(void)user;
	if (result == 0)
		result = make_batches(&s, jobs);
	if (result == 0)
		result = take_batches(&s);
	crew_free(s.crew);
	free_batches(&s);
	return result;
}

int fleet_import_reports(struct fleet_import *im, FILE *file)
{
	const struct intake_kind kind = {FLEET_KIND_REPORTS, true, take_reports, NULL};
	return intake_run(im, file, &kind);
}
