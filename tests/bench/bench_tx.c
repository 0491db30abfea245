/* bench_tx: how fast the transmitter's core makes packets, without a network: source pass, repair symbols, without
 * payload; one core, jobs run in between. Yardstick: memcpy of as many payload bytes. Prints text and JSON rows. */
#include "carousel-tx/tx.h"
#include "common/carousel_error.h"
#include "common/io/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_BYTES ((size_t)64 << 20)
#define WALL_NS     1795341600000000000ull

struct ram {
	const uint8_t *bytes;
};

static int ram_read(void *user, uint64_t offset, void *dst, size_t len)
{
	memcpy(dst, ((struct ram *)user)->bytes + offset, len);
	return 0;
}

struct measure {
	uint64_t packets, packet_ns, job_ns, jobs;
};

static void run_jobs(struct tx *tx, struct measure *m, uint64_t now)
{
	struct tx_job *job;
	uint64_t start = clock_monotonic_ns();
	while ((job = tx_next_job(tx)) != NULL) {
		tx_job_run(job);
		tx_job_done(tx, job, now);
		m->jobs++;
	}
	m->job_ns += clock_monotonic_ns() - start;
}

static void measure(struct tx *tx, struct measure *m, uint64_t packets, uint64_t *now)
{
	static uint8_t buffers[128][2048];
	struct tx_packet packet;
	*m = (struct measure){0};
	while (m->packets < packets) {
		uint64_t start, before = m->packets;
		run_jobs(tx, m, *now);
		start = clock_monotonic_ns();
		for (unsigned i = 0; i < 128; i++)
			m->packets += tx_next_packet(tx, 0, buffers[i], sizeof buffers[i], &packet, *now) == 0;
		m->packet_ns += clock_monotonic_ns() - start;
		*now += 128 * 2400;
		if (m->packets == before)
			tx_on_deadline(tx, *now);
	}
}

static void print(const char *name, const struct measure *m, double memcpy_gbps)
{
	double gbps = (double)m->packets * 1024 * 8 / (double)m->packet_ns;
	double both = (double)m->packets * 1024 * 8 / (double)(m->packet_ns + m->job_ns);
	printf("%-24s %6.1f ns a packet, %5.1f Gbit/s of symbols; with jobs on the same core %5.1f Gbit/s; memcpy "
	       "%.0f\n",
		name, (double)m->packet_ns / (double)m->packets, gbps, both, memcpy_gbps);
	printf("{\"name\":\"tx.%s\",\"value\":%.2f,\"unit\":\"Gbit/"
	       "s\",\"goal\":3.5,\"yardstick\":\"memcpy\",\"ratio\":%.4f,"
	       "\"with_jobs\":%.2f}\n",
		name, gbps, gbps / memcpy_gbps, both);
}

static double measure_memcpy(uint8_t *bytes)
{
	uint8_t *copy = malloc(IMAGE_BYTES);
	uint64_t start;
	memset(copy, 1, IMAGE_BYTES);
	start = clock_monotonic_ns();
	for (size_t at = 0; at < IMAGE_BYTES; at += 1024)
		memcpy(copy + at, bytes + at, 1024);
	start = clock_monotonic_ns() - start;
	free(copy);
	return (double)IMAGE_BYTES * 8 / (double)start;
}

int main(void)
{
	const struct tx_channel_config channel = {.name = "bench"};
	const struct object_layout_wish wish = {
		.kind = OBJECT_STRIPED, .encoding_id = FEC_RAPTORQ, .symbol_size = 1024, .block_symbols = 16384};
	uint8_t *bytes = malloc(IMAGE_BYTES);
	struct ram ram = {bytes};
	uint64_t now = 1000000000;
	double memcpy_gbps;
	for (size_t i = 0; i < IMAGE_BYTES; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	memcpy_gbps = measure_memcpy(bytes);
	for (int absent = 0; absent < 2; absent++) {
		struct tx_config config = {
			.tsi = 1, .channels = &channel, .num_channels = 1, .leave_out_payload = absent};
		struct tx_image image = {
			.class_name = "bench", .version = 1, .source = {.user = &ram, .read = ram_read}};
		struct measure m;
		struct tx *tx;
		if (object_layout_choose(&image.layout, &wish, IMAGE_BYTES) || tx_new(&tx, &config, now))
			return 1;
		tx_set_wall_clock(tx, WALL_NS, now);
		if (tx_add_image(tx, &image, now))
			return 1;
		measure(tx, &m, IMAGE_BYTES / 1024, &now);
		print(absent ? "absent" : "source", &m, memcpy_gbps);
		if (!absent) {
			measure(tx, &m, IMAGE_BYTES / 1024, &now);
			print("repair-first", &m, memcpy_gbps);
			measure(tx, &m, IMAGE_BYTES / 1024, &now);
			print("repair-again", &m, memcpy_gbps);
		}
		tx_free(tx);
	}
	free(bytes);
	return 0;
}
