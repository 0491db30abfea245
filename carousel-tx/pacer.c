#include "carousel-tx/pacer.h"

#define NS_PER_S        1000000000u
#define MIN_BURST_BYTES 16384u
#define MAX_BURST_BYTES (1u << 20)
#define MAX_GATHER_NS   1000000u

/* 20 ms, but of a fast channel not more than receivers' socket buffers take. */
static uint64_t default_burst(uint64_t bytes_per_s)
{
	uint64_t burst = bytes_per_s / 50;
	if (burst > MAX_BURST_BYTES)
		burst = bytes_per_s / 500 > MAX_BURST_BYTES ? bytes_per_s / 500 : MAX_BURST_BYTES;
	return burst > MIN_BURST_BYTES ? burst : MIN_BURST_BYTES;
}

void tx_pacer_init(struct tx_pacer *p, uint64_t rate_bps, uint32_t burst_bytes, uint64_t now_ns)
{
	uint64_t burst = burst_bytes;
	*p = (struct tx_pacer){.rate_bps = rate_bps, .next_ns = now_ns};
	if (rate_bps == 0)
		return;
	if (burst == 0)
		burst = default_burst(rate_bps / 8);
	p->burst_ns = (uint64_t)((double)burst * 8 * NS_PER_S / (double)rate_bps);
	p->gather_ns = p->burst_ns / 4 < MAX_GATHER_NS ? p->burst_ns / 4 : MAX_GATHER_NS;
}

void tx_pacer_sent(struct tx_pacer *p, uint32_t wire_bytes, uint64_t now_ns)
{
	uint64_t bits;
	if (p->rate_bps == 0)
		return;
	if (now_ns > p->next_ns && now_ns - p->next_ns > p->burst_ns) {
		p->next_ns = now_ns - p->burst_ns;
		p->remainder = 0;
	}
	/* 32 bits of bytes x 8 x 10^9 stays below 2^65; a packet is at most 64 KiB, so 2^50. */
	bits = (uint64_t)wire_bytes * 8 * NS_PER_S + p->remainder;
	p->last_interval_ns = bits / p->rate_bps;
	p->next_ns += p->last_interval_ns;
	p->remainder = bits % p->rate_bps;
}

uint64_t tx_pacer_deadline(const struct tx_pacer *p)
{
	if (p->last_interval_ns == 0 || p->last_interval_ns >= p->gather_ns)
		return p->next_ns;
	return p->next_ns + p->gather_ns;
}
