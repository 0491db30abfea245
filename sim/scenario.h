/* scenario.h - what is played: transmitter, images, maps, groups of boxes, events and bounds (carousel-scenario.5). */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "carousel-tx/plan.h"
#include "carousel_rx.h"
#include "common/fec_oti.h"
#include "common/hash.h"
#include "common/memory.h"
#include "common/object_layout.h"
#include "sim/channel.h"
#include "sim/population.h"
#include "sim/timetable.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SCENARIO_MAX_IMAGES   64u
#define SCENARIO_MAX_MAPS     32u
#define SCENARIO_MAX_GROUPS   64u
#define SCENARIO_MAX_EVENTS   64u
#define SCENARIO_MAX_EXPECTS  64u
#define SCENARIO_MAX_BOXES    10000000u /* in all */
#define SCENARIO_MAX_HEADENDS 4u
#define SCENARIO_NEVER        UINT64_MAX

struct scenario_transmitter {
	uint64_t rate_bps; /* of each headend */
	double control_share;
	uint64_t control_period_ns; /* wanted between two heartbeats, and two of each document */
	uint32_t headends;
	struct object_layout_wish wish; /* FEC scheme and parameters of images */
};

/* On the air from `at` until `until`. */
struct scenario_image {
	const char *name, *class_name;
	uint32_t version;
	uint64_t size_bytes;
	uint32_t weight; /* 0: the scheduler's own */
	uint64_t at_ns, until_ns;
	struct object_layout layout;
};

struct scenario_map {
	const char *file;
	uint64_t at_ns;
	char *text; /* of the file */
	size_t len;
};

enum scenario_event_kind { SCENARIO_RESTART_TRANSMITTER, SCENARIO_NUM_EVENTS };

struct scenario_event {
	enum scenario_event_kind kind;
	uint64_t at_ns, length_ns; /* silent for so long */
};

struct scenario_group {
	const char *name; /* the boxes' ids are NAME-0, NAME-1, ... */
	uint32_t boxes;
	uint64_t first_box; /* number of its first box among all */
	const char *class_name, *category;
	uint32_t version;
	struct population *population; /* the boxes of a real fleet, in place of the three above; NULL: none */
	struct channel_config channel;
	struct trace *trace;
	struct timetable outages;                 /* of the link, for all boxes of the group */
	uint64_t outage_gap_ns, outage_length_ns; /* means of outages drawn by chance, 0: none; already in `outages` */
	struct timetable on;                      /* of a box; no windows: always on */
	uint64_t on_spread_ns;                    /* each box's own shift of its habits, evenly up to this */
	uint64_t join_ns, join_spread_ns;
	double have; /* share of the image that the running one gives */
	enum carousel_rx_offers offers;
	double accept;            /* share of users who accept an offer; the others decline */
	uint64_t accept_after_ns; /* mean time until they answer */
	double trial_failure;     /* share of trial boots that fail */
	uint64_t reboot_ns;       /* how long installing and booting take */
	uint64_t slot_bytes;      /* of each slot; 0: as large as the largest image */
	uint64_t write_rate_bps;  /* how fast a box writes its slot; 0: no limit */
	bool no_checksum;         /* datagrams with inverted bits get through to the receiver */
	uint64_t job_time_ns;     /* how long each piece of its work takes: decoding, writing, verifying */
	uint64_t kill_every_ns;   /* mean time between sudden losses of power; 0: none */
};

/* A bound: of the boxes of a group (NULL: of all), at least min_share and at most max_share run the version at `at`. */
struct scenario_expect {
	const char *name, *group;
	uint32_t version;
	uint64_t at_ns;
	double min_share, max_share;
	unsigned line;
};

struct scenario {
	const struct carousel_allocator *allocator;
	struct config *config; /* owns the strings */
	const char *title;
	uint64_t duration_ns, seed;
	uint64_t boxes;
	bool has_payload; /* packet by packet: with the images' bytes */
	struct scenario_transmitter transmitter;
	struct scenario_image images[SCENARIO_MAX_IMAGES];
	struct scenario_map maps[SCENARIO_MAX_MAPS]; /* by time */
	struct scenario_group groups[SCENARIO_MAX_GROUPS];
	struct scenario_event events[SCENARIO_MAX_EVENTS]; /* by time */
	struct scenario_expect expects[SCENARIO_MAX_EXPECTS];
	size_t num_images, num_maps, num_groups, num_events, num_expects;
};

/* The files that a scenario names. */
struct scenario_files {
	void *user;
	/* Text from the allocator, with a NUL behind it. */
	int (*read)(void *user, const char *name, size_t limit, char **text, size_t *len);
	/* One that is too large for that; the scenario closes it. NULL: UNSUPPORTED. */
	int (*open)(void *user, const char *name, FILE **file);
};

/* Parses and checks. seed: in place of the scenario's own, NULL: none. *out is set whenever there was memory, so that
 * scenario_error() can tell; free it in any case. Errors: those of config.h, channel.h, timetable.h, trace.h,
 * population.h and of the files; RANGE, NOT_FOUND, REFUSED (it could never complete). */
int scenario_parse(struct scenario **out, const struct carousel_allocator *, const char *text, size_t len,
	const char *file_name, const uint64_t *seed, const struct scenario_files *);
void scenario_free(struct scenario *);
/* "rain.ini:12: ..."; "" when there is no error. */
const char *scenario_error(const struct scenario *);

/* For what only one way of playing refuses: scenario_error() then tells the line of a group's key and why. Returns
 * code. */
int scenario_refuse(const struct scenario *, const struct scenario_group *, const char *key, int code, const char *why);

/* What a box of a group is. Names are borrowed. */
struct scenario_box {
	char id[80]; /* "name-number", or that of the fleet's box */
	const char *class_name, *category;
	uint32_t version;
};
void scenario_box_of(const struct scenario_group *, uint32_t number, struct scenario_box *);
/* The group of a box among all, and its number in it. box < scenario->boxes. */
const struct scenario_group *scenario_group_of(const struct scenario *, uint64_t box, uint32_t *number);

/* What stands for an image in a map. */
struct scenario_digests {
	uint8_t sha256[HASH_SHA256_BYTES], manifest[HASH_SHA256_BYTES];
};
/* Digests that are only names, for where no image is made. */
int scenario_name_digests(const struct scenario_image *, struct scenario_digests *);
/* The map's text with its lines for the scenario's images replaced by lines of these digests (one an image). *out is
 * the caller's. Errors: LIMIT, MEMORY. */
int scenario_map_text(const struct scenario *, const struct scenario_map *, const struct scenario_digests *, char **out,
	size_t *out_len);

#endif
