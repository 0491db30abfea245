/* fault_alloc.h - makes the n-th allocation fail, for all n. */
#ifndef TESTS_LIB_FAULT_ALLOC_H
#define TESTS_LIB_FAULT_ALLOC_H

#include "common/memory.h"

/* Runs `attempt` again and again with an allocator whose n-th allocation fails, n = 1, 2, ... until an attempt
 * makes no more allocations than are allowed. attempt returns 0 or a code; each run in which an allocation was refused
 * must return CAROUSEL_E_MEMORY, and nothing may stay allocated after any run (attempt frees what it made).
 * Returns the number of allocations of the run that went through; fails the cmocka test otherwise. */
unsigned fault_alloc_all(int (*attempt)(const struct carousel_allocator *, void *user), void *user);

#endif
