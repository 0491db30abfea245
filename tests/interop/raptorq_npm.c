/* raptorq_npm - the C side of the RaptorQ interoperability test.
 *
 * raptorq_npm encode OBJECT PACKETS MTU   packets of a lossy transmission of OBJECT: a FEC Payload ID (SBN 8 bits, ESI
 * 24 bits) and T octets each; three source symbols in ten are missing raptorq_npm decode PACKETS OBJECT MTU BYTES The
 * OTI is derived from the object's size and MTU as RFC 6330 section 4.3 says, with Al = 8, SS = 8, WS = 10 MiB. */
#include "common/carousel_error.h"
#include "common/object_layout.h"
#include "fec/fec.h"
#include "tests/lib/test.h"

#include <stdio.h>

enum { AL = 8, SS = 8, WS = 10 << 20 };

struct object {
	struct object_layout layout;
	uint32_t sbn;
	uint8_t *data;    /* F octets */
	uint8_t *symbols; /* source symbols of block sbn */
	struct fec_block block;
	const uint8_t *packets;
	size_t num_packets;
};

static void must(int error, const char *what)
{
	if (error) {
		fprintf(stderr, "raptorq_npm: %s: %s\n", what, carousel_strerror(error));
		exit(1);
	}
}

static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	must(f ? 0 : CAROUSEL_E_IO, path);
	fseek(f, 0, SEEK_END);
	*len = (size_t)ftell(f);
	rewind(f);
	data = malloc(*len + 1);
	must(data && fread(data, 1, *len, f) == *len ? 0 : CAROUSEL_E_IO, path);
	fclose(f);
	return data;
}

/* KL(n) of section 4.3, to K'max. */
static uint64_t most_symbols(uint64_t t, uint64_t n)
{
	const uint64_t k = WS / (AL * ((t + AL * n - 1) / (AL * n)));
	return k < FEC_RAPTORQ_MAX_K ? k : FEC_RAPTORQ_MAX_K;
}

static void derive(struct object *o, uint64_t bytes, unsigned mtu)
{
	const uint64_t t = mtu - mtu % AL, kt = (bytes + t - 1) / t, n_max = t / (SS * AL) ? t / (SS * AL) : 1;
	struct fec_oti oti = {.encoding_id = FEC_RAPTORQ,
		.transfer_length = bytes,
		.symbol_size = (uint16_t)t,
		.alignment = AL,
		.num_sub_blocks = 1};
	oti.num_blocks = (uint32_t)((kt + most_symbols(t, n_max) - 1) / most_symbols(t, n_max));
	while ((kt + oti.num_blocks - 1) / oti.num_blocks > most_symbols(t, oti.num_sub_blocks))
		oti.num_sub_blocks++;
	must(fec_oti_check(&oti, NULL), "parameters");
	must(object_layout_init(&o->layout, OBJECT_LINEAR, &oti, bytes), "layout");
	fprintf(stderr, "F=%llu T=%u Z=%u N=%u\n", (unsigned long long)bytes, oti.symbol_size, oti.num_blocks,
		oti.num_sub_blocks);
}

/* Copies a source symbol out of the object (into = 0) or into it, piece by piece. */
static void move_symbol(struct object *o, uint32_t esi, uint8_t *symbol, int into)
{
	for (uint32_t i = 0; i < o->block.num_sub_blocks; i++) {
		struct object_piece piece;
		const int result = object_symbol_piece(&o->layout, o->sbn, esi, i, &piece);
		const uint64_t size = o->layout.image_bytes;
		size_t len;
		if (result == OBJECT_PADDING)
			continue;
		must(result, "piece");
		len = piece.image_offset >= size                        ? 0
		      : size - piece.image_offset < (uint64_t)piece.len ? (size_t)(size - piece.image_offset)
									: piece.len;
		if (into)
			memcpy(o->data + piece.image_offset, symbol + piece.symbol_offset, len);
		else
			memcpy(symbol + piece.symbol_offset, o->data + piece.image_offset, len);
	}
}

static const uint8_t *source_symbol(void *user, uint32_t esi)
{
	const struct object *o = user;
	return o->symbols + (size_t)esi * o->block.symbol_size;
}

static void *area(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	must(p ? 0 : CAROUSEL_E_MEMORY, "memory");
	return p;
}

static void put_packet(FILE *f, uint32_t sbn, uint32_t esi, const uint8_t *symbol, size_t t)
{
	const uint8_t id[4] = {(uint8_t)sbn, (uint8_t)(esi >> 16), (uint8_t)(esi >> 8), (uint8_t)esi};
	must(fwrite(id, 1, 4, f) == 4 && fwrite(symbol, 1, t, f) == t ? 0 : CAROUSEL_E_IO, "packets");
}

static void encode_block(struct object *o, FILE *f, uint64_t *seed)
{
	const struct fec_symbols source = {o, source_symbol, NULL, NULL};
	const size_t t = o->block.symbol_size, bytes = fec_encoder_bytes(&o->block);
	uint8_t *mem = area(bytes), *symbol = malloc(t);
	struct fec_plan *plan;
	struct fec_encoder *encoder;
	uint32_t lost = 0;
	o->symbols = calloc(o->block.num_source, t);
	for (uint32_t esi = 0; esi < o->block.num_source; esi++)
		move_symbol(o, esi, o->symbols + esi * t, 0);
	must(fec_plan_new(NULL, &o->block, &plan), "plan");
	must(fec_encoder_init(&encoder, mem, bytes, plan, &source), "encoder");
	for (uint32_t esi = 0; esi < o->block.num_source; esi++)
		if (test_random(seed) % 10 < 3)
			lost++;
		else
			put_packet(f, o->sbn, esi, o->symbols + esi * t, t);
	for (uint32_t i = 0; i < lost + 3; i++) {
		const uint32_t esi = o->block.num_source + 11 + 3 * i;
		must(fec_encoder_symbols(encoder, esi, 1, 1, symbol, t), "repair symbol");
		put_packet(f, o->sbn, esi, symbol, t);
	}
	fec_encoder_deinit(encoder);
	fec_plan_free(plan);
	free(o->symbols);
	free(symbol);
	free(mem);
}

static uint32_t packet_number(const uint8_t *packet)
{
	return (uint32_t)packet[1] << 16 | (uint32_t)packet[2] << 8 | packet[3];
}

static const uint8_t *received_symbol(void *user, uint32_t esi)
{
	const struct object *o = user;
	for (size_t i = 0; i < o->num_packets; i++) {
		const uint8_t *packet = o->packets + i * (o->block.symbol_size + 4u);
		if (packet[0] == o->sbn && packet_number(packet) == esi)
			return packet + 4;
	}
	return NULL;
}

static int write_symbol(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	struct object *o = user;
	memcpy(o->symbols + (size_t)esi * o->block.symbol_size + off, src, len);
	return 0;
}

static void decode_block(struct object *o)
{
	const struct fec_symbols access = {o, received_symbol, NULL, write_symbol};
	const size_t t = o->block.symbol_size, bytes = fec_decoder_bytes(&o->block, 0);
	uint8_t *mem = area(bytes);
	struct fec_decoder *decoder;
	o->symbols = calloc(o->block.num_source, t);
	must(fec_decoder_init(&decoder, mem, bytes, &o->block, 0), "decoder");
	for (size_t i = 0; i < o->num_packets; i++) {
		const uint8_t *packet = o->packets + i * (t + 4);
		const uint32_t esi = packet_number(packet);
		if (packet[0] != o->sbn)
			continue;
		if (fec_decoder_add(decoder, esi) == 0 && esi < o->block.num_source)
			memcpy(o->symbols + esi * t, packet + 4, t);
	}
	must(fec_decoder_plan(decoder), "decoding");
	must(fec_decoder_apply(decoder, &access), "decoding");
	fec_decoder_deinit(decoder);
	for (uint32_t esi = 0; esi < o->block.num_source; esi++)
		move_symbol(o, esi, o->symbols + esi * t, 1);
	free(o->symbols);
	free(mem);
}

int main(int argc, char **argv)
{
	struct object o = {.sbn = 0};
	const int encode = argc == 5 && strcmp(argv[1], "encode") == 0;
	uint64_t seed = 1;
	size_t len;
	uint8_t *in;
	FILE *out;
	if (!encode && !(argc == 6 && strcmp(argv[1], "decode") == 0)) {
		fprintf(stderr, "usage: raptorq_npm encode OBJECT PACKETS MTU | decode PACKETS OBJECT MTU BYTES\n");
		return 2;
	}
	in = read_file(argv[2], &len);
	out = fopen(argv[3], "wb");
	must(out ? 0 : CAROUSEL_E_IO, argv[3]);
	derive(&o, encode ? len : strtoull(argv[5], NULL, 10), (unsigned)atoi(argv[4]));
	o.data = encode ? in : calloc(1, o.layout.image_bytes);
	o.packets = in;
	o.num_packets = len / (o.layout.oti.symbol_size + 4u);
	for (; o.sbn < o.layout.oti.num_blocks; o.sbn++) {
		must(fec_block_of(&o.layout.oti, o.sbn, &o.block), "block");
		if (encode)
			encode_block(&o, out, &seed);
		else
			decode_block(&o);
	}
	if (!encode) {
		must(fwrite(o.data, 1, o.layout.image_bytes, out) == o.layout.image_bytes ? 0 : CAROUSEL_E_IO, "write");
		free(o.data);
	}
	free(in);
	return fclose(out) != 0;
}
