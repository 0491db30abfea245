/* control_client.h - the other end of a control socket, blocking, for command lines. */
#ifndef COMMON_IO_CONTROL_CLIENT_H
#define COMMON_IO_CONTROL_CLIENT_H

#include "common/io/control.h"

struct control_client;

/* Errors: NOT_FOUND (no such socket), REFUSED (nobody listens), PERMISSION, ARGUMENT (path too long), MEMORY, IO. */
int control_client_open(struct control_client **, const char *path);
void control_client_close(struct control_client *);
int control_client_fd(const struct control_client *);

/* One request and its answer; events that come in between are kept for control_client_read_event() (at most 64, older
 * ones go). args is borrowed, NULL counts as {}. 0 and *result (the caller's reference; result may be NULL), or the
 * daemon's error code with its message, or BUSY (no answer within timeout_ms), MALFORMED (not our protocol), IO
 * (closed), MEMORY; message may be NULL. */
int control_client_request(struct control_client *, const char *op, json_t *args, int timeout_ms, json_t **result,
	char message[CONTROL_MESSAGE_BYTES]);
/* {"op":"subscribe"} for a NULL-terminated list of events, or all when events is NULL. Errors as above. */
int control_client_subscribe(struct control_client *, const char *const *events, int timeout_ms);
/* The next event, as a whole object (the caller's reference). NEED_MORE when none came within timeout_ms (-1: for
 * ever), else as above. */
int control_client_read_event(struct control_client *, int timeout_ms, json_t **event);

#endif
