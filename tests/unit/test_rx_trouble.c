/* The receiver off its main way: power cuts, trials that fail, changes in mid-reception, storage that fails. */
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include <jansson.h>
#include <string.h>

/* covers: carousel-rx/agent.c carousel-rx/agent_boot.c carousel-rx/agent_slot.c carousel-rx/desk.c */

/* A box of a new lab in the midst of an image, of which it hears half. */
static void half_received(struct lab *lab, struct fake_box *box)
{
	lab_open(lab, box, 42, LAB_ROW);
	box->loss = 0.5;
	assert_int_equal(fake_box_start(box), 0);
	for (unsigned i = 0; i < 2; i++) {
		lab_pass(lab, box);
		fake_box_wait(box, 3 * LAB_SECOND_NS);
	}
	assert_int_equal(carousel_rx_state(box->rx), CAROUSEL_RX_RECEIVING);
}

/* ---- power --------------------------------------------------------------------------------------- */

static void test_restart_keeps_what_was_heard(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	long long have;
	half_received(lab, &box);
	have = lab_status(&box, "image", "symbols_have");
	assert_true(have > 50);
	fake_box_power_cut(&box, 3);
	/* Without a packet: the map and manifest are held, the symbols found again. */
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	assert_int_equal(lab_status(&box, "image", "symbols_have"), have);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 12);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

/* The power goes at the n-th changing call, for many n; the box always ends with the right image, and never has
 * a slot that may be booted with anything else. */
static void test_power_cuts_everywhere(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	fake_box_deinit(&box);
	for (uint64_t at = 0; at < 120; at += 1 + at / 12) {
		unsigned cuts = 0;
		lab_box(lab, &box, 42);
		assert_int_equal(fake_box_start(&box), 0);
		lab->tx.send = fake_box_hear;
		lab->tx.user = &box;
		box.storage.calls_left = at;
		for (unsigned pass = 0; pass < 20 && carousel_rx_state(box.rx) != CAROUSEL_RX_PENDING_REBOOT; pass++) {
			fake_tx_pass(&lab->tx);
			fake_box_wait(&box, 2 * LAB_SECOND_NS);
			if (box.boot.first == 1)
				assert_true(fake_box_holds(&box, &lab->image[0]));
			if (box.storage.is_off) {
				fake_box_power_cut(&box, at + pass);
				box.storage.calls_left = cuts++ ? UINT64_MAX : at + 3;
			}
		}
		assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
		assert_true(fake_box_holds(&box, &lab->image[0]));
		assert_false(box.boot.wrote_before_mark);
		fake_box_deinit(&box);
	}
}

static void test_flush_writes_what_is_staged(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	long long have;
	lab_open(lab, &box, 42, LAB_ROW);
	box.loss = 0.6;
	assert_int_equal(fake_box_start(&box), 0);
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_flush(box.rx, box.now_ns), 0);
	fake_box_work(&box);
	have = lab_status(&box, "image", "symbols_have");
	assert_true(have > 0);
	fake_box_power_cut(&box, 4);
	assert_int_equal(lab_status(&box, "image", "symbols_have"), have);
	fake_box_deinit(&box);
}

/* ---- trials --------------------------------------------------------------------------------------- */

static void reach_trial(struct lab *lab, struct fake_box *box, uint32_t runs)
{
	lab_open(lab, box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(box), 0);
	fake_box_until(box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_reboot(box, runs);
}

static void test_nothing_is_received_on_trial(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	unsigned calls;
	reach_trial(lab, &box, 105);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_TRIAL);
	calls = box.boot.calls;
	/* The map would have it move on at once. */
	lab_put_map(lab, 11, "map " LAB_CLASS " production 106 106 106 120\n");
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_TRIAL);
	assert_int_equal(box.boot.calls, calls);
	assert_int_equal(box.storage.file[RX_SLOT_TARGET].num_pending, 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_HEALTHY, 0, box.now_ns), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	assert_true(fake_box_holds(&box, &lab->image[2]));
	fake_box_deinit(&box);
}

static void test_another_version_runs(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	reach_trial(lab, &box, 104);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_FAILED);
	assert_int_equal(box.alarm_error, CAROUSEL_E_VERSION);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_HEALTHY, 0, box.now_ns), CAROUSEL_E_REFUSED);
	assert_int_equal(box.boot.state.is_confirmed, 0);
	/* A restart of the process is no new attempt. */
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_FAILED);
	fake_box_reboot(&box, 104);
	fake_box_reboot(&box, 104);
	fake_box_reboot(&box, 42);
	assert_int_equal(box.boot.state.running, 0);
	assert_true(box.boot.state.fell_back);
	/* The second attempt needs no airtime: the slot still holds the image. */
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 1);
	fake_box_reboot(&box, 104);
	fake_box_reboot(&box, 104);
	fake_box_reboot(&box, 104);
	fake_box_reboot(&box, 42);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 1);
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_FAILED);
	assert_int_equal(box.boot.state.running, 0);
	/* Until the row says so. */
	lab_put_map(lab, 12, "map " LAB_CLASS " production 75 100 105 120 retry=1\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 3);
	fake_box_deinit(&box);
}

static void test_fell_back(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	reach_trial(lab, &box, 105);
	fake_box_reboot(&box, 105);
	fake_box_reboot(&box, 105);
	fake_box_reboot(&box, 42);
	assert_int_equal(box.boot.state.running, 0);
	assert_int_equal(box.alarm_error, CAROUSEL_E_REFUSED);
	fake_box_deinit(&box);
}

static void test_pending_reboot_survives_a_restart(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	unsigned calls;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	calls = box.boot.calls;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_int_equal(box.boot.calls, calls);
	assert_int_equal(box.reboots, 2);
	/* The map takes it back before the box has rebooted. */
	lab_put_map(lab, 11, "map " LAB_CLASS " production 0 0 100 120 hold\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_true(box.boot.is_bad[1]);
	assert_int_equal(box.boot.first, 0);
	fake_box_deinit(&box);
}

/* ---- changes in mid-reception ---------------------------------------------------------------------- */

static void start_half(struct lab *lab, struct fake_box *box)
{
	lab_open(lab, box, 42, LAB_ROW);
	box->loss = 0.6;
	assert_int_equal(fake_box_start(box), 0);
	lab_pass(lab, box);
	fake_box_wait(box, 2 * LAB_SECOND_NS);
	lab_pass(lab, box);
	fake_box_wait(box, 2 * LAB_SECOND_NS);
	assert_int_equal(carousel_rx_state(box->rx), CAROUSEL_RX_RECEIVING);
	assert_true(lab_status(box, "image", "symbols_have") > 0);
	box->loss = 0;
}

static void test_image_replaced(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start_half(lab, &box);
	lab_put_map(lab, 11, "map " LAB_CLASS " production 75 100 106 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	assert_true(fake_box_holds(&box, &lab->image[2]));
	fake_box_deinit(&box);
}

static void test_image_withdrawn(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start_half(lab, &box);
	lab_put_map(lab, 11, "map " LAB_CLASS " production 0 0 42 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	lab_pass(lab, &box);
	assert_int_equal(box.boot.first, 0);
	/* And back. */
	lab_put_map(lab, 12, LAB_ROW);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

/* The decision that counts is made with the newest map: an offer that was accepted in advance is one no more. */
static void test_map_changes_before_the_end(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start_half(lab, &box);
	lab_put_map(lab, 11, "map " LAB_CLASS " production 0 75 105 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 6);
	assert_int_equal(box.boot.first, 0);
	fake_box_deinit(&box);
}

static void test_objects_off_the_air_and_on_again(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start_half(lab, &box);
	fake_tx_remove(&lab->tx, "image", 105);
	lab_pass(lab, &box);
	fake_box_wait(&box, 100 * LAB_SECOND_NS);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	fake_tx_put_image(&lab->tx, &lab->image[0]);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_deinit(&box);
}

/* A manifest that comes after its map, and a map after its manifest. */
static void test_manifest_comes_late(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_put_map(lab, 10, LAB_ROW);
	fake_tx_put_image(&lab->tx, &lab->image[0]);
	lab_box(lab, &box, 42);
	assert_int_equal(fake_box_start(&box), 0);
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	lab_put_manifests(lab);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_deinit(&box);
}

/* ---- storage and boot loader ------------------------------------------------------------------------ */

static void test_slot_holds_it_already(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	ram_storage_set(&box.storage, RX_SLOT_TARGET, lab->image[0].bytes, lab->image[0].len);
	assert_int_equal(fake_box_start(&box), 0);
	for (unsigned i = 0; i < lab->tx.num_objects; i++)
		if (strcmp(lab->tx.objects[i].role, "image") == 0)
			lab->tx.objects[i].is_silent = true;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 2);
	assert_false(box.boot.is_bad[1]);
	fake_box_deinit(&box);
}

/* A blank slot is not hashed, so that no pass is missed; one that holds something is. */
static void test_blank_slot_is_not_probed(void **state)
{
	static const uint8_t fills[] = {0x00, 0xff, 0x55};
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	fake_box_deinit(&box);
	for (unsigned i = 0; i < sizeof(fills); i++) {
		lab_box(lab, &box, 42);
		memset(box.storage.file[RX_SLOT_TARGET].now, fills[i], LAB_SLOT_BYTES);
		assert_int_equal(fake_box_start(&box), 0);
		for (unsigned k = 0; k < lab->tx.num_objects; k++)
			lab->tx.objects[k].is_silent = lab->tx.objects[k].role[0] == 'i'; /* image, index */
		fake_box_until(&box, &lab->tx, CAROUSEL_RX_RECEIVING, 2);
		assert_true(box.boot.is_bad[1]);
		assert_int_equal(box.storage.bytes_read >= lab->image[0].len, fills[i] == 0x55);
		fake_box_deinit(&box);
	}
}

static void test_slot_too_small(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	fake_box_deinit(&box);
	fake_box_init(&box, lab->tx.root_text, LAB_CLASS, 42, 200000);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	assert_int_equal(box.alarm_error, CAROUSEL_E_SLOT_TOO_SMALL);
	assert_int_equal(box.boot.first, 0);
	fake_box_deinit(&box);
}

/* A slot that was too small and has grown, as after a new partition table, is used from the next start on. */
static void test_slot_that_grows(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_stop(&box);
	box.storage.file[RX_SLOT_TARGET].device_bytes = 200000;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	assert_int_equal(box.alarm_error, CAROUSEL_E_SLOT_TOO_SMALL);
	fake_box_stop(&box);
	box.storage.file[RX_SLOT_TARGET].device_bytes = LAB_SLOT_BYTES;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 8);
	fake_box_deinit(&box);
}

/* The clock of a box jumps when somebody sets it, or when a machine under it sleeps. */
static void test_clock_that_jumps(void **state)
{
	static const int64_t jumps[] = {3600 * (int64_t)LAB_SECOND_NS, -3600 * (int64_t)LAB_SECOND_NS,
		86400 * 3650ll * (int64_t)LAB_SECOND_NS, -86400 * 3650ll * (int64_t)LAB_SECOND_NS};
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	box.loss = 0.5;
	assert_int_equal(fake_box_start(&box), 0);
	box.now_ns += 7200 * LAB_SECOND_NS; /* so that the first jump back is one */
	for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		lab_pass(lab, &box);
		box.now_ns += (uint64_t)jumps[i];
		fake_box_wait(&box, 3 * LAB_SECOND_NS);
	}
	box.loss = 0;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 12);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

static void test_boot_loader_fails(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	box.boot.fail_calls = 1;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	assert_false(box.boot.wrote_before_mark);
	fake_box_wait(&box, 700 * LAB_SECOND_NS);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_deinit(&box);
}

/* A healthy box does not fall back because its flash failed once. */
static void test_confirming_is_tried_again(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	reach_trial(lab, &box, 105);
	box.boot.fail_calls = 2;
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_HEALTHY, 0, box.now_ns), 0);
	fake_box_wait(&box, LAB_SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_TRIAL);
	assert_int_equal(box.alarm_error, CAROUSEL_E_STORAGE);
	fake_box_wait(&box, 12 * LAB_SECOND_NS);
	assert_int_equal(box.boot.fail_calls, 0);
	assert_int_equal(box.boot.state.is_confirmed, 1);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	fake_box_deinit(&box);
}

static void test_storage_fails_for_a_while(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	box.storage.fail_with = CAROUSEL_E_NO_SPACE;
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_not_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_int_equal(box.alarm_error, CAROUSEL_E_NO_SPACE);
	box.storage.fail_with = 0;
	fake_box_wait(&box, 700 * LAB_SECOND_NS);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 8);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

static long long root_number(const struct fake_box *box, const char *key)
{
	char *text = carousel_rx_status_json(box->rx, box->now_ns);
	json_t *status = json_loads(text, 0, NULL);
	long long value =
		json_is_integer(json_object_get(status, key)) ? json_integer_value(json_object_get(status, key)) : -1;
	json_decref(status);
	carousel_rx_string_free(box->rx, text);
	return value;
}

/* A full disk is tried again soon, then less and less often; whoever asks is told when. One alarm, not one a try. */
static void test_full_disk_is_tried_again(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	long long wait_s, longest_s = 0;
	unsigned alarms;
	char *text;
	half_received(lab, &box);
	box.storage.fail_with = CAROUSEL_E_NO_SPACE;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	wait_s = root_number(&box, "retry_s");
	assert_in_range(wait_s, 1, 5);
	text = carousel_rx_explain_json(box.rx, box.now_ns);
	assert_non_null(strstr(text, "; tried again in "));
	carousel_rx_string_free(box.rx, text);
	alarms = box.alarms;
	for (unsigned minute = 0; minute < 60; minute++) {
		fake_box_wait(&box, 60 * LAB_SECOND_NS);
		lab_pass(lab, &box);
		wait_s = root_number(&box, "retry_s");
		if (wait_s > longest_s)
			longest_s = wait_s;
	}
	assert_in_range(longest_s, 300, 600);
	assert_int_equal(box.alarms, alarms);
	box.storage.fail_with = 0;
	fake_box_wait(&box, 601 * LAB_SECOND_NS);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 8);
	assert_int_equal(root_number(&box, "retry_s"), -1);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

/* The first try after a short trouble comes within seconds. */
static void test_short_trouble_costs_seconds(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	half_received(lab, &box);
	box.storage.fail_with = CAROUSEL_E_NO_SPACE;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	box.storage.fail_with = 0;
	fake_box_wait(&box, 6 * LAB_SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 8);
	fake_box_deinit(&box);
}

/* What cannot be remembered is not begun: the boot loader hears nothing that a restart would not know of. */
static void test_state_fails_at_the_switch(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 4);
	box.storage.fail_with = CAROUSEL_E_READ_ONLY;
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_FAILED);
	assert_int_equal(box.boot.tries[1], 0);
	assert_int_equal(box.boot.first, 0);
	box.storage.fail_with = 0;
	fake_box_wait(&box, 700 * LAB_SECOND_NS);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	fake_box_deinit(&box);
}

static void test_damaged_files(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	static const char *const texts[] = {
		"", "{", "{}", "[1,2]", "not json at all\n\n", "{\"format\":\"carousel-rx-state/1\"}"};
	lab_open(lab, &box, 42, LAB_ROW);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		box.alarms = 0;
		fake_box_stop(&box);
		ram_storage_set(&box.storage, RX_STATE, texts[i], strlen(texts[i]));
		ram_storage_set(&box.storage, RX_DOCUMENTS, texts[i], strlen(texts[i]));
		ram_storage_set(&box.storage, RX_JOURNAL, texts[i], strlen(texts[i]));
		assert_int_equal(fake_box_start(&box), 0);
		fake_box_work(&box);
		assert_int_equal(box.alarms > 0, i > 0);
		assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	}
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_deinit(&box);
}

static void test_hardware_floor(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 121, LAB_ROW);
	box.config.hardware_floor = 110;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	assert_int_equal(box.boot.calls, 0);
	fake_box_deinit(&box);
}

static void test_prefetch(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 102, LAB_ROW);
	box.config.prefetch = CAROUSEL_RX_PREFETCH_ALWAYS;
	assert_int_equal(fake_box_start(&box), 0);
	for (unsigned i = 0; i < 4; i++)
		lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	assert_int_equal(box.boot.first, 0);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), 0);
	fake_box_work(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

static void test_offers_ignored_and_monthly(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, LAB_ROW);
	box.config.offers = CAROUSEL_RX_OFFERS_IGNORE;
	assert_int_equal(fake_box_start(&box), 0);
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	assert_int_equal(box.boot.calls, 0);
	fake_box_deinit(&box);
	lab_box(lab, &box, 82);
	box.config.offers = CAROUSEL_RX_OFFERS_INSTALL;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 4);
	fake_box_deinit(&box);
	lab_box(lab, &box, 82);
	box.config.offers = CAROUSEL_RX_OFFERS_MONTHLY;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 4);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_work(&box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVED);
	lab->tx.time_s += 31 * 86400;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 2);
	assert_int_equal(box.offers, 2);
	fake_box_deinit(&box);
}

static void test_unreadable_version(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	box.config.version = "1.2-dirty";
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(box.alarm_error, CAROUSEL_E_VERSION);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_INSTALL_NOW, 0, box.now_ns), CAROUSEL_E_REFUSED);
	assert_int_equal(box.boot.calls, 0);
	fake_box_deinit(&box);
}

#define TROUBLE(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

static const struct CMUnitTest tests[] = {
	TROUBLE(test_restart_keeps_what_was_heard),
	TROUBLE(test_power_cuts_everywhere),
	TROUBLE(test_flush_writes_what_is_staged),
	TROUBLE(test_nothing_is_received_on_trial),
	TROUBLE(test_another_version_runs),
	TROUBLE(test_fell_back),
	TROUBLE(test_pending_reboot_survives_a_restart),
	TROUBLE(test_image_replaced),
	TROUBLE(test_image_withdrawn),
	TROUBLE(test_map_changes_before_the_end),
	TROUBLE(test_objects_off_the_air_and_on_again),
	TROUBLE(test_manifest_comes_late),
	TROUBLE(test_slot_holds_it_already),
	TROUBLE(test_blank_slot_is_not_probed),
	TROUBLE(test_slot_too_small),
	TROUBLE(test_slot_that_grows),
	TROUBLE(test_clock_that_jumps),
	TROUBLE(test_boot_loader_fails),
	TROUBLE(test_confirming_is_tried_again),
	TROUBLE(test_storage_fails_for_a_while),
	TROUBLE(test_full_disk_is_tried_again),
	TROUBLE(test_short_trouble_costs_seconds),
	TROUBLE(test_state_fails_at_the_switch),
	TROUBLE(test_damaged_files),
	TROUBLE(test_hardware_floor),
	TROUBLE(test_prefetch),
	TROUBLE(test_offers_ignored_and_monthly),
	TROUBLE(test_unreadable_version),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
