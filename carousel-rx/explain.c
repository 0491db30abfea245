/* carousel_rx_explain_json: why this box did, or did not, update; one line for people, members for programs. */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAIN_LINE 640

static void explain_progress(const struct carousel_rx *rx, char *line, size_t cap)
{
	struct store_progress p;
	const struct rx_slot *s = &rx->slot;
	if (!s->has_image) {
		snprintf(line, cap, "its manifest has not been heard yet");
		return;
	}
	store_progress(rx->store, &p);
	if (s->step == SLOT_COLLECTING && p.is_waiting_for_index)
		snprintf(line, cap,
			"received, but something in it is wrong; its chunk index is waited for to tell what, for "
			"%llu more symbols",
			(unsigned long long)agent_index_patience(rx));
	else if (s->step == SLOT_COLLECTING)
		snprintf(line, cap, "%llu of %llu symbols received, %u of %u blocks done%s%s",
			(unsigned long long)p.symbols_have, (unsigned long long)p.symbols_needed, p.blocks_done,
			p.blocks, agent_index_is_given_up(rx) ? "; anew, for no chunk index came" : "",
			rx->memo.is_paused ? "; reception is paused" : "");
	else
		snprintf(line, cap, "%s",
			s->step == SLOT_VERIFYING ? "received, the slot is being read back"
						  : "the slot is being prepared");
}

static void explain_failure(const struct carousel_rx *rx, char *line, size_t cap)
{
	const char *why = carousel_strerror(rx->state_error ? rx->state_error : CAROUSEL_E_REFUSED);
	uint64_t retry_s = agent_slot_retry_s(rx);
	if (retry_s)
		snprintf(line, cap, "failed: %s; tried again in %llu s", why, (unsigned long long)retry_s);
	else
		snprintf(line, cap, "failed: %s", why);
}

static void explain_state(const struct carousel_rx *rx, char *line, size_t cap)
{
	uint64_t until_ns;
	switch (rx->state) {
	case CAROUSEL_RX_RECEIVING:
		explain_progress(rx, line, cap);
		break;
	case CAROUSEL_RX_RECEIVED:
	case CAROUSEL_RX_OFFERED:
		snprintf(line, cap, "received and verified; the user is asked");
		break;
	case CAROUSEL_RX_SCHEDULED:
		snprintf(line, cap, "received and verified; %s",
			agent_delay(rx, &until_ns) == CAROUSEL_E_INHIBITED
				? "a running application holds the inhibit lock"
				: "put off by the user");
		break;
	case CAROUSEL_RX_INSTALLING:
		snprintf(line, cap, "verified; %s",
			rx->slot.step == SLOT_CHECKING ? "the slot is read back once more"
						       : "the boot loader is being told");
		break;
	case CAROUSEL_RX_PENDING_REBOOT:
		snprintf(line, cap, "installed; %s",
			rx->slot.step == SLOT_CHECKING ? "the slot is read back once more"
						       : "it runs after the next boot");
		break;
	case CAROUSEL_RX_FAILED:
		explain_failure(rx, line, cap);
		break;
	default:
		line[0] = 0;
	}
}

static void explain_rule(const struct carousel_rx *rx, char *line, size_t cap)
{
	const struct policy_decision *d = &rx->decision;
	char version[24] = "unreadable", target[32] = "";
	if (!rx->box.version_unreadable)
		snprintf(version, sizeof(version), "%u", rx->box.version);
	if (d->verdict != POLICY_NONE)
		snprintf(target, sizeof(target), " to %u", d->target);
	if (d->line)
		snprintf(line, cap,
			"%s%s: %s (installed %s; minimum %u acceptable %u current %u maximum %u, map line %u)",
			policy_verdict_name(d->verdict), target, policy_reason_sentence(d->reason), version,
			d->numbers.minimum, d->numbers.acceptable, d->numbers.current, d->numbers.maximum, d->line);
	else
		snprintf(line, cap, "%s%s: %s (installed %s, class %s, category %s)", policy_verdict_name(d->verdict),
			target, policy_reason_sentence(d->reason), version, d->class_name, d->category);
}

static void explain_line(const struct carousel_rx *rx, char line[EXPLAIN_LINE])
{
	char rule[EXPLAIN_LINE / 2], state[EXPLAIN_LINE / 4];
	explain_state(rx, state, sizeof(state));
	if (rx->trial.is_pending && rx->trial.error) {
		snprintf(line, EXPLAIN_LINE,
			"failed: another version runs than was installed; the next boot falls back");
	} else if (rx->trial.is_pending) {
		snprintf(line, EXPLAIN_LINE, "trial: the running slot is not confirmed yet, so nothing is received");
	} else if (!rx->has_decision) {
		snprintf(line, EXPLAIN_LINE, "waiting-map: no signed map has been received yet");
	} else {
		explain_rule(rx, rule, sizeof(rule));
		snprintf(line, EXPLAIN_LINE, "%s%s%s", rule, state[0] ? "; " : "", state);
	}
}

char *carousel_rx_explain_json(const struct carousel_rx *rx, uint64_t now_ns)
{
	char line[EXPLAIN_LINE], *dumped, *text = NULL;
	json_t *root;
	(void)now_ns;
	explain_line(rx, line);
	root = json_pack("{s:s,s:s,s:s,s:o*,s:o*,s:o*,s:o*,s:I,s:i,s:i}", "format", "carousel-explain/1", "line", line,
		"state", carousel_rx_state_name(rx->state), "box", report_box(rx), "map", report_map(rx), "decision",
		report_decision(rx), "image", report_image(rx), "gate_time_s", (json_int_t)rx->documents.gate_time_s,
		"failures", (int)rx->memo.num_failures, "declined", (int)rx->memo.num_declined);
	dumped = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (dumped)
		text = memory_copy_string(&rx->budget.allocator, dumped, strlen(dumped));
	free(dumped);
	return text;
}
