#include "carousel-rx/loss.h"

#include <string.h>

/* A gap wider than this is a new beginning of the numbers, once the packet after it agrees. */
#define LOSS_MAX_GAP 65536u

void loss_init(struct loss *l)
{
	memset(l, 0, sizeof(*l));
}

bool loss_is_same_host(const struct carousel_addr *a, const struct carousel_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 16) == 0;
}

static struct loss_stream *loss_find(struct loss *l, const struct carousel_addr *source, uint32_t channel)
{
	if (l->latest && l->latest->channel == channel && loss_is_same_host(&l->latest->source, source))
		return l->latest;
	for (size_t i = 0; i < l->num_streams; i++) {
		struct loss_stream *s = &l->streams[i];
		if (s->channel == channel && loss_is_same_host(&s->source, source))
			return s;
	}
	return NULL;
}

static struct loss_stream *loss_begin(
	struct loss *l, const struct carousel_addr *source, uint32_t channel, uint32_t sequence)
{
	size_t place = l->num_streams < LOSS_MAX_STREAMS ? l->num_streams++ : l->victim++ % LOSS_MAX_STREAMS;
	struct loss_stream *s = &l->streams[place];
	*s = (struct loss_stream){.source = *source, .channel = channel, .next = sequence + 1, .window = 1};
	s->in_a_row = sequence == 0;
	return s;
}

static void loss_forward(struct loss *l, struct loss_stream *s, uint32_t gap)
{
	if (gap) {
		l->lost += gap;
		l->bursts++;
		if (gap > l->longest_burst)
			l->longest_burst = gap;
	}
	s->window = gap < 63 ? s->window << (gap + 1) | 1 : 1;
	s->next += gap + 1;
}

static void loss_backward(struct loss *l, struct loss_stream *s, uint32_t behind)
{
	if (behind > 64)
		return;
	if (s->window & (uint64_t)1 << (behind - 1)) {
		l->duplicates++;
		return;
	}
	s->window |= (uint64_t)1 << (behind - 1);
	l->late++;
	if (l->lost)
		l->lost--;
}

void loss_push(struct loss *l, const struct carousel_addr *source, uint32_t channel, uint32_t sequence)
{
	struct loss_stream *s = loss_find(l, source, channel);
	uint32_t gap;
	l->received++;
	if (s == NULL) {
		l->latest = loss_begin(l, source, channel, sequence);
		return;
	}
	l->latest = s;
	if (sequence == 0 && s->in_a_row) {
		s->next = 1;
		return;
	}
	s->in_a_row = sequence == 0;
	gap = sequence - s->next;
	if (gap < LOSS_MAX_GAP) {
		loss_forward(l, s, gap);
	} else if (-gap <= LOSS_MAX_GAP) {
		loss_backward(l, s, -gap);
	} else if (sequence == s->jump) {
		s->next = sequence + 1;
		s->window = 1;
	} else {
		s->jump = sequence + 1;
	}
}

double loss_share(const struct loss *l)
{
	uint64_t sent = l->received - l->duplicates + l->lost;
	return sent ? (double)l->lost / (double)sent : 0;
}
