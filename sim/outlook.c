#include "sim/outlook.h"

#include <jansson.h>
#include <string.h>

static bool outlook_is_out_for_good(const struct box *b, uint64_t now_ns)
{
	const struct timetable *outages = &b->group->outages;
	const uint64_t duration_ns = b->headend->scenario->duration_ns;
	return timetable_is_inside(outages, 0, now_ns) && timetable_next_change(outages, 0, now_ns) >= duration_ns;
}

static bool outlook_has_air(const struct headend *h)
{
	for (unsigned i = 0; i < SCENARIO_MAX_HEADENDS; i++)
		if (h->tx[i])
			return true;
	return false;
}

/* Can an image of the box's class that it is to have still come? */
static bool outlook_can_come(const struct box *b, uint32_t version, enum report_stuck *why)
{
	const struct scenario *s = b->headend->scenario;
	*why = REPORT_NOT_ON_AIR;
	for (size_t i = 0; i < s->num_images; i++) {
		if (s->images[i].version != version || strcmp(s->images[i].class_name, b->who.class_name) != 0)
			continue;
		if (s->images[i].size_bytes > b->storage.slot_bytes) {
			*why = REPORT_SLOT_TOO_SMALL;
			return false;
		}
		return b->headend->images[i].is_on_air && outlook_has_air(b->headend);
	}
	return false;
}

/* A receiver in this state is on its own: what it waits for does not come off the air. */
static bool outlook_is_beyond_air(enum carousel_rx_state state)
{
	return state == CAROUSEL_RX_RECEIVED || state == CAROUSEL_RX_OFFERED || state == CAROUSEL_RX_SCHEDULED ||
	       state == CAROUSEL_RX_INSTALLING || state == CAROUSEL_RX_PENDING_REBOOT || state == CAROUSEL_RX_TRIAL;
}

static enum outlook outlook_of_decision(const struct box *b, const json_t *decision, enum report_stuck *why)
{
	const char *verdict = json_string_value(json_object_get(decision, "verdict"));
	if (verdict == NULL || strcmp(verdict, "none") == 0)
		return OUTLOOK_CONTENT;
	if (strcmp(verdict, "offer") == 0 && b->group->offers == CAROUSEL_RX_OFFERS_IGNORE)
		return OUTLOOK_CONTENT;
	return outlook_can_come(b, (uint32_t)json_integer_value(json_object_get(decision, "target")), why)
		       ? OUTLOOK_OPEN
		       : OUTLOOK_STUCK;
}

enum outlook outlook_of(const struct box *b, uint64_t now_ns, enum report_stuck *why)
{
	enum outlook outlook;
	json_t *status;
	char *text;
	if (box_is_settled(b))
		return OUTLOOK_CONTENT;
	if (b->rx == NULL || b->boot_ns != BOX_NEVER || b->answer_ns != BOX_NEVER || !b->boot_state.is_confirmed ||
		outlook_is_beyond_air(carousel_rx_state(b->rx)))
		return OUTLOOK_OPEN;
	if (outlook_is_out_for_good(b, now_ns)) {
		*why = REPORT_NOTHING_ARRIVES;
		return OUTLOOK_STUCK;
	}
	if (carousel_rx_state(b->rx) == CAROUSEL_RX_WAITING_MAP) {
		*why = REPORT_NO_MAP;
		return outlook_has_air(b->headend) && b->headend->map_on_air < b->headend->scenario->num_maps
			       ? OUTLOOK_OPEN
			       : OUTLOOK_STUCK;
	}
	text = carousel_rx_status_json(b->rx, now_ns);
	status = text ? json_loads(text, 0, NULL) : NULL;
	outlook = status ? outlook_of_decision(b, json_object_get(status, "decision"), why) : OUTLOOK_OPEN;
	json_decref(status);
	carousel_rx_string_free(b->rx, text);
	return outlook;
}
