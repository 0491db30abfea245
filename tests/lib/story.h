/* story.h - plays a story of sim/scenarios, packet by packet and by the fleet model: both meet its bounds, and they
 * agree.
 *
 * Tolerance: at every moment the share of boxes that run a version, packet by packet, lies between what the model says
 * for 1.5 % and 10 s earlier and later, give or take one box. Where users, trial boots, a cyclic scheme (whose
 * completion times differ widely) or damage that no checksum finds decide by chance, the model is played with 200 times
 * as many boxes, and the shares may stray by Kolmogorov and Smirnov's distance for the boxes of the story at 99.9 %.
 * The model was not fitted to any of the stories.
 *
 * Prints the seconds at which 50, 99 and 99.9 % of those that come to a version have it: packet by packet, by the model
 * of 200 times as many boxes, and the difference in percent. The p99 of few boxes is their last: a draw, not a
 * quantile. */
#ifndef TESTS_LIB_STORY_H
#define TESTS_LIB_STORY_H

/* name: without directory and ".ini". Run from the top of the tree. Fails the cmocka test. */
void story_play(const char *name);
/* The head of the table. */
void story_print_head(void);

#endif
