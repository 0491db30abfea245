/* rx_lab.h - one transmitter with three images (105, 100 and 106 of one class) and boxes to hear it. */
#ifndef TESTS_LIB_RX_LAB_H
#define TESTS_LIB_RX_LAB_H

#include "tests/lib/fake_box.h"

#define LAB_CLASS      "box2-fpu-4mb"
#define LAB_SLOT_BYTES (1u << 20)
#define LAB_SECOND_NS  1000000000ull
#define LAB_ROW        "map " LAB_CLASS " production 75 100 105 120\n"

struct lab {
	struct fake_tx tx;
	struct fake_image image[3];
	char map[4096];
};

/* cmocka set-up and tear-down; *state is the lab. */
int lab_setup(void **state);
/* The same with images in RaptorQ. */
int lab_setup_raptorq(void **state);
int lab_teardown(void **state);

/* A map of these rows, naming all three images. */
void lab_put_map(struct lab *, uint64_t serial, const char *rows);
void lab_put_manifests(struct lab *);
/* Map (serial 10), manifests and images on the air, and a box that is not started yet. */
void lab_open(struct lab *, struct fake_box *, uint32_t version, const char *rows);
/* One more box. */
void lab_box(struct lab *, struct fake_box *, uint32_t version);

/* A number of the box's status: status[group][key]. */
long long lab_status(const struct fake_box *, const char *group, const char *key);
/* One pass to this box. */
void lab_pass(struct lab *, struct fake_box *);

#endif
