#include "sim/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/control.h"
#include "common/io/daemon.h"
#include "common/io/loop.h"
#include "common/io/udp.h"
#include "sim/cli/impair_model.h"
#include "sim/delay_line.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define IMPAIR_BATCH        512u
#define IMPAIR_MAX_FILLS    8u /* batches taken in a row before the loop looks at anything else */
#define IMPAIR_HELD_PACKETS (1u << 20)
#define IMPAIR_HELD_BYTES   (256u << 20)

struct impair_wish {
	const char *in, *out, *in_interface, *out_interface, *source, *control;
	struct impair_wishes channel;
	uint64_t seed, ttl, duration_ns;
};

struct impair {
	struct loop *loop;
	struct control *control;
	struct carousel_log log;
	struct udp_receiver *receiver;
	struct udp_sender sender;
	struct loop_watch *in_watch, *out_watch;
	struct loop_timer *end_timer, *held_timer;
	struct udp_address in, out, source;
	struct impair_model model;
	struct channel channel;
	struct delay_line held;
	/* Packets of the receiver's batch that passed and are still to be sent; they lie in its memory, so that nothing
	 * is copied, and no new batch is taken before they have left. */
	struct iovec batch[IMPAIR_BATCH + CHANNEL_MAX_COPIES];
	size_t batch_at, batch_len;
	uint64_t received, received_bytes, held_dropped;
	uint64_t seed, start_ns, end_ns;
	int error;
};

/* ---- relaying --------------------------------------------------------------------------------- */

static void impair_stop(struct impair *im, int error, const char *what)
{
	log_write(&im->log, CAROUSEL_LOG_ERROR, "%s: %s", what, carousel_strerror(error));
	im->error = error;
	loop_stop(im->loop);
}

/* Sends what waits in the batch. True when all has left; otherwise waits for room in the socket. */
static bool impair_flush(struct impair *im)
{
	while (im->batch_at < im->batch_len) {
		size_t sent;
		int result = udp_send(&im->sender, im->batch + im->batch_at, im->batch_len - im->batch_at, &sent);
		im->batch_at += sent;
		if (result == CAROUSEL_E_BUSY) {
			loop_watch_set(im->in_watch, 0);
			loop_watch_set(im->out_watch, LOOP_WRITE);
			return false;
		}
		if (result == CAROUSEL_E_LIMIT) {
			im->sender.lost++; /* longer than the way out takes */
			im->batch_at++;
		} else if (result != 0) {
			impair_stop(im, result, "sending");
			return false;
		}
	}
	im->batch_at = im->batch_len = 0;
	return true;
}

static void impair_take(struct impair *im, const struct udp_datagram *d, uint64_t now_ns)
{
	struct channel_fate fate;
	im->received++;
	im->received_bytes += d->len;
	channel_pass(&im->channel, now_ns - im->model.zero_ns, d->len, &fate);
	if (fate.verdict != CHANNEL_PASSED)
		return;
	if (fate.num_flips)
		channel_corrupt(&fate, d->data, d->len);
	for (unsigned i = 0; i < fate.num_copies; i++) {
		if (fate.delay_ns[i] == 0)
			im->batch[im->batch_len++] = (struct iovec){d->data, d->len};
		else if (delay_line_push(&im->held, now_ns + fate.delay_ns[i], d->data, d->len) != 0)
			im->held_dropped++;
	}
}

/* Goes on with the receiver's batch, and takes more while there is. */
static void impair_relay(struct impair *im)
{
	const uint64_t now = clock_monotonic_ns();
	struct udp_datagram d;
	for (unsigned fills = 0;;) {
		int result;
		if (!impair_flush(im))
			return;
		while (im->batch_len < IMPAIR_BATCH && udp_receiver_next(im->receiver, &d))
			impair_take(im, &d, now);
		if (im->batch_len)
			continue;
		if (fills++ == IMPAIR_MAX_FILLS)
			return;
		result = udp_receiver_fill(im->receiver);
		if (result == CAROUSEL_E_NEED_MORE)
			return;
		if (result != 0) {
			impair_stop(im, result, "receiving");
			return;
		}
	}
}

static void impair_on_readable(void *user, unsigned events)
{
	(void)events;
	impair_relay(user);
}

static void impair_on_writable(void *user, unsigned events)
{
	struct impair *im = user;
	(void)events;
	loop_watch_set(im->out_watch, 0);
	loop_watch_set(im->in_watch, LOOP_READ);
	impair_relay(im);
}

static uint64_t impair_held_deadline(void *user)
{
	const struct impair *im = user;
	return delay_line_due(&im->held);
}

static void impair_on_held(void *user, uint64_t now_ns)
{
	struct impair *im = user;
	while (delay_line_due(&im->held) <= now_ns) {
		const struct delay_line_packet *p = delay_line_first(&im->held);
		const struct iovec packet = {p->data, p->len};
		size_t sent;
		/* A full socket drops what is late anyway, as a full link does. */
		if (udp_send(&im->sender, &packet, 1, &sent) != 0)
			im->held_dropped++;
		delay_line_pop(&im->held);
	}
}

/* ---- control and report ----------------------------------------------------------------------- */

static json_t *impair_status(struct impair *im)
{
	char in[UDP_ADDRESS_TEXT], out[UDP_ADDRESS_TEXT];
	const struct channel *ch = &im->channel;
	struct udp_receiver_stats stats = {0};
	const uint64_t elapsed_ns = clock_monotonic_ns() - im->start_ns, judged = ch->passed + ch->lost + ch->out;
	if (im->receiver)
		udp_receiver_stats(im->receiver, &stats);
	return json_pack(
		"{s:s, s:s, s:s, s:f, s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b,"
		" s:b}",
		"format", "carousel-impair/1", "in", udp_address_format(&im->in, in), "out",
		udp_address_format(&im->out, out), "loss", channel_mean_loss(&im->model.config), "seed",
		(json_int_t)im->seed, "seconds", (double)elapsed_ns / 1e9, "received", (json_int_t)im->received,
		"received_bytes", (json_int_t)im->received_bytes, "passed", (json_int_t)ch->passed, "lost",
		(json_int_t)(ch->lost + ch->out), "measured_loss",
		judged ? (double)(ch->lost + ch->out) / (double)judged : 0.0, "duplicated", (json_int_t)ch->duplicated,
		"reordered", (json_int_t)ch->reordered, "corrupted", (json_int_t)ch->corrupted, "sent",
		(json_int_t)im->sender.datagrams, "send_lost", (json_int_t)im->sender.lost, "held",
		(json_int_t)im->held.count, "held_dropped", (json_int_t)im->held_dropped, "socket_drops",
		(json_int_t)stats.kernel_drops, "gso", im->sender.is_offload, "gro", stats.is_offload);
}

static int impair_set(struct impair *im, struct control_request *r)
{
	char message[IMPAIR_MESSAGE_BYTES] = "";
	const int result = impair_model_set(&im->model, r->args, clock_monotonic_ns(), message);
	if (result != 0) {
		snprintf(r->message, sizeof r->message, "%s", message);
		return result;
	}
	channel_set_config(&im->channel, &im->model.config);
	log_write(&im->log, CAROUSEL_LOG_NOTICE, "mean loss is %.6f now", channel_mean_loss(&im->model.config));
	r->result = impair_status(im);
	return 0;
}

static int impair_on_request(void *user, struct control_request *r)
{
	struct impair *im = user;
	if (strcmp(r->op, "status") == 0) {
		r->result = impair_status(im);
		return 0;
	}
	if (strcmp(r->op, "set") == 0)
		return impair_set(im, r);
	return CAROUSEL_E_UNKNOWN_WORD;
}

static void impair_report(struct impair *im)
{
	json_t *status = impair_status(im);
	char *text = status ? json_dumps(status, JSON_COMPACT) : NULL;
	if (text)
		puts(text);
	free(text);
	json_decref(status);
}

/* ---- starting and ending ---------------------------------------------------------------------- */

static uint64_t impair_end_deadline(void *user)
{
	const struct impair *im = user;
	return im->end_ns;
}

static void impair_on_end(void *user, uint64_t now_ns)
{
	struct impair *im = user;
	(void)now_ns;
	loop_stop(im->loop);
}

static void impair_on_signal(void *user, int number)
{
	struct impair *im = user;
	if (number != SIGHUP)
		loop_stop(im->loop);
}

static int impair_sockets(struct impair *im, const struct impair_wish *wish)
{
	const struct udp_receiver_config in = {.group = im->in, .source = im->source, .interface = wish->in_interface};
	const struct udp_sender_config out = {
		.destination = im->out, .interface = wish->out_interface, .ttl = (unsigned)wish->ttl, .loop = true};
	int result = udp_sender_open(&im->sender, &out);
	if (result != 0) {
		log_write(&im->log, CAROUSEL_LOG_ERROR, "--out %s: %s", wish->out, carousel_strerror(result));
		return result;
	}
	result = udp_receiver_open(&im->receiver, &in);
	if (result != 0)
		log_write(&im->log, CAROUSEL_LOG_ERROR, "--in %s: %s", wish->in, carousel_strerror(result));
	return result;
}

static int impair_open(struct impair *im, const struct impair_wish *wish)
{
	const struct control_config config = {
		.path = wish->control, .log = &im->log, .request = impair_on_request, .user = im};
	int result = loop_new(&im->loop);
	if (result == 0)
		result = impair_sockets(im, wish);
	if (result == 0)
		result = loop_on_signals(im->loop, impair_on_signal, im);
	if (result == 0)
		result = loop_timer_new(im->loop, impair_end_deadline, impair_on_end, im, &im->end_timer);
	if (result == 0)
		result = loop_timer_new(im->loop, impair_held_deadline, impair_on_held, im, &im->held_timer);
	if (result == 0)
		result = loop_watch_new(im->loop, im->sender.fd, 0, impair_on_writable, im, &im->out_watch);
	if (result == 0)
		result = loop_watch_new(
			im->loop, udp_receiver_fd(im->receiver), LOOP_READ, impair_on_readable, im, &im->in_watch);
	if (result == 0 && wish->control) {
		result = control_new(&im->control, im->loop, &config);
		if (result != 0)
			log_write(&im->log, CAROUSEL_LOG_ERROR, "--control %s: %s", wish->control,
				carousel_strerror(result));
	}
	return result;
}

static void impair_close(struct impair *im)
{
	control_free(im->control);
	loop_free(im->loop);
	udp_sender_close(&im->sender);
	udp_receiver_close(im->receiver);
	delay_line_deinit(&im->held);
	impair_model_deinit(&im->model);
}

static int impair_run(const struct impair_wish *wish, struct impair *im)
{
	int result;
	im->sender.fd = -1;
	im->seed = wish->seed;
	daemon_log_init(&im->log, CAROUSEL_LOG_INFO);
	delay_line_init(&im->held, NULL, IMPAIR_HELD_PACKETS, IMPAIR_HELD_BYTES);
	im->start_ns = im->model.zero_ns = clock_monotonic_ns();
	channel_init(&im->channel, &im->model.config, wish->seed, 0);
	im->end_ns = wish->duration_ns ? im->start_ns + wish->duration_ns : LOOP_NEVER;
	result = impair_open(im, wish);
	if (result == 0) {
		log_write(&im->log, CAROUSEL_LOG_NOTICE, "relaying %s to %s, mean loss %.6f, seed %llu", wish->in,
			wish->out, channel_mean_loss(&im->model.config), (unsigned long long)wish->seed);
		(void)daemon_notify("READY=1");
		result = loop_run(im->loop);
		(void)daemon_notify("STOPPING=1");
		if (result == 0)
			result = im->error;
		impair_report(im);
	}
	impair_close(im);
	return result == 0 ? CLI_OK : CLI_FAILED;
}

/* Everything that can be said about the arguments before anything is opened. */
static int impair_check(const struct cli *cli, const struct impair_wish *wish, struct impair *im)
{
	char message[IMPAIR_MESSAGE_BYTES] = "";
	if (wish->in == NULL || wish->out == NULL)
		return cli_usage(cli, "--in and --out must be given");
	if (udp_address_parse(wish->in, &im->in) != 0)
		return cli_usage(cli, "--in: \"%s\" is not of the form 232.1.1.95:4001 or [ff3e::95]:4001", wish->in);
	if (udp_address_parse(wish->out, &im->out) != 0)
		return cli_usage(cli, "--out: \"%s\" is not of the form 232.1.1.95:4001 or [ff3e::95]:4001", wish->out);
	if (wish->source && udp_address_parse_host(wish->source, &im->source) != 0)
		return cli_usage(cli, "--source: \"%s\" is no address", wish->source);
	if (udp_address_is_same_host(&im->in, &im->out) && im->in.port == im->out.port &&
		(wish->in_interface == NULL || wish->out_interface == NULL ||
			strcmp(wish->in_interface, wish->out_interface) == 0))
		return cli_usage(cli, "--in and --out are the same, and so it would hear itself");
	return impair_model_init(&im->model, &wish->channel, 0, message) == 0 ? CLI_OK
									      : cli_usage(cli, "--%s", message);
}

int sim_impair(const struct cli *cli, int argc, char **argv)
{
	static struct impair im;
	struct impair_wish wish = {.ttl = 1, .seed = 1};
	const struct cli_option options[] = {
		{"in", CLI_STRING, &wish.in, 0, 0, "ADDR", "group (or own address) and port to listen to"},
		{"out", CLI_STRING, &wish.out, 0, 0, "ADDR", "group or address and port to send to"},
		{"in-interface", CLI_STRING, &wish.in_interface, 0, 0, "NAME", "interface, or its address, to join on"},
		{"out-interface", CLI_STRING, &wish.out_interface, 0, 0, "NAME",
			"interface, or its address, to send from"},
		{"source", CLI_STRING, &wish.source, 0, 0, "IP", "join this source only"},
		{"loss", CLI_SHARE, &wish.channel.loss, 0, 0, "P", "share of packets to lose: 0.05 or 5%"},
		{"model", CLI_STRING, &wish.channel.model, 0, 0, "TEXT",
			"channel model, as in \"loss=5%,burst=8,jitter=20ms\""},
		{"trace", CLI_STRING, &wish.channel.trace, 0, 0, "FILE", "losses as recorded by carousel-rx record"},
		{"outages", CLI_STRING, &wish.channel.outages, 0, 0, "WINDOWS",
			"when nothing passes, as in 10s-20s,1m-2m after the start"},
		{"every", CLI_DURATION, &wish.channel.every_ns, 0, 0, "TIME", "period of the outages; default: once"},
		{"seed", CLI_U64, &wish.seed, 0, 0, "N", "of the loss, default 1"},
		{"ttl", CLI_U64, &wish.ttl, 0, 255, "N", "TTL or hop limit, default 1"},
		{"control", CLI_STRING, &wish.control, 0, 0, "SOCKET", "control socket: status, set"},
		{"duration", CLI_DURATION, &wish.duration_ns, 0, 0, "TIME",
			"end by itself, as 90s; default: by a signal"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 0, 0);
	if (result == CLI_OK)
		result = impair_check(cli, &wish, &im);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	return impair_run(&wish, &im);
}
