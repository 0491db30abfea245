#include "sim/population.h"

#include "common/carousel_error.h"
#include "policy-map/policy_map.h"

#include <string.h>

#define POPULATION_PAGE       65536u
#define POPULATION_TABLE      (1u << 17)
#define POPULATION_MAX_PAGES  (POPULATION_MAX_BOXES / POPULATION_PAGE + 1)
#define POPULATION_ID_BYTES   65u /* with its NUL */
#define POPULATION_PAGE_BYTES ((size_t)POPULATION_PAGE * POPULATION_ID_BYTES)

/* While the file is read. */
struct population_build {
	struct population *population;
	const char *class_name, *category; /* that are taken; NULL: all */
	char *ids;                         /* of the page that is being filled */
	size_t ids_len;
	uint64_t counted;
};

/* ---- kinds ------------------------------------------------------------------------------------------ */

static uint32_t population_hash(const struct fleet_file_row *row)
{
	uint32_t hash = 2166136261u ^ row->version;
	for (const char *p = row->class_name; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	hash = (hash ^ '/') * 16777619u;
	for (const char *p = row->category; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return hash ^ hash >> 15;
}

static bool population_is_kind(const struct population_kind *kind, const struct fleet_file_row *row)
{
	return kind->version == row->version && strcmp(kind->class_name, row->class_name) == 0 &&
	       strcmp(kind->category, row->category) == 0;
}

static int population_add_kind(struct population *p, const struct fleet_file_row *row)
{
	void *array = p->kinds;
	struct population_kind *kind;
	int result =
		memory_grow(p->allocator, &array, &p->cap_kinds, p->num_kinds, sizeof *p->kinds, POPULATION_MAX_KINDS);
	p->kinds = array;
	if (result != 0)
		return result;
	kind = &p->kinds[p->num_kinds++];
	*kind = (struct population_kind){.version = row->version,
		.class_name = memory_copy_string(p->allocator, row->class_name, strlen(row->class_name)),
		.category = memory_copy_string(p->allocator, row->category, strlen(row->category))};
	return kind->class_name && kind->category ? 0 : CAROUSEL_E_MEMORY;
}

static int population_kind_of(struct population *p, const struct fleet_file_row *row, uint16_t *kind)
{
	uint32_t at = population_hash(row) % POPULATION_TABLE;
	int result;
	for (; p->table[at]; at = (at + 1) % POPULATION_TABLE)
		if (population_is_kind(&p->kinds[p->table[at] - 1], row)) {
			*kind = (uint16_t)(p->table[at] - 1);
			return 0;
		}
	result = population_add_kind(p, row);
	if (result != 0)
		return result;
	p->table[at] = (uint32_t)p->num_kinds;
	*kind = (uint16_t)(p->num_kinds - 1);
	return 0;
}

/* ---- boxes ------------------------------------------------------------------------------------------ */

/* The page is full, or the last: its ids move to a place of their size. */
static int population_end_page(struct population_build *b)
{
	struct population *p = b->population;
	struct population_page *page = p->num_pages ? &p->pages[p->num_pages - 1] : NULL;
	if (page == NULL || page->ids)
		return 0;
	page->ids = memory_alloc(p->allocator, b->ids_len, 1);
	if (page->ids == NULL)
		return CAROUSEL_E_MEMORY;
	memcpy(page->ids, b->ids, b->ids_len);
	b->ids_len = 0;
	return 0;
}

static int population_new_page(struct population_build *b)
{
	struct population *p = b->population;
	struct population_page *page;
	void *array = p->pages;
	int result = population_end_page(b);
	if (result != 0)
		return result;
	result = memory_grow(p->allocator, &array, &p->cap_pages, p->num_pages, sizeof *p->pages, POPULATION_MAX_PAGES);
	p->pages = array;
	if (result != 0)
		return result;
	page = &p->pages[p->num_pages++];
	*page = (struct population_page){.kinds = memory_alloc(p->allocator, POPULATION_PAGE, sizeof *page->kinds),
		.at = memory_alloc(p->allocator, POPULATION_PAGE, sizeof *page->at)};
	return page->kinds && page->at ? 0 : CAROUSEL_E_MEMORY;
}

static int population_add_box(struct population_build *b, const struct fleet_file_row *row)
{
	struct population *p = b->population;
	const size_t len = strlen(row->id) + 1;
	struct population_page *page;
	uint16_t kind;
	int result = 0;
	if (p->boxes == POPULATION_MAX_BOXES)
		return CAROUSEL_E_LIMIT;
	if (p->boxes % POPULATION_PAGE == 0)
		result = population_new_page(b);
	if (result == 0)
		result = population_kind_of(p, row, &kind);
	if (result != 0)
		return result;
	page = &p->pages[p->num_pages - 1];
	page->kinds[page->count] = kind;
	page->at[page->count++] = (uint32_t)b->ids_len;
	memcpy(b->ids + b->ids_len, row->id, len);
	b->ids_len += len;
	p->boxes++;
	return 0;
}

static int population_add_count(struct population_build *b, const struct fleet_file_row *row)
{
	struct population *p = b->population;
	uint16_t kind;
	int result;
	if (row->count > POPULATION_MAX_BOXES - b->counted)
		return CAROUSEL_E_LIMIT;
	result = population_kind_of(p, row, &kind);
	if (result == 0) {
		b->counted += row->count;
		p->kinds[kind].end += row->count;
	}
	return result;
}

static bool population_is_wanted(const struct population_build *b, const struct fleet_file_row *row)
{
	return (b->class_name == NULL || strcmp(b->class_name, row->class_name) == 0) &&
	       (b->category == NULL || strcmp(b->category, row->category) == 0);
}

static int population_read_rows(struct population_build *b, struct fleet_file_reader *reader, uint64_t *line)
{
	struct population *p = b->population;
	struct fleet_file_row row;
	uint64_t end = 0;
	int result;
	while ((result = fleet_file_next(reader, &row)) == 0) {
		if (!population_is_wanted(b, &row))
			continue;
		result = row.kind == FLEET_FILE_BOX ? population_add_box(b, &row) : population_add_count(b, &row);
		if (result != 0)
			break;
	}
	*line = reader->line;
	if (result != CAROUSEL_E_NOT_FOUND)
		return result;
	*line = 0;
	/* The counts are the same boxes once more. */
	if (p->boxes)
		return population_end_page(b);
	for (size_t i = 0; i < p->num_kinds; i++)
		end = p->kinds[i].end += end;
	p->boxes = end;
	return p->boxes ? 0 : CAROUSEL_E_NOT_FOUND;
}

int population_read(struct population **out, const struct carousel_allocator *allocator, FILE *file,
	const char *class_name, const char *category, uint64_t *line)
{
	struct population_build b = {.class_name = class_name, .category = category};
	struct fleet_file_reader *reader = memory_alloc(allocator, 1, sizeof *reader);
	struct population *p = b.population = memory_alloc(allocator, 1, sizeof *b.population);
	int result = CAROUSEL_E_MEMORY;
	*out = NULL;
	*line = 0;
	b.ids = memory_alloc(allocator, POPULATION_PAGE_BYTES, 1);
	if (p) {
		p->allocator = allocator;
		p->table = memory_alloc(allocator, POPULATION_TABLE, sizeof *p->table);
	}
	if (p && reader && b.ids && p->table) {
		fleet_file_init(reader, file);
		result = population_read_rows(&b, reader, line);
	}
	memory_free(allocator, b.ids);
	memory_free(allocator, reader);
	if (p) {
		memory_free(allocator, p->table);
		p->table = NULL;
	}
	if (result == 0)
		*out = p;
	else
		population_free(p);
	return result;
}

void population_free(struct population *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->num_kinds; i++) {
		memory_free(p->allocator, p->kinds[i].class_name);
		memory_free(p->allocator, p->kinds[i].category);
	}
	for (size_t i = 0; i < p->num_pages; i++) {
		memory_free(p->allocator, p->pages[i].kinds);
		memory_free(p->allocator, p->pages[i].at);
		memory_free(p->allocator, p->pages[i].ids);
	}
	memory_free(p->allocator, p->kinds);
	memory_free(p->allocator, p->pages);
	memory_free(p->allocator, p);
}

const struct population_kind *population_box(const struct population *p, uint64_t number, const char **id)
{
	size_t low = 0, high = p->num_kinds;
	if (p->num_pages) {
		const struct population_page *page = &p->pages[number / POPULATION_PAGE];
		const uint32_t at = (uint32_t)(number % POPULATION_PAGE);
		*id = page->ids + page->at[at];
		return &p->kinds[page->kinds[at]];
	}
	*id = NULL;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (p->kinds[middle].end <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return &p->kinds[low];
}
