#include "carousel-rx/reception.h"
#include "common/carousel_error.h"
#include "tests/lib/fake_tx.h"
#include "tests/lib/fault_alloc.h"
#include "tests/lib/ram_storage.h"
#include "tests/lib/test.h"

/* covers: carousel-rx/reception_documents.c carousel-rx/reception_sessions.c carousel-rx/reception_symbols.c */

#define CLASS "box"

struct lab {
	struct fake_tx tx;
	struct fake_image image;
	struct ram_storage storage;
	struct store *store;
	struct reception *reception;
	struct carousel_datagram datagram; /* all but data and len */
	uint64_t now_ns, heartbeats;
	int heartbeat_result, last;
	uint8_t packet[2048]; /* the last one sent */
	size_t len;
	bool is_mute; /* packets are only kept in `packet` */
};

static int lab_heartbeat(void *user, uint64_t sequence, const uint8_t *envelope, size_t len, uint64_t now_ns)
{
	struct lab *lab = user;
	(void)sequence;
	(void)envelope;
	(void)len;
	(void)now_ns;
	lab->heartbeats++;
	return lab->heartbeat_result;
}

static int hear(struct lab *lab, const uint8_t *packet, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, packet, len);
	lab->datagram.data = copy;
	lab->datagram.len = len;
	lab->now_ns += 1000;
	lab->last = reception_recv(lab->reception, &lab->datagram, lab->now_ns);
	free(copy);
	return lab->last;
}

static void lab_send(void *user, const uint8_t *packet, size_t len)
{
	struct lab *lab = user;
	memcpy(lab->packet, packet, len);
	lab->len = len;
	if (!lab->is_mute)
		hear(lab, packet, len);
}

static void work_store(struct lab *lab)
{
	struct carousel_job *job;
	while ((job = store_next_job(lab->store, lab->now_ns + 5000000000u)) != NULL) {
		job->run(job);
		job->done(job, lab->now_ns);
	}
}

static int lab_open_with(void **state, bool allow_absent)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	assert_non_null(lab);
	ram_storage_init(&lab->storage, 1 << 20);
	fake_tx_init(&lab->tx, 50, 1);
	lab->tx.send = lab_send;
	lab->tx.user = lab;
	lab->now_ns = 1000000000;
	lab->datagram.source = (struct carousel_addr){.family = 6, .ip = {0x20, 1, 0xd, 0xb8, 1}, .port = 9};
	const struct store_config store = {
		.storage = &lab->storage.table, .memory_bytes = 8 << 20, .allow_absent = allow_absent};
	assert_int_equal(store_new(&lab->store, &store), 0);
	const struct reception_config config = {.store = lab->store,
		.tsi = 50,
		.class_name = CLASS,
		.allow_absent = allow_absent,
		.document_bytes = 100000,
		.backlog_bytes = 4000,
		.heartbeat = lab_heartbeat,
		.user = lab};
	assert_int_equal(reception_new(&lab->reception, &config), 0);
	fake_image_init(&lab->image, &lab->tx, CLASS, 7, 300000, 5);
	*state = lab;
	return 0;
}

static int lab_open(void **state)
{
	return lab_open_with(state, false);
}

static int lab_open_absent(void **state)
{
	return lab_open_with(state, true);
}

static int lab_close(void **state)
{
	struct lab *lab = *state;
	reception_free(lab->reception);
	store_free(lab->store);
	fake_image_deinit(&lab->image);
	fake_tx_deinit(&lab->tx);
	ram_storage_deinit(&lab->storage);
	free(lab);
	return 0;
}

static uint64_t drops(struct lab *lab, int error)
{
	struct reception_stats stats;
	reception_stats(lab->reception, lab->now_ns, &stats);
	return stats.drops[-error];
}

/* Takes the FDT that waits over, as the desk would. */
static void take_fdt(struct lab *lab)
{
	struct reception_document d;
	struct fdt_file files[FAKE_TX_MAX_OBJECTS];
	struct fdt fdt = {.files = files, .num_files = lab->tx.num_objects};
	uint8_t *object;
	fake_tx_send_fdt(&lab->tx);
	assert_true(reception_next_document(lab->reception, &d));
	assert_int_equal(d.role, OBJECT_ROLE_FDT);
	assert_int_equal(d.content_encoding, ALC_CENC_GZIP);
	assert_int_equal(collector_decode(d.collector, &object), 0);
	memory_free(NULL, object);
	memset(files, 0, sizeof(files));
	for (unsigned i = 0; i < lab->tx.num_objects; i++) {
		const struct fake_object *o = &lab->tx.objects[i];
		files[i].toi = o->toi;
		files[i].has_oti = true;
		files[i].oti = o->layout.oti;
		files[i].layout = o->layout.kind;
		memcpy(files[i].role, o->role, sizeof(o->role));
		files[i].has_sha256 = true;
		memcpy(files[i].sha256, o->sha256, 32);
	}
	reception_take_fdt(lab->reception, &d, &fdt, lab->now_ns);
	reception_document_done(lab->reception, &d, 0, false, lab->now_ns);
}

static struct store_image want(struct lab *lab)
{
	struct store_image image = {.layout = lab->image.manifest.layout};
	memcpy(image.sha256, lab->image.manifest.sha256, 32);
	reception_want_image(lab->reception, &image, NULL);
	assert_int_equal(store_begin(lab->store, &image, lab->now_ns), 0);
	work_store(lab);
	return image;
}

static uint64_t heard(struct lab *lab)
{
	struct store_progress p;
	store_progress(lab->store, &p);
	return p.symbols_heard;
}

/* ---- documents ------------------------------------------------------------------------------------- */

static void test_documents(void **state)
{
	struct lab *lab = *state;
	struct reception_document d;
	struct fake_object *map = fake_tx_put(&lab->tx, "map", "", "0123456789", 10);
	assert_false(reception_next_document(lab->reception, &d));
	take_fdt(lab);
	/* The same instance again is no news. */
	fake_tx_send_fdt(&lab->tx);
	assert_int_equal(lab->last, 0);
	assert_false(reception_next_document(lab->reception, &d));
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_true(reception_next_document(lab->reception, &d));
	assert_int_equal(d.role, OBJECT_ROLE_MAP);
	assert_false(reception_next_document(lab->reception, &d));
	/* Refused: not before a second has passed, then anew. */
	reception_document_done(lab->reception, &d, CAROUSEL_E_SIGNATURE, false, lab->now_ns);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_false(reception_next_document(lab->reception, &d));
	lab->now_ns += 1100000000;
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_true(reception_next_document(lab->reception, &d));
	reception_document_done(lab->reception, &d, 0, true, lab->now_ns);
	assert_true(reception_session_at(lab->reception, 0)->has_proof);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_false(reception_next_document(lab->reception, &d));
	reception_hear_again(lab->reception, OBJECT_ROLE_MANIFEST);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_false(reception_next_document(lab->reception, &d));
	reception_hear_again(lab->reception, OBJECT_ROLE_MAP);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_true(reception_next_document(lab->reception, &d));
	reception_document_done(lab->reception, &d, 0, true, lab->now_ns);
	/* Once in doubt, the FDT is read again. */
	reception_doubt(lab->reception);
	take_fdt(lab);
}

/* A forged FDT under the true session's address gives its TOIs another meaning, until the true one is heard again. */
static void test_contradicting_fdt(void **state)
{
	struct lab *lab = *state;
	struct reception_document d;
	struct fake_object *map = fake_tx_put(&lab->tx, "map", "", "0123456789", 10);
	uint32_t true_id = lab->tx.fdt_id;
	take_fdt(lab);
	strcpy(map->role, "other");
	lab->tx.fdt_id = true_id + 1000;
	take_fdt(lab);
	assert_int_equal(drops(lab, CAROUSEL_E_CONFLICT), 1);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_false(reception_next_document(lab->reception, &d));
	strcpy(map->role, "map");
	lab->tx.fdt_id = true_id;
	take_fdt(lab);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_true(reception_next_document(lab->reception, &d));
	/* What was refused is looked at again at once where a new root may have changed the answer. */
	reception_document_done(lab->reception, &d, CAROUSEL_E_SIGNATURE, false, lab->now_ns);
	reception_hear_again(lab->reception, OBJECT_ROLE_MAP);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_true(reception_next_document(lab->reception, &d));
	reception_document_done(lab->reception, &d, 0, true, lab->now_ns);
}

static void test_document_too_large(void **state)
{
	struct lab *lab = *state;
	static uint8_t big[100001];
	struct fake_object *map = fake_tx_put(&lab->tx, "map", "", big, sizeof(big));
	take_fdt(lab);
	fake_tx_send_symbol(&lab->tx, map, 0, 0);
	assert_int_equal(lab->last, CAROUSEL_E_LIMIT);
	assert_int_equal(drops(lab, CAROUSEL_E_LIMIT), 1);
}

static void test_document_done_after_its_session(void **state)
{
	struct lab *lab = *state;
	struct reception_document d;
	fake_tx_put(&lab->tx, "map", "", "0123456789", 10);
	fake_tx_send_fdt(&lab->tx);
	assert_true(reception_next_document(lab->reception, &d));
	/* Meanwhile others take every place. */
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++) {
		lab->now_ns += 2000000000;
		lab->datagram.source.ip[15] = (uint8_t)(i + 1);
		fake_tx_send_fdt(&lab->tx);
	}
	reception_document_done(lab->reception, &d, 0, true, lab->now_ns);
	reception_document_done(lab->reception, &(struct reception_document){.role = OBJECT_ROLE_MAP, .session = 1}, 0,
		true, lab->now_ns);
	for (unsigned i = 0; i < RECEPTION_MAX_SESSIONS; i++)
		assert_false(reception_session_at(lab->reception, i)->has_proof);
	assert_null(reception_session_at(lab->reception, RECEPTION_MAX_SESSIONS));
}

/* ---- images ---------------------------------------------------------------------------------------- */

static void test_only_what_is_wanted(void **state)
{
	struct lab *lab = *state;
	struct fake_object *o = fake_tx_put_image(&lab->tx, &lab->image);
	struct store_image image;
	take_fdt(lab);
	fake_tx_send_symbol(&lab->tx, o, 0, 0);
	assert_int_equal(lab->last, 0);
	assert_int_equal(heard(lab), 0);
	image = want(lab);
	fake_tx_send_symbol(&lab->tx, o, 0, 0);
	assert_int_equal(lab->last, 0);
	assert_int_equal(heard(lab), 1);
	reception_set_paused(lab->reception, true);
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	assert_int_equal(heard(lab), 1);
	reception_set_paused(lab->reception, false);
	/* By digest, OTI and layout, all of them. */
	image.sha256[0] ^= 1;
	reception_want_image(lab->reception, &image, NULL);
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	assert_int_equal(heard(lab), 1);
	image.sha256[0] ^= 1;
	image.layout.kind = OBJECT_LINEAR;
	reception_want_image(lab->reception, &image, NULL);
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	assert_int_equal(heard(lab), 1);
	image.layout.kind = OBJECT_STRIPED;
	image.layout.oti.max_encoding_symbols--;
	reception_want_image(lab->reception, &image, NULL);
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	assert_int_equal(heard(lab), 1);
	reception_want_image(lab->reception, NULL, NULL);
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	assert_int_equal(heard(lab), 1);
}

/* Several symbols in one packet are consecutive. */
static void test_several_symbols_a_packet(void **state)
{
	struct lab *lab = *state;
	struct fake_object *o = fake_tx_put_image(&lab->tx, &lab->image);
	uint8_t long_packet[4096];
	size_t header;
	take_fdt(lab);
	want(lab);
	lab->is_mute = true;
	fake_tx_send_symbol(&lab->tx, o, 1, 3);
	lab->is_mute = false;
	header = lab->len - FAKE_TX_SYMBOL_BYTES;
	memcpy(long_packet, lab->packet, lab->len);
	memset(long_packet + lab->len, 7, 2 * FAKE_TX_SYMBOL_BYTES);
	assert_int_equal(hear(lab, long_packet, header + 3 * FAKE_TX_SYMBOL_BYTES), 0);
	assert_int_equal(heard(lab), 3);
	assert_int_equal(hear(lab, long_packet, header + 3 * FAKE_TX_SYMBOL_BYTES), CAROUSEL_E_DUPLICATE);
	/* A part of a symbol behind them is none. */
	long_packet[header - 1]++; /* the last byte of the payload id: another ESI */
	assert_int_equal(hear(lab, long_packet, header + FAKE_TX_SYMBOL_BYTES / 2), CAROUSEL_E_SYMBOL);
}

static void test_strangers_where_somebody_has_proof(void **state)
{
	struct lab *lab = *state;
	struct fake_object *o = fake_tx_put_image(&lab->tx, &lab->image);
	take_fdt(lab);
	want(lab);
	lab->datagram.source.ip[15] = 66;
	take_fdt(lab);
	fake_tx_send_symbol(&lab->tx, o, 0, 0);
	assert_int_equal(lab->last, 0); /* nobody has, yet */
	lab->datagram.source.ip[15] = 0;
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	assert_int_equal(lab->last, 0);
	lab->datagram.source.ip[15] = 66;
	fake_tx_send_symbol(&lab->tx, o, 0, 2);
	assert_int_equal(lab->last, CAROUSEL_E_FOREIGN_SESSION);
	assert_int_equal(heard(lab), 2);
}

static void test_parameters_must_agree(void **state)
{
	struct lab *lab = *state;
	struct fake_object *o = fake_tx_put_image(&lab->tx, &lab->image);
	struct fec_oti oti = o->layout.oti;
	take_fdt(lab);
	want(lab);
	/* EXT_FTI of another object under this TOI. */
	o->layout.oti.transfer_length -= 4096 * oti.num_blocks;
	assert_int_equal(fec_oti_check(&o->layout.oti, NULL), 0);
	lab->is_mute = true;
	fake_tx_send_symbol(&lab->tx, o, 0, 0);
	lab->is_mute = false;
	assert_int_equal(hear(lab, lab->packet, lab->len), CAROUSEL_E_CONFLICT);
	o->layout.oti = oti;
	/* Another scheme. */
	lab->is_mute = true;
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	lab->is_mute = false;
	lab->packet[3] = FEC_RAPTORQ;
	assert_int_equal(hear(lab, lab->packet, lab->len), CAROUSEL_E_OTI);
	assert_int_equal(heard(lab), 0);
}

/* The simulator's packets: header only. */
static void test_absent_payload(void **state)
{
	struct lab *lab = *state;
	struct fake_object *o = fake_tx_put_image(&lab->tx, &lab->image);
	take_fdt(lab);
	want(lab);
	lab->is_mute = true;
	fake_tx_send_symbol(&lab->tx, o, 0, 1);
	lab->is_mute = false;
	lab->datagram.absent_bytes = 2 * FAKE_TX_SYMBOL_BYTES;
	assert_int_equal(hear(lab, lab->packet, lab->len), CAROUSEL_E_MALFORMED);
	assert_int_equal(hear(lab, lab->packet, lab->len - FAKE_TX_SYMBOL_BYTES), 0);
	assert_int_equal(heard(lab), 2);
}

static void test_absent_payload_refused(void **state)
{
	struct lab *lab = *state;
	lab->is_mute = true;
	fake_tx_send_fdt(&lab->tx);
	lab->datagram.absent_bytes = 10;
	assert_int_equal(hear(lab, lab->packet, lab->len), CAROUSEL_E_UNSUPPORTED);
}

/* ---- sessions -------------------------------------------------------------------------------------- */

static void test_heartbeats(void **state)
{
	struct lab *lab = *state;
	lab->heartbeat_result = CAROUSEL_E_SIGNATURE;
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	assert_int_equal(lab->last, CAROUSEL_E_SIGNATURE);
	assert_false(reception_session_at(lab->reception, 0)->has_proof);
	lab->heartbeat_result = 0;
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	assert_true(reception_session_at(lab->reception, 0)->has_proof);
	assert_int_equal(lab->heartbeats, 2);
	/* An old number is not even looked at. */
	assert_int_equal(hear(lab, lab->packet, lab->len), CAROUSEL_E_DUPLICATE);
	assert_int_equal(lab->heartbeats, 2);
	lab->tx.tsi = 52;
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	assert_int_equal(lab->last, CAROUSEL_E_FOREIGN_SESSION);
	assert_int_equal(reception_allow_tsi(lab->reception, 52), 0);
	assert_int_equal(reception_allow_tsi(lab->reception, 52), 0);
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	assert_int_equal(lab->last, 0);
	for (uint32_t i = 0; i < CAROUSEL_RX_MAX_SESSIONS - 1; i++)
		assert_int_equal(reception_allow_tsi(lab->reception, 100 + 2 * i), 0);
	assert_int_equal(reception_allow_tsi(lab->reception, 200), CAROUSEL_E_LIMIT);
}

static void test_strangers_do_not_push_out_the_proven(void **state)
{
	struct lab *lab = *state;
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	for (unsigned i = 0; i < 100; i++) {
		lab->datagram.source.ip[15] = (uint8_t)(i + 1);
		lab->now_ns += i % 20 ? 1000 : 1100000000;
		fake_tx_send_fdt(&lab->tx);
	}
	assert_true(reception_session_at(lab->reception, 0)->has_proof);
	assert_true(drops(lab, CAROUSEL_E_LIMIT) > 0);
}

static void test_backlog_is_bounded(void **state)
{
	struct lab *lab = *state;
	struct fake_object *o = fake_tx_put_image(&lab->tx, &lab->image);
	for (uint32_t esi = 0; esi < 5; esi++) {
		fake_tx_send_symbol(&lab->tx, o, 0, esi);
		assert_int_equal(lab->last, esi < 3 ? 0 : CAROUSEL_E_UNKNOWN_OBJECT);
	}
	want(lab);
	take_fdt(lab);
	assert_int_equal(heard(lab), 3);
	assert_int_equal(drops(lab, CAROUSEL_E_UNKNOWN_OBJECT), 2);
	/* What no FDT ever names goes after a while. */
	o->toi = 999;
	fake_tx_send_symbol(&lab->tx, o, 0, 10);
	lab->now_ns += 31000000000u;
	fake_tx_send_symbol(&lab->tx, o, 0, 11);
	assert_int_equal(drops(lab, CAROUSEL_E_UNKNOWN_OBJECT), 3);
}

/* A packet may end with its LCT header; then it is no heartbeat. */
static int drop_all(void *user, const uint8_t *data, size_t len)
{
	struct lab *lab = user;
	int result = hear(lab, data, len);
	return result == 0 && lab->heartbeats == 0 ? CAROUSEL_E_NOT_FOUND : result;
}

static void test_truncations_of_packets(void **state)
{
	struct lab *lab = *state;
	lab->is_mute = true;
	fake_tx_send_heartbeat(&lab->tx, 1, 1);
	test_truncations(drop_all, lab, lab->packet, lab->len);
	assert_int_equal(drops(lab, CAROUSEL_E_TRUNCATED) > 0, 1);
}

static int attempt(const struct carousel_allocator *a, void *user)
{
	struct lab *lab = user;
	struct reception_config config = {.allocator = a,
		.store = lab->store,
		.tsi = 50,
		.class_name = CLASS,
		.document_bytes = 10000,
		.backlog_bytes = 4000,
		.heartbeat = lab_heartbeat,
		.user = lab};
	struct reception *r, *kept = lab->reception;
	int result = reception_new(&r, &config);
	if (result)
		return result;
	lab->reception = r;
	fake_tx_send_fdt(&lab->tx);
	/* No memory for a collector is a packet dropped, not the end. */
	result = lab->last == CAROUSEL_E_LIMIT ? CAROUSEL_E_MEMORY : lab->last;
	reception_free(r);
	lab->reception = kept;
	return result;
}

static void test_no_memory(void **state)
{
	struct lab *lab = *state;
	fake_tx_put(&lab->tx, "map", "", "0123456789", 10);
	assert_true(fault_alloc_all(attempt, lab) >= 4);
}

#define WITH_LAB(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_LAB(test_documents),
		WITH_LAB(test_contradicting_fdt),
		WITH_LAB(test_document_too_large),
		WITH_LAB(test_document_done_after_its_session),
		WITH_LAB(test_only_what_is_wanted),
		WITH_LAB(test_several_symbols_a_packet),
		WITH_LAB(test_strangers_where_somebody_has_proof),
		WITH_LAB(test_parameters_must_agree),
		cmocka_unit_test_setup_teardown(test_absent_payload, lab_open_absent, lab_close),
		WITH_LAB(test_absent_payload_refused),
		WITH_LAB(test_heartbeats),
		WITH_LAB(test_strangers_do_not_push_out_the_proven),
		WITH_LAB(test_backlog_is_bounded),
		WITH_LAB(test_truncations_of_packets),
		WITH_LAB(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
