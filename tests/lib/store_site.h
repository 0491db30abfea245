/* store_site.h - an image of any size as files, and a symbol store that receives it: for benchmarks of the store.
 *
 * Image, digest, index and repair symbols are made beforehand; the storage is files in the same directory; jobs run on
 * three threads, one for those that are background. What fails ends the process with a message. */
#ifndef TESTS_LIB_STORE_SITE_H
#define TESTS_LIB_STORE_SITE_H

#include "carousel-rx/daemon/storage_files.h"
#include "carousel-rx/store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct store_site {
	char dir[512];
	uint64_t image_bytes;
	struct object_layout layout;
	uint32_t repair; /* symbols a block in the repair file */
	uint8_t sha256[32], index_sha256[32];
	uint64_t index_bytes;
};

/* Random content of image_bytes, its digest and its index. */
void store_site_make(struct store_site *);
/* `repair` symbols of each block of `layout`, from ESI K on. */
void store_site_make_repair(const struct store_site *);

/* For how long what was written to the slot would have been lost in a power cut, so far. In memory that another process
 * may share. */
struct store_site_risk {
	atomic_ullong written_ns; /* the oldest that no sync has begun to take along; 0: none */
	atomic_ullong taken_ns;   /* the oldest that a sync has, and no mark in the journal vouches for */
	atomic_ullong longest_ns; /* from writing to the mark */
};

/* The daemon's own files, and how long they became. */
struct store_site_files {
	struct storage_files files;
	struct carousel_rx_storage inner, table;
	struct store_site_risk *risk; /* NULL: not measured */
	pthread_mutex_t lock;
	uint64_t len[RX_NUM_FILES], most[RX_NUM_FILES], most_beside; /* most_beside: of all beside the slot at once */
};

#define STORE_SITE_THREADS 3u

struct store_site_box {
	const struct store_site *site;
	struct store_site_files files;
	struct store *store;
	unsigned loss_percent;
	uint64_t seed, heard, dropped;
	uint64_t symbol_ns; /* virtual time from symbol to symbol; 0: real time, as fast as it goes */
	uint64_t now_ns;
	uint64_t rate_bps, paced_from_ns, paced; /* real time: so fast and no faster; 0: as fast as it goes */
	unsigned since_turn;
	/* threads that run jobs: [0] what is background, the others the rest */
	pthread_mutex_t lock;
	pthread_cond_t wake[STORE_SITE_THREADS], finished;
	struct carousel_job *todo[STORE_SITE_THREADS], *done[STORE_SITE_THREADS];
	bool is_taken[STORE_SITE_THREADS];
	unsigned num_done, under_way;
	bool is_ending;
	pthread_t thread[STORE_SITE_THREADS];
	void (*on_background)(void); /* first on its thread; may be NULL */
};

/* Empty files, the index in its own, threads, and the store waiting for symbols. store_config.storage is filled in.
 */
void store_site_box_open(struct store_site_box *, const struct store_site *, struct store_config);
void store_site_box_close(struct store_site_box *);
/* Begins the image anew with an empty journal, as a box with an empty slot. */
void store_site_box_begin(struct store_site_box *);
void store_site_box_source_pass(struct store_site_box *);
/* Repair symbols until the store wants no more of them, or the file ends. */
void store_site_box_repair_pass(struct store_site_box *);
/* Works until nothing is left to be done: complete, or not enough was heard. */
void store_site_box_settle(struct store_site_box *);
/* Reads back; true when the digest is right. */
bool store_site_box_verify(struct store_site_box *);

#endif
