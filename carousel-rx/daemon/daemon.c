#include "carousel-rx/daemon/daemon.h"

#include "carousel-rx/budget.h"
#include "carousel-rx/daemon/child.h"
#include "carousel-rx/daemon/daemon_state.h"
#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/daemon.h"
#include "common/io/priority.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAEMON_SECOND_NS  1000000000u
#define DAEMON_BACKGROUND 1u                        /* threads */
#define DAEMON_STOP_NS    (5ull * DAEMON_SECOND_NS) /* what is not written by then is heard again */

static void daemon_fatal(void *user, int error)
{
	struct daemon *d = user;
	log_write(&d->log, CAROUSEL_LOG_ERROR, "%s", carousel_strerror(error));
	d->exit_status = EXIT_FAILURE;
	loop_stop(d->loop);
}

/* ---- stopping -------------------------------------------------------------------------------------- */

static void daemon_stop(struct daemon *d)
{
	uint64_t now_ns = clock_monotonic_ns();
	if (d->stop_ns) {
		loop_stop(d->loop); /* asked twice: at once */
		return;
	}
	d->stop_ns = now_ns + DAEMON_STOP_NS;
	daemon_notify("STOPPING=1");
	channels_close(&d->channels);
	carousel_rx_flush(d->rx, now_ns);
	daemon_pump(d);
}

static void daemon_signal(void *user, int number)
{
	if (number != SIGHUP)
		daemon_stop(user);
}

static void daemon_reboot(struct daemon *d)
{
	int result;
	d->wants_reboot = false;
	if (d->settings->reboot_command) {
		result = child_start(d->settings->reboot_command);
		log_write(&d->log, result ? CAROUSEL_LOG_ERROR : CAROUSEL_LOG_NOTICE, "reboot command: %s",
			result ? carousel_strerror(result) : d->settings->reboot_command);
	}
	if (d->settings->exits_on_reboot) {
		d->exit_status = DAEMON_EXIT_REBOOT;
		daemon_stop(d);
	}
}

/* ---- background ------------------------------------------------------------------------------------ */

/* On each of its threads. What boot loaders and users wait for runs on the loop's pool, at normal priority: programs
 * that are started there inherit it, and what has been put behind all others may not be allowed back. */
static void daemon_background_start(void *user)
{
	struct daemon *d = user;
	int result = priority_set_idle();
	if (result)
		atomic_store(&d->background_error, result);
}

static unsigned daemon_background_jobs(const struct daemon *d)
{
	return d->background ? workers_jobs(d->background) : 0;
}

static void daemon_tell_background(struct daemon *d)
{
	int error = atomic_load(&d->background_error);
	if (error == 0 || d->has_told_background)
		return;
	d->has_told_background = true;
	log_write(&d->log, CAROUSEL_LOG_WARNING, "idle priority: %s; decoding may be in others' way",
		carousel_strerror(error));
}

/* ---- the core's wheels ------------------------------------------------------------------------------- */

struct daemon_job {
	struct daemon *daemon;
	struct carousel_job *job;
};

static void daemon_job_run(void *user)
{
	carousel_job_run(((struct daemon_job *)user)->job);
}

static void daemon_job_done(void *user)
{
	struct daemon_job *j = user;
	struct daemon *d = j->daemon;
	int result = carousel_rx_job_done(d->rx, j->job, clock_monotonic_ns());
	free(j);
	if (result && carousel_error_is_fatal(result))
		daemon_fatal(d, result);
	daemon_pump(d);
	channels_resume(&d->channels, clock_monotonic_ns());
}

static void daemon_give_out(struct daemon *d, struct carousel_job *job)
{
	struct daemon_job *j = malloc(sizeof(*j));
	if (j) {
		int result;
		*j = (struct daemon_job){d, job};
		if (d->background && carousel_job_is_background(job))
			result = workers_job(d->background, daemon_job_run, daemon_job_done, j);
		else
			result = loop_job(d->loop, daemon_job_run, daemon_job_done, j);
		if (result == 0)
			return;
		free(j);
	}
	/* No thread for it: here and now. */
	carousel_job_run(job);
	carousel_rx_job_done(d->rx, job, clock_monotonic_ns());
}

void daemon_pump(struct daemon *d)
{
	struct carousel_job *job;
	while ((job = carousel_rx_next_job(d->rx)) != NULL)
		daemon_give_out(d, job);
	if (d->has_new_map && d->stop_ns == 0) {
		d->has_new_map = false;
		channels_follow_map(&d->channels);
	}
	if (d->wants_reboot)
		daemon_reboot(d);
	if (d->stop_ns && loop_jobs(d->loop) == 0 && daemon_background_jobs(d) == 0)
		loop_stop(d->loop);
}

static void daemon_after_packets(void *user)
{
	daemon_pump(user);
}

static uint64_t daemon_deadline(void *user)
{
	const struct daemon *d = user;
	uint64_t deadline = carousel_rx_deadline(d->rx), resume_ns = channels_deadline(&d->channels);
	if (d->stop_ns)
		return d->stop_ns;
	if (resume_ns < deadline)
		deadline = resume_ns;
	return deadline < d->second_ns ? deadline : d->second_ns;
}

static void daemon_on_deadline(void *user, uint64_t now_ns)
{
	struct daemon *d = user;
	if (d->stop_ns && now_ns >= d->stop_ns) {
		loop_stop(d->loop);
		return;
	}
	if (now_ns >= d->second_ns) {
		d->second_ns = now_ns + DAEMON_SECOND_NS;
		daemon_tell_background(d);
		channels_count_drops(&d->channels);
	}
	carousel_rx_on_deadline(d->rx, now_ns);
	daemon_pump(d);
	channels_resume(&d->channels, now_ns);
}

/* One line a change, in the words of explain. */
static void daemon_tell(struct daemon *d, const struct carousel_rx_event *event)
{
	json_t *data = json_loads(event->json, 0, NULL);
	const char *note = json_string_value(json_object_get(data, "note"));
	if (event->kind == CAROUSEL_RX_EVENT_ALARM)
		log_write(&d->log, CAROUSEL_LOG_WARNING, "alarm: %s: %s", note ? note : "receiver",
			carousel_strerror(event->error));
	else if (event->kind == CAROUSEL_RX_EVENT_STATE)
		log_write(&d->log, CAROUSEL_LOG_NOTICE, "%s%s%s", carousel_rx_state_name(event->state),
			event->error ? ": " : "", event->error ? carousel_strerror(event->error) : "");
	json_decref(data);
}

static void daemon_event(void *user, const struct carousel_rx_event *event)
{
	struct daemon *d = user;
	if (event->kind == CAROUSEL_RX_EVENT_REBOOT)
		d->wants_reboot = true;
	if (event->kind == CAROUSEL_RX_EVENT_STATE || event->kind == CAROUSEL_RX_EVENT_DECISION)
		d->has_new_map = true;
	if (event->kind == CAROUSEL_RX_EVENT_ALARM || event->kind == CAROUSEL_RX_EVENT_STATE)
		daemon_tell(d, event);
	if (d->control)
		control_ops_event(d, event);
}

/* ---- opening ---------------------------------------------------------------------------------------- */

static void daemon_core_log(void *user, int level, const char *line)
{
	const struct carousel_log *log = user;
	log->write(log->user, (enum carousel_log_level)level, line);
}

static uint64_t daemon_wall_clock(void *user)
{
	(void)user;
	return clock_wall_s();
}

static int daemon_open_core(struct daemon *d)
{
	const struct settings *s = d->settings;
	const struct carousel_rx_config config = {.log_user = &d->log,
		.log_level = (int)s->log_level,
		.log = daemon_core_log,
		.event_user = d,
		.event = daemon_event,
		.storage = &d->storage,
		.boot = &d->boot,
		.box_id = s->box_id,
		.category = s->category,
		.hardware_class = d->os_release.image_id,
		.version = d->os_release.image_version,
		.hardware_floor = s->hardware_floor,
		.trust_root = s->trust_root,
		.trust_root_len = s->trust_root_len,
		.tsi = s->tsi,
		.memory_bytes = (size_t)s->memory_bytes,
		.spill_bytes = s->spill_bytes,
		.write_rate_bps = s->write_rate_bps,
		.sync_interval_ns = s->sync_interval_ns,
		.prefetch = (enum carousel_rx_prefetch)s->prefetch,
		.offers = (enum carousel_rx_offers)s->offers,
		.mandatory_wait_s = s->mandatory_wait_ns / DAEMON_SECOND_NS,
		.stale_after_s = s->stale_after_ns / DAEMON_SECOND_NS,
		.max_attempts = s->max_attempts,
		.boot_tries = s->boot_tries,
		.has_trusted_clock = s->has_trusted_clock,
		.wall_clock_s = daemon_wall_clock};
	return carousel_rx_new(&d->rx, &config, clock_monotonic_ns());
}

static int daemon_open_box(struct daemon *d)
{
	const struct settings *s = d->settings;
	struct carousel_boot_state state;
	struct storage_files_config files = {.slots = {s->slots[0], s->slots[1]},
		.slot_bytes = s->slot_bytes,
		.state_dir = s->state_dir,
		.events = s->events,
		.dirty_bytes = s->memory_bytes / BUDGET_AT_ONCE};
	const char *what = "boot loader";
	int result = boot_adapter_init(&d->boot_adapter, s, &d->boot);
	if (result == 0)
		result = d->boot.state(d->boot.user, &state);
	if (result == 0) {
		files.running = state.running;
		result = storage_files_open(&d->files, &files, &d->storage);
		if (result) {
			log_write(&d->log, CAROUSEL_LOG_ERROR, "storage: %s", d->files.message);
			return result;
		}
	}
	if (result == 0) {
		what = s->os_release;
		result = os_release_read(&d->os_release, s->os_release);
	}
	if (result == 0) {
		what = d->os_release.image_id[0] ? "receiver" : "receiver: os-release names no IMAGE_ID";
		result = daemon_open_core(d);
	}
	if (result)
		log_write(&d->log, CAROUSEL_LOG_ERROR, "%s: %s", what, carousel_strerror(result));
	return result;
}

static int daemon_open_outside(struct daemon *d)
{
	const struct control_config control = {.path = d->settings->socket,
		.log = &d->log,
		.request = control_ops_request,
		.closed = control_ops_closed,
		.user = d};
	const char *what = "event loop";
	int result = loop_new(&d->loop);
	if (result == 0 && !d->settings->has_normal_priority)
		result = workers_new(&d->background, d->loop, DAEMON_BACKGROUND, daemon_background_start, d);
	if (result == 0)
		result = loop_timer_new(d->loop, daemon_deadline, daemon_on_deadline, d, &d->timer);
	if (result == 0)
		result = loop_on_signals(d->loop, daemon_signal, d);
	if (result == 0) {
		what = d->settings->socket;
		result = control_new(&d->control, d->loop, &control);
	}
	if (result == 0) {
		d->channels = (struct channels){.loop = d->loop,
			.settings = d->settings,
			.log = &d->log,
			.rx = d->rx,
			.after = daemon_after_packets,
			.fatal = daemon_fatal,
			.user = d};
		return channels_open(&d->channels);
	}
	if (result)
		log_write(&d->log, CAROUSEL_LOG_ERROR, "%s: %s", what, carousel_strerror(result));
	return result;
}

static void daemon_close(struct daemon *d, int status)
{
	control_free(d->control);
	d->control = NULL;
	if (daemon_background_jobs(d)) {
		/* On a busy box that may take for ever. The store is made for being left like this. */
		log_write(&d->log, CAROUSEL_LOG_NOTICE, "stopped; a block that was being decoded is decoded again");
		_exit(status);
	}
	if (d->loop) {
		channels_close(&d->channels);
		loop_timer_free(d->timer);
		workers_free(d->background);
		loop_free(d->loop);
	}
	carousel_rx_free(d->rx);
	if (d->storage.user)
		storage_files_close(&d->files);
}

int daemon_run(const struct settings *settings)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int status = EXIT_FAILURE;
	if (d == NULL)
		return status;
	d->settings = settings;
	daemon_log_init(&d->log, settings->log_level);
	if (daemon_open_box(d) == 0 && daemon_open_outside(d) == 0) {
		log_write(&d->log, CAROUSEL_LOG_NOTICE, "box %s, class %s, version %s", settings->box_id,
			d->os_release.image_id, d->os_release.image_version);
		daemon_notify("READY=1");
		if (loop_run(d->loop) == 0)
			status = d->exit_status;
	}
	daemon_close(d, status);
	free(d);
	return status;
}
