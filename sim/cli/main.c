#include "sim/cli/verbs.h"

static const struct cli_verb verbs[] = {
	{"run", "SCENARIO [OPTIONS]", "play the real cores packet by packet in virtual time", sim_run},
	{"fleet", "SCENARIO [OPTIONS]", "play millions of boxes by statistics and the real decisions", sim_fleet},
	{"merge", "REPORT... [OPTIONS]", "join the reports of shards", sim_merge},
	{"plan", "--rate RATE [OPTIONS] [NAME=]SIZE[,needed=SHARE][,weight=N][,demand=N]...",
		"how long until they all have it", sim_plan},
	{"compare", "[OPTIONS]", "plain carousel, Reed-Solomon and fountain on the same losses", sim_compare},
	{"fit", "TRACE [--json]", "a channel model for a recorded loss trace", sim_fit},
	{"impair", "--in ADDR --out ADDR [--loss P] [OPTIONS]", "relay a live group to another, losing packets by seed",
		sim_impair},
};

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		"carousel-sim", "answers before the satellite is booked", verbs, sizeof verbs / sizeof *verbs};
	return cli_main(&program, argc, argv);
}
