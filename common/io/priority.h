/* priority.h - a thread that gives way to everybody else. */
#ifndef COMMON_IO_PRIORITY_H
#define COMMON_IO_PRIORITY_H

/* Puts the calling thread, and the programs that it starts, behind all others: SCHED_IDLE (sched(7)) and the idle I/O
 * class (ioprio_set(2); honoured by the bfq and mq-deadline schedulers). There may be no way back without CAP_SYS_NICE.
 * Where the kernel has no SCHED_IDLE to give, nice 19. 0, or PERMISSION: one of the two was refused; the other holds.
 */
int priority_set_idle(void);

#endif
