/* A freeze is told, by status and as an alarm, and blocks nothing; a stolen heartbeat key is cured by a root. */
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include <jansson.h>

/* covers: carousel-rx/agent_watch.c */

#define STALE_S 160

/* "none" or the reason of status.stale. */
static void assert_stale(const struct fake_box *box, const char *reason)
{
	char *text = carousel_rx_status_json(box->rx, box->now_ns);
	json_t *status = json_loads(text, 0, NULL), *stale = json_object_get(status, "stale");
	const char *found = json_is_null(stale) ? "none" : json_string_value(json_object_get(stale, "reason"));
	assert_string_equal(found, reason);
	carousel_rx_string_free(box->rx, text);
	json_decref(status);
}

/* Seconds of airtime: one FDT each, and with beats a heartbeat that announces `serial`. */
static void air(struct lab *lab, struct fake_box *box, unsigned seconds, bool beats, uint64_t serial)
{
	lab->tx.send = fake_box_hear;
	lab->tx.user = box;
	for (unsigned i = 0; i < seconds; i++) {
		fake_tx_send_fdt(&lab->tx);
		if (beats) {
			lab->tx.time_s++;
			fake_tx_send_heartbeat(&lab->tx, 1, serial);
		}
		fake_box_wait(box, LAB_SECOND_NS);
	}
}

static void start(struct lab *lab, struct fake_box *box)
{
	lab_open(lab, box, 104, LAB_ROW);
	box->config.stale_after_s = STALE_S;
	assert_int_equal(fake_box_start(box), 0);
	fake_box_until(box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_stale(box, "none");
}

static void test_no_new_heartbeat(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start(lab, &box);
	air(lab, &box, STALE_S / 2, false, 0);
	assert_stale(&box, "none");
	/* The heartbeats of a recording: each verifies, none is newer. */
	lab->tx.time_s -= 600;
	for (unsigned i = 0; i < STALE_S; i++) {
		fake_tx_send_heartbeat(&lab->tx, 1, 10);
		air(lab, &box, 1, false, 0);
	}
	assert_stale(&box, "heartbeat");
	assert_int_equal(box.alarm_error, CAROUSEL_E_STALE);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	/* Nothing is blocked: what the old map asks for is done. */
	lab_put_map(lab, 12, "map " LAB_CLASS " production 105 105 105 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 8);
	lab->tx.time_s += 1200;
	air(lab, &box, 1, true, 12);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

static void test_fresh_heartbeats(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start(lab, &box);
	air(lab, &box, 3 * STALE_S, true, 9);
	assert_stale(&box, "none");
	/* A signal that is lost is no freeze. */
	fake_box_wait(&box, 3600 * LAB_SECOND_NS);
	assert_stale(&box, "none");
	fake_box_deinit(&box);
}

static void test_announced_map(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	start(lab, &box);
	air(lab, &box, STALE_S / 2, true, 11);
	assert_stale(&box, "none");
	air(lab, &box, STALE_S, true, 11);
	assert_stale(&box, "map");
	assert_int_equal(box.alarm_error, CAROUSEL_E_STALE);
	assert_int_equal(lab_status(&box, "stale", "announced_serial"), 11);
	/* A recorded heartbeat that announces what is held does not hide it. */
	lab->tx.time_s -= 600;
	fake_tx_send_heartbeat(&lab->tx, 1, 10);
	air(lab, &box, 1, false, 0);
	assert_stale(&box, "map");
	lab->tx.time_s += 1200;
	lab_put_map(lab, 12, LAB_ROW);
	lab_pass(lab, &box);
	air(lab, &box, 12, true, 11);
	assert_stale(&box, "none");
	fake_box_deinit(&box);
}

/* A stolen heartbeat key names another century, under a number far ahead; then a root takes the key away. */
static void test_stolen_heartbeat_key(void **state)
{
	struct lab *lab = *state;
	struct trust_root next = lab->tx.root;
	struct fake_box box;
	uint64_t true_s;
	char *payload, *text;
	size_t len;
	start(lab, &box);
	true_s = lab->tx.time_s;
	lab->tx.time_s += 3000000000u;
	lab->tx.heartbeat_sequence = 5000000;
	air(lab, &box, 1, true, 10);
	lab->tx.time_s = true_s;
	air(lab, &box, 1, true, 10);
	assert_int_equal(box.alarm_error, CAROUSEL_E_ROLLBACK);
	next.version = 2;
	next.keys[next.num_keys - 1] = lab->tx.keys[FAKE_KEY_ROOT_2].public_key;
	for (unsigned i = 0; i < next.num_roles; i++)
		if (strcmp(next.roles[i].name, TRUST_ROLE_HEARTBEAT) == 0)
			memcpy(next.roles[i].key_ids[0], lab->tx.keys[FAKE_KEY_ROOT_2].public_key.id, KEY_ID_BYTES);
	assert_int_equal(trust_root_print(NULL, &next, &payload, &len), 0);
	text = fake_tx_sign(&lab->tx, ENVELOPE_TYPE_ROOT, payload, len, FAKE_KEY_ROOT);
	memory_free(NULL, payload);
	fake_tx_put(&lab->tx, "trust-root", "", text, strlen(text));
	free(text);
	lab->tx.keys[FAKE_KEY_HEARTBEAT] = lab->tx.keys[FAKE_KEY_ROOT_2];
	lab_pass(lab, &box);
	lab->tx.heartbeat_sequence = 7;
	air(lab, &box, 1, true, 10);
	assert_int_equal(lab_status(&box, "on_air", "heartbeat_sequence"), 8);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	/* Gate time is a member of its own. */
	text = carousel_rx_status_json(box.rx, box.now_ns);
	json_t *status = json_loads(text, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(status, "gate_time_s")), lab->tx.time_s);
	json_decref(status);
	carousel_rx_string_free(box.rx, text);
	fake_box_deinit(&box);
}

#define WATCHED(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WATCHED(test_no_new_heartbeat),
		WATCHED(test_fresh_heartbeats),
		WATCHED(test_announced_map),
		WATCHED(test_stolen_heartbeat_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
