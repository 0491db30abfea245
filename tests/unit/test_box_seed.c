#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "policy-map/chunk_index.h"
#include "sim/box_seed.h"

#define MAP "carousel-map 1\nepoch 1\nserial 1\nissued 2026-11-21T00:00:00Z\nmap box * 105 105 105 120\n"
#define TEXT                                                                                                           \
	"[scenario]\nduration = 1m\n[transmitter]\nrate = 64k\n[map 1]\nfile = m\n"                                    \
	"[image own]\nclass = box\nversion = 90\nsize = 64K\n[image foreign]\nclass = else\nversion = 105\nsize = "    \
	"64K\n"                                                                                                        \
	"[image new]\nclass = box\nversion = 105\nsize = 403000\n"                                                     \
	"[group g]\nclass = box\nversion = 90\nhave = 30%\n[group none]\nclass = third\nversion = 1\nhave = 30%\n"

static int read_map(void *user, const char *name, size_t limit, char **text, size_t *len)
{
	(void)user;
	(void)name;
	(void)limit;
	*len = sizeof MAP - 1;
	*text = memory_copy_string(NULL, MAP, *len);
	return *text ? 0 : CAROUSEL_E_MEMORY;
}

struct fixture {
	struct scenario *scenario;
	struct headend *headend;
	struct box_storage storage;
};

static void fixture_init(struct fixture *f, enum headend_payload payload)
{
	const struct scenario_files files = {.read = read_map};
	assert_int_equal(scenario_parse(&f->scenario, NULL, TEXT, sizeof TEXT - 1, "a", NULL, &files), 0);
	assert_int_equal(headend_new(&f->headend, NULL, f->scenario, payload), 0);
	assert_int_equal(box_storage_init(&f->storage, NULL, 1 << 20, payload == HEADEND_BYTES), 0);
}

static void fixture_deinit(struct fixture *f)
{
	box_storage_deinit(&f->storage);
	headend_free(f->headend);
	scenario_free(f->scenario);
}

/* Bit for each chunk that the slot holds, of the bytes or by name. */
static void held(struct fixture *f, bool *chunks)
{
	const struct carousel_rx_storage *t = &f->storage.table;
	const struct headend_image *image = &f->headend->images[2];
	uint8_t data[CHUNK_INDEX_CHUNK_BYTES];
	for (uint64_t i = 0; i < chunk_index_chunks(image->len); i++) {
		if (image->bytes == NULL) {
			assert_int_equal(t->read(t->user, RX_SLOT_TARGET, 64 + i / 8, data, 1), 0);
			chunks[i] = data[0] >> i % 8 & 1;
		} else {
			const uint64_t at = i * sizeof data;
			const size_t len = image->len - at < sizeof data ? (size_t)(image->len - at) : sizeof data;
			assert_int_equal(t->read(t->user, RX_SLOT_TARGET, at, data, len), 0);
			chunks[i] = memcmp(data, image->bytes + at, len) == 0;
		}
	}
}

static void test_the_share_and_the_image(void **state)
{
	struct fixture names, bytes;
	bool a[99], b[99], c[99];
	unsigned count = 0, edges = 0;
	(void)state;
	fixture_init(&names, HEADEND_NAMES);
	fixture_init(&bytes, HEADEND_BYTES);
	const struct scenario_group *g = &names.scenario->groups[0];
	struct scenario_box first, other;
	scenario_box_of(g, 0, &first);
	scenario_box_of(g + 1, 0, &other);
	/* Of its class, and not what it runs. */
	assert_int_equal(box_seed_image(names.scenario, &first), 2);
	assert_int_equal(box_seed_image(names.scenario, &other), 3);
	assert_int_equal(chunk_index_chunks(names.headend->images[2].len), 99);
	assert_int_equal(box_seed(&names.storage, names.headend, &first, g->have, 5), 0);
	assert_int_equal(box_seed(&bytes.storage, bytes.headend, &first, g->have, 5), 0);
	held(&names, a);
	held(&bytes, b);
	assert_memory_equal(a, b, sizeof a);
	for (unsigned i = 0; i < 99; i++) {
		count += a[i];
		edges += a[i] != a[(i + 1) % 99];
	}
	assert_int_equal(count, 30);
	assert_int_equal(edges, 2);
	/* Another box has others. */
	assert_int_equal(box_seed(&names.storage, names.headend, &first, g->have, 6), 0);
	held(&names, c);
	assert_memory_not_equal(a, c, sizeof a);
	/* No image, no part of it. */
	assert_int_equal(box_seed(&names.storage, names.headend, &other, g[1].have, 7), 0);
	held(&names, a);
	assert_memory_equal(a, c, sizeof a);
	fixture_deinit(&names);
	fixture_deinit(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_share_and_the_image)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
