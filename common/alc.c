#include "common/alc.h"

#include "common/carousel_error.h"

/* Flags of EXT_TIME's Use field, RFC 5651 section 5.2.2. */
#define TIME_SCT_HIGH 0x8000u
#define TIME_SCT_LOW  0x4000u

static int alc_parse_time(const uint8_t *at, size_t len, struct alc_packet *p)
{
	uint32_t use = bytes_get_be16(at + 2);
	size_t wanted = use & TIME_SCT_LOW ? 12 : 8;
	if (!(use & TIME_SCT_HIGH))
		return use & TIME_SCT_LOW ? CAROUSEL_E_MALFORMED : 0;
	if (len < wanted)
		return CAROUSEL_E_MALFORMED;
	p->has_sct = true;
	p->sct_ntp = (uint64_t)bytes_get_be32(at + 4) << 32;
	if (use & TIME_SCT_LOW)
		p->sct_ntp |= bytes_get_be32(at + 8);
	return 0;
}

static int alc_parse_fti(const uint8_t *at, size_t len, struct alc_packet *p)
{
	struct bytes_reader r;
	int result;
	bytes_reader_init(&r, at + 2, len - 2);
	result = fec_oti_decode(&r, p->lct.codepoint, &p->oti);
	if (result == CAROUSEL_E_TRUNCATED)
		result = CAROUSEL_E_MALFORMED; /* it ends before the extension does, not before the datagram */
	p->has_fti = result == 0;
	/* A scheme that is not known matters only when a payload follows, which alc_parse() finds out. */
	return result == CAROUSEL_E_UNSUPPORTED ? 0 : result;
}

/* One extension of len bytes, a multiple of 4 and at least 4. */
static int alc_parse_extension(const uint8_t *at, size_t len, struct alc_packet *p)
{
	switch (at[0]) {
	case LCT_EXT_FTI:
		return alc_parse_fti(at, len, p);
	case LCT_EXT_TIME:
		return alc_parse_time(at, len, p);
	case LCT_EXT_FDT:
		p->has_fdt = true;
		p->flute_version = at[1] >> 4;
		p->fdt_instance_id = bytes_get_be32(at) & ALC_MAX_FDT_INSTANCE_ID;
		return 0;
	case LCT_EXT_CENC:
		p->has_cenc = true;
		p->content_encoding = at[1];
		return 0;
	default:
		return 0;
	}
}

/* `left` is a multiple of 4, since both ends of the region are. */
static int alc_parse_extensions(const uint8_t *at, size_t left, struct alc_packet *p)
{
	while (left) {
		size_t len = at[0] < 128 ? (size_t)at[1] * 4 : 4;
		int result;
		if (len == 0 || len > left)
			return CAROUSEL_E_MALFORMED;
		result = alc_parse_extension(at, len, p);
		if (result)
			return result;
		at += len;
		left -= len;
	}
	return 0;
}

static int alc_parse_payload_id(const uint8_t *at, size_t left, struct alc_packet *p)
{
	struct bytes_reader r;
	int result;
	bytes_reader_init(&r, at, left);
	result = fec_payload_id_decode(&r, p->lct.codepoint, &p->id);
	if (result)
		return result;
	p->has_payload_id = true;
	p->payload_len = r.left;
	p->payload = r.left ? r.data : NULL;
	return 0;
}

int alc_parse(const uint8_t *data, size_t len, struct alc_packet *p)
{
	size_t fixed, total;
	int result = lct_parse(data, len, &p->lct, &fixed, &total);
	if (result)
		return result;
	p->has_fti = p->has_fdt = p->has_cenc = p->has_sct = p->has_payload_id = false;
	p->payload = NULL;
	p->payload_len = 0;
	if (total != fixed) {
		result = alc_parse_extensions(data + fixed, total - fixed, p);
		if (result)
			return result;
	}
	return total == len ? 0 : alc_parse_payload_id(data + total, len - total, p);
}

static size_t fti_bytes(uint8_t encoding_id)
{
	return encoding_id == FEC_REED_SOLOMON_GF256 ? 12 : 16;
}

static void alc_write_time(struct bytes_writer *w, uint64_t sct_ntp)
{
	uint32_t low = (uint32_t)sct_ntp;
	bytes_write_u8(w, LCT_EXT_TIME);
	bytes_write_u8(w, low ? 3 : 2);
	bytes_write_u16(w, low ? TIME_SCT_HIGH | TIME_SCT_LOW : TIME_SCT_HIGH);
	bytes_write_u32(w, (uint32_t)(sct_ntp >> 32));
	if (low)
		bytes_write_u32(w, low);
}

static int alc_write_extensions(struct bytes_writer *w, const struct alc_packet *p)
{
	if (p->has_fdt)
		bytes_write_u32(w, (uint32_t)LCT_EXT_FDT << 24 | (p->flute_version & 15u) << 20 |
					   (p->fdt_instance_id & ALC_MAX_FDT_INSTANCE_ID));
	if (p->has_cenc)
		bytes_write_u32(w, (uint32_t)LCT_EXT_CENC << 24 | (uint32_t)p->content_encoding << 16);
	if (p->has_sct)
		alc_write_time(w, p->sct_ntp);
	if (!p->has_fti)
		return w->error;
	bytes_write_u8(w, LCT_EXT_FTI);
	bytes_write_u8(w, (uint8_t)(fti_bytes(p->oti.encoding_id) / 4));
	return fec_oti_encode(w, &p->oti);
}

static int alc_check_ranges(const struct alc_packet *p)
{
	if (p->has_fdt && (p->flute_version > 15 || p->fdt_instance_id > ALC_MAX_FDT_INSTANCE_ID))
		return CAROUSEL_E_RANGE;
	if (!p->has_payload_id)
		return 0;
	switch (p->lct.codepoint) {
	case FEC_COMPACT_NO_CODE:
		return p->id.sbn > 0xffff || p->id.esi > 0xffff ? CAROUSEL_E_RANGE : 0;
	case FEC_REED_SOLOMON_GF256:
		return p->id.sbn > 0xffffff || p->id.esi > 0xff ? CAROUSEL_E_RANGE : 0;
	case FEC_RAPTORQ:
		return p->id.sbn > 0xff || p->id.esi > 0xffffff ? CAROUSEL_E_RANGE : 0;
	default:
		return p->id.esi > 0xffff ? CAROUSEL_E_RANGE : 0;
	}
}

int alc_write_header(struct bytes_writer *w, const struct alc_packet *p)
{
	size_t extensions = 0;
	int result = alc_check_ranges(p);
	if (result)
		return result;
	if (p->has_fti && p->oti.encoding_id != p->lct.codepoint)
		return CAROUSEL_E_UNSUPPORTED;
	extensions += p->has_fdt ? 4 : 0;
	extensions += p->has_cenc ? 4 : 0;
	if (p->has_sct)
		extensions += (uint32_t)p->sct_ntp ? 12 : 8;
	extensions += p->has_fti ? fti_bytes(p->oti.encoding_id) : 0;
	result = lct_write(w, &p->lct, extensions);
	if (result == 0 && extensions)
		result = alc_write_extensions(w, p);
	if (result == 0 && p->has_payload_id)
		result = fec_payload_id_encode(w, p->lct.codepoint, &p->id);
	return result;
}
