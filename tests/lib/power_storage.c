#include "tests/lib/power_storage.h"

#include "tests/lib/test.h"

static void power_reserve(uint8_t **data, size_t *cap, uint64_t len)
{
	size_t wanted = *cap ? *cap : 4096;
	if (len <= *cap)
		return;
	while (wanted < len)
		wanted *= 2;
	*data = realloc(*data, wanted);
	assert_non_null(*data);
	memset(*data + *cap, 0, wanted - *cap);
	*cap = wanted;
}

static void power_put(uint8_t **data, size_t *cap, uint64_t *len, uint64_t off, const uint8_t *src, size_t n)
{
	power_reserve(data, cap, off + n);
	if (off > *len)
		memset(*data + *len, 0, (size_t)(off - *len));
	memcpy(*data + off, src, n);
	if (off + n > *len)
		*len = off + n;
}

static void power_cut_to(uint8_t **data, size_t *cap, uint64_t *len, uint64_t bytes)
{
	power_reserve(data, cap, bytes);
	if (bytes > *len)
		memset(*data + *len, 0, (size_t)(bytes - *len));
	*len = bytes;
}

static void power_forget(struct power_file *f)
{
	for (size_t i = 0; i < f->num_changes; i++)
		free(f->change[i].data);
	f->num_changes = 0;
}

static struct power_change *power_remember(struct power_file *f)
{
	if (f->num_changes == f->cap_changes) {
		f->cap_changes = f->cap_changes ? f->cap_changes * 2 : 64;
		f->change = realloc(f->change, f->cap_changes * sizeof(*f->change));
		assert_non_null(f->change);
	}
	f->change[f->num_changes] = (struct power_change){0};
	return &f->change[f->num_changes++];
}

/* CUT: this is the call during which the power goes. OFF: it went before. */
enum power_call { POWER_FINE, POWER_CUT, POWER_OFF, POWER_FAILS };

static enum power_call power_call(struct power_storage *s, enum carousel_rx_file which)
{
	if (s->is_off)
		return POWER_OFF;
	if (s->fail_with && (!s->fails_one_file || s->fail_file == which))
		return POWER_FAILS;
	s->calls++;
	if (s->calls == s->cut_at)
		s->is_off = true;
	return s->is_off ? POWER_CUT : POWER_FINE;
}

static int power_size(void *user, enum carousel_rx_file which, uint64_t *bytes)
{
	struct power_storage *s = user;
	*bytes = s->file[which].now_len;
	return s->is_off ? CAROUSEL_E_STORAGE : 0;
}

static int power_read(void *user, enum carousel_rx_file which, uint64_t off, void *dst, size_t len)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
	if (s->is_off)
		return CAROUSEL_E_STORAGE;
	if (off > f->now_len || len > f->now_len - off)
		return CAROUSEL_E_NEED_MORE;
	memcpy(dst, f->now + off, len);
	return 0;
}

static int power_write(void *user, enum carousel_rx_file which, uint64_t off, const void *src, size_t len)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
	struct power_change *c;
	enum power_call call;
	if (which == RX_SLOT_RUNNING) {
		s->has_touched_running = true;
		return CAROUSEL_E_READ_ONLY;
	}
	if (f->device_bytes && (off > f->device_bytes || len > f->device_bytes - off))
		return CAROUSEL_E_NO_SPACE;
	call = power_call(s, which);
	if (call == POWER_OFF || call == POWER_FAILS)
		return call == POWER_OFF ? CAROUSEL_E_STORAGE : s->fail_with;
	c = power_remember(f);
	*c = (struct power_change){.off = off, .len = len, .data = malloc(len ? len : 1)};
	assert_non_null(c->data);
	memcpy(c->data, src, len);
	if (call == POWER_CUT)
		return CAROUSEL_E_STORAGE;
	power_put(&f->now, &f->now_cap, &f->now_len, off, src, len);
	return 0;
}

static void power_make_durable(struct power_file *f)
{
	for (size_t i = 0; i < f->num_changes; i++) {
		const struct power_change *c = &f->change[i];
		if (c->is_truncate)
			power_cut_to(&f->durable, &f->durable_cap, &f->durable_len, c->off);
		else
			power_put(&f->durable, &f->durable_cap, &f->durable_len, c->off, c->data, c->len);
	}
	power_forget(f);
}

static int power_sync(void *user, enum carousel_rx_file which)
{
	struct power_storage *s = user;
	switch (power_call(s, which)) {
	case POWER_FINE:
		power_make_durable(&s->file[which]);
		return 0;
	case POWER_FAILS:
		return s->fail_with;
	default:
		return CAROUSEL_E_STORAGE;
	}
}

static int power_truncate(void *user, enum carousel_rx_file which, uint64_t bytes)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
	enum power_call call = power_call(s, which);
	struct power_change *c;
	if (call == POWER_OFF || call == POWER_FAILS)
		return call == POWER_OFF ? CAROUSEL_E_STORAGE : s->fail_with;
	c = power_remember(f);
	c->is_truncate = true;
	c->off = bytes;
	if (call == POWER_CUT)
		return CAROUSEL_E_STORAGE;
	power_cut_to(&f->now, &f->now_cap, &f->now_len, bytes);
	return 0;
}

static int power_replace(void *user, enum carousel_rx_file which, const void *data, size_t len)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
	enum power_call call = power_call(s, which);
	if (call == POWER_OFF || call == POWER_FAILS)
		return call == POWER_OFF ? CAROUSEL_E_STORAGE : s->fail_with;
	/* Atomic: at the cut the old or the new, by the parity of the call. */
	if (call == POWER_FINE || s->calls % 2) {
		f->now_len = f->durable_len = 0;
		power_forget(f);
		power_put(&f->now, &f->now_cap, &f->now_len, 0, data, len);
		power_put(&f->durable, &f->durable_cap, &f->durable_len, 0, data, len);
	}
	return call == POWER_FINE ? 0 : CAROUSEL_E_STORAGE;
}

void power_storage_init(struct power_storage *s, uint64_t slot_bytes, size_t tear)
{
	struct power_file *f = &s->file[RX_SLOT_TARGET];
	memset(s, 0, sizeof(*s));
	s->tear = tear;
	s->table = (struct carousel_rx_storage){
		s, power_size, power_read, power_write, power_sync, power_truncate, power_replace};
	f->device_bytes = slot_bytes;
	power_cut_to(&f->now, &f->now_cap, &f->now_len, slot_bytes);
	memset(f->now, 0xa5, slot_bytes);
	power_put(&f->durable, &f->durable_cap, &f->durable_len, 0, f->now, slot_bytes);
}

void power_storage_deinit(struct power_storage *s)
{
	for (int i = 0; i < RX_NUM_FILES; i++) {
		power_forget(&s->file[i]);
		free(s->file[i].change);
		free(s->file[i].now);
		free(s->file[i].durable);
	}
}

/* Keeps a write's sectors each by its own luck. */
static void power_keep_some(struct power_storage *s, struct power_file *f, const struct power_change *c,
	enum power_luck luck, uint64_t *seed)
{
	/* A whole write is kept or lost as often as it is torn; single bytes come in stretches. */
	uint64_t mood = test_random(seed) % 4;
	size_t at = 0;
	if (luck == POWER_RANDOM && mood == 0)
		return;
	while (at < c->len) {
		size_t len = s->tear - (size_t)((c->off + at) % s->tear);
		if (s->tear == 1)
			len = 1 + (size_t)(test_random(seed) % 700);
		if (len > c->len - at)
			len = c->len - at;
		if (luck == POWER_ALL_KEPT || mood == 1 || test_random(seed) % 2)
			power_put(&f->durable, &f->durable_cap, &f->durable_len, c->off + at, c->data + at, len);
		at += len;
	}
}

void power_storage_on(struct power_storage *s, enum power_luck luck, uint64_t seed)
{
	for (int i = 0; i < RX_NUM_FILES; i++) {
		struct power_file *f = &s->file[i];
		for (size_t n = 0; luck != POWER_ALL_LOST && n < f->num_changes; n++) {
			const struct power_change *c = &f->change[n];
			if (!c->is_truncate)
				power_keep_some(s, f, c, luck, &seed);
			else if (luck == POWER_ALL_KEPT || test_random(&seed) % 2)
				power_cut_to(&f->durable, &f->durable_cap, &f->durable_len, c->off);
		}
		power_forget(f);
		f->now_len = 0;
		if (f->durable_len)
			power_put(&f->now, &f->now_cap, &f->now_len, 0, f->durable, (size_t)f->durable_len);
	}
	s->is_off = false;
	s->cut_at = 0;
}
