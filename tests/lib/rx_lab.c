#include "tests/lib/rx_lab.h"

#include "tests/lib/test.h"

#include <jansson.h>
#include <stdio.h>

static int lab_setup_scheme(void **state, uint8_t scheme)
{
	static const uint32_t versions[] = {105, 100, 106};
	struct lab *lab = calloc(1, sizeof(*lab));
	assert_non_null(lab);
	fake_tx_init(&lab->tx, 4001, 10);
	lab->tx.scheme = scheme;
	for (unsigned i = 0; i < 3; i++)
		fake_image_init(&lab->image[i], &lab->tx, LAB_CLASS, versions[i], 400000 + 5000 * i, 77 + i);
	*state = lab;
	return 0;
}

int lab_setup(void **state)
{
	return lab_setup_scheme(state, FEC_REED_SOLOMON_GF256);
}

int lab_setup_raptorq(void **state)
{
	return lab_setup_scheme(state, FEC_RAPTORQ);
}

int lab_teardown(void **state)
{
	struct lab *lab = *state;
	for (unsigned i = 0; i < 3; i++)
		fake_image_deinit(&lab->image[i]);
	fake_tx_deinit(&lab->tx);
	free(lab);
	return 0;
}

void lab_put_map(struct lab *lab, uint64_t serial, const char *rows)
{
	char line[512];
	int len = snprintf(lab->map, sizeof(lab->map),
		"carousel-map 1\nepoch 1\nserial %llu\nissued 2026-11-21T10:00:00Z\nexpires 2027-02-21T00:00:00Z\n"
		"session main 232.1.1.95:4001 tsi=4001\n%s",
		(unsigned long long)serial, rows);
	for (unsigned i = 0; i < 3; i++) {
		fake_image_line(&lab->image[i], line, sizeof(line));
		len += snprintf(lab->map + len, sizeof(lab->map) - (size_t)len, "%s", line);
	}
	fake_tx_put_map(&lab->tx, lab->map);
}

void lab_put_manifests(struct lab *lab)
{
	char *all = calloc(1, 16384);
	assert_non_null(all);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(strlen(all) + strlen(lab->image[i].manifest_text) + 2 < 16384);
		strcat(all, lab->image[i].manifest_text);
		strcat(all, "\n");
	}
	fake_tx_put(&lab->tx, "manifest", LAB_CLASS, all, strlen(all));
	free(all);
}

void lab_open(struct lab *lab, struct fake_box *box, uint32_t version, const char *rows)
{
	lab_put_map(lab, 10, rows);
	lab_put_manifests(lab);
	for (unsigned i = 0; i < 3; i++)
		fake_tx_put_image(&lab->tx, &lab->image[i]);
	lab_box(lab, box, version);
}

void lab_box(struct lab *lab, struct fake_box *box, uint32_t version)
{
	fake_box_init(box, lab->tx.root_text, LAB_CLASS, version, LAB_SLOT_BYTES);
}

long long lab_status(const struct fake_box *box, const char *group, const char *key)
{
	char *text = carousel_rx_status_json(box->rx, box->now_ns);
	json_t *status = json_loads(text, 0, NULL);
	long long value = json_integer_value(json_object_get(json_object_get(status, group), key));
	assert_non_null(status);
	carousel_rx_string_free(box->rx, text);
	json_decref(status);
	return value;
}

void lab_pass(struct lab *lab, struct fake_box *box)
{
	lab->tx.send = fake_box_hear;
	lab->tx.user = box;
	fake_tx_pass(&lab->tx);
}
