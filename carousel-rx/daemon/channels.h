/* channels.h - the groups a receiver listens to: those of its configuration, then those that the map names. */
#ifndef CAROUSEL_RX_DAEMON_CHANNELS_H
#define CAROUSEL_RX_DAEMON_CHANNELS_H

#include "carousel-rx/daemon/settings.h"
#include "common/io/loop.h"
#include "common/io/udp.h"

#define CHANNELS_MAX 16u

struct channels;

struct channel {
	struct channels *owner;
	bool is_open, is_from_map, is_named; /* named: by the map, in the pass that is under way */
	uint32_t number;
	struct udp_address group, source;
	struct udp_receiver *receiver;
	struct loop_watch *watch;
	uint64_t drops_base; /* of receivers that had this number before */
	bool has_rest;       /* of a batch, for which the receiver had no room */
	uint64_t resume_ns;  /* nothing is read before this (LOOP_NEVER: until a job is done); 0: as it comes */
	size_t turn_bytes;   /* handed on in this turn */
};

struct channels {
	struct loop *loop;
	const struct settings *settings;
	const struct carousel_log *log;
	struct carousel_rx *rx;
	struct channel channel[CHANNELS_MAX];
	void (*after)(void *user); /* a batch was handed to the receiver */
	void (*fatal)(void *user, int error);
	void *user;
};

/* Joins what the configuration names. Fields above `channel` and the callbacks are set by the caller. Errors: those of
 * udp_receiver_open() for the first that fails. */
int channels_open(struct channels *);
/* Joins what the map held names, and leaves what it does not name any more. One that cannot be joined is logged. */
void channels_follow_map(struct channels *);
/* Reads on where there is room for more again: after jobs are done, and at channels_deadline(). */
void channels_resume(struct channels *, uint64_t now_ns);
uint64_t channels_deadline(const struct channels *);
/* Hands the sockets' drop counts on. */
void channels_count_drops(struct channels *);
void channels_close(struct channels *);

#endif
