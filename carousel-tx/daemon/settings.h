/* settings.h - the configuration file of carousel-tx (carousel-tx.5). */
#ifndef CAROUSEL_TX_DAEMON_SETTINGS_H
#define CAROUSEL_TX_DAEMON_SETTINGS_H

#include "carousel-tx/daemon/catalogue.h"
#include "carousel-tx/tx.h"
#include "common/address.h"
#include "common/log.h"

#include <stdbool.h>

#define SETTINGS_PATH      "/etc/carousel/carousel-tx.ini"
#define SETTINGS_CATALOGUE "/var/lib/carousel-tx"
#define SETTINGS_SOCKET    "/run/carousel-tx.sock"

#define SETTINGS_MIN_RATE_BPS 1000u
#define SETTINGS_MAX_RATE_BPS 100000000000u

struct settings_channel {
	char name[33];
	struct udp_address group, source;
	char interface[64]; /* "": by route */
	unsigned ttl;
	bool loop, offload;
	uint64_t rate_bps, burst_bytes, buffer_bytes;
};

struct settings {
	char catalogue[PATH_MAX], audit[PATH_MAX] /* "": in the catalogue */;
	char socket[108], heartbeat_key[PATH_MAX], spool_dir[PATH_MAX];
	char session_name[33];
	enum carousel_log_level log_level;
	bool only_mapped; /* images that the map does not name stay off the air */
	uint32_t num_channels;
	struct settings_channel channels[TX_MAX_CHANNELS];
	struct tx_config tx; /* all but its tables, pointers to functions and counters */
};

/* Reads and checks the file. Errors: those of file_read() and config.h; the error says where. */
int tx_settings_load(struct settings *, const char *path, struct catalogue_error *);

#endif
