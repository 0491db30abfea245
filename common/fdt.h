/* fdt.h - File Delivery Tables, RFC 6726 section 3.4.2 and RFC 3926 section 3.4.2.
 *
 * An FDT is a hint, never a promise: it is unsigned. Content-Location names an object and is never a path. */
#ifndef COMMON_FDT_H
#define COMMON_FDT_H

#include "common/bytes.h"
#include "common/fec_oti.h"
#include "common/memory.h"
#include "common/object_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_NAMESPACE_CAROUSEL "urn:carousel:fdt:1"
#define FDT_NAMESPACE_V2       "urn:ietf:params:xml:ns:fdt"
#define FDT_NAMESPACE_2005     "urn:IETF:metadata:2005:FLUTE:FDT"
#define FDT_NAMESPACE_V1       "http://www.example.com/flute"

/* What a receiver is ready to take. A zero field means the default. */
struct fdt_limits {
	size_t max_bytes;       /* of XML; default 1 MiB */
	uint32_t max_files;     /* default 4096 */
	uint32_t max_depth;     /* of nested elements; default 8 */
	uint32_t max_attribute; /* bytes of one attribute's value; default 1024 */
	struct fec_limits fec;  /* for each entry's OTI */
};

struct fdt_file {
	uint64_t toi;
	int error;                    /* 0, or why a receiver cannot use this entry: OTI, LIMIT, UNSUPPORTED (FEC
				       * scheme), UNKNOWN_WORD (layout), MALFORMED (an attribute of ours) */
	const char *content_location; /* UTF-8; never NULL; borrowed from the FDT, as are the next two */
	const char *content_type;     /* or NULL */
	const char *content_encoding; /* or NULL */
	bool has_content_length, has_transfer_length;
	uint64_t content_length;  /* bytes of the file */
	uint64_t transfer_length; /* bytes of the object: F. Content-Length when not given and nothing is encoded */
	bool has_oti;
	struct fec_oti oti; /* checked against limits.fec; attributes of File override those of FDT-Instance */
	/* Attributes of ours, in FDT_NAMESPACE_CAROUSEL; empty, 0, false, OBJECT_LINEAR when absent. */
	char role[16];
	char class_name[80];
	uint32_t version;
	bool has_sha256;
	uint8_t sha256[32]; /* of the image */
	enum object_layout_kind layout;
};

struct fdt {
	uint64_t expires_ntp_s; /* low 32 bits of NTP seconds as sent; fdt_expiry() gives the era */
	bool complete;          /* nothing else will be sent in this session */
	uint32_t num_files;
	struct fdt_file *files;
	const struct carousel_allocator *allocator; /* set by fdt_parse() */
};

/* Parses an FDT instance (already without content encoding) in any of the namespaces above or none.
 * Elements and attributes that are not known are skipped; a document type declaration is refused.
 * limits may be NULL. The allocator must outlive the FDT. The result is the caller's to fdt_free().
 * Errors: MALFORMED (XML, root element, a required attribute, a number), LIMIT, MEMORY. */
int fdt_parse(
	const struct carousel_allocator *, const struct fdt_limits *limits, const void *xml, size_t len, struct fdt **);
void fdt_free(struct fdt *);

/* The entry of a TOI, or NULL. */
const struct fdt_file *fdt_find(const struct fdt *, uint64_t toi);

/* Expires as full NTP seconds: of the era that lies closest to now_ntp_s. RFC 6726 section 3.3. */
uint64_t fdt_expiry(const struct fdt *, uint64_t now_ntp_s);

/* Writes a table as XML: the same table gives the same bytes. flute_version 1 or 2 chooses the namespace.
 * Strings may be NULL (content_location not), entries carry no error.
 * Errors: LIMIT (no room), ARGUMENT (version, TOI 0, no content_location, a string that is no XML text). */
int fdt_write(struct bytes_writer *, const struct fdt *, uint8_t flute_version);

#endif
