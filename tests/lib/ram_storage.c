#include "tests/lib/ram_storage.h"

#include "tests/lib/test.h"

static void ram_reserve(uint8_t **data, size_t *cap, uint64_t len)
{
	size_t wanted = *cap ? *cap : 4096;
	if (len <= *cap)
		return;
	while (wanted < len)
		wanted *= 2;
	*data = realloc(*data, wanted);
	if (*data == NULL)
		abort();
	memset(*data + *cap, 0, wanted - *cap);
	*cap = wanted;
}

static void ram_apply(uint8_t **data, size_t *cap, uint64_t *len, uint64_t off, const uint8_t *src, size_t n)
{
	ram_reserve(data, cap, off + n);
	if (off > *len)
		memset(*data + *len, 0, (size_t)(off - *len));
	if (n)
		memcpy(*data + off, src, n);
	if (off + n > *len)
		*len = off + n;
}

static void ram_drop_pending(struct ram_file *f)
{
	for (size_t i = 0; i < f->num_pending; i++)
		free(f->pending[i].data);
	f->num_pending = 0;
}

static void ram_make_durable(struct ram_file *f)
{
	if (f->was_truncated) {
		f->durable_len = 0;
		ram_apply(&f->durable, &f->durable_cap, &f->durable_len, 0, f->now, (size_t)f->now_len);
	} else {
		for (size_t i = 0; i < f->num_pending; i++)
			ram_apply(&f->durable, &f->durable_cap, &f->durable_len, f->pending[i].off, f->pending[i].data,
				f->pending[i].len);
	}
	f->was_truncated = false;
	ram_drop_pending(f);
}

static int ram_changing(struct ram_storage *s)
{
	if (s->is_off || s->calls_left == 0) {
		s->is_off = true;
		return CAROUSEL_E_STORAGE;
	}
	if (s->calls_left != UINT64_MAX)
		s->calls_left--;
	s->calls++;
	return s->fail_with;
}

static int ram_size(void *user, enum carousel_rx_file which, uint64_t *bytes)
{
	struct ram_file *f = &((struct ram_storage *)user)->file[which];
	*bytes = f->device_bytes ? f->device_bytes : f->now_len;
	return 0;
}

static int ram_read(void *user, enum carousel_rx_file which, uint64_t off, void *dst, size_t len)
{
	struct ram_storage *s = user;
	struct ram_file *f = &s->file[which];
	if (s->is_off)
		return CAROUSEL_E_STORAGE;
	if (off > f->now_len || len > f->now_len - off)
		return CAROUSEL_E_NEED_MORE;
	if (len)
		memcpy(dst, f->now + off, len);
	s->bytes_read += len;
	return 0;
}

static int ram_write(void *user, enum carousel_rx_file which, uint64_t off, const void *src, size_t len)
{
	struct ram_storage *s = user;
	struct ram_file *f = &s->file[which];
	struct ram_pending *p;
	int result = which == RX_SLOT_RUNNING ? CAROUSEL_E_READ_ONLY : ram_changing(s);
	/* A call during which the power goes may still have reached the device. */
	if (result && !(s->is_off && s->calls_left == 0))
		return result;
	if (f->device_bytes && (off > f->device_bytes || len > f->device_bytes - off))
		return CAROUSEL_E_NO_SPACE;
	if (f->num_pending == f->cap_pending) {
		f->cap_pending = f->cap_pending ? f->cap_pending * 2 : 64;
		f->pending = realloc(f->pending, f->cap_pending * sizeof(*f->pending));
	}
	p = &f->pending[f->num_pending++];
	*p = (struct ram_pending){off, len, malloc(len ? len : 1)};
	if (len)
		memcpy(p->data, src, len);
	if (result == 0)
		ram_apply(&f->now, &f->now_cap, &f->now_len, off, src, len);
	if (result)
		s->calls_left = UINT64_MAX; /* only the call at the cut */
	s->bytes_written += len;
	return result;
}

static int ram_sync(void *user, enum carousel_rx_file which)
{
	struct ram_storage *s = user;
	int result = ram_changing(s);
	if (result == 0)
		ram_make_durable(&s->file[which]);
	return result;
}

static int ram_truncate(void *user, enum carousel_rx_file which, uint64_t bytes)
{
	struct ram_storage *s = user;
	struct ram_file *f = &s->file[which];
	int result = ram_changing(s);
	if (result)
		return result;
	if (f->device_bytes)
		return CAROUSEL_E_ARGUMENT;
	if (bytes > f->now_len)
		ram_apply(&f->now, &f->now_cap, &f->now_len, bytes, NULL, 0);
	f->now_len = bytes;
	f->was_truncated = true;
	return 0;
}

static int ram_replace(void *user, enum carousel_rx_file which, const void *data, size_t len)
{
	struct ram_storage *s = user;
	int result = ram_changing(s);
	if (result == 0)
		ram_storage_set(s, which, data, len);
	return result;
}

void ram_storage_set(struct ram_storage *s, enum carousel_rx_file which, const void *data, size_t len)
{
	struct ram_file *f = &s->file[which];
	if (f->device_bytes == 0)
		f->now_len = 0;
	ram_apply(&f->now, &f->now_cap, &f->now_len, 0, data, len);
	f->was_truncated = true;
	ram_make_durable(f);
}

void ram_storage_init(struct ram_storage *s, uint64_t slot_bytes)
{
	memset(s, 0, sizeof(*s));
	s->calls_left = UINT64_MAX;
	s->table = (struct carousel_rx_storage){s, ram_size, ram_read, ram_write, ram_sync, ram_truncate, ram_replace};
	for (int i = RX_SLOT_TARGET; i <= RX_SLOT_RUNNING; i++) {
		struct ram_file *f = &s->file[i];
		f->device_bytes = f->now_len = f->durable_len = slot_bytes;
		ram_reserve(&f->now, &f->now_cap, slot_bytes);
		ram_reserve(&f->durable, &f->durable_cap, slot_bytes);
	}
}

void ram_storage_deinit(struct ram_storage *s)
{
	for (int i = 0; i < RX_NUM_FILES; i++) {
		ram_drop_pending(&s->file[i]);
		free(s->file[i].pending);
		free(s->file[i].now);
		free(s->file[i].durable);
	}
}

void ram_storage_power_on(struct ram_storage *s, uint64_t seed)
{
	for (int i = 0; i < RX_NUM_FILES; i++) {
		struct ram_file *f = &s->file[i];
		for (size_t p = 0; p < f->num_pending; p++) {
			uint64_t chance = test_random(&seed) % 4;
			size_t len = f->pending[p].len;
			if (chance == 0)
				continue;
			if (chance == 1)
				len = len > 512 ? (size_t)(test_random(&seed) % (len / 512)) * 512 : 0;
			ram_apply(&f->durable, &f->durable_cap, &f->durable_len, f->pending[p].off, f->pending[p].data,
				len);
		}
		ram_drop_pending(f);
		f->was_truncated = false;
		ram_reserve(&f->now, &f->now_cap, f->durable_len);
		if (f->durable_len)
			memcpy(f->now, f->durable, (size_t)f->durable_len);
		f->now_len = f->durable_len;
	}
	s->is_off = false;
	s->calls_left = UINT64_MAX;
}
