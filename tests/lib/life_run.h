/* life_run.h - a box's life from blank to updated, or to having given up, with power cuts anywhere.
 *
 * The real receiver with the daemon's own storage files and boot directory, over the medium of flash_fs.h: reception,
 * read-back, boot flags, state files, reboot, trial, confirmation, or falling back when the tries are used up. The
 * cut may come in the boot loader, too. */
#ifndef TESTS_LIB_LIFE_RUN_H
#define TESTS_LIB_LIFE_RUN_H

#include "tests/lib/power_file.h"
#include "tests/lib/store_fixture.h"

enum life_story {
	LIFE_HEALTHY, /* ends confirmed and up to date */
	LIFE_SICK,    /* the new image is never confirmed: two attempts of three tries, then the old one for good */
};

struct life_shape {
	struct store_fixture_shape image;
	uint32_t slack;  /* bytes of the slot beyond the image */
	bool is_device;  /* the slots are block devices; else files */
	bool comes_late; /* most of the source pass is over: symbols lie in foreign places */
	bool has_index;  /* the chunk index is on the air */
	enum life_story story;
};

struct life_case {
	unsigned loss_percent;
	size_t tear;
	enum power_luck luck;
	uint64_t seed;
	uint64_t cut_at;    /* changing call; 0: never */
	uint64_t second_at; /* calls after the first restart; 0: never */
};

/* What is on the air, and the shape it is for. */
struct life_air;
struct life_air *life_air_new(const struct life_shape *);
void life_air_free(struct life_air *);

/* Lives the life to its end, starting again after each cut. Fails the cmocka test when a rule of life_rules() is
 * broken. Returns the changing calls of the whole. */
uint64_t life_run(const struct life_air *, const struct life_case *);
/* What is checked, a line each, for people. */
const char *life_rules(void);

/* `every` one of all cut points, in all lucks and tears, every other time with a second cut while recovering. Those
 * whose number modulo `parts` is `part`. Returns how many cuts. */
struct life_sweep {
	const struct life_shape *shape;
	unsigned loss_percent, every, part, parts;
};
uint64_t life_sweep(const struct life_sweep *);

#endif
