#include "tests/lib/life_run.h"

#include "carousel-rx/daemon/storage_files.h"
#include "carousel-rx/receiver.h"
#include "carousel-rx/store/store_internal.h"
#include "tests/lib/cut_fork.h"
#include "tests/lib/fake_tx.h"
#include "tests/lib/flash_fs.h"
#include "tests/lib/test.h"

#include <stdio.h>

#define LIFE_CLASS       "box2-fpu-4mb"
#define LIFE_OLD         100u
#define LIFE_OLDER       90u
#define LIFE_NEW         105u
#define LIFE_STATE       FLASH_ROOT "/state"
#define LIFE_BOOT        FLASH_ROOT "/boot"
#define LIFE_PASSES      10u
#define LIFE_PACKET_NS   3000000u
#define LIFE_SYNC_NS     60000000u
#define LIFE_FLUSH_EVERY 37u /* packets */
#define LIFE_CHECK_EVERY 16u
#define LIFE_TRIAL       5u /* packets until the health check has passed */
#define LIFE_MOST_HEARD  40000u
#define LIFE_MOST_WORK   5000u
#define LIFE_ATTEMPTS    2u
#define LIFE_TRIES       3u

static const char *const life_slot[2] = {FLASH_ROOT "/slot0", FLASH_ROOT "/slot1"};

/* ---- on the air -------------------------------------------------------------------------------- */

struct life_packet {
	uint8_t *data;
	size_t len;
	uint32_t sbn, esi;
	bool is_image;
};

struct life_air {
	struct life_shape shape;
	struct store_fixture fixture;
	struct fake_tx tx;
	struct fake_image image;
	uint8_t *old[2]; /* whole slots */
	size_t slot_bytes;
	struct life_packet *packet;
	size_t count, cap;
	struct life_packet next; /* what the packet that is being sent is */
};

static void air_send(void *user, const uint8_t *packet, size_t len)
{
	struct life_air *air = user;
	struct life_packet *p;
	if (air->count == air->cap) {
		air->cap = air->cap ? air->cap * 2 : 1024;
		air->packet = realloc(air->packet, air->cap * sizeof(*air->packet));
		assert_non_null(air->packet);
	}
	p = &air->packet[air->count++];
	*p = air->next;
	p->data = malloc(len);
	assert_non_null(p->data);
	p->len = len;
	memcpy(p->data, packet, len);
}

static void air_send_symbol(struct life_air *air, struct fake_object *o, uint32_t sbn, uint32_t esi)
{
	const struct fec_oti *oti = &o->layout.oti;
	struct alc_packet p = {.has_fti = esi % 16 == 0, .oti = *oti};
	struct fec_block block;
	uint8_t symbol[4096];
	size_t len = oti->symbol_size;
	assert_int_equal(fec_block_of(oti, sbn, &block), 0);
	if (esi >= block.esi_limit || (esi < block.num_source && store_fixture_is_padding(&air->fixture, sbn, esi)))
		return;
	store_fixture_symbol(&air->fixture, sbn, esi, symbol);
	if (o->layout.kind == OBJECT_LINEAR && sbn + 1 == oti->num_blocks && esi + 1 == block.num_source &&
		oti->transfer_length % len && oti->encoding_id == FEC_COMPACT_NO_CODE)
		len = (size_t)(oti->transfer_length % len);
	p.lct.toi = o->toi;
	p.lct.codepoint = oti->encoding_id;
	p.id.sbn = sbn;
	p.id.esi = esi;
	p.id.block_length = (uint16_t)block.num_source;
	air->next = (struct life_packet){.sbn = sbn, .esi = esi, .is_image = true};
	fake_tx_send(&air->tx, &p, symbol, len);
	air->next = (struct life_packet){0};
}

/* One pass of the image: repair symbols go on from pass to pass as far as the scheme has any. */
static void air_pass(struct life_air *air, struct fake_object *o, uint32_t pass)
{
	const struct fec_oti *oti = &o->layout.oti;
	uint32_t most = oti->max_block_symbols, first = pass * most;
	if (oti->encoding_id != FEC_RAPTORQ && oti->encoding_id != FEC_COMPACT_NO_CODE)
		first = pass % 2 * most;
	if (oti->encoding_id == FEC_COMPACT_NO_CODE)
		first = 0;
	if (air->shape.comes_late && pass == 0)
		first = most * 3 / 4;
	for (uint32_t i = 0; i < most; i++)
		for (uint32_t sbn = 0; sbn < oti->num_blocks; sbn++)
			air_send_symbol(air, o, sbn, first + i);
}

static void air_put_documents(struct life_air *air)
{
	char map[2048], line[512];
	fake_image_line(&air->image, line, sizeof(line));
	snprintf(map, sizeof(map),
		"carousel-map 1\nepoch 1\nserial 10\nissued 2026-11-21T10:00:00Z\nexpires 2027-02-21T00:00:00Z\n"
		"session main 232.1.1.95:4001 tsi=4001\nmap " LIFE_CLASS " production 105 105 105 120\n%s",
		line);
	fake_tx_put_map(&air->tx, map);
	fake_tx_put(&air->tx, "manifest", LIFE_CLASS, air->image.manifest_text, strlen(air->image.manifest_text));
}

static void air_fill_slots(struct life_air *air)
{
	uint64_t seed = 99;
	air->slot_bytes = air->shape.image.image_bytes + air->shape.slack;
	for (int i = 0; i < 2; i++) {
		air->old[i] = malloc(air->slot_bytes);
		assert_non_null(air->old[i]);
		for (size_t k = 0; k < air->slot_bytes; k++)
			air->old[i][k] = (uint8_t)test_random(&seed);
	}
}

static struct life_air *life_air_new(const struct life_shape *shape)
{
	struct life_air *air = calloc(1, sizeof(*air));
	struct fake_object *o;
	assert_non_null(air);
	air->shape = *shape;
	store_fixture_init_sub_blocks(&air->fixture, &shape->image, shape->sub_blocks);
	fake_tx_init(&air->tx, 4001, 10);
	fake_image_init_bytes(
		&air->image, &air->tx, LIFE_CLASS, LIFE_NEW, air->fixture.data, &air->fixture.image.layout);
	air_fill_slots(air);
	air_put_documents(air);
	o = fake_tx_put_image(&air->tx, &air->image);
	o->is_silent = true;
	(o - 1)->is_silent = !shape->has_index;
	air->tx.send = air_send;
	air->tx.user = air;
	for (uint32_t pass = 0; pass < LIFE_PASSES; pass++) {
		fake_tx_pass(&air->tx);
		air_pass(air, o, pass);
	}
	return air;
}

static void life_air_free(struct life_air *air)
{
	for (size_t i = 0; i < air->count; i++)
		free(air->packet[i].data);
	free(air->packet);
	free(air->old[0]);
	free(air->old[1]);
	fake_image_deinit(&air->image);
	fake_tx_deinit(&air->tx);
	store_fixture_deinit(&air->fixture);
	free(air);
}

/* ---- the box ----------------------------------------------------------------------------------- */

/* How the power goes, and what is left of what was not synced. */
struct life_cut {
	enum power_luck luck;
	size_t tear;
	uint64_t at;        /* changing call */
	uint64_t second_at; /* calls after the first restart; 0: never */
};

struct life {
	const struct life_air *air;
	const struct life_sweep *sweep;
	bool is_child; /* one trouble of all, to its end */
	struct life_cut cut;
	uint64_t first, tried; /* the call from which on there is trouble; how often, by the children */
	struct storage_files files;
	struct carousel_rx_storage storage;
	struct life_loader loader;
	struct carousel_boot adapter, boot; /* the daemon's, and the same with questions asked */
	struct carousel_rx *rx;
	uint64_t now_ns, seed;
	size_t turn;
	int running;
	unsigned trial_packets, trial_boots, cuts;
	bool must_reboot;
	char flags[2][16];                /* durable, as last checked */
	const struct life_packet **taken; /* accepted, in order */
	size_t num_taken, cap_taken, num_synced;
};

const char *life_rules(void)
{
	return "  a slot that the boot loader would boot holds a whole image, on the medium itself, at every moment\n"
	       "  no byte of a slot changes while the boot flags on the medium would have it booted, nor of the "
	       "running slot\n"
	       "  try_slot comes when every byte of the image was read back since it was written, synced, and is "
	       "right\n"
	       "  a symbol accepted before a flush that finished is a duplicate after every restart\n"
	       "  blocks done, own symbols and complete images are the image's bytes on the medium\n"
	       "  the life ends as it would have without a cut, with no more trial boots than were allowed\n";
}

static bool life_holds(const struct life *l, int slot, uint32_t version)
{
	size_t len;
	const uint8_t *have = flash_durable(life_slot[slot], &len);
	if (version == LIFE_NEW)
		return memcmp(have, l->air->image.bytes, l->air->image.len) == 0;
	return memcmp(have, l->air->old[version == LIFE_OLD ? 0 : 1], l->air->slot_bytes) == 0;
}

/* The version a slot would report; 0: no whole image. */
static uint32_t life_version(const struct life *l, int slot)
{
	static const uint32_t versions[] = {LIFE_OLD, LIFE_OLDER, LIFE_NEW};
	for (unsigned i = 0; i < 3; i++)
		if (life_holds(l, slot, versions[i]))
			return versions[i];
	return 0;
}

static void life_read_flag(const struct life *l, int slot, char text[16])
{
	life_loader_flag(l->air->shape.loader, LIFE_BOOT, slot, text);
}

static bool life_is_bootable(const char *flag)
{
	return strncmp(flag, "good", 4) == 0 || (strncmp(flag, "trial ", 6) == 0 && flag[6] != '0');
}

static void life_check_flags(struct life *l, bool is_all)
{
	for (int slot = 0; slot < 2; slot++) {
		char flag[16];
		life_read_flag(l, slot, flag);
		if (is_all || strcmp(flag, l->flags[slot]) != 0)
			assert_true(!life_is_bootable(flag) || life_version(l, slot) != 0);
		memcpy(l->flags[slot], flag, sizeof(flag));
	}
}

static void life_on_slot_write(void *user, const char *path)
{
	const struct life *l = user;
	int slot = strcmp(path, life_slot[1]) == 0;
	char flag[16];
	life_read_flag(l, slot, flag);
	assert_int_not_equal(slot, l->running);
	assert_false(life_is_bootable(flag));
}

static int life_boot_state(void *user, struct carousel_boot_state *state)
{
	struct life *l = user;
	return l->adapter.state(l->adapter.user, state);
}

static int life_mark_bad(void *user, int slot)
{
	struct life *l = user;
	return l->adapter.mark_bad(l->adapter.user, slot);
}

static int life_try_slot(void *user, int slot, unsigned tries)
{
	struct life *l = user;
	if (!flash.is_off) {
		assert_true(flash_is_synced(life_slot[slot]));
		assert_true(flash_was_read_back(life_slot[slot], l->air->image.len));
		assert_true(life_holds(l, slot, LIFE_NEW));
	}
	return l->adapter.try_slot(l->adapter.user, slot, tries);
}

static int life_confirm(void *user, int slot)
{
	struct life *l = user;
	return l->adapter.confirm(l->adapter.user, slot);
}

static void life_event(void *user, const struct carousel_rx_event *e)
{
	struct life *l = user;
	if (e->kind == CAROUSEL_RX_EVENT_REBOOT)
		l->must_reboot = true;
}

static void life_halt(struct life *l)
{
	carousel_rx_free(l->rx);
	l->rx = NULL;
	storage_files_close(&l->files);
}

/* ---- working ----------------------------------------------------------------------------------- */

/* So that the journal is written anew several times in a reception. */
static void life_hasten(struct life *l)
{
	struct store *s = l->rx->store;
	if (s->has_tables && s->compact_step > 500)
		s->compact_at = s->compact_step = 500;
}

/* Jobs and deadlines until there are none; false when the power went. */
static bool life_work(struct life *l)
{
	for (unsigned i = 0; i < LIFE_MOST_WORK; i++) {
		struct carousel_job *job = carousel_rx_next_job(l->rx);
		if (job == NULL) {
			if (carousel_rx_deadline(l->rx) > l->now_ns)
				return true;
			assert_int_equal(carousel_rx_on_deadline(l->rx, l->now_ns), 0);
			continue;
		}
		carousel_job_run(job);
		life_check_flags(l, false);
		(void)carousel_rx_job_done(l->rx, job, l->now_ns);
		if (flash.is_off)
			return false;
		life_hasten(l);
	}
	fail_msg("the receiver is never at rest");
	return false;
}

static bool life_start(struct life *l)
{
	const struct life_air *air = l->air;
	const struct storage_files_config files = {.slots = {life_slot[0], life_slot[1]},
		.running = l->running,
		.slot_bytes = air->shape.is_device ? 0 : air->slot_bytes,
		.state_dir = LIFE_STATE};
	char version[16];
	struct carousel_rx_config config = {.storage = &l->storage,
		.boot = &l->boot,
		.event_user = l,
		.event = life_event,
		.box_id = "00a1b2c3d4",
		.hardware_class = LIFE_CLASS,
		.version = version,
		.trust_root = air->tx.root_text,
		.trust_root_len = strlen(air->tx.root_text),
		.tsi = 4001,
		.sync_interval_ns = LIFE_SYNC_NS,
		.max_attempts = LIFE_ATTEMPTS,
		.boot_tries = LIFE_TRIES};
	int result;
	snprintf(version, sizeof(version), "%u", life_version(l, l->running));
	for (unsigned i = 0; i < 2; i++) {
		result = storage_files_open(&l->files, &files, &l->storage);
		if (result == 0)
			result = carousel_rx_new(&l->rx, &config, l->now_ns);
		/* What failed once makes the daemon end, and be started again. */
		if (result == 0 || flash.is_off || l->sweep->trouble != LIFE_FAILURES)
			break;
		life_halt(l);
	}
	assert_true(result == 0 || flash.is_off);
	return result == 0 && life_work(l);
}

/* What the boot loader does, then the receiver's start; false when the power went. */
static bool life_boot(struct life *l)
{
	enum life_loader_kind kind = l->air->shape.loader;
	int result;
	l->boot = (struct carousel_boot){l, life_boot_state, life_mark_bad, life_try_slot, life_confirm};
	life_check_flags(l, true);
	result = life_loader_boot(kind, LIFE_BOOT, &l->running);
	if (result && !flash.is_off && l->sweep->trouble == LIFE_FAILURES)
		result = life_loader_boot(kind, LIFE_BOOT, &l->running);
	life_check_flags(l, false);
	if (flash.is_off)
		return false;
	assert_int_equal(result, 0);
	life_loader_open(&l->loader, kind, LIFE_BOOT, l->running, &l->adapter);
	l->trial_packets = 0;
	l->must_reboot = false;
	l->trial_boots += l->running == 1 && strncmp(l->flags[1], "trial", 5) == 0;
	return life_start(l);
}

/* ---- after a restart --------------------------------------------------------------------------- */

static void life_check_store(const struct life *l)
{
	const struct store *s = l->rx->store;
	size_t len;
	const uint8_t *slot = flash_durable(life_slot[1], &len);
	if (!s->has_tables || s->phase == STORE_OPENING || l->sweep->trouble != LIFE_CUTS)
		return;
	for (uint32_t sbn = 0; flash_is_synced(life_slot[1]) && sbn < s->geometry.blocks; sbn++)
		for (uint32_t esi = 0; esi < s->map.block[sbn].real; esi++)
			if (map_is_own(&s->map, sbn, esi) && !store_fixture_is_own(&l->air->fixture, sbn, esi, slot))
				fail_msg("symbol %u of block %u is called there", esi, sbn);
	if (s->phase == STORE_COMPLETE || s->phase == STORE_VERIFYING || s->phase == STORE_VERIFIED)
		assert_true(life_holds(l, 1, LIFE_NEW));
}

/* Nothing that was synced is received again. */
static void life_check_synced(struct life *l)
{
	struct store *s = l->rx->store;
	uint8_t symbol[4096] = {0};
	if (l->num_synced == 0 || l->running == 1)
		return;
	if (s->phase != STORE_RECEIVING) {
		assert_true(l->rx->slot.step >= SLOT_VERIFYING || l->rx->memo.num_failures);
		return;
	}
	for (size_t i = 0; i < l->num_synced; i++)
		assert_int_equal(
			store_add(s, l->taken[i]->sbn, l->taken[i]->esi, symbol, s->geometry.symbol_size, l->now_ns),
			CAROUSEL_E_DUPLICATE);
}

/* The power went; it comes back, perhaps to go again while the box recovers. */
static void life_restart(struct life *l)
{
	do {
		life_halt(l);
		flash_power_on(l->cut.luck, l->cut.at + l->cuts);
		l->cuts++;
		if (l->cuts == 1 && l->cut.second_at)
			flash.cut_at = flash.calls + l->cut.second_at;
	} while (!life_boot(l));
	l->num_taken = l->num_synced;
	life_check_store(l);
	life_check_synced(l);
}

/* As asked for: what was not synced is lost all the same. The cut that is to come stays. */
static void life_reboot(struct life *l)
{
	uint64_t cut_at = flash.cut_at;
	life_halt(l);
	flash_power_on(POWER_ALL_LOST, 0);
	flash.cut_at = cut_at;
	if (!life_boot(l))
		life_restart(l);
}

/* ---- hearing ----------------------------------------------------------------------------------- */

static bool life_has(const struct life *l, const struct life_packet *p)
{
	const struct store *s = l->rx->store;
	return p->is_image && s->has_tables && s->phase == STORE_RECEIVING && map_holds(&s->map, p->sbn, p->esi);
}

static bool life_hear(struct life *l, const struct life_packet *p)
{
	const struct carousel_datagram d = {
		.data = p->data, .len = p->len, .source = {.family = 4, .ip = {198, 51, 100, 7}, .port = 4001}};
	bool had = life_has(l, p);
	l->now_ns += LIFE_PACKET_NS;
	assert_false(carousel_error_is_fatal(carousel_rx_recv(l->rx, &d, l->now_ns)));
	if (!had && life_has(l, p)) {
		if (l->num_taken == l->cap_taken) {
			l->cap_taken = l->cap_taken ? l->cap_taken * 2 : 256;
			l->taken = realloc(l->taken, l->cap_taken * sizeof(*l->taken));
			assert_non_null(l->taken);
		}
		l->taken[l->num_taken++] = p;
	}
	return life_work(l);
}

static bool life_flush(struct life *l)
{
	size_t taken = l->num_taken;
	assert_int_equal(carousel_rx_flush(l->rx, l->now_ns), 0);
	if (!life_work(l))
		return false;
	/* What failed is not synced, whoever asked for it. */
	if (l->sweep->trouble == LIFE_CUTS)
		l->num_synced = taken;
	return true;
}

static bool life_has_ended(const struct life *l)
{
	enum carousel_rx_state state = carousel_rx_state(l->rx);
	if (l->air->shape.story == LIFE_HEALTHY)
		return l->running == 1 && state == CAROUSEL_RX_UP_TO_DATE;
	return l->running == 0 && state == CAROUSEL_RX_FAILED && l->rx->has_decision &&
	       l->rx->decision.reason == POLICY_REASON_FAILED_BEFORE;
}

/* The next packet, and what the box's owner does. */
static void life_step(struct life *l)
{
	const struct life_packet *p = &l->air->packet[l->turn++ % l->air->count];
	bool is_on = true;
	if (l->must_reboot) {
		life_reboot(l);
		return;
	}
	if (carousel_rx_state(l->rx) == CAROUSEL_RX_TRIAL && ++l->trial_packets == LIFE_TRIAL) {
		if (l->air->shape.story == LIFE_HEALTHY)
			assert_int_equal(carousel_rx_request(l->rx, CAROUSEL_RX_HEALTHY, 0, l->now_ns), 0);
		else
			l->must_reboot = true;
	}
	if (!p->is_image || test_random(&l->seed) % 100 >= l->sweep->loss_percent)
		is_on = life_hear(l, p);
	if (is_on && l->turn % LIFE_FLUSH_EVERY == 0)
		is_on = life_flush(l);
	if (!is_on)
		life_restart(l);
	else if (l->turn % LIFE_CHECK_EVERY == 0)
		life_check_store(l);
}

static void life_check_end(struct life *l)
{
	bool is_healthy = l->air->shape.story == LIFE_HEALTHY;
	assert_true(life_holds(l, 0, LIFE_OLD));
	assert_true(l->trial_boots <= (is_healthy ? LIFE_TRIES : LIFE_TRIES * LIFE_ATTEMPTS));
	if (!is_healthy) {
		assert_false(life_is_bootable(l->flags[1]));
		return;
	}
	assert_int_equal(life_loader_first(l->air->shape.loader, LIFE_BOOT), 1);
	assert_string_equal(l->flags[1], "good");
	assert_true(life_holds(l, 1, LIFE_NEW));
}

static void life_blank(struct life *l)
{
	const struct life_air *air = l->air;
	flash_init(512);
	flash_add_directory(LIFE_STATE);
	flash_add_directory(LIFE_BOOT);
	for (int slot = 0; slot < 2; slot++)
		flash_add_slot(life_slot[slot], air->old[slot], air->slot_bytes, air->shape.is_device);
	life_loader_blank(air->shape.loader, LIFE_BOOT);
	flash.calls = 0;
	flash.on_slot_write = life_on_slot_write;
	flash.user = l;
}

/* ---- trouble ------------------------------------------------------------------------------------- */

static bool life_fork(struct life *l, const char *what, unsigned how, uint64_t n)
{
	char text[128];
	snprintf(text, sizeof(text), "boot loader %s: %s, way %u, at call %llu, then %llu",
		life_loader_name(l->air->shape.loader), what, how, (unsigned long long)n,
		(unsigned long long)l->cut.second_at);
	l->is_child = cut_fork(text);
	return l->is_child;
}

static void life_trouble_cut(struct life *l, uint64_t n)
{
	static const struct life_cut cuts[] = {{.luck = POWER_ALL_LOST, .tear = 512},
		{.luck = POWER_ALL_KEPT, .tear = 512}, {.luck = POWER_RANDOM, .tear = 1},
		{.luck = POWER_RANDOM, .tear = 512}, {.luck = POWER_RANDOM, .tear = 4096}};
	for (unsigned how = 0; how < sizeof(cuts) / sizeof(cuts[0]) && !l->is_child; how++) {
		l->cut = cuts[how];
		l->cut.at = n;
		/* Every other time again while recovering. */
		l->cut.second_at = (n + how) % 2 ? 1 + (n * 7 + how) % 23 : 0;
		l->tried += l->cut.second_at ? 2 : 1;
		life_fork(l, "power cut", how, n);
	}
	if (l->is_child) {
		flash.tear = l->cut.tear;
		flash.cut_at = n;
	}
}

static void life_trouble_failure(struct life *l, uint64_t n)
{
	static const enum flash_failure failures[] = {FLASH_EIO, FLASH_FULL, FLASH_SHORT};
	for (unsigned how = 0; how < sizeof(failures) / sizeof(failures[0]) && !l->is_child; how++) {
		l->tried++;
		flash.failure = failures[how];
		life_fork(l, "failure", how, n);
	}
	if (l->is_child)
		flash.fail_at = n;
}

static void life_trouble_bad_page(struct life *l, uint64_t n)
{
	static const char *const paths[] = {FLASH_ROOT "/slot1", LIFE_STATE "/journal"};
	size_t pages[] = {l->air->slot_bytes / FLASH_PAGE_BYTES + 1, 4};
	for (unsigned how = 0; how < 2 && !l->is_child; how++) {
		l->tried++;
		if (life_fork(l, "bad page", how, n))
			flash_spoil(paths[how], (size_t)(n * 7 % pages[how]));
	}
}

/* Before each changing call: this is where trouble comes, in every way, each in a child. */
static void life_before_call(void *user)
{
	struct life *l = user;
	uint64_t n = flash.calls + 1;
	if (l->is_child || n < l->first || n % l->sweep->every ||
		n / l->sweep->every % l->sweep->parts != l->sweep->part)
		return;
	if (l->sweep->trouble == LIFE_CUTS)
		life_trouble_cut(l, n);
	else if (l->sweep->trouble == LIFE_FAILURES)
		life_trouble_failure(l, n);
	else
		life_trouble_bad_page(l, n);
}

/* From call `first` on there is trouble. Returns the changing calls of a life without. */
static uint64_t life_run(const struct life_air *air, const struct life_sweep *sweep, uint64_t first, uint64_t *tried)
{
	struct life l = {.air = air, .sweep = sweep, .first = first, .now_ns = 1000000000, .seed = 7920};
	uint64_t calls;
	l.files.lock_fd = -1;
	for (int i = 0; i < RX_NUM_FILES; i++)
		l.files.fds[i] = -1;
	life_blank(&l);
	flash.before_call = life_before_call;
	if (!life_boot(&l))
		life_restart(&l);
	for (unsigned heard = 0; !life_has_ended(&l); heard++) {
		if (heard == LIFE_MOST_HEARD)
			fail_msg("the life does not end: slot %d runs, state %d, flags %s, %s", l.running,
				carousel_rx_state(l.rx), l.flags[0], l.flags[1]);
		life_step(&l);
	}
	/* And it stays so. What a failing call has lost at the very end, the map say, may have to be heard again. */
	life_reboot(&l);
	for (unsigned heard = 0; l.sweep->trouble == LIFE_FAILURES && !life_has_ended(&l) && heard < LIFE_MOST_HEARD;
		heard++)
		life_step(&l);
	assert_true(life_has_ended(&l));
	life_check_end(&l);
	if (l.is_child)
		cut_fork_end();
	calls = flash.calls;
	*tried = l.tried;
	life_halt(&l);
	flash_deinit();
	free(l.taken);
	return calls;
}

uint64_t life_sweep(const struct life_sweep *sweep)
{
	struct life_air *air = life_air_new(sweep->shape);
	uint64_t first = 1, tried;
	if (sweep->last)
		first = life_run(air, sweep, UINT64_MAX, &tried) - sweep->last;
	life_run(air, sweep, first, &tried);
	life_air_free(air);
	return tried;
}
