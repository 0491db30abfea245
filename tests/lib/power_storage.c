#include "tests/lib/power_storage.h"

#include "tests/lib/test.h"

/* CUT: this is the call during which the power goes. OFF: it went before. */
enum power_call { POWER_FINE, POWER_CUT, POWER_OFF, POWER_FAILS };

static enum power_call power_call(struct power_storage *s, enum carousel_rx_file which)
{
	if (s->is_off)
		return POWER_OFF;
	if (s->fail_with && (!s->fails_one_file || s->fail_file == which))
		return POWER_FAILS;
	if (s->before_call)
		s->before_call(s->user);
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

static bool is_worn(const struct power_storage *s, enum carousel_rx_file which, uint64_t off, size_t len)
{
	return which == s->worn_file && off < s->worn_to && s->worn_from < off + len;
}

static int power_read(void *user, enum carousel_rx_file which, uint64_t off, void *dst, size_t len)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
	if (s->is_off)
		return CAROUSEL_E_STORAGE;
	if (off > f->now_len || len > f->now_len - off)
		return CAROUSEL_E_NEED_MORE;
	if (is_worn(s, which, off, len))
		return CAROUSEL_E_STORAGE;
	memcpy(dst, f->now + off, len);
	return 0;
}

static int power_write(void *user, enum carousel_rx_file which, uint64_t off, const void *src, size_t len)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
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
	if (is_worn(s, which, off, len) && !s->is_worn_for_good)
		s->worn_to = 0;
	power_file_write(f, off, src, len, call == POWER_CUT);
	return call == POWER_CUT ? CAROUSEL_E_STORAGE : 0;
}

static int power_sync(void *user, enum carousel_rx_file which)
{
	struct power_storage *s = user;
	switch (power_call(s, which)) {
	case POWER_FINE:
		power_file_sync(&s->file[which]);
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
	if (call == POWER_OFF || call == POWER_FAILS)
		return call == POWER_OFF ? CAROUSEL_E_STORAGE : s->fail_with;
	power_file_truncate(f, bytes, call == POWER_CUT);
	return call == POWER_CUT ? CAROUSEL_E_STORAGE : 0;
}

static int power_replace(void *user, enum carousel_rx_file which, const void *data, size_t len)
{
	struct power_storage *s = user;
	struct power_file *f = &s->file[which];
	enum power_call call = power_call(s, which);
	if (call == POWER_OFF || call == POWER_FAILS)
		return call == POWER_OFF ? CAROUSEL_E_STORAGE : s->fail_with;
	/* Atomic: at the cut the old or the new, by the parity of the call. */
	if (call == POWER_FINE || s->calls % 2)
		power_file_set(f, data, len);
	return call == POWER_FINE ? 0 : CAROUSEL_E_STORAGE;
}

void power_storage_init(struct power_storage *s, uint64_t slot_bytes, size_t tear)
{
	struct power_file *f = &s->file[RX_SLOT_TARGET];
	uint8_t *noise;
	memset(s, 0, sizeof(*s));
	s->tear = tear;
	s->table = (struct carousel_rx_storage){
		s, power_size, power_read, power_write, power_sync, power_truncate, power_replace};
	f->device_bytes = slot_bytes;
	noise = malloc(slot_bytes);
	assert_non_null(noise);
	memset(noise, 0xa5, slot_bytes);
	power_file_set(f, noise, slot_bytes);
	free(noise);
}

void power_storage_deinit(struct power_storage *s)
{
	for (int i = 0; i < RX_NUM_FILES; i++)
		power_file_deinit(&s->file[i]);
}

void power_storage_on(struct power_storage *s, enum power_luck luck, uint64_t seed)
{
	for (int i = 0; i < RX_NUM_FILES; i++)
		power_file_on(&s->file[i], luck, s->tear, &seed);
	s->is_off = false;
	s->cut_at = 0;
}
