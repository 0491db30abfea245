/* A whole receiver with storage in memory, fed a script: true packets, true packets with bytes changed, packets and FDT
 * instances of the script's own, requests, time, power cuts. Nothing is fatal, nothing but a true image is ever
 * switched to, memory stays within its bound. */
#include "tests/fuzz/fuzz.h"

#include "common/bytes.h"
#include "tests/lib/fake_box.h"

#include <stdio.h>
#include <string.h>

#define FUZZ_CLASS      "box"
#define FUZZ_SLOT_BYTES 65536u
#define FUZZ_PACKETS    1024u
#define FUZZ_MAX_STEPS  64u

struct fuzz_packet {
	size_t len;
	uint8_t data[1400];
};

/* What a headend sends in three passes, recorded once. */
static struct fuzz_packet air[FUZZ_PACKETS];
static size_t num_air;
static struct fake_image image;
static char *root_text;

static void record(void *user, const uint8_t *packet, size_t len)
{
	(void)user;
	if (num_air == FUZZ_PACKETS || len > sizeof(air[0].data))
		return;
	memcpy(air[num_air].data, packet, len);
	air[num_air++].len = len;
}

static void record_headend(void)
{
	static struct fake_tx tx;
	char map[1024], line[512];
	if (num_air)
		return;
	fake_tx_init(&tx, 4001, 10);
	fake_image_init(&image, &tx, FUZZ_CLASS, 105, 24000, 7);
	fake_image_line(&image, line, sizeof(line));
	snprintf(map, sizeof(map),
		"carousel-map 1\nepoch 1\nserial 10\nissued 2026-11-21T10:00:00Z\n"
		"session main 232.1.1.95:4001 tsi=4001\nmap " FUZZ_CLASS " production 75 100 105 120\n%s",
		line);
	fake_tx_put_map(&tx, map);
	fake_tx_put(&tx, "manifest", FUZZ_CLASS, image.manifest_text, strlen(image.manifest_text));
	fake_tx_put(&tx, "trust-root", "", tx.root_text, strlen(tx.root_text));
	fake_tx_put_image(&tx, &image);
	tx.send = record;
	for (int i = 0; i < 3; i++)
		fake_tx_pass(&tx);
	root_text = strdup(tx.root_text);
	fake_tx_deinit(&tx);
	FUZZ_ASSERT(root_text != NULL && num_air > 10);
}

static void hear_changed(struct fake_box *box, struct bytes_reader *script)
{
	struct fuzz_packet p = air[bytes_read_u16(script) % num_air];
	unsigned changes = bytes_read_u8(script) % 8;
	for (unsigned i = 0; i < changes; i++) {
		size_t at = bytes_read_u16(script) % p.len;
		p.data[at] = bytes_read_u8(script);
	}
	if (bytes_read_u8(script) & 1)
		p.len = bytes_read_u16(script) % (p.len + 1);
	fake_box_hear(box, p.data, p.len);
}

static void hear_range(struct fake_box *box, struct bytes_reader *script)
{
	size_t from = bytes_read_u16(script) % num_air, count = bytes_read_u8(script);
	for (size_t i = from; i < from + count && i < num_air; i++)
		fake_box_hear(box, air[i].data, air[i].len);
}

static void hear_bytes(struct fake_box *box, struct bytes_reader *script)
{
	size_t len = bytes_read_u16(script) % 1400;
	const uint8_t *data;
	if (len > script->left)
		len = script->left;
	data = bytes_read(script, len);
	if (data)
		fake_box_hear(box, data, len);
}

/* A well-formed header with the script's numbers and payload. */
static void hear_own(struct fake_box *box, struct bytes_reader *script, bool is_fdt)
{
	struct alc_packet p = {.has_payload_id = true};
	size_t len = bytes_read_u16(script) % 1100;
	struct bytes_writer w;
	uint8_t packet[1400];
	p.lct = (struct lct_header){.version = LCT_VERSION, .has_tsi = true, .has_toi = true, .tsi = 4001};
	p.lct.toi = is_fdt ? 0 : bytes_read_u8(script);
	p.lct.codepoint = bytes_read_u8(script) % 7;
	p.has_fdt = is_fdt;
	p.flute_version = 2;
	p.fdt_instance_id = is_fdt ? bytes_read_u8(script) : 0;
	p.has_fti = is_fdt || (bytes_read_u8(script) & 1);
	p.oti = (struct fec_oti){.encoding_id = p.lct.codepoint,
		.transfer_length = bytes_read_u32(script) >> (bytes_read_u8(script) % 32),
		.symbol_size = bytes_read_u16(script),
		.num_blocks = bytes_read_u8(script),
		.num_sub_blocks = bytes_read_u8(script),
		.alignment = bytes_read_u8(script),
		.max_block_symbols = bytes_read_u16(script),
		.max_encoding_symbols = bytes_read_u16(script)};
	p.id.sbn = bytes_read_u8(script);
	p.id.esi = bytes_read_u16(script);
	if (len > script->left)
		len = script->left;
	bytes_writer_init(&w, packet, sizeof(packet));
	if (script->error || alc_write_header(&w, &p) != 0)
		return;
	bytes_write(&w, bytes_read(script, len), len);
	if (w.error == 0)
		fake_box_hear(box, packet, w.len);
}

static void step(struct fake_box *box, struct bytes_reader *script)
{
	switch (bytes_read_u8(script) % 9) {
	case 0:
		hear_bytes(box, script);
		break;
	case 1:
		hear_changed(box, script);
		break;
	case 2:
	case 3:
		hear_range(box, script);
		break;
	case 4:
		hear_own(box, script, true);
		break;
	case 5:
		hear_own(box, script, false);
		break;
	case 6:
		fake_box_wait(box, bytes_read_u8(script) * 250000000ull);
		break;
	case 7:
		(void)carousel_rx_request(box->rx, bytes_read_u8(script) % 16, bytes_read_u8(script), box->now_ns);
		fake_box_work(box);
		break;
	default:
		fake_box_power_cut(box, bytes_read_u8(script));
	}
}

static void check(const struct fake_box *box)
{
	char *status = carousel_rx_status_json(box->rx, box->now_ns);
	char *explain = carousel_rx_explain_json(box->rx, box->now_ns);
	FUZZ_ASSERT(status != NULL && explain != NULL);
	carousel_rx_string_free(box->rx, status);
	carousel_rx_string_free(box->rx, explain);
	FUZZ_ASSERT(!box->boot.wrote_before_mark);
	FUZZ_ASSERT(box->boot.first == 0 || fake_box_holds(box, &image));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes_reader script;
	struct fake_box box;
	record_headend();
	bytes_reader_init(&script, data, len);
	fake_box_init(&box, root_text, FUZZ_CLASS, 42, FUZZ_SLOT_BYTES);
	FUZZ_ASSERT(fake_box_start(&box) == 0);
	for (unsigned i = 0; i < FUZZ_MAX_STEPS && script.left; i++)
		step(&box, &script);
	check(&box);
	fake_box_deinit(&box);
	return 0;
}
