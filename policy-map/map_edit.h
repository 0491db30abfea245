/* map_edit.h - edits of a map's text that keep its comments and the order of its lines: what the release verbs do.
 *
 * Nothing is judged here beyond what the edit needs; lint does that afterwards. Categories: NULL means all rows of the
 * class. */
#ifndef POLICY_MAP_MAP_EDIT_H
#define POLICY_MAP_MAP_EDIT_H

#include "common/memory.h"
#include "policy-map/policy_map.h"

#include <stddef.h>
#include <stdint.h>

struct map_edit;

/* text must parse strictly. Errors: those of policy_map_parse(), described in *error. */
int map_edit_new(const struct carousel_allocator *, const char *text, size_t len, struct map_edit **,
	struct policy_map_error *error);
void map_edit_free(struct map_edit *);
/* The edited map in canonical form; *text is owned by the caller. Errors: MEMORY, LIMIT. */
int map_edit_print(struct map_edit *, char **text, size_t *len);

/* Sets serial and issued: the serial becomes the day of `now_s` times 100 plus 1 (2026112101), or one more than it was.
 * Ramps that counted from the old issue get a from= that says so; otherwise they would begin anew. Errors: LIMIT,
 * MEMORY. */
int map_edit_issue(struct map_edit *, uint64_t now_s);

/* Makes `version` current. With gates ("ramp=5%,100%@+7d", "from=..."; several words) a gated row goes before all
 * of its class and category, and the ungated one keeps its current; without, the ungated row takes it, and gated rows
 * of it and of older versions, which have done their work, go. Maxima are raised where they must be. Errors: NOT_FOUND
 * (no row), ROLLBACK (an ungated row has a newer current: a recall goes down), LIMIT, MEMORY. */
int map_edit_promote(struct map_edit *, const char *class_name, const char *category, uint32_t version,
	const char *const *gates, size_t num_gates);

/* Takes `version` and all above back to `to`: gated rows of them go, ungated rows get current `to` and a maximum below
 * `version`, and no minimum or acceptable above `to`. Errors: NOT_FOUND, RANGE (to is not below version), MEMORY. */
int map_edit_recall(struct map_edit *, const char *class_name, const char *category, uint32_t version, uint32_t to);

/* Puts the rows on hold or lets them go on. Errors: NOT_FOUND (no row that this would change), LIMIT, MEMORY. */
int map_edit_hold(struct map_edit *, const char *class_name, const char *category, bool hold);

/* Adds an image line, or does nothing when the same is there. Errors: CONFLICT (same version, other digest), MEMORY. */
int map_edit_add_image(struct map_edit *, const struct policy_image *);

#endif
