/* A forger with the headend's own source address, TSI and instance ids: while he is on the air he may hold a box up,
 * but once he has gone the box recovers by itself within a few control periods. */
#include "carousel-rx/object_table.h"
#include "tests/lib/rx_lab.h"
#include "tests/lib/test.h"

#include <stdio.h>

/* covers: carousel-rx/reception.c carousel-rx/object_table.c carousel-rx/index_collector.c carousel-rx/report.c */

#define PERIOD_S   2u  /* of the headend's passes */
#define RECOVERS_S 30u /* after the forger has gone */

/* The headend's own session, objects and ids, to be altered. The objects' bytes stay the lab's. */
static struct fake_tx forger_of(struct lab *lab, struct fake_box *box)
{
	struct fake_tx forger = lab->tx;
	forger.send = fake_box_hear;
	forger.user = box;
	return forger;
}

static struct fake_object *forged(struct fake_tx *forger, const char *role, uint32_t version)
{
	for (unsigned i = 0; i < forger->num_objects; i++)
		if (strcmp(forger->objects[i].role, role) == 0 && forger->objects[i].version == version)
			return &forger->objects[i];
	fail_msg("no %s", role);
	return NULL;
}

static void forge_oti(struct fake_object *o, uint32_t block_symbols)
{
	const struct object_layout_wish wish = {.kind = OBJECT_LINEAR,
		.encoding_id = FEC_REED_SOLOMON_GF256,
		.symbol_size = FAKE_TX_SYMBOL_BYTES,
		.block_symbols = block_symbols,
		.max_encoding_symbols = 2 * block_symbols};
	assert_int_equal(object_layout_choose(&o->layout, &wish, o->layout.oti.transfer_length), 0);
}

static void assert_recovers(struct lab *lab, struct fake_box *box, enum carousel_rx_state state)
{
	uint64_t left_ns = box->now_ns;
	fake_box_until(box, &lab->tx, state, RECOVERS_S / PERIOD_S);
	assert_true(box->now_ns - left_ns <= (RECOVERS_S + PERIOD_S) * LAB_SECOND_NS);
	if (state == CAROUSEL_RX_PENDING_REBOOT)
		assert_true(fake_box_holds(box, &lab->image[0]));
}

/* A box that heard nothing before but forged packets. */
static void box_open(struct lab *lab, struct fake_box *box, uint32_t version)
{
	lab_open(lab, box, version, LAB_ROW);
	assert_int_equal(fake_box_start(box), 0);
}

/* ---- FDT instances ----------------------------------------------------------------------------------- */

/* The forged instance bears the true one's id and is complete. */
static void forged_instance(struct lab *lab, void (*alter)(struct fake_tx *))
{
	struct fake_tx forger;
	struct fake_box box;
	box_open(lab, &box, 42);
	forger = forger_of(lab, &box);
	alter(&forger);
	fake_tx_send_fdt(&forger);
	fake_box_wait(&box, LAB_SECOND_NS);
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

static void alter_oti(struct fake_tx *forger)
{
	for (unsigned i = 0; i < forger->num_objects; i++)
		forge_oti(&forger->objects[i], 1);
}

static void alter_roles(struct fake_tx *forger)
{
	for (unsigned i = 0; i < forger->num_objects; i++)
		strcpy(forger->objects[i].role, "other");
}

static void alter_tois(struct fake_tx *forger)
{
	for (unsigned i = 0; i < forger->num_objects; i++)
		forger->objects[i].toi += 1000;
}

static void test_instance_of_other_parameters(void **state)
{
	forged_instance(*state, alter_oti);
}

static void test_instance_of_other_roles(void **state)
{
	forged_instance(*state, alter_roles);
}

static void test_instance_of_other_objects(void **state)
{
	forged_instance(*state, alter_tois);
}

/* A newer instance takes back what the true one said; the true one is repeated under its old id. */
static void test_newer_instance(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	box_open(lab, &box, 42);
	lab->tx.send = fake_box_hear;
	lab->tx.user = &box;
	fake_tx_send_fdt(&lab->tx);
	forger = forger_of(lab, &box);
	forger.fdt_id++;
	alter_oti(&forger);
	fake_tx_send_fdt(&forger);
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

/* One packet under the true instance's id claims that it is much larger, and no other ever follows. */
static void test_instance_that_never_ends(void **state)
{
	struct lab *lab = *state;
	struct alc_packet p = {.has_fti = true, .has_fdt = true, .flute_version = 2};
	uint8_t symbol[64] = {0};
	struct fake_tx forger;
	struct fake_box box;
	box_open(lab, &box, 42);
	forger = forger_of(lab, &box);
	p.fdt_instance_id = forger.fdt_id;
	p.oti = (struct fec_oti){.symbol_size = sizeof(symbol), .transfer_length = 6400, .max_block_symbols = 64};
	assert_int_equal(fec_oti_check(&p.oti, NULL), 0);
	fake_tx_send(&forger, &p, symbol, sizeof(symbol));
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

/* As many entries as a table holds. */
static void test_instance_that_fills_the_table(void **state)
{
	struct lab *lab = *state;
	struct fdt_file *files = calloc(OBJECT_TABLE_MAX, sizeof(*files));
	const struct fdt fdt = {.expires_ntp_s = 4294967295u, .num_files = OBJECT_TABLE_MAX, .files = files};
	struct fake_tx forger;
	struct fake_box box;
	box_open(lab, &box, 42);
	assert_non_null(files);
	forger = forger_of(lab, &box);
	for (uint32_t i = 0; i < OBJECT_TABLE_MAX; i++) {
		files[i].toi = 100000 + i;
		files[i].content_location = "f";
	}
	fake_tx_send_fdt_of(&forger, &fdt);
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	free(files);
	fake_box_deinit(&box);
}

/* ---- objects ------------------------------------------------------------------------------------------ */

/* Documents that are begun and never ended take all the memory there is for documents. */
static void test_documents_that_never_end(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	uint8_t bytes[1024] = {0};
	box_open(lab, &box, 42);
	forger = forger_of(lab, &box);
	forger.num_objects = 0;
	for (unsigned i = 0; i < FAKE_TX_MAX_OBJECTS; i++) {
		struct fake_object *o = &forger.objects[forger.num_objects++];
		*o = (struct fake_object){.toi = 5000 + i, .role = "map", .bytes = bytes, .version = i};
		o->layout.oti.transfer_length = 600000u >> i / 4;
		forge_oti(o, 64);
	}
	fake_tx_send_fdt(&forger);
	for (unsigned i = 0; i < forger.num_objects; i++) {
		struct fake_object *o = &forger.objects[i];
		struct alc_packet p = {.lct.toi = o->toi, .lct.codepoint = o->layout.oti.encoding_id};
		fake_tx_send(&forger, &p, bytes, sizeof(bytes));
	}
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

/* Every copy of the map had a false symbol for minutes. */
static void test_false_symbols_of_documents(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	struct fake_object *map;
	long long refused = 0;
	box_open(lab, &box, 42);
	map = forged(&lab->tx, "map", 0);
	map->bytes[10] ^= 1;
	/* The forger leaves when the box has just been refused another. */
	for (unsigned i = 0; i < 100 || lab_status(&box, "refused", "map") == refused; i++) {
		refused = lab_status(&box, "refused", "map");
		fake_box_wait(&box, PERIOD_S * LAB_SECOND_NS);
		lab_pass(lab, &box);
	}
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_WAITING_MAP);
	map->bytes[10] ^= 1;
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

/* The chunk index begun under other parameters, from a forged instance, is begun anew under the true ones. */
static void test_index_of_other_parameters(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	struct fake_object *index;
	box_open(lab, &box, 42);
	forged(&lab->tx, "index", 105)->is_silent = true;
	forged(&lab->tx, "image", 105)->is_silent = true;
	lab_pass(lab, &box);
	lab_pass(lab, &box);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	forger = forger_of(lab, &box);
	forger.fdt_id++;
	index = forged(&forger, "index", 105);
	forge_oti(index, 1);
	fake_tx_send_fdt(&forger);
	fake_tx_send_symbol(&forger, index, 0, 1);
	forged(&lab->tx, "index", 105)->is_silent = false;
	for (unsigned i = 0; i < RECOVERS_S / PERIOD_S; i++) {
		lab_pass(lab, &box);
		fake_box_wait(&box, PERIOD_S * LAB_SECOND_NS);
	}
	assert_int_equal(box.storage.file[RX_INDEX].now_len, lab->image[0].manifest.index_bytes);
	forged(&lab->tx, "image", 105)->is_silent = false;
	assert_recovers(lab, &box, CAROUSEL_RX_PENDING_REBOOT);
	fake_box_deinit(&box);
}

/* Refusals of different kinds in turn do not fill the event log: each is told once a minute. */
static void test_refusals_in_turn(void **state)
{
	struct lab *lab = *state;
	struct fake_tx forger;
	struct fake_box box;
	box_open(lab, &box, 42);
	fake_tx_init(&forger, 4001, 200);
	forger.send = fake_box_hear;
	forger.user = &box;
	box.packet_ns = LAB_SECOND_NS / 10;
	for (unsigned i = 0; i < 200; i++) {
		struct alc_packet p = {.has_fti = true, .lct.tsi = 4002, .lct.toi = 1000 + i};
		const uint8_t noise[4] = "{x}";
		fake_tx_send_heartbeat(&forger, 1, 1);
		p.oti = (struct fec_oti){.transfer_length = 4, .symbol_size = 4, .max_block_symbols = 1};
		assert_int_equal(fec_oti_check(&p.oti, NULL), 0);
		fake_tx_send(&forger, &p, noise, 4);
	}
	assert_int_equal(lab_status(&box, "refused", "heartbeat"), 400);
	assert_in_range(box.alarms, 2, 2);
	fake_tx_deinit(&forger);
	fake_box_deinit(&box);
}

/* The headend goes in the middle of an image: how long is left is not known then, and no nonsense is told. */
static void test_long_silence(void **state)
{
	struct lab *lab = *state;
	struct fake_box box;
	box_open(lab, &box, 42);
	box.loss = 0.7;
	lab_pass(lab, &box);
	fake_box_wait(&box, 2 * LAB_SECOND_NS);
	lab_pass(lab, &box);
	fake_box_wait(&box, 2 * LAB_SECOND_NS);
	assert_int_equal(carousel_rx_state(box.rx), CAROUSEL_RX_RECEIVING);
	assert_true(lab_status(&box, "image", "symbols_have") > 0);
	fake_box_wait(&box, 200 * LAB_SECOND_NS);
	assert_int_equal(lab_status(&box, "image", "eta_s"), 0);
	fake_box_deinit(&box);
}

#define SPOOFED(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

static const struct CMUnitTest tests[] = {
	SPOOFED(test_instance_of_other_parameters),
	SPOOFED(test_instance_of_other_roles),
	SPOOFED(test_instance_of_other_objects),
	SPOOFED(test_newer_instance),
	SPOOFED(test_instance_that_never_ends),
	SPOOFED(test_instance_that_fills_the_table),
	SPOOFED(test_documents_that_never_end),
	SPOOFED(test_false_symbols_of_documents),
	SPOOFED(test_index_of_other_parameters),
	SPOOFED(test_refusals_in_turn),
	SPOOFED(test_long_silence),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
