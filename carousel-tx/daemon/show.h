/* show.h - what carousel-tx prints: the catalogue and the status, as tables or as JSON. */
#ifndef CAROUSEL_TX_DAEMON_SHOW_H
#define CAROUSEL_TX_DAEMON_SHOW_H

#include "carousel-tx/daemon/catalogue.h"
#include "common/io/control_client.h"

void tx_show_catalogue(const struct catalogue *, bool json);
/* The whole status, however many answers it takes. The caller's reference. Errors: those of control_client.h. */
int tx_fetch_status(const char *socket, int timeout_ms, json_t **status, char message[CONTROL_MESSAGE_BYTES]);
void tx_show_status(const json_t *status, bool json);

#endif
