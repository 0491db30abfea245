#include "carousel-rx/reception.h"

#include "common/carousel_error.h"

#include <string.h>

#define RECEPTION_IDLE_NS       60000000000u /* a session or object not heard for so long may make room */
#define RECEPTION_FDT_AGAIN_NS  10000000000u /* FDT instances are gathered once more after this: they are not signed */
#define RECEPTION_BACKLOG_NS    30000000000u /* nothing waits longer for its FDT */
#define RECEPTION_HOLD_OFF_NS   1000000000u  /* first wait after a document was refused; doubles */
#define RECEPTION_MAX_HOLD_OFFS 3u           /* so many times: what was refused may have been a forger's, now gone */
#define RECEPTION_SILENT_NS     2000000000u  /* where memory is short, what was not heard for so long gives way */
#define RECEPTION_FDT_MAX_BYTES (256u * 1024u)
#define RECEPTION_SECOND_NS     1000000000u

struct reception {
	struct reception_config config;
	struct reception_session sessions[RECEPTION_MAX_SESSIONS], *latest;
	uint32_t tsis[RECEPTION_MAX_TSIS];
	unsigned num_tsis, num_proofs;
	uint32_t next_serial;
	uint32_t num_ready; /* documents that wait for a job, FDTs included */
	bool has_image, is_paused;
	struct store_image image;
	struct index_collector *index;
	struct backlog backlog;
	uint64_t backlog_ns;
	struct loss loss;
	uint64_t packets, bytes, heard_ns;
	uint64_t drops[CAROUSEL_ERROR_NUMBERS];
	uint64_t socket_drops[RECEPTION_MAX_CHANNELS];
	uint64_t second_ns, second_packets, last_packets;
};

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

static void reception_end_session(struct reception *r, struct reception_session *s)
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

/* ---- sessions ------------------------------------------------------------------------------------- */

/* Of the TSI of a packet: the session's own, or one more for heartbeats. */
static int reception_tsi(const struct reception *r, uint64_t tsi, uint32_t *session_tsi, bool *is_heartbeat)
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

static int reception_session_of(struct reception *r, const struct carousel_addr *source, uint32_t tsi, uint64_t now_ns,
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

/* ---- symbols -------------------------------------------------------------------------------------- */

/* One packet's symbols are consecutive (RFC 6330 section 4.4.2); the last may be short when it is the object's. */
struct symbol_run {
	uint32_t sbn, esi;
	const uint8_t *data; /* NULL: absent */
	size_t len;
	uint16_t size; /* of a symbol */
};

typedef int (*symbol_fn)(void *sink, const struct fec_oti *, uint32_t sbn, uint32_t esi, const uint8_t *, size_t);

/* 0 when at least one symbol was of use, else why the last was not. */
static int reception_each_symbol(const struct symbol_run *run, const struct fec_oti *oti, symbol_fn add, void *sink)
{
	int result = CAROUSEL_E_SYMBOL;
	bool is_useful = false;
	size_t off = 0;
	for (uint32_t i = 0; off < run->len; i++) {
		size_t len = run->len - off < run->size ? run->len - off : run->size;
		int added;
		if (run->esi > UINT32_MAX - i)
			break;
		added = add(sink, oti, run->sbn, run->esi + i, run->data ? run->data + off : NULL, len);
		if (added == 0)
			is_useful = true;
		else
			result = added;
		off += len;
	}
	return is_useful ? 0 : result;
}

static int reception_check_packet(const struct object *o, const struct alc_packet *p)
{
	if (!p->has_payload_id || p->lct.codepoint != o->oti.encoding_id)
		return CAROUSEL_E_OTI;
	if (p->has_fti) {
		struct fec_oti oti = p->oti;
		int result = fec_oti_check(&oti, NULL);
		if (result)
			return result;
		if (!fec_oti_is_equal(&oti, &o->oti))
			return CAROUSEL_E_CONFLICT;
	}
	return 0;
}

/* The collector not heard for longest makes room. False: all are being heard. */
static bool reception_make_room(struct reception *r, uint64_t now_ns)
{
	struct object *oldest = NULL;
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++) {
		struct reception_session *s = &r->sessions[i];
		for (size_t k = 0; k < RECEPTION_FDT_SLOTS + s->table.count; k++) {
			struct object *o =
				k < RECEPTION_FDT_SLOTS ? &s->fdt[k] : &s->table.objects[k - RECEPTION_FDT_SLOTS];
			if (o->collector && !o->is_ready && now_ns - o->heard_ns >= RECEPTION_SILENT_NS &&
				(oldest == NULL || o->heard_ns < oldest->heard_ns))
				oldest = o;
		}
	}
	if (oldest == NULL)
		return false;
	collector_free(oldest->collector);
	oldest->collector = NULL;
	return true;
}

static int reception_to_collector(
	void *sink, const struct fec_oti *oti, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len)
{
	(void)oti;
	return collector_add(sink, sbn, esi, symbol, len);
}

/* Documents and FDTs: a collector is made with the first symbol. */
static int reception_collect(
	struct reception *r, struct object *o, const struct symbol_run *run, size_t max_bytes, uint64_t now_ns)
{
	int result;
	if (o->is_busy || o->is_ready || now_ns < o->retry_ns)
		return 0;
	if (run->data == NULL)
		return CAROUSEL_E_SYMBOL;
	if (o->collector == NULL) {
		do
			result = collector_new(&o->collector, r->config.allocator, &o->oti, max_bytes);
		while (result == CAROUSEL_E_MEMORY && reception_make_room(r, now_ns));
		if (result) {
			/* Too large, or no memory within the budget just now: not for this packet to decide that
			 * the receiver is at its end. */
			o->retry_ns = now_ns + RECEPTION_SECOND_NS;
			return result == CAROUSEL_E_MEMORY ? CAROUSEL_E_LIMIT : result;
		}
	}
	result = reception_each_symbol(run, &o->oti, reception_to_collector, o->collector);
	if (result == CAROUSEL_E_LIMIT) {
		/* Full and not solvable: somebody sent symbols of another object under this TOI. */
		collector_free(o->collector);
		o->collector = NULL;
	}
	if (result == 0 && collector_is_ready(o->collector)) {
		o->is_ready = true;
		r->num_ready++;
	}
	return result;
}

static int reception_to_index(
	void *sink, const struct fec_oti *oti, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len)
{
	int result = symbol ? index_collector_add(sink, oti, sbn, esi, symbol, len) : CAROUSEL_E_SYMBOL;
	return result == CAROUSEL_E_MEMORY ? CAROUSEL_E_LIMIT : result;
}

struct reception_store_sink {
	struct store *store;
	uint64_t now_ns;
};

static int reception_to_store(
	void *sink, const struct fec_oti *oti, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t len)
{
	const struct reception_store_sink *s = sink;
	(void)oti;
	return store_add(s->store, sbn, esi, symbol, len, s->now_ns);
}

static int reception_image(
	struct reception *r, const struct reception_session *s, const struct symbol_run *run, uint64_t now_ns)
{
	struct reception_store_sink sink = {r->config.store, now_ns};
	/* Where a session has shown signatures that count, strangers may not add symbols. */
	if (!s->has_proof && r->num_proofs)
		return CAROUSEL_E_FOREIGN_SESSION;
	return reception_each_symbol(run, &r->image.layout.oti, reception_to_store, &sink);
}

/* ---- objects -------------------------------------------------------------------------------------- */

static bool reception_is_fdt_done(const struct reception_session *s, uint32_t id)
{
	unsigned count = s->fdt_done_count < RECEPTION_FDT_MEMORY ? s->fdt_done_count : RECEPTION_FDT_MEMORY;
	for (unsigned i = 0; i < count; i++)
		if (s->fdt_done[i] == id)
			return true;
	return false;
}

/* The place where an FDT instance is gathered; the one heard less recently makes room. Two of one instance id but
 * different parameters are two: one of them is a forger's, and must not keep out the other. oti: checked, of packets
 * that have any. */
static struct object *reception_fdt_slot(
	struct reception *r, struct reception_session *s, const struct alc_packet *p, const struct fec_oti *oti)
{
	uint8_t encoding = p->has_cenc ? p->content_encoding : ALC_CENC_NULL;
	struct object *o, *oldest = NULL;
	for (unsigned i = 0; i < RECEPTION_FDT_SLOTS; i++) {
		o = &s->fdt[i];
		if (o->role == OBJECT_ROLE_FDT && o->toi == p->fdt_instance_id &&
			(!p->has_fti || (fec_oti_is_equal(&o->oti, oti) && o->content_encoding == encoding)))
			return o;
		if (!o->is_busy && (oldest == NULL || o->heard_ns < oldest->heard_ns))
			oldest = o;
	}
	if (oldest == NULL || !p->has_fti)
		return NULL;
	if (oldest->is_ready)
		r->num_ready--;
	collector_free(oldest->collector);
	*oldest = (struct object){
		.role = OBJECT_ROLE_FDT, .toi = p->fdt_instance_id, .oti = *oti, .content_encoding = encoding};
	return oldest;
}

static int reception_fdt(struct reception *r, struct reception_session *s, const struct alc_packet *p,
	struct symbol_run *run, uint64_t now_ns)
{
	const struct fec_limits limits = {.max_transfer_length = RECEPTION_FDT_MAX_BYTES};
	struct fec_oti oti = p->oti;
	struct object *o;
	int result;
	if (!p->has_fdt)
		return CAROUSEL_E_MALFORMED;
	if (now_ns - s->fdt_done_ns > RECEPTION_FDT_AGAIN_NS) {
		s->fdt_done_count = 0;
		s->fdt_done_ns = now_ns;
	}
	if (reception_is_fdt_done(s, p->fdt_instance_id))
		return 0;
	if (p->has_fti) {
		result = fec_oti_check(&oti, &limits);
		if (result)
			return result;
	}
	o = reception_fdt_slot(r, s, p, &oti);
	if (o == NULL)
		return CAROUSEL_E_UNKNOWN_OBJECT;
	o->heard_ns = now_ns;
	result = reception_check_packet(o, p);
	if (result)
		return result;
	run->size = o->oti.symbol_size;
	return reception_collect(r, o, run, RECEPTION_FDT_MAX_BYTES, now_ns);
}

static int reception_known(struct reception *r, struct reception_session *s, struct object *o,
	const struct alc_packet *p, struct symbol_run *run, uint64_t now_ns)
{
	int result;
	o->heard_ns = now_ns;
	if (o->route == OBJECT_TO_NOWHERE)
		return 0;
	result = reception_check_packet(o, p);
	if (result)
		return result;
	run->size = o->oti.symbol_size;
	switch (o->route) {
	case OBJECT_TO_STORE:
		return r->is_paused ? 0 : reception_image(r, s, run, now_ns);
	case OBJECT_TO_INDEX:
		return r->is_paused || index_collector_is_done(r->index)
			       ? 0
			       : reception_each_symbol(run, &o->oti, reception_to_index, r->index);
	default:
		return reception_collect(r, o, run, r->config.document_bytes, now_ns);
	}
}

static int reception_session_packet(struct reception *r, struct reception_session *s, const struct alc_packet *p,
	size_t absent_bytes, uint64_t now_ns, bool *is_unknown)
{
	struct symbol_run run = {p->id.sbn, p->id.esi, p->payload, p->payload_len, 0};
	struct object *o;
	*is_unknown = false;
	if (absent_bytes) {
		if (p->payload_len)
			return CAROUSEL_E_MALFORMED;
		run.data = NULL;
		run.len = absent_bytes;
	}
	if (run.len == 0)
		return 0;
	if (p->lct.toi == 0)
		return reception_fdt(r, s, p, &run, now_ns);
	o = object_table_find(&s->table, p->lct.toi);
	if (o)
		return reception_known(r, s, o, p, &run, now_ns);
	*is_unknown = true;
	return CAROUSEL_E_UNKNOWN_OBJECT;
}

/* ---- datagrams ------------------------------------------------------------------------------------ */

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

/* ---- what is wanted ------------------------------------------------------------------------------- */

static void reception_route(const struct reception *r, struct object *o)
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

/* ---- documents ------------------------------------------------------------------------------------ */

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

void reception_forget_heartbeats(struct reception *r)
{
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		r->sessions[i].heartbeat_sequence = 0;
}

void reception_doubt(struct reception *r)
{
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		r->sessions[i].fdt_done_count = 0;
}

/* ---- looking in ------------------------------------------------------------------------------------ */

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

const struct reception_session *reception_session_at(const struct reception *r, unsigned index)
{
	return index < RECEPTION_MAX_SESSIONS ? &r->sessions[index] : NULL;
}
