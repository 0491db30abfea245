/* life_run.h - a box's life from blank to updated, or to having given up, with power cuts and failing calls anywhere.
 *
 * The real receiver with the daemon's own storage files and boot loader adapters, over the medium of flash_fs.h:
 * reception, read-back, boot flags, state files, reboot, trial, confirmation, or falling back when the tries are used
 * up. The cut may come in the boot loader, too, and in the programs that the adapters call. */
#ifndef TESTS_LIB_LIFE_RUN_H
#define TESTS_LIB_LIFE_RUN_H

#include "tests/lib/life_loader.h"
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
	enum life_loader_kind loader;
	uint16_t sub_blocks; /* N of RaptorQ; 0: one */
};

/* What comes over the box. */
enum life_trouble {
	LIFE_CUTS,      /* the power goes: unsynced data lost, kept, or torn; every other time again while recovering */
	LIFE_FAILURES,  /* one call fails, and the power stays: EIO, no space, half a write; what was to be synced is
			   lost */
	LIFE_BAD_PAGES, /* a page of the slot that is received into, or of the journal, cannot be read any more */
};

/* Lives a life to its end again and again, with its trouble at `every`-th of all calls that change something, of those
 * one of `parts` parts, or among the last so many. Fails the cmocka test when a rule of life_rules() is broken.
 * Returns how many cuts, or failures. */
struct life_sweep {
	const struct life_shape *shape;
	enum life_trouble trouble;
	unsigned loss_percent, every, part, parts;
	uint64_t last; /* only so many calls before the end; 0: all */
};
uint64_t life_sweep(const struct life_sweep *);
/* What is checked, a line each, for people. */
const char *life_rules(void);

#endif
