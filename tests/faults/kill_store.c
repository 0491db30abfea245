/* kill_store - SIGKILL again and again through a whole reception on files: how much of what was received is lost.
 *
 * usage: kill_store [DIRECTORY]     default: a new one under $TMPDIR
 *
 * A child receives an image at a steady rate, a tenth of it lost; every two seconds it is killed and started again, and
 * once in each kind of work: opening, decoding, putting into place, reading back. Fails when one percent of what the
 * store had taken, or more, is not there any more afterwards, or when the image does not arrive. */
#include "carousel-rx/daemon/storage_files.h"
#include "carousel-rx/store/store_internal.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_BYTES      (16u * 1024 * 1024 + 3000)
#define KILL_RATE       1800u /* symbols a second: 15 Mbit/s */
#define KILL_AFTER_NS   2000000000u
#define KILL_MOST_TIMES 60u
#define KILL_WAIT_US    200000u

/* Shared with the child. */
struct kill_state {
	uint64_t turn;  /* position in the stream: what passes while the box is down is not heard */
	uint64_t have;  /* useful symbols that the store had */
	uint64_t found; /* after the restart */
	int is_verified;
	int work; /* enum store_work + 1 while a job of that kind runs */
	unsigned killed_in[WORK_COMPACT + 2];
};

static uint64_t kill_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void kill_check(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "kill_store: %s: %s\n", what, carousel_strerror(result));
	_exit(1);
}

static struct store_progress kill_progress(const struct store *store)
{
	struct store_progress p;
	store_progress(store, &p);
	kill_check(p.error, "the store");
	return p;
}

static void kill_jobs(struct store *store, struct kill_state *state)
{
	struct carousel_job *job;
	while ((job = store_next_job(store, kill_now())) != NULL) {
		state->work = job == &store->work.job ? (int)store->work.kind + 1 : 0;
		job->run(job);
		/* However fast it was: what it did is there, what comes of it is not known yet. */
		if (state->work && state->killed_in[state->work] == 0)
			usleep(KILL_WAIT_US);
		state->work = 0;
		kill_check(job->done(job, kill_now()), "a job");
	}
}

/* Source symbols of all blocks in turn, then repair symbols without end. */
static void kill_hear(struct store_fixture *f, struct store *store, struct kill_state *state)
{
	uint8_t symbol[1024];
	uint64_t turn = state->turn++;
	uint32_t blocks = f->image.layout.oti.num_blocks, sbn = (uint32_t)(turn % blocks),
		 esi = (uint32_t)(turn / blocks);
	if (esi < store_fixture_source(f, sbn) && store_fixture_is_padding(f, sbn, esi))
		return;
	if (test_random(&turn) % 10 == 0)
		return; /* lost on the air */
	store_fixture_symbol(f, sbn, esi, symbol);
	(void)store_add(store, sbn, esi, symbol, sizeof(symbol), kill_now());
	state->have = kill_progress(store).symbols_have;
}

static void kill_child(struct store_fixture *f, struct kill_state *state, const char *dir)
{
	struct storage_files_config config = {.running = 0, .slot_bytes = KILL_BYTES, .state_dir = dir};
	struct store_config store_config = {0};
	struct carousel_rx_storage storage;
	struct storage_files files;
	struct store *store;
	char slots[2][512];
	uint64_t due;
	for (int i = 0; i < 2; i++) {
		snprintf(slots[i], sizeof(slots[i]), "%s/slot%d", dir, i);
		config.slots[i] = slots[i];
	}
	kill_check(storage_files_open(&files, &config, &storage), dir);
	store_config.storage = &storage;
	kill_check(store_new(&store, &store_config), "store_new");
	kill_check(store_begin(store, &f->image, kill_now()), "store_begin");
	kill_jobs(store, state);
	state->found = kill_progress(store).symbols_resumed;
	due = kill_now();
	while (kill_progress(store).phase == STORE_RECEIVING) {
		for (; due <= kill_now(); due += 1000000000u / KILL_RATE)
			kill_hear(f, store, state);
		kill_jobs(store, state);
		usleep(1000);
	}
	kill_check(store_verify(store), "store_verify");
	kill_jobs(store, state);
	state->is_verified = kill_progress(store).phase == STORE_VERIFIED;
	_exit(state->is_verified ? 0 : 1);
}

/* Runs a child until it ends or is killed. Returns whether it ended by itself. */
static int kill_once(struct store_fixture *f, struct kill_state *state, const char *dir)
{
	uint64_t until = kill_now() + KILL_AFTER_NS;
	int status;
	pid_t pid = fork();
	if (pid == 0)
		kill_child(f, state, dir);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int work = state->work;
		if (kill_now() < until && (work == 0 || state->killed_in[work])) {
			usleep(200);
			continue;
		}
		state->killed_in[work]++;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return 0;
	}
	return 1;
}

static int kill_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	static const struct store_fixture_shape shape = {FEC_RAPTORQ, 0, OBJECT_STRIPED, 1024, 2048, 0, KILL_BYTES, 5};
	struct kill_state *state =
		mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *tmp = getenv("TMPDIR");
	struct store_fixture fixture;
	uint64_t taken = 0, lost = 0, most = 0;
	static const char *const works[] = {[WORK_OPEN + 1] = "opening",
		[WORK_DECODE + 1] = "decoding",
		[WORK_COMMIT + 1] = "putting into place",
		[WORK_VERIFY + 1] = "reading back"};
	unsigned times = 0, missed = 0;
	char dir[512];
	if (state == MAP_FAILED)
		return 1;
	snprintf(dir, sizeof(dir), "%s/kill_store.XXXXXX", tmp ? tmp : "/tmp");
	if (argc > 1 ? mkdir(argv[1], 0755) != 0 && errno != EEXIST : mkdtemp(dir) == NULL)
		return 1;
	store_fixture_init(&fixture, &shape);
	while (!kill_once(&fixture, state, argc > 1 ? argv[1] : dir) && ++times < KILL_MOST_TIMES) {
		uint64_t had = state->have, loss;
		taken += had - (times == 1 ? 0 : most);
		/* What is lost shows when the next one opens. */
		state->found = UINT64_MAX;
		for (pid_t pid = 0; pid == 0 && state->found == UINT64_MAX;) {
			uint64_t turn = state->turn;
			pid = fork();
			if (pid == 0)
				kill_child(&fixture, state, argc > 1 ? argv[1] : dir);
			while (state->found == UINT64_MAX && waitpid(pid, NULL, WNOHANG) == 0)
				usleep(500);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			state->turn = turn;
		}
		loss = had > state->found ? had - state->found : 0;
		lost += loss;
		most = state->found;
	}
	store_fixture_deinit(&fixture);
	if (argc <= 1)
		nftw(dir, kill_remove, 8, FTW_DEPTH | FTW_PHYS);
	printf("killed %u times: %llu of %llu symbols lost (%.2f %%), image %s\n", times, (unsigned long long)lost,
		(unsigned long long)taken, taken ? 100.0 * (double)lost / (double)taken : 0.0,
		state->is_verified ? "verified" : "missing");
	for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
		if (works[i] == NULL)
			continue;
		printf("killed while %s: %u\n", works[i], state->killed_in[i]);
		missed += state->killed_in[i] == 0;
	}
	return state->is_verified && missed == 0 && times > 0 && lost * 100 < taken ? 0 : 1;
}
