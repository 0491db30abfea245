/* object_table.h - what a session's FDTs say about its TOIs. Bounded; looked up once a packet, without strings. */
#ifndef CAROUSEL_RX_OBJECT_TABLE_H
#define CAROUSEL_RX_OBJECT_TABLE_H

#include "carousel-rx/collector.h"
#include "common/fdt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_TABLE_MAX   4096u
#define OBJECT_TABLE_CACHE 64u

enum object_role {
	OBJECT_ROLE_OTHER, /* not for us */
	OBJECT_ROLE_FDT,
	OBJECT_ROLE_TRUST_ROOT,
	OBJECT_ROLE_MAP,
	OBJECT_ROLE_SCHEDULE,
	OBJECT_ROLE_MANIFEST,
	OBJECT_ROLE_INDEX,
	OBJECT_ROLE_IMAGE,
	OBJECT_NUM_ROLES
};

/* Where the packets of an object go. */
enum object_route {
	OBJECT_TO_NOWHERE, /* not wanted, or done */
	OBJECT_TO_COLLECTOR,
	OBJECT_TO_INDEX,
	OBJECT_TO_STORE,
};

struct object {
	uint64_t toi;
	struct fec_oti oti; /* checked */
	uint8_t sha256[32]; /* index, image: of the image */
	uint64_t heard_ns, retry_ns;
	struct collector *collector; /* owned; NULL until the first symbol, and while a job has it */
	uint32_t version, failures;
	enum object_role role;
	enum object_route route;
	enum object_layout_kind layout;
	uint8_t content_encoding; /* enum alc_content_encoding */
	bool has_sha256, is_listed, is_busy, is_ready, is_done;
};

struct object_table {
	const struct carousel_allocator *allocator;
	struct object *objects; /* by TOI */
	size_t cap, count;
	struct object *cache[OBJECT_TABLE_CACHE]; /* by TOI modulo its size */
};

/* "map", "image", ...; OTHER for words that are not known. */
enum object_role object_role_parse(const char *);
const char *object_role_name(enum object_role);
/* Manifest, map, ...: gathered in memory and verified. */
bool object_role_is_document(enum object_role);

void object_table_init(struct object_table *, const struct carousel_allocator *);
void object_table_deinit(struct object_table *);
/* NULL when no FDT named it. Valid until the next take. */
struct object *object_table_find(struct object_table *, uint64_t toi);

/* Merges an FDT instance: new entries are added, entries it does not list stay while they are heard
 * (idle_ns before now_ns is too long ago) and room is left. class_name: manifests of other classes are not for us. A
 * TOI whose parameters differ from before is begun anew; *changed counts these. Errors: LIMIT (some entries did not
 * fit), MEMORY.
 */
int object_table_take(struct object_table *, const struct fdt *, const char *class_name, uint64_t now_ns,
	uint64_t idle_ns, uint32_t *changed);

#endif
