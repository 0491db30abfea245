#include "carousel-tx/session.h"

#include "carousel-tx/announce.h"
#include "common/carousel_error.h"
#include "common/gzip.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NTP_OF_1970              2208988800u
#define TROUBLE_BYTES            160u
#define SCHEDULE_NS              (3600ull * TX_NS_PER_S)
#define HEARTBEAT_SHARED(period) ((period) / 2) /* channels whose turns are closer than this send the same one */

uint64_t tx_wall_ns(const struct tx *tx, uint64_t now_ns)
{
	return tx->wall_ns + (now_ns > tx->wall_at_ns ? now_ns - tx->wall_at_ns : 0);
}

const char *tx_trouble_text(enum tx_trouble which)
{
	static const char *const names[TX_NUM_TROUBLES] = {"the schedule cannot be made", "the FDT cannot be made",
		"heartbeats cannot be made", "the counters cannot be stored"};
	return names[which];
}

void tx_object_trouble_text(const struct tx_object *object, char *text, size_t cap)
{
	snprintf(text, cap, "%s %" PRIu32 ": its %s cannot be read or encoded", object->class_name, object->version,
		tx_role_name(object->role));
}

static bool is_new_trouble(int *now, int error)
{
	const bool is_new = error && error != *now;
	*now = error;
	return is_new;
}

void tx_trouble(struct tx *tx, enum tx_trouble which, int error)
{
	if (is_new_trouble(&tx->troubles[which], error))
		log_write(tx->config.log, CAROUSEL_LOG_WARNING, "%s: %s", tx_trouble_text(which),
			carousel_strerror(error));
}

void tx_object_trouble(struct tx *tx, struct tx_object *object, int error)
{
	char text[TROUBLE_BYTES];
	if (!is_new_trouble(&object->trouble, error))
		return;
	tx_object_trouble_text(object, text, sizeof text);
	log_write(tx->config.log, CAROUSEL_LOG_WARNING, "%s: %s", text, carousel_strerror(error));
}

void tx_session_changed(struct tx *tx)
{
	tx->fdt_dirty = true;
	tx->schedule_dirty = true;
	for (uint32_t i = 0; i < tx->config.num_channels; i++)
		tx->channels[i].look_again_ns = tx->channels[i].control_check_ns = 0;
}

void tx_session_add(struct tx *tx, struct tx_object *object, uint64_t now_ns)
{
	struct tx_object **at = &tx->objects;
	while (*at)
		at = &(*at)->next;
	*at = object;
	for (uint32_t i = 0; i < object->num_streams; i++) {
		object->streams[i].due_ns = now_ns;
		object->streams[i].virtual_time = tx->channels[i].scheduler.virtual_time;
	}
	tx_session_changed(tx);
}

void tx_session_sweep(struct tx *tx)
{
	struct tx_object **at = &tx->objects;
	while (*at) {
		struct tx_object *object = *at;
		if (!object->is_removed || tx_object_jobs(object)) {
			at = &object->next;
			continue;
		}
		*at = object->next;
		tx_object_free(&tx->context, object);
	}
}

void tx_session_remove(struct tx *tx, struct tx_object *object)
{
	struct tx_object *companion = object->companion;
	object->image = object->companion = NULL;
	object->is_removed = true;
	if (companion)
		tx_session_remove(tx, companion);
}

static struct tx_object *find_document(struct tx *tx, enum tx_role role, const char *class_name)
{
	for (struct tx_object *o = tx->objects; o; o = o->next)
		if (o->is_document && !o->is_removed && o->role == role && strcmp(o->class_name, class_name) == 0)
			return o;
	return NULL;
}

/* Bytes that fit one symbol go as they are; more are compressed, if that makes them less. */
static int document_object(
	struct tx *tx, struct tx_object_spec *spec, const void *bytes, size_t len, struct tx_object **object)
{
	uint8_t *packed = NULL;
	int result = 0;
	if (len > TX_MAX_DOCUMENT_BYTES)
		return CAROUSEL_E_LIMIT;
	spec->encoding_id = tx->config.control_no_code ? FEC_COMPACT_NO_CODE : FEC_RAPTORQ;
	spec->bytes = bytes;
	spec->len = spec->content_bytes = len;
	if (len > tx->config.symbol_size) {
		result = gzip_encode(tx->config.allocator, bytes, len, &packed, &spec->len);
		spec->is_gzip = result == 0 && spec->len < len;
		spec->bytes = spec->is_gzip ? packed : bytes;
		spec->len = spec->is_gzip ? spec->len : len;
	}
	if (result == 0)
		result = tx_object_new(&tx->context, spec, object);
	memory_free(tx->config.allocator, packed);
	return result;
}

int tx_session_set_document(
	struct tx *tx, enum tx_role role, const char *class_name, const void *bytes, size_t len, uint64_t now_ns)
{
	struct tx_object *old = find_document(tx, role, class_name ? class_name : ""), *object;
	uint8_t sha256[HASH_SHA256_BYTES];
	int result = hash_sha256(bytes, len, sha256);
	if (result || (old && old->content_bytes == len && memcmp(old->sha256, sha256, sizeof sha256) == 0))
		return result;
	if (len) {
		struct tx_object_spec spec = {.role = role, .class_name = class_name, .sha256 = sha256};
		result = document_object(tx, &spec, bytes, len, &object);
		if (result)
			return result;
		tx_session_add(tx, object, now_ns);
	}
	if (old) {
		tx_session_remove(tx, old);
		tx_session_sweep(tx);
		tx_session_changed(tx);
	}
	return result;
}

uint64_t tx_session_rate(const struct tx *tx)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < tx->config.num_channels; i++) {
		if (tx->channels[i].pacer.rate_bps == 0)
			return 0;
		sum += tx->channels[i].pacer.rate_bps;
	}
	return sum;
}

static int renew_schedule(struct tx *tx, uint64_t now_ns)
{
	uint64_t until_s = tx_wall_ns(tx, now_ns) / TX_NS_PER_S + 2 * SCHEDULE_NS / TX_NS_PER_S;
	char *text;
	size_t len;
	int result;
	tx->schedule_dirty = false;
	tx->schedule_renew_ns = now_ns + SCHEDULE_NS;
	if (tx->config.heartbeat_signer == NULL || tx->wall_ns == 0)
		return 0;
	result = tx_announce_schedule(
		&tx->config, tx->objects, tx->heartbeat_sequence, until_s, tx_session_rate(tx), &text, &len);
	if (result == 0) {
		result = tx_session_set_document(tx, TX_ROLE_SCHEDULE, NULL, text, len, now_ns);
		memory_free(tx->config.allocator, text);
	}
	tx->schedule_dirty = false;
	tx_trouble(tx, TX_TROUBLE_SCHEDULE, result);
	return result == CAROUSEL_E_MEMORY ? result : 0;
}

static int renew_fdt(struct tx *tx, uint64_t now_ns)
{
	uint64_t expires = (tx_wall_ns(tx, now_ns) + tx->config.fdt_lifetime_ns) / TX_NS_PER_S + NTP_OF_1970, instance;
	struct tx_object_spec spec = {.role = TX_ROLE_FDT};
	struct tx_object *object = NULL;
	uint8_t *xml;
	size_t len;
	int result;
	if (!tx_lease_take(&tx->counters, &tx->counters.fdt_instance, &instance))
		return 0;
	result = tx_announce_fdt(&tx->config, tx->objects, expires, &xml, &len);
	if (result == 0) {
		result = document_object(tx, &spec, xml, len, &object);
		memory_free(tx->config.allocator, xml);
	}
	tx->fdt_dirty = false;
	tx->fdt_renew_ns = now_ns + tx->config.fdt_lifetime_ns / 2;
	tx_trouble(tx, TX_TROUBLE_FDT, result);
	if (result) {
		tx->fdt_renew_ns = now_ns + TX_NS_PER_S;
		return result == CAROUSEL_E_MEMORY ? result : 0;
	}
	for (uint32_t i = 0; i < object->num_streams; i++)
		object->streams[i].due_ns = now_ns;
	tx_object_free(&tx->context, tx->fdt);
	tx->fdt = object;
	tx->fdt_instance = (uint32_t)(instance & ALC_MAX_FDT_INSTANCE_ID);
	return 0;
}

int tx_session_renew(struct tx *tx, uint64_t now_ns)
{
	int result = 0;
	if (tx->schedule_dirty || now_ns >= tx->schedule_renew_ns)
		result = renew_schedule(tx, now_ns);
	if (result == 0 && (tx->fdt_dirty || now_ns >= tx->fdt_renew_ns))
		result = renew_fdt(tx, now_ns);
	return result;
}

int tx_session_fdt_packet(
	struct tx *tx, uint32_t channel, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx_object *fdt = tx->fdt;
	struct tx_stream *stream = &fdt->streams[channel];
	struct tx_packet payload;
	struct alc_packet header = {
		.lct = {.version = LCT_VERSION,
			.codepoint = fdt->layout.oti.encoding_id,
			.has_tsi = true,
			.has_toi = true,
			.cci = tx->config.no_sequence ? 0 : tx->channels[channel].sequence,
			.tsi = tx->config.tsi},
		.has_fti = true,
		.has_fdt = true,
		.has_cenc = fdt->is_gzip,
		.has_sct = tx->wall_ns != 0,
		.has_payload_id = true,
		.flute_version = tx->config.flute_version,
		.content_encoding = fdt->is_gzip ? ALC_CENC_GZIP : ALC_CENC_NULL,
		.fdt_instance_id = tx->fdt_instance,
		.sct_ntp = tx_ntp_of_wall(tx_wall_ns(tx, now_ns)),
		.id = {.sbn = stream->symbol.sbn, .esi = stream->symbol.esi},
		.oti = fdt->layout.oti,
	};
	struct bytes_writer w;
	uint8_t saved[ALC_MAX_HEADER_BYTES];
	size_t plain = tx_header_bytes(&fdt->header, true);
	int result;
	bytes_writer_init(&w, buffer, cap);
	result = alc_write_header(&w, &header);
	if (result == 0 && w.len < plain)
		result = CAROUSEL_E_LIMIT;
	if (result)
		return result;
	/* The object writes its plain header and payload further on, so that the payload meets the header's end. */
	memcpy(saved, buffer, w.len);
	result = tx_object_next_packet(
		&tx->context, fdt, channel, 0, buffer + (w.len - plain), cap - (w.len - plain), &payload, now_ns);
	memcpy(buffer, saved, w.len);
	*packet = payload;
	packet->len = payload.len + (w.len - plain);
	return result;
}

bool tx_session_heartbeat_due(struct tx *tx, uint32_t channel, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	uint64_t period = tx->config.period_ns[TX_ROLE_HEARTBEAT], sequence, rate = tx_session_rate(tx);
	char *text;
	size_t len;
	int result;
	if (tx->config.heartbeat_signer == NULL || tx->wall_ns == 0 || now_ns < c->heartbeat_due_ns)
		return false;
	if (tx->heartbeat && c->heartbeat_sent != tx->heartbeat_sequence &&
		now_ns - tx->heartbeat_ns < HEARTBEAT_SHARED(period))
		return true;
	if (!tx_lease_take(&tx->counters, &tx->counters.heartbeat, &sequence))
		return false;
	result = tx_announce_heartbeat(
		&tx->config, &tx->map, sequence, tx_wall_ns(tx, now_ns) / TX_NS_PER_S, rate, &text, &len);
	tx_trouble(tx, TX_TROUBLE_HEARTBEAT, result);
	if (result) {
		c->heartbeat_due_ns = now_ns + period;
		return false;
	}
	memory_free(tx->config.allocator, tx->heartbeat);
	tx->heartbeat = text;
	tx->heartbeat_len = len;
	tx->heartbeat_sequence = sequence;
	tx->heartbeat_ns = now_ns;
	return true;
}

int tx_session_heartbeat_packet(
	struct tx *tx, uint32_t channel, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx_channel *c = &tx->channels[channel];
	uint64_t period = tx->config.period_ns[TX_ROLE_HEARTBEAT];
	struct alc_packet header = {
		.lct = {.version = LCT_VERSION,
			.codepoint = FEC_COMPACT_NO_CODE,
			.has_tsi = true,
			.has_toi = true,
			.cci = tx->config.no_sequence ? 0 : c->sequence,
			.tsi = tx->config.tsi + 1,
			.toi = (uint32_t)tx->heartbeat_sequence},
		.has_fti = true,
		.has_payload_id = true,
		.oti = {.encoding_id = FEC_COMPACT_NO_CODE,
			.transfer_length = tx->heartbeat_len,
			.symbol_size = (uint16_t)tx->heartbeat_len,
			.max_block_symbols = 1},
	};
	struct bytes_writer w;
	int result = fec_oti_check(&header.oti, NULL);
	if (result)
		return result;
	bytes_writer_init(&w, buffer, cap);
	result = alc_write_header(&w, &header);
	if (result)
		return result;
	bytes_write(&w, tx->heartbeat, tx->heartbeat_len);
	if (w.error)
		return w.error;
	*packet = (struct tx_packet){.len = w.len, .role = TX_ROLE_HEARTBEAT};
	c->heartbeat_sent = tx->heartbeat_sequence;
	c->heartbeat_due_ns += period;
	if (c->heartbeat_due_ns < now_ns)
		c->heartbeat_due_ns = now_ns + period / 2;
	return 0;
}
