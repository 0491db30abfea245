/* story.h - plays a story of sim/scenarios, packet by packet and by the fleet model: both meet its bounds, and they
 * agree.
 *
 * Tolerance: at every moment the share of boxes that run a version, packet by packet, lies between what the model says
 * for 2 % and 20 s earlier and later, give or take one box; where users and trial boots decide by chance, three
 * standard deviations more. The model was not fitted to any of the stories. */
#ifndef TESTS_LIB_STORY_H
#define TESTS_LIB_STORY_H

/* name: without directory and ".ini". Run from the top of the tree. Fails the cmocka test. */
void story_play(const char *name);

#endif
