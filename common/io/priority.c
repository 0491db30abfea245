#include "common/io/priority.h"

#include "common/carousel_error.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/ioprio.h, which older kernel headers do not install. */
#define PRIORITY_IO_WHO_PROCESS 1
#define PRIORITY_IO_CLASS_IDLE  3
#define PRIORITY_IO_CLASS_SHIFT 13

static int priority_cpu(void)
{
	const struct sched_param param = {.sched_priority = 0};
	if (sched_setscheduler(0, SCHED_IDLE, &param) == 0)
		return 0;
	/* On Linux a nice value is a thread's own. */
	return setpriority(PRIO_PROCESS, 0, 19) == 0 ? 0 : CAROUSEL_E_PERMISSION;
}

static int priority_io(void)
{
	long result =
		syscall(SYS_ioprio_set, PRIORITY_IO_WHO_PROCESS, 0, PRIORITY_IO_CLASS_IDLE << PRIORITY_IO_CLASS_SHIFT);
	return result == 0 ? 0 : CAROUSEL_E_PERMISSION;
}

int priority_set_idle(void)
{
	const int cpu = priority_cpu(), io = priority_io();
	return cpu ? cpu : io;
}
