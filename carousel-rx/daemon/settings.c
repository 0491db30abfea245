#include "carousel-rx/daemon/settings.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "policy-map/policy_map.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTINGS_MAX_ROOT_BYTES (256u * 1024u)
#define SETTINGS_PROCESS_BYTES  (7680u * 1024) /* resident without the library: libraries' text, stacks, one socket */
#define SETTINGS_MIB            (1024u * 1024u)

static const char *const settings_prefetch[] = {"needed", "always", NULL};
static const char *const settings_offers[] = {"ask", "install", "monthly", "ignore", NULL};
static const char *const settings_priorities[] = {"idle", "normal", NULL};
static const char *const settings_adapters[] = {"directory", "exec", "u-boot", "grub", NULL};
static const char *const settings_levels[] = {"error", "warning", "notice", "info", "debug", NULL};

/* Files of /sys and /proc have no size to go by. A pipe is not waited for. */
static int settings_read_word(const char *path, char text[256])
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t len = fd >= 0 ? read(fd, text, 255) : -1;
	int result = len < 0 ? file_error(errno) : 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		result = CAROUSEL_E_ARGUMENT;
	if (fd >= 0)
		close(fd);
	text[len < 0 ? 0 : len] = 0;
	return result;
}

/* "box-id" itself, or the first word of the file that "box-id-file" names (a serial number, a MAC address). */
static void settings_box_id(struct settings *s, struct config_section *section)
{
	const char *id = config_string(section, "box-id", NULL), *path = config_string(section, "box-id-file", NULL);
	char text[256];
	size_t len = 0;
	int result;
	if ((id == NULL) == (path == NULL)) {
		config_fail(section, "box-id", CAROUSEL_E_ARGUMENT, "one of box-id and box-id-file must be given");
		return;
	}
	if (path) {
		result = settings_read_word(path, text);
		if (result) {
			config_fail(section, "box-id-file", result, "%s: %s", path,
				result == CAROUSEL_E_ARGUMENT ? "not a regular file" : carousel_strerror(result));
			return;
		}
		id = text;
	}
	while (isspace((unsigned char)*id))
		id++;
	while (id[len] && !isspace((unsigned char)id[len]))
		len++;
	for (size_t i = 0; i < len && len < sizeof(s->box_id); i++)
		s->box_id[i] = (char)tolower((unsigned char)id[i]);
	if (len >= sizeof(s->box_id) || !policy_is_box_id(s->box_id))
		config_fail(section, path ? "box-id-file" : "box-id", CAROUSEL_E_SYNTAX,
			"a box id is 1 to 64 of 0-9, a-z, '.', '_', ':', '-'");
}

static void settings_receiver(struct settings *s)
{
	struct config_section *r = config_section(s->config, "receiver", NULL);
	settings_box_id(s, r);
	s->category = config_string(r, "category", NULL);
	if (s->category && !policy_is_name(s->category))
		config_fail(
			r, "category", CAROUSEL_E_SYNTAX, "a category is 1 to 64 printable characters without blank");
	s->os_release = config_string(r, "os-release", "/etc/os-release");
	s->trust_root_path = config_required(r, "trust-root");
	s->state_dir = config_required(r, "state-dir");
	s->events = config_string(r, "events", NULL);
	s->socket = config_string(r, "socket", SETTINGS_SOCKET);
	s->hardware_floor = (uint32_t)config_u64(r, "hardware-floor", 0, 0, POLICY_VERSION_MAX);
	s->memory_bytes =
		config_bytes(r, "memory", 16 * SETTINGS_MIB, 16 * SETTINGS_MIB, UINT32_MAX) - SETTINGS_PROCESS_BYTES;
	s->spill_bytes = config_bytes(r, "spill", 0, 64 * 1024, UINT64_MAX);
	s->write_rate_bps = config_rate_bps(r, "write-rate", 0, 64000, UINT64_MAX);
	s->sync_interval_ns = config_duration_ns(r, "sync-interval", 0, 10000000, 3600000000000u);
	s->socket_buffer_bytes = config_bytes(r, "socket-buffer", 8 * SETTINGS_MIB, 64 * 1024, 1024u * SETTINGS_MIB);
	s->has_normal_priority = config_enum(r, "priority", 0, settings_priorities) == 1;
	s->prefetch = config_enum(r, "prefetch", 0, settings_prefetch);
	s->offers = config_enum(r, "offers", 0, settings_offers);
	s->max_attempts = (unsigned)config_u64(r, "max-attempts", 2, 1, 100);
	s->boot_tries = (unsigned)config_u64(r, "boot-tries", 3, 1, 9);
	s->mandatory_wait_ns = config_duration_ns(r, "mandatory-wait", 0, 1000000000u, 365u * 86400u * 1000000000ull);
	s->stale_after_ns = config_duration_ns(r, "stale-after", 0, 1000000000u, 365u * 86400u * 1000000000ull);
	s->has_trusted_clock = config_bool(r, "trusted-clock", false);
	s->follows_map = config_bool(r, "follow-map", true);
	s->map_interface = config_string(r, "interface", NULL);
	s->reboot_command = config_string(r, "reboot-command", NULL);
	s->exits_on_reboot = config_bool(r, "reboot-exit", false);
}

static void settings_address(struct config_section *c, const char *key,
	int (*parse)(const char *, struct udp_address *), struct udp_address *out)
{
	const char *text = config_string(c, key, NULL);
	if (text && parse(text, out))
		config_fail(c, key, CAROUSEL_E_ADDRESS, "%s: not an address that can be used here", text);
}

static void settings_sessions(struct settings *s)
{
	struct config_section *c = NULL;
	while ((c = config_next(s->config, "session", c)) != NULL) {
		struct settings_session *session = &s->sessions[s->num_sessions];
		uint32_t tsi;
		if (s->num_sessions == SETTINGS_MAX_SESSIONS) {
			config_fail(c, "group", CAROUSEL_E_LIMIT, "at most %u sessions", SETTINGS_MAX_SESSIONS);
			return;
		}
		session->name = config_section_name(c);
		config_required(c, "group");
		settings_address(c, "group", udp_address_parse, &session->group);
		settings_address(c, "source", udp_address_parse_host, &session->source);
		session->interface = config_string(c, "interface", s->map_interface);
		tsi = (uint32_t)config_u64(c, "tsi", s->tsi, 1, UINT32_MAX - 1);
		if (s->tsi && tsi != s->tsi)
			config_fail(c, "tsi", CAROUSEL_E_CONFLICT,
				"all sessions here have one TSI; others come from the map");
		s->tsi = tsi;
		s->num_sessions++;
	}
	if (s->num_sessions == 0 || s->tsi == 0)
		config_fail(config_section(s->config, "receiver", NULL), "session", CAROUSEL_E_NOT_FOUND,
			"a [session NAME] with group and tsi is needed");
}

static void settings_slots(struct settings *s)
{
	struct config_section *c = config_section(s->config, "slots", NULL);
	s->slots[0] = config_required(c, "slot0");
	s->slots[1] = config_required(c, "slot1");
	s->slot_bytes = config_bytes(c, "size", 0, 4096, (uint64_t)1 << 40);
}

static void settings_boot_loader(struct settings *s)
{
	struct config_section *c = config_section(s->config, "boot", NULL);
	s->boot = (enum settings_boot)config_enum(c, "adapter", SETTINGS_BOOT_DIRECTORY, settings_adapters);
	switch (s->boot) {
	case SETTINGS_BOOT_DIRECTORY:
		s->boot_directory = config_required(c, "directory");
		break;
	case SETTINGS_BOOT_EXEC:
		s->boot_command = config_required(c, "command");
		break;
	case SETTINGS_BOOT_UBOOT:
		s->boot_environment = config_string(c, "environment", NULL);
		break;
	default:
		s->boot_environment = config_string(c, "environment", "/boot/grub/grubenv");
	}
}

static void settings_log(struct settings *s)
{
	struct config_section *c = config_section(s->config, "log", NULL);
	s->log_level = (enum carousel_log_level)config_enum(c, "level", CAROUSEL_LOG_NOTICE, settings_levels);
}

static int settings_parse(struct settings *s, const char *path, size_t len)
{
	int result = config_parse(&s->config, NULL, s->text, len, path);
	if (result)
		return result;
	settings_receiver(s);
	settings_sessions(s);
	settings_slots(s);
	settings_boot_loader(s);
	settings_log(s);
	return config_end(s->config);
}

int settings_load(struct settings *s, const char *path, char message[256])
{
	size_t len;
	int result;
	memset(s, 0, sizeof(*s));
	result = file_read(path, CONFIG_MAX_BYTES, NULL, &s->text, &len);
	if (result) {
		snprintf(message, 256, "%.180s: %s", path, carousel_strerror(result));
		return result;
	}
	result = settings_parse(s, path, len);
	if (result)
		snprintf(message, 256, "%.250s", s->config ? config_error(s->config) : carousel_strerror(result));
	return result;
}

int settings_load_root(struct settings *s, char message[256])
{
	int result = file_read(s->trust_root_path, SETTINGS_MAX_ROOT_BYTES, NULL, &s->trust_root, &s->trust_root_len);
	if (result)
		snprintf(message, 256, "%.180s: %s", s->trust_root_path, carousel_strerror(result));
	return result;
}

void settings_free(struct settings *s)
{
	config_free(s->config);
	memory_free(NULL, s->text);
	memory_free(NULL, s->trust_root);
	memset(s, 0, sizeof(*s));
}
