/* fake_box.h - a receiver in a box of its own: storage in memory, a boot loader of flags, virtual time. */
#ifndef TESTS_LIB_FAKE_BOX_H
#define TESTS_LIB_FAKE_BOX_H

#include "carousel_rx.h"
#include "tests/lib/fake_tx.h"
#include "tests/lib/ram_storage.h"

#include <stdbool.h>

struct fake_boot {
	struct carousel_boot table;
	struct carousel_boot_state state;
	bool is_bad[2];
	unsigned tries[2], calls, fail_calls; /* fail_calls: so many of the next calls fail with STORAGE */
	int first;                            /* slot that is tried first at the next boot */
	bool wrote_before_mark;               /* the target slot was written to before it was marked bad */
	struct ram_storage *storage;
};

struct fake_box {
	struct ram_storage storage;
	struct fake_boot boot;
	struct carousel_rx_config config;
	struct carousel_rx *rx;
	uint64_t now_ns, random;
	double loss;
	struct carousel_addr source;
	char version[16], event_kinds[512];
	unsigned offers, reboots, alarms, decisions, progress;
	int alarm_error;    /* of the last alarm */
	uint64_t packet_ns; /* virtual time from packet to packet */
	char *last_json;    /* of the last event; owned */
	bool hold_jobs;     /* jobs are not run by fake_box_work() */
};

/* root_text is borrowed for the box's life. Not started yet: change box.config first. */
void fake_box_init(
	struct fake_box *, const char *root_text, const char *class_name, uint32_t version, uint64_t slot_bytes);
/* Starts (or starts again) the receiver. */
int fake_box_start(struct fake_box *);
/* As a power cut: what was not synced may be gone. */
void fake_box_power_cut(struct fake_box *, uint64_t seed);
void fake_box_stop(struct fake_box *);
void fake_box_deinit(struct fake_box *);

/* fake_tx.send with the box as user. */
void fake_box_hear(void *box, const uint8_t *packet, size_t len);
/* Runs jobs and deadlines that are due. */
void fake_box_work(struct fake_box *);
/* Lets time pass in steps, working. */
void fake_box_wait(struct fake_box *, uint64_t ns);
/* Passes until the state is reached; fails the test after `passes`. */
void fake_box_until(struct fake_box *, struct fake_tx *, enum carousel_rx_state, unsigned passes);
/* What the boot loader does at power-on: boots what is to be tried, counts down, falls back. Starts the receiver with
 * `version` as what the running image says of itself. */
void fake_box_reboot(struct fake_box *, uint32_t version);
/* The content of the target slot is this image's. */
bool fake_box_holds(const struct fake_box *, const struct fake_image *);

#endif
