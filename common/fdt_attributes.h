/* fdt_attributes.h - the attributes of FDT-Instance and File elements; internal to fdt.c. */
#ifndef COMMON_FDT_ATTRIBUTES_H
#define COMMON_FDT_ATTRIBUTES_H

#include "common/fdt.h"

enum fdt_namespace { FDT_IN_FLUTE, FDT_IN_CAROUSEL, FDT_IN_OTHER };

enum fdt_attribute_flag {
	FDT_HAS_EXPIRES = 1 << 0,
	FDT_HAS_TOI = 1 << 1,
	FDT_HAS_CONTENT_LENGTH = 1 << 2,
	FDT_HAS_TRANSFER_LENGTH = 1 << 3,
	FDT_HAS_ENCODING_ID = 1 << 4,
	FDT_HAS_INSTANCE_ID = 1 << 5,
	FDT_HAS_BLOCK_LENGTH = 1 << 6,
	FDT_HAS_SYMBOL_LENGTH = 1 << 7,
	FDT_HAS_MAX_SYMBOLS = 1 << 8,
	FDT_HAS_VERSION = 1 << 9,
};

/* What one element said. Strings are borrowed from the XML parser. */
struct fdt_attributes {
	uint32_t present; /* of the numbers: FDT_HAS_... */
	uint64_t expires, toi, content_length, transfer_length;
	uint64_t encoding_id, instance_id, block_length, symbol_length, max_symbols, version;
	bool complete;
	const char *content_location, *content_type, *content_encoding, *scheme_info;
	const char *role, *class_name, *sha256, *layout;
	int own_error; /* of an attribute in our namespace: spoils its entry, not the table */
};

/* Takes one attribute; those that are not known are ignored. Errors: MALFORMED. */
int fdt_attributes_set(struct fdt_attributes *, enum fdt_namespace, const char *name, const char *value);

/* The entry that a File's attributes and those of its FDT-Instance make. Strings stay borrowed.
 * Errors: MALFORMED when it has no TOI or Content-Location; what else is wrong is in file->error. */
int fdt_attributes_file(const struct fdt_attributes *own, const struct fdt_attributes *instance,
	const struct fec_limits *, struct fdt_file *);

#endif
