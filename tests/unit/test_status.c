/* What a box says of itself: status and events by their published members, explain in one line. */
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include <jansson.h>

/* covers: carousel-rx/status.c carousel-rx/explain.c carousel-rx/report.c */

static json_t *parse(const struct fake_box *box, char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	assert_non_null(root);
	carousel_rx_string_free(box->rx, text);
	return root;
}

static void assert_has(const json_t *root, const char *group, const char *const *members)
{
	const json_t *object = group ? json_object_get(root, group) : root;
	assert_non_null(object);
	for (; *members; members++)
		if (json_object_get(object, *members) == NULL)
			fail_msg("%s lacks %s", group ? group : "status", *members);
}

static void assert_line(struct fake_box *box, const char *start)
{
	json_t *root = parse(box, carousel_rx_explain_json(box->rx, box->now_ns));
	const char *line = json_string_value(json_object_get(root, "line"));
	assert_string_equal(json_string_value(json_object_get(root, "format")), "carousel-explain/1");
	if (strncmp(line, start, strlen(start)) != 0)
		fail_msg("\"%s\" does not start with \"%s\"", line, start);
	assert_null(strchr(line, '\n'));
	json_decref(root);
}

static void test_status_members(void **state)
{
	static const char *const top[] = {"format", "box", "map", "on_air", "image", "decision", "state", "drops",
		"refused", "sessions", "memory", "paused", "inhibits", "gate_time_s", NULL};
	static const char *const on_air[] = {"heartbeat_age_s", "pps", "loss", "bursts", "socket_drops", NULL};
	static const char *const image[] = {
		"version", "blocks_done", "blocks", "symbols_have", "symbols_need", "eta_s", NULL};
	static const char *const box_members[] = {"id", "class", "category", "version", NULL};
	static const char *const decision[] = {
		"verdict", "reason", "target", "minimum", "acceptable", "current", "maximum", NULL};
	struct lab *lab = *state;
	struct fake_box box;
	json_t *root;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_work(&box);
	root = parse(&box, carousel_rx_status_json(box.rx, box.now_ns));
	assert_has(root, NULL, top);
	assert_true(json_is_null(json_object_get(root, "map")));
	json_decref(root);
	box.loss = 0.5;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_RECEIVING, 3);
	carousel_rx_socket_drops(box.rx, 0, 5);
	carousel_rx_socket_drops(box.rx, 3, 2);
	root = parse(&box, carousel_rx_status_json(box.rx, box.now_ns));
	assert_string_equal(json_string_value(json_object_get(root, "format")), "carousel-status/1");
	assert_has(root, "on_air", on_air);
	assert_has(root, "image", image);
	assert_has(root, "box", box_members);
	assert_has(root, "decision", decision);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "on_air"), "socket_drops")), 7);
	assert_true(json_number_value(json_object_get(json_object_get(root, "on_air"), "loss")) > 0.3);
	json_decref(root);
	fake_box_deinit(&box);
}

struct index_watch {
	struct fake_box *box;
	unsigned counted, uncounted, held;
};

/* Of the image: how much of the index is there, while it is awaited and its size is known; else nothing. */
static void watch_index(void *user, const uint8_t *packet, size_t len)
{
	struct index_watch *w = user;
	json_t *root, *image, *need;
	const char *word;
	fake_box_hear(w->box, packet, len);
	root = parse(w->box, carousel_rx_status_json(w->box->rx, w->box->now_ns));
	image = json_object_get(root, "image");
	need = json_object_get(image, "index_need");
	word = json_string_value(json_object_get(image, "index"));
	assert_int_equal(json_typeof(json_object_get(root, "image")) == JSON_NULL, word == NULL);
	if (word && json_is_integer(need)) {
		assert_string_equal(word, "awaited");
		assert_true(json_integer_value(json_object_get(image, "index_have")) <= json_integer_value(need));
		assert_true(json_integer_value(need) > 0);
		w->counted++;
	} else if (word) {
		assert_true(json_is_null(need) && json_is_null(json_object_get(image, "index_have")));
		w->uncounted++;
		w->held += strcmp(word, "held") == 0;
	}
	json_decref(root);
}

static void test_index_symbols(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	struct index_watch watch = {.box = &box};
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	lab->tx.send = watch_index;
	lab->tx.user = &watch;
	for (unsigned pass = 0; pass < 3; pass++)
		fake_tx_pass(&lab->tx);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_OFFERED);
	assert_true(watch.counted > 0 && watch.uncounted > watch.held && watch.held > 0);
	fake_box_deinit(&box);
}

static void test_explain(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 82, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_work(&box);
	assert_line(&box, "waiting-map: no signed map");
	box.loss = 0.5;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_RECEIVING, 3);
	assert_line(&box,
		"offer to 105: installed is below acceptable (installed 82; minimum 75 acceptable 100 current 105 "
		"maximum 120, map line 7); ");
	box.loss = 0;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_OFFERED, 5);
	assert_int_equal(carousel_rx_request(box.rx, CAROUSEL_RX_ACCEPT, 0, box.now_ns), 0);
	fake_box_work(&box);
	fake_box_reboot(&box, 104);
	assert_line(&box, "failed: another version runs");
	fake_box_deinit(&box);
	lab_box(lab, &box, 112);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_line(&box, "none: installed is newer than current");
	fake_box_deinit(&box);
}

static void test_event_log_tells_the_whole_story(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	const struct ram_file *log = &box.storage.file[RX_EVENTS];
	const char *line;
	char *text;
	bool has_final = false;
	json_t *event = NULL;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_wait(&box, LAB_SECOND_NS);
	text = strndup((const char *)log->now, (size_t)log->now_len);
	assert_true(box.progress <= 60);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		json_decref(event);
		event = json_loads(line, 0, NULL);
		assert_non_null(event);
		assert_string_not_equal(json_string_value(json_object_get(event, "event")), "progress");
		if (json_object_get(event, "note") &&
			strcmp(json_string_value(json_object_get(event, "note")), "final") == 0) {
			const json_t *decision = json_object_get(event, "decision"),
				     *image = json_object_get(event, "image");
			has_final = true;
			assert_string_equal(json_string_value(json_object_get(decision, "verdict")), "mandatory");
			assert_int_equal(json_integer_value(json_object_get(decision, "target")), 105);
			assert_true(json_integer_value(json_object_get(image, "symbols_heard")) >=
				    json_integer_value(json_object_get(image, "symbols_need")));
		}
	}
	assert_true(has_final);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "reboot");
	json_decref(event);
	free(text);
	assert_string_equal(box.event_kinds, "SDSSDSSR");
	fake_box_deinit(&box);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(carousel_rx_state_name(CAROUSEL_RX_WAITING_MAP), "waiting-map");
	assert_string_equal(carousel_rx_state_name(CAROUSEL_RX_FAILED), "failed");
	assert_string_equal(carousel_rx_state_name(CAROUSEL_RX_NUM_STATES), "unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_status_members, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_index_symbols, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_explain, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_event_log_tells_the_whole_story, lab_setup, lab_teardown),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
