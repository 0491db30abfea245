/* carousel_error.h - the one list of errors of every Carousel part.
 *
 * Functions return 0 or one of these negative codes; counts go to out-parameters.
 * The lower-case names are stable: they are the codes of the control socket, the keys of the
 * drop counters in `status --json`, and what logs show. */
#ifndef CAROUSEL_ERROR_H
#define CAROUSEL_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CAROUSEL_API __attribute__((visibility("default")))
#else
#define CAROUSEL_API
#endif

/* X(SYMBOL, number, "name", "sentence").  Numbers never change and are never reused. */
#define CAROUSEL_ERROR_LIST(X)                                                                                         \
	X(TRUNCATED, 1, "truncated", "input ends before its structure does")                                           \
	X(MALFORMED, 2, "malformed", "input does not have the form it must have")                                      \
	X(UNSUPPORTED, 3, "unsupported", "a legal form that this build does not handle")                               \
	X(LIMIT, 4, "limit", "a configured or documented limit would be passed")                                       \
	X(DUPLICATE, 5, "duplicate", "already held")                                                                   \
	X(FOREIGN_SESSION, 6, "foreign-session", "belongs to another session or source")                               \
	X(UNKNOWN_OBJECT, 7, "unknown-object", "names an object that is not known")                                    \
	X(OTI, 8, "bad-oti", "FEC object transmission information is out of bounds")                                   \
	X(SYMBOL, 9, "bad-symbol", "symbol identifier or length is out of bounds")                                     \
	X(NEED_MORE, 10, "need-more", "more symbols or bytes are needed")                                              \
	X(SIGNATURE, 11, "bad-signature", "too few valid signatures by keys of the role")                              \
	X(UNKNOWN_KEY, 12, "unknown-key", "no key of that id is known")                                                \
	X(WRONG_TYPE, 13, "wrong-type", "an envelope holds another kind of payload")                                   \
	X(ROLLBACK, 14, "rollback", "older than what is already held")                                                 \
	X(CONFLICT, 15, "conflict", "same identity, different content")                                                \
	X(EXPIRED, 16, "expired", "past its date of expiry")                                                           \
	X(DIGEST, 17, "digest-mismatch", "content does not have the digest that was signed")                           \
	X(NOT_FOUND, 18, "not-found", "there is no such thing here")                                                   \
	X(EXISTS, 19, "exists", "there is one already")                                                                \
	X(REFUSED, 20, "refused", "a rule forbids it")                                                                 \
	X(BUSY, 21, "busy", "not now; ask again later")                                                                \
	X(ARGUMENT, 22, "bad-argument", "the caller's argument is not allowed")                                        \
	X(RANGE, 23, "out-of-range", "a number is outside its range")                                                  \
	X(SYNTAX, 24, "syntax", "text does not follow its grammar")                                                    \
	X(UNKNOWN_WORD, 25, "unknown-word", "a word that is not in the grammar")                                       \
	X(WRONG_CLASS, 26, "wrong-class", "made for another hardware class")                                           \
	X(HARDWARE_FLOOR, 27, "below-hardware-floor", "older than the hardware can run")                               \
	X(NO_IMAGE, 28, "no-image", "no image that fits is published")                                                 \
	X(UNCONFIRMED, 29, "unconfirmed-slot", "the running slot is not confirmed yet")                                \
	X(INHIBITED, 30, "inhibited", "a running application holds the inhibit lock")                                  \
	X(SLOT_TOO_SMALL, 31, "slot-too-small", "the image does not fit the slot")                                     \
	X(NO_SPACE, 32, "no-space", "the file system or device is full")                                               \
	X(READ_ONLY, 33, "read-only", "the file system or device cannot be written")                                   \
	X(PERMISSION, 34, "permission", "the operating system does not permit it")                                     \
	X(ADDRESS, 35, "bad-address", "not an address that can be used here")                                          \
	X(VERSION, 36, "version-mismatch", "another version runs than was installed")                                  \
	X(CRC, 37, "bad-crc", "stored record does not match its check")                                                \
	X(STALE, 38, "stale", "nothing newer was heard for too long")                                                  \
	X(MEMORY, 64, "no-memory", "memory could not be had")                                                          \
	X(STORAGE, 65, "storage", "reading or writing storage failed")                                                 \
	X(IO, 66, "io", "a system call failed")                                                                        \
	X(INTERNAL, 67, "internal", "an invariant of Carousel itself does not hold")

enum carousel_error {
	CAROUSEL_OK = 0,
#define CAROUSEL_ERROR_ENUM(symbol, number, name, sentence) CAROUSEL_E_##symbol = -(number),
	CAROUSEL_ERROR_LIST(CAROUSEL_ERROR_ENUM)
#undef CAROUSEL_ERROR_ENUM
};

/* One more than the largest error number: the size of a table indexed by -code. */
#define CAROUSEL_ERROR_NUMBERS 68

/* The sentence of a code; "success" for 0 and "unknown error" for others. Never NULL; static. */
CAROUSEL_API const char *carousel_strerror(int code);

/* The stable short name of a code ("bad-oti"); "ok" for 0, "unknown" for others. Static. */
CAROUSEL_API const char *carousel_error_name(int code);

/* 1 when the operation's owner cannot go on (no memory, storage, system call, internal);
 * 0 for everything that is answered by dropping, refusing or waiting. */
CAROUSEL_API int carousel_error_is_fatal(int code);

#ifdef __cplusplus
}
#endif
#endif
