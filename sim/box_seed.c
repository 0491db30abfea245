#include "sim/box_seed.h"

#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"
#include "sim/random.h"

#include <math.h>
#include <string.h>

#define SEED_STREAM (1ull << 63) /* random numbers apart from those of channels and habits */

size_t box_seed_image(const struct scenario *s, const struct scenario_box *box)
{
	size_t i = 0;
	while (i < s->num_images &&
		(strcmp(s->images[i].class_name, box->class_name) != 0 || s->images[i].version == box->version))
		i++;
	return i;
}

static void seed_bits(uint8_t *bits, uint64_t chunks, double have, uint64_t seed, uint64_t number)
{
	const uint64_t count = (uint64_t)llround(have * (double)chunks);
	struct random_stream random;
	uint64_t first;
	random_init(&random, seed, SEED_STREAM | number);
	first = random_below(&random, chunks);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t chunk = (first + i) % chunks;
		bits[chunk / 8] |= (uint8_t)(1u << chunk % 8);
	}
}

int box_seed(struct box_storage *storage, const struct headend *h, const struct scenario_box *box, double have,
	uint64_t number)
{
	const size_t i = box_seed_image(h->scenario, box);
	uint64_t chunks;
	uint8_t *bits;
	int result;
	if (have <= 0 || i == h->scenario->num_images || h->images[i].len > storage->slot_bytes)
		return 0;
	chunks = chunk_index_chunks(h->images[i].len);
	bits = memory_alloc(storage->allocator, (size_t)(chunks + 7) / 8, 1);
	if (bits == NULL)
		return CAROUSEL_E_MEMORY;
	seed_bits(bits, chunks, have, h->scenario->seed, number);
	result = box_storage_fill_parts(storage, !storage->running, h->images[i].manifest.sha256, h->images[i].bytes,
		h->images[i].len, bits, CHUNK_INDEX_CHUNK_BYTES);
	memory_free(storage->allocator, bits);
	return result;
}
