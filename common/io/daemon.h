/* daemon.h - what every daemon does in the foreground: logging to stderr and telling systemd. */
#ifndef COMMON_IO_DAEMON_H
#define COMMON_IO_DAEMON_H

#include "common/log.h"

/* A log to stderr: "2026-11-21T10:00:00.123Z warning line". Under systemd's journal ($JOURNAL_STREAM names stderr) it
 * is
 * "<4>line", and the journal adds the time. One write a line. */
void daemon_log_init(struct carousel_log *, enum carousel_log_level);

/* Sends "READY=1", "STOPPING=1", "STATUS=..." to $NOTIFY_SOCKET (a path or "@abstract"); does nothing without it.
 * Errors: ADDRESS (what $NOTIFY_SOCKET names is none), IO. See sd_notify(3). */
int daemon_notify(const char *state);

#endif
