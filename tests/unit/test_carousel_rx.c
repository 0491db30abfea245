/* The receiver as a whole, in virtual time: from the first packet to the boot loader, and every way off that path. */
#include "carousel_rx.h"

#include "tests/lib/fake_box.h"
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdio.h>

/* covers: carousel-rx/agent.c carousel-rx/agent_boot.c carousel-rx/agent_request.c carousel-rx/agent_slot.c
 * covers: carousel-rx/desk.c carousel-rx/report.c */

#define CLASS      "box2-fpu-4mb"
#define SLOT_BYTES (1u << 20)
#define SECOND_NS  1000000000u

struct lab {
	struct fake_tx tx;
	struct fake_image image[3]; /* versions 105, 100, 106 */
	char map[4096];
};

static int lab_setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	static const uint32_t versions[] = {105, 100, 106};
	assert_non_null(lab);
	fake_tx_init(&lab->tx, 4001, 10);
	for (unsigned i = 0; i < 3; i++)
		fake_image_init(&lab->image[i], &lab->tx, CLASS, versions[i], 400000 + 5000 * i, 77 + i);
	*state = lab;
	return 0;
}

static int lab_teardown(void **state)
{
	struct lab *lab = *state;
	for (unsigned i = 0; i < 3; i++)
		fake_image_deinit(&lab->image[i]);
	fake_tx_deinit(&lab->tx);
	free(lab);
	return 0;
}

/* A map of the four numbers, naming all three images. */
static void lab_put_map(struct lab *lab, uint64_t serial, const char *lines)
{
	char line[512];
	int len = snprintf(lab->map, sizeof(lab->map),
		"carousel-map 1\nepoch 1\nserial %llu\nissued 2026-11-21T10:00:00Z\nexpires 2027-02-21T00:00:00Z\n"
		"session main 232.1.1.95:4001 tsi=4001\n%s",
		(unsigned long long)serial, lines);
	for (unsigned i = 0; i < 3; i++) {
		fake_image_line(&lab->image[i], line, sizeof(line));
		len += snprintf(lab->map + len, sizeof(lab->map) - (size_t)len, "%s", line);
	}
	fake_tx_put_map(&lab->tx, lab->map);
}

static void lab_put_manifests(struct lab *lab)
{
	char *all = malloc(strlen(lab->image[0].manifest_text) * 4);
	all[0] = 0;
	for (unsigned i = 0; i < 3; i++) {
		strcat(all, lab->image[i].manifest_text);
		strcat(all, "\n");
	}
	fake_tx_put(&lab->tx, "manifest", CLASS, all, strlen(all));
	free(all);
}

#define ROW "map " CLASS " production 75 100 105 120\n"

static void lab_open(struct lab *lab, struct fake_box *box, uint32_t version, const char *lines)
{
	lab_put_map(lab, 10, lines);
	lab_put_manifests(lab);
	for (unsigned i = 0; i < 3; i++)
		fake_tx_put_image(&lab->tx, &lab->image[i]);
	fake_box_init(box, lab->tx.root_text, CLASS, version, SLOT_BYTES);
}

static json_t *status_of(const struct fake_box *box)
{
	char *text = carousel_rx_status_json(box->rx, box->now_ns);
	json_t *status = json_loads(text, 0, NULL);
	assert_non_null(status);
	carousel_rx_string_free(box->rx, text);
	return status;
}

static long long status_number(const struct fake_box *box, const char *group, const char *key)
{
	json_t *status = status_of(box);
	long long value = json_integer_value(json_object_get(json_object_get(status, group), key));
	json_decref(status);
	return value;
}

/* ---- the main way -------------------------------------------------------------------------------- */

static void check_mandatory(struct lab *lab, double loss, uint32_t version, uint8_t scheme)
{
	struct fake_box box;
	(void)scheme;
	lab_open(lab, &box, version, ROW);
	box.loss = loss;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 12);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	assert_false(box.boot.wrote_before_mark);
	assert_int_equal(box.boot.first, 1);
	assert_int_equal(box.boot.tries[1], 3);
	assert_int_equal(box.reboots, 1);
	assert_int_equal(box.alarms, 0);
	fake_box_reboot(&box, 105);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_TRIAL);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_HEALTHY, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	assert_int_equal(box.boot.state.is_confirmed, 1);
	fake_box_deinit(&box);
}

static void test_mandatory(void **state)
{
	check_mandatory(*state, 0, 42, 0);
}

static void test_mandatory_with_loss(void **state)
{
	check_mandatory(*state, 0.2, 74, 0);
}

static void test_recall(void **state)
{
	check_mandatory(*state, 0.01, 121, 0);
}

static void test_up_to_date(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	static const uint32_t versions[] = {100, 104, 105, 106, 120};
	lab_open(lab, &box, 105, ROW);
	fake_box_deinit(&box);
	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		fake_box_init(&box, lab->tx.root_text, CLASS, versions[i], SLOT_BYTES);
		assert_int_equal(fake_box_start(&box), 0);
		fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
		assert_int_equal(box.boot.calls, 0);
		assert_int_equal(box.storage.file[RX_SLOT_TARGET].num_pending, 0);
		fake_box_deinit(&box);
	}
}

static void test_offer(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, ROW);
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), CAROUSEL_E_NOT_FOUND);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(box.offers, 1);
	assert_int_equal(box.boot.tries[1], 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 99, box.now_ns), CAROUSEL_E_ARGUMENT);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 105, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

static void test_decline(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	fake_box_power_cut(&box, 1);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 2);
	/* Until current changes. */
	lab_put_map(lab, 11, "map " CLASS " production 75 100 106 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 4);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), 0);
	/* Or until it becomes mandatory. */
	lab_put_map(lab, 12, "map " CLASS " production 90 100 106 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	assert_true(fake_box_holds(&box, &lab->image[2]));
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), CAROUSEL_E_REFUSED);
	fake_box_deinit(&box);
}

static void test_declined_then_wanted(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	fake_box_deinit(&box);
}

static void test_install_now(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 102, ROW);
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), CAROUSEL_E_NOT_FOUND);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	fake_box_deinit(&box);
	fake_box_init(&box, lab->tx.root_text, CLASS, 112, SLOT_BYTES);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), CAROUSEL_E_REFUSED);
	fake_box_deinit(&box);
}

static void test_defer(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 0, box.now_ns), CAROUSEL_E_ARGUMENT);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 31 * 86400, box.now_ns), CAROUSEL_E_ARGUMENT);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 600, box.now_ns), 0);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_SCHEDULED);
	fake_box_wait(&box, 590ull * SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_SCHEDULED);
	fake_box_wait(&box, 20ull * SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_OFFERED);
	assert_int_equal(box.offers, 2);
	/* In gate time too, through a restart. */
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 600, box.now_ns), 0);
	fake_box_work(&box);
	fake_box_power_cut(&box, 2);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_SCHEDULED, 3);
	lab->tx.time_s += 700;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 2);
	fake_box_deinit(&box);
}

static void test_inhibit(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, ROW);
	box.config.mandatory_wait_s = 1000;
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_UNINHIBIT, 0, box.now_ns), CAROUSEL_E_NOT_FOUND);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INHIBIT, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_SCHEDULED, 3);
	assert_int_equal(box.boot.tries[1], 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_UNINHIBIT, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
	/* What is mandatory waits no longer than the cap. */
	fake_box_init(&box, lab->tx.root_text, CLASS, 42, SLOT_BYTES);
	box.config.mandatory_wait_s = 1000;
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INHIBIT, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_SCHEDULED, 3);
	fake_box_wait(&box, 1001ull * SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

static void test_pause(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, ROW);
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_PAUSE, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_RECEIVING, 3);
	lab->tx.send = fake_box_hear;
	lab->tx.user = &box;
	fake_tx_pass(&lab->tx);
	assert_int_equal(status_number(&box, "image", "symbols_have"), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_RESUME, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 3);
	fake_box_deinit(&box);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_mandatory, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_mandatory_with_loss, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_recall, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_up_to_date, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_offer, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_decline, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_declined_then_wanted, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_install_now, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_defer, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_inhibit, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_pause, lab_setup, lab_teardown),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
