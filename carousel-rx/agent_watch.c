/* Watches whether what is held is still what is sent: raises the alarm of a freeze, and blocks nothing. */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <string.h>

/* The newest heartbeat announces a map that is newer than the one held, or of its number with other bytes. */
static bool watch_is_behind(const struct carousel_rx *rx)
{
	const struct heartbeat *h = &rx->watch.announced;
	const struct policy_map *m = rx->documents.map;
	if (!rx->watch.has_announced || h->epoch == 0)
		return false;
	if (m == NULL)
		return true;
	if (h->epoch != m->epoch)
		return h->epoch > m->epoch;
	if (h->serial != m->serial)
		return h->serial > m->serial;
	return memcmp(h->map_sha256, m->sha256, sizeof(m->sha256)) != 0;
}

/* Where no key may sign heartbeats nobody misses them. */
static bool watch_expects_heartbeats(const struct carousel_rx *rx)
{
	return trust_root_role(&rx->documents.trust.root, TRUST_ROLE_HEARTBEAT) != NULL;
}

void agent_watch_heartbeat(struct carousel_rx *rx)
{
	rx->watch.announced = rx->documents.heartbeat;
	rx->watch.has_announced = true;
	staleness_count(&rx->watch.staleness, reception_heard_ns(rx->reception), rx->now_ns);
	staleness_heartbeat(&rx->watch.staleness);
	agent_watch(rx);
}

void agent_watch(struct carousel_rx *rx)
{
	struct rx_watch *w = &rx->watch;
	enum staleness_reason reason;
	staleness_set_behind(&w->staleness, watch_is_behind(rx));
	staleness_count(&w->staleness, reception_heard_ns(rx->reception), rx->now_ns);
	if (!watch_expects_heartbeats(rx))
		staleness_heartbeat(&w->staleness);
	reason = staleness_reason(&w->staleness);
	if (reason == w->told)
		return;
	w->told = reason;
	if (reason == STALENESS_NONE) {
		log_write(&rx->log, CAROUSEL_LOG_NOTICE, "what is held is what is sent again");
		return;
	}
	log_write(&rx->log, CAROUSEL_LOG_WARNING, "stale: %s",
		reason == STALENESS_MAP ? "a newer map is announced and does not come"
					: "packets come, and no new heartbeat");
	report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_STALE, staleness_reason_name(reason));
}

json_t *report_stale(const struct carousel_rx *rx)
{
	const struct rx_watch *w = &rx->watch;
	uint64_t airtime_ns = w->told == STALENESS_MAP ? w->staleness.behind_ns : w->staleness.quiet_ns;
	if (w->told == STALENESS_NONE)
		return json_null();
	return json_pack("{s:s,s:f,s:I,s:I}", "reason", staleness_reason_name(w->told), "airtime_s",
		(double)airtime_ns / 1e9, "announced_epoch", (json_int_t)(w->has_announced ? w->announced.epoch : 0),
		"announced_serial", (json_int_t)(w->has_announced ? w->announced.serial : 0));
}
