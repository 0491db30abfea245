/* daemon.h - carousel-tx run: the core with sockets, a thread pool, a catalogue that is watched, a control socket. */
#ifndef CAROUSEL_TX_DAEMON_DAEMON_H
#define CAROUSEL_TX_DAEMON_DAEMON_H

#include "carousel-tx/daemon/settings.h"

/* Runs until SIGTERM or SIGINT; SIGHUP reads the catalogue again. 0, or the code with its message. */
int tx_daemon_run(const struct settings *, struct catalogue_error *);

#endif
