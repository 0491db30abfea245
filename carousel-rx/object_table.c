#include "carousel-rx/object_table.h"

#include "common/alc.h"
#include "common/carousel_error.h"

#include <stdlib.h>
#include <string.h>

static const char *const object_role_names[OBJECT_NUM_ROLES] = {
	"other", "fdt", "trust-root", "map", "schedule", "manifest", "index", "image"};

enum object_role object_role_parse(const char *name)
{
	for (int role = OBJECT_ROLE_TRUST_ROOT; role < OBJECT_NUM_ROLES; role++)
		if (strcmp(name, object_role_names[role]) == 0)
			return (enum object_role)role;
	return OBJECT_ROLE_OTHER;
}

const char *object_role_name(enum object_role role)
{
	return object_role_names[role];
}

bool object_role_is_document(enum object_role role)
{
	return role >= OBJECT_ROLE_TRUST_ROOT && role <= OBJECT_ROLE_MANIFEST;
}

void object_table_init(struct object_table *t, const struct carousel_allocator *a)
{
	*t = (struct object_table){.allocator = a};
}

void object_table_deinit(struct object_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		collector_free(t->objects[i].collector);
	memory_free(t->allocator, t->objects);
	*t = (struct object_table){.allocator = t->allocator};
}

/* Among the first `count` objects, which are in order. */
static struct object *object_table_search(const struct object_table *t, size_t count, uint64_t toi)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (t->objects[middle].toi < toi)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && t->objects[low].toi == toi ? &t->objects[low] : NULL;
}

struct object *object_table_find(struct object_table *t, uint64_t toi)
{
	struct object **cached = &t->cache[toi % OBJECT_TABLE_CACHE];
	struct object *found;
	if (*cached && (*cached)->toi == toi)
		return *cached;
	found = object_table_search(t, t->count, toi);
	if (found)
		*cached = found;
	return found;
}

/* The content codings of RFC 6726 section 3.4.2 by their HTTP names. */
static int object_content_encoding(const char *name, uint8_t *encoding)
{
	static const struct {
		const char *name;
		uint8_t encoding;
	} known[] = {{"gzip", ALC_CENC_GZIP}, {"deflate", ALC_CENC_DEFLATE}, {"zlib", ALC_CENC_ZLIB},
		{"null", ALC_CENC_NULL}, {"identity", ALC_CENC_NULL}, {"", ALC_CENC_NULL}};
	*encoding = ALC_CENC_NULL;
	if (name == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i].name) == 0) {
			*encoding = known[i].encoding;
			return 0;
		}
	}
	return CAROUSEL_E_UNSUPPORTED;
}

static void object_describe(struct object *o, const struct fdt_file *f, const char *class_name)
{
	*o = (struct object){.toi = f->toi, .version = f->version, .layout = f->layout, .has_sha256 = f->has_sha256};
	if (f->error == 0 && f->has_oti) {
		o->oti = f->oti;
		o->role = object_role_parse(f->role);
	}
	if (object_content_encoding(f->content_encoding, &o->content_encoding))
		o->role = OBJECT_ROLE_OTHER;
	if (o->role == OBJECT_ROLE_MANIFEST && f->class_name[0] && strcmp(f->class_name, class_name) != 0)
		o->role = OBJECT_ROLE_OTHER;
	memcpy(o->sha256, f->sha256, sizeof(o->sha256));
	if (object_role_is_document(o->role))
		o->route = OBJECT_TO_COLLECTOR;
}

static bool object_is_same(const struct object *a, const struct object *b)
{
	return a->role == b->role && a->version == b->version && a->layout == b->layout &&
	       a->content_encoding == b->content_encoding && a->has_sha256 == b->has_sha256 &&
	       memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0 && fec_oti_is_equal(&a->oti, &b->oti);
}

static void object_table_forget(struct object_table *t, uint64_t now_ns, uint64_t idle_ns)
{
	size_t kept = 0;
	for (size_t i = 0; i < t->count; i++) {
		struct object *o = &t->objects[i];
		if (!o->is_listed && !o->is_busy && now_ns - o->heard_ns >= idle_ns) {
			collector_free(o->collector);
			continue;
		}
		t->objects[kept++] = *o;
	}
	t->count = kept;
}

static int object_by_toi(const void *a, const void *b)
{
	uint64_t x = ((const struct object *)a)->toi, y = ((const struct object *)b)->toi;
	return x < y ? -1 : x > y;
}

/* Fresh entries of one TOI, which an FDT named twice, become one. None of them has a collector yet. */
static void object_table_sort(struct object_table *t)
{
	size_t kept = 0;
	if (t->count)
		qsort(t->objects, t->count, sizeof(*t->objects), object_by_toi);
	for (size_t i = 0; i < t->count; i++)
		if (kept == 0 || t->objects[kept - 1].toi != t->objects[i].toi)
			t->objects[kept++] = t->objects[i];
	t->count = kept;
}

int object_table_take(struct object_table *t, const struct fdt *fdt, const char *class_name, uint64_t now_ns,
	uint64_t idle_ns, uint32_t *changed)
{
	struct object fresh, *held;
	size_t in_order;
	int result = 0;
	*changed = 0;
	memset(t->cache, 0, sizeof(t->cache));
	for (size_t i = 0; i < t->count; i++)
		t->objects[i].is_listed = false;
	for (uint32_t i = 0; i < fdt->num_files; i++) {
		held = object_table_search(t, t->count, fdt->files[i].toi);
		if (held == NULL)
			continue;
		object_describe(&fresh, &fdt->files[i], class_name);
		if (!held->is_listed && !object_is_same(held, &fresh)) {
			collector_free(held->collector);
			*held = fresh;
			held->heard_ns = now_ns;
			++*changed;
		}
		held->is_listed = true;
	}
	object_table_forget(t, now_ns, idle_ns);
	if (fdt->num_files > OBJECT_TABLE_MAX - t->count)
		object_table_forget(t, now_ns, 0);
	in_order = t->count;
	for (uint32_t i = 0; i < fdt->num_files && result == 0; i++) {
		if (object_table_search(t, in_order, fdt->files[i].toi))
			continue;
		result = memory_grow(
			t->allocator, (void **)&t->objects, &t->cap, t->count, sizeof(*t->objects), OBJECT_TABLE_MAX);
		if (result)
			break;
		object_describe(&t->objects[t->count], &fdt->files[i], class_name);
		t->objects[t->count].heard_ns = now_ns;
		t->objects[t->count++].is_listed = true;
	}
	object_table_sort(t);
	return result;
}
