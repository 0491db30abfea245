/* The receiver as a whole, in virtual time: from the first packet to the boot loader, and every way off that path. */
#include "carousel_rx.h"

#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

/* covers: carousel-rx/agent.c carousel-rx/agent_boot.c carousel-rx/agent_request.c carousel-rx/agent_slot.c
 * covers: carousel-rx/desk.c carousel-rx/report.c */

/* ---- the main way -------------------------------------------------------------------------------- */

static void check_mandatory(struct lab *lab, double loss, uint32_t version)
{
	struct fake_box box;
	lab_open(lab, &box, version, LAB_ROW);
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
	check_mandatory(*state, 0, 42);
}

static void test_mandatory_with_loss(void **state)
{
	check_mandatory(*state, 0.2, 74);
}

static void test_recall(void **state)
{
	check_mandatory(*state, 0.01, 121);
}

static void test_many_blocks_of_raptorq(void **state)
{
	check_mandatory(*state, 0.1, 42);
}

static void test_up_to_date(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	static const uint32_t versions[] = {100, 104, 105, 106, 120};
	lab_open(lab, &box, 105, LAB_ROW);
	fake_box_deinit(&box);
	for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		fake_box_init(&box, lab->tx.root_text, LAB_CLASS, versions[i], LAB_SLOT_BYTES);
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
	lab_open(lab, &box, 82, LAB_ROW);
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
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	fake_box_power_cut(&box, 1);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 2);
	/* Until current changes. */
	lab_put_map(lab, 11, "map " LAB_CLASS " production 75 100 106 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 4);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), 0);
	/* Or until it becomes mandatory. */
	lab_put_map(lab, 12, "map " LAB_CLASS " production 90 100 106 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	assert_true(fake_box_holds(&box, &lab->image[2]));
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), CAROUSEL_E_REFUSED);
	fake_box_deinit(&box);
}

static void test_declined_then_wanted(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DECLINE, 0, box.now_ns), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	fake_box_deinit(&box);
}

/* A yes is to one image, not to whatever comes. */
static void test_accepted_and_replaced(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INHIBIT, 0, box.now_ns), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_SCHEDULED);
	lab_put_map(lab, 11, "map " LAB_CLASS " production 75 100 106 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 6);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_UNINHIBIT, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_OFFERED);
	assert_int_equal(box.boot.tries[1], 0);
	fake_box_deinit(&box);
}

static void test_install_now(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 102, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), CAROUSEL_E_NOT_FOUND);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	fake_box_deinit(&box);
	fake_box_init(&box, lab->tx.root_text, LAB_CLASS, 112, LAB_SLOT_BYTES);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), CAROUSEL_E_REFUSED);
	fake_box_deinit(&box);
}

static void test_defer(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 0, box.now_ns), CAROUSEL_E_ARGUMENT);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 31 * 86400, box.now_ns), CAROUSEL_E_ARGUMENT);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_DEFER, 600, box.now_ns), 0);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_SCHEDULED);
	fake_box_wait(&box, 590ull * LAB_SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_SCHEDULED);
	fake_box_wait(&box, 20ull * LAB_SECOND_NS);
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
	lab_open(lab, &box, 42, LAB_ROW);
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
	fake_box_init(&box, lab->tx.root_text, LAB_CLASS, 42, LAB_SLOT_BYTES);
	box.config.mandatory_wait_s = 1000;
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INHIBIT, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_SCHEDULED, 3);
	fake_box_wait(&box, 1001ull * LAB_SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

static void test_pause(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_PAUSE, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_RECEIVING, 3);
	lab_pass(lab, &box);
	assert_int_equal(lab_status(&box, "image", "symbols_have"), 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_RESUME, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 3);
	fake_box_deinit(&box);
}

/* ---- configuration and memory ---------------------------------------------------------------------- */

static void test_configuration(void **state)
{
	struct lab *lab = *state;
	struct carousel_rx_config good;
	struct fake_box box;
	lab_box(lab, &box, 42);
	good = box.config;
#define REFUSED(change, error)                                                                                         \
	box.config = good;                                                                                             \
	box.config.change;                                                                                             \
	assert_int_equal(fake_box_start(&box), error)
	REFUSED(storage = NULL, CAROUSEL_E_ARGUMENT);
	REFUSED(boot = NULL, CAROUSEL_E_ARGUMENT);
	REFUSED(box_id = NULL, CAROUSEL_E_ARGUMENT);
	REFUSED(box_id = "Upper", CAROUSEL_E_ARGUMENT);
	REFUSED(hardware_class = NULL, CAROUSEL_E_ARGUMENT);
	REFUSED(hardware_class = "", CAROUSEL_E_ARGUMENT);
	REFUSED(hardware_class = "*", CAROUSEL_E_ARGUMENT);
	REFUSED(category = "two words", CAROUSEL_E_ARGUMENT);
	REFUSED(tsi = 0, CAROUSEL_E_ARGUMENT);
	REFUSED(tsi = UINT32_MAX, CAROUSEL_E_ARGUMENT);
	REFUSED(memory_bytes = (8 << 20) - 1, CAROUSEL_E_ARGUMENT);
	REFUSED(trust_root = NULL, CAROUSEL_E_ARGUMENT);
	REFUSED(trust_root_len -= 5, CAROUSEL_E_SYNTAX);
	box.config = good;
	box.config.trust_root = lab->image[0].manifest_text;
	box.config.trust_root_len = strlen(lab->image[0].manifest_text);
	assert_int_equal(fake_box_start(&box), CAROUSEL_E_WRONG_TYPE);
	box.config = good;
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_request(box.rx, (enum carousel_rx_verb)99, 0, box.now_ns), CAROUSEL_E_ARGUMENT);
	fake_box_deinit(&box);
	carousel_rx_free(NULL);
}

static void test_sessions_of_the_map(void **state)
{
	struct lab *lab = *state;
	struct carousel_rx_session session;
	struct fake_box box;
	lab_open(lab, &box, 105, LAB_ROW "session six [ff3e::95]:4002 source=2001:db8::7 tsi=4003\n");
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_session_at(box.rx, 0, &session), CAROUSEL_E_NOT_FOUND);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(carousel_rx_session_at(box.rx, 0, &session), 0);
	assert_string_equal(session.name, "main");
	assert_int_equal(session.group.port, 4001);
	assert_int_equal(session.group.ip[3], 95);
	assert_int_equal(session.source.family, 0);
	assert_int_equal(carousel_rx_session_at(box.rx, 1, &session), 0);
	assert_int_equal(session.source.family, 6);
	assert_int_equal(session.tsi, 4003);
	assert_int_equal(carousel_rx_session_at(box.rx, 2, &session), CAROUSEL_E_NOT_FOUND);
	fake_box_deinit(&box);
}

struct scarce {
	uint64_t left, made;
	int64_t live;
};

static void *scarce_alloc(void *user, size_t bytes)
{
	struct scarce *s = user;
	void *ptr;
	s->made++;
	if (s->left-- == 0)
		return NULL;
	ptr = malloc(bytes);
	s->live += ptr != NULL;
	return ptr;
}

static void scarce_free(void *user, void *ptr)
{
	((struct scarce *)user)->live -= ptr != NULL;
	free(ptr);
}

/* One allocation fails, whichever it is: the box either does not start, or gets there all the same. */
static void test_one_allocation_fails(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	fake_box_deinit(&box);
	for (uint64_t n = 0;; n += 1 + n / 5) {
		struct scarce scarce = {.left = n};
		int result;
		lab_box(lab, &box, 42);
		box.config.alloc_user = &scarce;
		box.config.alloc = scarce_alloc;
		box.config.free = scarce_free;
		result = fake_box_start(&box);
		assert_true(result == 0 || result == CAROUSEL_E_MEMORY);
		if (result == 0)
			fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 400);
		fake_box_deinit(&box);
		assert_int_equal(scarce.live, 0);
		if (scarce.made < n)
			break;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(test_mandatory, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_mandatory_with_loss, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_recall, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_many_blocks_of_raptorq, lab_setup_raptorq, lab_teardown),
	cmocka_unit_test_setup_teardown(test_up_to_date, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_offer, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_decline, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_declined_then_wanted, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_accepted_and_replaced, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_install_now, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_defer, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_inhibit, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_pause, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_configuration, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_sessions_of_the_map, lab_setup, lab_teardown),
	cmocka_unit_test_setup_teardown(test_one_allocation_fails, lab_setup, lab_teardown),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
