/* cut_fork.h - one run, cut short in many ways: each goes on in a child process of its own, so that what led to the cut
 * is done once. */
#ifndef TESTS_LIB_CUT_FORK_H
#define TESTS_LIB_CUT_FORK_H

#include <stdbool.h>

/* True in the child, which goes on from here to cut_fork_end(). False in the parent, when the child has come there:
 * otherwise the cmocka test fails; what the child said stands on stderr, and so does `what` it tried. */
bool cut_fork(const char *what);
/* The child's end, all well. */
void cut_fork_end(void);

#endif
