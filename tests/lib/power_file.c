#include "tests/lib/power_file.h"

#include "tests/lib/test.h"

static void file_reserve(uint8_t **data, size_t *cap, uint64_t len)
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

static void file_put(uint8_t **data, size_t *cap, uint64_t *len, uint64_t off, const uint8_t *src, size_t n)
{
	file_reserve(data, cap, off + n);
	if (off > *len)
		memset(*data + *len, 0, (size_t)(off - *len));
	memcpy(*data + off, src, n);
	if (off + n > *len)
		*len = off + n;
}

static void file_cut_to(uint8_t **data, size_t *cap, uint64_t *len, uint64_t bytes)
{
	file_reserve(data, cap, bytes);
	if (bytes > *len)
		memset(*data + *len, 0, (size_t)(bytes - *len));
	*len = bytes;
}

static void file_forget(struct power_file *f)
{
	for (size_t i = 0; i < f->num_changes; i++)
		free(f->change[i].data);
	f->num_changes = 0;
}

static struct power_change *file_remember(struct power_file *f)
{
	if (f->num_changes == f->cap_changes) {
		f->cap_changes = f->cap_changes ? f->cap_changes * 2 : 64;
		f->change = realloc(f->change, f->cap_changes * sizeof(*f->change));
		assert_non_null(f->change);
	}
	f->change[f->num_changes] = (struct power_change){0};
	return &f->change[f->num_changes++];
}

void power_file_set(struct power_file *f, const void *data, size_t len)
{
	file_forget(f);
	f->now_len = f->durable_len = 0;
	file_put(&f->now, &f->now_cap, &f->now_len, 0, data, len);
	file_put(&f->durable, &f->durable_cap, &f->durable_len, 0, data, len);
}

void power_file_deinit(struct power_file *f)
{
	file_forget(f);
	free(f->change);
	free(f->now);
	free(f->durable);
	*f = (struct power_file){0};
}

void power_file_write(struct power_file *f, uint64_t off, const void *src, size_t len, bool is_cut)
{
	struct power_change *c = file_remember(f);
	*c = (struct power_change){.off = off, .len = len, .data = malloc(len ? len : 1)};
	assert_non_null(c->data);
	memcpy(c->data, src, len);
	if (!is_cut)
		file_put(&f->now, &f->now_cap, &f->now_len, off, src, len);
}

void power_file_truncate(struct power_file *f, uint64_t bytes, bool is_cut)
{
	struct power_change *c = file_remember(f);
	c->is_truncate = true;
	c->off = bytes;
	if (!is_cut)
		file_cut_to(&f->now, &f->now_cap, &f->now_len, bytes);
}

void power_file_sync(struct power_file *f)
{
	for (size_t i = 0; i < f->num_changes; i++) {
		const struct power_change *c = &f->change[i];
		if (c->is_truncate)
			file_cut_to(&f->durable, &f->durable_cap, &f->durable_len, c->off);
		else
			file_put(&f->durable, &f->durable_cap, &f->durable_len, c->off, c->data, c->len);
	}
	file_forget(f);
}

void power_file_lose(struct power_file *f)
{
	file_forget(f);
}

void power_file_drop_cache(struct power_file *f)
{
	f->now_len = 0;
	if (f->durable_len)
		file_put(&f->now, &f->now_cap, &f->now_len, 0, f->durable, (size_t)f->durable_len);
	for (size_t i = 0; i < f->num_changes; i++) {
		const struct power_change *c = &f->change[i];
		if (c->is_truncate)
			file_cut_to(&f->now, &f->now_cap, &f->now_len, c->off);
		else
			file_put(&f->now, &f->now_cap, &f->now_len, c->off, c->data, c->len);
	}
}

/* Keeps a write's sectors each by its own luck. */
static void file_keep_some(
	struct power_file *f, const struct power_change *c, enum power_luck luck, size_t tear, uint64_t *seed)
{
	/* A whole write is kept or lost as often as it is torn; single bytes come in stretches. */
	uint64_t mood = test_random(seed) % 4;
	size_t at = 0;
	if (luck == POWER_RANDOM && mood == 0)
		return;
	while (at < c->len) {
		size_t len = tear - (size_t)((c->off + at) % tear);
		if (tear == 1)
			len = 1 + (size_t)(test_random(seed) % 700);
		if (len > c->len - at)
			len = c->len - at;
		if (luck == POWER_ALL_KEPT || mood == 1 || test_random(seed) % 2)
			file_put(&f->durable, &f->durable_cap, &f->durable_len, c->off + at, c->data + at, len);
		at += len;
	}
}

void power_file_on(struct power_file *f, enum power_luck luck, size_t tear, uint64_t *seed)
{
	for (size_t n = 0; luck != POWER_ALL_LOST && n < f->num_changes; n++) {
		const struct power_change *c = &f->change[n];
		if (!c->is_truncate)
			file_keep_some(f, c, luck, tear, seed);
		else if (luck == POWER_ALL_KEPT || test_random(seed) % 2)
			file_cut_to(&f->durable, &f->durable_cap, &f->durable_len, c->off);
	}
	file_forget(f);
	f->now_len = 0;
	if (f->durable_len)
		file_put(&f->now, &f->now_cap, &f->now_len, 0, f->durable, (size_t)f->durable_len);
}
