#include "tests/lib/fault_alloc.h"

#include "common/carousel_error.h"
#include "tests/lib/test.h"

struct fault_alloc {
	unsigned allowed, made;
	long live;
	int refused;
};

static void *fault_alloc_get(void *user, size_t bytes)
{
	struct fault_alloc *f = user;
	void *ptr;
	if (f->made >= f->allowed) {
		f->refused = 1;
		return NULL;
	}
	ptr = malloc(bytes);
	if (ptr) {
		f->made++;
		f->live++;
	}
	return ptr;
}

static void fault_alloc_put(void *user, void *ptr)
{
	struct fault_alloc *f = user;
	if (ptr)
		f->live--;
	free(ptr);
}

unsigned fault_alloc_all(int (*attempt)(const struct carousel_allocator *, void *user), void *user)
{
	for (unsigned allowed = 0;; allowed++) {
		struct fault_alloc f = {.allowed = allowed};
		const struct carousel_allocator allocator = {&f, fault_alloc_get, fault_alloc_put};
		int result = attempt(&allocator, user);
		assert_int_equal(f.live, 0);
		if (!f.refused) {
			assert_int_equal(result, 0);
			return f.made;
		}
		assert_int_equal(result, CAROUSEL_E_MEMORY);
	}
}
