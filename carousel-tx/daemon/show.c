#include "carousel-tx/daemon/show.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S 1000000000u

static void show_catalogue_json(const struct catalogue *c)
{
	json_t *root = json_object(), *images = json_array();
	for (size_t i = 0; i < c->num_objects; i++) {
		const struct catalogue_object *o = c->objects[i];
		char digest[HASH_SHA256_TEXT_BYTES], manifest[HASH_SHA256_TEXT_BYTES];
		json_array_append_new(
			images, json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:b}", "class",
					o->manifest.class_name, "version", (json_int_t)o->manifest.version, "label",
					o->manifest.label, "sha256", hash_sha256_text(digest, o->manifest.sha256),
					"manifest", hash_sha256_text(manifest, o->manifest_sha256), "bytes",
					(json_int_t)o->manifest.layout.image_bytes, "weight", (json_int_t)o->weight,
					"published_s", (json_int_t)o->published_s, "mapped",
					tx_catalogue_is_mapped(c, o->manifest.sha256)));
	}
	json_object_set_new(root, "format", json_string("carousel-list/1"));
	json_object_set_new(root, "images", images);
	if (c->map)
		json_object_set_new(root, "map",
			json_pack("{s:I, s:I}", "epoch", (json_int_t)c->map->epoch, "serial",
				(json_int_t)c->map->serial));
	if (c->has_trust)
		json_object_set_new(root, "root", json_pack("{s:I}", "version", (json_int_t)c->trust.root.version));
	json_dumpf(root, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	json_decref(root);
}

void tx_show_catalogue(const struct catalogue *c, bool json)
{
	if (json) {
		show_catalogue_json(c);
		return;
	}
	printf("%-24s %10s %14s %7s %-6s %-20s %s\n", "CLASS", "VERSION", "BYTES", "WEIGHT", "MAP", "PUBLISHED",
		"SHA-256");
	for (size_t i = 0; i < c->num_objects; i++) {
		const struct catalogue_object *o = c->objects[i];
		char digest[HASH_SHA256_HEX + 1], when[25];
		clock_format_utc(o->published_s * NS_PER_S, when);
		memcpy(when + 19, "Z", 2);
		printf("%-24s %10" PRIu32 " %14" PRIu64 " %7" PRIu32 " %-6s %-20s %.16s\n", o->manifest.class_name,
			o->manifest.version, o->manifest.layout.image_bytes, o->weight,
			tx_catalogue_is_mapped(c, o->manifest.sha256) ? "yes" : "no", when,
			hash_hex(digest, o->manifest.sha256, HASH_SHA256_BYTES));
	}
	if (c->map)
		printf("map: epoch %" PRIu32 ", serial %" PRIu64 "\n", c->map->epoch, c->map->serial);
	else
		printf("map: none\n");
	if (c->has_trust)
		printf("trust root: version %" PRIu32 "\n", c->trust.root.version);
	else
		printf("trust root: none\n");
}

int tx_fetch_status(const char *socket, int timeout_ms, json_t **status, char message[CONTROL_MESSAGE_BYTES])
{
	struct control_client *client;
	json_t *objects;
	int result;
	message[0] = '\0';
	*status = NULL;
	result = control_client_open(&client, socket);
	if (result)
		return result;
	result = control_client_request(client, "status", NULL, timeout_ms, status, message);
	objects = result == 0 ? json_object_get(*status, "objects") : NULL;
	while (result == 0 &&
		(json_int_t)json_array_size(objects) < json_integer_value(json_object_get(*status, "objects_total"))) {
		json_t *args = json_pack("{s:I}", "from", (json_int_t)json_array_size(objects)), *more = NULL;
		result = control_client_request(client, "status", args, timeout_ms, &more, message);
		if (result == 0 && json_array_size(json_object_get(more, "objects")) == 0)
			result = CAROUSEL_E_MALFORMED;
		if (result == 0)
			json_array_extend(objects, json_object_get(more, "objects"));
		json_decref(more);
		json_decref(args);
	}
	control_client_close(client);
	return result;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "-";
}

static json_int_t integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void show_objects(const json_t *objects)
{
	const json_t *object;
	size_t i;
	printf("\n%10s %-10s %-24s %10s %7s %9s %7s %9s\n", "TOI", "ROLE", "CLASS", "VERSION", "SHARE", "CYCLE", "PASS",
		"ESI");
	json_array_foreach(objects, i, object)
	{
		char cycle[32];
		snprintf(cycle, sizeof cycle, "%s%.1fs",
			json_is_true(json_object_get(object, "cycle_measured")) ? "" : "~",
			number_of(object, "cycle_s"));
		printf("%10lld %-10s %-24s %10lld %6.2f%% %9s %7lld %9lld\n", (long long)integer_of(object, "toi"),
			text_of(object, "role"), text_of(object, "class"), (long long)integer_of(object, "version"),
			100 * number_of(object, "share"), cycle, (long long)integer_of(object, "pass"),
			(long long)integer_of(object, "esi"));
	}
}

void tx_show_status(const json_t *status, bool json)
{
	const json_t *session = json_object_get(status, "session"), *map = json_object_get(status, "map"), *each;
	size_t i;
	if (json) {
		json_dumpf(status, stdout, JSON_COMPACT | JSON_SORT_KEYS);
		putchar('\n');
		return;
	}
	printf("session %s, TSI %lld, FDT instance %lld, heartbeat %lld, map epoch %lld serial %lld\n",
		text_of(session, "name"), (long long)integer_of(session, "tsi"),
		(long long)integer_of(session, "fdt_instance"), (long long)integer_of(session, "heartbeat_sequence"),
		(long long)integer_of(map, "epoch"), (long long)integer_of(map, "serial"));
	json_array_foreach(json_object_get(status, "channels"), i, each)
		printf("channel %s to %s: %.3f of %.3f Mbit/s, %lld packets, %lld lost\n", text_of(each, "id"),
			text_of(each, "group"), number_of(each, "sent_bps") / 1e6, number_of(each, "rate_bps") / 1e6,
			(long long)integer_of(each, "packets"), (long long)integer_of(each, "lost"));
	show_objects(json_object_get(status, "objects"));
	json_array_foreach(json_object_get(status, "warnings"), i, each)
		printf("warning: %s: %s\n", text_of(each, "code"), text_of(each, "message"));
}
