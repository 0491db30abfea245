/* daemon_state.h - what the files of the running daemon share. */
#ifndef CAROUSEL_RX_DAEMON_STATE_H
#define CAROUSEL_RX_DAEMON_STATE_H

#include "carousel-rx/daemon/boot_adapter.h"
#include "carousel-rx/daemon/channels.h"
#include "carousel-rx/daemon/os_release.h"
#include "carousel-rx/daemon/storage_files.h"
#include "common/io/control.h"
#include "common/io/workers.h"

#include <stdatomic.h>

struct daemon {
	const struct settings *settings;
	struct carousel_log log;
	struct boot_adapter boot_adapter;
	struct carousel_boot boot;
	struct storage_files files;
	struct carousel_rx_storage storage;
	struct os_release os_release;
	struct carousel_rx *rx;
	struct loop *loop;
	struct loop_timer *timer;
	struct workers *background;  /* jobs at idle priority; NULL: with the others, on the loop's pool */
	atomic_int background_error; /* the kernel's refusal */
	bool has_told_background;
	struct control *control;
	struct channels channels;
	uint64_t second_ns; /* of the next count of socket drops */
	uint64_t stop_ns;   /* stopping: not later than this; 0: running */
	bool wants_reboot, has_new_map, is_pumping;
	int exit_status;
};

/* Hands out what jobs there are, follows the map, stops when stopping is done. After everything that feeds the core. */
void daemon_pump(struct daemon *);

/* control_config.request and .closed; user is the daemon. */
int control_ops_request(void *user, struct control_request *);
void control_ops_closed(void *user, struct control_peer *);
/* An event of the core, to those who subscribed. */
void control_ops_event(struct daemon *, const struct carousel_rx_event *);

#endif
