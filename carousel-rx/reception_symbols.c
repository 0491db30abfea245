#include "carousel-rx/reception_internal.h"

#include "common/carousel_error.h"

#include <string.h>

#define RECEPTION_FDT_AGAIN_NS  10000000000u /* FDT instances are gathered once more after this: they are not signed */
#define RECEPTION_SILENT_NS     2000000000u  /* where memory is short, what was not heard for so long gives way */
#define RECEPTION_FDT_MAX_BYTES (256u * 1024u)

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

/* ---- documents -------------------------------------------------------------------------------------------- */

bool reception_make_room(struct reception *r, uint64_t now_ns)
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

/* ---- index and image -------------------------------------------------------------------------------------- */

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

/* ---- FDT instances ---------------------------------------------------------------------------------------- */

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

/* ---- of any object ---------------------------------------------------------------------------------------- */

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

int reception_session_packet(struct reception *r, struct reception_session *s, const struct alc_packet *p,
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
