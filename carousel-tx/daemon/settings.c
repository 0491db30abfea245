#include "carousel-tx/daemon/settings.h"

#include "common/carousel_error.h"
#include "common/config.h"
#include "common/io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB       (1024u * 1024u)
#define SECOND_NS 1000000000ull

static void copy_path(struct config_section *s, const char *key, const char *fallback, char *out, size_t cap)
{
	const char *value = config_string(s, key, fallback);
	if (strlen(value) >= cap)
		config_fail(s, key, CAROUSEL_E_LIMIT, "at most %zu bytes", cap - 1);
	else
		memcpy(out, value, strlen(value) + 1);
}

static bool is_channel_name(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len < 33 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static void load_channel(struct settings *settings, struct config_section *s)
{
	struct settings_channel *c = &settings->channels[settings->num_channels++];
	const char *name = config_section_name(s), *group = config_required(s, "group");
	const char *source = config_string(s, "source", NULL);
	if (!is_channel_name(name))
		config_fail(s, "name", CAROUSEL_E_SYNTAX, "a channel's name is 1 to 32 of A-Z a-z 0-9 . _ -");
	else
		memcpy(c->name, name, strlen(name) + 1);
	if (group[0] && udp_address_parse(group, &c->group))
		config_fail(s, "group", CAROUSEL_E_ADDRESS, "not an address and port such as 232.1.1.95:4001");
	else if (group[0] && !udp_address_is_multicast(&c->group))
		config_fail(s, "group", CAROUSEL_E_ADDRESS, "not a multicast address");
	if (source && (udp_address_parse_host(source, &c->source) || c->source.family != c->group.family))
		config_fail(s, "source", CAROUSEL_E_ADDRESS, "not an address of the group's family");
	copy_path(s, "interface", "", c->interface, sizeof c->interface);
	c->ttl = (unsigned)config_u64(s, "ttl", 1, 0, 255);
	c->loop = config_bool(s, "loop", false);
	c->offload = config_bool(s, "offload", true);
	if (strcmp(config_string(s, "rate", "unlimited"), "unlimited") != 0)
		c->rate_bps = config_rate_bps(s, "rate", 0, SETTINGS_MIN_RATE_BPS, SETTINGS_MAX_RATE_BPS);
	c->burst_bytes = config_bytes(s, "burst", 0, 2048, 64 * MIB);
	c->buffer_bytes = config_bytes(s, "socket-buffer", 4 * MIB, 65536, 1024 * MIB);
}

static void load_channels(struct settings *settings, struct config *config)
{
	struct config_section *s = NULL;
	while ((s = config_next(config, "channel", s)) != NULL) {
		if (settings->num_channels == TX_MAX_CHANNELS) {
			config_fail(s, "name", CAROUSEL_E_LIMIT, "more than %u channels", TX_MAX_CHANNELS);
			return;
		}
		load_channel(settings, s);
	}
	if (settings->num_channels == 0)
		config_fail(config_section(config, "channel", NULL), "name", CAROUSEL_E_NOT_FOUND,
			"a [channel NAME] section is needed");
}

static void load_session(struct settings *settings, struct config_section *s)
{
	static const char *const versions[] = {"1", "2", NULL};
	struct tx_config *tx = &settings->tx;
	copy_path(s, "name", "main", settings->session_name, sizeof settings->session_name);
	config_required(s, "tsi");
	tx->tsi = (uint32_t)config_u64(s, "tsi", 1, 1, UINT32_MAX - 1);
	tx->headends = (uint32_t)config_u64(s, "headends", 1, 1, 255);
	tx->headend = (uint32_t)config_u64(s, "headend", 1, 1, 255) - 1;
	if (tx->headend >= tx->headends)
		config_fail(s, "headend", CAROUSEL_E_RANGE, "headend %u of %u", tx->headend + 1, tx->headends);
	tx->flute_version = (uint8_t)(config_enum(s, "flute-version", 1, versions) + 1);
	tx->no_sequence = !config_bool(s, "sequence", true);
	tx->fti_interval = (uint32_t)config_u64(s, "fti-interval", 16, 1, 10000);
	tx->symbol_size = (uint16_t)config_u64(s, "symbol-size", 1024, 64, 8192);
	tx->lead_ns = config_duration_ns(s, "lead", SECOND_NS, 0, 3600 * SECOND_NS);
	tx->fdt_lifetime_ns =
		config_duration_ns(s, "fdt-lifetime", 3600 * SECOND_NS, 10 * SECOND_NS, 30 * 86400 * SECOND_NS);
}

static void load_control(struct settings *settings, struct config_section *s)
{
	static const char *const keys[TX_NUM_ROLES] = {"fdt-period", "heartbeat-period", "trust-root-period",
		"map-period", "schedule-period", "manifest-period"};
	struct tx_config *tx = &settings->tx;
	copy_path(s, "socket", SETTINGS_SOCKET, settings->socket, sizeof settings->socket);
	tx->control_permille = (uint32_t)(config_share(s, "share", 0.05, 0.001, 0.5) * 1000 + 0.5);
	tx->control_no_code = !config_bool(s, "fec", true);
	for (unsigned role = 0; role < TX_NUM_ROLES; role++)
		if (keys[role])
			tx->period_ns[role] = config_duration_ns(s, keys[role],
				role == TX_ROLE_FDT ? SECOND_NS : 2 * SECOND_NS, SECOND_NS / 10, 86400 * SECOND_NS);
}

static void load_all(struct settings *settings, struct config *config)
{
	static const char *const sends[] = {"all", "mapped", NULL};
	struct config_section *s = config_section(config, "catalogue", NULL);
	const char *level;
	copy_path(s, "dir", SETTINGS_CATALOGUE, settings->catalogue, sizeof settings->catalogue);
	copy_path(s, "audit", "", settings->audit, sizeof settings->audit);
	settings->only_mapped = config_enum(s, "send", 0, sends) == 1;
	s = config_section(config, "keys", NULL);
	copy_path(s, "heartbeat", "", settings->heartbeat_key, sizeof settings->heartbeat_key);
	load_session(settings, config_section(config, "session", NULL));
	load_control(settings, config_section(config, "control", NULL));
	s = config_section(config, "memory", NULL);
	settings->tx.read_ahead_bytes = config_bytes(s, "read-ahead", 32 * MIB, MIB, (uint64_t)4096 * MIB);
	settings->tx.encoder_bytes = config_bytes(s, "encoders", 0, MIB, (uint64_t)65536 * MIB);
	settings->tx.spool_bytes = config_bytes(s, "spool", 128 * MIB, MIB, (uint64_t)65536 * MIB);
	copy_path(s, "spool-dir", "", settings->spool_dir, sizeof settings->spool_dir);
	s = config_section(config, "log", NULL);
	level = config_string(s, "level", "notice");
	if (log_level_parse(level, &settings->log_level))
		config_fail(s, "level", CAROUSEL_E_UNKNOWN_WORD, "error, warning, notice, info or debug");
	load_channels(settings, config);
}

int tx_settings_load(struct settings *settings, const char *path, struct catalogue_error *error)
{
	struct config *config = NULL;
	char *text;
	size_t len;
	int result = file_read(path, CONFIG_MAX_BYTES, NULL, &text, &len);
	memset(settings, 0, sizeof *settings);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	result = config_parse(&config, NULL, text, len, path);
	if (result == 0) {
		load_all(settings, config);
		result = config_end(config);
	}
	if (result)
		tx_catalogue_fail(error, result, "%s", config ? config_error(config) : carousel_strerror(result));
	config_free(config);
	free(text);
	return result;
}
