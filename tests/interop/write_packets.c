/* Writes one packet of every kind we send as a capture file that others can dissect: write_packets FILE. */
#include "common/alc.h"
#include "common/carousel_error.h"
#include "common/fdt.h"

#include <stdio.h>
#include <string.h>

#define UDP_PORT 4001u

static uint16_t ip_checksum(const uint8_t *header)
{
	uint32_t sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += bytes_get_be16(header + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* One record of a pcap file of link type raw IP, around a datagram from 198.51.100.7 to 232.1.1.95. */
static int write_record(FILE *file, const uint8_t *datagram, size_t len)
{
	static const uint8_t addresses[] = {198, 51, 100, 7, 232, 1, 1, 95};
	uint8_t head[16 + 28] = {0}, *ip = head + 16;
	uint16_t check;
	bytes_put_le32(head + 8, (uint32_t)(28 + len));
	bytes_put_le32(head + 12, (uint32_t)(28 + len));
	ip[0] = 0x45;
	bytes_put_be32(ip + 2, (uint32_t)(28 + len) << 16);
	ip[8] = 1;
	ip[9] = 17;
	memcpy(ip + 12, addresses, sizeof addresses);
	check = ip_checksum(ip);
	ip[10] = (uint8_t)(check >> 8);
	ip[11] = (uint8_t)check;
	bytes_put_be32(ip + 20, UDP_PORT << 16 | UDP_PORT);
	bytes_put_be32(ip + 24, (uint32_t)(8 + len) << 16);
	return fwrite(head, 1, sizeof head, file) == sizeof head && fwrite(datagram, 1, len, file) == len
		       ? 0
		       : CAROUSEL_E_STORAGE;
}

static int write_packet(FILE *file, const struct alc_packet *packet, const void *payload, size_t len)
{
	uint8_t datagram[2048];
	struct bytes_writer w;
	int result;
	bytes_writer_init(&w, datagram, sizeof datagram);
	result = alc_write_header(&w, packet);
	if (result)
		return result;
	bytes_write(&w, payload, len);
	return w.error ? w.error : write_record(file, datagram, w.len);
}

static struct alc_packet data_packet(uint8_t encoding_id, uint64_t toi)
{
	struct alc_packet p = {.has_payload_id = true, .has_fti = true};
	p.lct.codepoint = encoding_id;
	p.lct.has_tsi = p.lct.has_toi = true;
	p.lct.tsi = 4001;
	p.lct.toi = toi;
	p.lct.cci = 17;
	p.oti.encoding_id = encoding_id;
	p.oti.transfer_length = 40960;
	p.oti.symbol_size = 1024;
	p.oti.num_blocks = 2;
	p.oti.num_sub_blocks = 1;
	p.oti.alignment = 8;
	p.oti.max_block_symbols = 20;
	p.oti.max_encoding_symbols = 25;
	p.oti.instance_id = encoding_id == FEC_SMALL_BLOCK ? FEC_INSTANCE_ISA_L_CAUCHY : 0;
	p.id.sbn = 1;
	p.id.esi = 21;
	p.id.block_length = encoding_id == FEC_SMALL_BLOCK ? 20 : 0;
	return p;
}

/* A table in plain text in one Compact No-Code symbol, as foreign receivers want it. */
static int write_fdt_packet(FILE *file)
{
	struct fdt_file entry = {.toi = 5, .content_location = "urn:carousel:image:box:105", .role = "image"};
	const struct fdt table = {.expires_ntp_s = 4000000000u, .num_files = 1, .files = &entry};
	struct alc_packet p = data_packet(FEC_COMPACT_NO_CODE, 0);
	struct bytes_writer w;
	char xml[1024];
	int result;
	bytes_writer_init(&w, xml, sizeof xml);
	result = fdt_write(&w, &table, 2);
	if (result)
		return result;
	p.oti.transfer_length = w.len;
	p.id.sbn = p.id.esi = 0;
	p.has_fdt = p.has_cenc = p.has_sct = true;
	p.flute_version = 2;
	p.fdt_instance_id = 77;
	p.content_encoding = ALC_CENC_NULL;
	p.sct_ntp = 0xec00000180000000u;
	return write_packet(file, &p, xml, w.len);
}

static int write_capture(FILE *file)
{
	static const uint8_t ids[] = {FEC_COMPACT_NO_CODE, FEC_REED_SOLOMON_GF256, FEC_RAPTORQ, FEC_SMALL_BLOCK};
	static const uint8_t symbol[1024];
	struct alc_packet close = {.has_payload_id = false};
	uint8_t head[24] = {0};
	int result;
	bytes_put_le32(head, 0xa1b2c3d4u);
	bytes_put_le16(head + 4, 2);
	bytes_put_le16(head + 6, 4);
	bytes_put_le32(head + 16, 65535);
	bytes_put_le32(head + 20, 101); /* LINKTYPE_RAW */
	if (fwrite(head, 1, sizeof head, file) != sizeof head)
		return CAROUSEL_E_STORAGE;
	result = write_fdt_packet(file);
	for (size_t i = 0; i < sizeof ids && result == 0; i++) {
		const struct alc_packet p = data_packet(ids[i], 5 + i);
		result = write_packet(file, &p, symbol, sizeof symbol);
	}
	close.lct.has_tsi = close.lct.close_session = true;
	close.lct.tsi = 4001;
	return result ? result : write_packet(file, &close, NULL, 0);
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "wb") : NULL;
	int result;
	if (file == NULL) {
		fprintf(stderr, "usage: write_packets FILE\n");
		return 2;
	}
	result = write_capture(file);
	if (fclose(file) != 0 && result == 0)
		result = CAROUSEL_E_STORAGE;
	if (result)
		fprintf(stderr, "write_packets: %s\n", carousel_strerror(result));
	return result ? 1 : 0;
}
