/* change.h - changes of the catalogue: each holds its lock, is checked, and is one rename.
 *
 * Killed or without power at any point, the catalogue holds what it held before or after; leftovers in tmp/ are removed
 * by the next change. All return 0 or a code with the message noted. */
#ifndef CAROUSEL_TX_DAEMON_CHANGE_H
#define CAROUSEL_TX_DAEMON_CHANGE_H

#include "carousel-tx/daemon/catalogue.h"

/* What a change was about. */
struct change_report {
	char class_name[MANIFEST_MAX_CLASS_BYTES];  /* of an image */
	uint32_t version;                           /* of an image, or of the trust root */
	uint8_t sha256[HASH_SHA256_BYTES];          /* of an image, or of the map's payload */
	uint8_t manifest_sha256[HASH_SHA256_BYTES]; /* of an image's manifest, its payload */
	uint64_t bytes;                             /* of an image */
	uint32_t epoch;                             /* of a map or trust root */
	uint64_t serial;                            /* of a map */
	bool is_same;                               /* nothing had to be changed */
};

/* In whose name a change is made. The entry of the audit log (policy-map/files/audit_file.h) is written when all
 * checks are done, right before the change; without it nothing changes. */
struct change_by {
	const char *who;   /* NULL: the user of this process */
	const char *audit; /* the log's path; NULL: AUDIT_FILE_NAME in the catalogue */
	uint64_t now_s;    /* seconds since 1970 */
	uint64_t wait_ns;  /* for another change to end, before this one is BUSY */
};

struct change_publication {
	const char *image, *manifest; /* paths */
	const char *from;             /* older images for its copy maps that are not catalogued: "PATH,..."; or NULL */
	uint32_t weight;              /* 0: 1 */
};

/* Copies an image in. Its digest, size, index and copy maps are computed and compared with the signed manifest; the
 * images that the copy maps are from are those of the catalogue, else of `from`. Errors: NOT_FOUND (no trust root yet),
 * SIGNATURE (also: a manifest that is not signed at all), DIGEST, CONFLICT (class and version are known with another
 * digest, or with another manifest: its payload counts, not who signed it), EXISTS (the digest is known as another
 * class or version), UNSUPPORTED (a FEC scheme this build cannot send), NO_SPACE, ... */
int change_publish(const char *dir, const struct change_by *, const struct change_publication *, struct change_report *,
	struct catalogue_error *);
/* Errors: NOT_FOUND, REFUSED (the map names it). */
int change_withdraw(const char *dir, const struct change_by *, const char *class_name, uint32_t version,
	struct change_report *, struct catalogue_error *);
/* Verifies and installs a map. Errors: SIGNATURE, ROLLBACK, CONFLICT, NO_IMAGE (it names an image that is not
 * catalogued), SYNTAX, ... */
int change_set_map(const char *dir, const struct change_by *, const char *map_path, struct change_report *,
	struct catalogue_error *);
/* Takes a chain of roots: the first there is, or one that goes on from what is held. Makes the directory. */
int change_set_root(const char *dir, const struct change_by *, const char *roots_path, struct change_report *,
	struct catalogue_error *);

#endif
