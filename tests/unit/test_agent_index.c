/* An image that is wrong as a whole, and a chunk index that never comes. */
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include "carousel-rx/receiver.h"
#include "carousel-rx/store/store_internal.h"

#include <stdio.h>

static struct fake_object *on_air(struct lab *lab, const char *role, uint32_t version)
{
	for (unsigned i = 0; i < lab->tx.num_objects; i++)
		if (strcmp(lab->tx.objects[i].role, role) == 0 && lab->tx.objects[i].version == version)
			return &lab->tx.objects[i];
	fail_msg("not on the air");
	return NULL;
}

static void expect_explained(const struct fake_box *box, const char *word, const char *index)
{
	char *text = carousel_rx_explain_json(box->rx, box->now_ns);
	char member[64];
	snprintf(member, sizeof(member), "\"index\":\"%s\"", index);
	if (strstr(text, word) == NULL || strstr(text, member) == NULL)
		fail_msg("neither %s nor %s in %s", word, member, text);
	carousel_rx_string_free(box->rx, text);
}

/* A box that has received the image with one symbol forged, and no index. */
static void receive_forged(struct lab *lab, struct fake_box *box)
{
	struct fake_object *image;
	lab_open(lab, box, 42, LAB_ROW);
	on_air(lab, "index", 105)->is_silent = true;
	image = on_air(lab, "image", 105);
	image->bytes[12345] ^= 1;
	assert_int_equal(fake_box_start(box), 0);
	while (box->rx->slot.step != SLOT_COLLECTING || !box->alarms) {
		lab_pass(lab, box);
		fake_box_wait(box, 2 * LAB_SECOND_NS);
		assert_true(image->pass < 5);
	}
	assert_int_equal(box->alarm_error, CAROUSEL_E_DIGEST);
	image->bytes[12345] ^= 1;
	fake_box_wait(box, 2 * LAB_SECOND_NS);
	expect_explained(box, "its chunk index is waited for", "awaited");
}

static unsigned passes_until_alarm(struct lab *lab, struct fake_box *box, bool cuts)
{
	unsigned passes = 0, alarms = box->alarms;
	while (box->alarms == alarms) {
		lab_pass(lab, box);
		fake_box_wait(box, 2 * LAB_SECOND_NS);
		assert_true(passes++ < 8);
		if (cuts) {
			fake_box_power_cut(box, passes);
			fake_box_wait(box, 2 * LAB_SECOND_NS);
			alarms = box->alarm_error == CAROUSEL_E_NOT_FOUND ? alarms : box->alarms;
		}
	}
	assert_int_equal(box->alarm_error, CAROUSEL_E_NOT_FOUND);
	return passes;
}

static void finish(struct lab *lab, struct fake_box *box)
{
	expect_explained(box, "for no chunk index came", "given-up");
	fake_box_until(box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 3);
	assert_true(fake_box_holds(box, &lab->image[0]));
	assert_int_equal(box->rx->memo.doubt_heard, 0);
	fake_box_deinit(box);
}

static void test_is_given_up(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	unsigned passes;
	receive_forged(lab, &box);
	passes = passes_until_alarm(lab, &box, false);
	assert_in_range(passes, 3, 4);
	finish(lab, &box);
}

/* What was heard before a power cut counts: a box that is on for a pass at a time gets through, too. */
static void test_is_given_up_over_power_cuts(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	receive_forged(lab, &box);
	assert_in_range(passes_until_alarm(lab, &box, true), 3, 6);
	finish(lab, &box);
}

/* Restarted while it receives anew: it does not wait a second time. */
static void test_stays_given_up(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	receive_forged(lab, &box);
	passes_until_alarm(lab, &box, false);
	fake_box_power_cut(&box, 7);
	fake_box_wait(&box, 2 * LAB_SECOND_NS);
	assert_true(agent_index_is_given_up(box.rx));
	assert_int_equal(agent_index_patience(box.rx), 0);
	assert_true(box.rx->store->has_given_up_index);
	finish(lab, &box);
}

/* The index comes in time: only what is wrong is received again. */
static void test_index_in_time(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	uint64_t before;
	receive_forged(lab, &box);
	before = agent_index_patience(box.rx);
	lab_pass(lab, &box);
	assert_true(agent_index_patience(box.rx) < before);
	on_air(lab, "index", 105)->is_silent = false;
	on_air(lab, "image", 105)->is_silent = true;
	lab_pass(lab, &box);
	fake_box_wait(&box, 2 * LAB_SECOND_NS);
	assert_in_range(lab_status(&box, "image", "symbols_need") - lab_status(&box, "image", "symbols_have"), 1, 8);
	expect_explained(&box, "symbols received", "held");
	on_air(lab, "image", 105)->is_silent = false;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 3);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

/* One of another digest is no index: bounded in the same way. */
static void test_false_index(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	struct fake_object *index;
	receive_forged(lab, &box);
	index = on_air(lab, "index", 105);
	index->is_silent = false;
	index->bytes[100] ^= 1;
	passes_until_alarm(lab, &box, false);
	finish(lab, &box);
}

#define WITH_LAB(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_LAB(test_is_given_up),
		WITH_LAB(test_is_given_up_over_power_cuts),
		WITH_LAB(test_stays_given_up),
		WITH_LAB(test_index_in_time),
		WITH_LAB(test_false_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
