/* daemon.h - carousel-rx run: the library with sockets, files, a boot loader and a control socket around it. */
#ifndef CAROUSEL_RX_DAEMON_DAEMON_H
#define CAROUSEL_RX_DAEMON_DAEMON_H

#include "carousel-rx/daemon/settings.h"

/* Exit status when the box should be rebooted and the configuration says reboot-exit. */
#define DAEMON_EXIT_REBOOT 10

/* Runs until SIGTERM, SIGINT, a reboot or an error. Returns the exit status. */
int daemon_run(const struct settings *);

#endif
