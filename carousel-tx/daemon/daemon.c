#include "carousel-tx/daemon/daemon.h"

#include "carousel-tx/daemon/air.h"
#include "carousel-tx/daemon/sender.h"
#include "carousel-tx/daemon/spool.h"
#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/control.h"
#include "common/io/daemon.h"
#include "common/io/file.h"
#include "common/io/loop.h"
#include "policy-map/key_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S           1000000000ull
#define WATCH_NS           (NS_PER_S / 2) /* how often the catalogue's generation is looked at */
#define RETRY_NS           (30 * NS_PER_S)
#define COUNTERS_MAX_BYTES (256u << 10)
#define STATUS_OBJECTS     100u /* of one answer, so that it fits a line */
#define MAX_JOBS           4u
#define WATCHED            4u

struct daemon {
	const struct settings *settings;
	struct carousel_log log;
	struct loop *loop;
	struct tx *tx;
	struct tx_spool spool;
	struct key_secret key;
	struct key_signer signer;
	struct tx_channel_config channels[TX_MAX_CHANNELS];
	struct sender senders[TX_MAX_CHANNELS];
	uint32_t num_senders;
	struct control *control;
	struct loop_timer *housekeeping;
	uint64_t housekeeping_ns, reload_retry_ns, started_ns;
	struct timespec seen[WATCHED];
	struct air air;
	struct catalogue *catalogue; /* that is on the air */
	struct catalogue *loaded;    /* by the job that has just run */
	struct catalogue_error load_error;
	bool is_loading, load_again, stopping;
	unsigned jobs;
	int lock;
	int error; /* that ended the run */
};

/* ---- jobs of the core ------------------------------------------------------------------------------------ */

struct daemon_job {
	struct daemon *daemon;
	struct tx_job *job;
};

static void pump(struct daemon *d);

static void job_run(void *user)
{
	tx_job_run(((struct daemon_job *)user)->job);
}

static void job_done(void *user)
{
	struct daemon_job *job = user;
	struct daemon *d = job->daemon;
	int result = tx_job_done(d->tx, job->job, clock_monotonic_ns());
	free(job);
	d->jobs--;
	if (result)
		d->error = result;
	pump(d);
}

/* Hands the core's jobs to the thread pool; after the last one of a clean end the loop stops. */
static void pump(struct daemon *d)
{
	struct tx_job *next;
	while (d->error == 0 && d->jobs < MAX_JOBS && (next = tx_next_job(d->tx)) != NULL) {
		struct daemon_job *job = malloc(sizeof *job);
		if (job)
			*job = (struct daemon_job){d, next};
		d->jobs++;
		if (job == NULL || loop_job(d->loop, job_run, job_done, job)) {
			free(job);
			d->jobs--;
			tx_job_run(next);
			tx_job_done(d->tx, next, clock_monotonic_ns());
		}
	}
	if ((d->stopping && d->jobs == 0) || d->error)
		loop_stop(d->loop);
}

static void on_sent(void *user)
{
	pump(user);
}

static int store_counters(void *user, const char *text, size_t len)
{
	const struct daemon *d = user;
	char path[PATH_MAX];
	int result = tx_catalogue_path(path, d->settings->catalogue, "counters.ini");
	return result ? result : file_replace(path, text, len, 0644);
}

/* ---- catalogue ----------------------------------------------------------------------------------------------- */

static void load_run(void *user)
{
	struct daemon *d = user;
	tx_catalogue_load(&d->loaded, d->settings->catalogue, d->catalogue, &d->load_error);
}

static void reload(struct daemon *d);

static void apply(struct daemon *d)
{
	uint64_t now_ns = clock_monotonic_ns();
	int result;
	d->reload_retry_ns = LOOP_NEVER;
	if (d->loaded == NULL) {
		log_write(&d->log, CAROUSEL_LOG_ERROR, "%s", d->load_error.message);
		d->reload_retry_ns = now_ns + RETRY_NS;
		return;
	}
	result = air_apply(&d->air, d->catalogue, d->loaded, now_ns);
	if (result) {
		log_write(&d->log, CAROUSEL_LOG_ERROR, "taking the catalogue over: %s", carousel_strerror(result));
		d->reload_retry_ns = now_ns + RETRY_NS;
	}
	tx_catalogue_free(d->catalogue);
	d->catalogue = d->loaded;
	d->loaded = NULL;
}

static void load_done(void *user)
{
	struct daemon *d = user;
	d->is_loading = false;
	if (d->stopping) {
		tx_catalogue_free(d->loaded);
		d->loaded = NULL;
		return;
	}
	apply(d);
	if (d->load_again)
		reload(d);
	pump(d);
}

static void reload(struct daemon *d)
{
	d->load_again = d->is_loading;
	if (d->is_loading || d->stopping)
		return;
	d->is_loading = loop_job(d->loop, load_run, load_done, d) == 0;
}

/* What any change of the catalogue replaces; a change that was killed may have got no further than its rename. */
static bool is_changed(struct daemon *d)
{
	static const char *const names[WATCHED] = {"generation", "objects", "map.dsse", "roots.dsse"};
	bool changed = false;
	for (unsigned i = 0; i < WATCHED; i++) {
		struct stat status;
		char path[PATH_MAX];
		if (tx_catalogue_path(path, d->settings->catalogue, names[i]) || stat(path, &status))
			continue;
		changed |= status.st_mtim.tv_sec != d->seen[i].tv_sec || status.st_mtim.tv_nsec != d->seen[i].tv_nsec;
		d->seen[i] = status.st_mtim;
	}
	return changed;
}

static uint64_t housekeeping_deadline(void *user)
{
	return ((struct daemon *)user)->housekeeping_ns;
}

static void housekeeping(void *user, uint64_t now_ns)
{
	struct daemon *d = user;
	d->housekeeping_ns = now_ns + WATCH_NS;
	tx_set_wall_clock(d->tx, clock_wall_ns(), now_ns);
	if (is_changed(d) || now_ns >= d->reload_retry_ns)
		reload(d);
	pump(d);
}

/* ---- control socket -------------------------------------------------------------------------------------------- */

static void add_warning(json_t *warnings, int code, const char *message)
{
	json_array_append_new(warnings, json_pack("{s:s, s:s}", "code", carousel_error_name(code), "message", message));
}

static void add_daemon_status(struct daemon *d, json_t *status)
{
	json_t *warnings = json_object_get(status, "warnings"), *channels = json_object_get(status, "channels");
	for (uint32_t i = 0; i < d->num_senders; i++) {
		const struct udp_sender *udp = &d->senders[i].udp;
		json_t *channel = json_array_get(channels, i);
		char group[UDP_ADDRESS_TEXT];
		json_object_set_new(
			channel, "group", json_string(udp_address_format(&d->settings->channels[i].group, group)));
		json_object_set_new(channel, "lost", json_integer((json_int_t)udp->lost));
		json_object_set_new(channel, "syscalls", json_integer((json_int_t)udp->syscalls));
		json_object_set_new(channel, "offload", json_boolean(udp->is_offload));
		if (udp->last_errno)
			add_warning(warnings, CAROUSEL_E_IO, strerror(udp->last_errno));
	}
	if (d->load_error.code)
		add_warning(warnings, d->load_error.code, d->load_error.message);
	if (d->catalogue && d->catalogue->map_error.code)
		add_warning(warnings, d->catalogue->map_error.code, d->catalogue->map_error.message);
	if (d->catalogue && d->catalogue->num_refused)
		add_warning(warnings, d->catalogue->refused_error.code, d->catalogue->refused_error.message);
	json_object_set_new(
		status, "uptime_s", json_integer((json_int_t)((clock_monotonic_ns() - d->started_ns) / NS_PER_S)));
	json_object_set_new(status, "cpu_ms", json_integer((json_int_t)(clock_cpu_ns() / 1000000)));
	json_object_set_new(status, "catalogue", json_string(d->settings->catalogue));
}

/* Objects from args.from on, as many as fit a line; objects_total says how many there are. */
static int status_request(struct daemon *d, struct control_request *request)
{
	json_int_t from = json_integer_value(json_object_get(request->args, "from"));
	json_t *status = tx_status(d->tx, clock_monotonic_ns()), *objects, *part = json_array();
	if (status == NULL || part == NULL) {
		json_decref(status);
		json_decref(part);
		return CAROUSEL_E_MEMORY;
	}
	objects = json_object_get(status, "objects");
	json_object_set_new(status, "objects_total", json_integer((json_int_t)json_array_size(objects)));
	for (size_t i = from > 0 ? (size_t)from : 0; i < json_array_size(objects); i++)
		if (json_array_size(part) < STATUS_OBJECTS)
			json_array_append(part, json_array_get(objects, i));
	json_object_set_new(status, "objects", part);
	add_daemon_status(d, status);
	request->result = status;
	return 0;
}

static int set_rate_request(struct daemon *d, struct control_request *request)
{
	const char *name = json_string_value(json_object_get(request->args, "channel"));
	const json_t *rate = json_object_get(request->args, "rate_bps");
	const json_int_t rate_bps = json_integer_value(rate);
	if (name == NULL || !json_is_integer(rate))
		return CAROUSEL_E_ARGUMENT;
	if (rate_bps && (rate_bps < SETTINGS_MIN_RATE_BPS || rate_bps > (json_int_t)SETTINGS_MAX_RATE_BPS))
		return CAROUSEL_E_RANGE;
	for (uint32_t i = 0; i < d->settings->num_channels; i++) {
		if (strcmp(d->settings->channels[i].name, name) != 0)
			continue;
		log_write(&d->log, CAROUSEL_LOG_NOTICE, "channel %s: %" PRIu64 " bit/s (0: unlimited)", name,
			(uint64_t)rate_bps);
		return tx_set_rate(d->tx, i, (uint64_t)rate_bps, clock_monotonic_ns());
	}
	snprintf(request->message, sizeof request->message, "there is no channel %.64s", name);
	return CAROUSEL_E_NOT_FOUND;
}

static int on_request(void *user, struct control_request *request)
{
	struct daemon *d = user;
	if (strcmp(request->op, "status") == 0)
		return status_request(d, request);
	if (strcmp(request->op, "set-rate") == 0)
		return set_rate_request(d, request);
	if (strcmp(request->op, "reload") == 0) {
		is_changed(d);
		reload(d);
		return 0;
	}
	return CAROUSEL_E_UNKNOWN_WORD;
}

static void on_signal(void *user, int number)
{
	struct daemon *d = user;
	if (number == SIGHUP) {
		log_write(&d->log, CAROUSEL_LOG_NOTICE, "reading the catalogue again");
		reload(d);
		return;
	}
	if (d->stopping)
		return;
	daemon_notify("STOPPING=1");
	d->stopping = true;
	tx_close(d->tx);
	pump(d);
}

/* ---- life ---------------------------------------------------------------------------------------------------------
 */

static int load_key(struct daemon *d, struct catalogue_error *error)
{
	const char *path = d->settings->heartbeat_key;
	char *text;
	size_t len;
	int result;
	if (path[0] == '\0') {
		log_write(&d->log, CAROUSEL_LOG_WARNING, "no heartbeat key: no heartbeats and no schedule are sent");
		return 0;
	}
	result = file_read(path, KEY_FILE_MAX_BYTES, NULL, &text, &len);
	if (result == 0) {
		result = key_file_parse_secret(&d->key, text, len, NULL, 0);
		explicit_bzero(text, len);
		free(text);
	}
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	d->signer = key_secret_signer(&d->key);
	return 0;
}

static int new_core(struct daemon *d, struct catalogue_error *error)
{
	struct tx_config config = d->settings->tx;
	char path[PATH_MAX], *counters = NULL;
	int result = tx_catalogue_path(path, d->settings->catalogue, "counters.ini");
	if (result == 0)
		result = file_read(path, COUNTERS_MAX_BYTES, NULL, &counters, &config.counters_len);
	if (result && result != CAROUSEL_E_NOT_FOUND)
		return tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result));
	for (uint32_t i = 0; i < d->settings->num_channels; i++) {
		const struct settings_channel *c = &d->settings->channels[i];
		d->channels[i] = (struct tx_channel_config){.name = c->name,
			.rate_bps = c->rate_bps,
			.burst_bytes = (uint32_t)c->burst_bytes,
			.overhead_bytes = c->group.family == 6 ? 48 : 28};
	}
	d->spool = spool_in(d->settings->spool_dir);
	config.log = &d->log;
	config.session_name = d->settings->session_name;
	config.channels = d->channels;
	config.num_channels = d->settings->num_channels;
	config.spool = &d->spool;
	config.heartbeat_signer = d->signer.sign ? &d->signer : NULL;
	config.store_counters = store_counters;
	config.store_user = d;
	config.counters = counters;
	result = tx_new(&d->tx, &config, clock_monotonic_ns());
	free(counters);
	return result ? tx_catalogue_fail(error, result, "%s: %s", path, carousel_strerror(result)) : 0;
}

static int open_outside(struct daemon *d, struct catalogue_error *error)
{
	struct control_config control = {.path = d->settings->socket, .log = &d->log, .request = on_request, .user = d};
	int result = 0;
	for (uint32_t i = 0; i < d->settings->num_channels && result == 0; i++) {
		struct sender *s = &d->senders[i];
		s->user = d;
		s->sent = on_sent;
		result = sender_open(s, d->loop, d->tx, i, &d->settings->channels[i], TX_MAX_PACKET_BYTES, error);
		d->num_senders += result == 0;
	}
	if (result)
		return result;
	result = control_new(&d->control, d->loop, &control);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", control.path, carousel_strerror(result));
	result = loop_on_signals(d->loop, on_signal, d);
	if (result == 0)
		result = loop_timer_new(d->loop, housekeeping_deadline, housekeeping, d, &d->housekeeping);
	return result ? tx_catalogue_fail(error, result, "%s", carousel_strerror(result)) : 0;
}

/* Every file of the catalogue that is on the air is open. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int start(struct daemon *d, struct catalogue_error *error)
{
	char path[PATH_MAX];
	int result = tx_catalogue_path(path, d->settings->catalogue, "daemon.lock");
	if (result == 0)
		result = file_lock(path, &d->lock);
	if (result)
		return tx_catalogue_fail(error, result, "%s: %s", path,
			result == CAROUSEL_E_BUSY ? "another daemon sends from this catalogue"
						  : carousel_strerror(result));
	raise_file_limit();
	result = load_key(d, error);
	if (result == 0)
		result = new_core(d, error);
	if (result)
		return result;
	tx_set_wall_clock(d->tx, clock_wall_ns(), clock_monotonic_ns());
	air_init(&d->air, d->tx, &d->log, d->settings->only_mapped);
	is_changed(d);
	load_run(d);
	if (d->loaded == NULL) {
		*error = d->load_error;
		return error->code;
	}
	apply(d);
	result = loop_new(&d->loop);
	if (result)
		return tx_catalogue_fail(error, result, "%s", carousel_strerror(result));
	return open_outside(d, error);
}

static void stop(struct daemon *d)
{
	control_free(d->control);
	for (uint32_t i = 0; i < d->num_senders; i++)
		sender_close(&d->senders[i]);
	loop_timer_free(d->housekeeping);
	loop_free(d->loop);
	air_deinit(&d->air);
	tx_free(d->tx);
	tx_catalogue_free(d->catalogue);
	tx_catalogue_free(d->loaded);
	key_secret_deinit(&d->key);
	if (d->lock >= 0)
		close(d->lock);
}

int tx_daemon_run(const struct settings *settings, struct catalogue_error *error)
{
	struct daemon *d = calloc(1, sizeof *d);
	int result;
	if (d == NULL)
		return tx_catalogue_fail(error, CAROUSEL_E_MEMORY, "%s", carousel_strerror(CAROUSEL_E_MEMORY));
	d->settings = settings;
	d->lock = -1;
	d->started_ns = d->housekeeping_ns = clock_monotonic_ns();
	d->reload_retry_ns = LOOP_NEVER;
	daemon_log_init(&d->log, settings->log_level);
	result = start(d, error);
	if (result == 0) {
		daemon_notify("READY=1");
		log_write(&d->log, CAROUSEL_LOG_NOTICE, "session %s, TSI %" PRIu32 ", %" PRIu32 " channels",
			settings->session_name, settings->tx.tsi, settings->num_channels);
		pump(d);
		result = loop_run(d->loop);
		for (uint32_t i = 0; i < d->num_senders && d->error == 0; i++)
			d->error = d->senders[i].error;
		result = d->error ? d->error : result;
		if (result)
			tx_catalogue_fail(error, result, "%s", carousel_strerror(result));
	}
	stop(d);
	free(d);
	return result;
}
