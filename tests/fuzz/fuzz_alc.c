/* Any datagram: parsed or refused; what is parsed can be written again and then says the same. */
#include "tests/fuzz/fuzz.h"

#include "common/alc.h"

static void check_oti(const struct fec_oti *decoded)
{
	struct fec_oti oti = *decoded;
	struct fec_block block;
	if (fec_oti_check(&oti, NULL) != 0 || oti.num_blocks == 0)
		return;
	FUZZ_ASSERT(fec_block_of(&oti, oti.num_blocks - 1, &block) == 0);
	FUZZ_ASSERT(block.num_source > 0 && block.esi_limit >= block.num_source);
	FUZZ_ASSERT(fec_block_first_symbol(&oti, oti.num_blocks - 1) < UINT64_MAX / oti.symbol_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct alc_packet p, back;
	struct bytes_writer w;
	uint8_t out[ALC_MAX_HEADER_BYTES];
	if (alc_parse(data, len, &p) != 0)
		return 0;
	if (p.payload_len)
		FUZZ_ASSERT(p.payload > data && p.payload + p.payload_len == data + len);
	if (p.has_fti)
		check_oti(&p.oti);
	if (p.lct.tsi > UINT32_MAX)
		return 0;
	bytes_writer_init(&w, out, sizeof out);
	FUZZ_ASSERT(alc_write_header(&w, &p) == 0);
	FUZZ_ASSERT(alc_parse(out, w.len, &back) == 0);
	FUZZ_ASSERT(back.lct.toi == p.lct.toi && back.lct.tsi == p.lct.tsi && back.lct.cci == p.lct.cci);
	FUZZ_ASSERT(back.has_fti == p.has_fti && back.has_fdt == p.has_fdt && back.has_cenc == p.has_cenc);
	FUZZ_ASSERT(!p.has_sct || back.sct_ntp == p.sct_ntp);
	FUZZ_ASSERT(!p.has_fti || fec_oti_is_equal(&back.oti, &p.oti));
	FUZZ_ASSERT(!p.has_payload_id || (back.id.sbn == p.id.sbn && back.id.esi == p.id.esi));
	return 0;
}
