/* scheme.h - what a FEC scheme provides to fec.c; one table a scheme. */
#ifndef FEC_SCHEME_H
#define FEC_SCHEME_H

#include "fec/fec.h"

/* The first member of every scheme's decoder, encoder and plan; fec.c dispatches on it. */
struct fec_decoder {
	const struct fec_scheme *scheme;
	struct fec_block block;
};
struct fec_encoder {
	const struct fec_scheme *scheme;
	struct fec_block block;
};
struct fec_plan {
	const struct fec_scheme *scheme;
	struct fec_block block;
	const struct carousel_allocator *allocator;
};

/* Same contracts as the functions of fec.h; the block has passed its checks. */
struct fec_scheme {
	uint8_t encoding_id;
	const char *name;
	int (*is_available)(uint16_t instance_id);
	size_t (*decoder_bytes)(const struct fec_block *, size_t strip);
	int (*decoder_init)(struct fec_decoder **, void *mem, size_t mem_bytes, const struct fec_block *, size_t strip);
	void (*decoder_deinit)(struct fec_decoder *);
	int (*decoder_add)(struct fec_decoder *, uint32_t esi);
	uint32_t (*decoder_count)(const struct fec_decoder *);
	int (*decoder_plan)(struct fec_decoder *);
	const uint32_t *(*decoder_missing)(const struct fec_decoder *, uint32_t *count);
	int (*decoder_apply)(struct fec_decoder *, const struct fec_symbols *);
	int (*plan_new)(const struct carousel_allocator *, const struct fec_block *, struct fec_plan **);
	void (*plan_free)(struct fec_plan *);
	int (*plan_save)(const struct fec_plan *, uint8_t *buf, size_t *len);
	int (*plan_load)(const struct carousel_allocator *, const struct fec_block *, const uint8_t *buf, size_t len,
		struct fec_plan **);
	size_t (*encoder_bytes)(const struct fec_block *);
	int (*encoder_init)(struct fec_encoder **, void *mem, size_t mem_bytes, const struct fec_plan *,
		const struct fec_symbols *);
	void (*encoder_deinit)(struct fec_encoder *);
	int (*encoder_symbols)(const struct fec_encoder *, uint32_t first_esi, uint32_t step, uint32_t count,
		uint8_t *out, size_t stride);
};

extern const struct fec_scheme fec_scheme_no_code;
extern const struct fec_scheme fec_scheme_raptorq;
extern const struct fec_scheme fec_scheme_reed_solomon;
#if WITH_RS
extern const struct fec_scheme fec_scheme_small_block;
#endif

#endif
