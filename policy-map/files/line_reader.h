/* line_reader.h - the lines of a file of any size and origin, bounded, each with its number. */
#ifndef POLICY_MAP_FILES_LINE_READER_H
#define POLICY_MAP_FILES_LINE_READER_H

#include "common/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_READER_MAX     16384u         /* bytes of a line without its end */
#define LINE_READER_ENDLESS (256ull << 20) /* a line that goes on beyond this is no line of a text */

struct line_reader {
	FILE *file;
	uint64_t line;           /* number of the first line of what was read last, from 1 */
	uint64_t next_line;      /* the one after it */
	size_t from, to;         /* what of the buffer is not taken yet */
	bool is_at_end;          /* of the file */
	bool has_end;            /* what was taken last ended in a line end */
	bool has_digest;         /* is wanted */
	struct hash_stream hash; /* of all that was read */
	char buffer[4u * LINE_READER_MAX];
};

/* Borrows the file, which is read from where it stands. A UTF-8 mark at its beginning is passed over. Errors:
 * UNSUPPORTED (UTF-16), IO, INTERNAL. */
int line_reader_init(struct line_reader *, FILE *, bool has_digest);
void line_reader_deinit(struct line_reader *);
/* The next line without its end (LF or CR LF), NUL-terminated; borrowed until the next call. With a delimiter
 * other than 0 the line is a record of RFC 4180, which may go on over line ends within quotes.
 * Errors: NOT_FOUND at the end; LIMIT (too long) and SYNTAX (a NUL; quotes that nothing closes: the first line of it)
 * for a line that was passed over; UNSUPPORTED (no text: a line of more than LINE_READER_ENDLESS bytes), IO. */
int line_reader_next(struct line_reader *, char delimiter, char **text, size_t *len);
/* The digest of the file, where it was asked for, once its end was reached. INTERNAL. */
int line_reader_digest(struct line_reader *, uint8_t sha256[HASH_SHA256_BYTES]);

/* Parts a record in place at the delimiter, quotes taken off, blanks around what has no quotes left out. Errors:
 * LIMIT (more than max fields), SYNTAX. */
int line_reader_split(char *record, char delimiter, char **fields, unsigned max, unsigned *count);

#endif
