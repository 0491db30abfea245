/* What headends do: two at once, one that restarts, one that takes an image off the air. */
#include "tests/lib/story.h"
#include "tests/lib/test.h"

static void test_story(void **state)
{
	story_play(*state);
}

int main(void)
{
	struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_story, (void *)(uintptr_t) "headends"),
		cmocka_unit_test_prestate(test_story, (void *)(uintptr_t) "restart"),
		cmocka_unit_test_prestate(test_story, (void *)(uintptr_t) "replaced"),
	};
	story_print_head();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
