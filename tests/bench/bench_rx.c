/* bench_rx - what a packet costs the receiver's own thread (jobs not counted), against parsing the packet alone. */
#include "tests/lib/bench.h"
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define PACKETS     4096u
#define GOAL_NS     500.0 /* 430 000 packets a second on a fifth of a core */
#define IMAGE_BYTES (8u << 20)

struct load {
	struct fake_box box;
	struct lab lab;
	struct carousel_datagram datagrams[PACKETS];
	uint8_t *bytes;
	unsigned count;
};

/* Keeps packets of the image instead of handing them on. */
static void load_keep(void *user, const uint8_t *packet, size_t len)
{
	struct load *l = user;
	uint8_t *copy = l->bytes + (size_t)l->count * 1200;
	if (l->count == PACKETS)
		return;
	memcpy(copy, packet, len);
	l->datagrams[l->count++] = (struct carousel_datagram){.data = copy, .len = len, .source = l->box.source};
}

static void work_recv(void *user)
{
	struct load *l = user;
	for (unsigned i = 0; i < PACKETS; i++)
		(void)carousel_rx_recv(l->box.rx, &l->datagrams[i], l->box.now_ns);
}

static void work_parse(void *user)
{
	struct load *l = user;
	struct alc_packet p;
	for (unsigned i = 0; i < PACKETS; i++)
		(void)alc_parse(l->datagrams[i].data, l->datagrams[i].len, &p);
}

static void load_open(struct load *l)
{
	struct lab *lab = &l->lab;
	struct fake_object *image;
	fake_tx_init(&lab->tx, 4001, 10);
	for (unsigned i = 0; i < 3; i++)
		fake_image_init(&lab->image[i], &lab->tx, LAB_CLASS, 105 + i, i ? 5000 : IMAGE_BYTES, i);
	lab_put_map(lab, 10, LAB_ROW);
	lab_put_manifests(lab);
	fake_box_init(&l->box, lab->tx.root_text, LAB_CLASS, 42, 2 * IMAGE_BYTES);
	assert_int_equal(fake_box_start(&l->box), 0);
	image = fake_tx_put_image(&lab->tx, &lab->image[0]);
	image->is_silent = true;
	lab_pass(lab, &l->box);
	fake_box_wait(&l->box, 2 * LAB_SECOND_NS);
	l->bytes = malloc((size_t)PACKETS * 1200);
	lab->tx.send = load_keep;
	lab->tx.user = l;
	for (uint32_t i = 0; l->count < PACKETS; i++)
		for (uint32_t sbn = 0; sbn < image->layout.oti.num_blocks && l->count < PACKETS; sbn++)
			fake_tx_send_symbol(&lab->tx, image, sbn, i);
}

/* Symbols that are taken: fresh ones, jobs run between the timed stretches. */
static double taken_ns(struct load *l)
{
	uint64_t spent_ns = 0;
	for (unsigned i = 0; i < PACKETS; i += 64) {
		uint64_t start_ns = bench_cpu_ns();
		for (unsigned k = i; k < i + 64; k++)
			(void)carousel_rx_recv(l->box.rx, &l->datagrams[k], l->box.now_ns);
		spent_ns += bench_cpu_ns() - start_ns;
		fake_box_work(&l->box);
		l->box.now_ns += 1000000;
	}
	return (double)spent_ns / PACKETS;
}

int main(void)
{
	struct load *l = calloc(1, sizeof(*l));
	struct bench_report *report = bench_report_new("rx");
	double parse_ns, taken, duplicate_ns, foreign_ns;
	load_open(l);
	parse_ns = bench_median(work_parse, l, 9) * 1e9 / PACKETS;
	taken = taken_ns(l);
	duplicate_ns = bench_median(work_recv, l, 9) * 1e9 / PACKETS;
	for (unsigned i = 0; i < PACKETS; i++)
		((uint8_t *)(uintptr_t)l->datagrams[i].data)[11] ^= 0x40; /* another TSI */
	foreign_ns = bench_median(work_recv, l, 9) * 1e9 / PACKETS;
	bench_report_row(
		report, "recv", "symbols that are taken", taken, "ns/packet", GOAL_NS, "alc_parse", parse_ns, 1);
	bench_report_row(
		report, "recv", "symbols held already", duplicate_ns, "ns/packet", GOAL_NS, "alc_parse", parse_ns, 9);
	bench_report_row(
		report, "recv", "another session's", foreign_ns, "ns/packet", GOAL_NS, "alc_parse", parse_ns, 9);
	fake_box_deinit(&l->box);
	fake_tx_deinit(&l->lab.tx);
	for (unsigned i = 0; i < 3; i++)
		fake_image_deinit(&l->lab.image[i]);
	free(l->bytes);
	free(l);
	return bench_report_finish(report) ? 1 : 0;
}
