/* settings.h - the configuration file of the carousel-rx daemon (carousel-rx.5). */
#ifndef CAROUSEL_RX_DAEMON_SETTINGS_H
#define CAROUSEL_RX_DAEMON_SETTINGS_H

#include "carousel_rx.h"
#include "common/address.h"
#include "common/config.h"
#include "common/log.h"

#include <stdbool.h>

#define SETTINGS_PATH         "/etc/carousel/carousel-rx.ini"
#define SETTINGS_SOCKET       "/run/carousel-rx.sock"
#define SETTINGS_MAX_SESSIONS 8u

enum settings_boot { SETTINGS_BOOT_DIRECTORY, SETTINGS_BOOT_EXEC, SETTINGS_BOOT_UBOOT, SETTINGS_BOOT_GRUB };

struct settings_session {
	const char *name;
	struct udp_address group, source; /* source: family 0 for any */
	const char *interface;            /* NULL: by route */
};

/* Strings live as long as the settings. */
struct settings {
	struct config *config;
	char *text;
	char *trust_root;
	size_t trust_root_len;

	char box_id[65];
	const char *category;
	const char *os_release, *trust_root_path, *state_dir, *events, *socket;
	uint32_t hardware_floor, tsi;
	uint64_t memory_bytes; /* the library's part of what the process may have */
	uint64_t spill_bytes, write_rate_bps, sync_interval_ns, mandatory_wait_ns, stale_after_ns, socket_buffer_bytes;
	int prefetch, offers;
	bool has_normal_priority; /* also for decoding, hashing and scanning */
	unsigned max_attempts, boot_tries;
	bool has_trusted_clock, follows_map;
	const char *reboot_command; /* NULL: none */
	bool exits_on_reboot;
	enum carousel_log_level log_level;

	unsigned num_sessions;
	struct settings_session sessions[SETTINGS_MAX_SESSIONS];
	const char *map_interface; /* for sessions that only the map names */

	const char *slots[2];
	uint64_t slot_bytes;
	enum settings_boot boot;
	const char *boot_directory, *boot_command, *boot_environment;
};

/* Reads and checks a file. message: the line to show when it is not good.
 * Errors: those of file_read(), config_end() and the checks. Free it in any case. */
int settings_load(struct settings *, const char *path, char message[256]);
/* The trust root that they name. Errors: those of file_read(). */
int settings_load_root(struct settings *, char message[256]);
void settings_free(struct settings *);

#endif
