#include "carousel-tx/announce.h"

#include "common/carousel_error.h"
#include "common/envelope.h"
#include "common/fdt.h"
#include "policy-map/heartbeat.h"
#include "policy-map/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FDT_BYTES_PER_FILE  1024u
#define LOCATION_BYTES      128u
#define PACKET_HEADER_BYTES 50u /* of a data packet, lower layers included; for estimates */

/* A name, never a path: receivers must not use it as one. */
static void file_location(const struct tx_object *object, char location[LOCATION_BYTES])
{
	if (object->from_version)
		snprintf(location, LOCATION_BYTES, "carousel:%s:%s:%" PRIu32 ":%" PRIu32, tx_role_name(object->role),
			object->class_name, object->version, object->from_version);
	else if (object->class_name[0] && object->version)
		snprintf(location, LOCATION_BYTES, "carousel:%s:%s:%" PRIu32, tx_role_name(object->role),
			object->class_name, object->version);
	else if (object->class_name[0])
		snprintf(location, LOCATION_BYTES, "carousel:%s:%s", tx_role_name(object->role), object->class_name);
	else
		snprintf(location, LOCATION_BYTES, "carousel:%s", tx_role_name(object->role));
}

static void file_fill(struct fdt_file *file, const struct tx_object *object, char location[LOCATION_BYTES])
{
	file_location(object, location);
	file->toi = object->toi;
	file->content_location = location;
	file->content_type = object->is_document ? "application/json" : "application/octet-stream";
	file->has_content_length = file->has_transfer_length = true;
	file->content_length = object->content_bytes;
	file->content_encoding = object->is_gzip ? "gzip" : NULL;
	file->transfer_length = object->layout.oti.transfer_length;
	file->has_oti = true;
	file->oti = object->layout.oti;
	snprintf(file->role, sizeof file->role, "%s", tx_role_name(object->role));
	memcpy(file->class_name, object->class_name, sizeof file->class_name);
	file->version = object->version;
	file->has_sha256 = true;
	memcpy(file->sha256, object->sha256, sizeof file->sha256);
	file->layout = object->layout.kind;
}

int tx_announce_fdt(const struct tx_config *config, const struct tx_object *objects, uint64_t expires_ntp_s,
	uint8_t **xml, size_t *len)
{
	struct fdt fdt = {.expires_ntp_s = expires_ntp_s};
	char(*locations)[LOCATION_BYTES];
	struct bytes_writer w;
	size_t cap, count = 0;
	int result = CAROUSEL_E_MEMORY;
	for (const struct tx_object *o = objects; o; o = o->next)
		count += !o->is_removed;
	cap = (count + 1) * FDT_BYTES_PER_FILE;
	fdt.files = memory_alloc(config->allocator, count, sizeof *fdt.files);
	locations = memory_alloc(config->allocator, count, sizeof *locations);
	*xml = memory_alloc(config->allocator, cap, 1);
	if (fdt.files && locations && *xml) {
		for (const struct tx_object *o = objects; o; o = o->next) {
			if (o->is_removed)
				continue;
			file_fill(&fdt.files[fdt.num_files], o, locations[fdt.num_files]);
			fdt.num_files++;
		}
		bytes_writer_init(&w, *xml, cap);
		result = fdt_write(&w, &fdt, config->flute_version);
		*len = w.len;
	}
	memory_free(config->allocator, fdt.files);
	memory_free(config->allocator, locations);
	if (result) {
		memory_free(config->allocator, *xml);
		*xml = NULL;
	}
	return result;
}

static int sign_payload(const struct tx_config *config, const char *type, const void *payload, size_t payload_len,
	char **text, size_t *len)
{
	struct envelope envelope;
	int result = envelope_init(config->allocator, &envelope, type, payload, payload_len);
	if (result)
		return result;
	result = envelope_sign(&envelope, config->heartbeat_signer);
	if (result == 0)
		result = envelope_print(config->allocator, &envelope, text, len);
	envelope_deinit(config->allocator, &envelope);
	return result;
}

int tx_announce_heartbeat(const struct tx_config *config, const struct tx_map_info *map, uint64_t sequence,
	uint64_t time_s, uint64_t rate_bps, char **text, size_t *len)
{
	struct heartbeat heartbeat = {.sequence = sequence,
		.time_s = time_s,
		.epoch = map->epoch,
		.serial = map->serial,
		.rate_bps = rate_bps};
	char payload[HEARTBEAT_MAX_BYTES];
	size_t payload_len;
	int result;
	if (strlen(config->session_name) >= sizeof heartbeat.session)
		return CAROUSEL_E_ARGUMENT;
	memcpy(heartbeat.session, config->session_name, strlen(config->session_name) + 1);
	memcpy(heartbeat.map_sha256, map->sha256, sizeof heartbeat.map_sha256);
	result = heartbeat_print(&heartbeat, payload, sizeof payload, &payload_len);
	if (result == 0)
		result = sign_payload(config, ENVELOPE_TYPE_HEARTBEAT, payload, payload_len, text, len);
	if (result == 0 && *len > HEARTBEAT_MAX_BYTES) {
		memory_free(config->allocator, *text);
		result = CAROUSEL_E_LIMIT;
	}
	return result;
}

static uint64_t pass_bytes(const struct tx_object *object)
{
	return object->streams[0].cursor.source_symbols * (object->layout.oti.symbol_size + PACKET_HEADER_BYTES);
}

uint32_t tx_announce_share_ppm(
	const struct tx_config *config, const struct tx_object *objects, const struct tx_object *object)
{
	const struct tx_object *image = object->image ? object->image : object;
	uint64_t weights = 0, all;
	double share;
	if (image->role != TX_ROLE_IMAGE)
		return 0;
	for (const struct tx_object *o = objects; o; o = o->next)
		if (o->role == TX_ROLE_IMAGE && !o->is_removed)
			weights += o->weight;
	all = pass_bytes(image);
	for (const struct tx_object *o = image->companion; o; o = o->companion)
		all += pass_bytes(o);
	if (weights == 0 || all == 0)
		return 0;
	share = (double)(1000 - config->control_permille) * 1000 * image->weight / (double)weights;
	return (uint32_t)(share * (double)pass_bytes(object) / (double)all);
}

uint32_t tx_announce_cycle_s(const struct tx_object *object, uint32_t share_ppm, uint64_t rate_bps)
{
	double seconds;
	if (share_ppm == 0 || rate_bps == 0)
		return 0;
	seconds = (double)pass_bytes(object) * 8 / ((double)rate_bps * share_ppm / 1e6);
	return seconds < UINT32_MAX - 1 ? (uint32_t)seconds + 1 : UINT32_MAX;
}

int tx_announce_schedule(const struct tx_config *config, const struct tx_object *objects, uint64_t sequence,
	uint64_t until_s, uint64_t rate_bps, char **text, size_t *len)
{
	struct schedule schedule = {.sequence = sequence, .until_s = until_s};
	char *payload = NULL;
	size_t payload_len, count = 0;
	int result;
	for (const struct tx_object *o = objects; o; o = o->next)
		count++;
	schedule.objects = memory_alloc(config->allocator, count, sizeof *schedule.objects);
	if (schedule.objects == NULL)
		return CAROUSEL_E_MEMORY;
	for (const struct tx_object *o = objects; o; o = o->next) {
		struct schedule_object *entry = &schedule.objects[schedule.num_objects];
		if (o->is_removed || o->role != TX_ROLE_IMAGE)
			continue;
		snprintf(entry->role, sizeof entry->role, "%s", tx_role_name(o->role));
		snprintf(entry->class_name, sizeof entry->class_name, "%.*s", (int)sizeof entry->class_name - 1,
			o->class_name);
		entry->version = o->version;
		memcpy(entry->sha256, o->sha256, sizeof entry->sha256);
		entry->share_ppm = tx_announce_share_ppm(config, objects, o);
		entry->cycle_s = tx_announce_cycle_s(o, entry->share_ppm, rate_bps);
		schedule.num_objects++;
	}
	result = schedule_print(config->allocator, &schedule, &payload, &payload_len);
	if (result == 0)
		result = sign_payload(config, ENVELOPE_TYPE_SCHEDULE, payload, payload_len, text, len);
	memory_free(config->allocator, payload);
	memory_free(config->allocator, schedule.objects);
	return result;
}
