/* box.h - one simulated box: the real receiver core, its slots, boot loader, user and habits, in virtual time. */
#ifndef SIM_BOX_H
#define SIM_BOX_H

#include "carousel_rx.h"
#include "sim/box_storage.h"
#include "sim/channel.h"
#include "sim/delay_line.h"
#include "sim/headend.h"
#include "sim/random.h"
#include "sim/report.h"

#define BOX_NEVER UINT64_MAX

struct box {
	const struct scenario_group *group;
	const struct headend *headend;
	struct report *report;
	uint32_t group_number;
	struct scenario_box who;
	char version_text[16];
	uint32_t version;
	struct box_storage storage;
	struct carousel_boot boot;
	struct carousel_boot_state boot_state;
	struct carousel_rx_config config;
	struct carousel_rx *rx; /* NULL: not joined, or booting */
	struct channel channels[SCENARIO_MAX_HEADENDS];
	struct random_stream random;
	struct delay_line line; /* packets on their way */
	uint64_t shift_ns, now_ns, join_ns;
	uint64_t boot_ns; /* when the next boot is done; BOX_NEVER */
	bool is_boot_trial, is_boot_failing;
	uint32_t target_version; /* in the target slot */
	uint8_t target_sha256[32];
	uint64_t answer_ns; /* when the user answers the offer; BOX_NEVER */
	bool answer_accepts;
	uint64_t kill_ns;             /* the next sudden end; BOX_NEVER */
	struct carousel_job *jobs[4]; /* slow ones: run, not handed back yet */
	uint64_t jobs_ns[4];
	uint64_t wake_ns; /* nothing happens before then but packets */
	uint64_t burst;   /* packets lost in a row */
	bool is_receiving;
	bool is_retired; /* takes no further part in the run */
	int error;       /* fatal, of the receiver */
};

/* number: among all boxes. Errors: MEMORY. */
int box_init(struct box *, const struct carousel_allocator *, struct report *, const struct scenario *,
	const struct headend *, uint64_t number);
void box_deinit(struct box *);

/* Lets time pass up to a moment. 0 or a fatal error of the receiver. */
int box_run(struct box *, uint64_t now_ns);
/* A packet of a headend leaves for the box. box_run() up to the same moment goes before. */
int box_send(struct box *, uint32_t headend, const uint8_t *data, const struct tx_packet *, uint64_t now_ns);
/* True when the box lacks nothing and nothing is under way. */
bool box_is_settled(const struct box *);
/* Takes stock at the end. */
void box_finish(struct box *);

#endif
