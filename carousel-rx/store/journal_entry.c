#include "carousel-rx/store/journal_entry.h"

#include "common/bytes.h"

#include <string.h>

#define ENTRY_SECTION_MOST 0xffffu

static void entry_encode(uint8_t *out, const struct journal_entry *e)
{
	bytes_put_le32(out, e->a);
	bytes_put_le32(out + 4, e->b);
	bytes_put_le32(out + 8, e->c);
	bytes_put_le32(out + 12, e->d);
}

/* Whether the open section goes on with this entry. */
static bool entry_follows(const struct journal_payload *p, const struct journal_entry *e)
{
	const uint8_t *section = p->buf + p->section;
	uint32_t count = bytes_get_le16(section + 4);
	return p->has_section && bytes_get_le16(section) == e->a && count < ENTRY_SECTION_MOST &&
	       bytes_get_le16(section + 2) + count == e->b;
}

static void entry_pack(struct journal_payload *p, const struct journal_entry *e)
{
	uint8_t *out;
	if (!entry_follows(p, e)) {
		p->section = p->len;
		p->has_section = true;
		bytes_put_le16(p->buf + p->len, (uint16_t)e->a);
		bytes_put_le16(p->buf + p->len + 2, (uint16_t)e->b);
		bytes_put_le16(p->buf + p->len + 4, 0);
		p->len += JOURNAL_SECTION_BYTES;
	}
	out = p->buf + p->section + 4;
	bytes_put_le16(out, (uint16_t)(bytes_get_le16(out) + 1));
	out = p->buf + p->len;
	bytes_put_le16(out, (uint16_t)e->c);
	out[2] = (uint8_t)(e->c >> 16);
	bytes_put_le32(out + 3, e->d);
	p->len += JOURNAL_PACKED_BYTES;
}

int journal_entry_flush(struct journal_payload *p, struct journal *j, struct place_io *io)
{
	int result;
	while (p->len % 4)
		p->buf[p->len++] = 0;
	result = p->len ? journal_append(j, io, p->type, p->buf, p->len) : 0;
	p->len = 0;
	p->has_section = false;
	return result;
}

int journal_entry_put(struct journal_payload *p, struct journal *j, struct place_io *io, enum journal_type type,
	const struct journal_entry *e)
{
	int result = 0;
	/* The most that one entry takes, section and padding included. */
	if (p->type != type || p->cap - p->len < JOURNAL_SECTION_BYTES + JOURNAL_ENTRY_BYTES)
		result = journal_entry_flush(p, j, io);
	p->type = type;
	if (type == JOURNAL_FOREIGN) {
		entry_pack(p, e);
	} else {
		entry_encode(p->buf + p->len, e);
		p->len += JOURNAL_ENTRY_BYTES;
	}
	return result;
}

void journal_entries_init(struct journal_entries *it, const struct journal_record *r)
{
	*it = (struct journal_entries){.type = r->type, .at = r->payload, .left = r->len};
}

static const uint8_t *entries_take(struct journal_entries *it, size_t bytes)
{
	const uint8_t *at = it->at;
	if (it->left < bytes)
		return NULL;
	it->at += bytes;
	it->left -= bytes;
	return at;
}

bool journal_entries_next(struct journal_entries *it, struct journal_entry *e)
{
	const uint8_t *p;
	if (it->type != JOURNAL_FOREIGN) {
		p = entries_take(it, JOURNAL_ENTRY_BYTES);
		if (p)
			*e = (struct journal_entry){bytes_get_le32(p), bytes_get_le32(p + 4), bytes_get_le32(p + 8),
				bytes_get_le32(p + 12)};
		return p != NULL;
	}
	if (it->count == 0) {
		p = entries_take(it, JOURNAL_SECTION_BYTES);
		if (p == NULL)
			return false;
		it->sbn = bytes_get_le16(p);
		it->place = bytes_get_le16(p + 2);
		it->count = bytes_get_le16(p + 4);
	}
	p = it->count ? entries_take(it, JOURNAL_PACKED_BYTES) : NULL;
	if (p == NULL)
		return false;
	it->count--;
	*e = (struct journal_entry){
		it->sbn, it->place++, bytes_get_le16(p) | (uint32_t)p[2] << 16, bytes_get_le32(p + 3)};
	return true;
}
