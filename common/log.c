#include "common/log.h"

#include "common/carousel_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};

void log_write(const struct carousel_log *log, enum carousel_log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;
	if (log == NULL || log->write == NULL || level > log->level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	log->write(log->user, level, line);
}

const char *log_level_name(enum carousel_log_level level)
{
	return (size_t)level < sizeof level_names / sizeof *level_names ? level_names[level] : "unknown";
}

int log_level_parse(const char *name, enum carousel_log_level *level)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum carousel_log_level)i;
			return 0;
		}
	}
	return CAROUSEL_E_UNKNOWN_WORD;
}
