/* raptorq_replay.h - runs a program on a column tile of data. */
#ifndef FEC_RAPTORQ_REPLAY_H
#define FEC_RAPTORQ_REPLAY_H

#include "fec/raptorq/raptorq_program.h"

/* Slots of `lines` * 64 octets that a replay works in: the program's, its checks, and a few more. */
size_t raptorq_replay_slots(const struct raptorq_program *);
/* The most that any program of a build with these parameters works in. */
size_t raptorq_replay_max_slots(const struct raptorq_params *);

/* work: raptorq_replay_slots() slots, aligned to 64. data: the symbols of the rows of the operations (peeled of them)
 * and then of the checks (rank); a tile reads `lines` * 64 octets of each at `off`. Afterwards slot column_slot[c]
 * holds intermediate symbol c's tile and slot peeled + inactive zeros. */
void raptorq_replay(const struct raptorq_params *, const struct raptorq_program *, const struct gf256_kernels *,
	uint8_t *work, unsigned lines, const uint8_t *const *data, size_t off);

#endif
