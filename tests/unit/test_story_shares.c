/* The story of three classes on one channel: whoever starves one of them breaks its bounds. */
#include "tests/lib/story.h"
#include "tests/lib/test.h"

static void test_classes(void **state)
{
	(void)state;
	story_play("classes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
