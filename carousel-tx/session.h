/* session.h - the state of a transmitter: its objects, channels, and what it says of itself. Internal to the core. */
#ifndef CAROUSEL_TX_SESSION_H
#define CAROUSEL_TX_SESSION_H

#include "carousel-tx/object.h"
#include "carousel-tx/pacer.h"
#include "carousel-tx/scheduler.h"

#define TX_NS_PER_S 1000000000u
#define TX_TICK_NS  (TX_NS_PER_S / 2)

struct tx_channel {
	struct tx_pacer pacer;
	struct tx_scheduler scheduler;
	uint32_t sequence; /* CCI of the next packet */
	uint64_t packets, control_bytes;
	struct tx_meter meter; /* of wire bytes */
	struct tx_window window;
	uint64_t idle_since_ns;                    /* TX_NEVER: it is not */
	struct tx_meter starved;                   /* of nanoseconds */
	uint64_t look_again_ns;                    /* idle: when something may be due */
	uint64_t control_check_ns;                 /* no document is due before */
	uint64_t heartbeat_due_ns, heartbeat_sent; /* sequence of the heartbeat sent last */
};

enum tx_trouble { TX_TROUBLE_SCHEDULE, TX_TROUBLE_FDT, TX_TROUBLE_HEARTBEAT, TX_TROUBLE_COUNTERS, TX_NUM_TROUBLES };

struct tx {
	struct tx_config config; /* defaults filled in */
	struct tx_channel_config channels_config[TX_MAX_CHANNELS];
	struct tx_counters counters;
	struct tx_encoder encoder;
	struct tx_object_context context;
	struct tx_channel channels[TX_MAX_CHANNELS];
	struct tx_object *objects; /* on the air or waiting for their jobs; not the FDT */
	uint32_t num_images;

	struct tx_object *fdt; /* the instance on the air, or NULL */
	uint32_t fdt_instance;
	bool fdt_dirty, schedule_dirty;
	uint64_t fdt_renew_ns, schedule_renew_ns;

	struct tx_map_info map;
	char *heartbeat; /* envelope of the newest */
	size_t heartbeat_len;
	uint64_t heartbeat_sequence, heartbeat_ns;

	uint64_t wall_ns, wall_at_ns; /* the time of day was wall_ns at wall_at_ns; 0: not told */
	uint64_t now_ns;              /* the latest time that was passed in */
	uint64_t tick_ns;             /* of the next; TX_TICK_NS after the last */
	uint64_t store_retry_ns;
	uint32_t next_feed; /* where the search for work goes on, so that none starves */
	bool closing, closed;
	int troubles[TX_NUM_TROUBLES]; /* shown in the status until it goes well */
};

/* Bits per second of all channels; 0: one of them is unlimited. */
uint64_t tx_session_rate(const struct tx *);
/* The time of day in nanoseconds since 1970. */
uint64_t tx_wall_ns(const struct tx *, uint64_t now_ns);
/* Notes for the status how something goes; the log hears of what is new. */
void tx_trouble(struct tx *, enum tx_trouble, int error);
void tx_object_trouble(struct tx *, struct tx_object *, int error);
/* Which, as a sentence's beginning. */
const char *tx_trouble_text(enum tx_trouble);
void tx_object_trouble_text(const struct tx_object *, char *text, size_t cap);

/* Makes the schedule and the FDT instance anew when they are due. 0 or a fatal code. */
int tx_session_renew(struct tx *, uint64_t now_ns);
/* An object was added, changed or removed: the FDT will say so. */
void tx_session_changed(struct tx *);
/* The next packet of the FDT instance, or of the heartbeat (LIMIT: cap too small). */
int tx_session_fdt_packet(struct tx *, uint32_t channel, uint8_t *, size_t cap, struct tx_packet *, uint64_t now_ns);
int tx_session_heartbeat_packet(
	struct tx *, uint32_t channel, uint8_t *, size_t cap, struct tx_packet *, uint64_t now_ns);
/* Whether a heartbeat is due on the channel and can be made; makes it. */
bool tx_session_heartbeat_due(struct tx *, uint32_t channel, uint64_t now_ns);
/* Adds, replaces or (len 0) removes the document of a role and class. */
int tx_session_set_document(
	struct tx *, enum tx_role, const char *class_name, const void *bytes, size_t len, uint64_t now_ns);
/* Takes an object off the air, and frees it when no job uses it. */
void tx_session_remove(struct tx *, struct tx_object *);
/* Frees what was removed and waits for no job any more. */
void tx_session_sweep(struct tx *);
/* Puts a new object at the end of the list. */
void tx_session_add(struct tx *, struct tx_object *, uint64_t now_ns);

#endif
