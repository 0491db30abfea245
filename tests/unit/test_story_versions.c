/* What maps do while they change: a recall, and another version in the middle of a download. */
#include "tests/lib/story.h"
#include "tests/lib/test.h"

static void test_story(void **state)
{
	story_play(*state);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_story, (void *)(uintptr_t) "recall"),
		cmocka_unit_test_prestate(test_story, (void *)(uintptr_t) "map-change"),
	};
	story_print_head();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
