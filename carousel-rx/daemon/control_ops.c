/* What the control socket of a receiver answers (carousel-rx.1, "CONTROL SOCKET"). */
#include "carousel-rx/daemon/daemon_state.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <stdio.h>
#include <string.h>

static int ops_json(struct daemon *d, struct control_request *r, char *text)
{
	if (text == NULL)
		return CAROUSEL_E_MEMORY;
	r->result = json_loads(text, 0, NULL);
	carousel_rx_string_free(d->rx, text);
	return r->result ? 0 : CAROUSEL_E_MEMORY;
}

static const char *ops_priority(const struct daemon *d)
{
	if (d->background == NULL)
		return "normal";
	return atomic_load(&d->background_error) ? "refused" : "idle";
}

static int ops_status(struct daemon *d, struct control_request *r, uint64_t now_ns)
{
	int result;
	channels_count_drops(&d->channels);
	result = ops_json(d, r, carousel_rx_status_json(d->rx, now_ns));
	if (result == 0)
		json_object_set_new(r->result, "priority", json_string(ops_priority(d)));
	return result;
}

static int ops_explain(struct daemon *d, struct control_request *r, uint64_t now_ns)
{
	return ops_json(d, r, carousel_rx_explain_json(d->rx, now_ns));
}

/* A whole number that may be left out (0). */
static int ops_number(struct control_request *r, const char *name, uint64_t *value)
{
	const json_t *number = json_object_get(r->args, name);
	*value = 0;
	if (number == NULL)
		return 0;
	if (!json_is_integer(number) || json_integer_value(number) < 0) {
		snprintf(r->message, sizeof(r->message), "%s is no whole number", name);
		return CAROUSEL_E_ARGUMENT;
	}
	*value = (uint64_t)json_integer_value(number);
	return 0;
}

/* A refusal says why, in the words of explain. */
static void ops_say_why(struct daemon *d, struct control_request *r, uint64_t now_ns)
{
	char *text = carousel_rx_explain_json(d->rx, now_ns);
	json_t *explained = text ? json_loads(text, 0, NULL) : NULL;
	const char *line = json_string_value(json_object_get(explained, "line"));
	if (line)
		snprintf(r->message, sizeof(r->message), "%.250s", line);
	json_decref(explained);
	carousel_rx_string_free(d->rx, text);
}

static int ops_verb(
	struct daemon *d, struct control_request *r, enum carousel_rx_verb verb, const char *argument, uint64_t now_ns)
{
	uint64_t value = 0;
	int result = argument ? ops_number(r, argument, &value) : 0;
	if (result)
		return result;
	result = carousel_rx_request(d->rx, verb, value, now_ns);
	if (result == CAROUSEL_E_REFUSED || result == CAROUSEL_E_NOT_FOUND)
		ops_say_why(d, r, now_ns);
	return result;
}

/* One lock a connection; it lives as long as that. */
static int ops_inhibit(struct daemon *d, struct control_request *r, bool is_wanted, uint64_t now_ns)
{
	bool is_held = control_peer_data(r->peer) != NULL;
	int result = 0;
	if (is_wanted != is_held)
		result = carousel_rx_request(d->rx, is_wanted ? CAROUSEL_RX_INHIBIT : CAROUSEL_RX_UNINHIBIT, 0, now_ns);
	if (result == 0)
		control_peer_set_data(r->peer, is_wanted ? d : NULL);
	return result;
}

static const struct {
	const char *op;
	enum carousel_rx_verb verb;
	const char *argument;
} ops_verbs[] = {
	{"accept", CAROUSEL_RX_ACCEPT, "version"},
	{"decline", CAROUSEL_RX_DECLINE, "version"},
	{"defer", CAROUSEL_RX_DEFER, "seconds"},
	{"install-now", CAROUSEL_RX_INSTALL_NOW, NULL},
	{"pause", CAROUSEL_RX_PAUSE, NULL},
	{"resume", CAROUSEL_RX_RESUME, NULL},
	{"healthy", CAROUSEL_RX_HEALTHY, NULL},
};

static int ops_dispatch(struct daemon *d, struct control_request *r, uint64_t now_ns)
{
	if (strcmp(r->op, "status") == 0)
		return ops_status(d, r, now_ns);
	if (strcmp(r->op, "explain") == 0)
		return ops_explain(d, r, now_ns);
	if (strcmp(r->op, "inhibit") == 0 || strcmp(r->op, "uninhibit") == 0)
		return ops_inhibit(d, r, r->op[0] == 'i', now_ns);
	if (strcmp(r->op, "flush") == 0)
		return carousel_rx_flush(d->rx, now_ns);
	for (size_t i = 0; i < sizeof(ops_verbs) / sizeof(ops_verbs[0]); i++)
		if (strcmp(r->op, ops_verbs[i].op) == 0)
			return ops_verb(d, r, ops_verbs[i].verb, ops_verbs[i].argument, now_ns);
	return CAROUSEL_E_UNKNOWN_WORD;
}

int control_ops_request(void *user, struct control_request *r)
{
	struct daemon *d = user;
	int result = ops_dispatch(d, r, clock_monotonic_ns());
	daemon_pump(d);
	return result;
}

void control_ops_closed(void *user, struct control_peer *peer)
{
	struct daemon *d = user;
	if (control_peer_data(peer) == NULL)
		return;
	carousel_rx_request(d->rx, CAROUSEL_RX_UNINHIBIT, 0, clock_monotonic_ns());
	if (d->stop_ns == 0)
		daemon_pump(d);
}

void control_ops_event(struct daemon *d, const struct carousel_rx_event *event)
{
	static const char *const names[] = {"state", "decision", "offer", "progress", "reboot", "alarm"};
	const char *name = names[event->kind];
	json_t *data;
	if (!control_has_subscriber(d->control, name))
		return;
	data = json_loads(event->json, 0, NULL);
	if (data)
		control_event(d->control, name, event->time_ns, data);
}
