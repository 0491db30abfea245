#include "common/memory.h"

#include "common/carousel_error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *memory_alloc(const struct carousel_allocator *a, size_t count, size_t size)
{
	size_t bytes = count * size;
	void *ptr;
	if (size && count > SIZE_MAX / size)
		return NULL;
	if (bytes == 0)
		bytes = 1;
	if (a == NULL)
		return calloc(1, bytes);
	ptr = a->alloc(a->user, bytes);
	if (ptr)
		memset(ptr, 0, bytes);
	return ptr;
}

void memory_free(const struct carousel_allocator *a, void *ptr)
{
	if (a == NULL)
		free(ptr);
	else if (ptr)
		a->free(a->user, ptr);
}

char *memory_copy_string(const struct carousel_allocator *a, const char *text, size_t len)
{
	char *copy = len < SIZE_MAX ? memory_alloc(a, len + 1, 1) : NULL;
	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

int memory_grow(const struct carousel_allocator *a, void **array, size_t *cap, size_t used, size_t size, size_t max)
{
	size_t wanted;
	void *bigger;
	if (used < *cap)
		return 0;
	if (used >= max)
		return CAROUSEL_E_LIMIT;
	wanted = *cap ? *cap * 2 : 8;
	if (wanted > max)
		wanted = max;
	bigger = memory_alloc(a, wanted, size);
	if (bigger == NULL)
		return CAROUSEL_E_MEMORY;
	if (used)
		memcpy(bigger, *array, used * size);
	memory_free(a, *array);
	*array = bigger;
	*cap = wanted;
	return 0;
}
