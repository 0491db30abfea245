/* The story of damaged datagrams: the receiver's recovery from symbols that are not what was sent. */
#include "tests/lib/story.h"
#include "tests/lib/test.h"

static void test_story(void **state)
{
	story_play(*state);
}

int main(void)
{
	struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_story, (void *)(uintptr_t) "damaged")};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
