#include "carousel-tx/meter.h"

#include <math.h>

#define WINDOW_NS 5e9

static double decay(uint64_t elapsed_ns)
{
	return exp(-(double)elapsed_ns / WINDOW_NS);
}

void tx_window_tick(struct tx_window *w, uint64_t elapsed_ns)
{
	w->ns = w->ns * decay(elapsed_ns) + (double)elapsed_ns;
}

double tx_meter_bytes(const struct tx_meter *m, uint64_t elapsed_ns)
{
	return m->bytes * decay(elapsed_ns) + (double)(m->total_bytes - m->ticked_bytes);
}

void tx_meter_tick(struct tx_meter *m, uint64_t elapsed_ns)
{
	m->bytes = tx_meter_bytes(m, elapsed_ns);
	m->ticked_bytes = m->total_bytes;
}

double tx_meter_time_share(const struct tx_meter *m, const struct tx_window *w, uint64_t elapsed_ns)
{
	struct tx_window now = *w;
	tx_window_tick(&now, elapsed_ns);
	return now.ns > 0 ? tx_meter_bytes(m, elapsed_ns) / now.ns : 0;
}

uint64_t tx_meter_bps(const struct tx_meter *m, const struct tx_window *w, uint64_t elapsed_ns)
{
	return (uint64_t)(tx_meter_time_share(m, w, elapsed_ns) * 8e9);
}
