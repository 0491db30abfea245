#include "carousel-tx/announce.h"
#include "carousel-tx/session.h"
#include "common/carousel_error.h"

#include <stdio.h>

#define STARVED_SHARE 0.2 /* of the last seconds */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)(value < INT64_MAX ? value : INT64_MAX));
}

static uint64_t since_tick_ns(const struct tx *tx, uint64_t now_ns)
{
	const uint64_t last_ns = tx->tick_ns - TX_TICK_NS;
	return now_ns > last_ns ? now_ns - last_ns : 0;
}

static json_t *status_channels(const struct tx *tx, uint64_t elapsed_ns)
{
	json_t *channels = json_array();
	for (uint32_t i = 0; i < tx->config.num_channels; i++) {
		const struct tx_channel *c = &tx->channels[i];
		struct tx_channel_stats stats;
		json_t *channel = json_object();
		tx_channel_stats(tx, i, &stats);
		json_object_set_new(channel, "id", json_string(tx->config.channels[i].name));
		json_object_set_new(channel, "rate_bps", number(c->pacer.rate_bps));
		json_object_set_new(channel, "sent_bps", number(tx_meter_bps(&c->meter, &c->window, elapsed_ns)));
		json_object_set_new(channel, "packets", number(stats.packets));
		json_object_set_new(channel, "wire_bytes", number(stats.wire_bytes));
		json_object_set_new(channel, "control_bytes", number(stats.control_bytes));
		json_object_set_new(channel, "starved_ms", number(stats.starved_ns / 1000000));
		json_array_append_new(channels, channel);
	}
	return channels;
}

/* Over all channels: the fastest cycle, the furthest pass and ESI. */
static json_t *status_object(
	const struct tx *tx, const struct tx_object *object, uint64_t rate_bps, uint64_t elapsed_ns)
{
	json_t *status = json_object();
	char digest[HASH_SHA256_HEX + 1];
	uint64_t bps = 0, cycle_ns = 0, passes = 0, packets = 0, esi = 0;
	double bytes = 0, all_bytes = 0;
	for (uint32_t i = 0; i < object->num_streams; i++) {
		const struct tx_stream *s = &object->streams[i];
		bps += tx_meter_bps(&s->meter, &tx->channels[i].window, elapsed_ns);
		bytes += tx_meter_bytes(&s->meter, elapsed_ns);
		all_bytes += tx_meter_bytes(&tx->channels[i].meter, elapsed_ns);
		packets += s->symbols_sent;
		if (s->cycle_ns && (cycle_ns == 0 || s->cycle_ns < cycle_ns))
			cycle_ns = s->cycle_ns;
		passes = s->passes > passes ? s->passes : passes;
		esi = s->symbol.esi > esi ? s->symbol.esi : esi;
	}
	json_object_set_new(status, "toi", number(object->toi));
	json_object_set_new(status, "role", json_string(tx_role_name(object->role)));
	if (object->class_name[0])
		json_object_set_new(status, "class", json_string(object->class_name));
	if (object->version)
		json_object_set_new(status, "version", number(object->version));
	if (object->from_version)
		json_object_set_new(status, "from_version", number(object->from_version));
	json_object_set_new(status, "sha256", json_string(hash_hex(digest, object->sha256, sizeof object->sha256)));
	json_object_set_new(status, "bytes", number(object->content_bytes));
	json_object_set_new(status, "share", json_real(all_bytes > 0 ? bytes / all_bytes : 0));
	json_object_set_new(status, "sent_bps", number(bps));
	if (cycle_ns == 0 && object->is_document)
		json_object_set_new(
			status, "cycle_s", json_real((double)tx->config.period_ns[object->role] / TX_NS_PER_S));
	else if (cycle_ns)
		json_object_set_new(status, "cycle_s", json_real((double)cycle_ns / TX_NS_PER_S));
	else
		json_object_set_new(status, "cycle_s",
			json_real(tx_announce_cycle_s(
				object, tx_announce_share_ppm(&tx->config, tx->objects, object), rate_bps)));
	json_object_set_new(status, "cycle_measured", json_boolean(cycle_ns != 0));
	json_object_set_new(status, "pass", number(passes));
	json_object_set_new(status, "packets", number(packets));
	json_object_set_new(status, "esi", number(esi));
	return status;
}

static void warn(json_t *warnings, const char *code, const char *message)
{
	json_t *warning = json_object();
	json_object_set_new(warning, "code", json_string(code));
	json_object_set_new(warning, "message", json_string(message));
	json_array_append_new(warnings, warning);
}

static void warn_of_trouble(json_t *warnings, int error, const char *what)
{
	char message[320];
	if (error == 0)
		return;
	snprintf(message, sizeof message, "%s: %s", what, carousel_strerror(error));
	warn(warnings, carousel_error_name(error), message);
}

static bool has_document(const struct tx *tx, enum tx_role role)
{
	for (const struct tx_object *o = tx->objects; o; o = o->next)
		if (o->role == role && !o->is_removed)
			return true;
	return false;
}

/* The rate is not what was asked for, and nothing else tells. */
static void warn_of_starvation(json_t *warnings, const struct tx *tx, uint64_t elapsed_ns)
{
	char message[320];
	for (uint32_t i = 0; i < tx->config.num_channels; i++) {
		const struct tx_channel *c = &tx->channels[i];
		const double share = tx_meter_time_share(&c->starved, &c->window, elapsed_ns);
		if (share < STARVED_SHARE)
			continue;
		snprintf(message, sizeof message,
			"channel %s had nothing ready %.0f %% of the time: the disk is too slow for its rate, or "
			"encoding "
			"with so little memory for encoders and spool",
			tx->config.channels[i].name, 100 * share);
		warn(warnings, "starved", message);
	}
}

static json_t *status_warnings(const struct tx *tx, uint64_t elapsed_ns)
{
	json_t *warnings = json_array();
	char message[160];
	if (!has_document(tx, TX_ROLE_MAP))
		warn(warnings, "no-map", "no map is on the air: boxes decide nothing");
	if (!has_document(tx, TX_ROLE_TRUST_ROOT))
		warn(warnings, "no-trust-root", "no trust root is on the air: boxes cannot follow a change of keys");
	if (tx->num_images == 0)
		warn(warnings, "no-image", "no image is on the air");
	if (tx->config.heartbeat_signer == NULL)
		warn(warnings, "no-heartbeat", "no heartbeat key: gates of the map do not move");
	for (unsigned i = 0; i < TX_NUM_TROUBLES; i++)
		warn_of_trouble(warnings, tx->troubles[i], tx_trouble_text((enum tx_trouble)i));
	for (const struct tx_object *o = tx->objects; o; o = o->next) {
		tx_object_trouble_text(o, message, sizeof message);
		warn_of_trouble(warnings, o->is_removed ? 0 : o->trouble, message);
		for (uint32_t i = 0; o->is_document && !o->is_removed && i < o->num_streams; i++) {
			if (o->streams[i].cycle_ns <= 2 * tx->config.period_ns[o->role])
				continue;
			snprintf(message, sizeof message, "%s is repeated every %.0f s on channel %s instead of %.0f s",
				tx_role_name(o->role), (double)o->streams[i].cycle_ns / TX_NS_PER_S,
				tx->config.channels[i].name, (double)tx->config.period_ns[o->role] / TX_NS_PER_S);
			warn(warnings, "slow-control", message);
		}
	}
	warn_of_starvation(warnings, tx, elapsed_ns);
	return warnings;
}

json_t *tx_status(const struct tx *tx, uint64_t now_ns)
{
	json_t *status = json_object(), *session = json_object(), *objects = json_array(), *map = json_object();
	char digest[HASH_SHA256_HEX + 1];
	const uint64_t rate_bps = tx_session_rate(tx), elapsed_ns = since_tick_ns(tx, now_ns);
	json_object_set_new(session, "name", json_string(tx->config.session_name));
	json_object_set_new(session, "tsi", number(tx->config.tsi));
	json_object_set_new(session, "fdt_instance", number(tx->fdt_instance));
	json_object_set_new(session, "heartbeat_sequence", number(tx->heartbeat_sequence));
	json_object_set_new(session, "time_s", number(tx_wall_ns(tx, now_ns) / TX_NS_PER_S));
	json_object_set_new(map, "epoch", number(tx->map.epoch));
	json_object_set_new(map, "serial", number(tx->map.serial));
	json_object_set_new(map, "sha256", json_string(hash_hex(digest, tx->map.sha256, sizeof tx->map.sha256)));
	if (tx->fdt)
		json_array_append_new(objects, status_object(tx, tx->fdt, 0, elapsed_ns));
	for (const struct tx_object *o = tx->objects; o; o = o->next)
		if (!o->is_removed)
			json_array_append_new(objects, status_object(tx, o, rate_bps, elapsed_ns));
	json_object_set_new(status, "format", json_string("carousel-status/1"));
	json_object_set_new(status, "session", session);
	json_object_set_new(status, "channels", status_channels(tx, elapsed_ns));
	json_object_set_new(status, "objects", objects);
	json_object_set_new(status, "map", map);
	json_object_set_new(status, "warnings", status_warnings(tx, elapsed_ns));
	return status;
}
