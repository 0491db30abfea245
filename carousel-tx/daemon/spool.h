/* spool.h - memory for repair symbols made ahead: anonymous, or mapped from unlinked files of a directory, which the
 * kernel can write out when memory is short. */
#ifndef CAROUSEL_TX_DAEMON_SPOOL_H
#define CAROUSEL_TX_DAEMON_SPOOL_H

#include "carousel-tx/tx.h"

/* dir "": anonymous. Borrowed. */
struct tx_spool spool_in(const char *dir);

#endif
