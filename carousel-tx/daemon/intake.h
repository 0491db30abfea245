/* intake.h - what is copied into the catalogue is computed again and compared with the signed manifest. */
#ifndef CAROUSEL_TX_DAEMON_INTAKE_H
#define CAROUSEL_TX_DAEMON_INTAKE_H

#include "carousel-tx/daemon/change.h"

/* Copies the image to <staging>/image, with its index and its copy maps beside it, all synced. Errors: DIGEST (size,
 * image, index or copy map are not the manifest's), NOT_FOUND (an older image for a copy map), NO_SPACE, ... */
int intake_copy(const char *staging, const struct catalogue *, const struct change_publication *,
	const struct manifest *, struct catalogue_error *);
/* A new file, synced. Errors: EXISTS, those of file.h. */
int intake_write(const char *dir, const char *name, const void *data, size_t len);

#endif
