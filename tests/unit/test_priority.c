/* covers: common/io/priority.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/io/priority.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct found {
	int result, policy, nice;
	long io;
};

static void look(struct found *f)
{
	f->policy = sched_getscheduler(0);
	f->nice = getpriority(PRIO_PROCESS, 0);
	f->io = syscall(SYS_ioprio_get, 1, 0);
}

static void *idle_thread(void *user)
{
	struct found *f = user;
	f->result = priority_set_idle();
	look(f);
	return NULL;
}

/* The thread that asks, and no other. */
static void test_one_thread(void **state)
{
	struct found before, other, after;
	pthread_t thread;
	(void)state;
	look(&before);
	assert_int_equal(pthread_create(&thread, NULL, idle_thread, &other), 0);
	pthread_join(thread, NULL);
	look(&after);
	assert_int_equal(other.result, 0);
	assert_int_equal(other.policy, SCHED_IDLE);
	assert_int_equal(other.io >> 13, 3);
	assert_int_equal(after.policy, before.policy);
	assert_int_equal(after.nice, before.nice);
	assert_int_equal(after.io, before.io);
	assert_int_not_equal(after.policy, SCHED_IDLE);
}

/* Nobody needs to be root for it; and asking twice is as good as once. */
static void test_without_privileges(void **state)
{
	int status;
	pid_t pid = fork();
	(void)state;
	if (pid == 0) {
		bool is_good = (getuid() != 0 || setuid(65534) == 0) && priority_set_idle() == 0 &&
			       priority_set_idle() == 0 && sched_getscheduler(0) == SCHED_IDLE;
		_exit(is_good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* From here on this process may not make the system call. */
static bool forbid(uint32_t number)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* A sandbox that refuses one half: told, and the other half is done. */
static void test_refused(void **state)
{
	static const uint32_t numbers[] = {SYS_ioprio_set, SYS_sched_setscheduler};
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			struct found f;
			if (!forbid(numbers[i]))
				_exit(2);
			f.result = priority_set_idle();
			look(&f);
			if (i == 0)
				_exit(f.result == CAROUSEL_E_PERMISSION && f.policy == SCHED_IDLE ? 0 : 1);
			/* Nice does instead. */
			_exit(f.result == 0 && f.policy == SCHED_OTHER && f.nice == 19 && f.io >> 13 == 3 ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_without_privileges),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
