/* A slot that somebody else wrote to after it had been verified: before the switch, and while the switch waits for the
 * reboot. */
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include "carousel-rx/receiver.h"

/* covers: carousel-rx/agent_slot.c carousel-rx/agent_boot.c carousel-rx/explain.c */

static void reach_offer(struct lab *lab, struct fake_box *box)
{
	lab_open(lab, box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(box), 0);
	fake_box_until(box, &lab->tx, CAROUSEL_RX_OFFERED, 3);
}

static void reach_reboot(struct lab *lab, struct fake_box *box)
{
	lab_open(lab, box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(box), 0);
	fake_box_until(box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	assert_int_equal(box->reboots, 1);
}

static void spoil(struct fake_box *box)
{
	struct ram_file *slot = &box->storage.file[RX_SLOT_TARGET];
	slot->now[12345] ^= 1;
	slot->durable[12345] ^= 1;
}

static bool explains(const struct fake_box *box, const char *words)
{
	char *text = carousel_rx_explain_json(box->rx, box->now_ns);
	bool has = strstr(text, words) != NULL;
	carousel_rx_string_free(box->rx, text);
	return has;
}

static void test_an_old_verification_is_made_again(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	uint64_t read;
	reach_offer(lab, &box);
	fake_box_wait(&box, 61 * LAB_SECOND_NS);
	read = box.storage.bytes_read;
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_INSTALLING);
	assert_true(explains(&box, "verified; the slot is read back once more"));
	assert_int_equal(box.boot.tries[1], 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_true(box.storage.bytes_read - read >= lab->image[0].manifest.layout.image_bytes);
	assert_int_equal(box.reboots, 1);
	fake_box_deinit(&box);
}

static void test_a_young_one_is_not(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	uint64_t read;
	reach_offer(lab, &box);
	fake_box_wait(&box, 30 * LAB_SECOND_NS);
	read = box.storage.bytes_read;
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_int_equal(box.storage.bytes_read, read);
	fake_box_deinit(&box);
}

/* Never handed to the boot loader; what is wrong is received again, and then it is. */
static void test_changed_before_the_switch(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	reach_offer(lab, &box);
	fake_box_wait(&box, 61 * LAB_SECOND_NS);
	spoil(&box);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	assert_int_equal(box.alarm_error, CAROUSEL_E_DIGEST);
	assert_int_equal(box.boot.tries[1], 0);
	assert_true(box.boot.is_bad[1]);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	assert_int_equal(box.boot.first, 1);
	fake_box_deinit(&box);
}

/* Restarted between the switch and the reboot: read back before the reboot is asked for, and taken back if wrong. */
static void test_changed_before_the_reboot(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	reach_reboot(lab, &box);
	spoil(&box);
	box.hold_jobs = true;
	assert_int_equal(fake_box_start(&box), 0);
	assert_int_equal(carousel_rx_on_deadline(box.rx, box.now_ns), 0);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_true(explains(&box, "installed; the slot is read back once more"));
	assert_int_equal(box.reboots, 1);
	box.hold_jobs = false;
	fake_box_work(&box);
	assert_int_equal(box.reboots, 1);
	assert_int_equal(box.alarm_error, CAROUSEL_E_DIGEST);
	assert_true(box.boot.is_bad[1]);
	assert_int_equal(box.boot.first, 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	assert_int_equal(box.boot.first, 1);
	assert_int_equal(box.reboots, 2);
	fake_box_deinit(&box);
}

/* The reading back, under way. */
static struct carousel_job *begin_check(struct fake_box *box)
{
	struct carousel_job *job;
	while ((job = carousel_rx_next_job(box->rx)) != NULL && !carousel_job_is_background(job)) {
		carousel_job_run(job);
		assert_int_equal(carousel_rx_job_done(box->rx, job, box->now_ns), 0);
	}
	assert_non_null(job);
	return job;
}

/* The map takes it back while it is being read. */
static void test_withdrawn_meanwhile(void **state)
{
	struct lab *lab = *state;
	for (unsigned is_switched = 0; is_switched < 2; is_switched++) {
		struct fake_box box;
		struct carousel_job *check;
		if (is_switched) {
			reach_reboot(lab, &box);
			box.hold_jobs = true;
			assert_int_equal(fake_box_start(&box), 0);
			assert_int_equal(carousel_rx_on_deadline(box.rx, box.now_ns), 0);
			box.hold_jobs = false;
		} else {
			reach_offer(lab, &box);
			fake_box_wait(&box, 61 * LAB_SECOND_NS);
			assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
		}
		check = begin_check(&box);
		lab_put_map(lab, 11 + is_switched, "map " LAB_CLASS " production 0 0 100 120 hold\n");
		fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
		carousel_job_run(check);
		assert_int_equal(carousel_rx_job_done(box.rx, check, box.now_ns), 0);
		fake_box_work(&box);
		assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
		assert_int_equal(box.rx->slot.step, SLOT_IDLE);
		assert_int_equal(box.boot.first, 0);
		assert_true(box.boot.is_bad[1]);
		assert_int_equal(box.reboots, is_switched);
		fake_box_deinit(&box);
	}
}

#define RECHECK(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECHECK(test_an_old_verification_is_made_again),
		RECHECK(test_a_young_one_is_not),
		RECHECK(test_changed_before_the_switch),
		RECHECK(test_changed_before_the_reboot),
		RECHECK(test_withdrawn_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
