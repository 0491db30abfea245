#include "carousel-rx/reception_internal.h"

#include "common/carousel_error.h"

#include <string.h>

#define RECEPTION_BACKLOG_NS 30000000000u /* nothing waits longer for its FDT */

int reception_new(struct reception **out, const struct reception_config *config)
{
	struct reception *r = memory_alloc(config->allocator, 1, sizeof(*r));
	if (r == NULL)
		return CAROUSEL_E_MEMORY;
	r->config = *config;
	r->tsis[r->num_tsis++] = config->tsi;
	loss_init(&r->loss);
	if (backlog_init(&r->backlog, config->allocator, config->backlog_bytes)) {
		memory_free(config->allocator, r);
		return CAROUSEL_E_MEMORY;
	}
	*out = r;
	return 0;
}

void reception_free(struct reception *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		if (r->sessions[i].is_used)
			reception_end_session(r, &r->sessions[i]);
	backlog_deinit(&r->backlog, r->config.allocator);
	memory_free(r->config.allocator, r);
}

/* ---- datagrams -------------------------------------------------------------------------------------------- */

static int reception_heartbeat(
	struct reception *r, struct reception_session *s, const struct alc_packet *p, uint64_t now_ns)
{
	int result;
	if (!p->has_fti || p->oti.encoding_id != FEC_COMPACT_NO_CODE || p->oti.transfer_length != p->payload_len ||
		p->id.sbn || p->id.esi)
		return CAROUSEL_E_OTI;
	if (s->heartbeat_sequence && p->lct.toi <= s->heartbeat_sequence)
		return CAROUSEL_E_DUPLICATE;
	result = r->config.heartbeat(r->config.user, p->lct.toi, p->payload, p->payload_len, now_ns);
	if (result)
		return result;
	s->heartbeat_sequence = p->lct.toi;
	if (!s->has_proof) {
		s->has_proof = true;
		r->num_proofs++;
	}
	return 0;
}

static void reception_count_second(struct reception *r, uint64_t now_ns)
{
	if (now_ns - r->second_ns < RECEPTION_SECOND_NS) {
		r->second_packets++;
		return;
	}
	r->last_packets = now_ns - r->second_ns < 2 * (uint64_t)RECEPTION_SECOND_NS ? r->second_packets : 0;
	r->second_ns = now_ns;
	r->second_packets = 1;
}

static int reception_keep(
	struct reception *r, const struct reception_session *s, const struct carousel_datagram *d, uint64_t now_ns)
{
	if (d->absent_bytes)
		return CAROUSEL_E_UNKNOWN_OBJECT;
	if (r->backlog.count && now_ns - r->backlog_ns > RECEPTION_BACKLOG_NS) {
		r->drops[-CAROUSEL_E_UNKNOWN_OBJECT] += r->backlog.count;
		r->backlog.len = r->backlog.count = 0;
	}
	if (r->backlog.count == 0)
		r->backlog_ns = now_ns;
	return backlog_push(&r->backlog, s->serial, d->data, d->len) ? CAROUSEL_E_UNKNOWN_OBJECT : 0;
}

static int reception_datagram(struct reception *r, const struct carousel_datagram *d, uint64_t now_ns)
{
	struct reception_session *s;
	struct alc_packet p;
	uint32_t tsi;
	bool is_heartbeat, is_unknown;
	int result;
	if (r->config.source.family && !loss_is_same_host(&r->config.source, &d->source))
		return CAROUSEL_E_FOREIGN_SESSION;
	if (d->absent_bytes && !r->config.allow_absent)
		return CAROUSEL_E_UNSUPPORTED;
	result = alc_parse(d->data, d->len, &p);
	if (result)
		return result;
	if (!p.lct.has_tsi || reception_tsi(r, p.lct.tsi, &tsi, &is_heartbeat))
		return CAROUSEL_E_FOREIGN_SESSION;
	if (d->channel < RECEPTION_MAX_CHANNELS)
		loss_push(&r->loss, &d->source, d->channel, p.lct.cci);
	if (!p.lct.has_toi || !p.has_payload_id)
		return 0; /* close session, close object: unsigned, so of no consequence */
	result = reception_session_of(r, &d->source, tsi, now_ns, &s);
	if (result)
		return result;
	r->heard_ns = now_ns;
	if (is_heartbeat)
		return reception_heartbeat(r, s, &p, now_ns);
	result = reception_session_packet(r, s, &p, d->absent_bytes, now_ns, &is_unknown);
	return is_unknown ? reception_keep(r, s, d, now_ns) : result;
}

int reception_recv(struct reception *r, const struct carousel_datagram *d, uint64_t now_ns)
{
	int result = reception_datagram(r, d, now_ns);
	r->packets++;
	r->bytes += d->len + d->absent_bytes;
	reception_count_second(r, now_ns);
	if (result < 0 && -result < CAROUSEL_ERROR_NUMBERS)
		r->drops[-result]++;
	return result;
}

/* ---- what is wanted --------------------------------------------------------------------------------------- */

void reception_route(const struct reception *r, struct object *o)
{
	bool is_wanted = r->has_image && o->has_sha256 && memcmp(o->sha256, r->image.sha256, sizeof(o->sha256)) == 0;
	if (o->role == OBJECT_ROLE_IMAGE)
		o->route = is_wanted && o->layout == r->image.layout.kind &&
					   fec_oti_is_equal(&o->oti, &r->image.layout.oti)
				   ? OBJECT_TO_STORE
				   : OBJECT_TO_NOWHERE;
	else if (o->role == OBJECT_ROLE_INDEX)
		o->route = is_wanted && r->index && o->content_encoding == ALC_CENC_NULL ? OBJECT_TO_INDEX
											 : OBJECT_TO_NOWHERE;
}

static void reception_route_all(struct reception *r)
{
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		for (size_t k = 0; k < r->sessions[i].table.count; k++)
			reception_route(r, &r->sessions[i].table.objects[k]);
}

void reception_want_image(struct reception *r, const struct store_image *image, struct index_collector *index)
{
	r->has_image = image != NULL;
	if (image)
		r->image = *image;
	r->index = image ? index : NULL;
	reception_route_all(r);
}

void reception_set_paused(struct reception *r, bool is_paused)
{
	r->is_paused = is_paused;
}

/* ---- looking in ------------------------------------------------------------------------------------------- */

void reception_socket_drops(struct reception *r, uint32_t channel, uint64_t total)
{
	if (channel < RECEPTION_MAX_CHANNELS)
		r->socket_drops[channel] = total;
}

void reception_stats(const struct reception *r, uint64_t now_ns, struct reception_stats *stats)
{
	bool is_stale = now_ns - r->second_ns >= 2 * (uint64_t)RECEPTION_SECOND_NS;
	*stats = (struct reception_stats){.packets = r->packets,
		.bytes = r->bytes,
		.heard_ns = r->heard_ns,
		.pps = is_stale ? 0 : (double)r->last_packets,
		.loss = &r->loss};
	memcpy(stats->drops, r->drops, sizeof(stats->drops));
	for (unsigned i = 0; i < RECEPTION_MAX_CHANNELS; i++)
		stats->socket_drops += r->socket_drops[i];
}

uint64_t reception_heard_ns(const struct reception *r)
{
	return r->heard_ns;
}
