/* control.h - the control socket of the daemons: JSON lines on a Unix socket, one implementation for all.
 *
 *  > {"id":1,"op":"status","args":{}}
 *  < {"id":1,"ok":true,"result":{}}  or  {"id":1,"ok":false,"error":{"code":"no-image","message":"..."}}
 *  < {"event":"state","time_ns":1,"data":{}}     after {"op":"subscribe","args":{"events":["state"]}} (no list: all)
 *
 * One object a line, at most CONTROL_LINE_BYTES in either direction. "subscribe" is answered here; every other op goes
 * to the daemon's request function. id is any JSON number or string, given back as it came (null when it was absent).
 */
#ifndef COMMON_IO_CONTROL_H
#define COMMON_IO_CONTROL_H

#include "common/io/loop.h"
#include "common/log.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_LINE_BYTES    65536u
#define CONTROL_MESSAGE_BYTES 256u

struct control;
struct control_peer; /* one connection */

/* Returned by a request function that keeps the request and will answer it by control_answer(). */
#define CONTROL_LATER 1

struct control_request {
	struct control_peer *peer; /* borrowed for the call, or until closed() names it */
	const char *op;
	json_t *args;                        /* borrowed; always an object */
	uint64_t token;                      /* for control_answer() */
	json_t *result;                      /* out: ownership passes; NULL counts as {} */
	char message[CONTROL_MESSAGE_BYTES]; /* out: what to say with an error; "" gives carousel_strerror() */
};

struct control_config {
	const char *path;       /* of the socket; copied */
	unsigned max_peers;     /* 0: 16; one more is answered "busy" and closed */
	size_t max_queue_bytes; /* unsent output per connection; 0: 1 MiB; who reads slower is dropped */
	/* 0: 5 minutes. A connection is closed that has sent half a line, or nothing, for so long; unless it has
	 * subscribed, waits for an answer, or has the daemon's mark. */
	uint64_t idle_ns;
	const struct carousel_log *log; /* borrowed; may be NULL */
	/* 0, CONTROL_LATER, or an error code. UNKNOWN_WORD is the answer to an op that it does not know. */
	int (*request)(void *user, struct control_request *);
	/* A connection has ended for whatever reason (locks it held go with it); may be NULL. */
	void (*closed)(void *user, struct control_peer *);
	void *user;
};

/* Binds the socket, mode 0660. A socket file that nobody listens on any more is replaced; one that is alive, or
 * anything that is no socket, is left alone. Errors: EXISTS (a daemon is alive there, or no socket), ARGUMENT (path too
 * long), PERMISSION, NOT_FOUND (no such directory), MEMORY, IO. */
int control_new(struct control **, struct loop *, const struct control_config *);
/* Closes every connection (closed() is called), removes the socket file. NULL is legal. */
void control_free(struct control *);

/* Answers a request that was kept. code 0 or an error with its message (NULL: carousel_strerror()); takes ownership of
 * result (may be NULL). When the connection has gone this does nothing more. */
void control_answer(struct control *, uint64_t token, int code, const char *message, json_t *result);
/* Sends an event to every connection that subscribed to it; takes ownership of data. */
void control_event(struct control *, const char *event, uint64_t time_ns, json_t *data);
/* Whether anybody would hear that event. */
int control_has_subscriber(const struct control *, const char *event);

/* Who is there, by SO_PEERCRED. */
uid_t control_peer_uid(const struct control_peer *);
pid_t control_peer_pid(const struct control_peer *);
/* A place for the daemon's own mark on a connection (NULL at first). */
void control_peer_set_data(struct control_peer *, void *data);
void *control_peer_data(const struct control_peer *);

#endif
