/* Every story of sim/scenarios but those that have a test of their own: test_story_*.c. */
#include "tests/lib/story.h"
#include "tests/lib/test.h"

static void test_story(void **state)
{
	story_play(*state);
}

int main(void)
{
	static const char *const stories[] = {"killed", "late", "night", "no-code", "noise", "rain", "ramp", "real",
		"reed-solomon", "ships", "small-block", "users"};
	struct CMUnitTest tests[sizeof stories / sizeof stories[0]];
	for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++)
		tests[i] = (struct CMUnitTest){
			.name = stories[i], .test_func = test_story, .initial_state = (void *)(uintptr_t)stories[i]};
	story_print_head();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
