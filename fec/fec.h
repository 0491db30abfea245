/* fec.h - one interface, the FEC schemes behind it.
 *
 * A decoder works on identities first and on bytes later: it is told which encoding symbols are
 * held, says whether the block can be solved, and only then moves bytes, in column strips, between
 * memory, a slot or a file. The simulator stops before the bytes.
 * A decoder or encoder lives in memory the caller hands in; what it needs is known beforehand.
 * Not thread-safe per object; different objects may be used by different threads. A plan is
 * immutable once made and may be shared. */
#ifndef FEC_FEC_H
#define FEC_FEC_H

#include "common/fec_oti.h"
#include "common/memory.h"

#include <stddef.h>
#include <stdint.h>

/* Access to the symbols of one block by ESI, in RAM, a slot or a file alike.
 * direct may be NULL, or return NULL for a symbol that must be read. Offsets and lengths are in
 * bytes within the symbol. read and write return 0 or a negative code that apply hands on. */
struct fec_symbols {
	void *user;
	const uint8_t *(*direct)(void *user, uint32_t esi); /* RaptorQ does not look again at what a write changes */
	int (*read)(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst);
	int (*write)(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src);
};

struct fec_decoder;
struct fec_encoder;
struct fec_plan;

#define FEC_RAPTORQ_STRIP_WORK 64u

/* 1 when this build can encode and decode the scheme (RS needs WITH_RS), else 0. */
int fec_scheme_is_available(uint8_t encoding_id, uint16_t instance_id);

/* Bytes of memory that a decoder of this block needs at most, symbols that stay in storage excluded.
 * strip: width in bytes of the column strips that apply works on, at most symbol_size; 0 = symbol_size. RaptorQ works
 * in FEC_RAPTORQ_STRIP_WORK of it: where symbols are read from storage, as many bytes less of each are read at once, so
 * that with symbol_size + FEC_RAPTORQ_STRIP_WORK each is read once and in whole.
 * 1 = none at all: an identity-only decoder whose apply returns UNSUPPORTED (the simulator's).
 * 0 when the scheme is not available. */
size_t fec_decoder_bytes(const struct fec_block *, size_t strip);

/* mem: at least fec_decoder_bytes(), aligned to 64; borrowed until deinit. Errors: OTI, UNSUPPORTED, LIMIT (mem too
 * small). */
int fec_decoder_init(struct fec_decoder **, void *mem, size_t mem_bytes, const struct fec_block *, size_t strip);
void fec_decoder_deinit(struct fec_decoder *);

/* Says that the encoding symbol esi is held: received, seeded and padding alike. Errors: SYMBOL (esi
 * out of range), DUPLICATE, LIMIT (more symbols than a decoder keeps: K + 64; the caller drops it). */
int fec_decoder_add(struct fec_decoder *, uint32_t esi);
/* Symbols added so far. */
uint32_t fec_decoder_count(const struct fec_decoder *);

/* 0 when the block can be solved from what was added, NEED_MORE when not yet. Keeps its work: after
 * one more add it goes on rather than starting anew where that is cheaper. Never 0 without full rank. */
int fec_decoder_plan(struct fec_decoder *);

/* After a plan: the source ESIs (ascending, *count of them) that apply will write. Borrowed. */
const uint32_t *fec_decoder_missing(const struct fec_decoder *, uint32_t *count);

/* Reads held symbols, strip by strip, and writes the missing source symbols. A symbol is written
 * only after every read of the same strip was done; a symbol store that puts a missing symbol where
 * a held one lies must write elsewhere first. Errors: NEED_MORE without a plan, or what read and write return. */
int fec_decoder_apply(struct fec_decoder *, const struct fec_symbols *);

/* The encoder's precomputation. For RaptorQ it depends on K' alone, for the others on (K, n). */
int fec_plan_new(const struct carousel_allocator *, const struct fec_block *, struct fec_plan **);
void fec_plan_free(struct fec_plan *);
/* A plan as bytes for a cache file, with a check; *len in: capacity, out: size (LIMIT when too small; NULL buf asks
 * for the size). Load refuses what is not whole, of another version or of another block (MALFORMED, CRC, CONFLICT). */
int fec_plan_save(const struct fec_plan *, uint8_t *buf, size_t *len);
int fec_plan_load(const struct carousel_allocator *, const struct fec_block *, const uint8_t *buf, size_t len,
	struct fec_plan **);

/* An encoder of one block: reads the source once during init (source symbols ESI 0..K-1 through `source`)
 * and keeps what it needs in mem (aligned to 64, at least fec_encoder_bytes()), so source may go away. */
size_t fec_encoder_bytes(const struct fec_block *);
int fec_encoder_init(
	struct fec_encoder **, void *mem, size_t mem_bytes, const struct fec_plan *, const struct fec_symbols *source);
void fec_encoder_deinit(struct fec_encoder *);

/* Encoding symbols first_esi, first_esi + step, ... (count of them) to out, one every stride bytes
 * (>= symbol_size). Batches of 256 and more are fastest. step = n for one of n headends.
 * Errors: SYMBOL when an ESI is at or past esi_limit. */
int fec_encoder_symbols(
	const struct fec_encoder *, uint32_t first_esi, uint32_t step, uint32_t count, uint8_t *out, size_t stride);

#endif
