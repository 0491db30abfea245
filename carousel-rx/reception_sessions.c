#include "carousel-rx/reception_internal.h"

#include "common/carousel_error.h"

#include <string.h>

int reception_allow_tsi(struct reception *r, uint32_t tsi)
{
	for (unsigned i = 0; i < r->num_tsis; i++)
		if (r->tsis[i] == tsi)
			return 0;
	if (r->num_tsis == RECEPTION_MAX_TSIS)
		return CAROUSEL_E_LIMIT;
	r->tsis[r->num_tsis++] = tsi;
	return 0;
}

int reception_tsi(const struct reception *r, uint64_t tsi, uint32_t *session_tsi, bool *is_heartbeat)
{
	for (unsigned i = 0; i < r->num_tsis; i++) {
		if (r->tsis[i] == tsi || (uint64_t)r->tsis[i] + 1 == tsi) {
			*session_tsi = r->tsis[i];
			*is_heartbeat = r->tsis[i] != tsi;
			return 0;
		}
	}
	return CAROUSEL_E_FOREIGN_SESSION;
}

/* ---- who is heard ----------------------------------------------------------------------------------------- */

void reception_end_session(struct reception *r, struct reception_session *s)
{
	object_table_deinit(&s->table);
	for (unsigned i = 0; i < RECEPTION_FDT_SLOTS; i++)
		collector_free(s->fdt[i].collector);
	if (s->has_proof)
		r->num_proofs--;
	if (r->latest == s)
		r->latest = NULL;
	*s = (struct reception_session){0};
}

static struct reception_session *reception_find_session(
	struct reception *r, const struct carousel_addr *source, uint32_t tsi)
{
	if (r->latest && r->latest->tsi == tsi && loss_is_same_host(&r->latest->source, source))
		return r->latest;
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++) {
		struct reception_session *s = &r->sessions[i];
		if (s->is_used && s->tsi == tsi && loss_is_same_host(&s->source, source))
			return s;
	}
	return NULL;
}

/* An empty place, else that of the session not heard for longest: strangers give way before those with proof. */
static struct reception_session *reception_place(struct reception *r, uint64_t now_ns)
{
	struct reception_session *best = NULL;
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++) {
		struct reception_session *s = &r->sessions[i];
		if (!s->is_used)
			return s;
		if (now_ns - s->heard_ns < (s->has_proof ? RECEPTION_IDLE_NS : RECEPTION_SECOND_NS))
			continue;
		if (best == NULL || s->has_proof < best->has_proof ||
			(s->has_proof == best->has_proof && s->heard_ns < best->heard_ns))
			best = s;
	}
	if (best)
		reception_end_session(r, best);
	return best;
}

int reception_session_of(struct reception *r, const struct carousel_addr *source, uint32_t tsi, uint64_t now_ns,
	struct reception_session **out)
{
	struct reception_session *s = reception_find_session(r, source, tsi);
	if (s == NULL) {
		s = reception_place(r, now_ns);
		if (s == NULL)
			return CAROUSEL_E_LIMIT;
		*s = (struct reception_session){.is_used = true, .source = *source, .tsi = tsi, .fdt_done_ns = now_ns};
		s->serial = ++r->next_serial;
		object_table_init(&s->table, r->config.allocator);
	}
	s->heard_ns = now_ns;
	*out = r->latest = s;
	return 0;
}

void reception_forget_heartbeats(struct reception *r)
{
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		r->sessions[i].heartbeat_sequence = 0;
}

const struct reception_session *reception_session_at(const struct reception *r, unsigned index)
{
	return index < RECEPTION_MAX_SESSIONS ? &r->sessions[index] : NULL;
}
