/* record: which packets come and which do not, from their sequence numbers, as a loss trace (common/trace.h). */
#include "carousel-rx/daemon/verbs.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/loop.h"
#include "common/io/udp.h"
#include "common/lct.h"
#include "common/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct record {
	struct loop *loop;
	struct udp_receiver *receiver;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct udp_address group, source; /* source: the first that is heard, unless one was named */
	uint64_t tsi, start_ns, end_ns, first_ns, last_ns;
	uint64_t foreign; /* no LCT, another source or session, or without a sequence number */
	struct trace_recorder recorder;
	FILE *file;
	int error;
};

static int record_write(void *user, const char *text, size_t len)
{
	return fwrite(text, 1, len, user) == len ? 0 : CAROUSEL_E_STORAGE;
}

/* Heartbeats count in the same sequence: they are sent on the TSI after the session's. */
static bool record_is_ours(struct record *r, const struct udp_datagram *d, struct lct_header *lct)
{
	size_t fixed, total;
	if (lct_parse(d->data, d->len, lct, &fixed, &total) != 0 || !lct->has_tsi || lct->cci == 0)
		return false;
	if (r->tsi && lct->tsi != r->tsi && lct->tsi != r->tsi + 1)
		return false;
	if (r->source.family == 0)
		r->source = d->source;
	return udp_address_is_same_host(&r->source, &d->source);
}

static void record_on_readable(void *user, unsigned events)
{
	struct record *r = user;
	struct udp_datagram d;
	(void)events;
	while (r->error == 0 && udp_receiver_fill(r->receiver) == 0)
		while (r->error == 0 && udp_receiver_next(r->receiver, &d)) {
			struct lct_header lct;
			if (!record_is_ours(r, &d, &lct)) {
				r->foreign++;
				continue;
			}
			r->last_ns = clock_monotonic_ns();
			if (r->first_ns == 0)
				r->first_ns = r->last_ns;
			r->error = trace_recorder_recv(&r->recorder, lct.cci, record_write, r->file);
		}
	if (r->error)
		loop_stop(r->loop);
}

static uint64_t record_deadline(void *user)
{
	return ((const struct record *)user)->end_ns;
}

static void record_on_end(void *user, uint64_t now_ns)
{
	(void)now_ns;
	loop_stop(((struct record *)user)->loop);
}

static void record_on_signal(void *user, int number)
{
	if (number != SIGHUP)
		loop_stop(((struct record *)user)->loop);
}

static int record_listen(struct record *r, const char *interface)
{
	const struct udp_receiver_config config = {.group = r->group, .source = r->source, .interface = interface};
	int result = loop_new(&r->loop);
	if (result == 0)
		result = udp_receiver_open(&r->receiver, &config);
	if (result == 0)
		result = loop_on_signals(r->loop, record_on_signal, r);
	if (result == 0)
		result = loop_timer_new(r->loop, record_deadline, record_on_end, r, &r->timer);
	if (result == 0)
		result = loop_watch_new(
			r->loop, udp_receiver_fd(r->receiver), LOOP_READ, record_on_readable, r, &r->watch);
	return result;
}

/* What is left in the window, and the rate that only the end knows. */
static int record_finish(struct record *r)
{
	const double seconds = (double)(r->last_ns - r->first_ns) / 1e9;
	const struct trace_recorder *t = &r->recorder;
	int result = trace_recorder_finish(&r->recorder, record_write, r->file);
	if (result == 0 && seconds >= 1 &&
		fprintf(r->file, "pps %.0f\n", (double)(t->received + t->lost) / seconds) < 0)
		result = CAROUSEL_E_STORAGE;
	return result;
}

/* Everything between the first packet and the last. */
static int record_all(struct record *r)
{
	int result = record_write(r->file, TRACE_HEADER_LINE, strlen(TRACE_HEADER_LINE));
	if (result == 0)
		result = loop_run(r->loop);
	if (result == 0)
		result = r->error;
	return result ? result : record_finish(r);
}

/* A file that holds no packet is not left behind, so that the next try can have its name. */
static int record_file(const struct cli *cli, struct record *r, const char *path)
{
	int result;
	r->file = fopen(path, "wxe");
	if (r->file == NULL)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(file_error(errno)));
	result = record_all(r);
	if (fclose(r->file) != 0 && result == 0)
		result = file_error(errno);
	if (r->recorder.received == 0)
		unlink(path);
	return result ? cli_fail(cli, "%s: %s", path, carousel_strerror(result)) : CLI_OK;
}

int verb_record(const struct cli *cli, int argc, char **argv)
{
	struct record r = {.end_ns = LOOP_NEVER};
	const char *group = NULL, *source = NULL, *interface = NULL;
	uint64_t duration_ns = 0;
	const struct cli_option options[] = {
		{"group", CLI_STRING, &group, 0, 0, "ADDR", "group (or own address) and port to listen to"},
		{"source", CLI_STRING, &source, 0, 0, "IP", "join this source only; default: the first that is heard"},
		{"interface", CLI_STRING, &interface, 0, 0, "NAME", "interface, or its address, to join on"},
		{"tsi", CLI_U64, &r.tsi, 1, UINT32_MAX - 1, "N",
			"of the session, and of heartbeats N + 1; default: any"},
		{"duration", CLI_DURATION, &duration_ns, 0, 0, "TIME", "end by itself; default: by a signal"},
	};
	int status = cli_options(cli, options, sizeof(options) / sizeof(options[0]), &argc, argv, 1, 1), result;
	if (status != CLI_OK)
		return status == CLI_HELP ? CLI_OK : status;
	if (group == NULL || udp_address_parse(group, &r.group) != 0)
		return cli_usage(cli, "--group must be given, as 232.1.1.95:4001 or [ff3e::95]:4001");
	if (source && udp_address_parse_host(source, &r.source) != 0)
		return cli_usage(cli, "--source: \"%s\" is no address", source);
	r.start_ns = clock_monotonic_ns();
	if (duration_ns)
		r.end_ns = r.start_ns + duration_ns;
	trace_recorder_init(&r.recorder);
	result = record_listen(&r, interface);
	if (result != 0)
		status = cli_fail(cli, "--group %s%s%s: %s", group, interface ? " --interface " : "",
			interface ? interface : "", carousel_strerror(result));
	else
		status = record_file(cli, &r, argv[1]);
	loop_free(r.loop);
	udp_receiver_close(r.receiver);
	if (status != CLI_OK)
		return status;
	printf("%llu packets came, %llu did not, %llu twice, %llu new starts, %llu of no concern\n",
		(unsigned long long)r.recorder.received, (unsigned long long)r.recorder.lost,
		(unsigned long long)r.recorder.duplicates, (unsigned long long)r.recorder.gaps,
		(unsigned long long)r.foreign);
	return r.recorder.received ? CLI_OK : CLI_FAILED;
}
