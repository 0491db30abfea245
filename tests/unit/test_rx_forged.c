/* The receiver and those who mean it ill, or just share its group: nothing forged is ever installed, or even believed.
 */
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include <stdio.h>

/* covers: carousel-rx/agent.c carousel-rx/reception.c carousel-rx/documents.c */

static void assert_untouched(const struct fake_box *box)
{
	assert_int_equal(box->boot.first, 0);
	assert_int_equal(box->boot.tries[1], 0);
}

/* Another transmitter on the same group and TSI, with keys of its own: everything it sends is well-formed. */
static void forger_open(struct fake_tx *forger, struct lab *lab, const char *rows)
{
	struct lab *forged = calloc(1, sizeof(*forged));
	assert_non_null(forged);
	fake_tx_init(&forged->tx, 4001, 200);
	for (unsigned i = 0; i < 3; i++)
		fake_image_init(&forged->image[i], &forged->tx, LAB_CLASS, lab->image[i].manifest.version, 300000, i);
	lab_put_map(forged, 99, rows);
	lab_put_manifests(forged);
	for (unsigned i = 0; i < 3; i++)
		fake_tx_put_image(&forged->tx, &forged->image[i]);
	*forger = forged->tx;
	for (unsigned i = 0; i < 3; i++)
		fake_image_deinit(&forged->image[i]);
	free(forged);
}

static void forger_pass(struct fake_tx *forger, struct fake_box *box, uint8_t last_byte)
{
	struct carousel_addr source = box->source;
	box->source.ip[3] = last_byte;
	forger->send = fake_box_hear;
	forger->user = box;
	fake_tx_pass(forger);
	box->source = source;
}

static void test_forger_alone(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	lab_box(lab, &box, 42);
	assert_int_equal(fake_box_start(&box), 0);
	forger_open(&forger, lab, LAB_ROW);
	for (unsigned i = 0; i < 4; i++) {
		forger_pass(&forger, &box, 66);
		fake_box_wait(&box, 2 * LAB_SECOND_NS);
	}
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	assert_untouched(&box);
	assert_int_equal(box.boot.calls, 0);
	assert_int_equal(box.alarm_error, CAROUSEL_E_SIGNATURE);
	assert_true(lab_status(&box, "refused", "map") >= 1);
	assert_true(lab_status(&box, "refused", "manifest") >= 1);
	assert_true(lab_status(&box, "refused", "heartbeat") >= 1);
	/* Gate time is not theirs to move. */
	assert_int_equal(lab_status(&box, "on_air", "heartbeat_sequence"), 0);
	fake_tx_deinit(&forger);
	fake_box_deinit(&box);
}

static void test_forger_beside_the_true_one(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	box.loss = 0.3;
	assert_int_equal(fake_box_start(&box), 0);
	forger_open(&forger, lab, "map " LAB_CLASS " production 106 106 106 120\n");
	/* Its objects claim to be the true image. */
	for (unsigned i = 0; i < forger.num_objects; i++) {
		struct fake_object *o = &forger.objects[i];
		if (strcmp(o->role, "image") == 0 && o->version == 105) {
			o->layout = lab->image[0].manifest.layout;
			free(o->bytes);
			o->bytes = calloc(1, (size_t)o->layout.oti.transfer_length + 1);
			memcpy(o->sha256, lab->image[0].manifest.sha256, sizeof(o->sha256));
		}
	}
	for (unsigned i = 0; i < 20 && carousel_rx_state(box.rx) != CAROUSEL_RX_PENDING_REBOOT; i++) {
		lab_pass(lab, &box);
		forger_pass(&forger, &box, 66);
		fake_box_wait(&box, 2 * LAB_SECOND_NS);
	}
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	assert_true(lab_status(&box, "refused", "map") >= 1);
	fake_tx_deinit(&forger);
	fake_box_deinit(&box);
}

/* False symbols under the true session's address: they cost time, never an install. Until the index
 * is heard only the image as a whole can be told right from wrong, then every block. */
static void check_false_symbols(struct lab *lab, bool has_index)
{
	struct fake_box box;
	struct fake_object *image = NULL;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	for (unsigned i = 0; i < lab->tx.num_objects; i++) {
		struct fake_object *o = &lab->tx.objects[i];
		if (strcmp(o->role, "image") == 0 && o->version == 105)
			image = o;
		if (strcmp(o->role, "index") == 0)
			o->is_silent = !has_index;
	}
	assert_non_null(image);
	image->bytes[12345] ^= 1;
	for (unsigned i = 0; i < 4; i++) {
		lab_pass(lab, &box);
		fake_box_wait(&box, 2 * LAB_SECOND_NS);
	}
	assert_untouched(&box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	if (!has_index)
		assert_int_equal(box.alarm_error, CAROUSEL_E_DIGEST);
	else /* that block stays open, all others are done */
		assert_int_equal(lab_status(&box, "image", "blocks_done") + 1, lab_status(&box, "image", "blocks"));
	image->bytes[12345] ^= 1;
	for (unsigned i = 0; i < lab->tx.num_objects; i++)
		lab->tx.objects[i].is_silent = false;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 8);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

static void test_false_symbols(void **state)
{
	check_false_symbols(*state, false);
}

static void test_false_symbols_and_the_index(void **state)
{
	check_false_symbols(*state, true);
}

/* ---- documents that were good once, or are not what they seem ------------------------------------------ */

static void test_older_map(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 104, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	lab_put_map(lab, 9, "map " LAB_CLASS " production 106 106 106 120\n");
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	assert_int_equal(box.alarm_error, CAROUSEL_E_ROLLBACK);
	assert_int_equal(lab_status(&box, "map", "serial"), 10);
	/* Also when the kept documents are gone: the serial is remembered. */
	fake_box_stop(&box);
	ram_storage_set(&box.storage, RX_DOCUMENTS, "", 0);
	assert_int_equal(fake_box_start(&box), 0);
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	assert_untouched(&box);
	fake_box_deinit(&box);
}

static void test_same_serial_other_bytes(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 104, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	lab_put_map(lab, 10, "map " LAB_CLASS " production 106 106 106 120\n");
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	assert_int_equal(box.alarm_error, CAROUSEL_E_CONFLICT);
	fake_box_deinit(&box);
}

/* Each key signs only what is its own. */
static void test_keys_of_other_roles(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	static const enum fake_key wrong[] = {FAKE_KEY_ROOT, FAKE_KEY_IMAGE, FAKE_KEY_HEARTBEAT};
	lab_open(lab, &box, 42, LAB_ROW);
	for (unsigned i = 0; i < 3; i++) {
		char *text = fake_tx_sign(&lab->tx, ENVELOPE_TYPE_MAP, lab->map, strlen(lab->map), wrong[i]);
		fake_tx_put(&lab->tx, "map", "", text, strlen(text));
		free(text);
		assert_int_equal(fake_box_start(&box), 0);
		lab_pass(lab, &box);
		lab_pass(lab, &box);
		assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
		assert_int_equal(box.alarm_error, CAROUSEL_E_SIGNATURE);
	}
	assert_untouched(&box);
	fake_box_deinit(&box);
}

static void test_manifest_by_the_map_key(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	struct envelope e;
	char *text;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(envelope_parse(NULL, &e, lab->image[0].manifest_text, strlen(lab->image[0].manifest_text)), 0);
	text = fake_tx_sign(&lab->tx, ENVELOPE_TYPE_MANIFEST, e.payload, e.payload_len, FAKE_KEY_MAP);
	envelope_deinit(NULL, &e);
	fake_tx_put(&lab->tx, "manifest", LAB_CLASS, text, strlen(text));
	free(text);
	assert_int_equal(fake_box_start(&box), 0);
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	assert_int_equal(box.alarm_error, CAROUSEL_E_SIGNATURE);
	assert_int_equal(box.boot.calls, 0);
	fake_box_deinit(&box);
}

/* A manifest that is signed but says something else than the map. */
static void test_manifest_of_another_size(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	char *line;
	lab_open(lab, &box, 42, LAB_ROW);
	line = strstr(lab->map, "size=400000");
	assert_non_null(line);
	memcpy(line, "size=400001", 11);
	fake_tx_put_map(&lab->tx, lab->map);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_FAILED, 3);
	assert_int_equal(box.alarm_error, CAROUSEL_E_CONFLICT);
	assert_int_equal(box.boot.calls, 0);
	fake_box_deinit(&box);
}

static void test_heartbeats_replayed(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 104, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	assert_int_equal(lab_status(&box, "on_air", "heartbeat_sequence"), 1);
	lab->tx.heartbeat_sequence = 0;
	fake_tx_send_heartbeat(&lab->tx, 1, 10);
	assert_int_equal(lab_status(&box, "drops", "duplicate") > 0, 1);
	/* A recording from last week, under a number not seen. */
	lab->tx.heartbeat_sequence = 10;
	lab->tx.time_s -= 7 * 86400;
	fake_tx_send_heartbeat(&lab->tx, 1, 10);
	assert_int_equal(box.alarm_error, CAROUSEL_E_ROLLBACK);
	assert_int_equal(lab_status(&box, "on_air", "heartbeat_sequence"), 1);
	fake_box_deinit(&box);
}

/* A flood of heartbeats that do not verify: the receiver looks at no more than some. */
static void test_heartbeat_flood(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	lab_box(lab, &box, 42);
	box.packet_ns = 1000;
	assert_int_equal(fake_box_start(&box), 0);
	fake_tx_init(&forger, 4001, 200);
	forger.send = fake_box_hear;
	forger.user = &box;
	for (unsigned i = 0; i < 300; i++)
		fake_tx_send_heartbeat(&forger, 1, 1);
	assert_true(lab_status(&box, "refused", "heartbeat") <= 41);
	assert_true(lab_status(&box, "drops", "limit") >= 259);
	assert_int_equal(box.alarms, 1);
	fake_tx_deinit(&forger);
	fake_box_deinit(&box);
}

/* ---- new roots -------------------------------------------------------------------------------------- */

static void test_root_rotation(void **state)
{
	struct lab *lab = *state;
	struct trust_root next = lab->tx.root;
	struct key_signer signers[2];
	struct fake_box box;
	struct envelope e;
	char *payload, *text;
	size_t len;
	lab_open(lab, &box, 104, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 3);
	/* The map key is replaced by another. */
	next.version = 2;
	next.keys[1] = lab->tx.keys[FAKE_KEY_ROOT_2].public_key;
	memcpy(next.roles[1].key_ids[0], next.keys[1].id, KEY_ID_BYTES);
	assert_int_equal(trust_root_print(NULL, &next, &payload, &len), 0);
	assert_int_equal(envelope_init(NULL, &e, ENVELOPE_TYPE_ROOT, payload, len), 0);
	signers[0] = key_secret_signer(&lab->tx.keys[FAKE_KEY_ROOT]);
	assert_int_equal(envelope_sign(&e, &signers[0]), 0);
	memory_free(NULL, payload);
	assert_int_equal(envelope_print(NULL, &e, &text, &len), 0);
	envelope_deinit(NULL, &e);
	fake_tx_put(&lab->tx, "trust-root", "", text, len);
	memory_free(NULL, text);
	lab_pass(lab, &box);
	/* What the old key signed counts no more. */
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	lab->tx.keys[FAKE_KEY_MAP] = lab->tx.keys[FAKE_KEY_ROOT_2];
	lab_put_map(lab, 11, "map " LAB_CLASS " production 75 104 105 120\n");
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_UP_TO_DATE, 4);
	assert_int_equal(lab_status(&box, "map", "serial"), 11);
	/* And is kept. */
	fake_box_power_cut(&box, 9);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	fake_box_deinit(&box);
}

/* ---- what is not for us ------------------------------------------------------------------------------- */

static void test_foreign_traffic(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	struct fake_tx other;
	uint8_t noise[1500];
	uint64_t random = 5;
	lab_open(lab, &box, 42, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	fake_tx_init(&other, 77, 10);
	other.send = fake_box_hear;
	other.user = &box;
	fake_tx_put(&other, "map", "", "x", 1);
	for (unsigned i = 0; i < 200; i++) {
		size_t len = (size_t)(test_random(&random) % sizeof(noise));
		for (size_t k = 0; k < len; k++)
			noise[k] = (uint8_t)test_random(&random);
		fake_box_hear(&box, noise, len);
	}
	fake_tx_pass(&other);
	assert_true(lab_status(&box, "drops", "foreign-session") >= 2);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_tx_deinit(&other);
	fake_box_deinit(&box);
}

static void test_configured_source(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	box.config.source = (struct carousel_addr){.family = 4, .ip = {198, 51, 100, 8}};
	assert_int_equal(fake_box_start(&box), 0);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	box.source.ip[3] = 8;
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_deinit(&box);
}

/* Real packets with a byte changed here and there, or cut short: never fatal, never believed. */
struct vandal {
	struct fake_box *box;
	uint64_t random;
};

static void vandal_send(void *user, const uint8_t *packet, size_t len)
{
	struct vandal *v = user;
	uint8_t copy[2048];
	memcpy(copy, packet, len);
	switch (test_random(&v->random) % 4) {
	case 0:
		copy[test_random(&v->random) % len] ^= (uint8_t)(1u << test_random(&v->random) % 8);
		break;
	case 1:
		copy[test_random(&v->random) % (len < 40 ? len : 40)] = (uint8_t)test_random(&v->random);
		break;
	case 2:
		len = (size_t)(test_random(&v->random) % (len + 1));
		break;
	default:
		break;
	}
	fake_box_hear(v->box, copy, len);
}

static void test_vandal(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	struct vandal vandal = {&box, 11};
	lab_open(lab, &box, 42, LAB_ROW);
	lab->tx.wide_fdt = true;
	assert_int_equal(fake_box_start(&box), 0);
	lab->tx.send = vandal_send;
	lab->tx.user = &vandal;
	for (unsigned i = 0; i < 15; i++) {
		fake_tx_pass(&lab->tx);
		fake_box_wait(&box, 5 * LAB_SECOND_NS);
		if (box.boot.first == 1)
			assert_true(fake_box_holds(&box, &lab->image[0]));
	}
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 12);
	assert_true(fake_box_holds(&box, &lab->image[0]));
	fake_box_deinit(&box);
}

static void test_older_flute(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	lab->tx.flute_version = 1;
	assert_int_equal(fake_box_start(&box), 0);
	fake_box_until(&box, &lab->tx, CAROUSEL_RX_PENDING_REBOOT, 6);
	fake_box_deinit(&box);
}

/* Packets that come before the FDT that names their TOI are kept and used. */
static void test_late_fdt(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 104, LAB_ROW);
	assert_int_equal(fake_box_start(&box), 0);
	lab->tx.send = fake_box_hear;
	lab->tx.user = &box;
	for (unsigned i = 0; i < lab->tx.num_objects; i++)
		if (strcmp(lab->tx.objects[i].role, "map") == 0)
			for (uint32_t esi = 0; esi < lab->tx.objects[i].layout.oti.max_block_symbols; esi++)
				fake_tx_send_symbol(&lab->tx, &lab->tx.objects[i], 0, esi);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	fake_tx_send_fdt(&lab->tx);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_UP_TO_DATE);
	fake_box_deinit(&box);
}

/* Two headends of one session, each with every other symbol: they add up. */
static void test_two_headends(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	lab_open(lab, &box, 42, LAB_ROW);
	box.loss = 0.55;
	assert_int_equal(fake_box_start(&box), 0);
	for (unsigned i = 0; i < 16 && carousel_rx_state(box.rx) != CAROUSEL_RX_PENDING_REBOOT; i++) {
		box.source.ip[3] = (uint8_t)(7 + i % 2);
		lab_pass(lab, &box);
		fake_box_wait(&box, 2 * LAB_SECOND_NS);
	}
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

#define FORGED(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

static const struct CMUnitTest tests[] = {
	FORGED(test_forger_alone),
	FORGED(test_forger_beside_the_true_one),
	FORGED(test_false_symbols),
	FORGED(test_false_symbols_and_the_index),
	FORGED(test_older_map),
	FORGED(test_same_serial_other_bytes),
	FORGED(test_keys_of_other_roles),
	FORGED(test_manifest_by_the_map_key),
	FORGED(test_manifest_of_another_size),
	FORGED(test_heartbeats_replayed),
	FORGED(test_heartbeat_flood),
	FORGED(test_root_rotation),
	FORGED(test_foreign_traffic),
	FORGED(test_configured_source),
	FORGED(test_vandal),
	FORGED(test_older_flute),
	FORGED(test_late_fdt),
	FORGED(test_two_headends),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
