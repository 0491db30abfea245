#include "carousel-tx/object.h"

#include "common/carousel_error.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* Positions leased at least: few for what is small, and enough not to wait for the disk at full speed. */
#define DOCUMENT_LEAD 256u
#define FILE_LEAD     16384u

/* The counters know an object by what it is and by how it is cut into symbols. */
static int object_key(const struct tx_object *object, char key[TX_COUNTERS_KEY_BYTES])
{
	char digest[HASH_SHA256_HEX + 1];
	uint8_t oti[32];
	struct bytes_writer w;
	uint32_t fingerprint;
	int result;
	bytes_writer_init(&w, oti, sizeof oti);
	bytes_write_u8(&w, object->layout.oti.encoding_id);
	bytes_write_u8(&w, (uint8_t)object->layout.kind);
	result = fec_oti_encode(&w, &object->layout.oti);
	if (result)
		return result;
	fingerprint = (uint32_t)crc32(crc32(0, Z_NULL, 0), oti, (uInt)w.len);
	snprintf(key, TX_COUNTERS_KEY_BYTES, "%s:%s:%08x", tx_role_name(object->role),
		hash_hex(digest, object->sha256, sizeof object->sha256), (unsigned)fingerprint);
	return 0;
}

static int object_streams(const struct tx_object_context *context, struct tx_object *object)
{
	const struct tx_config *config = context->config;
	uint32_t senders = config->headends * config->num_channels;
	object->streams = memory_alloc(config->allocator, config->num_channels, sizeof *object->streams);
	if (object->streams == NULL)
		return CAROUSEL_E_MEMORY;
	object->num_streams = config->num_channels;
	for (uint32_t i = 0; i < config->num_channels; i++) {
		struct tx_stream *stream = &object->streams[i];
		/* Every box must be able to read a document from one channel of one headend: none leaves symbols out.
		 */
		int result = object->is_document ? tx_cursor_init(&stream->cursor, &object->layout, 0, 1)
						 : tx_cursor_init(&stream->cursor, &object->layout,
							   config->headend * config->num_channels + i, senders);
		if (result)
			return result;
		if (object->counter)
			tx_cursor_resume(&stream->cursor, object->counter->symbols.next, object->counter->step);
		if (!object->is_document && object->has_payload)
			tx_feed_init(&stream->feed, context->encoder, &object->encoder);
	}
	if (object->counter)
		object->counter->step = object->streams[0].cursor.step;
	return 0;
}

static int object_file(
	const struct tx_object_context *context, struct tx_object *object, const struct tx_object_spec *spec)
{
	const struct fec_oti *oti = &spec->layout->oti;
	if (oti->num_sub_blocks != 1 || !fec_scheme_is_available(oti->encoding_id, oti->instance_id))
		return CAROUSEL_E_UNSUPPORTED;
	if (oti->symbol_size > TX_MAX_PACKET_BYTES - ALC_MAX_HEADER_BYTES)
		return CAROUSEL_E_UNSUPPORTED;
	object->layout = *spec->layout;
	object->content_bytes = object->layout.image_bytes;
	return spec->has_payload
		       ? tx_encoder_object_init(context->encoder, &object->encoder, &object->layout, &object->source)
		       : 0;
}

static int object_fill(
	const struct tx_object_context *context, struct tx_object *object, const struct tx_object_spec *spec)
{
	char key[TX_COUNTERS_KEY_BYTES];
	int result;
	if (spec->class_name && strlen(spec->class_name) >= sizeof object->class_name)
		return CAROUSEL_E_ARGUMENT;
	if (spec->class_name)
		memcpy(object->class_name, spec->class_name, strlen(spec->class_name) + 1);
	if (object->is_document) {
		result = tx_document_init(&object->document, context->config->allocator, spec->bytes, spec->len,
			context->config->symbol_size, spec->encoding_id);
		object->layout = object->document.layout;
		object->content_bytes = spec->content_bytes;
		object->is_gzip = spec->is_gzip;
	} else {
		result = object_file(context, object, spec);
	}
	if (result == 0 && spec->sha256)
		memcpy(object->sha256, spec->sha256, sizeof object->sha256);
	else if (result == 0)
		result = hash_sha256(spec->bytes, spec->len, object->sha256);
	if (result == 0 && object->role != TX_ROLE_FDT) {
		result = object_key(object, key);
		if (result == 0)
			result = tx_counters_object(context->counters, key, 1,
				object->is_document ? DOCUMENT_LEAD : FILE_LEAD, &object->counter);
		if (result == 0)
			object->toi = object->counter->toi;
	}
	if (result == 0)
		result = tx_header_init(&object->header, context->config->tsi, object->toi, &object->layout.oti);
	return result ? result : object_streams(context, object);
}

int tx_object_new(const struct tx_object_context *context, const struct tx_object_spec *spec, struct tx_object **out)
{
	struct tx_object *object = memory_alloc(context->config->allocator, 1, sizeof *object);
	int result;
	if (object == NULL) {
		if (spec->source.release)
			spec->source.release(spec->source.user);
		return CAROUSEL_E_MEMORY;
	}
	object->role = spec->role;
	object->version = spec->version;
	object->from_version = spec->from_version;
	object->weight = spec->weight ? spec->weight : 1;
	object->is_document = spec->layout == NULL;
	object->has_payload = spec->has_payload || object->is_document;
	object->source = spec->source;
	result = object_fill(context, object, spec);
	if (result) {
		tx_object_free(context, object);
		return result;
	}
	*out = object;
	return 0;
}

unsigned tx_object_jobs(const struct tx_object *object)
{
	unsigned jobs = 0;
	for (uint32_t i = 0; i < object->num_streams; i++)
		jobs += object->streams[i].feed.jobs;
	return jobs;
}

void tx_object_free(const struct tx_object_context *context, struct tx_object *object)
{
	if (object == NULL)
		return;
	for (uint32_t i = 0; i < object->num_streams; i++)
		if (object->streams[i].feed.shared)
			tx_feed_deinit(&object->streams[i].feed);
	if (object->encoder.layout)
		tx_encoder_object_deinit(context->encoder, &object->encoder);
	if (object->is_document)
		tx_document_deinit(&object->document);
	if (object->counter)
		object->counter->users--;
	if (object->source.release)
		object->source.release(object->source.user);
	memory_free(context->config->allocator, object->streams);
	memory_free(context->config->allocator, object);
}

bool tx_object_is_ready(const struct tx_object_context *context, struct tx_object *object, uint32_t channel)
{
	struct tx_stream *stream = &object->streams[channel];
	uint32_t skipped = 0;
	while (!stream->has_symbol) {
		stream->has_symbol = tx_cursor_symbol(&stream->cursor, &stream->symbol);
		if (stream->has_symbol)
			break;
		tx_cursor_advance(&stream->cursor);
		/* A sender whose share of a block's symbols is empty has repair symbols further on. */
		if (++skipped == UINT16_MAX)
			return false;
	}
	if (object->counter &&
		(!tx_counters_is_ready(context->counters, object->counter) ||
			!tx_lease_use(context->counters, &object->counter->symbols, stream->cursor.position)))
		return false;
	return object->is_document || !object->has_payload || tx_feed_symbol(&stream->feed, &stream->symbol) != NULL;
}

uint64_t tx_object_pass_packets(const struct tx_object *object)
{
	uint64_t symbols = object->streams[0].cursor.source_symbols / object->streams[0].cursor.step;
	if (object->is_document && symbols > 1 && object->streams[0].cursor.repair_rows)
		symbols += 1 + symbols / 16;
	return symbols ? symbols : 1;
}

static void stream_advance(const struct tx_object *object, struct tx_stream *stream, uint64_t now_ns)
{
	tx_cursor_advance(&stream->cursor);
	stream->has_symbol = false;
	if (stream->symbols_sent == 0)
		stream->pass_start_ns = now_ns;
	if (++stream->symbols_sent % tx_object_pass_packets(object) != 0)
		return;
	stream->passes++;
	stream->cycle_ns = now_ns - stream->pass_start_ns;
	stream->pass_start_ns = now_ns;
}

int tx_object_next_packet(const struct tx_object_context *context, struct tx_object *object, uint32_t channel,
	uint32_t cci, uint8_t *buffer, size_t cap, struct tx_packet *packet, uint64_t now_ns)
{
	struct tx_stream *stream = &object->streams[channel];
	bool with_fti = object->is_document || stream->fti_countdown == 0;
	size_t header = tx_header_bytes(&object->header, with_fti), payload = object->layout.oti.symbol_size;
	struct fec_payload_id id = {.sbn = stream->symbol.sbn, .esi = stream->symbol.esi};
	struct fec_block block;
	int result = 0;
	if (cap < header || cap - header < payload)
		return CAROUSEL_E_LIMIT;
	/* RFC 5445 section 3: the last symbol of Compact No-Code is not padded. */
	if (object->layout.oti.encoding_id == FEC_COMPACT_NO_CODE && object->layout.kind == OBJECT_LINEAR &&
		object->layout.image_bytes - stream->symbol.image_offset < payload)
		payload = (size_t)(object->layout.image_bytes - stream->symbol.image_offset);
	if (object->layout.oti.encoding_id == FEC_SMALL_BLOCK && fec_block_of(&object->layout.oti, id.sbn, &block) == 0)
		id.block_length = (uint16_t)block.num_source;
	tx_header_write(&object->header, with_fti, cci, &id, buffer);
	*packet = (struct tx_packet){.len = header, .role = object->role};
	if (object->is_document)
		result = tx_document_symbol(&object->document, id.esi, buffer + header);
	else if (object->has_payload)
		memcpy(buffer + header, tx_feed_symbol(&stream->feed, &stream->symbol), payload);
	else
		packet->absent_bytes = payload;
	if (result)
		return result;
	if (object->has_payload)
		packet->len += payload;
	stream->fti_countdown = with_fti ? context->config->fti_interval - 1 : stream->fti_countdown - 1;
	stream->meter.total_bytes += header + payload + context->config->channels[channel].overhead_bytes;
	stream_advance(object, stream, now_ns);
	return 0;
}
