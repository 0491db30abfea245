/* What the user wishes: it may hasten, delay or decline, never alter the rule. */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <string.h>

#define REQUEST_MAX_DEFER_S (30u * 86400u)
#define REQUEST_SECOND_NS   1000000000u

static void request_accept_image(struct carousel_rx *rx, const struct policy_image *image)
{
	memo_remove_declined(&rx->memo, image->sha256);
	rx->memo.has_accepted = true;
	memcpy(rx->memo.accepted_sha256, image->sha256, 32);
	rx->memo.defer_until_s = 0;
	rx->consent.defer_until_ns = 0;
}

static int request_accept(struct carousel_rx *rx, uint64_t version)
{
	const struct policy_image *image = rx->has_decision ? rx->decision.image : NULL;
	bool is_open = rx->state == CAROUSEL_RX_OFFERED || rx->state == CAROUSEL_RX_SCHEDULED;
	if (!is_open || image == NULL || rx->decision.verdict != POLICY_OFFER)
		return CAROUSEL_E_NOT_FOUND;
	if (version && version != image->version)
		return CAROUSEL_E_ARGUMENT;
	request_accept_image(rx, image);
	return 0;
}

static int request_decline(struct carousel_rx *rx, uint64_t version)
{
	const struct policy_image *image = rx->has_decision ? rx->decision.image : NULL;
	if (image == NULL || rx->decision.verdict == POLICY_NONE)
		return CAROUSEL_E_NOT_FOUND;
	if (rx->decision.verdict != POLICY_OFFER)
		return CAROUSEL_E_REFUSED;
	if (version && version != image->version)
		return CAROUSEL_E_ARGUMENT;
	memo_add_declined(&rx->memo, image->sha256);
	rx->memo.has_accepted = rx->memo.has_asked = false;
	rx->consent.is_offer_open = false;
	return 0;
}

static int request_defer(struct carousel_rx *rx, uint64_t seconds)
{
	if (!rx->has_decision || rx->decision.image == NULL ||
		(rx->decision.verdict == POLICY_NONE && !rx->memo.has_asked))
		return CAROUSEL_E_NOT_FOUND;
	if (rx->decision.verdict == POLICY_MANDATORY || rx->decision.verdict == POLICY_RECALL)
		return CAROUSEL_E_REFUSED;
	if (seconds == 0 || seconds > REQUEST_MAX_DEFER_S)
		return CAROUSEL_E_ARGUMENT;
	rx->consent.defer_until_ns = rx->now_ns + seconds * REQUEST_SECOND_NS;
	rx->memo.defer_until_s = rx->documents.gate_time_s + seconds;
	return 0;
}

static int request_install_now(struct carousel_rx *rx)
{
	if (!rx->has_decision)
		return CAROUSEL_E_NOT_FOUND;
	switch (rx->decision.request) {
	case POLICY_REQUEST_ACCEPT:
		request_accept_image(rx, rx->decision.image);
		rx->memo.has_asked = true; /* the offer was not open yet: the answer is yes all the same */
		return 0;
	case POLICY_REQUEST_INSTALL:
	case POLICY_REQUEST_REINSTALL:
		rx->memo.has_asked = true;
		rx->memo.defer_until_s = 0;
		rx->consent.defer_until_ns = 0;
		return 0;
	case POLICY_REQUEST_NOW:
		return 0; /* under way as fast as it can */
	default:
		return CAROUSEL_E_REFUSED;
	}
}

static int request_healthy(struct carousel_rx *rx)
{
	if (!rx->trial.is_pending)
		return 0;
	if (rx->trial.error)
		return CAROUSEL_E_REFUSED;
	rx->desk.boot = BOOT_CONFIRM;
	rx->desk.boot_slot = rx->boot.running;
	return 0;
}

static int request_pause(struct carousel_rx *rx, bool is_paused)
{
	rx->memo.is_paused = is_paused;
	reception_set_paused(rx->reception, is_paused);
	return 0;
}

static int request_inhibit(struct carousel_rx *rx, bool is_held)
{
	if (is_held) {
		if (rx->inhibits == 1000)
			return CAROUSEL_E_LIMIT;
		rx->inhibits++;
		return 0;
	}
	if (rx->inhibits == 0)
		return CAROUSEL_E_NOT_FOUND;
	rx->inhibits--;
	return 0;
}

int agent_request(struct carousel_rx *rx, enum carousel_rx_verb verb, uint64_t arg)
{
	switch (verb) {
	case CAROUSEL_RX_ACCEPT:
		return request_accept(rx, arg);
	case CAROUSEL_RX_DECLINE:
		return request_decline(rx, arg);
	case CAROUSEL_RX_DEFER:
		return request_defer(rx, arg);
	case CAROUSEL_RX_INSTALL_NOW:
		return request_install_now(rx);
	case CAROUSEL_RX_PAUSE:
	case CAROUSEL_RX_RESUME:
		return request_pause(rx, verb == CAROUSEL_RX_PAUSE);
	case CAROUSEL_RX_INHIBIT:
	case CAROUSEL_RX_UNINHIBIT:
		return request_inhibit(rx, verb == CAROUSEL_RX_INHIBIT);
	case CAROUSEL_RX_HEALTHY:
		return request_healthy(rx);
	default:
		return CAROUSEL_E_ARGUMENT;
	}
}
