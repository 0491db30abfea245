/* memory.h - where the libraries get memory: an allocator that the caller hands in. */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <stddef.h>

/* alloc returns NULL when it has nothing; free takes NULL. A NULL allocator means malloc and free. */
struct carousel_allocator {
	void *user;
	void *(*alloc)(void *user, size_t bytes);
	void (*free)(void *user, void *ptr);
};

/* NULL when there is no memory or count * size overflows. Zeroed. count and size may be 0 (then non-NULL). */
void *memory_alloc(const struct carousel_allocator *, size_t count, size_t size);
void memory_free(const struct carousel_allocator *, void *);
/* A NUL-terminated copy of len bytes. */
char *memory_copy_string(const struct carousel_allocator *, const char *, size_t len);

/* A vector that grows by doubling up to a limit: makes room for one more element of `size` bytes
 * in *array (capacity *cap, used count), 0, LIMIT or MEMORY. New elements are not initialised. */
int memory_grow(const struct carousel_allocator *, void **array, size_t *cap, size_t used, size_t size, size_t max);

#endif
