/* population.h - the boxes of a real fleet, as `policy-map fleet export` wrote them (policy-map.5, "FLEET FILE").
 *
 * Kept in memory in some 6 bytes and its id a box, so that ten million fit into a few hundred MiB. */
#ifndef SIM_POPULATION_H
#define SIM_POPULATION_H

#include "common/memory.h"
#include "policy-map/fleet/fleet_file.h"

#include <stddef.h>
#include <stdint.h>

#define POPULATION_MAX_BOXES 10000000u
#define POPULATION_MAX_KINDS 65535u

/* Boxes of one class, category and version. */
struct population_kind {
	char *class_name, *category;
	uint32_t version;
	uint64_t end; /* counted only: number of the last such box, plus 1 */
};

/* Boxes listed one by one, 65536 a page. */
struct population_page {
	uint16_t *kinds;
	uint32_t *at; /* where an id begins in ids */
	char *ids;    /* each with a NUL behind it */
	uint32_t count;
};

struct population {
	const struct carousel_allocator *allocator;
	struct population_kind *kinds;
	size_t num_kinds, cap_kinds;
	uint32_t *table; /* kinds by hash, plus 1 */
	struct population_page *pages;
	size_t num_pages, cap_pages;
	uint64_t boxes;
};

/* Takes the boxes of a class and a category (NULL: of all). Boxes that are only counted have no id. *line: where an
 * error is, 0 for one of the file as a whole. *out is NULL on error. Errors: those of fleet_file_next(), NOT_FOUND (no
 * such box), LIMIT (too many boxes or kinds), MEMORY. */
int population_read(struct population **out, const struct carousel_allocator *, FILE *, const char *class_name,
	const char *category, uint64_t *line);
void population_free(struct population *);

/* A box by its number below ->boxes; *id: borrowed, NULL when it has none. */
const struct population_kind *population_box(const struct population *, uint64_t number, const char **id);

#endif
