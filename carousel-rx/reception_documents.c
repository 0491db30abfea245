#include "carousel-rx/reception_internal.h"

#include "common/carousel_error.h"

#include <string.h>

#define RECEPTION_HOLD_OFF_NS   1000000000u /* first wait after a document was refused; doubles */
#define RECEPTION_MAX_HOLD_OFFS 3u          /* so many times: what was refused may have been a forger's, now gone */

static bool reception_lend(
	struct reception *r, const struct reception_session *s, struct object *o, struct reception_document *d)
{
	if (!o->is_ready)
		return false;
	*d = (struct reception_document){.role = o->role,
		.collector = o->collector,
		.content_encoding = o->content_encoding,
		.session = (uint32_t)(s - r->sessions),
		.session_serial = s->serial,
		.toi = o->toi};
	o->collector = NULL;
	o->is_ready = false;
	o->is_busy = true;
	r->num_ready--;
	return true;
}

bool reception_next_document(struct reception *r, struct reception_document *d)
{
	if (r->num_ready == 0)
		return false;
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++) {
		struct reception_session *s = &r->sessions[i];
		for (unsigned k = 0; k < RECEPTION_FDT_SLOTS; k++)
			if (reception_lend(r, s, &s->fdt[k], d))
				return true;
		for (size_t k = 0; k < s->table.count; k++)
			if (reception_lend(r, s, &s->table.objects[k], d))
				return true;
	}
	r->num_ready = 0; /* they went with their session */
	return false;
}

static struct object *reception_lender(
	struct reception *r, const struct reception_document *d, struct reception_session **session)
{
	struct reception_session *s = &r->sessions[d->session];
	struct object *o = NULL;
	if (!s->is_used || s->serial != d->session_serial)
		return NULL;
	*session = s;
	if (d->role == OBJECT_ROLE_FDT) {
		for (unsigned k = 0; k < RECEPTION_FDT_SLOTS; k++)
			if (s->fdt[k].toi == d->toi && s->fdt[k].is_busy)
				o = &s->fdt[k];
	} else {
		o = object_table_find(&s->table, d->toi);
	}
	return o && o->is_busy ? o : NULL;
}

static void reception_hold_off(struct object *o, uint64_t now_ns)
{
	o->retry_ns = now_ns + ((uint64_t)RECEPTION_HOLD_OFF_NS << o->failures);
	if (o->failures < RECEPTION_MAX_HOLD_OFFS)
		o->failures++;
}

void reception_document_done(
	struct reception *r, const struct reception_document *d, int result, bool is_proof, uint64_t now_ns)
{
	struct reception_session *s;
	struct object *o = reception_lender(r, d, &s);
	if (o && result == CAROUSEL_E_NEED_MORE) {
		o->collector = d->collector;
		o->is_busy = false;
		return;
	}
	collector_free(d->collector);
	if (o == NULL)
		return;
	o->is_busy = false;
	if (result) {
		if (result == CAROUSEL_E_MEMORY)
			(void)reception_make_room(r, now_ns);
		reception_hold_off(o, now_ns);
		return;
	}
	if (d->role == OBJECT_ROLE_FDT) {
		s->fdt_done[s->fdt_done_count++ % RECEPTION_FDT_MEMORY] = (uint32_t)d->toi;
		*o = (struct object){0};
		return;
	}
	o->is_done = true;
	o->route = OBJECT_TO_NOWHERE;
	if (is_proof && !s->has_proof) {
		s->has_proof = true;
		r->num_proofs++;
	}
}

/* ---- FDT instances ---------------------------------------------------------------------------------------- */

struct reception_drain {
	struct reception *r;
	struct reception_session *s;
	uint64_t highest_toi, now_ns;
};

/* Packets of the session whose table has just grown; those of TOIs beyond it may be named by the next. */
static bool reception_drain_packet(void *user, uint32_t mark, const uint8_t *packet, size_t len)
{
	struct reception_drain *d = user;
	struct alc_packet p;
	bool is_unknown;
	int result;
	if (mark != d->s->serial)
		return true;
	if (alc_parse(packet, len, &p))
		return false;
	result = reception_session_packet(d->r, d->s, &p, 0, d->now_ns, &is_unknown);
	if (is_unknown && p.lct.toi > d->highest_toi)
		return true;
	if (result < 0)
		d->r->drops[-result]++;
	return false;
}

void reception_take_fdt(
	struct reception *r, const struct reception_document *doc, const struct fdt *fdt, uint64_t now_ns)
{
	struct reception_drain drain = {.r = r, .now_ns = now_ns};
	uint32_t changed;
	if (reception_lender(r, doc, &drain.s) == NULL)
		return;
	if (object_table_take(&drain.s->table, fdt, r->config.class_name, now_ns, RECEPTION_IDLE_NS, &changed))
		r->drops[-CAROUSEL_E_LIMIT]++;
	r->drops[-CAROUSEL_E_CONFLICT] += changed;
	/* Two FDTs that contradict each other: the true one, done with long ago, shall be heard again. */
	if (changed)
		drain.s->fdt_done_count = 0;
	for (size_t i = 0; i < drain.s->table.count; i++)
		reception_route(r, &drain.s->table.objects[i]);
	if (drain.s->table.count)
		drain.highest_toi = drain.s->table.objects[drain.s->table.count - 1].toi;
	backlog_drain(&r->backlog, reception_drain_packet, &drain);
}

/* ---- once more -------------------------------------------------------------------------------------------- */

void reception_hear_again(struct reception *r, enum object_role role)
{
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++) {
		struct object_table *t = &r->sessions[i].table;
		for (size_t k = 0; k < t->count; k++) {
			if (t->objects[k].role != role)
				continue;
			t->objects[k].retry_ns = t->objects[k].failures = 0;
			if (!t->objects[k].is_done)
				continue;
			t->objects[k].is_done = false;
			t->objects[k].route = OBJECT_TO_COLLECTOR;
		}
	}
}

void reception_doubt(struct reception *r)
{
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		r->sessions[i].fdt_done_count = 0;
}
