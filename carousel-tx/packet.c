#include "carousel-tx/packet.h"

#include <string.h>

#define NTP_OF_1970 2208988800u
#define NS_PER_S    1000000000u
#define CCI_OFFSET  4 /* RFC 5651 section 5.1: after the first word */

int tx_header_init(struct tx_header *h, uint32_t tsi, uint32_t toi, const struct fec_oti *oti)
{
	struct alc_packet packet = {
		.lct = {.version = LCT_VERSION,
			.codepoint = oti->encoding_id,
			.has_tsi = true,
			.has_toi = true,
			.tsi = tsi,
			.toi = toi},
		.has_payload_id = true,
		.oti = *oti,
	};
	h->encoding_id = oti->encoding_id;
	h->id_bytes = oti->encoding_id == FEC_SMALL_BLOCK ? 8 : 4;
	for (int with_fti = 0; with_fti < 2; with_fti++) {
		struct bytes_writer w;
		int result;
		packet.has_fti = with_fti;
		bytes_writer_init(&w, h->bytes[with_fti], sizeof h->bytes[with_fti]);
		result = alc_write_header(&w, &packet);
		if (result)
			return result;
		h->len[with_fti] = (uint8_t)w.len;
	}
	return 0;
}

size_t tx_header_bytes(const struct tx_header *h, bool with_fti)
{
	return h->len[with_fti];
}

void tx_header_write(
	const struct tx_header *h, bool with_fti, uint32_t cci, const struct fec_payload_id *id, uint8_t *out)
{
	struct bytes_writer w;
	size_t len = h->len[with_fti];
	memcpy(out, h->bytes[with_fti], len);
	bytes_put_be32(out + CCI_OFFSET, cci);
	bytes_writer_init(&w, out + len - h->id_bytes, h->id_bytes);
	fec_payload_id_encode(&w, h->encoding_id, id);
}

uint64_t tx_ntp_of_wall(uint64_t wall_ns)
{
	uint64_t seconds = wall_ns / NS_PER_S + NTP_OF_1970;
	return seconds << 32 | ((wall_ns % NS_PER_S) << 32) / NS_PER_S;
}
