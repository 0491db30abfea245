/* bench_alc - nanoseconds to parse and to write the header of a packet, beside copying a packet of 1060 bytes. */
#include "common/alc.h"
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#define RUNS 7u

struct packet {
	struct alc_packet alc;
	uint8_t bytes[1060], copy[1060];
	size_t len;
	uint64_t seen;
};

static void make(struct packet *p, bool with_fti)
{
	struct bytes_writer w;
	memset(p, 0, sizeof *p);
	p->alc.lct.codepoint = FEC_RAPTORQ;
	p->alc.lct.has_tsi = p->alc.lct.has_toi = p->alc.has_payload_id = true;
	p->alc.lct.tsi = 4001;
	p->alc.lct.toi = 7;
	p->alc.has_fti = with_fti;
	p->alc.oti.encoding_id = FEC_RAPTORQ;
	p->alc.oti.transfer_length = 1 << 20;
	p->alc.oti.symbol_size = 1024;
	p->alc.oti.num_blocks = p->alc.oti.num_sub_blocks = p->alc.oti.alignment = 1;
	bytes_writer_init(&w, p->bytes, sizeof p->bytes);
	if (alc_write_header(&w, &p->alc) != 0)
		abort();
	p->len = w.len + 1024;
}

static void parse_work(void *user)
{
	struct packet *p = user;
	for (unsigned i = 0; i < 1000; i++) {
		struct alc_packet alc;
		p->bytes[p->len - 1024 - 1] = (uint8_t)i;
		if (alc_parse(p->bytes, p->len, &alc) != 0)
			abort();
		p->seen += alc.id.esi + alc.payload_len;
	}
}

static void write_work(void *user)
{
	struct packet *p = user;
	for (unsigned i = 0; i < 1000; i++) {
		struct bytes_writer w;
		p->alc.id.esi = i;
		bytes_writer_init(&w, p->bytes, sizeof p->bytes);
		if (alc_write_header(&w, &p->alc) != 0)
			abort();
	}
}

static void copy_work(void *user)
{
	struct packet *p = user;
	for (unsigned i = 0; i < 1000; i++) {
		p->bytes[i] = (uint8_t)i;
		memcpy(p->copy, p->bytes, sizeof p->copy);
		__asm__ volatile("" : : "r"(p->copy) : "memory");
	}
}

int main(void)
{
	static struct packet plain, full;
	struct bench_report *report = bench_report_new("alc");
	double copy;
	make(&plain, false);
	make(&full, true);
	copy = bench_median(copy_work, &plain, RUNS) * 1e6;
	make(&plain, false);
	bench_report_row(report, "parse", "data packet", bench_median(parse_work, &plain, RUNS) * 1e6, "ns", 200,
		"memcpy of 1060 bytes", copy, RUNS);
	bench_report_row(report, "parse", "with EXT_FTI", bench_median(parse_work, &full, RUNS) * 1e6, "ns", 200,
		"memcpy of 1060 bytes", copy, RUNS);
	bench_report_row(report, "write", "data packet", bench_median(write_work, &plain, RUNS) * 1e6, "ns", 200,
		"memcpy of 1060 bytes", copy, RUNS);
	bench_report_row(report, "write", "with EXT_FTI", bench_median(write_work, &full, RUNS) * 1e6, "ns", 200,
		"memcpy of 1060 bytes", copy, RUNS);
	return bench_report_finish(report) ? 1 : 0;
}
