/* An image that is wrong as a whole waits for its chunk index, which tells what of it is wrong; but not for ever. */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <string.h>

/* The index is sent once a pass: so many passes of the image are waited for it. */
#define INDEX_PASSES 3u

static bool index_is_about(const struct carousel_rx *rx)
{
	return memcmp(rx->memo.doubt_sha256, rx->slot.image.sha256, sizeof(rx->memo.doubt_sha256)) == 0;
}

bool agent_index_is_given_up(const struct carousel_rx *rx)
{
	struct store_progress p;
	store_progress(rx->store, &p);
	return rx->slot.has_image && index_is_about(rx) && p.symbols_needed &&
	       rx->memo.doubt_heard >= INDEX_PASSES * p.symbols_needed;
}

uint64_t agent_index_patience(const struct carousel_rx *rx)
{
	struct store_progress p;
	uint64_t patience, heard = index_is_about(rx) ? rx->memo.doubt_heard : 0;
	store_progress(rx->store, &p);
	patience = INDEX_PASSES * p.symbols_needed;
	return heard < patience ? patience - heard : 0;
}

void agent_index_begin(struct carousel_rx *rx)
{
	rx->doubt_mark = 0;
	if (agent_index_is_given_up(rx))
		store_give_up_index(rx->store);
}

void agent_index_follow(struct carousel_rx *rx)
{
	struct memo *m = &rx->memo;
	struct store_progress p;
	uint64_t heard;
	store_progress(rx->store, &p);
	heard = p.symbols_offered - rx->doubt_mark;
	if (!p.is_waiting_for_index || !index_is_about(rx)) {
		rx->doubt_mark = p.symbols_offered;
		if (!p.is_waiting_for_index)
			return;
		memcpy(m->doubt_sha256, rx->slot.image.sha256, sizeof(m->doubt_sha256));
		m->doubt_heard = 0;
		rx->desk.is_state_dirty = true;
		return;
	}
	/* Kept on disk, so that a box that is often switched off gets through with it, too. */
	if (heard <= p.symbols_needed / 4)
		return;
	rx->doubt_mark = p.symbols_offered;
	m->doubt_heard += heard;
	rx->desk.is_state_dirty = true;
	if (!agent_index_is_given_up(rx))
		return;
	log_write(&rx->log, CAROUSEL_LOG_WARNING, "image %u: no chunk index in %u passes: received anew as a whole",
		rx->slot.version, INDEX_PASSES);
	report_event(rx, CAROUSEL_RX_EVENT_ALARM, CAROUSEL_E_NOT_FOUND,
		"no chunk index tells what of the image is wrong: it is received anew");
	store_give_up_index(rx->store);
}

void agent_index_settle(struct carousel_rx *rx)
{
	static const uint8_t nothing[sizeof(rx->memo.doubt_sha256)];
	if (memcmp(rx->memo.doubt_sha256, nothing, sizeof(nothing)) == 0)
		return;
	memset(rx->memo.doubt_sha256, 0, sizeof(rx->memo.doubt_sha256));
	rx->memo.doubt_heard = 0;
	rx->desk.is_state_dirty = true;
}
