#include "carousel-rx/store/journal.h"

#include "common/bytes.h"
#include "common/hash.h"

#include <string.h>
#include <libdeflate.h>

#define JOURNAL_MAGIC       0x434a0000u     /* "CJ", the low half is the type */
#define JOURNAL_SUPER_MAGIC 0x334a52435352u /* "RSCRJ3" */
#define JOURNAL_SUPER_BYTES 64u
#define JOURNAL_SUPER_STEP  4096u

static uint32_t journal_crc(uint32_t seed, const uint8_t *data, size_t len)
{
	return len ? libdeflate_crc32(seed, data, len) : seed;
}

static void journal_key(const struct journal_image *image, uint8_t key[32])
{
	const struct fec_oti *oti = &image->layout->oti;
	uint8_t id[96] = {0};
	memcpy(id, image->sha256, 32);
	bytes_put_le64(id + 32, oti->transfer_length);
	bytes_put_le64(id + 40, image->layout->image_bytes);
	bytes_put_le32(id + 48, oti->num_blocks);
	bytes_put_le32(id + 52, oti->max_block_symbols);
	bytes_put_le32(id + 56, oti->max_encoding_symbols);
	bytes_put_le16(id + 60, oti->symbol_size);
	bytes_put_le16(id + 62, oti->num_sub_blocks);
	bytes_put_le16(id + 64, oti->instance_id);
	id[66] = oti->encoding_id;
	id[67] = oti->alignment;
	id[68] = (uint8_t)image->layout->kind;
	if (hash_sha256(id, sizeof(id), key))
		memset(key, 0, 32);
}

int journal_init(struct journal *j, const struct journal_image *image)
{
	memset(j, 0, sizeof(*j));
	journal_key(image, j->key);
	return pthread_mutex_init(&j->lock, NULL) ? CAROUSEL_E_MEMORY : 0;
}

void journal_deinit(struct journal *j)
{
	pthread_mutex_destroy(&j->lock);
}

/* ---- superblock --------------------------------------------------------------------------------- */

static void super_encode(const struct journal *j, uint8_t out[JOURNAL_SUPER_BYTES])
{
	memset(out, 0, JOURNAL_SUPER_BYTES);
	bytes_put_le64(out, JOURNAL_SUPER_MAGIC);
	bytes_put_le32(out + 8, j->generation);
	bytes_put_le64(out + 12, j->start);
	memcpy(out + 20, j->key, 32);
	bytes_put_le32(out + 60, journal_crc(0, out, 60));
}

/* Whether the copy is whole. *num_unreadable counts. */
static bool super_read(struct place_io *io, int copy, uint8_t in[JOURNAL_SUPER_BYTES], int *num_unreadable)
{
	int result = place_io_read(io, RX_JOURNAL, (uint64_t)copy * JOURNAL_SUPER_STEP, in, JOURNAL_SUPER_BYTES);
	*num_unreadable += place_io_is_unreadable(result);
	return result == 0 && bytes_get_le64(in) == JOURNAL_SUPER_MAGIC &&
	       bytes_get_le32(in + 60) == journal_crc(0, in, 60);
}

static void journal_seed(struct journal *j)
{
	uint8_t generation[4];
	bytes_put_le32(generation, j->generation);
	j->crc_seed = journal_crc(journal_crc(0, j->key, sizeof(j->key)), generation, sizeof(generation));
}

int journal_open(struct journal *j, struct place_io *io)
{
	uint8_t super[JOURNAL_SUPER_BYTES];
	bool is_ours = false;
	int num_unreadable = 0;
	j->generation = 0;
	for (int copy = 0; copy < 2; copy++) {
		if (!super_read(io, copy, super, &num_unreadable) || bytes_get_le32(super + 8) <= j->generation)
			continue;
		j->generation = bytes_get_le32(super + 8);
		j->start = bytes_get_le64(super + 12);
		j->copy = copy;
		is_ours = memcmp(super + 20, j->key, sizeof(j->key)) == 0;
	}
	journal_seed(j);
	/* Not a worn page: the trouble may pass, and nothing is begun anew for it. */
	if (num_unreadable == 2)
		return CAROUSEL_E_STORAGE;
	return is_ours ? 0 : CAROUSEL_E_NOT_FOUND;
}

static int journal_write_super(struct journal *j, struct place_io *io)
{
	uint8_t super[JOURNAL_SUPER_BYTES];
	int result;
	super_encode(j, super);
	result = place_io_write(io, RX_JOURNAL, (uint64_t)j->copy * JOURNAL_SUPER_STEP, super, sizeof(super));
	return result ? result : place_io_sync(io, RX_JOURNAL);
}

int journal_create(struct journal *j, struct place_io *io)
{
	int result = io->storage->truncate(io->storage->user, RX_JOURNAL, 0);
	/* Synced while empty, so that no record of before can follow the new superblock. */
	if (result == 0)
		result = place_io_sync(io, RX_JOURNAL);
	j->generation++;
	j->epoch = 0;
	j->sequence = 0;
	j->copy = 0;
	j->start = JOURNAL_START;
	j->end = JOURNAL_START;
	journal_seed(j);
	if (result == 0)
		result = journal_write_super(j, io);
	return result ? result : journal_append(j, io, JOURNAL_EPOCH, NULL, 0);
}

/* ---- reading ------------------------------------------------------------------------------------ */

void journal_scan_init(
	struct journal_scan *s, const struct journal *j, struct place_io *io, uint8_t *buf, uint64_t file_end)
{
	memset(s, 0, sizeof(*s));
	s->journal = j;
	s->io = io;
	s->buf = buf;
	s->offset = s->end = j->start;
	s->file_end = file_end;
}

/* A worn page takes its records with it, not those around it: they read as zeros. */
static int scan_read(struct place_io *io, uint64_t off, uint8_t *dst, size_t len)
{
	int result = place_io_read(io, RX_JOURNAL, off, dst, len);
	for (size_t at = 0, piece; place_io_is_unreadable(result) && at < len; at += piece) {
		int part;
		piece = JOURNAL_SUPER_STEP - (size_t)((off + at) % JOURNAL_SUPER_STEP);
		if (piece > len - at)
			piece = len - at;
		part = place_io_read(io, RX_JOURNAL, off + at, dst + at, piece);
		if (place_io_is_unreadable(part))
			memset(dst + at, 0, piece);
		else if (part)
			return part;
	}
	return place_io_is_unreadable(result) ? 0 : result;
}

/* Moves what is left to the front and reads more behind it. */
static int scan_fill(struct journal_scan *s)
{
	uint64_t next = s->offset + s->len, left = next < s->file_end ? s->file_end - next : 0;
	size_t room;
	int result;
	memmove(s->buf, s->buf + s->at, s->len - s->at);
	s->offset += s->at;
	s->len -= s->at;
	s->at = 0;
	room = JOURNAL_SCAN_BYTES - s->len;
	if (room > left)
		room = (size_t)left;
	if (room == 0)
		return 0;
	result = scan_read(s->io, next, s->buf + s->len, room);
	if (result == 0)
		s->len += room;
	return result;
}

/* The length of the good record at buf[at], or 0. */
static size_t scan_try(const struct journal_scan *s, struct journal_record *r)
{
	const uint8_t *p = s->buf + s->at;
	size_t have = s->len - s->at;
	uint32_t magic, len, crc;
	if (have < JOURNAL_HEAD_BYTES)
		return 0;
	magic = bytes_get_le32(p);
	len = bytes_get_le32(p + 4);
	if ((magic & 0xffff0000u) != JOURNAL_MAGIC || len > JOURNAL_MAX_PAYLOAD || len > have - JOURNAL_HEAD_BYTES)
		return 0;
	crc = journal_crc(journal_crc(s->journal->crc_seed, p, 16), p + JOURNAL_HEAD_BYTES, len);
	if (crc != bytes_get_le32(p + 16))
		return 0;
	*r = (struct journal_record){.type = (enum journal_type)(magic & 0xffffu),
		.epoch = bytes_get_le32(p + 8),
		.sequence = bytes_get_le32(p + 12),
		.payload = p + JOURNAL_HEAD_BYTES,
		.len = len,
		.offset = s->offset + s->at};
	return JOURNAL_HEAD_BYTES + len;
}

int journal_scan_next(struct journal_scan *s, struct journal_record *r)
{
	for (;;) {
		size_t len;
		if (s->len - s->at < JOURNAL_HEAD_BYTES + JOURNAL_MAX_PAYLOAD && s->offset + s->len < s->file_end) {
			int result = scan_fill(s);
			if (result)
				return result;
		}
		if (s->len - s->at < JOURNAL_HEAD_BYTES)
			return CAROUSEL_E_NEED_MORE;
		len = scan_try(s, r);
		if (len == 0) {
			/* Records are multiples of four bytes long. */
			s->at += 4;
			s->bytes_damaged += 4;
			continue;
		}
		s->at += len;
		if (r->epoch < s->epoch || (r->epoch == s->epoch && r->sequence <= s->sequence))
			continue; /* left over from before a power cut */
		s->epoch = r->epoch;
		s->sequence = r->sequence;
		s->end = r->offset + len;
		s->has_spill = s->has_spill || r->type == JOURNAL_SPILL;
		return 0;
	}
}

/* ---- writing ------------------------------------------------------------------------------------ */

static int journal_append_locked(
	struct journal *j, struct place_io *io, enum journal_type type, const void *payload, size_t len)
{
	uint8_t head[JOURNAL_HEAD_BYTES];
	uint64_t end = j->end;
	int result;
	bytes_put_le32(head, JOURNAL_MAGIC | (uint32_t)type);
	bytes_put_le32(head + 4, (uint32_t)len);
	bytes_put_le32(head + 8, j->epoch);
	bytes_put_le32(head + 12, j->sequence + 1);
	bytes_put_le32(head + 16, journal_crc(journal_crc(j->crc_seed, head, 16), payload, len));
	result = place_io_write(io, RX_JOURNAL, end, head, sizeof(head));
	if (result == 0 && len)
		result = place_io_write(io, RX_JOURNAL, end + sizeof(head), payload, len);
	if (result)
		return result;
	j->sequence++;
	j->end = end + sizeof(head) + len;
	return 0;
}

int journal_resume(struct journal *j, struct place_io *io, const struct journal_scan *s)
{
	j->end = s->end;
	j->epoch = s->epoch + 1;
	j->sequence = s->sequence;
	j->has_spill = s->has_spill;
	return journal_append(j, io, JOURNAL_EPOCH, NULL, 0);
}

int journal_append(struct journal *j, struct place_io *io, enum journal_type type, const void *payload, size_t len)
{
	int result = len <= JOURNAL_MAX_PAYLOAD && len % 4 == 0 ? 0 : CAROUSEL_E_INTERNAL;
	if (result)
		return result;
	pthread_mutex_lock(&j->lock);
	if (type == JOURNAL_SPILL)
		j->has_spill = true;
	result = journal_append_locked(j, io, type, payload, len);
	pthread_mutex_unlock(&j->lock);
	return result;
}

int journal_mark(struct journal *j, struct place_io *io, uint32_t sequence)
{
	uint8_t payload[4];
	int result;
	bytes_put_le32(payload, sequence);
	result = journal_append(j, io, JOURNAL_MARK, payload, sizeof(payload));
	return result ? result : place_io_sync(io, RX_JOURNAL);
}

int journal_sync_data(struct journal *j, struct place_io *io)
{
	/* Whoever appends says first that there is a spill: what this record counts of it is seen. */
	uint32_t sequence = j->sequence;
	int result = place_io_sync(io, RX_SLOT_TARGET);
	if (result == 0 && j->has_spill)
		result = place_io_sync(io, RX_SPILL);
	return result ? result : journal_mark(j, io, sequence);
}

void journal_fork(struct journal *to, const struct journal *from, uint64_t start)
{
	*to = *from;
	pthread_mutex_init(&to->lock, NULL);
	to->generation++;
	to->copy = !from->copy;
	to->start = start;
	to->end = start;
	journal_seed(to);
}

int journal_replace(struct journal *from, struct place_io *io, struct journal *to)
{
	/* The data of all that was copied was synced: the mark says so in the new generation, too. */
	int result = journal_mark(to, io, to->sequence);
	if (result == 0)
		result = journal_write_super(to, io);
	pthread_mutex_destroy(&to->lock);
	if (result)
		return result;
	from->generation = to->generation;
	from->sequence = journal_sequence(to);
	from->crc_seed = to->crc_seed;
	from->copy = to->copy;
	from->start = to->start;
	from->end = journal_end(to);
	return 0;
}

uint64_t journal_after(const struct journal *j)
{
	return (journal_end(j) + JOURNAL_SUPER_STEP - 1) / JOURNAL_SUPER_STEP * JOURNAL_SUPER_STEP;
}

uint32_t journal_sequence(const struct journal *j)
{
	return j->sequence;
}

uint64_t journal_end(const struct journal *j)
{
	return j->end;
}

uint64_t journal_bytes(const struct journal *j)
{
	return journal_end(j) - j->start;
}
