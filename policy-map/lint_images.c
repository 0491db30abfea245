#include "policy-map/lint_find.h"

#include "common/carousel_error.h"

#include <inttypes.h>
#include <string.h>

static const struct manifest *manifest_of(const struct lint *l, const struct policy_image *image)
{
	return image && l->context->manifest ? l->context->manifest(l->context->user, image->manifest_sha256) : NULL;
}

static const struct manifest *published(const struct lint *l, size_t i)
{
	return l->context->published ? l->context->published(l->context->user, i) : NULL;
}

static void check_current(struct lint *l, const char *class_name, uint32_t current, uint32_t line)
{
	const struct policy_image *image = policy_map_image(l->map, class_name, current);
	if (image == NULL)
		lint_find(l, LINT_NO_IMAGE, line, WORD_CURRENT, "no image line for current: %s %" PRIu32, class_name,
			current);
}

static void check_currents(struct lint *l)
{
	const struct policy_map *m = l->map;
	for (size_t i = 0; i < m->num_rows; i++)
		check_current(l, m->rows[i].class_name, m->rows[i].numbers.current, m->rows[i].line);
	for (size_t i = 0; i < m->num_overrides; i++) {
		if (!m->overrides[i].never)
			check_current(
				l, m->overrides[i].class_name, m->overrides[i].numbers.current, m->overrides[i].line);
	}
}

/* A version is one image for ever: in this map, in the one before, and among those that are published. */
static void check_digest(struct lint *l, const struct policy_image *image)
{
	const struct policy_image *first = policy_map_image(l->map, image->class_name, image->version);
	const struct policy_image *before =
		l->context->previous ? policy_map_image(l->context->previous, image->class_name, image->version) : NULL;
	const struct manifest *m;
	if (first != image)
		lint_find(l, LINT_DUPLICATE, image->line, WORD_VERSION, "%s %" PRIu32 " is on line %" PRIu32 " already",
			image->class_name, image->version, first->line);
	if (before && memcmp(before->sha256, image->sha256, HASH_SHA256_BYTES) != 0)
		lint_find(l, LINT_DIGEST_CHANGED, image->line, WORD_DIGEST,
			"%s %" PRIu32 " was signed with another digest", image->class_name, image->version);
	for (size_t i = 0; (m = published(l, i)) != NULL; i++) {
		if (m->version == image->version && strcmp(m->class_name, image->class_name) == 0 &&
			memcmp(m->sha256, image->sha256, HASH_SHA256_BYTES) != 0)
			lint_find(l, LINT_DIGEST_CHANGED, image->line, WORD_DIGEST,
				"%s %" PRIu32 " is published with another digest", image->class_name, image->version);
	}
}

static void check_size(struct lint *l, const struct policy_image *image)
{
	const struct fec_limits *limits = &l->context->fec_limits;
	uint64_t most = limits->max_transfer_length ? limits->max_transfer_length : FEC_RAPTORQ_MAX_TRANSFER_LENGTH;
	const struct manifest *m = manifest_of(l, image);
	struct fec_oti oti;
	if (l->context->slot_bytes && image->size_bytes > l->context->slot_bytes)
		lint_find_option(l, LINT_TOO_LARGE, image->line,
			"size=", "%" PRIu64 " bytes do not fit a slot of %" PRIu64, image->size_bytes,
			l->context->slot_bytes);
	if (image->size_bytes > most)
		lint_find_option(l, LINT_TOO_LARGE, image->line,
			"size=", "%" PRIu64 " bytes are more than FEC can carry to the boxes, %" PRIu64,
			image->size_bytes, most);
	else if (m) {
		oti = m->layout.oti;
		if (fec_oti_check(&oti, limits) == CAROUSEL_E_LIMIT)
			lint_find_option(l, LINT_TOO_LARGE, image->line, "manifest=",
				"%" PRIu32 " blocks of symbols of %u bytes are beyond the boxes' FEC limits",
				oti.num_blocks, (unsigned)oti.symbol_size);
	}
}

static void check_manifest(struct lint *l, const struct policy_image *image)
{
	const struct manifest *m = manifest_of(l, image);
	if (l->context->manifest == NULL)
		return;
	if (m == NULL)
		lint_find_option(l, LINT_NO_MANIFEST, image->line,
			"manifest=", "no manifest of this digest is published for %s %" PRIu32, image->class_name,
			image->version);
	else if (strcmp(m->class_name, image->class_name) != 0 || m->version != image->version ||
		 memcmp(m->sha256, image->sha256, HASH_SHA256_BYTES) != 0 || m->layout.image_bytes != image->size_bytes)
		lint_find_option(l, LINT_MANIFEST_DIFFERS, image->line, "manifest=",
			"the manifest describes %s %" PRIu32 " of %" PRIu64
			" bytes with another class, version, digest or size",
			m->class_name, m->version, m->layout.image_bytes);
}

/* ---- recalls ---- */

struct recall {
	const char *class_name;
	const struct policy_numbers *numbers;
	uint32_t line;
	const struct manifest *target;
};

static void check_source(struct lint *l, const struct recall *r, const struct manifest *newer)
{
	if (newer && newer->version > r->numbers->maximum && strcmp(newer->class_name, r->class_name) == 0 &&
		!manifest_has_data_format(r->target, newer->data_format))
		lint_find(l, LINT_DATA_FORMAT, r->line, WORD_CURRENT,
			"recall of %" PRIu32 " to %" PRIu32 ", which cannot read its data format %" PRIu32,
			newer->version, r->numbers->current, newer->data_format);
}

/* A box above maximum goes down to current: current must read what the newer version wrote. */
static void check_recall(struct lint *l, const char *class_name, const struct policy_numbers *numbers, uint32_t line)
{
	const struct policy_map *maps[] = {l->map, l->context->previous};
	const struct recall r = {
		class_name, numbers, line, manifest_of(l, policy_map_image(l->map, class_name, numbers->current))};
	const struct manifest *m;
	if (r.target == NULL)
		return;
	if (l->context->published) {
		for (size_t i = 0; (m = published(l, i)) != NULL; i++)
			check_source(l, &r, m);
		return;
	}
	for (unsigned k = 0; k < 2; k++) {
		for (size_t i = 0; maps[k] && i < maps[k]->num_images; i++) {
			const struct policy_image *image = &maps[k]->images[i];
			if (k == 0 || policy_map_image(l->map, image->class_name, image->version) == NULL)
				check_source(l, &r, manifest_of(l, image));
		}
	}
}

void lint_images(struct lint *l)
{
	const struct policy_map *m = l->map;
	check_currents(l);
	for (size_t i = 0; i < m->num_images; i++) {
		check_digest(l, &m->images[i]);
		check_size(l, &m->images[i]);
		check_manifest(l, &m->images[i]);
	}
	for (size_t i = 0; i < m->num_rows && l->context->manifest; i++)
		check_recall(l, m->rows[i].class_name, &m->rows[i].numbers, m->rows[i].line);
	for (size_t i = 0; i < m->num_overrides && l->context->manifest; i++) {
		if (!m->overrides[i].never)
			check_recall(l, m->overrides[i].class_name, &m->overrides[i].numbers, m->overrides[i].line);
	}
}
