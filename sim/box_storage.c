#include "sim/box_storage.h"

#include "common/carousel_error.h"

#include <string.h>

#define BOX_NAME_BYTES     32u
#define BOX_MAX_FILE_BYTES ((uint64_t)1 << 34)

static bool box_is_slot(enum carousel_rx_file file)
{
	return file == RX_SLOT_TARGET || file == RX_SLOT_RUNNING;
}

static struct box_file *box_file_of(struct box_storage *s, enum carousel_rx_file file)
{
	if (!box_is_slot(file))
		return &s->files[file];
	return &s->slots[file == RX_SLOT_RUNNING ? s->running : !s->running];
}

static int box_grow(struct box_storage *s, struct box_file *f, uint64_t len)
{
	size_t cap = f->cap ? f->cap : 256;
	uint8_t *bigger;
	if (len <= f->cap)
		return 0;
	if (len > BOX_MAX_FILE_BYTES)
		return CAROUSEL_E_NO_SPACE;
	while (cap < len)
		cap *= 2;
	bigger = memory_alloc(s->allocator, cap, 1);
	if (bigger == NULL)
		return CAROUSEL_E_MEMORY;
	if (f->len)
		memcpy(bigger, f->bytes, (size_t)f->len);
	memory_free(s->allocator, f->bytes);
	f->bytes = bigger;
	f->cap = cap;
	return 0;
}

static int box_size(void *user, enum carousel_rx_file file, uint64_t *bytes)
{
	struct box_storage *s = user;
	*bytes = box_is_slot(file) ? s->slot_bytes : s->files[file].len;
	return 0;
}

static int box_read(void *user, enum carousel_rx_file file, uint64_t off, void *dst, size_t len)
{
	struct box_storage *s = user;
	const struct box_file *f = box_file_of(s, file);
	const uint64_t end = box_is_slot(file) ? s->slot_bytes : f->len;
	size_t there;
	if (off > end || len > end - off)
		return CAROUSEL_E_NEED_MORE;
	there = off < f->len ? (f->len - off < len ? (size_t)(f->len - off) : len) : 0;
	if (there)
		memcpy(dst, f->bytes + off, there);
	memset((uint8_t *)dst + there, 0, len - there);
	return 0;
}

static int box_write(void *user, enum carousel_rx_file file, uint64_t off, const void *src, size_t len)
{
	struct box_storage *s = user;
	struct box_file *f = box_file_of(s, file);
	int result;
	if (len > BOX_MAX_FILE_BYTES || off > BOX_MAX_FILE_BYTES - len)
		return CAROUSEL_E_NO_SPACE;
	if (box_is_slot(file) && off + len > s->slot_bytes)
		return CAROUSEL_E_NO_SPACE;
	result = box_grow(s, f, off + len);
	if (result != 0)
		return result;
	if (off > f->len)
		memset(f->bytes + f->len, 0, (size_t)(off - f->len));
	if (len)
		memcpy(f->bytes + off, src, len);
	if (off + len > f->len)
		f->len = off + len;
	return 0;
}

static int box_sync(void *user, enum carousel_rx_file file)
{
	(void)user;
	(void)file;
	return 0;
}

static int box_truncate(void *user, enum carousel_rx_file file, uint64_t bytes)
{
	struct box_storage *s = user;
	struct box_file *f = &s->files[file];
	int result = box_grow(s, f, bytes);
	if (result != 0)
		return result;
	if (bytes > f->len)
		memset(f->bytes + f->len, 0, (size_t)(bytes - f->len));
	f->len = bytes;
	return 0;
}

static int box_replace(void *user, enum carousel_rx_file file, const void *data, size_t len)
{
	struct box_storage *s = user;
	int result = box_truncate(s, file, 0);
	return result ? result : box_write(s, file, 0, data, len);
}

int box_storage_init(
	struct box_storage *s, const struct carousel_allocator *allocator, uint64_t slot_bytes, bool has_payload)
{
	*s = (struct box_storage){.allocator = allocator,
		.table = {s, box_size, box_read, box_write, box_sync, box_truncate, box_replace},
		.slot_bytes = slot_bytes,
		.has_payload = has_payload};
	for (unsigned i = 0; i < 2; i++) {
		int result = box_grow(s, &s->slots[i], BOX_NAME_BYTES);
		if (result != 0) {
			box_storage_deinit(s);
			return result;
		}
	}
	return 0;
}

void box_storage_deinit(struct box_storage *s)
{
	for (unsigned i = 0; i < RX_NUM_FILES; i++)
		memory_free(s->allocator, s->files[i].bytes);
	for (unsigned i = 0; i < 2; i++)
		memory_free(s->allocator, s->slots[i].bytes);
	memset(s->files, 0, sizeof s->files);
	memset(s->slots, 0, sizeof s->slots);
}

int box_storage_fill(struct box_storage *s, int slot, const uint8_t sha256[32], const uint8_t *bytes, uint64_t len)
{
	struct box_file *f = &s->slots[slot];
	const uint64_t wanted = s->has_payload && bytes ? len : BOX_NAME_BYTES;
	int result;
	if (wanted > s->slot_bytes)
		return CAROUSEL_E_NO_SPACE;
	result = box_grow(s, f, wanted);
	if (result != 0)
		return result;
	memcpy(f->bytes, s->has_payload && bytes ? bytes : sha256, (size_t)wanted);
	f->len = wanted;
	return 0;
}

/* Noise that is no chunk of any image: every byte of a chunk the same, and the next chunk another. */
static void box_noise(uint8_t *chunk, size_t len, uint64_t number)
{
	memset(chunk, (int)(number % 255 + 1), len);
}

int box_storage_fill_parts(struct box_storage *s, int slot, const uint8_t sha256[32], const uint8_t *bytes,
	uint64_t len, const uint8_t *bits, uint32_t chunk_bytes)
{
	const uint64_t chunks = (len + chunk_bytes - 1) / chunk_bytes;
	struct box_file *f = &s->slots[slot];
	const uint64_t wanted = s->has_payload && bytes ? len : 2 * BOX_NAME_BYTES + (chunks + 7) / 8;
	int result = wanted > s->slot_bytes ? CAROUSEL_E_NO_SPACE : box_grow(s, f, wanted);
	if (result != 0)
		return result;
	f->len = wanted;
	if (!s->has_payload || bytes == NULL) {
		memset(f->bytes, 0, BOX_NAME_BYTES);
		memcpy(f->bytes + BOX_NAME_BYTES, sha256, BOX_NAME_BYTES);
		memcpy(f->bytes + 2 * BOX_NAME_BYTES, bits, (size_t)(chunks + 7) / 8);
		return 0;
	}
	for (uint64_t i = 0; i < chunks; i++) {
		const uint64_t at = i * chunk_bytes;
		const size_t there = len - at < chunk_bytes ? (size_t)(len - at) : chunk_bytes;
		if (bits[i / 8] >> i % 8 & 1)
			memcpy(f->bytes + at, bytes + at, there);
		else
			box_noise(f->bytes + at, there, i);
	}
	return 0;
}

bool box_storage_has_parts_of(const struct box_storage *s, int slot, const uint8_t sha256[32])
{
	const struct box_file *f = &s->slots[slot];
	return !s->has_payload && f->len > 2 * BOX_NAME_BYTES &&
	       memcmp(f->bytes + BOX_NAME_BYTES, sha256, BOX_NAME_BYTES) == 0;
}

void box_storage_forget(struct box_storage *s, int slot, bool with_parts)
{
	struct box_file *f = &s->slots[slot];
	if (s->has_payload)
		return;
	memset(f->bytes, 0, f->len < BOX_NAME_BYTES ? (size_t)f->len : BOX_NAME_BYTES);
	if (with_parts && f->len > BOX_NAME_BYTES)
		f->len = BOX_NAME_BYTES;
}
