/* log.h - logging through a callback. Libraries never print. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

enum carousel_log_level {
	CAROUSEL_LOG_ERROR,
	CAROUSEL_LOG_WARNING,
	CAROUSEL_LOG_NOTICE,
	CAROUSEL_LOG_INFO,
	CAROUSEL_LOG_DEBUG,
};

struct carousel_log {
	void *user;
	enum carousel_log_level level; /* the least important one that is still wanted */
	/* One line without line end or time stamp; borrowed for the call. */
	void (*write)(void *user, enum carousel_log_level, const char *line);
};

/* Formats at most 1023 bytes and hands them on. A NULL log, or one without write, swallows all.
 * Control characters in the result are replaced by '?', so that input cannot forge lines. */
void log_write(const struct carousel_log *, enum carousel_log_level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "error", "warning", "notice", "info", "debug". */
const char *log_level_name(enum carousel_log_level);
/* 0 and the level of a name, or CAROUSEL_E_UNKNOWN_WORD. */
int log_level_parse(const char *name, enum carousel_log_level *);

#endif
