#include "tests/lib/tx_fixture.h"

#include "common/carousel_error.h"
#include "common/gzip.h"
#include "fec/fec.h"
#include "tests/lib/test.h"

void listener_init(struct listener *l)
{
	memset(l, 0, sizeof *l);
}

static void object_clear(struct heard_object *o)
{
	for (size_t i = 0; i < o->num_symbols; i++)
		free(o->symbols[i].payload);
	free(o->symbols);
	memset(o, 0, sizeof *o);
}

void listener_deinit(struct listener *l)
{
	for (size_t i = 0; i < l->num_objects; i++)
		object_clear(&l->objects[i]);
	l->num_objects = 0;
}

struct heard_object *listener_find(struct listener *l, uint64_t tsi, uint64_t toi)
{
	for (size_t i = 0; i < l->num_objects; i++)
		if (l->objects[i].tsi == tsi && l->objects[i].toi == toi)
			return &l->objects[i];
	return NULL;
}

static struct heard_object *listener_object(struct listener *l, const struct alc_packet *p)
{
	struct heard_object *o = listener_find(l, p->lct.tsi, p->lct.toi);
	if (o && p->lct.toi == 0 && p->has_fdt && o->fdt_instance != p->fdt_instance_id)
		object_clear(o);
	if (o == NULL) {
		assert_true(l->num_objects < LISTENER_MAX_OBJECTS);
		o = &l->objects[l->num_objects++];
	}
	o->tsi = p->lct.tsi;
	o->toi = p->lct.toi;
	o->fdt_instance = p->fdt_instance_id;
	if (p->has_cenc)
		o->content_encoding = p->content_encoding;
	return o;
}

static void keep_symbol(struct heard_object *o, const struct alc_packet *p)
{
	struct heard_symbol symbol = {.sbn = p->id.sbn, .esi = p->id.esi};
	for (size_t i = 0; i < o->num_symbols; i++) {
		if (o->symbols[i].sbn == symbol.sbn && o->symbols[i].esi == symbol.esi) {
			o->duplicates++;
			return;
		}
	}
	if (o->num_symbols == o->cap_symbols) {
		o->cap_symbols = o->cap_symbols ? 2 * o->cap_symbols : 64;
		o->symbols = realloc(o->symbols, o->cap_symbols * sizeof *o->symbols);
		assert_non_null(o->symbols);
	}
	symbol.payload = calloc(1, FEC_MAX_SYMBOL_SIZE < p->payload_len ? p->payload_len : 16384);
	assert_non_null(symbol.payload);
	if (p->payload_len)
		memcpy(symbol.payload, p->payload, p->payload_len);
	o->symbols[o->num_symbols++] = symbol;
}

void listener_take(struct listener *l, const uint8_t *data, const struct tx_packet *packet)
{
	struct alc_packet p;
	struct heard_object *o;
	assert_int_equal(alc_parse(data, packet->len, &p), 0);
	assert_true(p.has_payload_id);
	o = listener_object(l, &p);
	if (p.has_fti) {
		assert_int_equal(fec_oti_check(&p.oti, NULL), 0);
		/* A TOI's parameters never change. */
		if (o->has_oti)
			assert_true(fec_oti_is_equal(&o->oti, &p.oti));
		o->oti = p.oti;
		o->has_oti = true;
		o->with_fti++;
	}
	if (p.lct.cci != l->next_cci)
		l->cci_gaps++;
	l->next_cci = p.lct.cci + 1;
	l->packets++;
	l->bytes += packet->len + packet->absent_bytes;
	l->absent_packets += packet->absent_bytes != 0;
	o->packets++;
	o->bytes += packet->len;
	keep_symbol(o, &p);
}

struct decode {
	const struct heard_object *object;
	const struct object_layout *layout;
	uint32_t sbn;
	uint8_t *out;
};

static int decode_read(void *user, uint32_t esi, size_t off, size_t len, uint8_t *dst)
{
	const struct decode *d = user;
	uint64_t at;
	for (size_t i = 0; i < d->object->num_symbols; i++) {
		if (d->object->symbols[i].sbn == d->sbn && d->object->symbols[i].esi == esi) {
			memcpy(dst, d->object->symbols[i].payload + off, len);
			return 0;
		}
	}
	assert_int_equal(object_symbol_offset(d->layout, d->sbn, esi, &at), OBJECT_PADDING);
	memset(dst, 0, len);
	return 0;
}

static int decode_write(void *user, uint32_t esi, size_t off, size_t len, const uint8_t *src)
{
	const struct decode *d = user;
	uint64_t at;
	if (object_symbol_offset(d->layout, d->sbn, esi, &at) != 0)
		return 0;
	for (size_t i = 0; i < len && at + off + i < d->layout->image_bytes; i++)
		d->out[at + off + i] = src[i];
	return 0;
}

static int decode_block(struct decode *d, const struct fec_block *block)
{
	const struct fec_symbols symbols = {.user = d, .read = decode_read, .write = decode_write};
	size_t bytes = fec_decoder_bytes(block, 0);
	uint8_t *memory = aligned_alloc(64, (bytes + 63) / 64 * 64), *symbol = malloc(block->symbol_size);
	struct fec_decoder *decoder;
	int result;
	assert_int_equal(fec_decoder_init(&decoder, memory, bytes, block, 0), 0);
	for (size_t i = 0; i < d->object->num_symbols; i++)
		if (d->object->symbols[i].sbn == d->sbn)
			fec_decoder_add(decoder, d->object->symbols[i].esi);
	for (uint32_t esi = 0; esi < block->num_source; esi++) {
		uint64_t at;
		if (object_symbol_offset(d->layout, d->sbn, esi, &at) == OBJECT_PADDING)
			fec_decoder_add(decoder, esi);
	}
	result = fec_decoder_plan(decoder);
	if (result == 0)
		result = fec_decoder_apply(decoder, &symbols);
	for (size_t i = 0; result == 0 && i < d->object->num_symbols; i++)
		if (d->object->symbols[i].sbn == d->sbn && d->object->symbols[i].esi < block->num_source)
			decode_write(
				d, d->object->symbols[i].esi, 0, block->symbol_size, d->object->symbols[i].payload);
	fec_decoder_deinit(decoder);
	free(memory);
	free(symbol);
	return result;
}

uint8_t *listener_decode(
	const struct heard_object *object, const struct fec_oti *oti, enum object_layout_kind kind, uint64_t bytes)
{
	struct object_layout layout;
	struct decode d = {.object = object, .layout = &layout, .out = malloc(bytes ? bytes : 1)};
	assert_non_null(d.out);
	assert_int_equal(object_layout_init(&layout, kind, oti, bytes), 0);
	for (d.sbn = 0; d.sbn < oti->num_blocks; d.sbn++) {
		struct fec_block block;
		assert_int_equal(fec_block_of(oti, d.sbn, &block), 0);
		if (decode_block(&d, &block)) {
			free(d.out);
			return NULL;
		}
	}
	return d.out;
}

struct fdt *listener_fdt(struct listener *l, uint64_t tsi)
{
	struct heard_object *o = listener_find(l, tsi, 0);
	struct fdt *fdt = NULL;
	uint8_t *bytes, *xml;
	size_t len;
	if (o == NULL || !o->has_oti)
		return NULL;
	bytes = listener_decode(o, &o->oti, OBJECT_LINEAR, o->oti.transfer_length);
	if (bytes == NULL)
		return NULL;
	assert_int_equal(gzip_decode(NULL, o->content_encoding, NULL, bytes, o->oti.transfer_length, &xml, &len), 0);
	assert_int_equal(fdt_parse(NULL, NULL, xml, len, &fdt), 0);
	free(bytes);
	free(xml);
	return fdt;
}

const struct fdt_file *fdt_file_of(const struct fdt *fdt, const char *role, const char *class_name)
{
	for (uint32_t i = 0; i < fdt->num_files; i++)
		if (strcmp(fdt->files[i].role, role) == 0 &&
			(class_name == NULL || strcmp(fdt->files[i].class_name, class_name) == 0))
			return &fdt->files[i];
	return NULL;
}

static int ram_read(void *user, uint64_t offset, void *dst, size_t len)
{
	struct ram_source *source = user;
	source->reads++;
	if (source->fail)
		return source->fail;
	assert_true(source->released == 0);
	assert_true(offset <= source->len && len <= source->len - offset);
	memcpy(dst, source->bytes + offset, len);
	return 0;
}

static void ram_release(void *user)
{
	((struct ram_source *)user)->released++;
}

struct tx_source ram_source(struct ram_source *source)
{
	return (struct tx_source){.user = source, .read = ram_read, .release = ram_release};
}

void fixture_jobs(struct tx *tx, uint64_t now_ns)
{
	struct tx_job *job;
	while ((job = tx_next_job(tx)) != NULL) {
		tx_job_run(job);
		assert_int_equal(tx_job_done(tx, job, now_ns), 0);
	}
}

uint64_t fixture_run(
	struct tx *tx, uint32_t channel, struct listener *l, uint64_t *now_ns, uint64_t end_ns, uint64_t limit)
{
	uint8_t buffer[TX_MAX_PACKET_BYTES];
	struct tx_packet packet;
	uint64_t sent = 0, next;
	fixture_jobs(tx, *now_ns);
	while (*now_ns < end_ns) {
		int result;
		assert_int_equal(tx_on_deadline(tx, *now_ns), 0);
		while ((result = tx_next_packet(tx, channel, buffer, sizeof buffer, &packet, *now_ns)) == 0) {
			if (l)
				listener_take(l, buffer, &packet);
			fixture_jobs(tx, *now_ns);
			if (++sent == limit)
				return sent;
		}
		assert_int_equal(result, CAROUSEL_E_NEED_MORE);
		fixture_jobs(tx, *now_ns);
		next = tx_deadline(tx, channel);
		*now_ns = next > *now_ns ? next : *now_ns + 1000;
	}
	return sent;
}

uint8_t *fixture_bytes(size_t len, uint64_t seed)
{
	uint8_t *bytes = malloc(len ? len : 1);
	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)test_random(&seed);
	return bytes;
}
